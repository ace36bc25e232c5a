package forgetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge"
)

var badCases = []testCase{
	{"BadProposals", testBadProposals},
	{"BadQuestions", testBadQuestions},
	{"Canceled", testCanceled},
}

func testBadProposals(t *testing.T, w World) {
	for name, spoil := range map[string]func(*forge.Proposal){
		"branch":           func(p *forge.Proposal) { p.Branch = "--upload-pack=touch" },
		"the base branch":  func(p *forge.Proposal) { p.Branch = "main" },
		"base":             func(p *forge.Proposal) { p.Base = "HEAD" },
		"known":            func(p *forge.Proposal) { p.Lease.Commits = []string{"--all"} },
		"message":          func(p *forge.Proposal) { p.Message = " \n" },
		"author":           func(p *forge.Proposal) { p.Author.Name = "Ana <root@x>\nparent 0" },
		"committer":        func(p *forge.Proposal) { p.Committer = forge.Person{Name: "Ana"} },
		"no author":        func(p *forge.Proposal) { p.Author = forge.Person{} },
		"date":             func(p *forge.Proposal) { p.Date = time.Time{} },
		"path outside":     func(p *forge.Proposal) { p.Files[0].Path = "../requirements.txt" },
		"path of git":      func(p *forge.Proposal) { p.Files[0].Path = "a/.GIT/hooks/pre-push" },
		"path absolute":    func(p *forge.Proposal) { p.Files[0].Path = "/etc/passwd" },
		"path twice":       func(p *forge.Proposal) { p.Files = append(p.Files, p.Files[0]) },
		"file as a folder": func(p *forge.Proposal) { p.Files[0].Path = "README.md/x" },
		"folder as a file": func(p *forge.Proposal) { p.Files[0].Path = "src" },
	} {
		p := proposal(t, w, "2.2.5")
		spoil(&p)
		_, err := w.Forge.Propose(t.Context(), p)
		if !errors.Is(err, forge.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, "branch", w.Person.Show(t, branch), Shown{})
}

func testBadQuestions(t *testing.T, w World) {
	_, err := w.Forge.Find(t.Context(), "-x", forge.Lease{})
	refused(t, err, forge.ErrInput)
	_, err = w.Forge.Merged(t.Context(), "main")
	refused(t, err, forge.ErrInput)
	_, err = w.Forge.FastForward(t.Context(), "main", "main")
	refused(t, err, forge.ErrInput)
	c := closing()
	c.Reason = ""
	_, err = w.Forge.Close(t.Context(), c)
	refused(t, err, forge.ErrInput)
	c = closing()
	c.Branch = "main"
	_, err = w.Forge.Close(t.Context(), c)
	refused(t, err, forge.ErrInput)
	if w.Person.Show(t, "main").Commit == "" {
		t.Error("the base branch is gone")
	}
}

func testCanceled(t *testing.T, w World) {
	p := proposal(t, w, "2.2.5")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Forge.Propose(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if forge.Judge(context.Canceled) != forge.Transient {
		t.Error("the end of a context is not worth another try")
	}
	propose(t, w.Forge, p, forge.Created)
}
