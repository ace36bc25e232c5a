package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/report"
)

// Today is Sunday 22 November 2026, 08:00.
func TestCooldown(t *testing.T) {
	tryAll(t, []trial{
		{name: "a routine finding waits its 24 hours", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: map[string][]string{"lib": {"1.1 at=2026-11-22"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: lib 1.1 fixes it and is younger than the 24h that other-finding asks for; planned again 2026-11-23 00:00Z"}, exit: 1},
		{name: "and not longer", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: map[string][]string{"lib": {"1.1 at=2026-11-21"}},
			moves: "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: lib 1.0 to 1.1"}},
		{name: "a class of its own", policy: "classes: {regular: {cooldown: 10d}}\nrules: {other-finding: {cooldown: 10d}}", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 at=2026-11-13"}}, outcomes: map[string]string{"CVE-1": "cooling-down: 10d"}, exit: 1},
		{name: "critical waits 24 hours", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 critical"}}, releases: map[string][]string{"lib": {"1.1 at=2026-11-22"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: 24h that critical-severity asks for"}, exit: 1},
		{name: "known exploited does not wait", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 high kev"}}, releases: map[string][]string{"lib": {"1.1 at=2026-11-22"}},
			moves: "emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "known exploited is no reason to take what is not there yet", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 high kev"}}, releases: map[string][]string{"lib": {"1.1 at=2026-11-23"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: planned again 2026-11-23 00:00Z"}, exit: 1},
		{name: "--now before the release dates", now: "2024-01-01", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: map[string][]string{"lib": {"1.1 at=2024-05-01"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: planned again 2024-05-02 00:00Z"}, exit: 1},
		{name: "an unknown date is too young", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 critical"}}, releases: map[string][]string{"lib": {"1.1 undated"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: no date of publication is known"}, exit: 1},
		{name: "no cooldown, no date", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 high kev"}}, releases: map[string][]string{"lib": {"1.1 undated"}},
			moves: "emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "a pin that stays is not judged", pins: "lib==1.0 young==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=young>=1.0"}, "young": {"1.0 at=2026-11-22"}},
			moves:    "regular lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"}},
		{name: "a young lower release is passed over for an older higher one", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 at=2026-11-22", "2.0 at=2026-01-01"}}, moves: "regular lib 1.0>2.0", outcomes: map[string]string{"CVE-1": "planned: 2.0"},
			says: map[string][]string{"lib": {"lib 1.1 is too young until 2026-11-23 00:00Z"}}},
		{name: "exclude-newer and cooldown", newer: "2026-11-20", pins: "lib==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 at=2026-11-22"}}, outcomes: map[string]string{"CVE-1": "no-fix-published: lib 1.1 is published after the time allowed and too young until"}, exit: 1},
		{name: "exclude-newer does not make old", policy: "classes: {regular: {cooldown: 30d}}\nrules: {other-finding: {cooldown: 30d}}", newer: "2026-11-20", pins: "lib==1.0",
			db: advisories{"lib": {"CVE-1 <1.1 low"}}, releases: map[string][]string{"lib": {"1.1 at=2026-11-10"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: 2026-12-10"}, exit: 1},
	})
}

// What else moves keeps the routine cooldown unless the fix needs it.
func TestCooldownOfTheCompany(t *testing.T) {
	db := advisories{"lib": {"CVE-1 <1.1 critical"}}
	tryAll(t, []trial{
		{name: "what else moves keeps the routine one where it can", pins: "lib==1.0 dep==1.0", db: db,
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-18", "1.2 at=2026-01-01"}},
			moves:    "emergency dep 1.0>1.2, emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			says: map[string][]string{"dep": {"passed over: dep 1.1 is too young until 2026-11-25", "!needs it:"}}},
		{name: "unless the fix needs it, and then it says so", pins: "lib==1.0 dep==1.0", db: db,
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-18"}},
			moves:    "emergency dep 1.0>1.1, emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			says: map[string][]string{"dep": {"the fix of lib needs it: its own cooldown of 24h counts (critical-severity), not the routine 7d"}, "lib": {"!needs it:"}}},
		{name: "a young fix that hurries says nothing of itself", pins: "lib==1.0 dep==1.0", db: db,
			releases: map[string][]string{"lib": {"1.1 at=2026-11-19 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-18"}},
			moves:    "emergency dep 1.0>1.1, emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1"},
			says: map[string][]string{"dep": {"the fix of lib needs it"}, "lib": {"!needs it:"}}},
		{name: "younger than even the fix may be", pins: "lib==1.0 dep==1.0", db: db,
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-22"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: a release that the fix needs is younger than the cooldown of 24h (critical-severity); planned again 2026-11-23 00:00Z"}, exit: 1},
		{name: "the first moment counts, whichever release it is", policy: "rules: {other-finding: {cooldown: 7d}}", pins: "lib==1.0 dep==1.0 beside==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1", "1.2 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-22", "2.0 at=2026-11-18", "3.0 at=2026-11-20"}, "beside": {"1.1 at=2026-11-17"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: planned again 2026-11-25 00:00Z"}, exit: 1},
		{name: "whose date nobody knows", pins: "lib==1.0 dep==1.0", db: db,
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 undated"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: no date of publication is known"}, exit: 1},
		{name: "its own finding's cooldown covers a package in an earlier phase", pins: "lib==1.0 dep==1.0",
			db:       advisories{"lib": {"CVE-1 <1.1 critical"}, "dep": {"CVE-2 <1.1 high"}},
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-18"}},
			moves:    "emergency dep 1.0>1.1, emergency lib 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "planned: 1.1"},
			says: map[string][]string{"dep": {"!needs it:"}}},
		{name: "one in a hurry takes another along", pins: "a==1.0 b==1.0 dep==1.0",
			db:       advisories{"a": {"CVE-1 <1.1 critical"}, "b": {"CVE-2 <1.1 critical"}},
			releases: map[string][]string{"a": {"1.1 needs=dep>=1.1"}, "b": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-18"}},
			moves:    "emergency a 1.0>1.1, emergency b 1.0>1.1, emergency dep 1.0>1.1", outcomes: map[string]string{"CVE-1": "planned: 1.1", "CVE-2": "planned: 1.1"}},
		{name: "one in a hurry moves on what the phase has moved", pins: "a==1.0 b==1.0",
			db:       advisories{"a": {"CVE-1 <1.1 critical"}, "b": {"CVE-2 <1.1 critical"}},
			releases: map[string][]string{"a": {"1.1", "1.2 needs=dep>=1.2"}, "b": {"1.1 needs=dep>=1.1 needs=a>=1.2"}, "dep": {"1.2 at=2026-11-18"}},
			moves:    "emergency a 1.0>1.2, emergency b 1.0>1.1, emergency dep >1.2", outcomes: map[string]string{"CVE-1": "planned: 1.2", "CVE-2": "planned: 1.1"}},
		{name: "routine findings hurry nobody beyond their own class", pins: "lib==1.0 dep==1.0", db: advisories{"lib": {"CVE-1 <1.1 low"}},
			policy:   "rules: {other-finding: {cooldown: 7d}}",
			releases: map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1 at=2026-11-18"}},
			outcomes: map[string]string{"CVE-1": "cooling-down: planned again 2026-11-25 00:00Z"}, exit: 1},
	})
}

// The end of a cooldown is a timer that plans again and opens the change.
func TestCooldownEndsByItself(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1 at=2026-11-22"}})
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	tms := w.service.timers(w.state)
	if len(tms) != 1 || tms[0].Key != revisitKey || !tms[0].At.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("timers %+v", tms)
	}
	w.now = tms[0].At.Add(-time.Minute)
	if evs, err := w.due(tms[0]); err == nil || len(evs) != 0 {
		t.Errorf("fired early: %s, %v", names(evs), err)
	}
	w.now = tms[0].At
	evs, err := w.due(tms[0])
	if err != nil || names(evs) != "plan.superseded change.opened plan.generated" || moves(w.document()) != "regular lib 1.0>1.1" || w.state.Plan.Revisit != nil {
		t.Errorf("%s, %v: %s", names(evs), err, moves(w.document()))
	}
	for _, tm := range w.service.timers(w.state) {
		if tm.Key == revisitKey {
			t.Errorf("still to be revisited: %+v", tm)
		}
	}
	w.recomputes(w.document())
}

// A release taken back while it cooled: the next one counts, and the plan in force says until when.
func TestCooldownOfAnotherRelease(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1 at=2026-11-22"}})
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	w.shelf.releases["lib"] = []string{"1.1 at=2026-11-22 yanked", "1.2 at=2026-11-25"}
	tm := w.service.timers(w.state)[0]
	w.now = tm.At
	evs, err := w.due(tm)
	if o := w.document().Outcomes[0]; err != nil || names(evs) != "plan.generated" || o.Until == nil || o.Until.Format(time.DateOnly) != "2026-11-26" || !strings.Contains(o.Detail, "1.2") {
		t.Errorf("%s, %v: %+v", names(evs), err, o)
	}
	if at := w.state.Plan.Revisit; at == nil || at.Format(time.DateOnly) != "2026-11-26" {
		t.Errorf("revisit %v", at)
	}
	w.recomputes(w.document())
}

// A policy that asks for less brings the moment forward, although the plan is the same.
func TestShorterCooldownIsHeard(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1 at=2026-11-21"}})
	w.policy = policyOf(t, "rules: {other-finding: {cooldown: 10d}}")
	e := w.scan(map[string]string{"requirements.txt": "lib==1.0\n"})
	w.plan(e)
	before := *w.state.Plan.Revisit
	w.policy = policyOf(t, "rules: {other-finding: {cooldown: 4d}}")
	evs := w.plan(w.say("policy", "", w.state.Scans["/src/payments"].Scan))
	if at := w.state.Plan.Revisit; names(evs) != "plan.generated" || at == nil || !at.Before(before) || at.Format(time.DateOnly) != "2026-11-25" {
		t.Fatalf("%s: revisit %v, was %s", names(evs), at, before)
	}
	if o := w.document().Outcomes[0]; o.Outcome != report.CoolingDown || !o.Until.Equal(*w.state.Plan.Revisit) {
		t.Errorf("%+v", o)
	}
	w.recomputes(w.document())
}
