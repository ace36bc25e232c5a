// Package forgetest holds an adapter of [forge.Forge] to its contract. The
// suite acts as Drydock through the adapter, and as people through a [Person],
// which an adapter's test implements over the same repository by other means
// than the adapter itself.
package forgetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Person does what people do to a repository, and sees what they see.
type Person interface {
	// Commit puts a commit with files on top of a branch, which is made from the base when it is not there.
	Commit(t *testing.T, branch string, files map[string]string) string
	// Merge brings a branch into the base: "merge" with a merge commit, "squash", or "fast-forward". It
	// returns the base's newest commit and leaves the branch.
	Merge(t *testing.T, branch, how string) string
	Delete(t *testing.T, branch string)
	// Show reads a branch; one that is not there is the zero Shown.
	Show(t *testing.T, branch string) Shown
	// Protect has the repository refuse every push to branches whose names begin so.
	Protect(t *testing.T, prefix string)
}

// Shown is a branch as people see it.
type Shown struct {
	Commit, Parent    string
	Message           string // without its last line ends
	Author, Committer string // Name <address>
	Date              time.Time
	Files             map[string]string // all of the tree's regular files
}

// World is one repository, with a first commit of [First] on the branch "main".
type World struct {
	Forge  forge.Forge
	Person Person
	// Another is a Forge of another process over the same repository: it shares nothing with the first.
	Another func(t *testing.T) forge.Forge
}

// First are the files of a World's first commit; bin/run may be executed.
var First = map[string]string{
	"README.md":              "# payments\n",
	"requirements.txt":       "flask==2.2.2\n",
	"bin/run":                "#!/bin/sh\nexec python -m payments\n",
	"src/payments/api.py":    "import flask\n",
	"src/payments/empty.py":  "",
	"deploy/requirements.in": "flask>=2\r\n",
}

// Open makes a World.
type Open func(t *testing.T) World

type testCase struct {
	name string
	run  func(t *testing.T, w World)
}

// Run runs the suite; each case in a World of its own.
func Run(t *testing.T, open Open) {
	for _, cases := range [][]testCase{readCases, proposeCases, outcomeCases, badCases} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
		}
	}
}

const branch = "feature/package-updates-20261122-payments-high"

var day = time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("", 3600))

// proposal changes the pinned version.
func proposal(t *testing.T, w World, version string, known ...string) forge.Proposal {
	t.Helper()
	return forge.Proposal{
		Branch: branch, Base: base(t, w), Lease: lease(known),
		Files:     []forge.File{{Path: "requirements.txt", Data: []byte("flask==" + version + "\n")}},
		Message:   "Update flask to " + version + "\n\nFixes CVE-2023-30861.\n\nDrydock-Change: c-1\n",
		Author:    forge.Person{Name: "Drydock", Email: "drydock@bank.example"},
		Committer: forge.Person{Name: "Drydock of payments", Email: "payments@bank.example"},
		Date:      day,
		Title:     "Update flask", Text: "Because.", Labels: []string{"security"},
	}
}

// lease is that of a branch which was seen with commits of ours, if there are any.
func lease(known []string) forge.Lease {
	return forge.Lease{Commits: known, Seen: len(known) > 0}
}

func base(t *testing.T, w World) string {
	t.Helper()
	b, err := w.Forge.Base(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b.Commit
}

func propose(t *testing.T, f forge.Forge, p forge.Proposal, want forge.Outcome) forge.Proposed {
	t.Helper()
	got, err := f.Propose(t.Context(), p)
	if err != nil {
		t.Fatalf("propose: %v", err)
	}
	if got.Outcome != want {
		t.Fatalf("propose: %s, want %s", got.Outcome, want)
	}
	return got
}

func found(t *testing.T, w World, want forge.State, known ...string) forge.Found {
	t.Helper()
	got := find(t, w, lease(known))
	if got.State != want {
		t.Fatalf("found %+v, want %s", got, want)
	}
	return got
}

func find(t *testing.T, w World, l forge.Lease) forge.Found {
	t.Helper()
	got, err := w.Forge.Find(t.Context(), branch, l)
	if err != nil {
		t.Fatalf("find: %v", err)
	}
	return got
}

// refused wants a kind of error that says what was attempted.
func refused(t *testing.T, err, kind error) *forge.Error {
	t.Helper()
	var e *forge.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Fatalf("got %v, want %q", err, kind)
	}
	if e.Doing == "" || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%q does not say what was attempted, in one line", err)
	}
	return e
}

func closing(known ...string) forge.Closing {
	return forge.Closing{Branch: branch, Lease: lease(known), Reason: "Superseded by plan 2:\nflask 2.3.3 is out.",
		By: forge.Person{Name: "Drydock", Email: "drydock@bank.example"}, Date: day}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}
