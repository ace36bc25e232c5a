package dock

import (
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// learn has the world know other advisories from now on.
func (w *world) learn(all ...string) {
	w.t.Helper()
	w.advise(all...)
	db, err := advisory.Open(w.db, advisory.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.matcher.Store(db)
}

// A finding in another package makes a new plan, and the change that is under review is carried on as it is: its branch
// keeps the commit, nothing is pushed, and what the tests said of the same artifact counts for it.
func TestCarriedOnUnchanged(t *testing.T) {
	w := newWorld(t, files())
	w.advise("lib", "1.1", "")
	first := w.proposed()
	w.repo.Hook("pre-receive", `while read old new ref; do case $ref in refs/heads/emergency/*) exit 1;; esac; done`)
	for round, also := range [][]string{{"other", "1.1", low}, {"other", "1.2", low}} {
		at := w.here()
		w.learn(slices.Concat([]string{"lib", "1.1", ""}, also)...)
		w.update("again " + also[1])
		c := w.stageOf(at, "change.proposed", first.Phase)
		if c.Change == first.Change || c.Branch != first.Branch || c.Proposed.Commit != first.Proposed.Commit || c.Proposed.Outcome != "unchanged" || c.Proposed.Text != first.Proposed.Text {
			t.Errorf("round %d: %s carries on %s with %+v, want %+v", round, c.Change, first.Change, c.Proposed, first.Proposed)
		}
		if got := w.repo.Git("rev-parse", c.Branch); got != first.Proposed.Commit {
			t.Errorf("round %d: the branch shows %s, want %s", round, got, first.Proposed.Commit)
		}
		before, after := w.validation(first.Validated.Validation).Step(report.StepTests), w.validation(c.Validated.Validation).Step(report.StepTests)
		if before.From != "" || after.From == "" || !after.Cached || after.Tests.Passed != before.Tests.Passed {
			t.Errorf("round %d: tests %+v\nfirst %+v", round, after, before)
		}
		if c.Validated.Tests == "" || !strings.Contains(string(w.evidence(c.Validated.Tests)), "tests/") {
			t.Errorf("round %d: no test statement of its own", round)
		}
		w.until("the other phase", func(s *events.State) bool {
			return slices.ContainsFunc(s.OpenChanges(), func(c events.Change) bool { return c.Phase != first.Phase && c.Stage() == events.StageProposed })
		})
	}
	w.settled()
}

// What a reviewer has to know makes a new commit: another deadline, or another fix.
func TestCarriedOnChanged(t *testing.T) {
	w := newWorld(t, plain())
	w.advise("lib", "1.1", "")
	first := w.proposed()
	at := w.here()
	w.learn("lib", "1.2", "")
	w.update("again")
	c := w.stageOf(at, "change.proposed", first.Phase)
	if c.Branch != first.Branch || c.Proposed.Commit == first.Proposed.Commit || c.Proposed.Outcome != "updated" {
		t.Errorf("%+v", c.Proposed)
	}
	w.settled()
}

// A branch that somebody put back to an older commit of ours shows what was validated again.
func TestCarriedOnPutBack(t *testing.T) {
	w := newWorld(t, plain())
	w.advise("lib", "1.1", "")
	old := w.proposed()
	w.repo.Push("main", "moved", map[string]string{"README": "1\n"})
	at := w.here()
	w.svc.Look(t.Context())
	first := w.change(at, "change.proposed")
	w.repo.Point(first.Branch, old.Proposed.Commit)
	at = w.here()
	w.learn("lib", "1.1", "", "other", "1.1", low)
	w.update("again")
	c := w.stageOf(at, "change.proposed", first.Phase)
	w.standsOn(c.Branch, w.repo.Git("rev-parse", "main"), "lib==1.1\nother==1.0")
	if c.Proposed.Outcome != "updated" || w.repo.Git("rev-parse", c.Branch) != c.Proposed.Commit {
		t.Errorf("%+v", c.Proposed)
	}
	w.settled()
}
