// Package forge is the port to where an application's repository lives: it
// reads the base branch, checks files out, puts a change up as a branch,
// watches what people do with it, and closes or merges it. Package gitforge
// does so with nothing but git; package forgetest holds every adapter to the
// contract written here.
package forge

import (
	"context"
	"time"
)

// Forge is one repository as Drydock uses it. All methods may be called at
// once by several goroutines and processes, and end when ctx does. Whatever
// fails is an [*Error], whose Kind is one of this package's and which carries
// no credentials.
//
// Repeating a call is always safe: each method that writes first looks whether
// that is done already, and says so instead of doing it again. So after a
// crash, or an answer that was lost, the same call finds out.
type Forge interface {
	// Features says which of the optional things this forge has.
	Features() Features
	// Base returns the base branch and its newest commit.
	Base(ctx context.Context) (Base, error)
	// Checkout writes the files of a commit into dir, which must be empty or
	// absent. Nothing of the repository is executed, and nothing outside dir
	// is written or linked to; what is left out for that stands in the Tree.
	// On error dir is as it was.
	Checkout(ctx context.Context, commit, dir string) (*Tree, error)
	// Prepare computes the commit that Propose would push, and writes nothing
	// that anybody else sees.
	Prepare(ctx context.Context, p Proposal) (Prepared, error)
	// Propose has the branch show the proposal's commit, with title, text and
	// labels where the forge has those. It fails with ErrBaseMoved when the
	// base is no longer Proposal.Base, with ErrTouched when the branch shows a
	// commit that is not of the lease, with ErrDeleted when it was seen and is
	// gone, and with ErrOvertaken when another writer was faster; nothing is
	// written then.
	Propose(ctx context.Context, p Proposal) (Proposed, error)
	// Find says what became of a branch.
	Find(ctx context.Context, branch string, l Lease) (Found, error)
	// Comment adds a text beneath a proposal: Features.Comments.
	Comment(ctx context.Context, branch, text string) error
	// Check reports a result beside a commit: Features.Checks.
	Check(ctx context.Context, commit string, c Check) error
	// Close takes a branch of ours away. One that is gone is closed already;
	// one that a person touched stays: ErrTouched.
	Close(ctx context.Context, c Closing) (Closure, error)
	// Merged says whether a proposed commit arrived in the base branch.
	Merged(ctx context.Context, commit string) (Merge, error)
	// FastForward moves the base branch from the commit onto to its child
	// commit, if the base still shows onto: else ErrBaseMoved. It never
	// rewrites what stands there.
	FastForward(ctx context.Context, commit, onto string) (Merge, error)
}

// Features are what forges have and plain git has not. A method behind one that
// is false answers ErrNotOffered.
type Features struct {
	Text     bool // Title, Text and Labels of a Proposal are shown
	Comments bool
	Checks   bool
}

// Base is the branch that changes go to.
type Base struct {
	Branch string // such as "main"
	Commit string
}

// Lease is what Drydock knows of a branch: it only ever replaces or deletes what
// is in it.
type Lease struct {
	Commits []string // that Drydock pushed to the branch or set out to push ([Forge].Prepare), the last one last
	Seen    bool     // the branch showed one of them: when it is gone now, somebody took it away
}

// Proposal is a change put up for people to look at. Its commit is a function
// of Base, Files, Message, Author, Committer and Date and of nothing else.
type Proposal struct {
	Branch            string    // see [Branch]
	Base              string    // commit that was validated, and the only parent
	Files             []File    // what differs from the base
	Message           string    // commit message, UTF-8
	Author, Committer Person    // an empty Committer is the Author
	Date              time.Time // of both, to the second, with its zone
	Lease             Lease

	Title, Text string   // Features.Text; Markdown
	Labels      []string // Features.Text
}

// File is one changed file.
type File struct {
	Path   string // from the root of the repository, with slashes
	Data   []byte
	Delete bool // instead of Data
}

// Person is whom a commit names.
type Person struct{ Name, Email string }

// Prepared is a commit that was computed.
type Prepared struct {
	Commit  string // the Base itself when nothing changes
	Tree    string // git's id of all its files
	Changed bool   // whether a file differs from the base
}

// Outcome is what Propose did.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"   // the branch is new
	Updated   Outcome = "updated"   // it showed an earlier commit of ours
	Unchanged Outcome = "unchanged" // it showed this commit already: nothing was written
	Nothing   Outcome = "nothing"   // no file differs from the base: nothing was written, whatever the branch shows
)

// Proposed is a proposal that stands.
type Proposed struct {
	Prepared
	Outcome  Outcome
	Previous string // commit the branch showed before; empty when it was not there
	URL      string // for people, where the forge has pages
}

// State is what became of a branch.
type State string

// The states.
const (
	Missing State = "missing" // not there, and never seen there
	Ours    State = "ours"    // shows a commit of ours
	Touched State = "touched" // shows a commit of somebody else
	Merged  State = "merged"  // the last commit of ours arrived in the base, whether the branch still exists or not
	Closed  State = "closed"  // closed by Drydock
	Deleted State = "deleted" // taken away by a person, not merged: a rejection
)

// Found is what became of a branch.
type Found struct {
	State  State
	Tip    string // commit it shows; with the branch's name the key of "touched", to be told once
	Merge  Merge  // of Merged
	Reason string // of Closed, where it was kept
	By     Person // whom the tip names as its author, of Touched
	URL    string
}

// Closing takes a branch away.
type Closing struct {
	Branch string
	Lease  Lease
	Reason string // one or several lines for people
	By     Person // whom the record of it names
	Date   time.Time
}

// Closure says what Close did.
type Closure struct {
	Already  bool   // it was gone before
	Tip      string // commit it showed
	Recorded bool   // the reason is kept where the repository is
}

// How says in which way a commit arrived.
type How string

// The ways.
const (
	NotMerged How = ""          // it did not
	Contained How = "contained" // it is part of the base's history
	Content   How = "content"   // another commit brought the same files: squashed or rebased
)

// Merge is how a commit arrived in the base.
type Merge struct {
	How  How
	By   string // commit of the base's own line (first parents) that brought it; of Content the newest one that is known to have it
	Base string // the base's newest commit when this was looked at
	// SameTree: the base at By has exactly the files of the proposed commit.
	// Otherwise something else is in it that was not validated with it.
	SameTree bool
}

// Check is a result shown beside a commit.
type Check struct {
	Name    string
	State   string // pending, success, failure, error
	Summary string
	URL     string
}

// Tree is what Checkout wrote.
type Tree struct {
	Commit string
	Files  int
	Bytes  int64
	Left   []Remark // not written: submodules, links that lead outside
	Kept   []Remark // written, and a reader should know: LFS pointers, names that differ in case only
}

// Remark is a path with what is to be said of it.
type Remark struct{ Path, Why string }

// The reasons of remarks, which may be followed by a colon and more.
const (
	Submodule   = "submodule: not fetched"
	LinkOut     = "symbolic link that leads outside the repository"
	LFSPointer  = "Git LFS pointer: the file itself is not fetched"
	SameButCase = "differs from another path in upper and lower case only"
)
