package planner

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Markdown renders a plan for people: what to do by when, what stays open and why, and what it was made from.
// It is a function of the document alone.
func Markdown(p *report.Plan) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "# Update plan for %s\n\n", cell(p.Application))
	fmt.Fprintf(b, "%s. Made %s, read-only.\n\n", headline(p), minute(p.Timestamp))
	switch {
	case len(p.Phases) == 0: // nothing was proved
	case p.Resolution == jointKind && len(p.Notes) > 0:
		b.WriteString("Resolution `joint`: each phase was proved to install together, by itself and after the ones before it, as far as the notes below allow.\n\n")
	case p.Resolution == jointKind:
		b.WriteString("Resolution `joint`: each phase was proved to install together, by itself and after the ones before it.\n\n")
	default:
		fmt.Fprintf(b, "> **Not proved to install together.** Each version was chosen by itself (resolution `%s`); only the tests in an isolated environment tell whether the set installs.\n\n", code(p.Resolution))
	}
	if len(p.Notes) > 0 {
		b.WriteString("> **Take note:**\n")
		for _, n := range p.Notes {
			fmt.Fprintf(b, "> - %s\n", cell(n))
		}
		b.WriteString("\n")
	}
	if len(p.Incomplete) > 0 {
		writeGaps(b, p.Incomplete)
	}
	if p.Inputs.Python == "" {
		b.WriteString("> The target's version of Python is not known: `requires-python` was not checked.\n\n")
	}
	if len(p.Phases) > 0 {
		writeSummary(b, p)
	}
	for _, ph := range p.Phases {
		writePhase(b, ph, heldUntil(p, ph.Phase))
	}
	writeOutcomes(b, p.Outcomes)
	b.WriteString("## Never\n\n")
	for _, rule := range p.Recommendations.NeverDo {
		fmt.Fprintf(b, "- %s\n", cell(rule))
	}
	writeInputs(b, p)
	return b.String()
}

func headline(p *report.Plan) string {
	n := tally(p.Outcomes)
	s := count(p.Vulnerabilities, "finding", "findings")
	var parts []string
	for _, o := range []string{report.Planned, report.Fixed, report.Blocked, report.NoFixPublished, report.CoolingDown, report.Frozen,
		report.AcceptedUntil, report.NotAffected, report.Unsupported, report.OutcomeError} {
		if n[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[o], o))
		}
	}
	if len(parts) == 0 {
		return s
	}
	return s + ": " + strings.Join(parts, ", ")
}

func writeGaps(b *strings.Builder, gaps []inventory.Incomplete) {
	fmt.Fprintf(b, "> **The scan was incomplete**, so this plan may be too:\n")
	for i, g := range gaps {
		if i == 20 {
			fmt.Fprintf(b, "> - and %d more\n", len(gaps)-i)
			break
		}
		where := ""
		if g.Source != "" {
			where = " " + cell(g.Source)
			if g.Line > 0 {
				where += fmt.Sprintf(":%d", g.Line)
			}
		}
		fmt.Fprintf(b, "> - %s%s: %s\n", cell(g.Reason), where, cell(g.Detail))
	}
	b.WriteString("\n")
}

func writeSummary(b *strings.Builder, p *report.Plan) {
	b.WriteString("| phase | by | updates | fixes | pipeline |\n|---|---|---|---|---|\n")
	for _, ph := range p.Phases {
		fixes := 0
		for _, u := range ph.Updates {
			fixes += len(u.Fixes)
		}
		fmt.Fprintf(b, "| %s | %s | %d | %d | %s |\n", cell(ph.Phase), deadlineText(ph), len(ph.Updates), fixes, cell(ph.Method))
	}
	b.WriteString("\n")
}

func deadlineText(ph report.Phase) string {
	if ph.Deadline == nil {
		return cell(ph.Timeline)
	}
	if ph.Provisional {
		return minute(*ph.Deadline) + " (provisional)"
	}
	return minute(*ph.Deadline)
}

// heldUntil is when the freezes that hold a phase end; nil: none does.
func heldUntil(p *report.Plan, phase string) *time.Time {
	var until *time.Time
	for _, o := range p.Outcomes {
		if o.Outcome == report.Frozen && o.Phase == phase && o.Until != nil && (until == nil || o.Until.After(*until)) {
			until = o.Until
		}
	}
	return until
}

func writePhase(b *strings.Builder, ph report.Phase, held *time.Time) {
	fmt.Fprintf(b, "## %s: %s\n\n", cell(ph.Phase), cell(ph.Timeline))
	if ph.Deadline == nil {
		fmt.Fprintf(b, "No deadline: nothing known is fixed. Branch `%s`.\n", code(ph.Branch))
	} else {
		fmt.Fprintf(b, "Due %s. Rule: %s. Branch `%s`.\n", deadlineText(ph), cell(ph.DeadlineRule), code(ph.Branch))
	}
	if ph.Provisional && ph.Deadline != nil {
		b.WriteString("Without a log nobody knows when a finding was first detected: the deadline counts from this scan.\n")
	}
	if held != nil {
		fmt.Fprintf(b, "Held by a freeze until %s: it can be proved and reviewed meanwhile, and does not go to production.\n", minute(*held))
	}
	b.WriteString("\n| package | from | to | step | released | asked for | source | fixes |\n|---|---|---|---|---|---|---|---|\n")
	for _, u := range ph.Updates {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", linked(u), cell(cmp.Or(u.From, "added")), cell(u.To), u.Step, day(u.Released), cell(askedFor(u)), cell(u.Source), cell(strings.Join(u.Fixes, ", ")))
	}
	b.WriteString("\n")
	for _, u := range ph.Updates {
		fmt.Fprintf(b, "- %s %s: %s\n", cell(u.Package), cell(u.To), cell(u.Reason))
	}
	b.WriteString("\n")
}

// linked is a package with its page on the index. Only an address of the web is made a link.
func linked(u report.Update) string {
	page, err := url.Parse(u.Page)
	if err != nil || page.Scheme != "https" && page.Scheme != "http" || page.Host == "" {
		return cell(u.Package)
	}
	return fmt.Sprintf("[%s](<%s>)", cell(u.Package), strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C").Replace(page.Redacted()))
}

// askedFor says who wants a package: the manifest itself, or those that require it.
func askedFor(u report.Update) string {
	if u.Direct || len(u.Through) == 0 {
		return "direct"
	}
	return "through " + strings.Join(u.Through, ", ")
}

// writeOutcomes lists what this plan does not fix, or not yet; what it does stands with the updates.
func writeOutcomes(b *strings.Builder, outcomes []report.Outcome) {
	var held, rest []report.Outcome
	for _, o := range outcomes {
		switch o.Outcome {
		case report.Planned:
		case report.Frozen:
			held = append(held, o)
		default:
			rest = append(rest, o)
		}
	}
	writeTable(b, "Planned, and held by a freeze", held)
	writeTable(b, "Not in this plan", rest)
}

func writeTable(b *strings.Builder, title string, outcomes []report.Outcome) {
	if len(outcomes) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s\n\n", title)
	b.WriteString("| package | version | source | vulnerability | outcome | why |\n|---|---|---|---|---|---|\n")
	for _, o := range outcomes {
		why := o.Detail
		if len(o.Chain) > 0 {
			why += ": " + strings.Join(o.Chain, "; ")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", cell(o.Package), cell(o.Version), cell(o.Source), cell(o.Vulnerability), o.Outcome, cell(why))
	}
	b.WriteString("\n")
}

func writeInputs(b *strings.Builder, p *report.Plan) {
	b.WriteString("\n## Made from\n\n")
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "- %s: `%s`\n", name, code(value))
		}
	}
	in := p.Inputs
	row("plan", p.Plan)
	row("inventory", in.Inventory)
	row("advisories", in.Advisories)
	row("index", in.Index)
	row("policy", in.Policy)
	row("policy of the server, which the repository tightened", in.ServerPolicy)
	row("waivers", in.Waivers)
	row("freezes", in.Freezes)
	row("vex", in.VEX)
	row("python", in.Python)
	row("platform", in.Platform)
	row("resolver", in.Resolver)
	row("record", in.Record)
	row("rejected, and those above", rejectedText(in.Rejections))
	if in.ExcludeNewer != nil {
		row("nothing published after", minute(*in.ExcludeNewer))
	}
}

// cell makes a text safe inside a table or line: what a repository or an index wrote can neither break the
// table nor add markup.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "`", "'", "<", `\<`, "[", `\[`, "]", `\]`, "*", `\*`).Replace(printable(s))
}

// code makes a text safe between backticks.
func code(s string) string { return strings.ReplaceAll(printable(s), "`", "'") }
