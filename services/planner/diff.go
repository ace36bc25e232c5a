package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Side is a plan with what is known of its inputs.
type Side struct {
	Plan      *report.Plan
	Inventory *inventory.Inventory // nil: not at hand
	Pages     map[string]string    // digests of the index pages it rests on, by package; nil: no record
	Hits      map[string]hits      // what the database said, by package; nil: no record
	Urgency   map[string]urgency   // what was known of the findings, by package; nil: no record
}

// hits are the vulnerabilities that were said to hit a release, by version.
type hits map[string]string

// urgency is what decides the class of findings, by vulnerability: kind, severity, exploitation.
type urgency map[string]string

// Compare tells what differs between two plans of an application, and which input made the difference. An input
// is named as the cause of a change when it differs and speaks of that package; where several do, all are named.
func Compare(a, b Side) *report.PlanDiff {
	d := &report.PlanDiff{Schema: report.SchemaPlanDiff, A: a.Plan.Plan, B: b.Plan.Plan, Application: b.Plan.Application,
		Inputs: inputsDiffer(a.Plan.Inputs, b.Plan.Inputs), Changes: []report.PlanChange{}}
	c := comparison{a: a, b: b, inputs: d.Inputs}
	c.updates(d)
	c.outcomes(d)
	c.deadlines(d)
	slices.SortStableFunc(d.Changes, func(x, y report.PlanChange) int {
		return cmp.Or(cmp.Compare(x.What, y.What), cmp.Compare(x.Package, y.Package), cmp.Compare(x.Version, y.Version), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Vulnerability, y.Vulnerability))
	})
	return d
}

// inputsDiffer lists the inputs that differ, in the order in which they act: what is there, what is known of it,
// what may be picked, how it is judged, when.
func inputsDiffer(a, b report.Inputs) []report.InputChange {
	out := []report.InputChange{}
	add := func(name, before, after string) {
		if before != after {
			out = append(out, report.InputChange{Input: name, Before: before, After: after})
		}
	}
	add("inventory", a.Inventory, b.Inventory)
	add("advisories", a.Advisories, b.Advisories)
	add("index", a.Index, b.Index)
	add("policy", a.Policy, b.Policy)
	add("waivers", a.Waivers, b.Waivers)
	add("freezes", a.Freezes, b.Freezes)
	add("vex", a.VEX, b.VEX)
	add("rejections", rejectedText(a.Rejections), rejectedText(b.Rejections))
	add("python", a.Python, b.Python)
	add("platform", a.Platform+" "+a.Machine, b.Platform+" "+b.Machine)
	add("full", fmt.Sprint(a.Full), fmt.Sprint(b.Full))
	add("exclude_newer", moment(a.ExcludeNewer), moment(b.ExcludeNewer))
	add("resolver", a.Resolver, b.Resolver)
	add("now", moment(&a.Now), moment(&b.Now))
	return out
}

// rejectedText lists rejections: "flask 2.3.3 (c-01234567)".
func rejectedText(all []report.Rejection) string {
	var out []string
	for _, r := range all {
		if text := fmt.Sprintf("%s %s (%s)", r.Package, r.Version, r.Change); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type comparison struct {
	a, b   Side
	inputs []report.InputChange
}

type updateAt struct{ pkg, source, from string }

func (c comparison) updates(d *report.PlanDiff) {
	before, after := updatesOf(c.a.Plan), updatesOf(c.b.Plan)
	for _, k := range keysOf(before, after) {
		x, y := before[k], after[k]
		if x == y {
			continue
		}
		d.Changes = append(d.Changes, report.PlanChange{What: "update", Package: k.pkg, Source: k.source, Before: x, After: y, Cause: c.cause(k.pkg)})
	}
}

func updatesOf(p *report.Plan) map[updateAt]string {
	out := map[updateAt]string{}
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			out[updateAt{u.Package, u.Source, u.From}] = fmt.Sprintf("%s to %s in %s", cmp.Or(u.From, "added"), u.To, ph.Phase)
		}
	}
	return out
}

func (c comparison) outcomes(d *report.PlanDiff) {
	before, after := map[outcomeKey]report.Outcome{}, map[outcomeKey]report.Outcome{}
	for _, o := range c.a.Plan.Outcomes {
		before[keyOf(o)] = o
	}
	for _, o := range c.b.Plan.Outcomes {
		after[keyOf(o)] = o
	}
	for _, k := range keysOfOutcomes(before, after) {
		x, y := before[k], after[k]
		if x.Outcome == y.Outcome && x.Phase == y.Phase && slices.Equal(x.Chain, y.Chain) && moment(x.Until) == moment(y.Until) {
			continue
		}
		d.Changes = append(d.Changes, report.PlanChange{What: "outcome", Package: k.pkg, Version: k.version, Source: k.source, Vulnerability: k.vulnerability,
			Before: outcomeText(x), After: outcomeText(y), Cause: c.outcomeCause(k, x, y)})
	}
}

// outcomeCause is that of the package; of a finding that comes or goes while its pin stays, the advisories.
func (c comparison) outcomeCause(k outcomeKey, x, y report.Outcome) string {
	known := c.a.Inventory != nil && c.b.Inventory != nil
	if (x.Outcome == "" || y.Outcome == "") && c.differs("advisories") && known && !slices.Contains(c.pinsDiffer(), k.pkg) {
		return "advisories: the database changed and the pin did not"
	}
	cause := c.cause(k.pkg)
	if cause == clockCause && x.Until != nil && y.Outcome != x.Outcome && !c.b.Plan.Inputs.Now.Before(*x.Until) {
		return "now: what held until " + minute(*x.Until) + " is over"
	}
	return cause
}

func outcomeText(o report.Outcome) string {
	if o.Outcome == "" {
		return ""
	}
	text := o.Outcome
	if o.Phase != "" {
		text += " in " + o.Phase
	}
	if o.Until != nil {
		text += " until " + minute(*o.Until)
	}
	if len(o.Chain) > 0 {
		text += ": " + strings.Join(o.Chain, "; ")
	}
	return text
}

func (c comparison) deadlines(d *report.PlanDiff) {
	before, after := map[string]string{}, map[string]string{}
	of := func(p *report.Plan, into map[string]string) {
		for _, ph := range p.Phases {
			if ph.Deadline != nil && !ph.Provisional {
				into[ph.Phase] = moment(ph.Deadline) + " (" + ph.DeadlineRule + ")"
			}
		}
	}
	of(c.a.Plan, before)
	of(c.b.Plan, after)
	for _, phase := range slices.Sorted(maps.Keys(after)) {
		if x, ok := before[phase]; ok && x != after[phase] {
			d.Changes = append(d.Changes, report.PlanChange{What: "deadline", Phase: phase, Before: x, After: after[phase], Cause: c.deadlineCause(phase)})
		}
	}
}

func keysOf(a, b map[updateAt]string) []updateAt {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.SortedFunc(maps.Keys(all), func(x, y updateAt) int {
		return cmp.Or(cmp.Compare(x.pkg, y.pkg), cmp.Compare(x.source, y.source), cmp.Compare(x.from, y.from))
	})
}

func keysOfOutcomes(a, b map[outcomeKey]report.Outcome) []outcomeKey {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.SortedFunc(maps.Keys(all), func(x, y outcomeKey) int {
		return cmp.Or(cmp.Compare(x.pkg, y.pkg), cmp.Compare(x.version, y.version), cmp.Compare(x.source, y.source), cmp.Compare(x.vulnerability, y.vulnerability))
	})
}
