package pep440

import (
	"errors"
	"strings"
	"testing"
)

func TestSpecifiersContain(t *testing.T) {
	for _, c := range []struct{ set, in, out string }{
		{"", "1.0 2.0.post1 1.0+local", "1.0a1 1.0.dev1"},
		{"~=2.2", "2.2 2.2.post1 2.9 2.2+local", "2.1 3.0 2.2rc1 3.0a1"},
		{"~=1.4.5", "1.4.5 1.4.99 1.4.5.1", "1.5 1.4.4 2.0"},
		{"~=2.2.post3", "2.2.post3 2.3", "2.2 2.2.post2 3.0"},
		{"~=1.4.5a4", "1.4.5a4 1.4.5b1 1.4.5 1.4.9", "1.4.5a3 1.5"},
		{"~=2.2.0", "2.2 2.2.9", "2.3"},
		{"~=1!2.2", "1!2.3", "2.3 2!2.3"},
		{"==1.1", "1.1 1.1.0 1.1+local", "1.1.post1 1.1.dev1 1.1a1 1.1.1"},
		{"==1.1.*", "1.1 1.1.post1 1.1.9 1.1+x", "1.2 1 2.1 1.1a1 1.1.dev2"},
		{"==1.1.*,>=1.1a0", "1.1a1 1.1", "1.1.dev1"},
		{"==1.0.0.*", "1 1.0 1.0.0.5", "1.0.1 1.1"},
		{"==1.0+downstream1", "1.0+downstream1 1+Downstream1", "1.0 1.0+downstream.1"},
		{"!=1.1", "1.0 1.1.post1 2", "1.1 1.1.0 1.1+local"},
		{"!=1.1.*", "1.0 1.2", "1.1 1.1.post1 1.1.5"},
		{"!=1.1+x", "1.1 1.1+y", "1.1+x"},
		{"<=1.7", "1.7 1.6 1.7+local 1.7.0", "1.7.1 1.7.post1"},
		{">=1.7", "1.7 1.7+local 1.7.post1 2", "1.6 1.7a1"},
		{">=1.7a1", "1.7a1 1.7 1.8.dev1", "1.7.dev1"},
		{"<1.7", "1.6 1.6.post1", "1.7 1.7a1 1.7.dev1 1.7+x"},
		{"<1.7.post1", "1.7", "1.7.post1 1.8"},
		{">1.7", "1.7.1 1.8", "1.7 1.7.post2 1.7.0.post1 1.7+local"},
		{">1.7.post2", "1.7.post3 1.7.1", "1.7.post2 1.7 1.7.post2+x"},
		{"===1.0", "1.0", "1.0.0 1 1.0+x"},
		{"===1.0RC1", "1.0rc1", "1.0"},
		{">=3.8, <4 ,!=3.9.1,", "3.8 3.9 3.12.1", "3.7 4.0 3.9.1"},
		{"~= 1.0, >= 1.1, != 1.3.4.*, < 2.0", "1.1 1.3.5 1.3.3", "1.0 1.3.4.5 2.0"},
	} {
		set, err := ParseSpecifiers(c.set)
		if err != nil {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		for _, v := range strings.Fields(c.in) {
			if !set.Contains(mustParse(t, v), false) {
				t.Errorf("%q must contain %s", c.set, v)
			}
		}
		for _, v := range strings.Fields(c.out) {
			if set.Contains(mustParse(t, v), false) {
				t.Errorf("%q must not contain %s", c.set, v)
			}
		}
	}
}

func TestPrereleasesOnRequest(t *testing.T) {
	for _, c := range []struct {
		set, version string
		want         bool
	}{
		{"", "1.0a1", true}, {">=1.0", "1.1rc1", true}, {"<1.1", "1.1rc1", false}, {"<1.1rc2", "1.1rc1", true}, {">1.0", "1.1.dev1", true}, {"==1.0.*", "1.0b1", true},
	} {
		set, err := ParseSpecifiers(c.set)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Contains(mustParse(t, c.version), true); got != c.want {
			t.Errorf("%q contains %s with pre-releases: %v", c.set, c.version, got)
		}
	}
}

func TestSpecifiersRefused(t *testing.T) {
	for given, want := range map[string]string{
		"1.0": "want one of", "=1.0": "want one of", ">=": "want one of", ">=abc": `"abc"`, "~=1": "at least two", ">=1.0.*": "only after == and !=",
		"~=1.0.*": "only after == and !=", "==1.0a1.*": "only after the release", "==1.0+x.*": "only after the release", ">=1.0+x": "local label",
		"~=1.0+x": "local label", "<1.0+x": "local label", "=== a b": "white space", ">=1,>>2": `">>2"`, "==*": `"*"`,
	} {
		if _, err := ParseSpecifiers(given); !errors.Is(err, ErrSpecifier) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want ErrSpecifier naming %q", given, err, want)
		}
	}
}

func TestSpecifiersAsText(t *testing.T) {
	set, err := ParseSpecifiers(" >=3.8 , != 3.9.* ,<4")
	if err != nil || set.String() != ">=3.8,!=3.9.*,<4" || len(set.All()) != 3 {
		t.Errorf("%q, %v", set, err)
	}
	for given, want := range map[string]string{"==1.0": "1.0", "===x1": "x1", "== 1.0+cu1": "1.0+cu1", "==1.*": "", ">=1": "", "==1,==1": "", "": ""} {
		set, err := ParseSpecifiers(given)
		got, ok := set.Pinned()
		if err != nil || ok != (want != "") || ok && got != want {
			t.Errorf("Pinned(%q) = %q, %v, %v", given, got, ok, err)
		}
	}
}
