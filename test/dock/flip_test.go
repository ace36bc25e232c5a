package dock

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// What was seen before can be seen again, after something else was: it is told again.
func TestSeenAgain(t *testing.T) {
	w := newWorld(t, plain())
	p := w.proposed()
	tip := w.repo.Onto(p.Branch, "a fix on top", map[string]string{"fix.py": "1\n"})
	for range 2 {
		at := w.here()
		w.repo.Point(p.Branch, tip)
		w.svc.Look(t.Context())
		if c := w.change(at, "change.parked"); c.Stage() != events.StageParked {
			t.Fatalf("a branch that shows somebody else's commit is %s", c.Stage())
		}
		at = w.here()
		w.repo.Point(p.Branch, p.Proposed.Commit)
		w.svc.Look(t.Context())
		if c := w.change(at, "change.resumed"); c.Stage() != events.StageProposed {
			t.Fatalf("a branch that shows our commit again is %s", c.Stage())
		}
	}

	old, away := w.repo.Git("rev-parse", "main"), w.repo.Push("main", "moved", map[string]string{"README": "1\n"})
	for _, main := range []string{away, old, away} { // pushed with force
		at := w.here()
		w.repo.Point("main", main)
		w.svc.Look(t.Context())
		c := w.change(at, "change.proposed")
		w.standsOn(c.Branch, main, "lib==1.1\nother==1.0")
	}
	w.settled()
}

// A merge that the repository refused is tried again with the change; and not at all once the server says that a
// person merges, whatever it said when the change was validated.
func TestMergeAutomaticRefused(t *testing.T) {
	w := newWorld(t, files())
	w.declare("    merge: automatic\n", false)
	w.repo.Hook("pre-receive", `while read old new ref; do test $ref != refs/heads/main || exit 1; done`)
	w.start(bus.NewMemory())
	before := w.repo.Git("rev-parse", "main")
	w.update("first")
	p := w.stage(events.StageProposed)
	at := w.here()
	w.svc.Look(t.Context())
	w.check(w.change(at, "change.parked"), want{stage: events.StageParked, kind: events.ParkedAccess, step: "propose", do: "a rule or hook", reason: []string{"the repository refuses the push"}, pushed: true})
	w.repo.Hook("pre-receive", "")

	w.declare("    merge: person\n", false)
	at = w.here()
	w.update("again")
	w.change(at, "change.resumed")
	w.idle()
	at = w.here()
	w.svc.Look(t.Context())
	w.idle()
	if got := w.kinds(at); len(got) > 0 || w.repo.Git("rev-parse", "main") != before {
		t.Errorf("a person merges, and Drydock does: %v", got)
	}
	w.declare("    merge: automatic\n", false)
	w.svc.Look(t.Context())
	w.svc.Look(t.Context()) // it is on its way
	if c := w.stage(events.StageMerged); w.repo.Git("rev-parse", "main") != p.Proposed.Commit || c.Merged.Commit != p.Proposed.Commit {
		t.Errorf("main shows %s, want %s", w.repo.Git("rev-parse", "main"), p.Proposed.Commit)
	}
	if n := count(w.kinds(at), "effect.intended"); n != 1 {
		t.Errorf("intended %d times", n)
	}
	w.settled()
}

// What the server says between the intention and the deed counts.
func TestMergeAutomaticTakenBack(t *testing.T) {
	w := newWorld(t, files())
	w.declare("    merge: automatic\n", false)
	w.start(bus.NewMemory())
	before := w.repo.Git("rev-parse", "main")
	w.update("first")
	p := w.stage(events.StageProposed)
	w.declare("    merge: person\n", false)
	id := events.EffectID(p.Change, events.EffectFastForward, p.Proposed.Commit)
	at := w.here()
	w.append("a look just before", events.EffectIntended{Effect: id, Kind: events.EffectFastForward, Change: p.Change, Target: "file://" + w.repo.Path, Branch: "main",
		Commit: p.Proposed.Commit, Base: p.Validated.Base, Artifact: p.Proposed.Artifact, Validation: p.Proposed.Validation})
	w.change(at, "effect.refused")
	if got := w.repo.Git("rev-parse", "main"); got != before {
		t.Errorf("main shows %s", got)
	}
	w.settled()
}
