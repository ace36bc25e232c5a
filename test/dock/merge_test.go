package dock

import (
	"fmt"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/test/yard"
)

// A person merges in any of three ways, and it is seen. In between somebody takes the merge back, so that there is
// something to do again: on a branch of its own, since the other has had its day.
func TestMergedByPerson(t *testing.T) {
	w := newWorld(t, plain())
	w.begin()
	had := map[string]int{}
	for i, c := range []struct {
		how, seen string
		also      map[string]string // somebody pushes beside it, so that the files are not those that were validated
		same      bool
	}{
		{yard.FastForward, "contained", nil, true},
		{yard.Squash, "content", nil, true},
		{yard.MergeCommit, "contained", map[string]string{"README": "hello\n"}, false},
	} {
		p := w.stage(events.StageProposed)
		w.check(p, want{stage: events.StageProposed, pushed: true})
		if c.also != nil {
			w.repo.Sync()
			w.repo.Push("main", "beside", c.also)
		}
		main := w.repo.Merge(p.Branch, c.how)
		at := w.here()
		w.svc.Look(t.Context())
		m := w.change(at, "change.merged")
		w.check(m, want{stage: events.StageMerged, pushed: true})
		if g := m.Merged; g.How != c.seen || g.SameTree != c.same || g.Commit != p.Proposed.Commit || g.Base.Commit != main || g.Artifact != p.Proposed.Artifact {
			t.Errorf("%s: %+v", c.how, g)
		}
		w.svc.Look(t.Context())
		if n := len(w.records(at)); n != 1 {
			t.Errorf("%s: %d events tell of one merge", c.how, n)
		}
		want := branchOn(p.Time)
		if had[want]++; had[want] > 1 {
			want = fmt.Sprintf("%s-%d", want, had[want])
		}
		if p.Branch != want {
			t.Errorf("branch %s, want %s", p.Branch, want)
		}
		w.repo.Push("main", "take it back", map[string]string{"requirements.txt": files()["requirements.txt"]})
		at = w.here()
		w.update(fmt.Sprintf("again %d", i))
		w.change(at, "change.opened")
	}
	w.stage(events.StageProposed)
	w.settled()
}

// Where the server says so, Drydock merges: exactly the commit that was validated, by fast-forward.
func TestMergeAutomatic(t *testing.T) {
	w := newWorld(t, files())
	w.decl = "    merge: automatic\n"
	w.start(bus.NewMemory())
	before := w.repo.Git("rev-parse", "main")
	w.update("first")
	p := w.stage(events.StageProposed)
	w.svc.Look(t.Context())
	c := w.stage(events.StageMerged)
	if got := w.repo.Git("rev-parse", "main"); got != p.Proposed.Commit || !c.Merged.SameTree || w.repo.Git("rev-parse", "main^") != before {
		t.Errorf("main shows %s, want %s: %+v", got, p.Proposed.Commit, c.Merged)
	}
	if got := w.repo.Git("log", "-1", "--format=%an", "main"); got != "Drydock" {
		t.Errorf("the commit is by %s", got)
	}
	w.svc.Look(t.Context())
	w.settled()
}
