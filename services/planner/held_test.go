package planner

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/report"
)

// What may be picked, and what stays because nobody can tell what it requires.
func TestWhatMayBePicked(t *testing.T) {
	low := advisories{"lib": {"CVE-1 <1.1 low"}}
	tryAll(t, []trial{
		{name: "no wheel and dynamic metadata: held", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0 sdist", "1.1"}},
			outcomes: map[string]string{"CVE-1": "unsupported: stays at 1.0, because what it requires is unknown: it has no wheel for the target"}, exit: 2},
		{name: "a wheel for another machine is none", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0 foreign", "1.1"}},
			outcomes: map[string]string{"CVE-1": "unsupported: stays at 1.0"}, exit: 2},
		{name: "what is held holds nobody else", pins: "lib==1.0 odd==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}, "odd": {"CVE-2 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1"}, "odd": {"1.0 sdist", "1.1"}}, moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "unsupported: stays at 1.0"}, notes: []string{"odd 1.0: it has no wheel for the target"}, exit: 2},
		{name: "what needs a held one to move is blocked", pins: "lib==1.0 odd==1.0", db: low,
			releases: map[string][]string{"lib": {"1.1 needs=odd>=1.1"}, "odd": {"1.0 sdist", "1.1"}},
			outcomes: map[string]string{"CVE-1": "blocked: odd 1.0 stays where it is"}, notes: []string{"odd 1.0: "}, exit: 1},
		{name: "static metadata takes part, and may be picked", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0 static", "1.1 static"}},
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "not where the pin has a wheel", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0", "1.1 static"}},
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 has no wheel for the target"}, exit: 1},
		{name: "the wheel above it is taken", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0", "1.1 foreign", "1.2"}},
			moves: "regular lib 1.0>1.2", outcomes: map[string]string{"CVE-1": "planned: 1.2"}, says: map[string][]string{"lib": {"lib 1.1 has no wheel for the target"}}},
		{name: "dynamic sources of a package without wheels", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0 static", "1.1 sdist"}},
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 has no wheel for the target, and requirements that only building would tell"}, exit: 1},
		{name: "not on the index", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1"}}, prepare: func(w *world) { w.shelf.hidden = map[string]bool{"lib": true} },
			outcomes: map[string]string{"CVE-1": "unsupported: stays at 1.0, because what it requires is unknown: the index does not offer 1.0"}, exit: 2},
		{name: "yanked above", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1 yanked", "1.2"}}, moves: "regular lib 1.0>1.2",
			outcomes: map[string]string{"CVE-1": "planned: 1.2"}, says: map[string][]string{"lib": {"lib 1.1 is yanked (broken build)"}}},
		{name: "a pin that is yanked moves like any other", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.0 yanked", "1.1"}}, moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "a pin that is yanked stays like any other", pins: "lib==1.0 old==1.0", db: low, releases: map[string][]string{"lib": {"1.1 needs=old"}, "old": {"1.0 yanked", "1.1"}}, moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "pre-releases", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1rc1", "1.1.dev0", "1.1"}}, moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "a pin that is one", pins: "lib==1.0rc1", db: low, releases: map[string][]string{"lib": {"1.1rc1", "1.1"}}, moves: "regular lib 1.0rc1>1.1rc1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1rc1"}},
		{name: "a version that has no order", pins: "lib==1.0 odd===bananas", db: low, releases: map[string][]string{"lib": {"1.1"}, "odd": {"1.0"}}, moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1"}, prepare: func(w *world) { w.arbitrary = "odd bananas" }, notes: []string{"odd bananas: its version can't be ordered (PEP 440)"}},
	})
}

// A malicious release is never picked, whatever the class, nor where another package asks for it.
func TestMaliciousIsNeverPicked(t *testing.T) {
	for _, class := range []string{"low", "high", "critical", "high kev"} {
		tryAll(t, []trial{
			{name: class, pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 " + class, "MAL-1 ==1.1 malicious"}}, releases: map[string][]string{"lib": {"1.1", "1.2"}},
				check: func(t *testing.T, _ *world, p *report.Plan) { pickedOnly(t, p, "lib", "1.2") }, moves: phaseOf(class) + " lib 1.0>1.2"},
			{name: class + " as company", pins: "lib==1.0 dep==1.0", db: advisories{"lib": {"CVE-1 <1.1 " + class}, "dep": {"MAL-1 ==1.1 malicious"}},
				releases: map[string][]string{"lib": {"1.1 needs=dep==1.1", "1.2 needs=dep>=1.1"}, "dep": {"1.1", "1.2"}},
				check:    func(t *testing.T, _ *world, p *report.Plan) { pickedOnly(t, p, "dep", "1.2") }, moves: phaseOf(class) + " dep 1.0>1.2, " + phaseOf(class) + " lib 1.0>1.2"},
			{name: class + " and nothing else", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 " + class, "MAL-1 >=1.1 malicious"}}, releases: map[string][]string{"lib": {"1.1"}},
				outcomes: map[string]string{"CVE-1": "no-fix-published: lib 1.1 is malicious (MAL-1)"}, exit: 1},
		})
	}
}

func phaseOf(class string) string {
	return map[string]string{"low": "regular", "high": "high", "critical": "emergency", "high kev": "emergency"}[class]
}

func pickedOnly(t *testing.T, p *report.Plan, pkg, version string) {
	t.Helper()
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			if u.Package == pkg && u.To != version {
				t.Errorf("%s %s is picked in %s", pkg, u.To, ph.Phase)
			}
		}
	}
}
