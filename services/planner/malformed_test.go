package planner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

var (
	twoFindings = advisories{"lib": {"CVE-1 <1.1 low"}, "away": {"CVE-2 <1.1 low"}}
	twoReleases = map[string][]string{"lib": {"1.1"}, "away": {"1.1"}}
)

func broken(err error) func(*world) {
	return func(w *world) { w.shelf.broken = map[string]error{"away": err} }
}

// An index that fails for one package leaves the others alone.
func TestIndexFailsForOne(t *testing.T) {
	unusable := fmt.Errorf("%w: %w: HTML, not JSON", index.ErrUnreachable, index.ErrUnusable)
	tryAll(t, []trial{
		{name: "down", pins: "lib==1.0 away==1.0", db: twoFindings, releases: twoReleases, prepare: broken(index.ErrUnreachable), moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "error: look up away: the index does not answer"}, notes: []string{"away 1.0: look up away: the index does not answer"}, exit: 2,
			check: func(t *testing.T, w *world, _ *report.Plan) {
				if w.state.Plan.Retry == nil {
					t.Error("nobody asks again")
				}
			}},
		{name: "of no use", pins: "lib==1.0 away==1.0", db: twoFindings, releases: twoReleases, prepare: broken(unusable), moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "error: HTML, not JSON"}, exit: 2},
		{name: "not there", pins: "lib==1.0 away==1.0", db: twoFindings, releases: twoReleases, prepare: broken(index.ErrUnknownProject), moves: "regular lib 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "no-fix-published: the index does not know the package"}, notes: []string{"away 1.0: the index does not know it"}, exit: 1},
		{name: "down for one without a finding", pins: "lib==1.0 away==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: twoReleases, prepare: broken(index.ErrUnreachable),
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}, notes: []string{"away 1.0: look up away: the index does not answer"}},
		{name: "the metadata of the fix does not match", pins: "lib==1.0", db: twoFindings, releases: map[string][]string{"lib": {"1.1", "1.2"}},
			prepare: func(w *world) {
				w.shelf.mute = map[string]error{"lib 1.1": fmt.Errorf("read lib: %w: %w", index.ErrUnreadable, index.ErrMismatch)}
			},
			moves: "regular lib 1.0>1.2", outcomes: map[string]string{"CVE-1": "planned: 1.2"}},
		{name: "nor anybody's", pins: "lib==1.0", db: twoFindings, releases: map[string][]string{"lib": {"1.1"}},
			prepare: func(w *world) {
				w.shelf.mute = map[string]error{"lib 1.1": fmt.Errorf("read lib: %w: %w", index.ErrUnreadable, index.ErrMismatch)}
			},
			outcomes: map[string]string{"CVE-1": "blocked: it is not the file that the index describes"}, exit: 1},
		{name: "the metadata of what leaves can't be had", pins: "lib==1.0", db: twoFindings, releases: map[string][]string{"lib": {"1.1"}},
			prepare: func(w *world) { w.shelf.mute = map[string]error{"lib 1.0": index.ErrUnreachable} },
			moves:   "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}, notes: []string{"lib 1.0: the index does not answer"}},
	})
}

// Without a resolver that works, what needs it is an error; what has nothing to move to keeps its answer.
func TestEngineFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		says string
	}{
		{"missing", uv.ErrMissing, uv.ErrMissing.Error()},
		{"another version", fmt.Errorf("uv 0.1: %w", uv.ErrVersion), "uv 0.1"},
		{"dies", fmt.Errorf("run uv: %w", uv.ErrDied), uv.ErrDied.Error()},
		{"times out", fmt.Errorf("run uv: %w", uv.ErrTimeout), "the time for the resolution is over"},
		{"contradicts", &uv.Conflict{Text: "lib can't be had"}, "uv and the metadata disagree"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}, "last": {"CVE-2 >=0 low"}, "gone": {"CVE-3 >=0 low"}, "young": {"CVE-4 <2 low"}},
				map[string][]string{"lib": {"1.1"}, "last": {"1.0"}, "young": {"2 at=2026-11-22"}})
			w.uv.err = tc.err
			w.service.deps.Engine = func(context.Context) (resolution.Engine, error) {
				if tc.name == "missing" || tc.name == "another version" {
					return nil, tc.err
				}
				return w.uv, nil
			}
			w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\nlast==1.0\ngone==1.0\nyoung==1.0\n"}))
			p := w.document()
			trial{outcomes: map[string]string{"CVE-1": "error: " + tc.says, "CVE-2": "no-fix-published: newest", "CVE-3": "no-fix-published: does not know", "CVE-4": "cooling-down: 2"}, exit: 1}.judge(t, p)
			if len(p.Phases) != 0 {
				t.Errorf("planned without a resolver: %s", moves(p))
			}
			w = newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1"}})
			w.uv.err = tc.err
			w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
			if p := w.document(); p.ExitCode != report.ExitIncomplete {
				t.Errorf("exit %d", p.ExitCode)
			}
			w.uv.err = nil // it is not remembered
			w.plan(w.say("again", "", w.state.Scans["/src/payments"].Scan))
			if got := moves(w.document()); got != "regular lib 1.0>1.1" {
				t.Errorf("the resolver is back: %q", got)
			}
		})
	}
}

// dying is a resolver that fails from its n-th run on.
type dying struct {
	engine
	n   int
	err error
}

func (d *dying) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	if d.runs++; d.runs >= d.n {
		return uv.Answer{}, d.err
	}
	return d.engine.Compile(ctx, p)
}

// A resolver that fails in a later phase leaves the earlier ones as they are.
func TestPartialResultIsKept(t *testing.T) {
	for _, err := range []error{uv.ErrTimeout, uv.ErrDied} {
		w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}, "late": {"CVE-2 <1.1 low"}}, map[string][]string{"lib": {"1.1"}, "late": {"1.1"}})
		once := &dying{n: 3, err: err} // its own count and that of the engine in it
		w.service.deps.Engine = func(context.Context) (resolution.Engine, error) { return once, nil }
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\nlate==1.0\n"}))
		trial{moves: "emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "error: "}, exit: 2}.judge(t, w.document())
	}
}

// Pins that contradict one another before any change are said to, and the rest goes on.
func TestBrokenBaseline(t *testing.T) {
	tryAll(t, []trial{
		{name: "a requirement that does not hold", pins: "lib==1.0 a==1.0 b==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1"}, "a": {"1.0 needs=b>=2"}, "b": {"1.0", "2.0"}}, moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			notes: []string{"contradicts itself before any change: a 1.0 requires b>=2, pinned is 1.0"}, exit: 2},
		{name: "pinned twice", files: map[string]string{"requirements.txt": "lib==1.0\nother==1.0\nlib==1.2\n"}, db: advisories{"lib": {"CVE-1 <1.1 low"}, "other": {"CVE-2 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1", "1.3"}, "other": {"1.1"}}, moves: "regular other 1.0>1.1",
			outcomes: map[string]string{"CVE-1": "blocked: requirements.txt:3 pins lib 1.2", "CVE-2": "planned: 1.1"}, exit: 1},
		{name: "a Python that the pin does not know", pins: "lib==1.0 old==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: map[string][]string{"lib": {"1.1"}, "old": {"1.0 py<3"}},
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
	})
}

// What is required without a pin and only vulnerable releases meet would be installed all the same: the plan is not clean.
func TestWhatNoPinHolds(t *testing.T) {
	db := advisories{"lib": {"CVE-1 <1.1 low"}, "py": {"CVE-2 <9 high"}}
	said := "requirements.txt: app 1.0 requires py>=1, which is not pinned, and no release that meets this may be picked: py 1.5 is hit by CVE-2"
	tryAll(t, []trial{
		{name: "every release is hit", pins: "lib==1.0 app==1.0", db: db, releases: map[string][]string{"lib": {"1.1"}, "app": {"1.0 needs=py>=1"}, "py": {"1.0", "1.5"}},
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}, notes: []string{said}, exit: 2},
		{name: "what requires it moves on", pins: "lib==1.0", db: db, releases: map[string][]string{"lib": {"1.0 needs=py>=1", "1.1"}, "py": {"1.0", "1.5"}},
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
	})
}

// Updates that fix nothing known have no outcome: what keeps them from being looked for is said, and exits with 2.
func TestUnseenUpdatesAreSaid(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{}, twoReleases)
	w.options.Full = true
	w.uv.err = uv.ErrMissing
	e := w.scan(map[string]string{"requirements.txt": "lib==1.0\naway==1.0\n"})
	w.plan(e)
	trial{notes: []string{"updates that fix nothing known were not looked for: " + uv.ErrMissing.Error()}, exit: 2}.judge(t, w.document())
	w.uv.err = nil
	w.shelf.broken = map[string]error{"away": index.ErrUnreachable}
	w.plan(w.say("again", "", w.state.Scans["/src/payments"].Scan))
	trial{moves: "regular lib 1.0>1.1", notes: []string{"whether away can be updated is not known: look up away"}, exit: 2}.judge(t, w.document())
	w.recomputes(w.document())
	w.shelf.broken = nil
	w.plan(w.say("and again", "", w.state.Scans["/src/payments"].Scan))
	trial{moves: "regular away 1.0>1.1, regular lib 1.0>1.1"}.judge(t, w.document())
}

// A finding that was fixed with what the index said before it went away is not lost for one that it leaves open.
func TestKeptPlanAnswersEverybody(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"away": {"CVE-2 <1.1 low"}}, twoReleases)
	files := map[string]string{"requirements.txt": "lib==1.0\naway==1.0\n"}
	w.plan(w.scan(files))
	w.advisories["lib"] = []string{"CVE-1 <1.1 low"}
	w.shelf.broken = map[string]error{"away": index.ErrUnreachable}
	w.plan(w.scan(files))
	trial{moves: "regular away 1.0>1.1", outcomes: map[string]string{"CVE-2": "planned: ", "CVE-1": "error: the plan in force stays as it is"}, exit: 2}.judge(t, w.document())
	if w.state.Plan.Retry == nil {
		t.Error("nobody asks again")
	}
	w.recomputes(w.document())
}

// An index that fails for a package that only stands beside the finding ends no change either.
func TestIndexAwayForTheCompany(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1 needs=away>=1.1"}, "away": {"1.1"}})
	files := map[string]string{"requirements.txt": "lib==1.0\naway==1.0\n"}
	w.plan(w.scan(files))
	before := w.document()
	w.shelf.broken = map[string]error{"away": index.ErrUnreachable}
	w.service.answers = newAnswers("")
	if evs := w.plan(w.scan(files)); len(evs) != 0 {
		t.Errorf("%s: %+v", names(evs), w.document().Outcomes)
	}
	if got := moves(w.document()); got != moves(before) {
		t.Errorf("%s, was %s", got, moves(before))
	}
}

// What the index took back is not kept because it is away for another package, nor is what only --full asked for.
func TestWhatWasTakenBackIsNotKept(t *testing.T) {
	files := map[string]string{"requirements.txt": "lib==1.0\naway==1.0\n"}
	w := newWorld(t, Config{Python: "3.11"}, twoFindings, map[string][]string{"lib": {"1.1"}, "away": {"1.1"}})
	w.plan(w.scan(files))
	w.shelf.broken = map[string]error{"away": index.ErrUnreachable}
	w.shelf.releases["lib"] = []string{"1.1 yanked", "1.2"}
	w.plan(w.scan(files))
	trial{moves: "regular lib 1.0>1.2", outcomes: map[string]string{"CVE-1": "planned: 1.2", "CVE-2": "error: "}, exit: 2}.judge(t, w.document())
	w.recomputes(w.document())

	w = newWorld(t, Config{Python: "3.11"}, advisories{"away": {"CVE-2 <1.1 low"}}, map[string][]string{"lib": {"2.0"}, "away": {"1.1"}})
	w.options.Full = true
	w.plan(w.scan(files))
	w.options.Full, w.shelf.down = false, true
	w.plan(w.scan(files))
	if got := moves(w.document()); strings.Contains(got, "lib") {
		t.Errorf("without --full: %s", got)
	}
}

// A fix that can't be had while the index is away for what it needs is tried again.
func TestBlockedWhileAwayIsTriedAgain(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1 needs=away>=1.1"}, "away": {"1.1"}})
	w.shelf.broken = map[string]error{"away": index.ErrUnreachable}
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\naway==1.0\n"}))
	if o := w.document().Outcomes[0]; o.Outcome == report.Planned || w.state.Plan.Retry == nil {
		t.Fatalf("%+v, retry %v", o, w.state.Plan.Retry)
	}
	w.shelf.broken = nil
	w.now = *w.state.Plan.Retry
	tms := w.service.timers(w.state)
	if _, err := w.due(tms[len(tms)-1]); err != nil || moves(w.document()) != "regular away 1.0>1.1, regular lib 1.0>1.1" {
		t.Errorf("%v: %s", err, moves(w.document()))
	}
}

// Secrets that anybody wrote into an address get no further than the file they stand in.
func TestNoCredentialsInEvidence(t *testing.T) {
	const secret = "hunter2"
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}, "private": {"CVE-2 >=0 low"}}, map[string][]string{"lib": {"1.1"}})
	w.shelf.secret = "https://user:" + secret + "@files.example/x/"
	inv := w.inventoryOf(map[string]string{"requirements.txt": "lib==1.0\n"})
	inv.Packages = append(inv.Packages, inventory.Package{Package: "private", Ecosystem: pypi, Version: "1", Pin: inventory.Exact, Source: "requirements.txt", Line: 2,
		Reference: "git+https://user:***@git.example/private", Scope: "repository:requirements.txt"})
	evs := w.plan(w.scanInventory(inv))
	for _, e := range evs {
		if strings.Contains(string(e.Data()), secret) {
			t.Errorf("%s holds it", e.Type())
		}
	}
	for d, text := range w.store.docs {
		if tape, err := unpackTape(text); err == nil {
			if all := fmt.Sprintf("%+v", tape); strings.Contains(all, secret) {
				t.Error("a tape holds it")
			}
			for _, p := range tape.Pages {
				if p.Project != nil && p.Project.Releases[0].Files[0].URL != "" {
					t.Error("a tape holds addresses of files")
				}
			}
			continue
		}
		if strings.Contains(string(text), secret) {
			t.Errorf("evidence %s holds it", d)
		}
	}
	if strings.Contains(Markdown(w.document()), secret) {
		t.Error("plan.md holds it")
	}
	if !errors.Is(again("x", kindUnknown), index.ErrUnknownProject) {
		t.Error("an error of a tape lost what it is")
	}
}
