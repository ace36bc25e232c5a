package pep508

import (
	"errors"
	"testing"
)

func TestParsePublished(t *testing.T) {
	for given, want := range map[string]string{
		"foo>=1":                                 "foo>=1",
		"elasticsearch-dsl (>=7.2.0<8.0.0)":      "elasticsearch-dsl>=7.2.0,<8.0.0",
		"jupyter-core (!=~5.0,>=4.12)":           "jupyter-core!=5.0.*,>=4.12",
		"torch (>=1.9.*)":                        "torch>=1.9",
		"Foo_X[B, a]<3.4.* ; extra == 'y'":       `foo-x[a,b]<3.4 ; extra == "y"`,
		"pyzmq (>=2.7,!=3.0*,!=3.1*)":            "pyzmq>=2.7,!=3.0.*,!=3.1.*",
		"celery-like >dev":                       "celery-like>0.0.0.dev0",
		"pytz (>dev)":                            "pytz>0.0.0.dev0",
		"foo>=9.0.0a1.0":                         "foo>=9.0.0a1",
		"botocore>=1.3.0,<1.4.0',":               "botocore>=1.3.0,<1.4.0",
		`numpy ">=1.19"; python_version >= "3"`:  `numpy>=1.19 ; python_version >= "3"`,
		`'numpy' >=1.19"; python_version >= "3"`: `numpy>=1.19 ; python_version >= "3"`,
		"foo>=1!2.0<1!3!=1!2.5":                  "foo>=1!2.0,<1!3,!=1!2.5",
		",foo":                                   "", "foo,>=1": "foo>=1", "foo>=1,,<2": "foo>=1,<2",

		"foo 1.0": "", "foo (1.0)": "", "foo>=1,2": "", "foo 2>=1": "", "foo>=": "", "foo==*": "", "foo~=1.*": "", "foo @ https://h.example/'a b": "", "": "", "'": "", "foo>=1.*; nonsense": "",
		"foo>=x": "", "foo=>1": "", "foo>=1;": "", "foo>=1.*;": "", "foo[>=1.*": "", "foo''": "", "foo>=1.0.*+x": "", "foo>=1 2": "", "foo\x1b>=1.*": "",
	} {
		r, err := ParsePublished(given)
		if got := r.String(); got != want || (want == "") != errors.Is(err, ErrRequirement) {
			t.Errorf("%q became %q, %v; want %q", given, got, err, want)
		}
	}
}

func TestRequiresPythonAsPublished(t *testing.T) {
	env := Environment{Python: "3.9"}
	for requires, want := range map[string]bool{
		">=2.7, !=3.0.*, !=3.1.*', !=3.2.*, !=3.3.*'": true, ">= '3.10'": false, ">=3.6<3.9": false, ">=2.7,!=3.0.*,<3.4.*": false, ">=2.7,!=3.9*": false, ">=3.6,": true,
	} {
		if got, err := env.Fits(requires); err != nil || got != want {
			t.Errorf("%q: %v, %v", requires, got, err)
		}
	}
	for _, bad := range []string{"3.6", "'", ">=", "*"} {
		if ok, err := env.Fits(bad); ok || err == nil {
			t.Errorf("%q fits: %v, %v", bad, ok, err)
		}
	}
}
