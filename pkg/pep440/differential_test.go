package pep440

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// judge is Python's own `packaging`, as pip carries it: versions and specifiers in, its verdicts out.
const judge = `
import json, sys
try:
    from pip._vendor.packaging.version import Version, InvalidVersion
    from pip._vendor.packaging.specifiers import Specifier, SpecifierSet, InvalidSpecifier
    from pip._vendor.packaging.utils import canonicalize_name
except ImportError:
    print("null"); sys.exit(0)
q = json.load(sys.stdin)
def text(s):
    try: return str(Version(s))
    except InvalidVersion: return ""
def cmp(a, b):
    try: a, b = Version(a), Version(b)
    except InvalidVersion: return 9
    return (a > b) - (a < b)
def holds(s, v):
    try:
        for clause in s.split(","): Specifier(clause) # a set of old releases falls back to legacy forms
        return SpecifierSet(s).contains(Version(v))
    except InvalidSpecifier: return None
print(json.dumps({"text": [text(s) for s in q["versions"]],
  "order": [cmp(a, b) for a, b in zip(q["versions"], q["others"])],
  "holds": [holds(s, v) for s, v in q["asked"]], "names": [canonicalize_name(n) for n in q["names"]]}))
`

type verdicts struct {
	Text  []string `json:"text"`
	Order []int    `json:"order"`
	Holds []*bool  `json:"holds"`
	Names []string `json:"names"`
}

func TestAgreesWithPackaging(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here: not compared with Python's packaging")
	}
	r := rand.New(rand.NewPCG(44, 0))
	var q struct {
		Versions []string    `json:"versions"`
		Others   []string    `json:"others"`
		Asked    [][2]string `json:"asked"`
		Names    []string    `json:"names"`
	}
	for range 6000 {
		v := randomVersion(r)
		q.Versions, q.Others = append(q.Versions, v), append(q.Others, randomVersion(r))
		q.Names = append(q.Names, strings.Map(func(c rune) rune { return []rune("aB-_.9")[r.IntN(6)] }, "123456"))
		if parsed, err := Parse(v); err == nil {
			q.Asked = append(q.Asked, [2]string{randomSpecifier(r), parsed.String()})
		}
	}
	in, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-I", "-c", judge)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("python3 does not run here: %v", err)
	}
	var want *verdicts
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	if want == nil {
		t.Skip("python3 has no pip with its vendored packaging: not compared")
	}
	for i, s := range q.Versions {
		v, err := Parse(s)
		if v.String() != want.Text[i] {
			t.Errorf("Parse(%q) = %q, %v; packaging says %q", s, v, err, want.Text[i])
		}
		w, err2 := Parse(q.Others[i])
		if err == nil && err2 == nil && v.Compare(w) != want.Order[i] {
			t.Errorf("Compare(%q, %q) = %d; packaging says %d", s, q.Others[i], v.Compare(w), want.Order[i])
		}
		if got := Normalize(q.Names[i]); got != want.Names[i] {
			t.Errorf("Normalize(%q) = %q; packaging says %q", q.Names[i], got, want.Names[i])
		}
	}
	for i, a := range q.Asked {
		set, err := ParseSpecifiers(a[0])
		if (err == nil) != (want.Holds[i] != nil) {
			t.Errorf("ParseSpecifiers(%q): %v; packaging says valid %v", a[0], err, want.Holds[i] != nil)
		} else if err == nil && set.Contains(mustParse(t, a[1]), false) != *want.Holds[i] {
			t.Errorf("%q contains %q: packaging says %v", a[0], a[1], *want.Holds[i])
		}
	}
}

func pick(r *rand.Rand, choices ...string) string { return choices[r.IntN(len(choices))] }

// randomVersion makes near misses as well as versions, from few numbers so that equal ones meet.
func randomVersion(r *rand.Rand) string {
	number := func() string { return pick(r, "0", "1", "2", "10", "01", "2013") }
	s := pick(r, "", "", "", "v", " ") + pick(r, "", "", "", "1!", "0!") + number()
	for range r.IntN(4) {
		s += "." + number()
	}
	sep := func() string { return pick(r, "", "", ".", "-", "_") }
	if r.IntN(3) == 0 {
		s += sep() + pick(r, "a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "RC") + sep() + pick(r, "", number())
	}
	if r.IntN(3) == 0 {
		s += sep() + pick(r, "post", "rev", "r", "-1", "-") + sep() + pick(r, "", number())
	}
	if r.IntN(3) == 0 {
		s += sep() + "dev" + sep() + pick(r, "", number())
	}
	if r.IntN(4) == 0 {
		s += "+" + pick(r, "a", "1", "abc.1", "01", "Ubuntu-2", "a_b.c", "", ".")
	}
	return s
}

// randomSpecifier leaves out what releases of packaging disagree on among themselves: .* after a pre- or
// post-release (allowed to 22), and .* and ~= with a version not in normal form (wrong to 22).
func randomSpecifier(r *rand.Rand) string {
	clause := func() string {
		v := randomVersion(r)
		parsed, err := Parse(v)
		if err == nil && r.IntN(3) > 0 {
			v = parsed.Public().String()
		}
		op := pick(r, "~=", "==", "!=", "<=", ">=", "<", ">")
		if op == "~=" && err == nil {
			v = parsed.Public().String()
		}
		if err == nil && !parsed.IsPrerelease() && !parsed.IsPostrelease() && r.IntN(3) == 0 {
			return op + parsed.Public().String() + ".*"
		}
		return op + strings.TrimSpace(v)
	}
	if r.IntN(3) == 0 {
		return clause() + "," + clause()
	}
	return clause()
}
