package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Facts are what a policy judges: a finding, or an update that fixes none.
type Facts struct {
	Package   string   `json:"package"`
	Ecosystem string   `json:"ecosystem,omitempty"`
	Finding   bool     `json:"finding"`
	Kind      string   `json:"kind,omitempty"`     // vulnerability | malicious
	Severity  string   `json:"severity,omitempty"` // critical | high | medium | low; anything else is unknown
	KEV       *bool    `json:"kev,omitempty"`      // nil: no list to look it up in
	EPSS      *float64 `json:"epss,omitempty"`
	Step      string   `json:"step,omitempty"` // of the update: patch | minor | major
}

// noneApplies stands for the rule where no rule gives a class: it is regular then.
const noneApplies = "none applies"

// Decision is the class of something, with every rule that was asked.
type Decision struct {
	Class ClassName `json:"class"`
	Rule  string    `json:"rule"`  // the rule that gave the class
	Trace []Verdict `json:"trace"` // all rules, the most urgent class first
}

// Verdict is what one rule says.
type Verdict struct {
	Rule     string    `json:"rule"`
	Class    ClassName `json:"class,omitempty"` // none: the rule counts in whatever class others decide
	Applies  bool      `json:"applies"`
	Why      string    `json:"why"`
	Deadline Limits    `json:"-"` // of rule and class, the shorter each
}

// Classify puts f into the most urgent class of all rules that apply. What is not known never makes a rule
// fail that it could fulfil as a severity: unknown counts as high.
func (p *Policy) Classify(f Facts) Decision {
	d := Decision{Class: Regular, Rule: noneApplies}
	for _, name := range p.ruleNames() {
		r := p.Rules[name]
		ok, why := p.applies(r, f)
		d.Trace = append(d.Trace, Verdict{Rule: name, Class: r.Class, Applies: ok, Why: why, Deadline: p.limitsOf(r)})
		if ok && d.Rule == noneApplies && r.Class != "" {
			d.Class, d.Rule = r.Class, name
		}
	}
	return d
}

// limitsOf is the shorter of a rule's and its class's limits, on each clock.
func (p *Policy) limitsOf(r Rule) Limits {
	if r.Class == "" {
		return r.Deadline
	}
	return shorter(r.Deadline, p.Class(r.Class).Deadline)
}

// ruleNames orders the rules by urgency of their class, then by name.
func (p *Policy) ruleNames() []string {
	names := sortedKeys(p.Rules)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(Rank(p.Rules[a].Class), Rank(p.Rules[b].Class)) })
	return names
}

// applies judges one rule; why names the conditions that hold, or the first that does not.
func (p *Policy) applies(r Rule, f Facts) (ok bool, why string) {
	var held []string
	for _, c := range []struct {
		asked, holds bool
		yes, no      string
	}{
		{r.Finding != nil, r.Finding != nil && *r.Finding == f.Finding, kindOfThing(f.Finding), kindOfThing(f.Finding)},
		{r.Kind != "", string(r.Kind) == f.Kind || r.Kind == "vulnerability" && f.Kind == "malicious", "kind is " + f.Kind, "kind is not " + string(r.Kind)},
		{r.Severity != "", atLeast(f.Severity, r.Severity), severityText(f.Severity), severityText(f.Severity) + ", below " + string(r.Severity)},
		{r.KEV != nil, r.KEV != nil && f.KEV != nil && *f.KEV == *r.KEV, KEVText(f.KEV), KEVText(f.KEV)},
		{r.EPSSAtLeast != nil, r.EPSSAtLeast != nil && f.EPSS != nil && *f.EPSS >= *r.EPSSAtLeast, EPSSText(f.EPSS), EPSSText(f.EPSS)},
		{r.List != "", p.OnList(r.List, f.Package), "on the list " + r.List, "not on the list " + r.List},
		{len(r.Step) > 0, !f.Finding && slices.Contains(r.Step, Step(f.Step)), f.Step + " update", stepText(f)},
	} {
		switch {
		case !c.asked:
		case !c.holds:
			return false, c.no
		default:
			held = append(held, c.yes)
		}
	}
	if len(held) == 0 {
		return true, "always"
	}
	return true, strings.Join(held, ", ")
}

// OnList reports whether a package is on a list, however its name is written.
func (p *Policy) OnList(list, pkg string) bool { return p.member[list][normalize(pkg)] }

func normalize(name string) string { return pep440.Normalize(name) }

// stepText says why a step is not the one asked for. The class of a finding is known before its fix is, so no
// step of a fix decides anything.
func stepText(f Facts) string {
	if f.Finding {
		return "a finding, whatever step fixes it"
	}
	return "not such a step"
}

func kindOfThing(finding bool) string {
	if finding {
		return "a finding"
	}
	return "an update that fixes nothing known"
}

var severityRank = map[string]int{"low": 1, "medium": 2, "high": 3, "critical": 4}

// atLeast compares severities; unknown counts as high (design §6: "severity unknown until triaged").
func atLeast(have string, want Severity) bool {
	rank, known := severityRank[have]
	if !known {
		rank = severityRank["high"]
	}
	return rank >= severityRank[string(want)]
}

func severityText(s string) string {
	if _, known := severityRank[s]; !known {
		return "severity unknown, counts as high"
	}
	return "severity " + s
}

// KEVText says in words what is known of exploitation.
func KEVText(kev *bool) string {
	switch {
	case kev == nil:
		return "no list of known exploited vulnerabilities at hand"
	case *kev:
		return "known to be exploited"
	}
	return "not known to be exploited"
}

// EPSSText says in words how likely exploitation is.
func EPSSText(epss *float64) string {
	if epss == nil {
		return "no EPSS at hand"
	}
	return fmt.Sprintf("EPSS %.4f", *epss)
}

// shorter takes the shorter of two limits on each clock; zero means none.
func shorter(a, b Limits) Limits {
	return Limits{Detected: least(a.Detected, b.Detected), FixPublished: least(a.FixPublished, b.FixPublished)}
}

func least(a, b Duration) Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
