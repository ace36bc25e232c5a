package dock

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/test/yard"
)

// between has something done once, after the next validation of another change than the first one was concluded.
func (w *world) between(do func()) (first func(events.Change)) {
	var once sync.Once
	var mu sync.Mutex
	known := ""
	w.crossed = func(change, step string) {
		mu.Lock()
		other := known != "" && change != known
		mu.Unlock()
		if other && step == "concluded" {
			once.Do(do)
		}
	}
	return func(c events.Change) {
		mu.Lock()
		defer mu.Unlock()
		known = c.Change
	}
}

// A person merges the branch while a newer plan carries its change on: it is the change that goes on that was merged.
func TestMergedWhileCarriedOn(t *testing.T) {
	w := newWorld(t, plain())
	w.advise("lib", "1.1", "")
	var first events.Change
	known := w.between(func() { w.repo.Merge(first.Branch, yard.FastForward) })
	first = w.proposed()
	known(first)
	at := w.here()
	w.learn("lib", "1.1", "", "other", "1.1", low)
	w.update("again")
	second := w.stageOf(at, "change.opened", first.Phase)
	w.change(at, "artifact.voided")
	w.svc.Look(t.Context())
	s := w.until("merged", func(s *events.State) bool { return s.Changes[second.Change].Merged != nil })
	c := s.Changes[second.Change]
	if c.Merged.Commit != first.Proposed.Commit || c.Merged.Artifact != first.Proposed.Artifact || c.Stage() != events.StageMerged || c.Proposed.Commit != first.Proposed.Commit {
		t.Errorf("%+v", c.Merged)
	}
	w.until("settled", func(s *events.State) bool {
		for _, c := range s.OpenChanges() {
			if c.Stage() == events.StageOpened || c.Stage() == events.StageValidated {
				return false
			}
		}
		return true
	})
	w.settled()
}

// It is merged, and removed as forges do, while the newer plan adds to the phase: nobody turned anything down. What is
// left gets a branch of its own.
func TestMergedWhileMoreIsPlanned(t *testing.T) {
	w := newWorld(t, plain())
	w.advise("lib", "1.1", "")
	var first events.Change
	known := w.between(func() {
		w.repo.Merge(first.Branch, yard.FastForward)
		w.repo.Git("branch", "-D", first.Branch)
	})
	first = w.proposed()
	known(first)
	at := w.here()
	w.learn("lib", "1.1", "", "other", "1.1", "")
	w.update("again")
	c := w.change(at, "change.parked")
	w.check(c, want{stage: events.StageParked, kind: events.ParkedStale, reason: []string{"was merged while another plan was made"}, do: "drydock update"})
	s := w.until("known as merged", func(s *events.State) bool { return s.Changes[first.Change].Merged != nil })
	if got := s.Changes[first.Change]; got.Stage() != "superseded" || len(s.Refused) > 0 {
		t.Errorf("%s, refused %+v", got.Stage(), s.Refused)
	}
	at = w.here()
	w.update("after the merge")
	rest := w.change(at, "change.proposed")
	if want := branchOn(rest.Time); rest.Branch != want+"-2" && (want == first.Branch || rest.Branch != want) {
		t.Errorf("the rest is on %s", rest.Branch)
	}
	w.standsOn(rest.Branch, w.repo.Git("rev-parse", "main"), "lib==1.1\nother==1.1")
	w.settled()
}

// Drydock's own merge is under way when a newer plan is stored: what took place is recorded, and counts for the change that
// goes on.
func TestFastForwardWhileCarriedOn(t *testing.T) {
	w := newWorld(t, files())
	w.advise("lib", "1.1", "")
	w.decl = "    merge: automatic\n"
	began, goOn := filepath.Join(w.dir, "began"), filepath.Join(w.dir, "go on")
	w.repo.Hook("pre-receive", fmt.Sprintf("while read old new ref; do test $ref = refs/heads/main || exit 0; touch '%s'; while ! test -e '%s'; do sleep 0.05; done; done", began, goOn))
	first := w.proposed()
	w.svc.Look(t.Context())
	w.until("something merged", func(*events.State) bool { return there(began) })
	second := first.ChangeOpened // an update would wait for the repository
	second.Change = "c-00000002"
	w.append("carry it on", second)
	w.append("carried on", events.ChangeSuperseded{Change: first.Change, By: second.Change, Reason: "carried on by the newer plan"})
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := w.until("merged", func(s *events.State) bool { return s.Changes[second.Change].Merged != nil })
	if c := s.Changes[second.Change]; c.Merged.Commit != first.Proposed.Commit || s.Changes[first.Change].Stage() != "superseded" {
		t.Errorf("%+v", c.Merged)
	}
	if got := w.repo.Git("rev-parse", "main"); got != first.Proposed.Commit {
		t.Errorf("main shows %s", got)
	}
	w.settled()
}
