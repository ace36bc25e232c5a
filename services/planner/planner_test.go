package planner

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// The table of the service: one pin and what is known of it in, one outcome out.
func TestEveryFindingHasOneOutcome(t *testing.T) {
	for _, tc := range []struct {
		name       string
		pin        string
		python     string
		advisories []string
		releases   []string
		outcome    string // of CVE-1
		says       string // in detail and chain
		moves      string
		exit       int
	}{
		{"the lowest fixed version", "lib==2.2.2", "3.11", []string{"CVE-1 <2.2.5 medium"}, []string{"2.2.2", "2.2.4", "2.2.5", "3.0"},
			report.Planned, "lib 2.2.2 to 2.2.5, the lowest version no advisory hits", "regular lib 2.2.2>2.2.5", 0},
		// Renovate proposed minimist 1.2.6, fixed for the advisory at hand and hit by the next one.
		{"the first fixed version is itself vulnerable", "lib==1.2.0", "3.11", []string{"CVE-1 <1.2.6 medium", "CVE-2 >=1.2.6,<1.2.8 critical"},
			[]string{"1.2.0", "1.2.5", "1.2.6", "1.2.7", "1.2.8", "2.0"}, report.Planned, "1.2.8", "regular lib 1.2.0>1.2.8", 0},
		{"a chain of three advisories", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low", "CVE-2 >=1.1,<1.2 high", "CVE-3 >=1.2,<1.3 critical"},
			[]string{"1.0", "1.1", "1.2", "1.3", "1.4"}, report.Planned, "1.3", "regular lib 1.0>1.3", 0},
		{"several findings, one move", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low", "CVE-2 <1.3 critical", "CVE-3 <1.2 high"},
			[]string{"1.1", "1.2", "1.3"}, report.Planned, "1.3", "emergency lib 1.0>1.3", 0},
		{"an advisory with two ranges", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low", "CVE-1 >=2.0,<2.1 low"}, []string{"1.0.1", "2.0", "2.1"},
			report.Planned, "2.1", "regular lib 1.0>2.1", 0},
		{"the fix is yanked", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.0", "1.1 yanked", "1.2"}, report.Planned, "1.2", "regular lib 1.0>1.2", 0},
		{"every fix is yanked", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.0", "1.1 yanked"}, report.NoFixPublished, "lib 1.1 is yanked (broken build)", "", 1},
		{"only a pre-release", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.0", "1.1rc1", "1.1rc2"}, report.NoFixPublished, "lib 1.1rc1 and 1.1rc2 are pre-releases", "", 1},
		{"from pre-release to pre-release", "lib==1.1a1", "3.11", []string{"CVE-1 <1.1a2 low"}, []string{"1.1a1", "1.1a2"}, report.Planned, "1.1a2", "regular lib 1.1a1>1.1a2", 0},
		{"needs a newer Python", "django==4.2", "3.9", []string{"CVE-1 <5.0 low"}, []string{"4.2", "4.2.1", "5.0 py>=3.10"}, report.Blocked, "django 5.0 requires Python >=3.10, target is 3.9", "", 1},
		{"requires-python of the old kind", "lib==1.0", "3.9", []string{"CVE-1 <1.1 low"}, []string{"1.1 py>=3.6.*"}, report.Planned, "1.1", "regular lib 1.0>1.1", 0},
		{"the target's Python is not known", "lib==1.0", "", []string{"CVE-1 <1.1 low"}, []string{"1.1 py>=3.10"}, report.Planned, "1.1", "regular lib 1.0>1.1", 0},
		{"the newest is malicious", "lib==1.0", "3.11", []string{"CVE-1 <1.1 low", "MAL-1 ==1.1 malicious"}, []string{"1.0", "1.1"}, report.NoFixPublished, "lib 1.1 is malicious (MAL-1)", "", 1},
		{"every release is hit", "lib==1.0", "3.11", []string{"CVE-1 >=0 low"}, []string{"1.0", "1.1", "1.2"}, report.NoFixPublished, "all 2 releases above 1.0 are hit by it", "", 1},
		{"nothing newer", "lib==1.0", "3.11", []string{"CVE-1 >=0 low"}, []string{"0.9", "1.0"}, report.NoFixPublished, "1.0 is the newest release", "", 1},
		{"the fix is hit by what has no fix", "lib==1.0", "3.11", []string{"CVE-1 <1.1 critical", "CVE-2 >=1.1 low"}, []string{"1.1", "1.2"}, report.Blocked, "lib 1.1 is hit by CVE-2", "", 1},
		{"not on the index", "gone==1.0", "3.11", []string{"CVE-1 >=0 low"}, nil, report.NoFixPublished, "the index does not know the package", "", 1},
		{"never a downgrade", "lib==2.0", "3.11", []string{"CVE-1 ==2.0 low"}, []string{"1.9", "2.0"}, report.NoFixPublished, "newest", "", 1},
		{"marker excludes it", "lib==1.0 ; python_version < '3.8'", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.1"}, report.NotAffected, "python_version < '3.8'", "", 0},
		{"marker includes it", "lib==1.0 ; python_version >= '3.8'", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.1"}, report.Planned, "1.1", "regular lib 1.0>1.1", 0},
		{"marker not known", "lib==1.0 ; platform_release == 'x'", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.1"}, report.Planned, "1.1", "regular lib 1.0>1.1", 0},
		{"a build of another index", "lib==1.0+cu117", "3.11", []string{"CVE-1 <1.1 low"}, []string{"1.0", "1.1"}, report.Unsupported, "label of 1.0+cu117", "", 2},
		{"a framework package", "flask==2.2.2", "3.11", []string{"CVE-1 <2.2.5 high"}, []string{"2.2.5"}, report.Planned, "2.2.5", "framework flask 2.2.2>2.2.5", 0},
		{"known exploited", "lib==1", "3.11", []string{"CVE-1 <2 high kev"}, []string{"2"}, report.Planned, "2", "emergency lib 1>2", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name, _, _ := strings.Cut(tc.pin, "==")
			w := newWorld(t, Config{Python: tc.python}, advisories{name: tc.advisories}, nil)
			if tc.releases != nil {
				w.shelf.releases = map[string][]string{name: tc.releases}
			}
			evs := w.plan(w.scan(map[string]string{"requirements.txt": tc.pin + "\n"}))
			p := w.document()
			o := outcome(t, p, "CVE-1")
			if told := o.Detail + " " + strings.Join(o.Chain, " "); o.Outcome != tc.outcome || !strings.Contains(told, tc.says) {
				t.Errorf("outcome %s: %s; want %s saying %q", o.Outcome, told, tc.outcome, tc.says)
			}
			if got := moves(p); got != tc.moves {
				t.Errorf("moves %q, want %q", got, tc.moves)
			}
			if p.ExitCode != tc.exit {
				t.Errorf("exit code %d, want %d", p.ExitCode, tc.exit)
			}
			if !strings.HasSuffix(names(evs), "plan.generated") {
				t.Errorf("events %s: plan.generated does not close them", names(evs))
			}
		})
	}
}

func TestWhatIsNotPlanned(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 >=0 low"}}, map[string][]string{"lib": {"2"}})
	pkg := func(name, version string, p inventory.Package) inventory.Package {
		p.Package, p.Version, p.Source, p.Scope = name, version, "requirements.txt", "repository:requirements.txt"
		if p.Ecosystem == "" {
			p.Ecosystem = pypi
		}
		return p
	}
	for _, tc := range []struct {
		name string
		pkg  inventory.Package
		says string
	}{
		{"another ecosystem", pkg("left-pad", "1.0", inventory.Package{Ecosystem: "npm", Pin: inventory.Exact}), "PyPI packages only, this one is of npm"},
		{"from a repository", pkg("lib", "1", inventory.Package{Pin: inventory.Exact, Reference: "git+https://host/x\x1b[31m"}), "required from git+https://host/x[31m"},
		{"a lock file", pkg("lib", "1", inventory.Package{Pin: inventory.Exact}), "a source of kind lock"},
		{"a range", pkg("lib", "1", inventory.Package{Pin: inventory.Ranged}), "required by a range"},
		{"no version", pkg("lib", "1", inventory.Package{Pin: inventory.None}), "not pinned"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inv := &inventory.Inventory{Packages: []inventory.Package{tc.pkg}}
			if tc.name == "a lock file" {
				inv.Sources = []inventory.Source{{Path: "requirements.txt", Kind: "lock", Ecosystem: pypi}}
			}
			w.plan(w.scanInventory(inv))
			p := w.document()
			found := false
			for _, o := range p.Outcomes {
				found = found || o.Outcome == report.Unsupported && strings.Contains(o.Detail, tc.says)
			}
			if !found || p.ExitCode != report.ExitIncomplete {
				t.Errorf("exit %d, %+v; want unsupported saying %q", p.ExitCode, p.Outcomes, tc.says)
			}
		})
	}
}

func TestExcludeNewer(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}, "late": {"CVE-2 <2 low"}, "undated": {"CVE-3 <2 low"}},
		map[string][]string{"lib": {"1.1 at=2026-01-01", "1.2 at=2026-06-01"}, "late": {"2 at=2026-06-01"}, "undated": {"2 undated"}})
	limit := start.AddDate(0, -6, 0) // 22 May 2026
	w.options.ExcludeNewer = &limit
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\nlate==1\nundated==1\n"}))
	p := w.document()
	if got := moves(p); got != "regular lib 1.0>1.1" {
		t.Errorf("moves %s", got)
	}
	if o := outcome(t, p, "CVE-2"); o.Outcome != report.NoFixPublished || !strings.Contains(o.Detail, "published after the time allowed") {
		t.Errorf("%+v", o)
	}
	if o := outcome(t, p, "CVE-3"); o.Outcome != report.NoFixPublished || !strings.Contains(o.Detail, "without a date of publication") {
		t.Errorf("an unknown date counts as too late: %+v", o)
	}
	if p.Inputs.ExcludeNewer == nil || !p.Inputs.ExcludeNewer.Equal(limit) {
		t.Error("the limit is not among the inputs")
	}
}

func TestIncompleteScanIsSaid(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{}, nil)
	w.complete = false
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	if p := w.document(); p.ExitCode != report.ExitIncomplete || len(p.Phases) != 0 {
		t.Errorf("exit %d", p.ExitCode)
	}
	if _, err := New(Config{Python: "three", Platform: "beos"}, Deps{}); err == nil || !strings.Contains(err.Error(), "planner.python") || !strings.Contains(err.Error(), "planner.platform") {
		t.Errorf("bad configuration: %v", err)
	}
}

func TestTargetPython(t *testing.T) {
	for _, tc := range []struct{ asked, declared, configured, want string }{
		{"3.9", "3.10", "3.11", "3.9"}, {"", "3.10", "3.11", "3.10"}, {"", "", "3.11", "3.11"}, {"", "nonsense", "3.11", "3.11"}, {"", "", "", ""},
	} {
		w := newWorld(t, Config{Python: tc.configured}, advisories{}, nil)
		w.options.Python = tc.asked
		inv := w.inventoryOf(map[string]string{"requirements.txt": "lib==1\n"})
		inv.Python = tc.declared
		w.plan(w.scanInventory(inv))
		if got := w.document().Inputs.Python; got != tc.want {
			t.Errorf("%+v: target %q", tc, got)
		}
	}
	w := newWorld(t, Config{}, advisories{}, nil)
	w.options.Python = "three"
	e := w.scan(map[string]string{"requirements.txt": "lib==1\n"})
	if _, err := w.service.handle(t.Context(), e, w.facts(e.ID())); err == nil || !strings.Contains(err.Error(), `plan for Python "three"`) {
		t.Errorf("a Python that is none: %v", err)
	}
}
