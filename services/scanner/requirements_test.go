package scanner

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

func parse(text string) manifest {
	m := manifest{Path: "requirements.txt", Ecosystem: "PyPI"}
	parseRequirements([]byte(text), &m, nil)
	return m
}

// describe writes what was read, one entry a line.
func describe(m manifest) string {
	var b strings.Builder
	for _, p := range m.Packages {
		fmt.Fprintf(&b, "%d %s", p.Line, p.Package)
		if p.Reference != "" {
			b.WriteString(" @ " + p.Reference)
		}
		if len(p.Extras) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Join(p.Extras, ","))
		}
		b.WriteString(" " + string(p.Pin))
		if p.Pin == inventory.Exact {
			b.WriteString(" " + p.Version)
		} else if p.Specifier != "" {
			b.WriteString(" (" + p.Specifier + ")")
		}
		if p.Marker != "" {
			fmt.Fprintf(&b, " ; %s", p.Marker)
		}
		for _, h := range p.Hashes {
			b.WriteString(" " + h[:10])
		}
		if !p.Direct {
			b.WriteString(" indirect")
		}
		b.WriteString("\n")
	}
	for _, i := range m.Includes {
		fmt.Fprintf(&b, "%d include %s %v\n", i.Line, i.Path, i.Constraint)
	}
	for _, i := range m.Incomplete {
		fmt.Fprintf(&b, "%d %s %s\n", i.Line, i.Reason, i.Detail)
	}
	for _, n := range m.Notes {
		b.WriteString(n + "\n")
	}
	return strings.TrimSpace(b.String())
}

var sha = "sha256:" + strings.Repeat("ab", 32)

// The requirements file format, construct by construct: pip's documentation and PEP 508.
const secretNote = "requirements.txt: holds a password or token in an address: it is not kept as evidence, and a plan does not write it back; let the address come from a variable or netrc"

func TestRequirements(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"pin", "flask==2.2.2", "1 flask exact 2.2.2"},
		{"name is normalised", "Flask_Login.Ext==0.6.2", "1 flask-login-ext exact 0.6.2"},
		{"spaces", "  flask  ==  2.2.2  ", "1 flask exact 2.2.2"},
		{"arbitrary equality", "flask===2.2-custom", "1 flask exact 2.2-custom"},
		{"local label and epoch", "torch==1.12.0+cu117\nx==1!2.0", "1 torch exact 1.12.0+cu117\n2 x exact 1!2.0"},
		{"prefix match is a range", "flask==2.*", "1 flask range (==2.*)"},
		{"range", "flask>=2,<3", "1 flask range (>=2,<3)"},
		{"compatible", "flask~=2.2", "1 flask range (~=2.2)"},
		{"not equal", "flask!=2.2", "1 flask range (!=2.2)"},
		{"pin with an agreeing bound", "flask==2.2.2,>=2", "1 flask exact 2.2.2"},
		{"pin with a contradiction", "flask==2.2.2,>=3", "1 flask range (==2.2.2,>=3)"},
		{"two pins in one", "flask==1,==2", "1 flask range (==1,==2)"},
		{"no version", "flask", "1 flask none"},
		{"parentheses", "flask (>=2)", "1 flask range (>=2)"},
		{"extras", "celery[redis, SQS_x]==5.2", "1 celery [redis,sqs-x] exact 5.2"},
		{"no extras", "celery[]==5.2", "1 celery exact 5.2"},
		{"marker", `flask==2 ; python_version < "3.8" and (os_name == 'nt' or extra not in "a b")`, `1 flask exact 2 ; python_version < "3.8" and (os_name == 'nt' or extra not in "a b")`},
		{"marker without space", `flask==2;python_version<'3.8'`, `1 flask exact 2 ; python_version<'3.8'`},
		{"bad marker", `flask==2 ; python < 3`, `1 unparsed requirements.txt:1: marker "python < 3": unexpected "python"`},
		{"empty marker", `flask==2 ;`, `1 unparsed requirements.txt:1: nothing stands after ';'`},
		{"comments", "# all\nflask==2 # why\n  # more\n\nx==1#no comment", "2 flask exact 2\n5 unparsed requirements.txt:5: not a PEP 440 version specifier: \"==1#no comment\": not a PEP 440 version: \"1#no comment\""},
		{"hashes over several lines", "flask==2 \\\n    --hash=" + sha + " \\\n    --hash " + strings.ToUpper(sha[:7]) + sha[7:] + "\nx==1", "1 flask exact 2 sha256:aba sha256:aba\n4 x exact 1"},
		{"bad hash", "flask==2 --hash=sha256:xyz", "1 flask exact 2\n1 unparsed requirements.txt:1: \"sha256:xyz\" is no hash; want ALGORITHM:HEX"},
		{"hash alone", "--hash=" + sha, "1 unparsed requirements.txt:1: --hash stands without a requirement"},
		{"continued inside a word", "fla\\\nsk==2", "1 flask exact 2"},
		{"comment ends a continued line", "flask==2 \\\n# done\nx==1", "1 flask exact 2\n3 x exact 1"},
		{"backslash at the end of the file", "flask==2 \\", "1 flask exact 2"},
		{"windows lines", "flask==2\r\nx==1\r\n", "1 flask exact 2\n2 x exact 1"},
		{"old mac lines", "flask==2\rx==1", "1 flask exact 2\n2 x exact 1"},
		{"form feed starts a line for pip", "# hidden\fevil==1\nx==1", "1 evil exact 1\n2 x exact 1"},
		{"byte order mark", "\ufeffflask==2", "1 flask exact 2"},
		{"coding comment", "# -*- coding: latin-1 -*-\nflask==2 # caf\xe9", "2 flask exact 2"},
		{"unknown coding", "# coding: ebcdic\nflask==2", `0 unreadable requirements.txt: its coding comment asks for "ebcdic", which is not known; save the file as UTF-8`},
		{"latin-1 without one", "x==1\nflask==2 # caf\xe9", "0 unreadable requirements.txt: line 2 is not UTF-8 text; save the file as UTF-8"},
		{"same package twice", "flask==1\nflask==2", "1 flask exact 1\n2 flask exact 2"},
		{"include", "-r base.txt\n-rmore/x.txt\n--requirement=y.txt\n--requirem z.txt\n-c con.txt\n--constraint con2.txt", "1 include base.txt false\n2 include more/x.txt false\n3 include y.txt false\n4 include z.txt false\n5 include con.txt true\n6 include con2.txt true"},
		{"include outside", "-r ../x.txt\n-r /etc/passwd", "1 unreadable requirements.txt:1: include \"../x.txt\" lies outside of the target\n2 unreadable requirements.txt:2: include \"/etc/passwd\" lies outside of the target"},
		{"include by address", "-r https://user:pw@example.test/r.txt?t=1", "1 unreadable requirements.txt:1: include \"https://example.test/r.txt\" is an address, not a file of the target; it is not fetched" + "\n" + secretNote},
		{"include by variable", "-r ${WHERE}/x.txt", "1 unreadable requirements.txt:1: include \"${WHERE}/x.txt\" names an environment variable, which is not known here"},
		{"options", "-i https://user:secret@index.test/simple\n--extra-index-url=https://x.test\n--no-index\n--pre\n-f ./links\n--trusted-host h.test", secretNote + "\nrequirements.txt:1: --index-url https://index.test/simple is not obeyed\nrequirements.txt:2: --extra-index-url https://x.test is not obeyed\nrequirements.txt:3: --no-index is not obeyed\nrequirements.txt:4: --pre is not obeyed\nrequirements.txt:5: --find-links ./links is not obeyed\nrequirements.txt:6: --trusted-host h.test is not obeyed"},
		{"unknown option", "--frobnicate\nflask==2", "2 flask exact 2\n1 unparsed requirements.txt:1: option \"--frobnicate\" is not one of a requirements file"},
		{"unknown short option", "-x", "1 unparsed requirements.txt:1: option \"-x\" is not one of a requirements file"},
		{"option without its value", "-r", "1 unparsed requirements.txt:1: option --requirement needs a value"},
		{"ambiguous option", "--no x", "1 unparsed requirements.txt:1: option \"--no\" is ambiguous"},
		{"value where none belongs", "--pre=1", "1 unparsed requirements.txt:1: option --pre takes no value"},
		{"option in the wrong place", "flask==2 --pre", "1 flask exact 2\n1 unparsed requirements.txt:1: option --pre can't stand on the line of a requirement"},
		{"config settings", "flask==2 --config-settings=\"--a=b c\"", "1 flask exact 2"},
		{"open quotation", "flask==2 --hash='x", "1 unparsed requirements.txt:1: a quotation is not closed"},
		{"variable in a version", "flask==${V}", "1 unparsed requirements.txt:1: \"==${V}\" takes its version from an environment variable, which is not known here"},
		{"url", "https://user:pw@example.test/flask-2.2.2-py3-none-any.whl?sig=1", "1 flask @ https://example.test/flask-2.2.2-py3-none-any.whl none\n1 not_covered https://example.test/flask-2.2.2-py3-none-any.whl is not matched: no index vouches for what it is\n" + secretNote},
		{"named url", "flask @ https://${TOKEN}@example.test/f.zip ; python_version > '3'", "1 flask @ https://example.test/f.zip none ; python_version > '3'\n1 not_covered https://example.test/f.zip is not matched: no index vouches for what it is"},
		{"version control", "git+ssh://git@example.test/a/b.git@v1#egg=Flask&subdirectory=x", "1 flask @ git+ssh://example.test/a/b.git@v1#egg=Flask&subdirectory=x none\n1 not_covered git+ssh://example.test/a/b.git@v1#egg=Flask&subdirectory=x is not matched: no index vouches for what it is"},
		{"editable", "-e .\n-e git+https://example.test/x.git#egg=x\n--editable ./lib[a]", "2 x @ git+https://example.test/x.git#egg=x none\n1 not_covered . is not matched: no index vouches for what it is\n2 not_covered git+https://example.test/x.git#egg=x is not matched: no index vouches for what it is\n3 not_covered ./lib is not matched: no index vouches for what it is"},
		{"path", "./wheels/flask-2.2.2-py3-none-any.whl\nlib/thing.tar.gz\nthing.zip", "1 flask @ ./wheels/flask-2.2.2-py3-none-any.whl none\n1 not_covered ./wheels/flask-2.2.2-py3-none-any.whl is not matched: no index vouches for what it is\n2 not_covered lib/thing.tar.gz is not matched: no index vouches for what it is\n3 not_covered thing.zip is not matched: no index vouches for what it is"},
		{"nonsense", "flask=2\n???\nflask==2 extra words\nflask>\n==1", "1 unparsed requirements.txt:1: not a PEP 440 version specifier: \"=2\": want one of ~= == != <= >= < > === and a version\n2 unparsed requirements.txt:2: \"???\" does not begin with a package name\n3 unparsed requirements.txt:3: not a PEP 440 version specifier: \"==2 extra words\": not a PEP 440 version: \"2 extra words\"\n4 unparsed requirements.txt:4: not a PEP 440 version specifier: \">\": want one of ~= == != <= >= < > === and a version\n5 unparsed requirements.txt:5: \"==1\" does not begin with a package name"},
		{"control characters", "fla\x1b[2Jsk==2\nx==1 ; os_name == '\x1b'", "1 unparsed requirements.txt:1: not a PEP 440 version specifier: \"\\x1b[2Jsk==2\": want one of ~= == != <= >= < > === and a version\n2 unparsed requirements.txt:2: marker \"os_name == '\\x1b'\": it holds control characters"},
		{"bad extras", "x[a b]==1\nx[a==1", "1 unparsed requirements.txt:1: \"a b\" is no extra\n2 unparsed requirements.txt:2: not a PEP 440 version specifier: \"[a==1\": want one of ~= == != <= >= < > === and a version"},
		{"open parenthesis", "x (>=1", "1 unparsed requirements.txt:1: \"(>=1\" has no closing parenthesis"},
		{"what pip-compile says", "flask==2\n    # via -r requirements.in\njinja2==3\n    # via flask\nclick==8\n    # via\n    #   flask\n    #   -r requirements.in\nx==1 # via flask\n# just a comment\ny==1", "1 flask exact 2\n3 jinja2 exact 3 indirect\n5 click exact 8\n9 x exact 1 indirect\n11 y exact 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := describe(parse(c.text)); got != strings.TrimSpace(c.want) {
				t.Errorf("read\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRequirementsInUTF16(t *testing.T) {
	for name, mark := range map[string]string{"little": "\xff\xfe", "big": "\xfe\xff"} {
		b := []byte(mark)
		for _, u := range utf16.Encode([]rune("flask==2.2.2\r\nx==1\r\n")) {
			if name == "little" {
				b = append(b, byte(u), byte(u>>8))
			} else {
				b = append(b, byte(u>>8), byte(u))
			}
		}
		if got := describe(parse(string(b))); got != "1 flask exact 2.2.2\n2 x exact 1" {
			t.Errorf("%s: %s", name, got)
		}
		if got := describe(parse(string(b[:len(b)-1]))); !strings.Contains(got, "cut in the middle") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestRequirementsLimits(t *testing.T) {
	long := "x==1 --hash=" + strings.Repeat("a", maxLine)
	if got := describe(parse(long)); !strings.Contains(got, "is longer than 65536") {
		t.Error(got)
	}
	m := parse(strings.Repeat("x==1\n", maxPackages+5))
	if len(m.Packages) != maxPackages || len(m.Incomplete) != 1 || !strings.Contains(m.Incomplete[0].Detail, "more than 50000 requirements") {
		t.Errorf("%d packages, %+v", len(m.Packages), m.Incomplete)
	}
	if m := parse(strings.Repeat("?\n", maxIncomplete*3)); len(m.Incomplete) != maxIncomplete+1 {
		t.Errorf("%d incomplete", len(m.Incomplete))
	}
	if n := strings.Repeat("a", 300); !strings.Contains(describe(parse(n+"==1")), "a package name of 300 characters") {
		t.Error(describe(parse(n + "==1")))
	}
}

func TestWhatCounts(t *testing.T) {
	for name, want := range map[string]string{
		"requirements.txt": "requirements", "requirements-dev.txt": "requirements", "a/b/requirements_prod.txt": "requirements", "dev-requirements.txt": "requirements",
		"requirements/base.txt": "requirements", "a/requirements/x.txt": "requirements", "requirements/base.in": "", "requirements/sub/x.txt": "", "requirements.in": "",
		"constraints.txt": "", "Requirements.txt": "", "poetry.lock": "lock", "a/uv.lock": "uv-lock", "a/pyproject.toml": "pyproject", "go.mod": "lock", "package-lock.json": "lock", "xpoetry.lock": "", "notes.txt": "",
	} {
		got := ""
		if s := sourceOf(name, false); s != nil {
			got = s.Kind()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if s := sourceOf("reqs.in", true); s.Kind() != "requirements" {
		t.Errorf("a file that was asked for: %s", s.Kind())
	}
}

func FuzzRequirements(f *testing.F) {
	for _, seed := range []string{"flask==2.2.2 \\\n --hash=" + sha + "\n", "-r a.txt\n-c b.txt\n", "x[a]>=1,<2 ; os_name == 'nt'", "\xff\xfex\x00", "a @ https://u:p@h/x.whl#egg=y", "-e .\n--index-url x", "# coding: latin-1\n\xe9",
		"x (>=1)", "a\\\n\\\nb", "./x[y];", "a==1\u2028b==2", "-e;", "-e [x]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := parse(text)
		lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r")
		for _, p := range m.Packages {
			if why := checkPackage(p); why != "" {
				t.Errorf("the reader's parent would refuse: %s", why)
			}
			if p.Line < 1 || p.Line > lines {
				t.Errorf("%s: line %d of %d", p.Package, p.Line, lines)
			}
		}
		for _, i := range m.Incomplete {
			if !printable(i.Detail) {
				t.Errorf("%q is shown as it is", i.Detail)
			}
		}
		for _, i := range m.Includes {
			if i.Path == ".." || strings.HasPrefix(i.Path, "../") || strings.HasPrefix(i.Path, "/") {
				t.Errorf("include %q", i.Path)
			}
		}
		for _, n := range m.Notes {
			if strings.Contains(n, "://") && strings.Contains(strings.SplitN(n, "://", 2)[1], "@") && strings.Contains(strings.SplitN(strings.SplitN(n, "://", 2)[1], "/", 2)[0], "@") {
				t.Errorf("note %q may hold a password", n)
			}
		}
	})
}
