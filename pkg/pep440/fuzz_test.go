package pep440

import "testing"

// FuzzParse: never a panic, and the normal form is the same version and its own normal form.
func FuzzParse(f *testing.F) {
	for _, s := range append([]string{"", "v1!01.0-RC_1.post-2.dev+A-01", "1.0a--1", "1.0.", "1.0+", "\xff"}, ordered...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(v.String())
		if err != nil || !again.Equal(v) || again.String() != v.String() {
			t.Errorf("%q became %q, then %q, %v", s, v, again, err)
		}
	})
}

// FuzzCompare: a total order.
func FuzzCompare(f *testing.F) {
	f.Add("1.0", "1.0.dev1", "1.0+a")
	f.Add("1!0", "1.0a1", "1.0.post1")
	f.Add("1.0+1.a", "1.0+a.1", "1.0+1")
	f.Add("1048575.1", "1048576.0", "20!1.2.1048574.1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		x, err1 := Parse(a)
		y, err2 := Parse(b)
		z, err3 := Parse(c)
		if err1 != nil || err2 != nil || err3 != nil {
			return
		}
		if x.Compare(x) != 0 || x.Compare(y) != -y.Compare(x) {
			t.Errorf("%s, %s: %d and %d", x, y, x.Compare(y), y.Compare(x))
		}
		if p, q := x.Key(), y.Key(); p < q && x.Compare(y) >= 0 || p > q && x.Compare(y) <= 0 {
			t.Errorf("%s, %s: %d, but keys %x and %x", x, y, x.Compare(y), p, q)
		}
		if x.Compare(y) <= 0 && y.Compare(z) <= 0 && x.Compare(z) > 0 {
			t.Errorf("%s <= %s <= %s but not %s <= %s", x, y, z, x, z)
		}
		if x.Compare(y) == 0 && x.Compare(z) != y.Compare(z) {
			t.Errorf("%s = %s, yet they compare differently with %s", x, y, z)
		}
	})
}

// FuzzSpecifiers: never a panic, and the written form means the same.
func FuzzSpecifiers(f *testing.F) {
	f.Add(">=3.8,<4", "3.9")
	f.Add("~=1.4.5a4,!=1.4.*,===x", "1.4.5")
	f.Fuzz(func(t *testing.T, s, version string) {
		set, err := ParseSpecifiers(s)
		if err != nil {
			return
		}
		again, err := ParseSpecifiers(set.String())
		if err != nil {
			t.Fatalf("%q was written as %q: %v", s, set, err)
		}
		if v, err := Parse(version); err == nil && set.Contains(v, false) != again.Contains(v, false) {
			t.Errorf("%q and %q differ on %s", s, set, v)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("2.2.0rc1.post2"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	v, w := mustParse(b, "2.28.1"), mustParse(b, "2.28.2")
	b.ReportAllocs()
	for b.Loop() {
		if v.Compare(w) >= 0 {
			b.Fatal("order")
		}
	}
}
