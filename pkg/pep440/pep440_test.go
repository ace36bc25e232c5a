package pep440

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// ordered is PEP 440's own ordering example, widened by epochs, locals and long numbers.
var ordered = []string{
	"0.dev0", "0", "0.0.1",
	"1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
	"1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7", "1.0+5",
	"1.0+5.1", "1.0.post456.dev34", "1.0.post456", "1.0.15", "1.1.dev1", "1.1", "1.10", "2013.10",
	"20231231235959000000000000001", "20231231235959000000000000002",
	"1!0.5.dev1", "1!0.5", "1!1.0+1", "2!0",
}

func TestCompareOrdersAsThePEP(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := mustParse(t, a).Compare(mustParse(t, b)), sign(i-j); got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
			}
			if x, y := mustParse(t, a).Key(), mustParse(t, b).Key(); x > y && i < j || x < y && i > j {
				t.Errorf("Key(%s) = %x, Key(%s) = %x", a, x, b, y)
			}
		}
	}
	shuffled := make([]Version, len(ordered))
	for i, s := range ordered {
		shuffled[i] = mustParse(t, s)
	}
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortFunc(shuffled, Compare)
	for i := range ordered {
		if shuffled[i].String() != mustParse(t, ordered[i]).String() {
			t.Errorf("place %d: %s, want %s", i, shuffled[i], ordered[i])
		}
	}
	if mustParse(t, "0.dev0").Compare(Version{}) != 1 {
		t.Error("the zero Version must sort first")
	}
}

func TestParseNormalises(t *testing.T) {
	for given, want := range map[string]string{
		"1.0": "1.0", " 1.0\n": "1.0", "v1.0": "1.0", "V1.0": "1.0", "01.002": "1.2", "1.0.0": "1.0.0",
		"1.1RC1": "1.1rc1", "1.1.a1": "1.1a1", "1.1-a1": "1.1a1", "1.1_a_1": "1.1a1", "1.1alpha1": "1.1a1",
		"1.1beta2": "1.1b2", "1.1c3": "1.1rc3", "1.1pre": "1.1rc0", "1.1preview.4": "1.1rc4", "1.2a": "1.2a0", "1.0a.": "1.0a0",
		"1.2.post": "1.2.post0", "1.2-post2": "1.2.post2", "1.2post2": "1.2.post2", "1.0-r4": "1.0.post4", "1.0rev5": "1.0.post5",
		"1.0-1": "1.0.post1", "1.0a--1": "1.0a0.post1", "1.0-1.dev2": "1.0.post1.dev2", "1.2.dev": "1.2.dev0", "1.2dev3": "1.2.dev3",
		"1!2.0": "1!2.0", "0!2.0": "2.0", "1.0+Ubuntu-1": "1.0+ubuntu.1", "1.0+01_a.00": "1.0+1.a.0", "1.0rc1.post2.dev3+x": "1.0rc1.post2.dev3+x",
		"2004d": "", "1.0+": "", "1.0+_": "", "1.0+a..b": "", "": "", "v": "", "1..0": "", "1.0.": "", "1.0-": "", "!1.0": "", "1!": "",
		"1.0_1": "", "french toast": "", "1.0.dev1.dev2": "", "1.0+a+b": "", "1.0 a1": "", "1.0\u212a1": "", "-1": "", "1.0*": "",
	} {
		v, err := Parse(given)
		switch {
		case want == "" && !errors.Is(err, ErrVersion):
			t.Errorf("Parse(%q) = %s, %v; want ErrVersion", given, v, err)
		case want != "" && (err != nil || v.String() != want):
			t.Errorf("Parse(%q) = %s, %v; want %s", given, v, err, want)
		}
	}
	if _, err := Parse(strings.Repeat("1.", 600) + "0"); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "1201 characters") {
		t.Errorf("an endless version: %v", err)
	}
}

func TestEqualHoweverWritten(t *testing.T) {
	for _, same := range [][]string{
		{"1", "1.0", "1.0.0", "v1", "01"}, {"1.0rc1", "1.0c1", "1-RC.1", "1.0.0preview1"}, {"1.0.post0", "1.post", "1-0", "1r"},
		{"1.0+a.1", "1+A-01", "1.0.0+a_1"}, {"1.0.dev0", "1dev", "1_dev_0"},
	} {
		for _, a := range same {
			for _, b := range same {
				if !mustParse(t, a).Equal(mustParse(t, b)) {
					t.Errorf("%s and %s must be equal", a, b)
				}
			}
		}
	}
}

func TestKindOfRelease(t *testing.T) {
	for s, want := range map[string][2]bool{
		"1.0": {false, false}, "1.0a1": {true, false}, "1.0.dev1": {true, false}, "1.0.post1": {false, true}, "1.0.post1.dev2": {true, true}, "1.0+dev1": {false, false},
	} {
		v := mustParse(t, s)
		if v.IsPrerelease() != want[0] || v.IsPostrelease() != want[1] {
			t.Errorf("%s: pre %v post %v, want %v", s, v.IsPrerelease(), v.IsPostrelease(), want)
		}
	}
	v := mustParse(t, "1.12.0+CU_117")
	if v.Local() != "cu.117" || v.Public().String() != "1.12.0" || v.Public().Local() != "" {
		t.Errorf("local %q, public %s", v.Local(), v.Public())
	}
}

func TestStep(t *testing.T) {
	for pair, want := range map[[2]string]string{
		{"2.2.2", "2.2.5"}: Patch, {"2.2.2", "2.3.0"}: Minor, {"2.2.2", "3.0"}: Major, {"1", "1.0.1"}: Patch, {"1", "1.1"}: Minor,
		{"1.0", "1!1.0"}: Major, {"1.0rc1", "1.0"}: Patch, {"1.0", "1.0.post1"}: Patch, {"2.0", "1.9"}: Major, {"01.2", "1.02.3"}: Patch,
	} {
		if got := Step(mustParse(t, pair[0]), mustParse(t, pair[1])); got != want {
			t.Errorf("Step(%s, %s) = %s, want %s", pair[0], pair[1], got, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	for given, want := range map[string]string{
		"flask": "flask", "Flask": "flask", "friendly-bard": "friendly-bard", "FRIENDLY-BARD": "friendly-bard", "friendly.bard": "friendly-bard",
		"friendly_bard": "friendly-bard", "friendly--bard": "friendly-bard", "FrIeNdLy-._.-bArD": "friendly-bard", "_a_": "-a-", "": "",
	} {
		if got := Normalize(given); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", given, got, want)
		}
	}
}

func mustParse(t testing.TB, s string) Version {
	t.Helper()
	v, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
