package proposal

import (
	"strings"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

func (d *draft) writeDeadline(b *strings.Builder) {
	b.WriteString("\n## Deadline\n\n")
	if d.Change.Deadline.IsZero() {
		writeItem(b, "None: it fixes nothing known.")
	} else {
		writeItem(b, "**", md(minute(d.Change.Deadline)), "**: until then it must run in production, and a scan there must say so.")
		if d.Change.DeadlineRule != "" {
			writeItem(b, "Rule: ", sentence(d.Change.DeadlineRule))
		}
		if !d.Change.Opened.IsZero() {
			writeItem(b, "First detected: ", md(minute(d.Change.Opened)), ".")
		}
		if d.phase != nil && d.phase.Provisional {
			writeItem(b, "Provisional: without a log nobody knows when a finding was first detected, so it counts from this scan.")
		}
	}
	if d.phase != nil {
		writeItem(b, "Class ", name(d.Change.Class), ": ", name(d.phase.Timeline), ", by ", code(d.phase.Method, maxName), ".")
	}
}

func (d *draft) writeRollback(b *strings.Builder) {
	b.WriteString("\n## Roll back\n\n")
	defer d.writeBackup(b)
	if d.Rollback != "" {
		lines := strings.FieldsFunc(d.Rollback, func(r rune) bool { return r == '\n' || r == '\r' })
		for _, l := range lines[:min(len(lines), d.Lines)] {
			if s := sentence(l); s != "" {
				writeItem(b, s)
			}
		}
		return
	}
	if d.stage() != events.StageMerged {
		writeItem(b, "Before the merge there is nothing to roll back: it was installed nowhere but in the dock.")
	}
	writeItem(b, "After the merge: `git revert $(git log -1 --format=%H --grep 'Drydock-Change: ", d.id(), "')`, and through the pipeline like any change. It brings the old versions back", d.reopens(), ".")
}

// reopens is what a revert undoes besides: nothing, where it fixes nothing known.
func (d *draft) reopens() md {
	if len(d.flaws) == 0 && len(d.carried) == 0 && (d.phase != nil || len(d.Change.Findings) == 0) {
		return ""
	}
	return ", and what the commit fixes is open again"
}

// writeBackup says whether there is something to restore what no git brings back.
func (d *draft) writeBackup(b *strings.Builder) {
	switch v := d.Validation; {
	case v == nil:
	case v.Backup == nil:
		writeItem(b, "Data: no verified backup is known of.")
	default:
		writeItem(b, "Data: a backup was verified ", md(minute(v.Backup.Verified)), "; that counts until ", md(minute(v.Backup.Until)), ".")
	}
}

// writeChecklist is that of the customer's strategy (seeds: "GitHub Actions Integration", the body of its pull
// request), with what the dock did already.
func (d *draft) writeChecklist(b *strings.Builder) {
	b.WriteString("\n## Checklist\n\n**DO NOT merge without proper testing.**\n\n")
	writeItem(b, "[ ] 1. Review the deployment plan: phase ", name(d.Change.Phase), " of ", code(d.Change.Plan, maxName), ".")
	done, how := d.tested()
	box := md("[ ]")
	if done {
		box = "[x]"
	}
	writeItem(b, box, " 2. Test in development environment: ", how, ".")
	writeItem(b, "[ ] 3. Validate in staging environment.")
	writeItem(b, "[ ] 4. Deploy through production pipeline: ", d.production(), ".")
	if d.Plan == nil || len(d.Plan.Recommendations.NeverDo) == 0 {
		return
	}
	b.WriteString("\nAnd for every change:\n\n")
	never := d.Plan.Recommendations.NeverDo
	for _, rule := range never[:min(len(never), d.Lines)] {
		writeItem(b, sentence(rule))
	}
	d.writeMore(b, len(never)-d.Lines, "rule", "rules")
}

// tested says whether a person may take the second point of the checklist for done, and why.
func (d *draft) tested() (bool, md) {
	s := d.step(report.StepTests)
	switch {
	case d.Validation == nil:
		return false, "not done yet"
	case !d.passed():
		return false, d.unfit()
	case s == nil || s.Status == report.StepSkipped || s.Tests != nil && s.Tests.Passed == 0:
		return false, "**nothing tested it**; it was installed and scanned in the dock"
	case s.Status != report.StepPassed || s.Tests != nil && s.Tests.Failed > 0:
		return false, "done in the dock, with something to look at: " + d.tests()
	}
	return true, "done in the dock, " + d.tests()
}

// production says what production will ask for.
func (d *draft) production() md {
	switch s := text(d.Approvals, maxPath); s {
	case "":
		return "what approvals production needs is not known here"
	case "0 approvals":
		return "production needs no approval"
	default:
		return "production needs " + s
	}
}

// upper is our own words as the beginning of a sentence.
func upper(m md) md { return md(strings.ToUpper(string(m[:1]))) + m[1:] }

func (d *draft) writeNext(b *strings.Builder) {
	b.WriteString("\n## What happens next\n\n")
	switch {
	case d.State != nil && d.State.Terminal != "" || d.stage() == report.Rejected:
		writeItem(b, "Nothing: the change has ended. What it would have fixed is answered by the next plan.")
	case d.stage() == events.StageMerged:
		writeItem(b, "It is merged. Staging comes next, then production. ", upper(d.production()), ".")
	case d.stage() == events.StageParked:
		writeItem(b, "It waits, and its deadline runs. Where it stands, above, says what to do.")
	case !d.passed():
		writeItem(b, "It is validated in the dock, and proposed as ", path(d.Change.Branch), " if it passes.")
	default:
		d.writeMerge(b)
	}
	writeItem(b, "What it waits for, at any time: `drydock change why ", d.id(), "`")
}

func (d *draft) writeMerge(b *strings.Builder) {
	base := path(d.Validation.Branch)
	switch d.Merge {
	case string(application.MergeAutomatic):
		writeItem(b, "Drydock moves ", base, " forward to exactly this commit, if ", base, " has not moved. Nobody needs to merge.")
	case string(application.MergePerson):
		writeItem(b, "A person merges ", path(d.Change.Branch), " into ", base, ". Drydock sees it by itself.")
	default:
		writeItem(b, "Who merges is not known here.")
	}
	writeItem(b, "If ", base, " moves first, what was validated no longer counts: it is validated again and the branch replaced.")
	writeItem(b, "Merged is not deployed: staging comes first, then production. ", upper(d.production()), ".")
	writeItem(b, "To turn it down, delete the branch. That counts as a rejection, and for a while no plan offers these updates again.")
	writeItem(b, "Do not push to the branch: Drydock then leaves it alone, and what it shows is not what was validated.")
}

// row is a line of the record: what it is, and its digest.
type row struct {
	what  md
	value string
}

func writeRows(b *strings.Builder, head string, rows []row) {
	for _, r := range rows {
		s := digest(r.value)
		if s == "" {
			continue
		}
		b.WriteString(head)
		head = ""
		writeItem(b, r.what, ": `", s, "`")
	}
}

// writeRecord names what was made and what it was made from, each by its digest.
func (d *draft) writeRecord(b *strings.Builder) {
	b.WriteString("\n## Record\n\n")
	rows := []row{{"Change", d.Change.Change}, {"Plan", d.Change.Plan}}
	v := d.Validation
	if v == nil {
		writeRows(b, "", rows)
		return
	}
	rows = append(rows, row{"Advisories", v.Inputs.Advisories})
	if v.Interpreter != nil {
		rows = append(rows, row{"Interpreter", v.Interpreter.Digest})
	}
	writeRows(b, "", rows)
	if s := name(v.Inputs.Installer); s != "" {
		writeItem(b, "Installer: ", s)
	}
	artifact := md("Artifact")
	if v.Files > 0 {
		artifact += md(" (" + count(v.Files, "file", "files") + ", " + size(v.Bytes) + ")")
	}
	rows = []row{{artifact, v.Artifact}, {"Validation", d.Evidence}, {"Bill of materials (CycloneDX)", v.Bill}, {"Test statement (in-toto)", v.Tested}}
	if v.Rescan != nil {
		rows = append(rows, row{"Re-scan", v.Rescan.Report})
	}
	rows = append(rows, row{"Application, as the server has it", v.Inputs.Application}, row{"The repository's own file", v.Inputs.Repository},
		row{"Policy", v.Inputs.Policy}, row{"What failed printed", v.Log})
	writeRows(b, "\nEvidence, which `drydock evidence get DIGEST` shows:\n\n", rows)
}
