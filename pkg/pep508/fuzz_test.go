package pep508

import (
	"errors"
	"testing"
)

// FuzzParse: never a panic, an error means nothing was read, and the normal form is read as itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a", "Foo[b,C_d] (>=1.0,<2) ; extra == 'x'", "a @ https://u:p@h/x?q#egg=a ; os.name=='nt'", "a===b", "a\xff", "a@b", "a @ //", "a @ u:p@h", "a'>=1.*<2!=3*;os_name=='x'", "a(>dev,!=~1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		published, failed := ParsePublished(s)
		r, err := Parse(s)
		if err == nil && (failed != nil || published.String() != r.String()) {
			t.Fatalf("%q is %s, as published %s, %v", s, r, published, failed)
		}
		if err != nil {
			if !errors.Is(err, ErrRequirement) || r.Name != "" {
				t.Fatalf("%q: %+v, %v", s, r, err)
			}
			return
		}
		if r.URL != "" {
			return // its secrets are left out, and what is left need be no URL
		}
		if again, err := Parse(r.String()); err != nil || again.String() != r.String() {
			t.Fatalf("%q became %q, then %q, %v", s, r, again, err)
		}
	})
}

// FuzzMarker: never a panic, an error leaves nothing known, and the written form means the same everywhere.
func FuzzMarker(f *testing.F) {
	f.Add("python_version >= '3.8' and (os_name == 'nt' or extra == \"x\")", "3.11", "x")
	f.Add("python_full_version < '3.11.18446744073709551616'", "3.11", "")
	f.Add("'1' in platform_machine or ((python_version not in '3'))", "3.11.7", "a")
	f.Fuzz(func(t *testing.T, s, python, extra string) {
		m, err := ParseMarker(s)
		if err != nil {
			if !errors.Is(err, ErrMarker) || !m.IsZero() {
				t.Fatalf("%q: %s, %v", s, m, err)
			}
			return
		}
		again, err := ParseMarker(m.String())
		if err != nil && len(m.String()) > maxMarker {
			return // spaces were added
		}
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q became %q, then %q, %v", s, m, again, err)
		}
		known := Environment{Python: python, Platform: "linux", Machine: "x86_64"}
		for _, env := range []Environment{{}, known, {Platform: "win32"}, {Python: python}} {
			if m.Holds(env, extra) != again.Holds(env, extra) {
				t.Fatalf("%q and %q differ on %+v", s, m, env)
			}
		}
		// Knowing less never turns one answer into the other.
		if less, more := m.Holds(Environment{}, extra), m.Holds(known, extra); less != Unknown && more != less {
			t.Fatalf("%q: %s with nothing known, %s on %+v", s, less, more, known)
		}
		_, _ = known.Fits(s)
	})
}
