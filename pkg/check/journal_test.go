package check

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Whatever sizes it is written in, the log is all of it, or its beginning and its end.
func TestJournal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const logHead, logTail = 2 << 10, 5 << 10
		j := journal{first: logHead, last: logTail}
		var all []byte
		for i := range rapid.IntRange(0, 12).Draw(t, "writes") {
			n := rapid.SampledFrom([]int{0, 1, 100, logHead - 1, logHead, logHead + 1, logTail - 7, logTail, logTail + 1, 2 * logTail}).Draw(t, "size")
			p := bytes.Repeat([]byte{byte('a' + i)}, n)
			if n > 20 {
				copy(p, fmt.Sprintf("<%d>", i))
				copy(p[n-5:], fmt.Sprintf("</%d>", i))
			}
			if wrote, err := j.Write(p); err != nil || wrote != n {
				t.Fatal(wrote, err)
			}
			all = append(all, p...)
		}
		got, cut := j.text()
		if len(all) <= logHead+logTail {
			if cut || !bytes.Equal(got, all) {
				t.Fatalf("%d of %d bytes, cut %v", len(got), len(all), cut)
			}
			return
		}
		note := fmt.Sprintf("\n[drydock: %d bytes of %d are missing here; the first 2 KiB and the last 5 KiB are kept]\n", len(all)-logHead-logTail, len(all))
		if want := string(all[:logHead]) + note + string(all[len(all)-logTail:]); !cut || string(got) != want {
			t.Fatalf("%d bytes, want %d", len(got), len(want))
		}
	})
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 漢 👩‍🚀\n\tx":              "plain ü 漢 👩‍🚀\n\tx",
		"\x1b[1;31mred\x1b[0m":            "red",
		"\x1b[2J\x1b[Hgone":               "gone",
		"\x1b]0;title\x07":                "?]0;title?",
		"\x1b]52;c;aGk=\x1b\\":            "?]52;c;aGk=?\\",
		"\x1bc\x1b[":                      "?c?[",
		"\x1b[" + strings.Repeat("1", 50): "?[" + strings.Repeat("1", 50),
		"10%\r20%\r\n":                    "10%\n20%\n",
		"a\rb\r":                          "a\nb\n",
		"\u009b31m\u0085":                 "?31m?",
		"\u202etxt.exe\u2066\u2028\ufeff": "?txt.exe???",
		"\x00\x7f\b\xff\xc3":              "?????",
		"\xef\xbf\xbd":                    "\ufffd",
	} {
		if got := string(harmless([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add([]byte("\x1b[31m\x1b\x1b[[m\xc2\x9b\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := harmless(in)
		if len(out) > len(in) || !utf8.Valid(out) || !bytes.Equal(harmless(out), out) {
			t.Fatalf("%q: %q", in, out)
		}
		for _, r := range string(out) {
			if mischievous(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q: %q", in, out)
			}
		}
		if s := word(string(in), 40); len(s) > 40 || !utf8.ValidString(s) || strings.ContainsFunc(s, mischievous) {
			t.Fatalf("%q: %q", in, s)
		}
	})
}

func TestLogsSayNothingOfTheHost(t *testing.T) {
	w := told{Places: map[string]string{"/app": "/srv/drydock/artifacts/ab12", "/copy": "/tmp/drydock-dock-1/0", "/tmp": "/tmp", "/dock": "../x", "/report": "/"}}
	if got := string(w.inside([]byte("/srv/drydock/artifacts/ab12/src/a.py /tmp/drydock-dock-1/0/src /tmp/x / ../x"))); got != "/app/src/a.py /copy/src /tmp/x / ../x" {
		t.Error(got)
	}
	if got := string(told{}.inside([]byte("as it is"))); got != "as it is" {
		t.Error(got)
	}
}
