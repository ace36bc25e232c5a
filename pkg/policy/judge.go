package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// someday is when a finding was detected where a case does not say: its deadline is then told as a duration.
var someday = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *Policy) judge(f Found, c *Case) *Judgement {
	clocks := Clocks{Detected: someday, FixPublished: c.FixPublished}
	if c.Detected != nil {
		clocks.Detected = *c.Detected
	}
	d := p.Classify(f.Facts)
	j := &Judgement{Vulnerability: f.ID, Facts: f.Facts, Class: d.Class, Rule: d.Rule, Trace: d.Trace, detected: clocks.Detected, due: p.Deadline(f.Facts, clocks)}
	switch {
	case j.due.At.IsZero():
	case c.Detected == nil:
		j.Deadline = Duration(j.due.At.Sub(someday)).String()
	default:
		j.Deadline = j.due.At.Format(time.RFC3339)
	}
	wait, rule := p.CooldownFor(f.Facts)
	j.Cooldown, j.CooldownRule = Duration(wait).String(), rule
	class := p.Class(d.Class)
	j.Approvals, j.Backup, j.Window = class.Approvals.String(), class.Backup.String(), class.Window
	return j
}

// before orders by urgency: the class, then the deadline.
func (j *Judgement) before(k *Judgement) bool {
	if a, b := Rank(j.Class), Rank(k.Class); a != b {
		return a < b
	}
	return j.due.At.Before(k.due.At)
}

// differences are what of an expectation did not come out.
func (e Expect) differences(r *CaseResult) []Difference {
	var out []Difference
	differ := func(field, want, found string) { out = append(out, Difference{field, want, found}) }
	if e.Findings != nil && *e.Findings != *r.Findings {
		differ("findings", strconv.Itoa(*e.Findings), strconv.Itoa(*r.Findings))
	}
	j := r.Decided
	if j == nil {
		if (e != Expect{Findings: e.Findings}) {
			differ("findings", "at least 1", "0")
		}
		return out
	}
	if e.Class != "" && e.Class != j.Class {
		differ("class", string(e.Class), string(j.Class))
	}
	if e.Rule != "" && e.Rule != j.Rule {
		differ("rule", e.Rule, j.Rule)
	}
	if d := e.Deadline; d != nil && !d.met(j) {
		differ("deadline", d.String(), orNone(j.Deadline))
	}
	if e.Cooldown != nil && e.Cooldown.String() != j.Cooldown {
		differ("cooldown", e.Cooldown.String(), j.Cooldown)
	}
	if a := e.Approvals; a != nil && a.String() != j.Approvals {
		differ("approvals", a.String(), j.Approvals)
	}
	if e.Window != "" && e.Window != j.Window {
		differ("window", e.Window, j.Window)
	}
	return out
}

// met compares a deadline, as a moment or as time after the detection.
func (d *caseDeadline) met(j *Judgement) bool {
	if j.due.At.IsZero() {
		return false
	}
	if !d.at.IsZero() {
		return d.at.Equal(j.due.At)
	}
	return time.Duration(d.after) == j.due.At.Sub(j.detected)
}

// String is the facts in words.
func (f Facts) String() string {
	parts := []string{f.Package}
	if !f.Finding {
		return f.Package + ", " + strings.TrimSpace(f.Step+" update")
	}
	if f.Kind == "malicious" {
		parts = append(parts, "malicious")
	}
	parts = append(parts, severityText(f.Severity), KEVText(f.KEV), EPSSText(f.EPSS))
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
