package dock

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/test/yard"
)

// A branch that somebody pushed to is theirs: told once, however often it is looked at and whatever else happens, until
// it shows our commit again.
func TestTouched(t *testing.T) {
	w := newWorld(t, plain())
	p := w.proposed()
	tip := w.repo.Onto(p.Branch, "a fix on top", map[string]string{"fix.py": "1\n"})
	at := w.here()
	for range 3 {
		w.svc.Look(t.Context())
	}
	c := w.change(at, "change.parked")
	w.check(c, want{stage: events.StageParked, kind: events.ParkedTouched, reason: []string{p.Branch, tip[:12], "Ana <ana@bank.example>", "left alone"}, do: "merge the branch", pushed: true})
	w.repo.Push("main", "moved meanwhile", map[string]string{"README": "1\n"})
	w.update("asked again") // says nothing new, and touches nothing
	w.until("scanned", func(s *events.State) bool { return count(w.kinds(0), "scan.completed") == 2 })
	w.idle()
	w.svc.Look(t.Context())
	w.idle()
	if n := count(w.kinds(0), "change.parked"); n != 1 || w.repo.Git("rev-parse", p.Branch) != tip {
		t.Errorf("told %d times; the branch shows %s", n, w.repo.Git("rev-parse", p.Branch))
	}

	w.repo.Point(p.Branch, p.Proposed.Commit)
	at = w.here()
	w.svc.Look(t.Context())
	w.change(at, "change.resumed")
	w.svc.Look(t.Context())
	c = w.change(at, "change.proposed") // on the base as it is now
	w.standsOn(c.Branch, w.repo.Git("rev-parse", "main"), "lib==1.1\nother==1.0")

	w.repo.Onto(c.Branch, "once more", map[string]string{"fix.py": "2\n"})
	main := w.repo.Merge(c.Branch, yard.MergeCommit)
	c = w.looked("change.merged")
	if c.Merged.SameTree || c.Merged.Base.Commit != main {
		t.Errorf("merged with a commit on top: %+v", c.Merged)
	}
	w.settled()
}

// Who deletes a branch turns the updates down: no plan offers them again for a while, unless somebody asks.
func TestDeleted(t *testing.T) {
	w := newWorld(t, plain())
	p := w.proposed()
	w.repo.Point(p.Branch, "")
	at := w.here()
	w.svc.Look(t.Context())
	w.svc.Look(t.Context())
	c := w.change(at, "change.rejected")
	w.check(c, want{stage: "rejected", kind: events.RejectedDeleted, reason: []string{p.Branch, "without merging it"}})
	if r := c.Rejected; len(r.Failing) != 1 || r.Failing[0].Package != "lib" || r.Until.Sub(w.now()).Hours() < 24 {
		t.Errorf("it reaches %+v until %s", r.Failing, r.Until)
	}
	s := w.until("answered by a plan", func(s *events.State) bool { return s.Plan != nil && s.Plan.Outcomes["blocked"] == 1 })
	if len(s.OpenChanges()) != 0 {
		t.Errorf("open: %+v", s.OpenChanges())
	}
	if doc := string(w.evidence(s.Plan.Document)); !strings.Contains(doc, "took the branch "+p.Branch+" away") || !strings.Contains(doc, c.Rejected.Until.Format("2006-01-02")) {
		t.Errorf("the plan does not say why, and until when: %s", doc)
	}
	at = w.here()
	w.update("asked again")
	c = w.change(at, "change.proposed")
	if c.Branch == p.Branch || !strings.HasPrefix(c.Branch, branchOn(c.Time)) {
		t.Errorf("branch %s, after %s", c.Branch, p.Branch)
	}
	w.settled()
}

// An application that is not declared is scanned and planned for; nothing is built. Declared later, its change goes on
// at the next update.
func TestDeclaredLater(t *testing.T) {
	w := newWorld(t, plain())
	w.declare("", true)
	w.clock(-10 * time.Minute) // what was opened just now is not taken up twice
	w.start(bus.NewMemory())
	w.append("first", events.ScanRequested{Application: app, Target: w.checkedOut(), PlanOptions: events.PlanOptions{}})
	c := w.change(0, "change.opened")
	w.svc.Look(t.Context())
	if c.Stage() != events.StageOpened || len(w.repo.Branches()) != 1 || count(w.kinds(0), "change.parked") != 0 {
		t.Errorf("not declared: %s, %v", c.Stage(), w.repo.Branches())
	}
	w.declare("", false)
	w.clock(0)
	w.update("declared now")
	w.stage(events.StageProposed)
	w.settled()
}

// Without anybody asking it is taken up after a while.
func TestDeclaredLaterByItself(t *testing.T) {
	w := newWorld(t, plain())
	w.declare("", true)
	w.clock(-time.Hour) // as if it had been opened an hour ago
	w.sweep = 100 * time.Millisecond
	w.start(bus.NewMemory())
	w.append("first", events.ScanRequested{Application: app, Target: w.checkedOut(), PlanOptions: events.PlanOptions{}})
	w.change(0, "change.opened")
	w.declare("", false)
	w.clock(0)
	w.stage(events.StageProposed)
	w.settled()
}

// A branch of that name that is not ours is left alone from the beginning.
func TestBranchIsThere(t *testing.T) {
	w := newWorld(t, plain())
	w.start(bus.NewMemory())
	tips := map[string]string{}
	for _, day := range []time.Time{w.now(), w.now().Add(24 * time.Hour)} { // it may be about to end
		tips[branchOn(day)] = w.repo.Push(branchOn(day), "mine", map[string]string{"mine.py": "1\n"})
	}
	w.repo.Sync()
	w.update("first")
	c := w.change(0, "change.parked")
	branch, tip := c.Branch, tips[c.Branch]
	w.check(c, want{stage: events.StageParked, kind: events.ParkedTouched, step: "propose", reason: []string{branch, tip[:12], "this Drydock did not push"}, do: "merge the branch", pushed: true})
	for range 2 {
		w.svc.Look(t.Context())
	}
	w.idle()
	if n := count(w.kinds(0), "change.parked"); n != 1 || w.repo.Git("rev-parse", branch) != tip {
		t.Errorf("told %d times; the branch shows %s", n, w.repo.Git("rev-parse", branch))
	}
	w.repo.Point(branch, "")
	w.svc.Look(t.Context())
	w.stage(events.StageProposed)
	w.settled()
}
