package wheel

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

func TestCompare(t *testing.T) {
	env := pep508.Environment{Python: "3.11.7", Platform: "linux", Machine: "x86_64"}
	want := []string{
		"a-1-2-cp311-cp311-manylinux_2_28_x86_64.whl",
		"a-1-1-cp311-cp311-manylinux_2_28_x86_64.whl",
		"a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
		"a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
		"a-1-cp311-cp311-manylinux2014_x86_64.whl",
		"a-1-cp311-cp311-manylinux1_x86_64.whl",
		"a-1-cp311-cp311-linux_x86_64.whl",
		"a-1-cp311-abi3-manylinux_2_17_x86_64.whl",
		"a-1-cp310-abi3-manylinux_2_28_x86_64.whl",
		"a-1-cp37-abi3-manylinux_2_28_x86_64.whl",
		"a-1-py3-none-manylinux1_x86_64.whl",
		"a-1-py2.py3-none-any.whl",
		"a-1-py310-none-any.whl",
		"a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
		"a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
		"no wheel",
	}
	got := slices.Clone(want)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, func(a, b string) int { return Compare(env, a, b) })
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("at %d: got  %q\nwant %q", i, got, want)
		}
	}
	if _, ok := (Name{}).Rank(env); ok {
		t.Error("no name has a rank")
	}
}

// ordered is Python's own `packaging`: the tags of an environment, best first.
const ordered = `
import json, sys
try:
    try: import packaging; root = "packaging"
    except ImportError: import pip._vendor.packaging; root = "pip._vendor.packaging"
    from importlib import import_module as load
    T = load(root + ".tags")
except ImportError:
    print("null"); sys.exit(0)
out, old = ["linux_x86_64"], {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
ps = []
for minor in range(28, 4, -1):
    ps.append("manylinux_2_%d_x86_64" % minor)
    if minor in old: ps.append(old[minor] + "_x86_64")
ps.append("linux_x86_64")
mac = list(T.mac_platforms((15, 0), "arm64"))
print(json.dumps([[str(t) for t in list(T.cpython_tags((3, 11), ["cp311"], p)) + list(T.compatible_tags((3, 11), "cp311", p))] for p in (ps, mac)]))
`

func TestRankAgreesWithPackaging(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here: not compared with Python's packaging")
	}
	out, err := exec.CommandContext(t.Context(), python, "-I", "-c", ordered).Output()
	if err != nil {
		t.Skipf("python3 does not run here: %v", err)
	}
	var lists [][]string
	if err := json.Unmarshal(out, &lists); err != nil {
		t.Fatal(err)
	}
	if lists == nil {
		t.Skip("python3 has no packaging: not compared")
	}
	for i, env := range []pep508.Environment{{Python: "3.11", Platform: "linux", Machine: "x86_64"}, {Python: "3.11", Platform: "darwin", Machine: "arm64"}} {
		for j := 1; j < len(lists[i]); j++ {
			a, b := "a-1-"+lists[i][j-1]+".whl", "a-1-"+lists[i][j]+".whl"
			if Compare(env, a, b) >= 0 {
				t.Errorf("%s before %s for packaging, not here", a, b)
			}
		}
	}
}
