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
}

// hits are the vulnerabilities that were said to hit a release, by version.
type hits map[string]string

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
		return cmp.Or(cmp.Compare(x.What, y.What), cmp.Compare(x.Package, y.Package), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Vulnerability, y.Vulnerability))
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

// cause names the inputs that can have made a change that has to do with a package: each that differs, unless it
// is known that it says the same of that package. Where none is left it is one that speaks of another package of the
// set, and where none does it is the clock.
func (c comparison) cause(pkg string) string {
	var may, others []string
	clock := ""
	for _, in := range c.inputs {
		switch in.Input {
		case "inventory":
			may, others = blamed(may, others, in.Input, pkg, c.a.Inventory != nil && c.b.Inventory != nil, c.pinsDiffer, "%s is pinned otherwise")
		case "advisories":
			may, others = blamed(may, others, in.Input, pkg, c.a.Hits != nil && c.b.Hits != nil, c.hitsDiffer, "what hits %s changed")
		case "index":
			may, others = blamed(may, others, in.Input, pkg, c.a.Pages != nil && c.b.Pages != nil, c.pagesDiffer, "the page of %s changed")
		case "rejections":
			may, others = blamed(may, others, in.Input, pkg, true, c.rejectionsDiffer, "%s was rejected, or is no longer")
		case "now":
			clock = "now: releases grow older, and so do findings"
		default:
			may = append(may, in.Input)
		}
	}
	if len(may) == 0 {
		may = others
	}
	if len(may) > 0 {
		return strings.Join(may, ", or ")
	}
	return cmp.Or(clock, "the order in which it was planned: no input differs")
}

// blamed adds an input to the causes: for the package itself, for others that it speaks of, or where nobody knows of
// which by its name alone.
func blamed(may, others []string, input, pkg string, known bool, differing func() []string, how string) (m, o []string) {
	if !known {
		return append(may, input), others
	}
	all := differing()
	if slices.Contains(all, pkg) {
		return append(may, input+": "+fmt.Sprintf(how, pkg)), others
	}
	for i, name := range all {
		if i == maxTold {
			return may, append(others, fmt.Sprintf("%s: %s", input, count(len(all)-i, "more package", "more packages")))
		}
		others = append(others, input+": "+fmt.Sprintf(how, name))
	}
	return may, others
}

// pagesDiffer are the packages whose index pages differ, of those that both plans rest on, sorted.
func (c comparison) pagesDiffer() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.a.Pages)) {
		if after, ok := c.b.Pages[name]; ok && after != c.a.Pages[name] {
			out = append(out, name)
		}
	}
	return out
}

// hitsDiffer are the packages of which a release that both plans looked at is hit by something else, sorted.
func (c comparison) hitsDiffer() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.a.Hits)) {
		for version, before := range c.a.Hits[name] {
			if after, ok := c.b.Hits[name][version]; ok && after != before {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// rejectionsDiffer are the packages of which other releases are rejected, sorted.
func (c comparison) rejectionsDiffer() []string {
	of := func(p *report.Plan) map[string][]string {
		out := map[string][]string{}
		for _, r := range p.Inputs.Rejections {
			out[r.Package] = append(out[r.Package], r.Version+" "+r.Source+" "+r.Change)
		}
		return out
	}
	before, after := of(c.a.Plan), of(c.b.Plan)
	names := maps.Clone(before)
	maps.Copy(names, after)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return slices.Equal(before[name], after[name]) })
}

// pinsDiffer are the packages that stand otherwise in the two inventories, sorted.
func (c comparison) pinsDiffer() []string {
	pins := func(inv *inventory.Inventory) map[string][]string {
		out := map[string][]string{}
		for _, p := range inv.Packages {
			out[p.Package] = append(out[p.Package], p.Source+" "+p.Version+p.Specifier)
		}
		for _, all := range out {
			slices.Sort(all)
		}
		return out
	}
	before, after := pins(c.a.Inventory), pins(c.b.Inventory)
	names := maps.Clone(before)
	maps.Copy(names, after)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return slices.Equal(before[name], after[name]) })
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
		if x.Outcome == y.Outcome && x.Phase == y.Phase && slices.Equal(x.Chain, y.Chain) {
			continue
		}
		d.Changes = append(d.Changes, report.PlanChange{What: "outcome", Package: k.pkg, Source: k.source, Vulnerability: k.vulnerability,
			Before: outcomeText(x), After: outcomeText(y), Cause: c.outcomeCause(k, x, y)})
	}
}

// outcomeCause is that of the package; of a finding that comes or goes while its pin stays, the advisories.
func (c comparison) outcomeCause(k outcomeKey, x, y report.Outcome) string {
	known := c.a.Inventory != nil && c.b.Inventory != nil
	advisories := slices.ContainsFunc(c.inputs, func(i report.InputChange) bool { return i.Input == "advisories" })
	if (x.Outcome == "" || y.Outcome == "") && advisories && known && !slices.Contains(c.pinsDiffer(), k.pkg) {
		return "advisories: the database changed and the pin did not"
	}
	return c.cause(k.pkg)
}

func outcomeText(o report.Outcome) string {
	if o.Outcome == "" {
		return ""
	}
	text := o.Outcome
	if o.Phase != "" {
		text += " in " + o.Phase
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
			cause := "the findings of the phase, or the policy"
			if slices.ContainsFunc(c.inputs, func(i report.InputChange) bool { return i.Input == "policy" }) {
				cause = "policy"
			}
			d.Changes = append(d.Changes, report.PlanChange{What: "deadline", Phase: phase, Before: x, After: after[phase], Cause: cause})
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
