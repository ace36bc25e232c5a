package planner

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

func TestRewriteKeepsEverythingElse(t *testing.T) {
	update := map[string][]report.Update{"flask-login": {{Package: "flask-login", From: "0.6.1", To: "0.6.3", Source: "r.txt", Hashes: []string{"sha256:aa", "sha256:bb"}}}}
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "flask-login==0.6.1\n", "flask-login==0.6.3\n"},
		{"no line end", "flask-login==0.6.1", "flask-login==0.6.3"},
		{"windows", "a==1\r\nflask-login==0.6.1\r\n\r\n", "a==1\r\nflask-login==0.6.3\r\n\r\n"},
		{"name written another way", "Flask_Login==0.6.1", "Flask_Login==0.6.3"},
		{"spaces and comment", "  flask-login == 0.6.1   # keep ==0.6.1\n", "  flask-login == 0.6.3   # keep ==0.6.1\n"},
		{"extras and marker", "flask-login[a, b]==0.6.1 ; python_version >= '3.8'\n", "flask-login[a, b]==0.6.3 ; python_version >= '3.8'\n"},
		{"marker without spaces", "flask-login==0.6.1;sys_platform=='linux'\n", "flask-login==0.6.3;sys_platform=='linux'\n"},
		{"marker that excludes the target", "flask-login==0.6.1 ; python_version < '3' # old\n", "flask-login==0.6.1 ; python_version < '3' # old\n"},
		{"parentheses", "flask-login (==0.6.1)\n", "flask-login (==0.6.3)\n"},
		{"the same version written longer", "flask-login==0.6.1.0\n", "flask-login==0.6.3\n"},
		{"arbitrary equality", "flask-login===0.6.1\n", "flask-login===0.6.3\n"},
		{"byte order mark", "\xef\xbb\xbfflask-login==0.6.1\n", "\xef\xbb\xbfflask-login==0.6.3\n"},
		{"another version", "flask-login==0.6.2\n", "flask-login==0.6.2\n"},
		{"another package", "flask-login2==0.6.1\nxflask-login==0.6.1\n", "flask-login2==0.6.1\nxflask-login==0.6.1\n"},
		{"a range", "flask-login==0.6.1,!=0.7\nflask-login>=0.6.1\n", "flask-login==0.6.1,!=0.7\nflask-login>=0.6.1\n"},
		{"a comment", "# flask-login==0.6.1 \\\nflask-login==0.6.1\n", "# flask-login==0.6.1 \\\nflask-login==0.6.3\n"},
		{"an option", "-c flask-login==0.6.1\n--index-url https://x/flask-login==0.6.1\n", "-c flask-login==0.6.1\n--index-url https://x/flask-login==0.6.1\n"},
		{"continued", "flask-login \\\n  == \\\n  0.6.1\n", "flask-login \\\n  == \\\n  0.6.3\n"},
		{"hashes on a line", "flask-login==0.6.1 --hash=sha256:00 --hash=md5:11 # via x\n", "flask-login==0.6.3 --hash=sha256:aa --hash=sha256:bb # via x\n"},
		{"hashes over lines, one becomes two", "flask-login==0.6.1 \\\n    --hash=sha256:00\n    # via x\n", "flask-login==0.6.3 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via x\n"},
		{"marker before hashes", "flask-login==0.6.1 ; python_version < '3' \\\n    --hash=sha256:00\n", "flask-login==0.6.1 ; python_version < '3' \\\n    --hash=sha256:00\n"},
		{"bytes that are no text", "# \xff\xfe\nflask-login==0.6.1\n", "# \xff\xfe\nflask-login==0.6.3\n"},
		{"carriage returns only", "a==1\rflask-login==0.6.1\r", "a==1\rflask-login==0.6.3\r"},
		{"utf-16", utf16le("a==1\r\nflask-login==0.6.1 # \u00e9\U0001f600\r\n"), utf16le("a==1\r\nflask-login==0.6.3 # \u00e9\U0001f600\r\n")},
		{"hash after a word", "flask-login==0.6.1#egg\n", "flask-login==0.6.3#egg\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := rewrite([]byte(tc.in), update, pep508.Environment{Python: "3.11", Platform: "linux"}, func(report.Update) {})
			if string(got) != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func utf16le(s string) string {
	return string(encodeUTF16([]byte(s), []byte("\xff\xfe"), binary.LittleEndian))
}

func TestConstraintsFileMoves(t *testing.T) {
	w := paymentsWorld(t, Config{})
	inv := w.inventoryOf(map[string]string{"requirements.txt": "-c constraints.txt\nflask\nlib==1.0\n", "constraints.txt": "flask==2.2.2 # shared\nlib==1.0\n"})
	for i := range inv.Packages {
		if inv.Packages[i].Package == "flask" {
			inv.Packages[i].Version, inv.Packages[i].Pin = "2.2.2", "exact"
		}
	}
	w.plan(w.scanInventory(inv))
	dir := t.TempDir()
	w.write(dir)
	if got := text(t, dir, "updated", "constraints.txt"); got != "flask==2.2.5 # shared\nlib==1.1\n" {
		t.Errorf("constraints.txt:\n%s", got)
	}
	if got := text(t, dir, "updated", "requirements.txt"); got != "-c constraints.txt\nflask\nlib==1.1\n" {
		t.Errorf("requirements.txt:\n%s", got)
	}
}

// A constraint moves only within what the requirement it pins allows.
func TestConstraintWithinItsRequirement(t *testing.T) {
	for specifier, want := range map[string]string{">=2,<2.3": "framework flask 2.2.2>2.2.5", ">=2,<2.2.4": "", "": "framework flask 2.2.2>2.2.5"} {
		w := paymentsWorld(t, Config{})
		inv := w.inventoryOf(map[string]string{"requirements.txt": "flask" + specifier + "\n", "constraints.txt": "flask==2.2.2\n"})
		inv.Packages[0].Version, inv.Packages[0].Pin = "2.2.2", "exact"
		w.plan(w.scanInventory(inv))
		p := w.document()
		if got := moves(p); got != want {
			t.Errorf("flask%s: %s", specifier, got)
		}
		if o := outcome(t, p, "CVE-F"); want == "" && (o.Outcome != report.Blocked || o.Chain[0] != "requirements.txt requires flask>=2,<2.2.4") {
			t.Errorf("%+v", o)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add([]byte("flask==1 \\\r\n  --hash=sha256:00\n# x \\\n"))
	f.Add([]byte("flask (==1) ; python_version<'3'"))
	f.Fuzz(func(t *testing.T, in []byte) {
		none := rewrite(in, nil, pep508.Environment{}, func(report.Update) { t.Error("moved") })
		if utf16Order(in) != nil && !utf8.Valid(decodeUTF16(in[2:], utf16Order(in))) {
			return
		}
		if !bytes.Equal(none, in) {
			t.Fatalf("nothing to do changed %q to %q", in, none)
		}
		n := 0
		out := rewrite(in, map[string][]report.Update{"flask": {{Package: "flask", From: "1", To: "2", Hashes: []string{"sha256:aa"}}}}, pep508.Environment{}, func(report.Update) { n++ })
		if n == 0 && !bytes.Equal(in, out) {
			t.Fatalf("changed without saying so: %q to %q", in, out)
		}
		if strings.Count(string(in), "\n") == 0 && strings.Count(string(out), "\n") != 0 {
			t.Fatalf("lines came out of nowhere: %q to %q", in, out)
		}
	})
}
