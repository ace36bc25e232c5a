package planner

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/report"
)

func TestPhases(t *testing.T) {
	tryAll(t, []trial{
		{name: "an earlier phase takes a later finding along, once", pins: "flask==2.2.2 werkzeug==2.2.2",
			db:       advisories{"flask": {"CVE-1 <2.3 critical"}, "werkzeug": {"CVE-2 <2.3.3 high"}},
			releases: map[string][]string{"flask": {"2.3.0 needs=werkzeug>=2.3.3"}, "werkzeug": {"2.2.3", "2.3.3"}},
			moves:    "emergency flask 2.2.2>2.3.0, emergency werkzeug 2.2.2>2.3.3",
			outcomes: map[string]string{"CVE-1": "planned: 2.3.0", "CVE-2": "planned: 2.3.3"}, check: fixesOnce},
		{name: "an emergency stands alone and a later phase builds on it", pins: "lib==1.0 dep==1.0 app==1.0",
			db:       advisories{"lib": {"CVE-1 <1.1 critical"}, "app": {"CVE-2 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1", "1.2"}, "app": {"1.1 needs=dep>=1.2"}},
			moves:    "emergency dep 1.0>1.1, emergency lib 1.0>1.1, regular app 1.0>1.1, regular dep 1.1>1.2",
			outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "planned: 1.1"}, check: composesTo(map[string]string{"lib": "1.1", "dep": "1.2", "app": "1.1"})},
		{name: "several classes in one package", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 critical", "CVE-2 <1.2 low", "CVE-3 <1.1 high"}},
			releases: map[string][]string{"lib": {"1.1", "1.2"}}, moves: "emergency lib 1.0>1.2",
			outcomes: map[string]string{"CVE-1": "planned: 1.2", "CVE-2": "planned: 1.2", "CVE-3": "planned: 1.2"}, check: fixesOnce},
		{name: "two files of one environment", files: map[string]string{"requirements.txt": "-r base.txt\nlib==1.0\n", "base.txt": "lib==1.0\n"}, db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1"}}, prepare: func(w *world) { w.together = true },
			moves: "regular lib 1.0>1.1, regular lib 1.0>1.1"},
		{name: "two environments", files: map[string]string{"a/requirements.txt": "lib==1.0\nold==1.0\n", "b/requirements.txt": "lib==1.0\nold==2.0\n"}, db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=old>=2", "1.2"}, "old": {"1.0", "2.0"}},
			moves:    "regular lib 1.0>1.2, regular lib 1.0>1.1"},
		{name: "a full lock gets what is newly required", files: map[string]string{"requirements.txt": hashed("lib", "1.0") + hashed("dep", "1.0")}, db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=fresh"}, "fresh": {"1.0 needs=deeper", "2.0 needs=deeper"}, "deeper": {"1.0"}},
			moves:    "regular deeper >1.0, regular fresh >2.0, regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			check: func(t *testing.T, _ *world, p *report.Plan) {
				for pkg, through := range map[string]string{"fresh": "lib", "deeper": "fresh"} {
					u := updateOf(p, pkg)
					if !slices.Equal(u.Through, []string{through}) || len(u.Hashes) != 2 || u.Source != "requirements.txt" || u.Direct {
						t.Errorf("%s: %+v", pkg, u)
					}
				}
			}},
		{name: "and in a later phase, without hashes, too", pins: "lib==1.0 app==1.0", db: advisories{"lib": {"CVE-1 <1.1 critical"}, "app": {"CVE-2 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=fresh"}, "fresh": {"1.0", "2.0"}, "app": {"1.1 needs=later", "1.0"}, "later": {"1.0"}},
			moves:    "emergency fresh >2.0, emergency lib 1.0>1.1, regular app 1.0>1.1, regular later >1.0", outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "planned: 1.1"}},
		{name: "what an earlier phase added moves on", pins: "lib==1.0 app==1.0", db: advisories{"lib": {"CVE-1 <1.1 critical"}, "app": {"CVE-2 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=fresh<2"}, "fresh": {"1.0", "1.5 at=2026-11-22", "2.0"}, "app": {"1.1 needs=fresh>=1.0"}},
			moves:    "emergency fresh >1.0, emergency lib 1.0>1.1, regular app 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "planned: 1.1"}},
	})
}

func hashed(name, version string) string {
	return fmt.Sprintf("%s==%s \\\n    --hash=sha256:%s\n", name, version, sum(name+version))
}

func updateOf(p *report.Plan, pkg string) report.Update {
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			if u.Package == pkg {
				return u
			}
		}
	}
	return report.Update{}
}

func fixesOnce(t *testing.T, _ *world, p *report.Plan) {
	t.Helper()
	n := map[string]int{}
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			for _, f := range u.Fixes {
				n[f]++
			}
		}
	}
	for _, o := range p.Outcomes {
		if n[o.Vulnerability] != 1 {
			t.Errorf("%s is fixed %d times", o.Vulnerability, n[o.Vulnerability])
		}
	}
}

func composesTo(want map[string]string) func(*testing.T, *world, *report.Plan) {
	return func(t *testing.T, w *world, p *report.Plan) {
		t.Helper()
		inv := &inventory.Inventory{}
		if err := readEvidence(t.Context(), w.store, p.Inputs.Inventory, inv); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, u := range manifest.Composed(p.Phases, inv) {
			got[u.Package] = u.To
			if u.From != "1.0" {
				t.Errorf("%s starts from %s", u.Package, u.From)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("composed %v, want %v", got, want)
		}
	}
}

// What asks for one release of another package takes it along, though the other has a newer one.
func TestFullMovesWhatIsBound(t *testing.T) {
	releases := map[string][]string{"model": {"1.0 needs=core==2.0", "1.1 needs=core==2.1"}, "core": {"2.0", "2.1", "2.2"}}
	tryAll(t, []trial{
		{name: "both are pinned", full: true, pins: "model==1.0 core==2.0", releases: releases, moves: "regular core 2.0>2.1, regular model 1.0>1.1",
			says: map[string][]string{"core": {"because model 1.1 requires core==2.1"}, "model": {"the newest minor update"}}},
		{name: "a third holds the other", full: true, pins: "model==1.0 core==2.0 third==1.0", releases: map[string][]string{"model": releases["model"], "core": releases["core"], "third": {"1.0 needs=core<2.1"}}},
	})
}

// Updates that fix nothing known come with --full alone, in the classes of their steps, and without a deadline.
func TestFullPhases(t *testing.T) {
	releases := map[string][]string{"lib": {"1.0.1", "1.1.0", "2.0.0"}, "flask": {"2.2.5", "3.0.0"}, "last": {"1.0"}, "young": {"1.1 at=2026-11-20"},
		"bad": {"1.1"}, "bound": {"1.1", "1.2"}, "pre": {"2.0rc1"}, "yank": {"1.1 yanked"}}
	pins := "lib==1.0.0 flask==2.2.2 last==1.0 young==1.0 bad==1.0 bound==1.0 pre==1.0 yank==1.0"
	db := advisories{"flask": {"CVE-1 <2.2.5 high"}, "bad": {"CVE-2 >=1.1 low"}}
	tryAll(t, []trial{
		{name: "without", pins: pins, db: db, releases: releases, moves: "framework flask 2.2.2>2.2.5", outcomes: map[string]string{"CVE-1": "planned: 2.2.5"}},
		{name: "with", pins: pins, db: db, releases: releases, full: true,
			files: map[string]string{"requirements.txt": strings.Join(strings.Fields(pins), "\n"), "constraints.txt": "bound<1.2\n"},
			prepare: func(w *world) {
				w.bounds = []inventory.Bound{{Package: "bound", Specifier: "<1.2", Source: "constraints.txt", Line: 1, Scope: "repository:requirements.txt"}}
			},
			moves:    "framework flask 2.2.2>2.2.5, regular bound 1.0>1.1, regular lib 1.0.0>1.1.0, feature flask 2.2.5>3.0.0, feature lib 1.1.0>2.0.0",
			outcomes: map[string]string{"CVE-1": "planned: 2.2.5"}, says: map[string][]string{"bound": {"the newest minor update that installs with the rest; it fixes nothing known"}},
			check: func(t *testing.T, _ *world, p *report.Plan) {
				for _, ph := range p.Phases[1:] {
					if ph.Deadline != nil || ph.DeadlineRule != "" {
						t.Errorf("%s is due %s by %s", ph.Phase, ph.Deadline, ph.DeadlineRule)
					}
				}
			}},
		{name: "one that does not fit gives way", full: true, pins: "lib==1.0 cap==1.0", releases: map[string][]string{"lib": {"1.1", "1.2", "1.3"}, "cap": {"1.0 needs=lib<1.3"}},
			moves: "regular lib 1.0>1.2"},
		{name: "security and update of one class", full: true, pins: "lib==1.0 app==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1", "1.2"}, "app": {"1.1 needs=lib>=1.2"}}, moves: "regular app 1.0>1.1, regular lib 1.0>1.2",
			outcomes: map[string]string{"CVE-1": "planned: 1.2"}, check: fixesOnce},
	})
}
