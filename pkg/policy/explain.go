package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// Explanation says how a package is judged and why.
type Explanation struct {
	Package  string     `json:"package"`
	Lists    []string   `json:"lists"` // the lists it is on
	Policy   string     `json:"policy"`
	Answers  []Answer   `json:"answers"`
	Decision []Decision `json:"decisions"` // one for each answer, with the trace
}

// Answer is the outcome for one kind of finding or update.
type Answer struct {
	What     string    `json:"what"` // "critical", "known exploited, high", "malicious", "major update"
	Class    ClassName `json:"class"`
	Rule     string    `json:"rule"`
	Deadline string    `json:"deadline,omitempty"` // "24h from first detection (…)"
	Method   string    `json:"method"`
}

// Explain judges what could be found in a package: each severity, known exploitation, malice, and updates
// that fix nothing. With facts that name a finding it judges only that.
func (p *Policy) Explain(pkg string, facts ...Facts) Explanation {
	e := Explanation{Package: normalize(pkg), Lists: []string{}, Policy: p.Digest()}
	for _, list := range sortedKeys(p.Lists) {
		if p.OnList(list, pkg) {
			e.Lists = append(e.Lists, list)
		}
	}
	if len(facts) == 0 {
		facts = situations()
	}
	for _, f := range facts {
		f.Package = pkg
		d := p.Classify(f)
		a := Answer{What: situation(f), Class: d.Class, Rule: d.Rule, Method: p.Class(d.Class).Method}
		if f.Finding {
			a.Deadline = p.limitText(d)
		}
		e.Answers, e.Decision = append(e.Answers, a), append(e.Decision, d)
	}
	return e
}

func situations() []Facts {
	yes := true
	out := []Facts{{Finding: true, Kind: "malicious"}, {Finding: true, Kind: "vulnerability", Severity: "high", KEV: &yes}}
	for _, s := range []string{"critical", "high", "unknown", "medium", "low"} {
		out = append(out, Facts{Finding: true, Kind: "vulnerability", Severity: s})
	}
	for _, s := range []string{"patch", "minor", "major"} {
		out = append(out, Facts{Step: s})
	}
	return out
}

func situation(f Facts) string {
	switch {
	case !f.Finding:
		return f.Step + " update"
	case f.Kind == "malicious":
		return "malicious"
	}
	severity := f.Severity
	if severity == "" {
		severity = "unknown"
	}
	if f.KEV != nil && *f.KEV {
		return severity + ", known exploited"
	}
	return severity
}

// limitText says the shortest time of the rules that apply.
func (p *Policy) limitText(d Decision) string {
	var best Limits
	rule := ""
	for _, v := range d.Trace {
		if !v.Applies {
			continue
		}
		if s := shorter(best, v.Deadline); s.Detected != best.Detected {
			best, rule = s, v.Rule
		} else {
			best = s
		}
	}
	text := fmt.Sprintf("%s from first detection (%s)", best.Detected, rule)
	if best.FixPublished > 0 {
		text += fmt.Sprintf(", at most %s from publication of the fix", best.FixPublished)
	}
	return text
}

// Text renders the explanation for people. With a single answer every rule is told, with several only those
// that decided.
func (e Explanation) Text() string {
	var b strings.Builder
	lists := "on no list"
	if len(e.Lists) > 0 {
		lists = "on the list " + strings.Join(e.Lists, ", ")
	}
	fmt.Fprintf(&b, "%s is %s\n", e.Package, lists)
	for i, a := range e.Answers {
		fmt.Fprintf(&b, "  %-22s %-10s %s\n", a.What, a.Class, strings.TrimSpace(a.Deadline))
		for _, v := range e.Decision[i].Trace {
			if len(e.Answers) > 1 {
				break
			}
			mark := "-"
			if v.Applies {
				mark = "+"
			}
			fmt.Fprintf(&b, "    %s %-20s %-10s %s\n", mark, v.Rule, cmp.Or(v.Class, "any"), v.Why)
		}
	}
	return b.String()
}
