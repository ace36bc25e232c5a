// Package proposal writes what a reviewer reads of a change: the text of the proposal, which is that of `drydock
// change show`, too, its title, and the message of its commit.
//
// Everything here is a pure function of Facts. Nearly all of it was written by outsiders (a repository, an index,
// an advisory, the output of a test) and is shown to people and to forges that act on what they read, so nothing of
// it reaches the text but through markup.go.
package proposal

import (
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Facts are all that the text is made from: there is no clock and no configuration beside them.
type Facts struct {
	Change     events.ChangeOpened
	Plan       *report.Plan       // that the change is a phase of; nil: its document is not at hand
	Findings   []report.Finding   // of the scan that the plan answers
	Validation *report.Validation // nil: it was not validated yet
	Evidence   string             // sha256:… of Validation as it is kept; "" for none
	State      *events.Change     // how far it has come, for a text that is shown later; nil: as Validation says. Commit leaves it out
	Approvals  string             // what production will need, such as "2 approvals, one of security"; "": not known
	Rollback   string             // how to roll back, in sentences; "": how git does it
	Merge      string             // person | automatic
}

// Title is one line of at most 72 characters: "Security: flask 2.2.5 and 2 more (emergency, 3 vulnerabilities)".
func Title(f Facts) string { return "" }

// Text is the proposal in GitHub flavoured Markdown that reads as plain text, too; at most maxText bytes.
func Text(f Facts) string { return "" }

// Commit is the message of the commit: title, text, and as its last paragraph trailers (git-interpret-trailers(1))
// that name the change. It is the same whenever it is made, whatever became of the change meanwhile.
func Commit(f Facts) string { return strings.Join([]string{Title(f), Text(f)}, "\n\n") }

// Date is that of the commit, of author and committer alike: when the plan was made, in UTC, to the second.
func Date(f Facts) time.Time {
	if f.Plan == nil {
		return f.Change.Opened.UTC().Truncate(time.Second)
	}
	return f.Plan.Timestamp.UTC().Truncate(time.Second)
}
