package forgetest

import (
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

var outcomeCases = []testCase{
	{"Close", testClose},
	{"CloseReopen", testCloseReopen},
	{"Deleted", testDeleted},
	{"MergedByMerge", testMergedByMerge},
	{"MergedBySquash", testMergedBySquash},
	{"MergedAfterOthers", testMergedAfterOthers},
	{"MergedTouched", testMergedTouched},
	{"FastForward", testFastForward},
	{"FastForwardMoved", testFastForwardMoved},
	{"FastForwardRefused", testFastForwardRefused},
}

func testClose(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	c, err := w.Forge.Close(t.Context(), closing(p.Commit))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "closed", c, forge.Closure{Tip: p.Commit, Recorded: true})
	same(t, "branch", w.Person.Show(t, branch), Shown{})
	same(t, "reason", found(t, w, forge.Closed, p.Commit).Reason, closing().Reason)
	again, err := w.Another(t).Close(t.Context(), closing(p.Commit))
	if err != nil || !again.Already || !again.Recorded {
		t.Errorf("closed again: %+v, %v", again, err)
	}
	found(t, w, forge.Missing) // for one who never pushed it
}

// The record of an earlier closing says nothing of what happens to the branch later.
func testCloseReopen(t *testing.T, w World) {
	first := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	if _, err := w.Forge.Close(t.Context(), closing(first.Commit)); err != nil {
		t.Fatal(err)
	}
	second := propose(t, w.Forge, proposal(t, w, "2.3.2"), forge.Created)
	found(t, w, forge.Ours, second.Commit)
	w.Person.Delete(t, branch)
	found(t, w, forge.Deleted, second.Commit)
	third := propose(t, w.Forge, proposal(t, w, "2.3.3"), forge.Created)
	if c, err := w.Forge.Close(t.Context(), closing(third.Commit)); err != nil || !c.Recorded {
		t.Fatalf("%+v, %v", c, err)
	}
	found(t, w, forge.Closed, third.Commit)
}

func testDeleted(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	w.Person.Delete(t, branch)
	found(t, w, forge.Deleted, p.Commit)
	w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	found(t, w, forge.Deleted, p.Commit)
	if c, err := w.Forge.Close(t.Context(), closing(p.Commit)); err != nil || !c.Already || c.Recorded {
		t.Errorf("close what a person deleted: %+v, %v", c, err)
	}
}

func testMergedByMerge(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	merged(t, w, p.Commit, forge.Merge{Base: base(t, w)})
	by := w.Person.Merge(t, branch, "merge")
	want := forge.Merge{How: forge.Contained, By: by, Base: by, SameTree: true}
	same(t, "found", found(t, w, forge.Merged, p.Commit).Merge, want)
	w.Person.Delete(t, branch)
	same(t, "found", found(t, w, forge.Merged, p.Commit).Merge, want)
	want.Base = w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	merged(t, w, p.Commit, want)
}

func testMergedBySquash(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	by := w.Person.Merge(t, branch, "squash")
	want := forge.Merge{How: forge.Content, By: by, Base: by, SameTree: true}
	same(t, "found", found(t, w, forge.Merged, p.Commit).Merge, want)
	w.Person.Delete(t, branch)
	want.Base = w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	same(t, "found", found(t, w, forge.Merged, p.Commit).Merge, want)
}

// What else went into the base was not validated with it: its files are others.
func testMergedAfterOthers(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	found(t, w, forge.Ours, p.Commit)
	squashed := w.Person.Merge(t, branch, "squash")
	merged(t, w, p.Commit, forge.Merge{How: forge.Content, By: squashed, Base: squashed})
	by := w.Person.Merge(t, branch, "merge")
	merged(t, w, p.Commit, forge.Merge{How: forge.Contained, By: by, Base: by})
}

func testMergedTouched(t *testing.T, w World) {
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	w.Person.Commit(t, branch, map[string]string{"note.txt": "by hand"})
	by := w.Person.Merge(t, branch, "merge")
	same(t, "found", found(t, w, forge.Merged, p.Commit).Merge, forge.Merge{How: forge.Contained, By: by, Base: by})
}

func merged(t *testing.T, w World, commit string, want forge.Merge) {
	t.Helper()
	got, err := w.Forge.Merged(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "merged", got, want)
}

func testFastForward(t *testing.T, w World) {
	first := base(t, w)
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	want := forge.Merge{How: forge.Contained, By: p.Commit, Base: p.Commit, SameTree: true}
	for _, f := range []forge.Forge{w.Forge, w.Another(t)} { // the second time it is done already
		got, err := f.FastForward(t.Context(), p.Commit, first)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "merge", got, want)
		same(t, "base", w.Person.Show(t, "main").Commit, p.Commit)
	}
	found(t, w, forge.Merged, p.Commit)
	want.Base = w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	got, err := w.Forge.FastForward(t.Context(), p.Commit, first)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "merge long ago", got, want)
}

func testFastForwardMoved(t *testing.T, w World) {
	first := base(t, w)
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	next := w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	_, err := w.Forge.FastForward(t.Context(), p.Commit, first)
	same(t, "commit", refused(t, err, forge.ErrBaseMoved).Commit, next)
	// Not even when the caller claims that it stands on the new one.
	_, err = w.Forge.FastForward(t.Context(), p.Commit, next)
	refused(t, err, forge.ErrInput)
	same(t, "base", w.Person.Show(t, "main").Commit, next)
}

func testFastForwardRefused(t *testing.T, w World) {
	first := base(t, w)
	p := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	w.Person.Protect(t, "main")
	_, err := w.Forge.FastForward(t.Context(), p.Commit, first)
	refused(t, err, forge.ErrRefused)
	same(t, "base", w.Person.Show(t, "main").Commit, first)
}
