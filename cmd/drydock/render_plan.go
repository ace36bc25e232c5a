package main

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// maxGaps is how many of the things a scan could not determine a plan lists.
const maxGaps = 5

// planExit is the exit code of a plan (docs/formats.md): every outcome says which.
func planExit(p *report.Plan, complete bool) int {
	code := report.ExitOK
	for _, o := range p.Outcomes {
		switch o.Outcome {
		case report.Blocked, report.NoFixPublished, report.CoolingDown, report.Frozen:
			return report.ExitFindings
		case report.OutcomeError, report.Unsupported:
			code = report.ExitIncomplete
		}
	}
	if !complete || p.Undetermined {
		code = report.ExitIncomplete
	}
	return code
}

// planScreen is a plan for people.
type planScreen struct {
	plan     *report.Plan
	complete bool      // the scan
	explain  bool      // each update
	now      time.Time // the reader's, since a plan stays in force for weeks
	files    []string  // written to dir
	dir      string
	path     string // that was scanned
}

func renderPlan(p *page, s planScreen) {
	plan, path := s.plan, s.path
	p.wrapped(bold, "  ", "%s: %s, %s", plan.Application, count(plan.Vulnerabilities, "finding"), count(updates(plan), "update"))
	switch {
	case updates(plan) == 0: // nothing was proved
	case plan.Resolution == "per-package":
		p.wrapped(yellow, "  ", "! resolution per-package: each version was chosen by itself; that they install together is not proved")
	case len(plan.Notes) > 0:
		p.wrapped(plain, "  ", "resolution %s: proved to install together, as far as these notes allow:", plan.Resolution)
	default:
		p.wrapped(plain, "  ", "resolution %s: proved to install together", plan.Resolution)
	}
	for _, n := range plan.Notes {
		p.wrapped(yellow, "  ", "! %s", n)
	}
	for _, ph := range plan.Phases {
		renderPhase(p, ph, heldUntil(plan, ph.Phase), s.now)
		if s.explain {
			explainUpdates(p, ph)
		} else {
			renderReasons(p, ph)
		}
	}
	renderOutcomes(p, plan)
	if !s.complete {
		p.gap()
		p.line(strong, "the scan was incomplete, so there may be more:")
		for i, g := range plan.Incomplete {
			if i == maxGaps {
				p.wrapped(plain, "    ", "  and %d more, which drydock scan %s lists", len(plan.Incomplete)-i, shellWord(path))
				break
			}
			renderGap(p, g)
		}
	}
	p.gap()
	for _, f := range s.files {
		p.whole("wrote   %s", filepath.Join(s.dir, f))
	}
	in := plan.Inputs
	basis := []string{"plan " + short(plan.Plan), "advisories " + short(in.Advisories), "policy " + short(in.Policy)}
	if in.Python != "" {
		basis = append(basis, "python "+in.Python)
	}
	p.line(dim, "from    %s", strings.Join(basis, ", "))
	for _, hint := range planHints(plan, s.complete, s.files, path) {
		p.wrapped(plain, "        ", "next    %s", hint)
	}
}

func updates(plan *report.Plan) (n int) {
	for _, ph := range plan.Phases {
		n += len(ph.Updates)
	}
	return n
}

// heldUntil is when the freezes that hold a phase end; zero: none does.
func heldUntil(plan *report.Plan, phase string) (until time.Time) {
	for _, o := range plan.Outcomes {
		if o.Outcome == report.Frozen && o.Phase == phase && o.Until != nil && o.Until.After(until) {
			until = *o.Until
		}
	}
	return until
}

func renderPhase(p *page, ph report.Phase, held, now time.Time) {
	p.gap()
	due := "no deadline"
	if ph.Deadline != nil {
		due = "due " + until(*ph.Deadline, now)
		if ph.Provisional {
			due += ", provisional: counted from this scan"
		}
	}
	p.wrapped(bold, "  ", "%s: %s, %s", ph.Phase, count(len(ph.Updates), "update"), due)
	if ph.DeadlineRule != "" {
		p.wrapped(dim, "  ", "  because %s", ph.DeadlineRule)
	}
	if !held.IsZero() {
		p.wrapped(yellow, "    ", "  ! held by a freeze until %s: nothing of it goes to production before", held.UTC().Format("2 Jan 2006 15:04Z"))
	}
	p.wrapped(dim, "  ", "  branch %s, by %s", ph.Branch, ph.Method)
	renderUpdates(p, ph)
}

// renderUpdates is the table of what a phase moves.
func renderUpdates(p *page, ph report.Phase) {
	var rows [][]cell
	for _, u := range ph.Updates {
		fixes := strings.Join(u.Fixes, " ")
		n := len(u.Fixes)
		if n > 1 {
			fixes = fmt.Sprintf("%s +%d", u.Fixes[0], n-1)
		}
		if n == 0 {
			fixes = "-"
		}
		rows = append(rows, []cell{{"  " + u.Package, bold}, {cmp.Or(u.From, "added"), plain}, {u.To, green}, {u.Step, plain}, {fixes, plain}, {u.Source, dim}})
	}
	p.table([]column{{head: "  PACKAGE", shrink: true}, {head: "FROM", shrink: true}, {head: "TO", shrink: true}, {head: "STEP"}, {head: "FIXES", shrink: true}, {head: "WHERE", shrink: true, path: true}}, rows)
}

// renderReasons says why what fixes nothing moves, each reason once: who needs it, or that it is the newest.
func renderReasons(p *page, ph report.Phase) {
	var reasons []string
	moved := map[string][]string{}
	for _, u := range ph.Updates {
		if len(u.Fixes) > 0 {
			continue
		}
		if moved[u.Reason] == nil {
			reasons = append(reasons, u.Reason)
		}
		if what := u.Package + " " + u.To; !slices.Contains(moved[u.Reason], what) {
			moved[u.Reason] = append(moved[u.Reason], what)
		}
	}
	for _, r := range reasons {
		p.wrapped(dim, "    ", "  %s: %s", strings.Join(moved[r], ", "), r)
	}
}

// explainUpdates says of each update who asks for the package, since when the release is out, why it is this one, and
// where to read on.
func explainUpdates(p *page, ph report.Phase) {
	told := map[string]bool{}
	for _, u := range ph.Updates {
		released := "released on an unknown day"
		if u.Released != nil {
			released = "released " + u.Released.UTC().Format("2 Jan 2006")
		}
		text := fmt.Sprintf("  %s %s: %s; %s; %s", u.Package, u.To, askedFor(u), released, u.Reason)
		if told[text] { // of another file
			continue
		}
		told[text] = true
		p.wrapped(plain, "    ", "%s", text)
		if len(u.Fixes) > 1 {
			p.wrapped(dim, "      ", "    fixes %s", strings.Join(u.Fixes, ", "))
		}
		if page, err := url.Parse(u.Page); err == nil && (page.Scheme == "https" || page.Scheme == "http") && page.Host != "" {
			p.whole("    %s", page.Redacted())
		}
	}
}

// askedFor says who wants a package: the manifest itself, or those that require it.
func askedFor(u report.Update) string {
	switch {
	case u.Direct:
		return "direct"
	case len(u.Through) > 0:
		return "through " + strings.Join(u.Through, ", ")
	}
	return "asked for by whom is not known"
}

// until is a deadline for people: the time, and how far away it is.
func until(t, now time.Time) string {
	at := t.UTC().Format("2 Jan 2006 15:04Z")
	d := t.Sub(now)
	if d < 0 {
		return fmt.Sprintf("%s, breached %s ago", at, span(-d))
	}
	return fmt.Sprintf("%s (in %s)", at, span(d))
}

// deadlineWords says by when a change must be closed, and by which rule.
func deadlineWords(ch events.Change, now time.Time) string {
	if ch.Deadline.IsZero() {
		return "none: it fixes nothing known"
	}
	return fmt.Sprintf("%s (%s)", until(ch.Deadline, now), ch.DeadlineRule)
}

func span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// outcomeOrder puts first what needs a person.
var outcomeOrder = []string{report.Blocked, report.NoFixPublished, report.OutcomeError, report.Unsupported, report.Frozen, report.CoolingDown,
	report.AcceptedUntil, report.NotAffected, report.Fixed, report.Planned}

// renderOutcomes lists each finding that no update of this plan fixes, and counts the rest.
func renderOutcomes(p *page, plan *report.Plan) {
	n := map[string]int{}
	for _, o := range plan.Outcomes {
		n[o.Outcome]++
	}
	var words []string
	for _, o := range outcomeOrder {
		if n[o] > 0 {
			words = append(words, fmt.Sprintf("%d %s", n[o], o))
		}
	}
	if len(words) == 0 {
		return
	}
	p.gap()
	p.wrapped(bold, "  ", "outcomes: %s", strings.Join(words, ", "))
	rest := slices.Clone(plan.Outcomes)
	slices.SortStableFunc(rest, func(a, b report.Outcome) int {
		return cmp.Compare(slices.Index(outcomeOrder, a.Outcome), slices.Index(outcomeOrder, b.Outcome))
	})
	for _, o := range rest {
		if o.Outcome == report.Planned || o.Outcome == report.Fixed {
			continue
		}
		mark := "!"
		if o.Outcome == report.AcceptedUntil || o.Outcome == report.NotAffected {
			mark = "-" // somebody decided: nothing is asked of the reader
		}
		p.wrapped(plain, "    ", "%s %s: %s %s %s (%s): %s", mark, o.Outcome, o.Package, o.Version, o.Vulnerability, o.Source, o.Detail)
		for _, c := range o.Chain {
			p.wrapped(plain, "      ", "    %s", c)
		}
	}
}

// planHints is what to do next: first what makes the answer whole, then what it asks for.
func planHints(plan *report.Plan, complete bool, files []string, path string) []string {
	var out []string
	if !complete {
		out = gapHints(plan.Incomplete)
	}
	switch nothing := updates(plan) == 0 && len(plan.Outcomes) == 0; {
	case nothing && complete:
		out = append(out, "nothing: there is no open finding")
	case nothing && len(out) == 0:
		out = append(out, "mend what could not be determined and plan again: until then no finding does not mean clean")
	case nothing:
	case updates(plan) == 0:
		out = append(out, "no update can be planned; the outcomes above say why")
	case len(files) > 0:
		out = append(out, "install requirements_updated.txt in a test environment and run the tests before anything is deployed")
	default:
		out = append(out, "drydock plan "+shellWord(path)+" --out-dir DIR writes the requirements files")
	}
	return out
}

// short is a digest for people.
func short(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if !ok || len(hex) < 12 {
		return digest
	}
	return hex[:12]
}
