package proposal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// writeRisk says how large the change is, how young what it brings, and what nobody proved.
func (d *draft) writeRisk(b *strings.Builder) {
	b.WriteString("\n## Risk\n\n")
	if s := d.steps(); s != "" {
		writeItem(b, "Size: ", s, ".", d.majors())
	}
	if s := d.age(); s != "" {
		writeItem(b, s)
	}
	gaps := d.unproved()
	if len(gaps) == 0 {
		writeItem(b, "Not proved: nothing was left out of what Drydock checks. What the tests do not cover, they do not prove.")
	}
	for _, g := range gaps {
		writeItem(b, "**Not proved**: ", g)
	}
	var notes []string
	if d.Plan != nil {
		notes = append(notes, d.Plan.Notes...)
	}
	if d.Validation != nil {
		for _, n := range d.Validation.Notes {
			if !slices.Contains(notes, n) && !d.told(n) {
				notes = append(notes, n)
			}
		}
	}
	for _, n := range notes[:min(len(notes), d.Lines)] {
		writeItem(b, "Take note: ", sentence(n))
	}
	d.writeMore(b, len(notes)-d.Lines, "note", "notes")
}

// told reports whether a note, "health: …", says no more than a step that was skipped or a gap of the scan, which are
// told already.
func (d *draft) told(note string) bool {
	_, says, _ := strings.Cut(note, ": ")
	return slices.ContainsFunc(d.Validation.Steps, func(s report.Step) bool { return s.Status == report.StepSkipped && s.Detail != "" && s.Detail == says }) ||
		d.Plan != nil && slices.ContainsFunc(d.Plan.Incomplete, func(g inventory.Incomplete) bool { return g.Detail != "" && g.Detail == says })
}

// majors names the updates that may break what uses them.
func (d *draft) majors() md {
	var ms []report.Update
	for _, u := range d.moves {
		if u.Step == "major" && u.From != "" {
			ms = append(ms, u)
		}
	}
	if len(ms) == 0 {
		return ""
	}
	return " **Major**: " + list(ms, d.Names, move) + ". Read what changed in " + plural(len(ms), "it", "them") + "."
}

// young is below which age few people have used a release, and a taken-over account may not have been noticed.
const young = 14 * 24 * time.Hour

func (d *draft) age() md {
	u, ok := d.youngest()
	if !ok || d.Plan == nil {
		return ""
	}
	old := d.Plan.Timestamp.Sub(*u.Released)
	s := "Youngest release: " + name(u.Package) + " " + name(u.To) + ", published " + d.day(u.Released)
	switch {
	case old < 0:
		return s + ", **after** the plan was made."
	case old < 24*time.Hour:
		return s + ", **on the day** the plan was made."
	case old < young:
		return s + md(", **"+age(old)+"** before the plan was made.")
	}
	return s + md(", "+age(old)+" before the plan was made.")
}

// unproved are the things that a reader could take for proved and that are not, the most serious first.
func (d *draft) unproved() []md {
	var out []md
	switch v := d.Validation; {
	case v == nil:
		out = append(out, "any of it. It was not validated yet.")
	case !d.passed():
		out = append(out, "that it is fit to be merged: "+d.unfit()+".")
	}
	if d.Validation != nil {
		out = append(out, d.dockGaps()...)
	}
	return append(out, d.planGaps()...)
}

// dockGaps are those of the validation.
func (d *draft) dockGaps() []md {
	var out []md
	switch d.Validation.Isolation {
	case "":
		out = append(out, "that it was kept apart from the host: how is not known.")
	case "none":
		out = append(out, "that what was installed and tested is harmless: **nothing kept it apart from the host**, and it could read and change all that Drydock's user can.")
	case "landlock":
		out = append(out, "some of the isolation: at `landlock` disk, files and processes are bounded by looking, not by the kernel (`drydock isolation`).")
	}
	out = append(out, d.testGaps()...)
	out = append(out, d.stepGaps()...)
	if all := d.Validation.NotRun; len(all) > 0 {
		out = append(out, "what "+list(all, d.Names, name)+" checks would show: the policy asks for them, and they need staging, which Drydock does not have yet. **Nothing ran them.**")
	}
	switch r := d.Validation.Rescan; {
	case r == nil:
		out = append(out, "that no vulnerability is left: what is installed was not scanned.")
	case !r.Complete:
		out = append(out, "that no other vulnerability is left: the scan of what is installed could not determine everything.")
	}
	return append(out, d.leftOut()...)
}

// open says what a status of a step leaves open.
var open = map[string]md{
	report.StepStopped: " could not be carried out",
	report.StepWarned:  " passed with a warning",
	report.StepFailed:  " failed",
}

// stepGaps are the steps but for the tests that prove nothing. Those that were skipped are one gap.
func (d *draft) stepGaps() []md {
	var skipped []report.Step
	var gaps []md
	tests := d.step(report.StepTests)
	for _, s := range d.Validation.Steps {
		switch {
		case s.Name == report.StepTests || s.Name == report.StepConfirm || s.Name == report.StepBisect:
		case s.Name == report.StepBaseline && (s.Status != report.StepSkipped || tests == nil || tests.Status == report.StepSkipped):
		case s.Status == report.StepSkipped:
			skipped = append(skipped, s)
		case open[s.Status] != "":
			gaps = append(gaps, stepName(s.Name)+open[s.Status]+reason(s.Detail)+".")
		}
	}
	if n := len(gaps) - d.Gaps; n > 0 {
		gaps = append(gaps[:d.Gaps], md(count(n, "more step", "more steps"))+": see Proof.")
	}
	if len(skipped) > 0 {
		gaps = append(gaps, "what these would have shown, which were skipped (Proof says why): "+join(skipped, ", ", d.Gaps, func(s report.Step) md { return stepName(s.Name) })+".")
	}
	return gaps
}

func (d *draft) testGaps() []md {
	s := d.step(report.StepTests)
	switch {
	case s == nil:
		return []md{"that the application works: its tests did not run."}
	case s.Status == report.StepSkipped:
		return []md{"**that the application works: nothing tested it**" + reason(s.Detail) + "."}
	case s.Status == report.StepStopped:
		return []md{"that the application works: its tests were not carried out" + reason(s.Detail) + "."}
	case s.Tests != nil && len(s.Tests.New) > 0 && s.Status == report.StepWarned:
		return []md{"**that nothing broke: " + md(count(len(s.Tests.New), "test fails", "tests fail")) + " with this change only**, and the command ended well all the same."}
	case s.Tests != nil && s.Tests.Passed == 0 && s.Tests.Failed == 0:
		return []md{"**that the application works: not one test ran.**"}
	case s.Tests != nil && len(s.Tests.Before) > 0:
		n := max(len(s.Tests.Before), s.Tests.Failed-len(s.Tests.New)) // no more than a hundred are named
		gaps := []md{md(count(n, "test fails", "tests fail") + " with and without this change: what they watch over is not tested.")}
		if n := len(s.Flaky); n > 0 {
			gaps = append(gaps, md("what "+count(n, "other watches over, which fails", "others watch over, which fail")+" by chance: see Proof."))
		}
		return gaps
	case s.Status == report.StepWarned:
		return []md{"all that its tests watch over: they passed with a warning" + reason(s.Detail) + "."}
	}
	return nil
}

// leftOut are the files of the repository that were not there, or not as people have them.
func (d *draft) leftOut() []md {
	left := d.Validation.Left
	var out []md
	for _, r := range left[:min(len(left), d.Lines)] {
		out = append(out, "what needs "+path(r.Path)+" ("+text(r.Why, maxPath)+").")
	}
	if n := len(left) - d.Lines; n > 0 {
		out = append(out, "what needs "+md(count(n, "other path", "other paths"))+" of the repository: `"+d.show()+"`.")
	}
	return out
}

// planGaps are those of the plan.
func (d *draft) planGaps() []md {
	p := d.Plan
	if p == nil {
		return []md{"what the plan says: its document is not at hand."}
	}
	var out []md
	if p.Resolution != "joint" {
		s := md("**that the updates install together**: each version was chosen by itself (resolution " + string(name(p.Resolution)) + ").")
		if d.passed() {
			s = "that it is the smallest set of updates: each version was chosen by itself (resolution " + name(p.Resolution) + "). That they install together, the dock showed."
		}
		out = append(out, s)
	}
	if len(p.Incomplete) > 0 {
		out = append(out, d.scanGap())
	}
	if p.Undetermined {
		out = append(out, "that the plan answers everything: something in it could not be found out.")
	}
	out = append(out, d.pythonGap()...)
	var unknown []report.Update
	for _, u := range d.moves {
		if u.Released == nil && d.phase != nil {
			unknown = append(unknown, u)
		}
	}
	if len(unknown) > 0 {
		out = append(out, "how old "+list(unknown, d.Names, release)+" "+md(is(len(unknown)))+": nobody says when it was published.")
	}
	return out
}

// scanGap tells of a scan that could not see everything.
func (d *draft) scanGap() md {
	gaps := join(d.Plan.Incomplete, "; ", 3, func(g inventory.Incomplete) md {
		s := name(strings.ReplaceAll(g.Reason, "_", " "))
		if g.Source != "" {
			s += " in " + path(g.Source)
		}
		if g.Line > 0 {
			s += md(fmt.Sprintf(", line %d", g.Line))
		}
		return s + colon(g.Detail, maxPath)
	})
	return "that there is nothing else to fix: the scan was incomplete (" + gaps + ")."
}

// pythonGap tells of a plan made for another Python than that of the dock.
func (d *draft) pythonGap() []md {
	target := d.Plan.Inputs.Python
	if target == "" {
		return []md{"that the versions suit the target's Python: which one that is, is not known."}
	}
	if d.Validation == nil || d.Validation.Interpreter == nil {
		return nil
	}
	has := d.Validation.Interpreter.Version
	if has == target || strings.HasPrefix(has, target+".") || strings.HasPrefix(target, has+".") {
		return nil
	}
	return []md{"that it works with Python " + name(target) + ", for which it was planned: it was tested with " + name(has) + "."}
}
