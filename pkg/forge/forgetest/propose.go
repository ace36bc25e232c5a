package forgetest

import (
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

var proposeCases = []testCase{
	{"Propose", testPropose},
	{"ProposeAgain", testProposeAgain},
	{"ProposeUpdate", testProposeUpdate},
	{"ProposeLost", testProposeLost},
	{"ProposeDeleted", testProposeDeleted},
	{"ProposeNothing", testProposeNothing},
	{"ProposeFolders", testProposeFolders},
	{"ProposeTouched", testProposeTouched},
	{"ProposeBaseMoved", testProposeBaseMoved},
	{"ProposeProtected", testProposeProtected},
	{"ProposeAtOnce", testProposeAtOnce},
	{"ProposeSameAtOnce", testProposeSameAtOnce},
}

func testPropose(t *testing.T, w World) {
	p := proposal(t, w, "2.2.5")
	ready, err := w.Forge.Prepare(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "branch after prepare", w.Person.Show(t, branch), Shown{})
	got := propose(t, w.Forge, p, forge.Created)
	same(t, "prepared", got.Prepared, ready)
	show := w.Person.Show(t, branch)
	files := maps.Clone(First)
	files["requirements.txt"] = "flask==2.2.5\n"
	same(t, "date", show.Date.Equal(day), true)
	show.Date = day
	same(t, "shown", show, Shown{Commit: got.Commit, Parent: p.Base, Message: "Update flask to 2.2.5\n\nFixes CVE-2023-30861.\n\nDrydock-Change: c-1",
		Author: "Drydock <drydock@bank.example>", Committer: "Drydock of payments <payments@bank.example>", Date: day, Files: files})
	same(t, "found tip", found(t, w, forge.Ours, got.Commit).Tip, got.Commit)
	same(t, "base", base(t, w), p.Base)
}

// The same proposal gives the same commit anywhere, and is pushed once.
func testProposeAgain(t *testing.T, w World) {
	p := proposal(t, w, "2.2.5")
	first := propose(t, w.Forge, p, forge.Created)
	for _, f := range []forge.Forge{w.Forge, w.Another(t)} {
		same(t, "commit", propose(t, f, p, forge.Unchanged).Commit, first.Commit)
	}
	p.Lease = lease([]string{first.Commit})
	propose(t, w.Forge, p, forge.Unchanged)
}

func testProposeUpdate(t *testing.T, w World) {
	first := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	second := propose(t, w.Forge, proposal(t, w, "2.3.2", first.Commit), forge.Updated)
	same(t, "previous", second.Previous, first.Commit)
	show := w.Person.Show(t, branch)
	same(t, "commit", show.Commit, second.Commit)
	same(t, "parent", show.Parent, base(t, w))
	found(t, w, forge.Ours, first.Commit, second.Commit)
}

// A push whose answer was lost is known by the commit that was prepared before it.
func testProposeLost(t *testing.T, w World) {
	p := proposal(t, w, "2.2.5")
	ready, err := w.Forge.Prepare(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	p.Lease.Commits = []string{ready.Commit}
	same(t, "state before the push", find(t, w, p.Lease).State, forge.Missing)
	propose(t, w.Another(t), p, forge.Created)
	next := proposal(t, w, "2.3.2")
	next.Lease = p.Lease
	propose(t, w.Forge, next, forge.Updated)
}

// A branch that a person deleted is not pushed again.
func testProposeDeleted(t *testing.T, w World) {
	first := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	w.Person.Delete(t, branch)
	for _, version := range []string{"2.2.5", "2.3.2"} {
		_, err := w.Forge.Propose(t.Context(), proposal(t, w, version, first.Commit))
		refused(t, err, forge.ErrDeleted)
	}
	same(t, "branch", w.Person.Show(t, branch), Shown{})
}

func testProposeNothing(t *testing.T, w World) {
	got := propose(t, w.Forge, proposal(t, w, "2.2.2"), forge.Nothing)
	same(t, "proposed", got.Prepared, forge.Prepared{Commit: base(t, w), Tree: got.Tree})
	same(t, "branch", w.Person.Show(t, branch), Shown{})
	found(t, w, forge.Missing)
}

// Files are added, changed and deleted, in new folders and old; one that may be executed still may.
func testProposeFolders(t *testing.T, w World) {
	p := proposal(t, w, "2.2.5")
	p.Files = []forge.File{
		{Path: "src/payments/locks/a.lock", Data: []byte("a\r\n\x00")},
		{Path: "src.txt", Data: []byte("sorts before src/")},
		{Path: "deploy/requirements.in", Delete: true},
		{Path: "not/there", Delete: true},
		{Path: "bin/run", Data: []byte("#!/bin/sh\n")},
	}
	got := propose(t, w.Forge, p, forge.Created)
	files := maps.Clone(First)
	files["src/payments/locks/a.lock"], files["src.txt"], files["bin/run"] = "a\r\n\x00", "sorts before src/", "#!/bin/sh\n"
	delete(files, "deploy/requirements.in")
	same(t, "files", w.Person.Show(t, branch).Files, files)
	if _, err := w.Forge.Checkout(t.Context(), got.Commit, t.TempDir()); err != nil {
		t.Error(err)
	}
}

func testProposeTouched(t *testing.T, w World) {
	first := propose(t, w.Forge, proposal(t, w, "2.2.5"), forge.Created)
	tip := w.Person.Commit(t, branch, map[string]string{"note.txt": "by hand"})
	_, err := w.Forge.Propose(t.Context(), proposal(t, w, "2.3.2", first.Commit))
	e := refused(t, err, forge.ErrTouched)
	same(t, "tip", e.Commit, tip)
	same(t, "branch", w.Person.Show(t, branch).Commit, tip)
	f := found(t, w, forge.Touched, first.Commit)
	same(t, "found tip", f.Tip, tip)
	if f.By.Name == "" || e.By != f.By {
		t.Errorf("touched by %v and %v", e.By, f.By)
	}
	_, err = w.Forge.Close(t.Context(), closing(first.Commit))
	refused(t, err, forge.ErrTouched)
	same(t, "branch", w.Person.Show(t, branch).Commit, tip)
}

func testProposeBaseMoved(t *testing.T, w World) {
	p := proposal(t, w, "2.2.5")
	next := w.Person.Commit(t, "main", map[string]string{"a.txt": "a"})
	_, err := w.Forge.Propose(t.Context(), p)
	same(t, "commit", refused(t, err, forge.ErrBaseMoved).Commit, next)
	same(t, "branch", w.Person.Show(t, branch), Shown{})
}

func testProposeProtected(t *testing.T, w World) {
	w.Person.Protect(t, "feature/")
	_, err := w.Forge.Propose(t.Context(), proposal(t, w, "2.2.5"))
	e := refused(t, err, forge.ErrRefused)
	if e.Detail == "" || e.Advice == "" {
		t.Errorf("%v: want the repository's words and advice", err)
	}
	same(t, "branch", w.Person.Show(t, branch), Shown{})
}

// Of two that propose different things at once, one wins and the other knows.
func testProposeAtOnce(t *testing.T, w World) {
	errs := atOnce(t, w, proposal(t, w, "2.2.5"), proposal(t, w, "2.3.2"))
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("of two writers: %v, %v", errs[0], errs[1])
	}
	if err := errors.Join(errs...); !errors.Is(err, forge.ErrOvertaken) && !errors.Is(err, forge.ErrTouched) {
		t.Errorf("the loser says %v", err)
	}
}

func testProposeSameAtOnce(t *testing.T, w World) {
	for _, err := range atOnce(t, w, proposal(t, w, "2.2.5"), proposal(t, w, "2.2.5")) {
		if err != nil {
			t.Error(err)
		}
	}
}

func atOnce(t *testing.T, w World, proposals ...forge.Proposal) []error {
	t.Helper()
	errs := make([]error, len(proposals))
	var wg sync.WaitGroup
	for i, p := range proposals {
		f := w.Another(t)
		wg.Go(func() { _, errs[i] = f.Propose(t.Context(), p) })
	}
	wg.Wait()
	return errs
}
