package manifest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

const (
	aa = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	bb = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// one is a set of one file, r.txt, that holds the packages of its updates.
func one(text string, updates ...report.Update) Set {
	s := Set{Files: map[string][]byte{"r.txt": []byte(text)}, Inventory: &inventory.Inventory{Sources: []inventory.Source{{Path: "r.txt", Kind: "requirements"}}}, Updates: updates, Env: linux}
	for i := range s.Updates {
		u := &s.Updates[i]
		if u.Source == "" {
			u.Source = "r.txt"
		}
		if u.From != "" {
			s.Inventory.Packages = append(s.Inventory.Packages, inventory.Package{Package: u.Package, Version: u.From, Pin: inventory.Exact, Source: u.Source, Scope: "repository:r.txt"})
		}
	}
	return s
}

// rewritten is r.txt after Rewrite.
func rewritten(t *testing.T, s Set) string {
	t.Helper()
	out, err := Rewrite(t.Context(), s, Formats())
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := out["r.txt"]; ok {
		return string(text)
	}
	return string(s.Files["r.txt"])
}

func utf16le(s string) string {
	return string(toUTF16([]byte("\xff\xfe"), []byte(s), binary.LittleEndian))
}

func TestPinsMove(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "flask-login==0.6.1\n", "flask-login==0.6.3\n"},
		{"no line end", "flask-login==0.6.1", "flask-login==0.6.3"},
		{"windows", "a==1\r\nflask-login==0.6.1\r\n\r\n", "a==1\r\nflask-login==0.6.3\r\n\r\n"},
		{"name written another way", "Flask_Login==0.6.1", "Flask_Login==0.6.3"},
		{"spaces and comment", "  flask-login == 0.6.1   # keep ==0.6.1\n", "  flask-login == 0.6.3   # keep ==0.6.1\n"},
		{"tabs", "\tflask-login\t==\t0.6.1\t# x\n", "\tflask-login\t==\t0.6.3\t# x\n"},
		{"extras and marker", "flask-login[a, b]==0.6.1 ; python_version >= '3.8'\n", "flask-login[a, b]==0.6.3 ; python_version >= '3.8'\n"},
		{"marker without spaces", "flask-login==0.6.1;sys_platform=='linux'\n", "flask-login==0.6.3;sys_platform=='linux'\n"},
		{"parentheses", "flask-login (==0.6.1)\n", "flask-login (==0.6.3)\n"},
		{"parentheses and marker", "flask-login ( ==0.6.1 ) ; os_name == 'posix'\n", "flask-login ( ==0.6.3 ) ; os_name == 'posix'\n"},
		{"the same version written longer", "flask-login==0.6.1.0\n", "flask-login==0.6.3\n"},
		{"arbitrary equality", "flask-login===0.6.1\n", "flask-login===0.6.3\n"},
		{"another clause that allows it", "flask-login==0.6.1,!=0.6.2\n", "flask-login==0.6.3,!=0.6.2\n"},
		{"byte order mark", "\xef\xbb\xbfflask-login==0.6.1\n", "\xef\xbb\xbfflask-login==0.6.3\n"},
		{"other pins", "flask-login==0.6.2 ; sys_platform == 'win32'\nflask-login2==0.6.1\nxflask-login==0.6.1\nflask-login==0.6.1", "flask-login==0.6.2 ; sys_platform == 'win32'\nflask-login2==0.6.1\nxflask-login==0.6.1\nflask-login==0.6.3"},
		{"a marker that excludes the target", "flask-login==0.6.1 ; python_version < '3' # old\nflask-login==0.6.1", "flask-login==0.6.1 ; python_version < '3' # old\nflask-login==0.6.3"},
		{"twice", "flask-login==0.6.1\nflask-login[x]==0.6.1\n", "flask-login==0.6.3\nflask-login[x]==0.6.3\n"},
		{"ranges beside", "flask-login>=0.6.1\nflask-login==0.6.*\nflask-login\nflask-login==0.6.1\n", "flask-login>=0.6.1\nflask-login==0.6.*\nflask-login\nflask-login==0.6.3\n"},
		{"a comment", "# flask-login==0.6.1 \\\nflask-login==0.6.1\n", "# flask-login==0.6.1 \\\nflask-login==0.6.3\n"},
		{"options", "-c flask-login==0.6.1\n--index-url https://${U}:${P}@x/flask-login==0.6.1\n--no-binary flask-login\nflask-login==0.6.1\n", "-c flask-login==0.6.1\n--index-url https://${U}:${P}@x/flask-login==0.6.1\n--no-binary flask-login\nflask-login==0.6.3\n"},
		{"what comes by address", "flask-login @ https://${TOKEN}@host/flask_login-0.6.1.zip\ngit+https://host/flask-login==0.6.1\n-e ./flask-login==0.6.1\nflask-login==0.6.1\n",
			"flask-login @ https://${TOKEN}@host/flask_login-0.6.1.zip\ngit+https://host/flask-login==0.6.1\n-e ./flask-login==0.6.1\nflask-login==0.6.3\n"},
		{"continued", "flask-login \\\n  == \\\n  0.6.1\n", "flask-login \\\n  == \\\n  0.6.3\n"},
		{"continued inside the version", "flask-login==0.\\\n6.1 # x\n", "flask-login==0.6.3 # x\n"},
		{"continued at the end of the file", "flask-login==0.6.1 \\", "flask-login==0.6.3 \\"},
		{"a comment ends a continued line", "flask-login==0.6.1 \\\n  # why\nb==1\n", "flask-login==0.6.3 \\\n  # why\nb==1\n"},
		{"bytes that are no text", "# \xff\xfe\nflask-login==0.6.1\n", "# \xff\xfe\nflask-login==0.6.3\n"},
		{"carriage returns only", "a==1\rflask-login==0.6.1\r", "a==1\rflask-login==0.6.3\r"},
		{"utf-16", utf16le("a==1\r\nflask-login==0.6.1 # \u00e9\U0001f600\r\n"), utf16le("a==1\r\nflask-login==0.6.3 # \u00e9\U0001f600\r\n")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := rewritten(t, one(tc.in, report.Update{Package: "flask-login", From: "0.6.1", To: "0.6.3"})); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestHashesMove(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"on a line", "flask==1 --hash=sha256:00 --hash=md5:11 # via x\n", "flask==2 --hash=" + aa + " --hash=" + bb + " # via x\n"},
		{"over lines, one becomes two", "flask==1 \\\n    --hash=sha256:00\n    # via x\n", "flask==2 \\\n    --hash=" + aa + " \\\n    --hash=" + bb + "\n    # via x\n"},
		{"over lines, three become two", "flask==1 \\\r\n\t--hash=sha256:00 \\\r\n\t--hash=sha256:01 \\\r\n\t--hash=sha256:02\r\n", "flask==2 \\\r\n\t--hash=" + aa + " \\\r\n\t--hash=" + bb + "\r\n"},
		{"the first on the line of the pin", "flask==1 --hash=sha256:00 \\\n  --hash=sha256:01\n", "flask==2 --hash=" + aa + " \\\n  --hash=" + bb + "\n"},
		{"other algorithms", "flask==1 --hash=sha512:00 --hash=md5:11\n", "flask==2 --hash=" + aa + " --hash=" + bb + "\n"},
		{"split from its value", "flask==1 --hash sha256:00\n", "flask==2 --hash " + aa + " --hash " + bb + "\n"},
		{"shortened and quoted", "flask==1 --ha=\"sha256:00\"\n", "flask==2 --hash=" + aa + " --hash=" + bb + "\n"},
		{"options between", "flask==1 --hash=sha256:00 --global-option=\"x\" --hash=sha256:01 --config-settings=y\n", "flask==2 --hash=" + aa + " --hash=" + bb + " --global-option=\"x\" --config-settings=y\n"},
		{"marker before them", "flask==1 ; python_version > '3' \\\n    --hash=sha256:00\n", "flask==2 ; python_version > '3' \\\n    --hash=" + aa + " \\\n    --hash=" + bb + "\n"},
		{"in a comment", "flask==1 --hash=sha256:00 # not --hash=sha256:11\n", "flask==2 --hash=" + aa + " --hash=" + bb + " # not --hash=sha256:11\n"},
		{"none", "flask==1\n", "flask==2\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := rewritten(t, one(tc.in, report.Update{Package: "flask", From: "1", To: "2", Hashes: []string{aa, bb}})); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	flask := report.Update{Package: "flask", From: "1", To: "2"}
	for _, tc := range []struct {
		name, in string
		update   report.Update
		says     string
	}{
		{"no such pin", "flask==3\n", flask, "write r.txt back: no pin flask==1 found in it; the file is left as it is and nothing was written"},
		{"hashes are missing", "x==1\nflask==1 --hash=sha256:00\n", flask, "r.txt:2 carries hashes, and flask 2 comes without"},
		{"a hash that is none", "flask==1 --hash=sha256:00zz\n", report.Update{Package: "flask", From: "1", To: "2", Hashes: []string{aa}}, "r.txt:1 has a --hash that can't be read; want ALGORITHM:HEX"},
		{"a clause forbids it", "flask==1,<2\n", flask, "r.txt:1 asks for flask<2 too, which 2 is not"},
		{"an added pin without hashes", "flask==3 --hash=sha256:00\n", report.Update{Package: "new", To: "1"}, "its requirements carry hashes, and new 1 comes without"},
		{"broken utf-16", "\xff\xfef\x00=\x00=\x001\x00\n\x00#\x00\x00\xd8\n\x00", report.Update{Package: "f", From: "1", To: "2"}, "it holds characters that are not UTF-16"},
		{"a cut utf-16", "\xff\xfef", report.Update{Package: "f", To: "2"}, "it is cut in the middle of a UTF-16 character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := Rewrite(t.Context(), one(tc.in, tc.update), Formats())
			if err == nil || !strings.Contains(err.Error(), tc.says) || out != nil {
				t.Errorf("%v, want %q", err, tc.says)
			}
		})
	}
	s := one("flask==1\n", flask)
	s.Inventory.Sources[0].Kind = "lock"
	if _, err := Rewrite(t.Context(), s, Formats()); err == nil || !strings.Contains(err.Error(), `no format writes files of kind "lock"`) {
		t.Errorf("a lock file: %v", err)
	}
	s.Files = nil
	if out, err := Rewrite(t.Context(), s, Formats()); err != nil || len(out) != 0 {
		t.Errorf("a source without a file: %v %v", out, err)
	}
}

// limited is an application of two environments, one with a constraints file and a compiled file.
func limited(files map[string]string, updates ...report.Update) Set {
	s := Set{Files: map[string][]byte{}, Inventory: found([]string{"requirements.txt", "flask 1", "lib 1"}, []string{"b/requirements.txt", "flask 1"}), Updates: updates, Env: linux}
	s.Inventory.Files = []inventory.File{{Path: "requirements.txt"}, {Path: "b/requirements.txt"}, {Path: "constraints.txt", Kind: inventory.Constraints, Scopes: []string{"repository:requirements.txt"}},
		{Path: "requirements.in", Kind: inventory.Input, Scopes: []string{"repository:requirements.txt"}}}
	for name, text := range files {
		s.Files[name] = []byte(text)
	}
	return s
}

func TestWhatLimitsAPinMovesWithIt(t *testing.T) {
	a := report.Update{Package: "flask", From: "1", To: "2", Source: "requirements.txt"}
	b := report.Update{Package: "flask", From: "1", To: "2", Source: "b/requirements.txt"}
	for _, tc := range []struct {
		name    string
		files   map[string]string
		updates []report.Update
		want    map[string]string
		says    string
	}{
		{"a constraint", map[string]string{"requirements.txt": "flask==1\n", "constraints.txt": "flask==1 # all\nlib<2\n"}, []report.Update{a}, map[string]string{"requirements.txt": "flask==2\n", "constraints.txt": "flask==2 # all\nlib<2\n"}, ""},
		{"only a constraint pins it", map[string]string{"requirements.txt": "flask\n", "constraints.txt": "flask==1\n"}, []report.Update{a}, map[string]string{"constraints.txt": "flask==2\n"}, ""},
		{"another version there", map[string]string{"requirements.txt": "flask==1\n", "constraints.txt": "flask==0.9\n"}, []report.Update{a}, map[string]string{"requirements.txt": "flask==2\n"}, ""},
		{"of another environment", map[string]string{"b/requirements.txt": "flask==1\n", "constraints.txt": "flask==1\n", "requirements.in": "flask==1\n"}, []report.Update{b}, map[string]string{"b/requirements.txt": "flask==2\n"}, ""},
		{"a pin in the .in file", map[string]string{"requirements.txt": "flask==1\n", "requirements.in": "# mine\nflask[x]==1 # why\nlib>=1\n"}, []report.Update{a}, map[string]string{"requirements.txt": "flask==2\n", "requirements.in": "# mine\nflask[x]==2 # why\nlib>=1\n"}, ""},
		{"one that is behind", map[string]string{"requirements.txt": "flask==1\n", "requirements.in": "flask==0.9\n"}, []report.Update{a}, map[string]string{"requirements.txt": "flask==2\n", "requirements.in": "flask==2\n"}, ""},
		{"a range in it", map[string]string{"requirements.txt": "flask==1\n", "requirements.in": "flask>=1\n"}, []report.Update{a}, map[string]string{"requirements.txt": "flask==2\n"}, ""},
		{"the .in file alone fulfils nothing", map[string]string{"requirements.txt": "other==1\n", "requirements.in": "flask==1\n"}, []report.Update{a}, nil, "no pin flask==1 found in it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := Rewrite(t.Context(), limited(tc.files, tc.updates...), Formats())
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Fatalf("%v, want %q", err, tc.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tc.want {
				if string(out[name]) != want {
					t.Errorf("%s: %q, want %q", name, out[name], want)
				}
			}
			if len(out) != len(tc.want) {
				t.Errorf("changed %q", out)
			}
		})
	}
}

func TestAConstraintForTwoEnvironments(t *testing.T) {
	a := report.Update{Package: "flask", From: "1", To: "2", Source: "requirements.txt"}
	b := report.Update{Package: "flask", From: "1", To: "3", Source: "b/requirements.txt"}
	s := limited(map[string]string{"requirements.txt": "flask\n", "b/requirements.txt": "flask\n", "constraints.txt": "flask==1\n"}, a, b)
	s.Inventory.Files[2].Scopes = []string{"repository:b/requirements.txt", "repository:requirements.txt"}
	if _, err := Rewrite(t.Context(), s, Formats()); err == nil || !strings.Contains(err.Error(), "constraints.txt:1 pins flask 1 for what is to move to 2 and to 3") {
		t.Errorf("%v", err)
	}
	s.Updates[1].To = "2"
	if out, err := Rewrite(t.Context(), s, Formats()); err != nil || string(out["constraints.txt"]) != "flask==2\n" {
		t.Errorf("%q %v", out, err)
	}
}

func TestTouched(t *testing.T) {
	s := limited(nil)
	names := func(updates ...report.Update) string {
		var out []string
		for _, f := range Touched(s.Inventory, updates) {
			out = append(out, f.Path)
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "" {
		t.Errorf("nothing to do: %s", got)
	}
	if got := names(report.Update{Package: "flask", Source: "b/requirements.txt"}); got != "b/requirements.txt" {
		t.Errorf("b: %s", got)
	}
	if got := names(report.Update{Package: "flask", Source: "requirements.txt"}); got != "requirements.txt constraints.txt requirements.in" {
		t.Errorf("the first: %s", got)
	}
	s.Inventory.Files = append(s.Inventory.Files, inventory.File{Path: "old.txt"})
	if got := names(report.Update{Package: "flask", Source: "b/requirements.txt"}); got != "b/requirements.txt old.txt" {
		t.Errorf("with one that does not say what it limits: %s", got)
	}
}

// What only a constraints file pins moves there.
func TestAPinOfAConstraintsFile(t *testing.T) {
	s := limited(map[string]string{"requirements.txt": "flask==1\n", "constraints.txt": "flask==1\nw==1\n"}, report.Update{Package: "w", From: "1", To: "2", Source: "constraints.txt"})
	if names := Touched(s.Inventory, s.Updates); len(names) != 1 || names[0].Path != "constraints.txt" {
		t.Errorf("touched %+v", names)
	}
	if out, err := Rewrite(t.Context(), s, Formats()); err != nil || len(out) != 1 || string(out["constraints.txt"]) != "flask==1\nw==2\n" {
		t.Errorf("%q %v", out, err)
	}
}

func BenchmarkRewrite(b *testing.B) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "package-%03d==1.0", i)
		for range 20 {
			text.WriteString(" \\\n    --hash=" + aa)
		}
		text.WriteString("\n    # via\n    #   flask\n")
	}
	s := one(text.String(), report.Update{Package: "package-150", From: "1.0", To: "2.0", Hashes: []string{aa, bb}}, report.Update{Package: "package-150a", To: "1", Hashes: []string{aa}, Through: []string{"flask"}})
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Rewrite(b.Context(), s, Formats()); err != nil {
			b.Fatal(err)
		}
	}
}
