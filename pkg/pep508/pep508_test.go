package pep508

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		given, name, extras, specifier, url, marker, text string
	}{
		{given: "requests", name: "requests", text: "requests"},
		{given: " Foo_Bar.baz ", name: "foo-bar-baz", text: "foo-bar-baz"},
		{given: "a", name: "a", text: "a"},
		{given: "requests[Security, socks ,a_b,socks]>=2.8.1,==2.8.*;python_version<'2.7'", name: "requests", extras: "a-b security socks", specifier: ">=2.8.1,==2.8.*",
			marker: `python_version < "2.7"`, text: `requests[a-b,security,socks]>=2.8.1,==2.8.* ; python_version < "2.7"`},
		{given: "foo (>=1.0)", name: "foo", specifier: ">=1.0", text: "foo>=1.0"},
		{given: "foo(>= 1.0 , < 2 ) ; extra == 'X'", name: "foo", specifier: ">=1.0,<2", marker: `extra == "x"`, text: `foo>=1.0,<2 ; extra == "x"`},
		{given: "foo ()", name: "foo", text: "foo"},
		{given: "foo[]", name: "foo", text: "foo"},
		{given: "foo[ ] == 1", name: "foo", specifier: "==1", text: "foo==1"},
		{given: "foo>=1,<2,", name: "foo", specifier: ">=1,<2", text: "foo>=1,<2"},
		{given: "foo===weird-1", name: "foo", specifier: "===weird-1", text: "foo===weird-1"},
		{given: "pywin32 (>1.0); sys.platform == 'win32'", name: "pywin32", specifier: ">1.0", marker: `sys_platform == "win32"`, text: `pywin32>1.0 ; sys_platform == "win32"`},
		{given: "pip @ https://h.example/pip.zip#sha1=da9", name: "pip", url: "https://h.example/pip.zip#sha1=da9", text: "pip @ https://h.example/pip.zip#sha1=da9"},
		{given: "pip[x]@file:///p;q ; os_name=='a'", name: "pip", extras: "x", url: "file:///p;q", marker: `os_name == "a"`, text: `pip[x] @ file:///p;q ; os_name == "a"`},
		{given: "a @ git+ssh://me:secret@h.example/x@main?t=secret#egg=a", name: "a", url: "git+ssh://me:secret@h.example/x@main?t=secret#egg=a", text: "a @ git+ssh://h.example/x@main#egg=a"},
		{given: "a @ https://${USER}:${PASS}@h.example/x.whl", name: "a", url: "https://${USER}:${PASS}@h.example/x.whl", text: "a @ https://h.example/x.whl"},
		{given: "a @ ./b.whl", name: "a", url: "./b.whl", text: "a @ ./b.whl"},
	} {
		r, err := Parse(tc.given)
		if err != nil || r.Name != tc.name || strings.Join(r.Extras, " ") != tc.extras || r.Specifier != tc.specifier || r.URL != tc.url || r.Marker.String() != tc.marker || r.String() != tc.text {
			t.Errorf("%q became %+v (%s), %v", tc.given, r, r, err)
		}
		if again, err := Parse(r.String()); err != nil || again.String() != r.String() {
			t.Errorf("%q: %s read again is %s, %v", tc.given, r, again, err)
		}
	}
}

func TestRequirementsRefused(t *testing.T) {
	for bad, want := range map[string]string{
		"": "does not begin with a package name", "-foo": "does not begin", ">=1": "does not begin", "[a]": "does not begin", "ö": "does not begin",
		"foo-": `"-"`, "foo bar": `"bar"`, "foo 1.0": `"1.0"`, "foo[a": "extras is not closed", "foo[a,]": `"" is no name of an extra`, "foo[,a]": "no name of an extra",
		"foo[a b]": `"a b" is no name`, "foo[-a]": "no name of an extra", "foo (>=1": "parenthesis before the versions is not closed", "foo>=1,,<2": "empty clause",
		"foo,>=1": "empty clause", "foo>=x": `"x"`, "foo;": "nothing stands after ';'", "foo ; ": "nothing stands after ';'", "foo; nonsense": "not an environment marker",
		"foo @": "nothing stands after '@'", "foo @ https://a b": "only a marker may stand", "foo @ https://me:secret@h:x/y": "is no URL", "foo>=1.0.*": "only after",
		"foo\x00": "control characters", "foo>=1 ; os_name == '\x1b[31m'": "control characters", "foo\xff": "not UTF-8", "foo >=1 # why": `">=1 # why"`,
		strings.Repeat("a", maxName+1): "201 bytes", strings.Repeat("a", maxRequirement+1): "8193 bytes long, at most 8192", "foo[" + strings.Repeat("a", maxName+1) + "]": "no name of an extra",
	} {
		r, err := Parse(bad)
		if !errors.Is(err, ErrRequirement) || !strings.Contains(err.Error(), want) || r.Name != "" {
			t.Errorf("%.60q: %v, want ErrRequirement with %s", bad, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || len(err.Error()) > 600) {
			t.Errorf("%.60q: the error says too much: %v", bad, err)
		}
	}
}

// No error and no text gives away what an address holds.
func TestSecretsStay(t *testing.T) {
	for _, s := range []string{
		"foo @ https://u:s3cret@h.example/a b", "foo @ https://u:s3c?s3cret@h.example/a", "https://u:s3cret@h.example/a", "foo @ https://u:s3cret@h.example/a ; nonsense == 's3cret'[:0]",
		"foo @ https://h.example/a?token=s3cret", "foo @ https://h.example:s3cret/a", "foo https://u:s3cret@h.example", "foo @ https://u:s3cret/@h.example/a", "foo @ u:s3cret@h.example:a",
	} {
		r, err := Parse(s)
		if text := r.String(); err == nil && strings.Contains(text, "s3cret") {
			t.Errorf("%q is shown as %q", s, text)
		}
		if err != nil && strings.Contains(strings.SplitN(err.Error(), "nonsense", 2)[0], "s3cret") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, tc := range []struct {
		requirement, in, out string
	}{
		{"foo", "1.0 2.0a1 0.dev0", ""},
		{"foo>=1.0", "1.0 1.1rc1 2", "0.9 1.0a1"},
		{"foo>=1,<2", "1.5 1.5b1", "2.0a1 2"},
		{"foo===1.0", "1.0", "1.0.0"},
		{"foo @ https://h.example/x", "1 2", ""},
	} {
		r, err := Parse(tc.requirement)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range strings.Fields(tc.in + " " + tc.out) {
			v, err := pep440.Parse(s)
			if want := slices.Contains(strings.Fields(tc.in), s); err != nil || r.Allows(v) != want {
				t.Errorf("%s allows %s: %v, %v", r, s, !want, err)
			}
		}
	}
	v, _ := pep440.Parse("1.0")
	if r := (Requirement{Name: "a", Specifier: "<1"}); r.Allows(v) {
		t.Error("a specifier that was put there is not looked at")
	}
	if r := (Requirement{Name: "a", Specifier: "oops"}); r.Allows(v) {
		t.Error("a specifier that can't be read allows")
	}
	r, _ := Parse("a<1")
	if r.Specifier = ">=1"; !r.Allows(v) {
		t.Error("a specifier that was replaced is not looked at")
	}
}
