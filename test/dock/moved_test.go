package dock

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
)

// kinds are the short names of what was told after a place in the log, in their order.
func (w *world) kinds(after uint64) []string {
	w.t.Helper()
	var out []string
	for _, r := range w.records(after) {
		out = append(out, kind(r))
	}
	return out
}

// standsOn holds a branch to a parent, and to the requirements it has.
func (w *world) standsOn(branch, parent, requirements string) {
	w.t.Helper()
	if got := w.repo.Git("rev-parse", branch+"^"); got != parent {
		w.t.Errorf("%s stands on %s, want %s", branch, got, parent)
	}
	if got := w.repo.Git("show", branch+":requirements.txt"); got != requirements {
		w.t.Errorf("%s has the requirements %q, want %q", branch, got, requirements)
	}
}

// A base that moves voids what was validated: before it was proposed, and after. The branch stays the same. Moved so
// that nothing is left to do, the change waits for a new plan, and that one closes the branch.
func TestBaseMoved(t *testing.T) {
	w := newWorld(t, plain())
	var once sync.Once
	w.crossed = func(_, step string) {
		if step == "concluded" {
			once.Do(func() { w.repo.Push("main", "in between", map[string]string{"README": "1\n"}) })
		}
	}
	first := w.proposed()
	if all := w.kinds(0); count(all, "artifact.voided") != 1 || count(all, "change.validated") != 2 || count(all, "change.proposed") != 1 {
		t.Errorf("moved before the proposal: %v", all)
	}
	w.standsOn(first.Branch, w.repo.Git("rev-parse", "main"), "lib==1.1\nother==1.0")

	main := w.repo.Push("main", "after it", map[string]string{"README": "2\n"})
	at := w.here()
	w.svc.Look(t.Context())
	w.svc.Look(t.Context()) // what was seen is not told again
	c := w.change(at, "change.proposed")
	if c.Change != first.Change || c.Branch != first.Branch || c.Proposed.Outcome != "updated" || c.Proposed.Commit == first.Proposed.Commit {
		t.Errorf("%+v", c.Proposed)
	}
	if n := count(w.kinds(at), "artifact.voided"); n != 1 {
		t.Errorf("voided %d times", n)
	}
	w.standsOn(c.Branch, main, "lib==1.1\nother==1.0")

	w.repo.Push("main", "by hand", map[string]string{"requirements.txt": "lib==1.2\nother==1.0\n"})
	c = w.looked(reports...)
	w.check(c, want{stage: events.StageParked, kind: events.ParkedStale, step: "manifests", reason: []string{"main is not what was planned for"}, do: "drydock update payments", pushed: true})
	w.update("look anew")
	w.closed(c, "superseded")
	w.settled()
}

func count(all []string, name string) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n != name }))
}

// closed waits until the branch of a change is gone, and holds the record of it to how the change ended.
func (w *world) closed(c events.Change, how string) {
	w.t.Helper()
	s := w.until(c.Branch+" closed", func(s *events.State) bool { return s.Branches[c.Branch].Closed })
	if got := s.Changes[c.Change]; got.Terminal != how {
		w.t.Errorf("change %s was %s, want %s", c.Change, got.Stage(), how)
	}
	if slices.Contains(w.repo.Branches(), c.Branch) {
		w.t.Errorf("%s is still there", c.Branch)
	}
	tags := w.repo.Git("for-each-ref", "--format=%(objecttype) %(*objectname) %(contents)", "refs/drydock")
	if !strings.Contains(tags, "tag "+s.Branches[c.Branch].Commits[len(s.Branches[c.Branch].Commits)-1]+" ") || !strings.Contains(tags, how) {
		w.t.Errorf("the record of the closing says %q", tags)
	}
	if testing.Verbose() {
		w.t.Log(tags)
	}
}

// A plan that goes on with a change keeps its branch; one that has no use for it closes the branch with the reason.
func TestSuperseded(t *testing.T) {
	w := newWorld(t, plain())
	first := w.proposed()
	main := w.repo.Push("main", "more", map[string]string{"requirements.txt": "lib==1.0\nother==1.1\n"})
	at := w.here()
	w.update("second")
	c := w.change(at, "change.proposed")
	if c.Change == first.Change || c.Branch != first.Branch || c.Proposed.Outcome != "updated" {
		t.Errorf("the change that goes on: %s, %+v", c.Branch, c.Proposed)
	}
	w.standsOn(c.Branch, main, "lib==1.1\nother==1.1")
	if all := w.kinds(at); count(all, "change.superseded") != 1 || count(all, "effect.intended") != 1 {
		t.Errorf("%v", all)
	}
	w.repo.Push("main", "without it", map[string]string{"requirements.txt": "other==1.1\n"})
	w.update("third")
	w.closed(c, "superseded")
	w.settled()
}

// Of two phases the later stands on the earlier; once that is merged, it is only its own.
func TestTwoPhases(t *testing.T) {
	w := newWorld(t, plain())
	w.advise("lib", "1.1", "", "other", "1.1", low)
	w.begin()
	two := func(s *events.State) bool {
		n := 0
		for _, c := range s.Changes {
			if c.Stage() == events.StageProposed {
				n++
			}
		}
		return n == 2
	}
	s := w.until("two proposals", two)
	main := w.repo.Git("rev-parse", "main")
	var first, second events.Change
	for _, c := range s.Changes {
		if c.Class == "emergency" {
			first = c
		} else {
			second = c
		}
	}
	w.standsOn(first.Branch, main, "lib==1.1\nother==1.0")
	w.standsOn(second.Branch, main, "lib==1.1\nother==1.1")
	if v := w.validation(second.Validated.Validation); len(v.Earlier) != 1 || len(v.Updates) != 2 {
		t.Errorf("the later phase stands on %v with %v", v.Earlier, v.Updates)
	}
	main = w.repo.Merge(first.Branch, "fast-forward")
	w.svc.Look(t.Context())
	at := w.here()
	w.update("after the merge")
	c := w.stageOf(at, "change.proposed", second.Phase)
	if c.Branch != second.Branch {
		t.Errorf("the branch was %s, and is %s", second.Branch, c.Branch)
	}
	if v := w.validation(c.Validated.Validation); len(v.Earlier) != 0 || len(v.Updates) != 1 {
		t.Errorf("after the merge it stands on %v with %v", v.Earlier, v.Updates)
	}
	w.standsOn(c.Branch, main, "lib==1.1\nother==1.1")
	w.settled()
}
