package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// ends is when the rejections of these tests do.
var ends = start.AddDate(0, 0, 14)

// readUpdate reads "lib 1.0>1.1", in requirements.txt unless it names a file.
func readUpdate(text string) events.Update {
	f := append(strings.Fields(text), "requirements.txt")
	from, to, _ := strings.Cut(f[1], ">")
	return events.Update{Package: f[0], Ecosystem: pypi, From: from, To: to, Source: f[2]}
}

// refuse has a change opened and rejected.
func (w *world) refuse(r events.ChangeRejected, failing ...string) events.Event {
	w.t.Helper()
	c := events.ChangeOpened{Change: r.Change, Plan: "sha256:before", Phase: "regular", Class: "regular", Branch: "feature/package-updates-20261101-payments-regular"}
	for _, text := range failing {
		c.Updates = append(c.Updates, readUpdate(text))
	}
	w.say("before", r.Change, c)
	return w.reject(r, failing...)
}

// reject has an open change rejected.
func (w *world) reject(r events.ChangeRejected, failing ...string) events.Event {
	w.t.Helper()
	for _, text := range failing {
		r.Failing = append(r.Failing, readUpdate(text))
	}
	if r.Until.IsZero() {
		r.Until = ends
	}
	return w.say("dock-"+r.Change, r.Change, r)
}

// failed is a rejection by tests.
func failed(change string) events.ChangeRejected {
	return events.ChangeRejected{Change: change, Kind: events.RejectedTests, Reason: "2 tests fail with it and did not before", Proved: true}
}

// refused prepares a world in which updates were rejected.
func refused(failing ...string) func(w *world) {
	return func(w *world) { w.refuse(failed("c-1"), failing...) }
}

const whyFailed = "was rejected: 2 tests fail with it and did not before (change c-1, until 2026-12-06)"

func TestWhatARejectionReaches(t *testing.T) {
	low := advisories{"lib": {"CVE-1 <1.1 low"}}
	tryAll(t, []trial{
		{name: "the release", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1"}}, prepare: refused("lib 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 fixes it and is not offered until 2026-12-06 lib 1.1 " + whyFailed + "; drydock update payments tries it again"},
			check: func(t *testing.T, w *world, p *report.Plan) {
				if o := outcome(t, p, "CVE-1"); o.Until == nil || !o.Until.Equal(ends) || w.state.Plan.Revisit == nil || !w.state.Plan.Revisit.Equal(ends) {
					t.Errorf("until %v, planned again %v, want %s", o.Until, w.state.Plan.Revisit, ends)
				}
				if got := rejectedText(p.Inputs.Rejections); got != "lib 1.1 (c-1)" || !strings.Contains(Markdown(p), "rejected, and those above: `lib 1.1 (c-1)`") {
					t.Errorf("inputs name %q", got)
				}
			}},
		{name: "those above it", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1", "1.2", "2.0"}}, prepare: refused("lib 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 " + whyFailed}},
		{name: "a fix that is above it", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.2 low"}}, releases: map[string][]string{"lib": {"1.1", "1.2"}}, prepare: refused("lib 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.2 is above 1.1, which " + whyFailed}},
		{name: "not those below it", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1", "1.2", "1.3"}}, prepare: refused("lib 1.0>1.2"),
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "one below that is hit is no fix", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low", "CVE-2 <1.2 low"}}, releases: map[string][]string{"lib": {"1.1", "1.2"}}, prepare: refused("lib 1.0>1.2"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.2 " + whyFailed, "CVE-2": "blocked: lib 1.2 " + whyFailed}},
		{name: "one below that is too young is waited for", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1 at=2026-11-22", "1.2"}}, prepare: refused("lib 1.0>1.2"), exit: 1,
			outcomes: map[string]string{"CVE-1": "cooling-down: lib 1.1 fixes it and is younger"}},
		{name: "too young besides", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1 at=2026-11-22"}}, prepare: refused("lib 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 is too young until 2026-11-23 00:00Z and " + whyFailed}},
		{name: "no fix at all", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 >=1.0 low"}}, releases: map[string][]string{"lib": {"1.1"}}, prepare: refused("lib 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "no-fix-published: lib 1.1, the only release above, is hit by it"}},
		{name: "an update that fixes nothing is not offered", full: true, pins: "lib==1.0", releases: map[string][]string{"lib": {"1.1", "1.2", "2.0"}}, prepare: refused("lib 1.0>2.0"),
			moves: "regular lib 1.0>1.2"},
		{name: "nor one that is much like it, of its major release", full: true, pins: "lib==1.0", releases: map[string][]string{"lib": {"1.2", "2.0", "2.1", "2.2"}}, prepare: refused("lib 1.0>2.2"),
			moves: "regular lib 1.0>1.2"},
		{name: "of its minor release", full: true, pins: "lib==1.0", releases: map[string][]string{"lib": {"1.1", "1.2.1", "1.2.2"}}, prepare: refused("lib 1.0>1.2.2"),
			moves: "regular lib 1.0>1.1"},
		{name: "or any", full: true, pins: "lib==1.0", releases: map[string][]string{"lib": {"1.0.1", "1.0.2"}}, prepare: refused("lib 1.0>1.0.2")},
		{name: "but as a fix it is", full: true, pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <2.1 low"}}, releases: map[string][]string{"lib": {"2.1", "2.2"}}, prepare: refused("lib 1.0>2.2"),
			moves: "regular lib 1.0>2.1", outcomes: map[string]string{"CVE-1": "planned: 2.1"}},
		{name: "it is over", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1"}}, now: "2026-12-06", moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			prepare: func(w *world) {
				r := failed("c-1")
				r.Until = dayOf(t, "2026-12-06")
				w.refuse(r, "lib 1.0>1.1")
			}},
		{name: "somebody moved there", pins: "lib==1.1", db: advisories{"lib": {"CVE-1 <1.2 low"}}, releases: map[string][]string{"lib": {"1.1", "1.2"}}, prepare: refused("lib 1.0>1.1"),
			moves: "regular lib 1.1>1.2", outcomes: map[string]string{"CVE-1": "planned: 1.2"}, check: noRejections},
		{name: "somebody moved on the way", pins: "lib==1.0.5", db: low, releases: map[string][]string{"lib": {"1.1"}}, prepare: refused("lib 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 " + whyFailed}},
		{name: "another ecosystem's package of that name", pins: "lib==1.0", db: low, releases: map[string][]string{"lib": {"1.1"}}, moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			prepare: func(w *world) {
				r := failed("c-1")
				r.Failing = []events.Update{{Package: "lib", Ecosystem: "npm", From: "1.0", To: "1.1", Source: "requirements.txt"}}
				w.refuse(r)
			}, check: noRejections},
	})
}

func noRejections(t *testing.T, _ *world, p *report.Plan) {
	t.Helper()
	if len(p.Inputs.Rejections) > 0 {
		t.Errorf("inputs name %s", rejectedText(p.Inputs.Rejections))
	}
}

// What must move because another does is not moved to what was rejected.
func TestARejectionReachesCompany(t *testing.T) {
	low := advisories{"lib": {"CVE-1 <1.1 low"}}
	tryAll(t, []trial{
		{name: "the only one that fits", pins: "lib==1.0 dep==1.0", db: low, releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1"}}, prepare: refused("dep 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 fixes it and can't be installed with the rest dep 1.1 " + whyFailed + "; dep 1.0 has no release above that may be picked; lib 1.1 requires dep>=1.1; drydock update payments tries it again"},
			check: func(t *testing.T, _ *world, p *report.Plan) {
				if o := outcome(t, p, "CVE-1"); o.Until == nil || !o.Until.Equal(ends) {
					t.Errorf("until %v", o.Until)
				}
			}},
		{name: "one below it fits too", pins: "lib==1.0 dep==1.0", db: low, releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1", "1.2"}}, prepare: refused("dep 1.0>1.2"),
			moves: "regular dep 1.0>1.1, regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "another fix does without", pins: "lib==1.0 dep==1.0", db: low, releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1", "1.2 needs=dep>=1.0"}, "dep": {"1.1"}}, prepare: refused("dep 1.0>1.1"),
			moves: "regular lib 1.0>1.2", outcomes: map[string]string{"CVE-1": "planned: 1.2"}},
		{name: "two at once", pins: "lib==1.0 dep==1.0 low==1.0", db: low, releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1 needs=low>=1.2"}, "dep": {"1.1"}, "low": {"1.1", "1.2"}},
			prepare: func(w *world) {
				w.refuse(failed("c-1"), "dep 1.0>1.1")
				r := failed("c-2")
				r.Until = ends.AddDate(0, 0, 7)
				w.refuse(r, "low 1.0>1.1")
			}, exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 fixes it and can't be installed with the rest dep 1.1 " + whyFailed +
				"; low 1.2 is above 1.1, which was rejected: 2 tests fail with it and did not before (change c-2, until 2026-12-13); "},
			check: func(t *testing.T, w *world, p *report.Plan) {
				if o := outcome(t, p, "CVE-1"); o.Until == nil || !o.Until.Equal(ends.AddDate(0, 0, 7)) || !w.state.Plan.Revisit.Equal(ends) {
					t.Errorf("until %v, planned again %v", o.Until, w.state.Plan.Revisit)
				}
			}},
		{name: "it is not what blocks", pins: "lib==1.0 dep==1.0 cap==1.0", db: low, releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1"}, "cap": {"1.0 needs=dep<1.1"}}, prepare: refused("dep 1.0>1.1"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 fixes it and can't be installed with the rest cap 1.0 has no release above that may be picked; cap 1.0 requires dep<1.1; lib 1.1 requires dep>=1.1"}, check: func(t *testing.T, _ *world, p *report.Plan) {
				if o := outcome(t, p, "CVE-1"); o.Until != nil || strings.Contains(strings.Join(o.Chain, ";"), "tries it again") {
					t.Errorf("%+v", o)
				}
			}},
		{name: "a pin that is added", files: map[string]string{"requirements.txt": hashed("lib", "1.0")}, db: low, releases: map[string][]string{"lib": {"1.1 needs=new>=1.0"}, "new": {"1.0", "1.1", "1.2"}}, prepare: refused("new >1.1"),
			moves: "regular lib 1.0>1.1, regular new >1.0", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
	})
}

// Several that fail together are held, each by itself, and say so.
func TestRejectedTogether(t *testing.T) {
	db := advisories{"lib": {"CVE-1 <1.1 low"}, "dep": {"CVE-2 <1.1 low"}}
	releases := map[string][]string{"lib": {"1.1"}, "dep": {"1.1"}}
	both := map[string]string{"CVE-1": "blocked: lib 1.1 was rejected together with dep 1.1: 2 tests fail with it", "CVE-2": "blocked: dep 1.1 was rejected together with lib 1.1: 2 tests fail with it"}
	tryAll(t, []trial{
		{name: "proved", pins: "lib==1.0 dep==1.0", db: db, releases: releases, prepare: refused("dep 1.0>1.1", "lib 1.0>1.1"), outcomes: both, exit: 1},
		{name: "suspected", pins: "lib==1.0 dep==1.0", db: db, releases: releases, outcomes: both, exit: 1, prepare: func(w *world) {
			r := failed("c-1")
			r.Proved = false
			w.refuse(r, "dep 1.0>1.1", "lib 1.0>1.1")
		}},
		{name: "nobody knows which: the whole change", pins: "lib==1.0 dep==1.0", db: db, releases: releases, outcomes: both, exit: 1, prepare: func(w *world) {
			w.say("before", "c-1", events.ChangeOpened{Change: "c-1", Phase: "regular", Updates: []events.Update{readUpdate("dep 1.0>1.1"), readUpdate("lib 1.0>1.1")}})
			w.reject(failed("c-1"))
		}},
		{name: "in two files of one environment", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: releases, prepare: refused("lib 1.0>1.1", "lib 1.0>1.1 more.txt"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 " + whyFailed}},
		{name: "many", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: releases, prepare: refused("lib 1.0>1.1", "a 1>2", "b 1>2", "c 1>2", "d 1>2", "e 1>2", "f 1>2"), exit: 1,
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 was rejected together with a 2, b 2, c 2, d 2, 2 more: 2 tests"}},
	})
}

// Of a change that was too large to list its updates the plan in force does.
func TestRejectedWithoutAList(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	c := w.open("regular")
	c.Updates = nil
	w.state.Changes[c.Change] = c
	w.plan(w.reject(failed(c.Change)))
	if o := outcome(t, w.document(), "CVE-L"); o.Outcome != report.Blocked || moves(w.document()) != "emergency pyjwt 2.3.0>2.4.0, framework flask 2.2.2>2.2.5" {
		t.Errorf("%+v, %s", o, moves(w.document()))
	}
	w.recomputes(w.document())
}

// A branch that somebody took away is told by who did it.
func TestRejectedByTakingItsBranchAway(t *testing.T) {
	deleted := events.ChangeRejected{Change: "c-1", Kind: events.RejectedDeleted, Reason: "the branch is gone", By: "ana@example.com"}
	for by, want := range map[string]string{"ana@example.com": "ana@example.com", "": "somebody", "an\x1b[31ma\n": "an[31ma"} {
		tryAll(t, []trial{{name: by, pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: map[string][]string{"lib": {"1.1"}}, exit: 1,
			prepare:  func(w *world) { deleted.By = by; w.refuse(deleted, "lib 1.0>1.1") },
			outcomes: map[string]string{"CVE-1": "blocked: lib 1.1 was rejected: " + want + " took the branch feature/package-updates-20261101-payments-regular away (change c-1, until 2026-12-06)"}}})
	}
}

// What was rejected in one environment may be right in another.
func TestARejectionKeepsToItsEnvironment(t *testing.T) {
	files := map[string]string{"a/requirements.txt": "lib==1.0\n", "b/requirements.txt": "lib==1.0\n"}
	for source, want := range map[string]string{
		"a/requirements.txt": "b/requirements.txt", "b/requirements.txt": "a/requirements.txt",
		"old/requirements.txt": "", // renamed, to whatever
	} {
		w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1"}})
		w.refuse(failed("c-1"), "lib 1.0>1.1 "+source)
		w.plan(w.scan(files))
		p, got := w.document(), ""
		for _, ph := range p.Phases {
			for _, u := range ph.Updates {
				got += u.Source
			}
		}
		if got != want {
			t.Errorf("rejected in %s: updates of %q, want %q", source, got, want)
		}
		w.recomputes(p)
	}
}

// An index that is away keeps what was planned, but for what was rejected since and the phases that stand on it.
func TestNothingRejectedIsKept(t *testing.T) {
	for phase, want := range map[string]string{"emergency": "", "framework": "emergency pyjwt 2.3.0>2.4.0", "regular": "emergency pyjwt 2.3.0>2.4.0, framework flask 2.2.2>2.2.5"} {
		w := paymentsWorld(t, Config{})
		w.plan(w.scan(paymentsFiles))
		w.now = w.now.Add(time.Hour)
		w.shelf.down, w.service.answers = true, newAnswers("")
		c := w.open(phase)
		r := failed(c.Change)
		r.Failing = c.Updates
		w.plan(w.reject(r))
		p := w.document()
		if got := moves(p); got != want || w.state.Plan.Retry == nil {
			t.Errorf("%s was rejected: %q is kept, want %q", phase, got, want)
		}
		w.recomputes(p)
	}
}

// open is the open change of a phase.
func (w *world) open(phase string) events.Change {
	w.t.Helper()
	for _, c := range w.state.OpenChanges() {
		if c.Phase == phase && c.Merged == nil {
			return c
		}
	}
	w.t.Fatalf("no change of %s is open", phase)
	return events.Change{}
}
