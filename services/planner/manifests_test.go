package planner

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// testBlock is a line with those that continue it, testHash one of its hashes.
var (
	testBlock = regexp.MustCompile(`(?:[^\n]*\\\r?\n)*[^\n]*\n?`)
	testHash  = regexp.MustCompile(`--hash=([a-z0-9]+:[0-9a-f]+)`)
)

func TestConstraintsFileMoves(t *testing.T) {
	w := paymentsWorld(t, Config{})
	inv := w.inventoryOf(map[string]string{"requirements.txt": "-c constraints.txt\nflask\nlib==1.0\n", "constraints.txt": "flask==2.2.2 # shared\nlib==1.0\n"})
	for i := range inv.Packages {
		if inv.Packages[i].Package == "flask" {
			inv.Packages[i].Version, inv.Packages[i].Pin = "2.2.2", "exact"
		}
	}
	w.plan(w.scanInventory(inv))
	dir := t.TempDir()
	w.write(dir)
	if got := text(t, dir, "updated", "constraints.txt"); got != "flask==2.2.5 # shared\nlib==1.1\n" {
		t.Errorf("constraints.txt:\n%s", got)
	}
	if got := text(t, dir, "updated", "requirements.txt"); got != "-c constraints.txt\nflask\nlib==1.1\n" {
		t.Errorf("requirements.txt:\n%s", got)
	}
}

// A constraint moves only within what the requirement it pins allows.
func TestConstraintWithinItsRequirement(t *testing.T) {
	for specifier, want := range map[string]string{">=2,<2.3": "framework flask 2.2.2>2.2.5", ">=2,<2.2.4": "", "": "framework flask 2.2.2>2.2.5"} {
		w := paymentsWorld(t, Config{})
		inv := w.inventoryOf(map[string]string{"requirements.txt": "flask" + specifier + "\n", "constraints.txt": "flask==2.2.2\n"})
		inv.Packages[0].Version, inv.Packages[0].Pin = "2.2.2", "exact"
		w.plan(w.scanInventory(inv))
		p := w.document()
		if got := moves(p); got != want {
			t.Errorf("flask%s: %s", specifier, got)
		}
		if o := outcome(t, p, "CVE-F"); want == "" && o.Outcome != report.Blocked {
			t.Errorf("%+v", o)
		}
	}
}

// A line that names a version beside other clauses is a pin: its version moves within the rest, which stays as written.
// One that names a version twice can't be written back, and stays.
func TestPinBesideOtherClauses(t *testing.T) {
	for line, want := range map[string]string{
		"flask==2.2.2,>=2":                  "flask==2.2.5,>=2",
		"flask >= 2 , == 2.2.2 , < 3 # why": "flask >= 2 , == 2.2.5 , < 3 # why",
		"flask==2.2.2,==2.2.*":              "flask==2.2.5,==2.2.*",
		"flask===2.2.2,!=2.2.4":             "flask===2.2.5,!=2.2.4",
		"flask==2.2.2,<2.2.5":               "requirements.txt:1 allows flask<2.2.5",
		"flask==2.2.2,==2.2.2":              "requirements.txt:1 allows flask==2.2.2,==2.2.2",
	} {
		w := paymentsWorld(t, Config{})
		inv := w.inventoryOf(map[string]string{"requirements.txt": line + "\n"})
		text, _, _ := strings.Cut(line, "#")
		inv.Packages[0].Version, inv.Packages[0].Pin = "2.2.2", inventory.Exact
		inv.Packages[0].Specifier = strings.ReplaceAll(strings.TrimPrefix(text, "flask"), " ", "")
		w.plan(w.scanInventory(inv))
		if o := outcome(t, w.document(), "CVE-F"); o.Outcome == report.Blocked {
			if !slices.Contains(o.Chain, want) {
				t.Errorf("%s: %q", line, o.Chain)
			}
			continue
		}
		dir := t.TempDir()
		w.write(dir)
		if got, err := os.ReadFile(filepath.Join(dir, "updated", "requirements.txt")); err != nil || string(got) != want+"\n" {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
}

// A uv.lock with extras that exclude each other has a package twice: uv can move it, a plan does not. In other files two
// versions are a contradiction.
func TestSeveralVersions(t *testing.T) {
	for source, want := range map[string]string{"uv.lock": "uv lock --upgrade-package flask does", "app/uv.lock": "uv lock --upgrade-package flask does", "requirements.txt": "nothing can be installed from it"} {
		lines := []string{source + ":4 pins flask 2.2.2", source + ":9 pins flask 2.2.3"}
		in := situation{Envs: []environment{{Scopes: []string{"repository:" + source}, Twice: map[string][]string{"flask": lines}}}}
		for _, version := range []string{"2.2.2", "2.2.3"} {
			f := finding{Seen: true, Active: pep508.Certain, Pin: inventory.Exact}
			f.Package, f.Version, f.Source, f.Ecosystem, f.Scope = "flask", version, source, pypi, "repository:"+source
			if o := in.settled(f); o.Outcome != report.Blocked || !strings.Contains(o.Detail, want) || !slices.Equal(o.Chain, lines) {
				t.Errorf("%s %s: %+v", source, version, o)
			}
		}
	}
}

// A project without a lock is never written: its pins stay, whatever is asked for, and the files come all the same.
func TestProjectWithoutALock(t *testing.T) {
	for _, full := range []bool{false, true} {
		w := paymentsWorld(t, Config{})
		inv := w.inventoryOf(map[string]string{"requirements.txt": "lib==1.0\n", "pyproject.toml": "flask==2.2.2\nlib==1.0\n"})
		for i, s := range inv.Sources {
			if s.Path == "pyproject.toml" {
				inv.Sources[i].Kind = "pyproject"
			}
		}
		for i, p := range inv.Packages { // installed together
			if inv.Packages[i].Scope = "repository:requirements.txt"; p.Source == "pyproject.toml" {
				inv.Packages[i].Line = 5
			}
		}
		w.options.Full = full
		w.plan(w.scanInventory(inv))
		p := w.document()
		if got := moves(p); got != "" {
			t.Errorf("full %v: %s", full, got)
		}
		if o := outcome(t, p, "CVE-F"); o.Outcome != report.Unsupported || !strings.Contains(o.Detail, "lock the project (uv lock)") {
			t.Errorf("full %v: %+v", full, o)
		}
		dir := t.TempDir()
		w.write(dir)
		if _, err := os.Stat(filepath.Join(dir, "updated")); err == nil {
			t.Errorf("full %v: something is written", full)
		}
	}
}

// A lock has one version for all its environments: what the project asks of others than the target holds, too, unless
// the version that is locked does not meet it: then the lock is not for those.
func TestBoundsOfOtherEnvironments(t *testing.T) {
	for _, marker := range []string{"python_version < '3.8'", "python_version >= '3.8'", ""} {
		for _, lock := range []bool{true, false} {
			for _, specifier := range []string{"<2.2.4", "<2"} {
				w := paymentsWorld(t, Config{})
				inv := w.inventoryOf(map[string]string{"requirements.txt": "flask==2.2.2\n"})
				if lock {
					inv.Sources[0].Path, inv.Packages[0].Source = "uv.lock", "uv.lock"
				}
				inv.Bounds = []inventory.Bound{{Package: "flask", Specifier: specifier, Marker: marker, Source: "pyproject.toml", Line: 4, Scope: inv.Packages[0].Scope}}
				envs := environments(inv, pep508.Environment{Python: "3.11", Platform: "linux"})
				var got []string
				for _, a := range envs[0].Pins[0].Allowed {
					got = append(got, a.By+" "+a.Specifier)
				}
				want := ""
				switch {
				case marker != "python_version < '3.8'":
					want = "pyproject.toml:4 " + specifier
				case lock && specifier == "<2.2.4":
					want = "pyproject.toml:4, where python_version < '3.8', <2.2.4"
				}
				if strings.Join(got, "|") != want {
					t.Errorf("%q, lock %v, %s: %q, want %q", marker, lock, specifier, got, want)
				}
			}
		}
	}
}
