package preflight

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// A command that prints without end is held to what is kept, and neither its beginning nor its end is lost.
func TestMuchOutput(t *testing.T) {
	r := look(t, health("sh", "-c", "echo first; head -c 40000000 /dev/zero | tr '\\0' 'x' | fold -w 79; echo; echo last >&2; exit 2"))
	if r.Status != Failed || !r.LogCut || len(r.Log) > maxHead+maxTail+100 || !bytes.HasPrefix(r.Log, []byte("first\nxxx")) || !bytes.HasSuffix(r.Log, []byte("xx\nlast\n")) ||
		!strings.Contains(string(r.Log), " bytes left out …\n") || r.Detail != "ended with 2; last it said: last" {
		t.Errorf("%d bytes, %s", len(r.Log), r.Detail)
	}
}

func TestHeadTail(t *testing.T) {
	for _, n := range []int{0, 1, maxHead - 1, maxHead, maxHead + 1, maxHead + maxTail, maxHead + maxTail + 1, 10 * maxTail} {
		h := &headTail{}
		for left := n; left > 0; {
			take := min(left, 7001)
			_, _ = h.Write(bytes.Repeat([]byte("y"), take))
			left -= take
		}
		text, cut := h.text()
		if cut != (n > maxHead+maxTail) || !cut && len(text) != n || len(h.tail) > 2*maxTail {
			t.Errorf("%d: %d bytes, cut %v", n, len(text), cut)
		}
		if want := fmt.Sprintf("… %d bytes left out …", n-maxHead-maxTail); cut && !strings.Contains(string(text), want) {
			t.Errorf("%d: no %q", n, want)
		}
	}
	// What is cut is cut between words: half an address with a password is not known as one.
	h := &headTail{}
	_, _ = fmt.Fprintf(h, "%s postgres://ana:%s@db %s", strings.Repeat("a", maxHead-20), strings.Repeat("p", 40), strings.Repeat("b", maxTail-20))
	if text, cut := h.text(); !cut || bytes.Contains(text, []byte("pp")) {
		t.Errorf("%.40q", bytes.TrimLeft(text, "a"))
	}
}

func TestHarmless(t *testing.T) {
	t.Setenv("GIT_TOKEN", "correct-horse-battery")
	t.Setenv("SHORT_KEY", "abc")
	for in, want := range map[string]string{
		"plain\tline\n":                   "plain\tline\n",
		"\x1b[31mred\x1b[0m":              "red",
		"\x1b]0;title\x07":                `\x1b]0;title\x07`,
		"\x1b[2J\x1b[1;31m":               `\x1b[2J`,
		"10 %\r20 %\r\n":                  "10 %\n20 %\n",
		"caf\u00e9 \xff\xc3(":             `café \xff\xc3(`,
		"\u202egpj.exe\u2028\u0085\u200b": `\u202egpj.exe\u2028\u0085\u200b`,
		"\x00\x7f":                        `\x00\x7f`,
		"connect postgres://ana:pa55@db:5432/pay?x=1 said":  "connect postgres://•••@db:5432/pay?x=1 said",
		"https://:only@h https://user@h ssh://git@h:22/x@y": "https://•••@h https://user@h ssh://git@h:22/x@y",
		"I have correct-horse-battery, abc":                 "I have •••, abc",
	} {
		if got := string(harmless([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := clip(strings.Repeat("word \n", 1000)); len([]rune(got)) != maxDetail+1 || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
	if lastLine([]byte("a\n b \n\n \n")) != "b" || lastLine(nil) != "nothing" {
		t.Error("the last line")
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add([]byte("\x1b[31mx\r\n\xff\u202e"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := harmless(in)
		if !utf8.Valid(out) || bytes.ContainsAny(out, "\x1b\r\x00\x07\x9b") || !bytes.Equal(harmless(out), out) {
			t.Errorf("%q: %q", in, out)
		}
	})
}
