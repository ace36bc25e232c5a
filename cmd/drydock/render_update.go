package main

import (
	"cmp"
	"fmt"
	"path"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// maxLeft is how many of the findings that stay open are listed for each application.
const maxLeft = 10

// renderUpdate is the result of an update: a table of the changes, then what needs a person.
func renderUpdate(p *page, doc *updateDoc, now time.Time) {
	for i, u := range doc.Applications {
		if i > 0 {
			p.gap()
		}
		renderUpdated(p, u, now)
	}
}

func renderUpdated(p *page, u updated, now time.Time) {
	u.Changes = last(u.Changes)
	switch {
	case u.State == updateRequested:
		p.wrapped(plain, "  ", "%s: asked for; drydock change list --app %s shows what comes of it", u.Application, u.Application)
		return
	case u.State == updateFailed:
		p.wrapped(strong, "  ", "x %s: %s", u.Application, u.Detail)
		return
	case u.State == updateWaiting && u.Scan == 0:
		p.wrapped(yellow, "  ", "? %s: %s", u.Application, u.Detail)
		return
	case u.State == updateWaiting:
		p.wrapped(yellow, "  ", "! %s: %s; the work goes on: drydock change list --app %s", u.Application, u.Detail, u.Application)
	case len(u.Changes) == 0 && u.Complete != nil && !*u.Complete:
		p.wrapped(strong, "  ", "? %s: no update, and not everything could be determined", u.Application)
	case len(u.Changes) == 0:
		p.wrapped(bold, "  ", "%s: nothing to do", u.Application)
	default:
		p.wrapped(bold, "  ", "%s: %s", u.Application, count(len(u.Changes), "change"))
	}
	renderUpdatedChanges(p, u.Changes)
	for _, ch := range u.Changes {
		renderStopped(p, ch, now)
	}
	renderLeft(p, u)
}

// last leaves out what a later change of the list carries on: a rejection has the whole plan made again.
func last(list []updatedChange) []updatedChange {
	there := map[string]bool{}
	for _, ch := range list {
		there[ch.Change.Change] = true
	}
	var out []updatedChange
	for _, ch := range list {
		if !there[ch.SupersededBy] {
			out = append(out, ch)
		}
	}
	return out
}

func renderUpdatedChanges(p *page, list []updatedChange) {
	if len(list) == 0 {
		return
	}
	var rows [][]cell
	for _, ch := range list {
		result := stageCell(ch.Stage)
		if resultOf(ch.Change) == resultWaits {
			result = cell{"? " + resultWaits, yellow}
		}
		rows = append(rows, []cell{{ch.Change.Change, bold}, {ch.Class, plain}, {packagesOf(ch.Change), plain}, result, {ch.Branch, dim}})
	}
	columns := []column{{head: "CHANGE"}, {head: "CLASS"}, {head: "PACKAGES", shrink: true}, {head: "RESULT"}, {head: "BRANCH"}}
	if p.room(columns, rows) >= 0 {
		p.table(columns, rows)
		return
	}
	for i := range rows { // a branch that is cut is of no use: each has a line of its own
		rows[i] = rows[i][:len(columns)-1]
	}
	p.table(columns[:len(columns)-1], rows)
	for _, ch := range list {
		p.whole("  %s  branch %s", ch.Change.Change, ch.Branch)
	}
}

// renderStopped says of a change that is not proposed why, and what to do.
func renderStopped(p *page, ch updatedChange, now time.Time) {
	id := ch.Change.Change
	switch resultOf(ch.Change) {
	case "rejected":
		p.wrapped(red, "    ", "x %s rejected: %s", id, ch.Reason)
		p.wrapped(plain, "        ", "do      drydock change why %s shows what failed; mend it, then drydock update %s", id, ch.Application)
	case events.StageParked:
		p.wrapped(yellow, "    ", "! %s parked: %s", id, ch.Reason)
		p.wrapped(plain, "        ", "do      %s", cmp.Or(ch.Do, "drydock change why "+id))
		if !ch.Retry.IsZero() {
			p.wrapped(plain, "        ", "until   %s, when it is tried again by itself", until(ch.Retry, now))
		}
	case resultWaits:
		for _, w := range ch.Waits {
			p.wrapped(yellow, "    ", "? %s waits for %s", id, w.What)
			if w.Do != "" {
				p.wrapped(plain, "        ", "do      %s", w.Do)
			}
		}
	default:
		renderProof(p, ch)
	}
}

// renderProof says what of a change that is proposed was not proved: whoever reads no more than this must know.
func renderProof(p *page, ch updatedChange) {
	switch {
	case ch.Stage != events.StageProposed && ch.Stage != events.StageMerged:
	case !ch.Tested:
		p.wrapped(yellow, "    ", "! %s: nothing was tested", ch.Change.Change)
	default:
		for _, x := range ch.Warned {
			p.wrapped(yellow, "    ", "! %s: %s", ch.Change.Change, x)
		}
	}
}

// renderLeft says what stays open, and why.
func renderLeft(p *page, u updated) {
	if len(u.Left) > 0 {
		p.gap()
		p.line(plain, "%s of %s no update answers:", count(len(u.Left), "finding"), u.Application)
	}
	for i, o := range u.Left {
		if i == maxLeft {
			p.line(plain, "  and %d more, which drydock why %s tells of", len(u.Left)-i, u.Application)
			break
		}
		mark := yellow
		if o.Outcome == report.OutcomeError || o.Outcome == report.Unsupported {
			mark = strong
		}
		p.wrapped(mark, "      ", "  %s %s %s %s: %s", o.Outcome, o.Package, o.Version, o.Vulnerability, o.Detail)
	}
	if u.Complete != nil && !*u.Complete {
		renderUndecided(p, u)
	}
}

// renderUndecided says what could not be determined: where there is a gap, there may be more to update.
func renderUndecided(p *page, u updated) {
	p.gap()
	if len(u.Notes)+len(u.Incomplete) == 0 {
		p.line(strong, "not everything could be determined, so there may be more; drydock why %s tells of it", u.Application)
		return
	}
	p.line(strong, "not everything could be determined, so there may be more:")
	for _, n := range u.Notes {
		p.wrapped(yellow, "    ", "  ! %s", n)
	}
	for i, g := range u.Incomplete {
		if i == maxGaps {
			p.line(plain, "  and %d more, which drydock why %s tells of", len(u.Incomplete)-i, u.Application)
			break
		}
		renderGap(p, g)
	}
	for _, h := range updateHints(u) {
		p.wrapped(plain, "        ", "next    %s", h)
	}
}

// updateHints is what makes the answer whole: an update has only the newest commit to go by.
func updateHints(u updated) []string {
	var out []string
	var rest []inventory.Incomplete
	var projects, files, nowhere bool
	for _, g := range u.Incomplete {
		switch {
		case g.Reason == inventory.NoSource:
			nowhere = true
		case g.Reason != inventory.Unpinned && g.Reason != inventory.RangedPin:
			rest = append(rest, g)
		case path.Base(g.Source) == "pyproject.toml":
			projects = true
		default:
			files = true
		}
	}
	again := fmt.Sprintf("commit that, and run drydock update %s again", u.Application)
	if files {
		out = append(out, "compile what is not pinned: move the ranges to requirements.in, run uv pip compile requirements.in -o requirements.txt, "+again)
	}
	if projects {
		out = append(out, "lock the project: run uv lock beside its pyproject.toml, "+again)
	}
	if nowhere {
		out = append(out, "let `path` of the application, in the applications file, name the folder with its requirements")
	}
	return append(out, gapHints(rest)...)
}
