// Package proposal writes what a reviewer reads of a change: the text of the proposal, which is that of `drydock
// change show`, too, its title, and the message of its commit.
//
// Everything here is a pure function of Facts. Nearly all of it was written by outsiders (a repository, an index,
// an advisory, the output of a test) and is shown to people and to forges that act on what they read, so nothing of
// it reaches the text but through markup.go.
package proposal

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

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
	Approvals  string             // what production will need, such as "2 approvals, one of security"; "": as Validation says, else not known
	Rollback   string             // how to roll back, in sentences; "": how git does it
	Merge      string             // person | automatic; "": as Validation says, else not known
}

// Title is one line of at most 72 characters: "Security: flask 2.2.5 and 2 more (emergency, 3 vulnerabilities)".
func Title(f Facts) string {
	d := gather(f, sizes[0])
	kind, tail := "Update", plain(f.Change.Class)
	switch n := len(d.ids()); {
	case n > 0:
		kind, tail = "Security", tail+", "+count(n, "vulnerability", "vulnerabilities")
	case d.phase == nil && len(f.Change.Findings) > 0:
		kind = "Security"
	}
	if tail != "" {
		tail = " (" + tail + ")"
	}
	moves := d.moves
	if len(moves) == 0 {
		return kind + ": " + cut("nothing to change"+tail, maxTitle-len(kind)-2)
	}
	if n := len(moves) - 1; n > 0 {
		tail = fmt.Sprintf(" and %d more", n) + tail
	}
	room := maxTitle - len(kind) - len(": ")
	version := " " + cut(plain(moves[0].To), 20)
	first := cut(plain(moves[0].Package), max(12, room-utf8.RuneCountInString(version+tail)))
	return kind + ": " + cut(first+version+tail, room)
}

// plain is an outsider's word for a line that no Markdown is read in.
func plain(s string) string { return clean(s, maxName) }

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// Text is the proposal in GitHub flavoured Markdown that reads as plain text, too; at most 60,000 bytes, since
// GitHub refuses more than 65,536 characters. What is more than a page can show is counted and can be asked for.
func Text(f Facts) string {
	s := ""
	for _, c := range sizes {
		if s = write(gather(f, c)); len(s) <= maxText {
			break
		}
	}
	return s
}

func write(d *draft) string {
	b := &strings.Builder{}
	d.writeSummary(b)
	d.writeStanding(b)
	d.writeWhy(b)
	d.writeWhat(b)
	d.writeProof(b)
	d.writeRisk(b)
	d.writeDeadline(b)
	d.writeRollback(b)
	d.writeChecklist(b)
	d.writeNext(b)
	d.writeRecord(b)
	d.links.write(b)
	return b.String()
}

// Commit is the message of the commit: title, text, and as its last paragraph trailers (git-interpret-trailers(1))
// that name the change. It is the same whenever it is made, whatever became of the change meanwhile.
func Commit(f Facts) string {
	f.State = nil
	return Title(f) + "\n\n" + strings.TrimRight(Text(f), "\n") + "\n\n" + trailers(f)
}

// id is what names something of Drydock's own: it can stand in a trailer and in a command.
var id = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

// digest is a digest or an id as it is; nothing for what is neither, since half of one names something else.
func digest(s string) md {
	if len(s) > maxID || !id.MatchString(s) {
		return ""
	}
	return md(s)
}

func trailers(f Facts) string {
	var b strings.Builder
	add := func(key, value string) {
		if v := digest(value); v != "" {
			b.WriteString("Drydock-" + key + ": " + string(v) + "\n")
		}
	}
	add("Application", gather(f, sizes[0]).application())
	add("Change", cmp.Or(f.Change.Change, "none"))
	add("Plan", f.Change.Plan)
	if f.Validation != nil {
		add("Artifact", f.Validation.Artifact)
	}
	add("Validation", f.Evidence)
	return b.String()
}

// Date is that of the commit, of author and committer alike: when the plan was made, in UTC, to the second.
func Date(f Facts) time.Time {
	if f.Plan == nil {
		return f.Change.Opened.UTC().Truncate(time.Second)
	}
	return f.Plan.Timestamp.UTC().Truncate(time.Second)
}
