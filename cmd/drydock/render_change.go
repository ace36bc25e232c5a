package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// stageCell is a stage as tables show it: the word says all that the colour does.
func stageCell(stage string) cell {
	switch stage {
	case events.StageParked:
		return cell{"! " + stage, yellow}
	case "rejected":
		return cell{"x " + stage, strong}
	case events.StageProposed, events.StageMerged, "closed":
		return cell{stage, green}
	case "superseded":
		return cell{stage, dim}
	}
	return cell{stage, plain}
}

// renderChanges is the table of `change list`.
func renderChanges(p *page, list []api.Change, now time.Time) {
	var rows [][]cell
	for _, ch := range list {
		due := cell{"none", dim}
		if !ch.Deadline.IsZero() {
			due = cell{"in " + span(ch.Deadline.Sub(now)), plain}
			if ch.State != "open" {
				due = cell{ch.Deadline.UTC().Format("2 Jan 2006"), dim}
			} else if ch.Breached || now.After(ch.Deadline) {
				due = cell{"breached", strong}
			}
		}
		rows = append(rows, []cell{{ch.Change, bold}, {ch.Application, plain}, {ch.Class, plain}, stageCell(ch.Stage), {packagesOf(ch), plain}, due, {ch.Branch, dim}})
	}
	columns := []column{{head: "CHANGE"}, {head: "APPLICATION", shrink: true, path: true}, {head: "CLASS"}, {head: "STAGE"}, {head: "PACKAGES", shrink: true}, {head: "DUE"}, {head: "BRANCH"}}
	if p.room(columns, rows) < 0 { // a branch that is cut is of no use; `change show` has it
		columns = columns[:len(columns)-1]
		for i := range rows {
			rows[i] = rows[i][:len(columns)]
		}
	}
	p.table(columns, rows)
}

func packagesOf(ch api.Change) string {
	var names []string
	for _, u := range ch.Updates {
		names = append(names, u.Package)
	}
	return strings.Join(names, ", ")
}

// renderChange is `change show`: one page.
func renderChange(p *page, doc *changeDoc, now time.Time) {
	d := doc.ChangeDetail
	p.wrapped(bold, "  ", "%s", changeHeadline(d, now))
	due := "no deadline"
	if !d.Deadline.IsZero() {
		due = "due " + until(d.Deadline, now)
	}
	p.wrapped(plain, "  ", "phase %s, class %s, %s", d.Phase, d.Class, due)
	if d.DeadlineRule != "" {
		p.wrapped(dim, "  ", "  because %s", d.DeadlineRule)
	}
	p.gap()
	if doc.PlanPhase != nil {
		renderUpdates(p, *doc.PlanPhase)
	} else {
		renderMoves(p, d.Updates)
	}
	if doc.Validation != nil {
		renderValidation(p, doc.Validation)
	}
	if len(d.Effects) > 0 {
		p.gap()
		renderEffects(p, d.Effects)
	}
	p.gap()
	renderWaits(p, d.Waits, now)
	for _, hint := range changeHints(d) {
		p.wrapped(plain, "        ", "next    %s", hint)
	}
}

func renderMoves(p *page, moves []events.Update) {
	var rows [][]cell
	for _, u := range moves {
		rows = append(rows, []cell{{"  " + u.Package, bold}, {cmp.Or(u.From, "added"), plain}, {u.To, green}, {u.Source, dim}})
	}
	p.table([]column{{head: "  PACKAGE", shrink: true}, {head: "FROM", shrink: true}, {head: "TO", shrink: true}, {head: "WHERE", shrink: true, path: true}}, rows)
}

// statusCell is how a step ended.
func statusCell(status string) cell {
	switch status {
	case report.StepPassed:
		return cell{"✓ " + status, plain}
	case report.StepWarned, report.StepStopped:
		return cell{"! " + status, yellow}
	case report.StepFailed:
		return cell{"x " + status, strong}
	}
	return cell{"- " + status, dim}
}

// wholeDigest finds digests, with what people call them.
var wholeDigest = regexp.MustCompile(`sha256:([0-9a-f]{12})[0-9a-f]{52}`)

func renderValidation(p *page, v *report.Validation) {
	p.gap()
	p.wrapped(bold, "  ", "%s in %.1f s on %s at %s, isolation %s", v.Result, v.Seconds, v.Branch, commit(v.Base), v.Isolation)
	if v.Reason != "" {
		p.wrapped(plain, "  ", "  %s", v.Reason)
	}
	for _, s := range v.Steps {
		took := fmt.Sprintf("%.1f s", s.Seconds)
		if s.Cached {
			took = "known"
		}
		detail := wholeDigest.ReplaceAllString(cmp.Or(s.Detail, s.Command), "$1")
		if s.From != "" {
			detail = "taken over from change " + s.From + ", whose artifact is the same: " + detail
		}
		mark := statusCell(s.Status)
		p.wrapped(mark.style, strings.Repeat(" ", 34), "  %-10s %-9s %8s  %s", s.Name, mark.text, took, detail)
	}
	if len(v.NotRun) > 0 {
		p.wrapped(yellow, "  ", "! not run: %s. The policy asks for that; it needs staging, which Drydock does not have yet", strings.Join(v.NotRun, ", "))
	}
	for _, n := range v.Notes {
		p.wrapped(yellow, "  ", "! %s", n)
	}
	for _, u := range v.Failing {
		p.wrapped(red, "  ", "x fails with %s %s", u.Package, u.To)
	}
	for _, s := range v.Steps {
		if s.Log != "" && s.Status != report.StepPassed && s.Status != report.StepSkipped {
			p.wrapped(plain, "        ", "log     %s: drydock evidence get %s", s.Name, short(s.Log))
		}
	}
	if v.Artifact != "" {
		p.wrapped(plain, "        ", "sealed  artifact %s, %s, %.1f MB", short(v.Artifact), count(v.Files, "file"), float64(v.Bytes)/1e6)
	}
	if v.Bill != "" {
		p.wrapped(plain, "        ", "bill    CycloneDX: drydock evidence get %s", short(v.Bill))
	}
}

func renderEffects(p *page, effects []api.Effect) {
	for _, e := range effects {
		mark, result := cell{"✓", green}, cmp.Or(e.Result, e.Outcome)
		switch e.Outcome {
		case "open":
			mark, result = cell{"…", yellow}, "not known yet"
		case "refused":
			mark, result = cell{"x", strong}, "refused: "+e.Reason
		}
		p.wrapped(mark.style, "    ", "%s %s %s at %s: %s", mark.text, effectWords(e.Kind), e.Branch, commit(e.Commit), result)
	}
}

func renderWaits(p *page, all []api.Wait, now time.Time) {
	for _, w := range all {
		since := ""
		if w.Since != nil {
			since = ", since " + sinceWords(*w.Since, now)
		}
		p.wrapped(plain, "        ", "waits   for %s%s", w.What, since)
		p.wrapped(plain, "        ", "who     %s", w.Who)
		if w.Do != "" {
			p.wrapped(plain, "        ", "do      %s", w.Do)
		}
		if w.Until != nil {
			p.wrapped(plain, "        ", "until   %s", until(*w.Until, now))
		}
	}
}

func changeHints(d *api.ChangeDetail) []string {
	hints := []string{"drydock change why " + d.Change.Change + " tells how it came to that"}
	if d.Validated != nil || d.Proposed != nil {
		hints = append(hints, "drydock change show "+d.Change.Change+" --format markdown is what a reviewer reads")
	}
	return hints
}

// progressWords is what a worker does just now.
func progressWords(p *api.Progress) string {
	s := p.Step
	if p.N > 0 && p.Of > 0 {
		s += fmt.Sprintf(" (%d of %d)", p.N, p.Of)
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}
