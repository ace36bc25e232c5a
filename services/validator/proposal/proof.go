package proposal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/report"
)

// writeProof says what was done with the change in the dock and what came of it.
func (d *draft) writeProof(b *strings.Builder) {
	b.WriteString("\n## Proof\n\n")
	v := d.Validation
	if v == nil {
		writeItem(b, "**Not validated yet**: nothing of this was installed or tested.")
		return
	}
	writeItem(b, d.verdict(), ".")
	if d.voided() {
		writeItem(b, "**It no longer counts**, and stands here for the record.")
	}
	if v.Base != "" {
		writeItem(b, "Made for ", path(v.Branch), " at ", code(v.Base, maxName), inFolder(v.Path), ".")
	}
	writeItem(b, "Isolation: ", isolation(v.Isolation), interpreter(v.Interpreter), ".")
	if s := d.step(report.StepTests); s != nil {
		writeItem(b, "Tests: ", d.tests(), ".")
		d.writeTests(b, s.Tests)
	} else {
		writeItem(b, "Tests: ", d.tests(), ".")
	}
	d.writeFlaky(b)
	writeItem(b, "Re-scan: ", d.rescan(), ".")
	d.writeSteps(b)
	d.writeLeft(b)
}

// verdict is the result with its times.
func (d *draft) verdict() md {
	v := d.Validation
	word := md("**Validated**")
	switch v.Result {
	case report.Validated:
	case report.Rejected:
		word = "**Rejected**" + kind(v.Kind)
	case report.Parked:
		word = "**Stopped, not validated**" + kind(v.Kind)
	default:
		word = "**Result not known**"
	}
	return word + md("; begun "+minute(v.Started)+", took "+span(v.Seconds))
}

func inFolder(dir string) md {
	if dir == "" || dir == "." {
		return ""
	}
	return ", folder " + path(dir)
}

func isolation(level string) md {
	switch level {
	case "":
		return notKnown
	case "none":
		return "**none**"
	}
	return name(level)
}

func interpreter(p *report.Interpreter) md {
	if p == nil {
		return ""
	}
	return ". Interpreter: Python " + name(p.Version)
}

// tests says what the application's own tests showed, in words that claim no more.
func (d *draft) tests() md {
	s := d.step(report.StepTests)
	switch {
	case s == nil:
		return "**none ran**; it did not come so far"
	case s.Status == report.StepSkipped:
		return "**none ran**" + reason(s.Detail)
	case s.Status == report.StepStopped:
		return "**not carried out**" + reason(s.Detail)
	case s.Tests == nil && s.Status == report.StepPassed:
		return "the command ended well; it did not tell of single tests, so their number is not known"
	case s.Tests == nil && s.Status == report.StepWarned:
		return "**passed with a warning**" + reason(s.Detail)
	case s.Tests == nil:
		return "**failed**" + reason(s.Detail)
	}
	t := s.Tests
	parts := []string{fmt.Sprintf("%d passed", t.Passed), fmt.Sprintf("%d failed", t.Failed)}
	if t.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", t.Skipped))
	}
	out := md(strings.Join(parts, ", "))
	if s.From != "" {
		out += "; run for change " + name(s.From) + ", which this one carries on with the same artifact"
	}
	if t.Passed == 0 && t.Failed == 0 {
		out = "**not one ran**: " + out
	}
	if s.Status != report.StepPassed {
		out += "; **" + name(s.Status) + "**" + reason(s.Detail)
	}
	return out
}

func reason(detail string) md { return colon(detail, maxSentence) }

// writeTests names single tests: what fails because of the change, what failed before, what it mended.
func (d *draft) writeTests(b *strings.Builder, t *report.Tests) {
	if t == nil {
		return
	}
	line := func(what md, names []string) {
		if len(names) == 0 {
			return
		}
		b.WriteString("  ")
		writeItem(b, what, ": ", list(names, d.Names, path), ".")
	}
	line("**Fail with this change only**", t.New)
	line("Fail with and without this change", t.Before)
	line("Failed without this change, and pass with it", t.Fixed)
}

// writeFlaky names what fails by chance, with how often it did: it excuses nothing by itself, and proves nothing.
func (d *draft) writeFlaky(b *strings.Builder) {
	runs := func(r report.Runs) md { return md(fmt.Sprintf("%d of %s", r.Failed, count(r.Of, "run", "runs"))) }
	steps := d.Validation.Steps
	for _, s := range steps[:min(len(steps), d.Steps)] {
		if len(s.Flaky) == 0 {
			continue
		}
		writeItem(b, "**Fails by chance**, ", stepName(s.Name), ": ", list(s.Flaky, d.Names, func(f report.Flaky) md {
			which := md("the check itself")
			if f.Test != "" {
				which = path(f.Test)
			}
			return which + " (failed in " + runs(f.Before) + " without this change, in " + runs(f.After) + " with it)"
		}), ".")
	}
}

// rescan says what a scan of what was installed found.
func (d *draft) rescan() md {
	r := d.Validation.Rescan
	switch {
	case r == nil:
		return "**not done**; it did not come so far"
	case !r.Complete:
		return md(fmt.Sprintf("%s installed, %s left as far as could be seen; **it could not determine everything**",
			count(r.Packages, "package", "packages"), count(r.Findings, "finding", "findings")))
	case r.Findings == 0:
		return md(count(r.Packages, "package", "packages") + " installed, no known vulnerability in them")
	}
	out := md(count(r.Packages, "package", "packages") + " installed, " + count(r.Findings, "finding", "findings") + " left")
	if d.Validation.Result == report.Validated {
		out += ", none in what this change brings"
	}
	return out
}

func (d *draft) writeSteps(b *strings.Builder) {
	steps := d.Validation.Steps
	if len(steps) == 0 {
		return
	}
	var rows [][]md
	for _, s := range steps[:min(len(steps), d.Steps)] {
		at := md(s.Started.UTC().Format("15:04:05Z"))
		if s.Started.IsZero() {
			at = notKnown
		}
		took := md(span(s.Seconds))
		if s.Cached || s.Status == report.StepSkipped {
			took = "-"
		}
		rows = append(rows, []md{stepName(s.Name), status(s.Status), at, took, d.outcome(s)})
	}
	writeTable(b, []string{"step", "result", "at", "took", "what came of it"}, rows)
	d.writeMore(b, len(steps)-len(rows), "step", "steps")
}

func status(s string) md {
	switch s {
	case report.StepPassed, report.StepSkipped:
		return md(s)
	}
	return "**" + name(s) + "**"
}

func (d *draft) outcome(s report.Step) md {
	var parts []md
	switch {
	case s.Cached && s.From != "":
		parts = append(parts, "taken over from change "+name(s.From)+", whose artifact is the same; not run again")
	case s.Cached:
		parts = append(parts, "known from before, not run again")
	}
	if t := s.Tests; t != nil {
		parts = append(parts, md(fmt.Sprintf("%d passed, %d failed, %d skipped", t.Passed, t.Failed, t.Skipped)))
	}
	if s.Command != "" {
		parts = append(parts, code(s.Command, maxName))
	}
	if s.ExitCode != nil && *s.ExitCode != 0 {
		parts = append(parts, md(fmt.Sprintf("exit code %d", *s.ExitCode)))
	}
	if s.Detail != "" {
		parts = append(parts, text(s.Detail, maxPath))
	}
	return join(parts, "; ", len(parts), asIs)
}

// left are the outcomes of what this change does not fix, and no earlier one did.
func (d *draft) left() []report.Outcome {
	if d.Plan == nil {
		return nil
	}
	done := map[string]bool{d.Change.Phase: true}
	if d.Validation != nil {
		for _, p := range d.Validation.Earlier {
			done[p] = true
		}
	}
	var out []report.Outcome
	for _, o := range d.Plan.Outcomes {
		if o.Outcome == report.Fixed || o.Outcome == report.Planned && done[o.Phase] {
			continue
		}
		out = append(out, o)
	}
	return out
}

// writeLeft tells of what other changes of the plan fix in one line, and in a table of what none does.
func (d *draft) writeLeft(b *strings.Builder) {
	left := d.left()
	if len(left) == 0 {
		return
	}
	b.WriteString("\nWhat this change does not fix, and what the plan does about it:\n")
	var rest []report.Outcome
	var phases []string
	others := map[string]int{}
	for _, o := range left {
		if o.Outcome != report.Planned || o.Phase == "" {
			rest = append(rest, o)
			continue
		}
		if others[o.Phase]++; others[o.Phase] == 1 {
			phases = append(phases, o.Phase)
		}
	}
	if n := len(left) - len(rest); n > 0 {
		b.WriteString("\n")
		slices.SortFunc(phases, func(x, y string) int { return cmp.Or(cmp.Compare(d.place(x), d.place(y)), strings.Compare(x, y)) })
		writeItem(b, md(count(n, "finding is", "findings are"))+" fixed by other changes of it: ", list(phases, d.Names, func(p string) md { return name(p) + md(fmt.Sprintf(" %d", others[p])) }), ".")
	}
	var rows [][]md
	for _, o := range rest[:min(len(rest), d.Left)] {
		why := o.Detail
		if len(o.Chain) > 0 {
			why += ": " + strings.Join(o.Chain, "; ")
		}
		rows = append(rows, []md{name(o.Vulnerability), name(o.Package) + " " + name(o.Version), name(o.Outcome), text(why, maxSentence)})
	}
	if len(rows) > 0 {
		writeTable(b, []string{"vulnerability", "package", "outcome", "why"}, rows)
	}
	d.writeMore(b, len(rest)-len(rows), "finding", "findings")
}

// place is that of a phase in the plan.
func (d *draft) place(phase string) int {
	return slices.IndexFunc(d.Plan.Phases, func(p report.Phase) bool { return p.Phase == phase })
}
