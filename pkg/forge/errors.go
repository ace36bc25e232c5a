package forge

import (
	"context"
	"errors"
	"strings"
)

// Kinds of errors, for errors.Is. The comment says who can do what.
var (
	ErrInput         = errors.New("not to be asked of a repository")                // the caller's, or of the configuration
	ErrGit           = errors.New("no usable git")                                  // missing or too old: install one
	ErrUnreachable   = errors.New("the repository's host does not answer")          // wait
	ErrTimeout       = errors.New("took too long")                                  // wait
	ErrDisk          = errors.New("no room left on the disk")                       // make room
	ErrNotRepository = errors.New("no repository there")                            // gone, or a wrong address
	ErrEmpty         = errors.New("the repository has no commit")                   // push a first one
	ErrNoBase        = errors.New("the base branch is not there")                   // wrong name, or deleted
	ErrNoCommit      = errors.New("the commit is not to be had")                    // rewritten, or pruned
	ErrNoAccess      = errors.New("access is denied")                               // credentials missing or wrong
	ErrRefused       = errors.New("the repository refuses the push")                // protected branch, hook, rule
	ErrBaseMoved     = errors.New("the base branch has moved")                      // validate again
	ErrTouched       = errors.New("somebody else has pushed to the branch")         // leave it alone
	ErrDeleted       = errors.New("somebody has taken the branch away")             // a rejection
	ErrOvertaken     = errors.New("another writer was faster")                      // look again
	ErrTooLarge      = errors.New("the repository is larger than allowed")          // raise the limit
	ErrContent       = errors.New("the repository holds what can't be used safely") // paths that escape, broken objects
	ErrNotOffered    = errors.New("this forge has no such thing")                   // see Features
	ErrFailed        = errors.New("git failed in a way that is not known")          // see the detail
)

// Error is what every method of a [Forge] fails with, but for the end of its context.
type Error struct {
	Kind   error  // one of the above
	Doing  string // what was attempted, such as "push fix to https://…"
	Detail string // what is known, often the other side's own words; no credentials
	Advice string // what to do about it
	Commit string // found instead of the expected one: ErrBaseMoved, ErrTouched, ErrOvertaken
	By     Person // author of Commit: ErrTouched
	Cause  error
}

func (e *Error) Error() string {
	parts := []string{e.Doing, e.Kind.Error()}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	text := strings.Join(parts, ": ")
	if e.Advice != "" {
		text += " (" + e.Advice + ")"
	}
	return text
}

// Unwrap gives Kind and Cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Verdict is what is to be done about an error (docs/design.md §5, Workers).
type Verdict string

// The verdicts.
const (
	Transient Verdict = "transient"     // try again later
	Decide    Verdict = "decide again"  // the world changed: look, and decide anew
	Human     Verdict = "needs a human" // park the change
	Permanent Verdict = "permanent"     // a mistake of the program or its input
)

// verdicts is the table of kinds.
var verdicts = []struct {
	kind    error
	verdict Verdict
}{
	{ErrUnreachable, Transient}, {ErrTimeout, Transient}, {ErrDisk, Transient},
	{ErrBaseMoved, Decide}, {ErrOvertaken, Decide}, {ErrDeleted, Decide},
	{ErrTouched, Human}, {ErrRefused, Human}, {ErrNoAccess, Human}, {ErrNotRepository, Human}, {ErrEmpty, Human},
	{ErrNoBase, Human}, {ErrNoCommit, Human}, {ErrTooLarge, Human}, {ErrContent, Human}, {ErrGit, Human}, {ErrFailed, Human},
	{ErrInput, Permanent}, {ErrNotOffered, Permanent},
}

// Judge says what is to be done about an error of a Forge. A context that ended is transient; what no Forge
// answers is permanent.
func Judge(err error) Verdict {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Transient
	}
	for _, v := range verdicts {
		if errors.Is(err, v.kind) {
			return v.verdict
		}
	}
	return Permanent
}
