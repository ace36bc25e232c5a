package wheel

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

// judge is Python's own `packaging`: file names in; name, version and whether each environment's tags have one of
// the wheel's out, and all those tags.
const judge = `
import json, sys
try:
    try: import packaging; root = "packaging"
    except ImportError: import pip._vendor.packaging; root = "pip._vendor.packaging"
    from importlib import import_module as load
    T, U = load(root + ".tags"), load(root + ".utils")
    U.parse_wheel_filename, T.compatible_tags
except (ImportError, AttributeError):
    print("null"); sys.exit(0)
q = json.load(sys.stdin)
def platforms(system, machine):
    if system == "darwin": return list(T.mac_platforms((15, 0), machine))
    if system == "win32": return [{"AMD64": "win_amd64", "ARM64": "win_arm64", "x86": "win32"}[machine]]
    out, old = ["linux_" + machine], {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    for minor in range(28, 4 if machine in ("x86_64", "i686") else 16, -1):
        out.append("manylinux_2_%d_%s" % (minor, machine))
        if minor in old: out.append(old[minor] + "_" + machine)
    return out
def tags(e):
    v, ps = tuple(map(int, e["Python"].split(".")[:2])), platforms(e["Platform"], e["Machine"])
    cp = "cp%d%d" % v
    return set(T.cpython_tags(v, [cp + ("m" if v < (3, 8) else "")], ps)) | set(T.compatible_tags(v, cp, ps))
sets = [tags(e) for e in q["envs"]]
def wheel(s):
    try: name, version, build, ts = U.parse_wheel_filename(s)
    except (U.InvalidWheelFilename, ValueError): return None
    return {"name": name, "version": str(version), "usable": [not ts.isdisjoint(have) for have in sets]}
print(json.dumps({"wheels": [wheel(s) for s in q["files"]], "tags": [sorted(map(str, have)) for have in sets]}))
`

func TestAgreesWithPackaging(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here: not compared with Python's packaging")
	}
	envs := []pep508.Environment{{Python: "3.11.7", Platform: "linux", Machine: "x86_64"}, {Python: "3.8", Platform: "linux", Machine: "aarch64"}, {Python: "3.7", Platform: "linux", Machine: "i686"},
		{Python: "3.13", Platform: "darwin", Machine: "arm64"}, {Python: "3.9", Platform: "darwin", Machine: "x86_64"}, {Python: "3.12.1", Platform: "win32", Machine: "AMD64"},
		{Python: "3.10", Platform: "win32", Machine: "x86"}, {Python: "3.13", Platform: "win32", Machine: "ARM64"}, {Python: "3.14", Platform: "linux", Machine: "ppc64le"}}
	r := rand.New(rand.NewPCG(425, 0))
	files := make([]string, 15000)
	for i := range files {
		files[i] = randomWheel(r)
	}
	in, err := json.Marshal(map[string]any{"envs": envs, "files": files})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-I", "-c", judge)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("python3 does not run here: %v", err)
	}
	var answer *struct {
		Tags   [][]string
		Wheels []*struct {
			Name, Version string
			Usable        []bool
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if answer == nil {
		t.Skip("python3 has no packaging that reads names of wheels: not compared")
	}
	for i, tags := range answer.Tags {
		for _, tag := range tags {
			if !Supports(envs[i], "foo-1.0-"+tag+".whl") {
				t.Errorf("%s on %+v: refused; packaging takes it", tag, envs[i])
			}
		}
	}
	want := answer.Wheels
	usable := 0
	for i, file := range files {
		n, err := Parse(file)
		if (err == nil) != (want[i] != nil) {
			t.Errorf("Parse(%q): %v; packaging says valid %v", file, err, want[i] != nil)
		}
		if err != nil || want[i] == nil {
			continue
		}
		if n.Distribution != want[i].Name || n.Version != want[i].Version {
			t.Errorf("Parse(%q) = %+v; packaging says %+v", file, n, want[i])
		}
		for j, env := range envs {
			if got := Supports(env, file); got != want[i].Usable[j] {
				t.Errorf("%s on %+v: %v; packaging says %v", file, env, got, want[i].Usable[j])
			}
			if want[i].Usable[j] {
				usable++
			}
		}
	}
	if usable < 800 {
		t.Errorf("only %d were usable: little was compared", usable)
	}
}

func pick(r *rand.Rand, choices ...string) string { return choices[r.IntN(len(choices))] }

// randomWheel makes near misses too. It leaves out what releases of packaging disagree on: empty parts, and
// fat32, which is fat3 since.
func randomWheel(r *rand.Rand) string {
	s := pick(r, "foo", "Foo.Bar", "a_b", "x1") + "-" + pick(r, "1.0", "2.0rc1", "1!1.0+local.1", "1.0.post1", "01.2") + pick(r, "", "", "-1", "-2b")
	if r.IntN(20) == 0 {
		s += pick(r, "-b", "-1-2", "-x", "x")
	}
	return s + "-" + set(r, randomPython) + "-" + set(r, randomABI) + "-" + set(r, randomPlatform) + pick(r, ".whl", ".whl", ".whl", ".whl", ".whl", ".whl", ".whl", ".zip")
}

func set(r *rand.Rand, one func(*rand.Rand) string) string {
	all := []string{one(r)}
	for r.IntN(4) == 0 {
		all = append(all, one(r))
	}
	return strings.Join(all, ".")
}

func randomPython(r *rand.Rand) string {
	return pick(r, "cp", "cp", "cp", "py", "pp", "CP") + pick(r, "3", "37", "38", "39", "310", "311", "312", "313", "313t", "314", "31", "32", "2", "27")
}

func randomABI(r *rand.Rand) string {
	return pick(r, "none", "none", "none", "abi3", "abi3", "abi3t", "cp311", "cp38", "cp37m", "cp37", "cp313", "cp313t", "cp310", "cp312", "cp39", "cp314", "cp311d", "NONE")
}

func randomPlatform(r *rand.Rand) string {
	machine := pick(r, "x86_64", "x86_64", "aarch64", "i686", "ppc64le", "armv7l")
	switch r.IntN(5) {
	case 0:
		return pick(r, "any", "any", "any", "win32", "win_amd64", "win_arm64", "win_ia64", "ANY")
	case 1:
		return "macosx_" + pick(r, "10_3", "10_4", "10_9", "10_16", "10_17", "11_0", "11_1", "12_0", "15_0", "16_0", "9_0") + "_" +
			pick(r, "arm64", "x86_64", "universal2", "universal", "intel", "fat64", "i386", "ppc")
	case 2:
		return pick(r, "linux_", "manylinux1_", "manylinux2010_", "manylinux2014_", "manylinux2024_", "musllinux_1_1_", "musllinux_1_2_") + machine
	default:
		return "manylinux_" + pick(r, "2", "2", "2", "3", "1") + "_" + pick(r, "4", "5", "12", "16", "17", "24", "28", "29", "35") + "_" + machine
	}
}
