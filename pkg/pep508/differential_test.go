package pep508

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// judge is Python's own `packaging`, by itself or as pip carries it: requirements and markers in, what it makes
// of them out. A comparison that it refuses is null.
const judge = `
import json, sys
try:
    try: import packaging; root = "packaging"
    except ImportError: import pip._vendor.packaging; root = "pip._vendor.packaging"
    from importlib import import_module as load
    R, M, U = load(root + ".requirements"), load(root + ".markers"), load(root + ".utils")
    M.InvalidMarker; load(root + "._parser")
except ImportError:
    print("null"); sys.exit(0)
q = json.load(sys.stdin)
def holds(m, env, extra):
    try: return bool(m.evaluate(dict(env, extra=extra)))
    except Exception: return None
def requirement(s):
    try: r = R.Requirement(s)
    except R.InvalidRequirement: return None
    return {"name": U.canonicalize_name(r.name), "extras": sorted({U.canonicalize_name(e) for e in r.extras}),
        "clauses": sorted(str(c) for c in r.specifier), "url": r.url or "", "marked": r.marker is not None,
        "holds": [holds(r.marker, e, "a") for e in q["envs"]] if r.marker else []}
def marker(s):
    try: m = M.Marker(s)
    except M.InvalidMarker: return None
    return [holds(m, e, x) for e in q["envs"] for x in ("", "a", "b-c")]
print(json.dumps({"requirements": [requirement(s) for s in q["requirements"]], "markers": [marker(s) for s in q["markers"]]}))
`

type verdicts struct {
	Requirements []*struct {
		Name, URL       string
		Extras, Clauses []string
		Marked          bool
		Holds           []*bool
	}
	Markers [][]*bool
}

// whole are environments of which everything is known, so that every defined comparison must be definite.
var whole = []Environment{{"3.11.7", "linux", "x86_64"}, {"3.9.0", "win32", "AMD64"}, {"3.14.0rc2", "darwin", "arm64"}}

// partial stand for less knowledge of the same: where they are definite, they must say the same.
var partial = []Environment{{"3.11", "linux", "x86_64"}, {"3.9", "win32", ""}, {"", "darwin", ""}}

func TestAgreesWithPackaging(t *testing.T) {
	r := rand.New(rand.NewPCG(508, 0))
	q := map[string]any{}
	var requirements, markers []string
	for range 4000 {
		requirements, markers = append(requirements, randomRequirement(r)), append(markers, randomMarker(r, 2))
	}
	q["requirements"], q["markers"] = requirements, markers
	var envs []map[string]string
	for _, e := range whole {
		vars := map[string]string{"platform_release": "6.1", "platform_version": "#1 SMP"}
		for _, name := range variables {
			if v := e.values(name, "==", ""); len(v) == 1 {
				vars[name] = v[0]
			}
		}
		envs = append(envs, vars)
	}
	q["envs"] = envs
	want := ask(t, q)
	for i, s := range requirements {
		compareRequirement(t, s, want, i)
	}
	definite := 0
	for i, s := range markers {
		m, err := ParseMarker(s)
		if (err == nil) != (want.Markers[i] != nil) {
			t.Errorf("ParseMarker(%q): %v; packaging says valid %v", s, err, want.Markers[i] != nil)
		}
		for j, theirs := range want.Markers[i] {
			extra := []string{"", "A", "B_c"}[j%3]
			ours, less := m.Holds(whole[j/3], extra), m.Holds(partial[j/3], extra)
			if theirs != nil && ours != Unknown && ours != truth(*theirs) {
				t.Errorf("%s on %+v with %q is %s; packaging says %v", s, whole[j/3], extra, ours, *theirs)
			}
			if less != Unknown && less != ours {
				t.Errorf("%s with %q is %s on %+v, %s on %+v", s, extra, less, partial[j/3], ours, whole[j/3])
			}
			if ours != Unknown {
				definite++
			}
		}
	}
	if definite < 10000 {
		t.Errorf("only %d verdicts were definite: little was compared", definite)
	}
}

func compareRequirement(t *testing.T, s string, want *verdicts, i int) {
	t.Helper()
	ours, err := Parse(s)
	theirs := want.Requirements[i]
	if (err == nil) != (theirs != nil) {
		t.Errorf("Parse(%q): %v; packaging says valid %v", s, err, theirs != nil)
	}
	if err != nil || theirs == nil {
		return
	}
	set, err := pep440.ParseSpecifiers(ours.Specifier)
	var clauses []string
	for _, c := range set.All() {
		clauses = append(clauses, c.String())
	}
	slices.Sort(clauses)
	clauses, theirs.Clauses = slices.Compact(clauses), slices.Compact(theirs.Clauses)
	if err != nil || ours.Name != theirs.Name || ours.URL != theirs.URL || !ours.Marker.IsZero() != theirs.Marked ||
		!slices.Equal(ours.Extras, theirs.Extras) || !slices.Equal(clauses, theirs.Clauses) {
		t.Errorf("Parse(%q) = %+v, %v; packaging says %+v", s, ours, err, theirs)
	}
	for j, holds := range theirs.Holds {
		if got := ours.Marker.Holds(whole[j], "a"); holds != nil && got != Unknown && got != truth(*holds) {
			t.Errorf("%q holds on %+v: %s; packaging says %v", s, whole[j], got, *holds)
		}
	}
}

// ask runs packaging over the questions, or skips the test where there is none.
func ask(t *testing.T, q any) *verdicts {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here: not compared with Python's packaging")
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
		t.Skip("python3 has no packaging 22 or later: not compared")
	}
	return want
}

func pick(r *rand.Rand, choices ...string) string { return choices[r.IntN(len(choices))] }

// randomRequirement makes near misses too. It leaves out what releases of packaging disagree on: a name that
// ends in "_", versions that are not in normal form, and an empty "===" or one in a list, which takes the comma
// behind it for a part of the version.
func randomRequirement(r *rand.Rand) string {
	gap := func() string { return pick(r, "", "", "", " ", "\t", "  ") }
	s := gap() + pick(r, "a", "Foo", "foo_bar", "a.b-C", "0x", "x--y", "-a", "a-") + gap()
	if r.IntN(3) == 0 {
		s += "[" + gap() + pick(r, "", "a", "a,B_c", "b.c , a", "x y", "a,", ",", "-") + pick(r, "]", "]", "]", "]", "") + gap()
	}
	if r.IntN(6) == 0 {
		s += "@" + gap() + pick(r, "https://h.example/a.whl", "file:///a;b", "git+https://h.example/r@v1#egg=x", "./a") + pick(r, " ", "  ", "")
	} else if r.IntN(4) > 0 {
		clauses := make([]string, 1+r.IntN(3))
		for i := range clauses {
			clauses[i] = gap() + pick(r, ">=", "<", "==", "!=", "~=", ">", "<=", "=") + gap() + pick(r, "1.0", "2.1.3", "3", "1!2.0", "1.0.post1", "2.0rc1", "x", "") + pick(r, "", "", "", "", ".*") + gap()
		}
		spec := strings.Join(clauses, ",") + pick(r, "", "", "", "", ",")
		if r.IntN(6) == 0 {
			spec = "===" + gap() + pick(r, "1.0", "x", "1.0-foo")
		}
		s += pick(r, spec, spec, "("+spec+")", "("+spec)
	}
	if r.IntN(3) == 0 {
		s += pick(r, ";", ";", " ;", " ; ") + pick(r, randomMarker(r, 1), randomMarker(r, 1), "")
	}
	return s
}

func randomMarker(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(3) > 0 {
		s := randomMarker(r, depth-1) + pick(r, " and ", " or ", " and ", " or ", " xor ") + randomMarker(r, depth-1)
		return pick(r, s, s, "("+s+")", "( "+s+")", "("+s)
	}
	op := func() string {
		return pick(r, "==", "!=", "<", "<=", ">", ">=", "~=", "===", " in ", " not in ", " not  in ")
	}
	var variable, value string
	switch r.IntN(5) {
	case 0, 1:
		variable = pick(r, "python_version", "python_full_version", "implementation_version")
		value = pick(r, "3.11", "3.9", "3.11.7", "3.11.8", "3.9.0", "3.14.0rc2", "3.14", "3", "3.*", "3.11.*", "2.7", "3.9 3.11", "x", "")
	case 2:
		variable = pick(r, "os_name", "os.name", "sys_platform", "sys.platform", "platform_system", "platform_machine", "platform.machine")
		value = pick(r, "posix", "nt", "linux", "win32", "darwin", "Linux", "Windows", "x86_64", "AMD64", "arm64", "linux darwin", "win")
	case 3:
		variable = pick(r, "platform_python_implementation", "python_implementation", "platform.python_implementation", "implementation_name", "os_nam", "platform_release")
		value = pick(r, "CPython", "cpython", "PyPy", "C", "6.1")
	default:
		variable = "extra"
		value = pick(r, "a", "A", "b-c", "B_C", "b.c", "z")
	}
	quote := pick(r, "'", `"`)
	value = quote + value + quote
	return pick(r, variable+pick(r, "", " ")+op()+pick(r, "", " ")+value, variable+" "+op()+" "+value, value+op()+variable)
}
