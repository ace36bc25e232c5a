package manifest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{"flask==1 \\\n  --hash=sha256:00\n# x \\\n", "flask (==1) ; python_version<'3'", "\xff\xfef\x00", "\xef\xbb\xbfflask==1\r\n", "flask[x]===1 --hash sha256:00 --ha='md5:11' # y",
		"a==1\n    # via flask\nflask==1", "fla\\\nsk==\\\r\n1", "flask==1,!=3\u2028b==1\fflask==1\\", "flask==1 --global-option=x --hash=sha256:00\\\n\\\n#"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var joined []byte
		for _, l := range read(decode(in).text) {
			joined = append(joined, l.raw...)
		}
		if !decode(in).cut && !bytes.Equal(joined, decode(in).text) {
			t.Fatalf("lines of %q are %q", in, joined)
		}
		move := report.Update{Package: "flask", From: "1", To: "2", Hashes: []string{aa}}
		add := report.Update{Package: "new", To: "3", Through: []string{"flask"}, Hashes: []string{aa, bb}}
		for _, updates := range [][]report.Update{nil, {move}, {add}, {move, add}} {
			s := one(string(in), updates...)
			out, err := Requirements{}.Apply(t.Context(), s)
			if err != nil {
				continue // said, and nothing is written
			}
			if len(updates) == 0 && len(out) > 0 {
				t.Fatalf("nothing to do changed %q to %q", in, out["r.txt"])
			}
			// What stands in the text already, in whatever form, is not what Apply is to be judged by.
			if err := (Requirements{}).Verify(t.Context(), s, out); err != nil && !bytes.Contains(bytes.ToLower(decode(in).text), []byte("new")) {
				t.Fatalf("%v\n%q\n%q", err, in, out["r.txt"])
			}
		}
	})
}

// generate makes a requirements file of everything pip knows, and updates of some of its pins.
func generate(r *rand.Rand) (text string, updates []report.Update) {
	end := []string{"\n", "\r\n", "\r"}[r.IntN(3)]
	if r.IntN(3) > 0 {
		end = "\n"
	}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	hashed := r.IntN(2) == 0
	var b strings.Builder
	for i := range 1 + r.IntN(12) {
		if r.IntN(3) == 0 {
			b.WriteString(pick("# a comment \\", "", "   ", "--no-binary :all:", "-r other.txt", "-c c.txt", "--extra-index-url https://${USER}:${PASS}@host/simple", "free>=1,<2", "x @ https://${T}@h/x-1.zip", "-e git+https://h/x#egg=x", "\t# tab") + end)
		}
		name, version := fmt.Sprintf("p%d", i), fmt.Sprintf("%d.%d", r.IntN(3), r.IntN(3))
		b.WriteString(pick("", "", " ", "\t") + pick(name, strings.ToUpper(name)) + pick("", "[x]", "[x, y-z]") + pick("==", "==", " == ", "===", " \\"+end+"== ") + version)
		marker := pick("", "", "; python_version >= '3.8'", " ; sys_platform == 'win32'", ";extra == 'x'")
		b.WriteString(marker)
		if hashed {
			for range 1 + r.IntN(3) {
				b.WriteString(pick(" \\"+end+"    ", " ", " \\"+end+"\t ") + pick("--hash=", "--hash ") + pick("sha256:", "sha512:", "md5:") + strings.Repeat("0f", 16))
			}
			b.WriteString(pick("", "", " --global-option=x"))
		}
		b.WriteString(pick("", "", "  # why "+name+"=="+version, " # --hash=sha256:00"))
		b.WriteString(end + pick("", "    # via other"+end, "    # via"+end+"    #   a"+end+"    #   b"+end))
		if r.IntN(2) == 0 && (marker == "" || strings.Contains(marker, "3.8")) {
			updates = append(updates, report.Update{Package: name, From: version, To: "9." + fmt.Sprint(i), Hashes: []string{aa, bb}[:1+r.IntN(2)]})
		}
	}
	text = b.String()
	if r.IntN(3) == 0 {
		text = strings.TrimRight(text, "\r\n")
	}
	if r.IntN(4) == 0 {
		updates = append(updates, report.Update{Package: pick("a-first", "p5x", "zz"), To: "1", Through: []string{"p0", "p1"}[:r.IntN(3)], Hashes: []string{aa}})
	}
	switch r.IntN(6) {
	case 0:
		text = "\xef\xbb\xbf" + text
	case 1:
		text = utf16le(text)
	}
	return text, updates
}

// Whatever the file looks like, only versions, hashes and added lines change, and Verify agrees.
func TestOnlyVersionsAndHashesChange(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 4))
		text, updates := generate(r)
		s := one(text, updates...)
		out, err := Rewrite(t.Context(), s, Formats())
		if err != nil {
			t.Fatalf("seed %d: %v\n%q\n%+v", seed, err, text, updates)
		}
		if len(updates) == 0 {
			if len(out) > 0 {
				t.Fatalf("seed %d: nothing to do changed the file", seed)
			}
			continue
		}
		// Taking back what each update did, by plain replacement of text, gives the file as it was.
		got := string(decode(out["r.txt"]).text)
		was := string(decode([]byte(text)).text)
		for _, u := range updates {
			if u.From == "" {
				i := strings.Index(got, u.Package+"=="+u.To)
				block := styleOf(read([]byte(was))).block(u)
				got = got[:i] + strings.TrimPrefix(strings.TrimPrefix(got[i:], block), strings.TrimRight(block, "\r\n"))
				continue
			}
			got = strings.Replace(got, u.To, u.From, 1)
		}
		if a, b := bare(got), bare(was); a != b {
			t.Fatalf("seed %d:\n%q\n%q", seed, b, a)
		}
	}
}

// bare drops every hash and what leads to it.
func bare(text string) string {
	var b strings.Builder
	for _, l := range read([]byte(text)) {
		at := 0
		for _, h := range l.hashes {
			b.Write(l.raw[at:h.at.from])
			at = h.at.to
		}
		b.Write(l.raw[at:])
	}
	return strings.TrimRight(b.String(), "\r\n")
}

// A source that holds a package twice, and updates of packages no file names.
func TestUpdatesWithoutAFile(t *testing.T) {
	s := one("flask==1\n", report.Update{Package: "flask", From: "1", To: "2", Source: "site-packages"})
	s.Inventory.Packages[0].Scope = "environment:x"
	s.Inventory.Files = []inventory.File{{Path: "r.txt"}}
	if got := rewritten(t, s); got != "flask==1\n" {
		t.Errorf("what is installed elsewhere changed the file: %q", got)
	}
}
