package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// clockCause is told where nothing but the time differs.
const clockCause = "now: releases grow older, and so do findings"

// differs says whether an input of that name differs.
func (c comparison) differs(input string) bool {
	return slices.ContainsFunc(c.inputs, func(i report.InputChange) bool { return i.Input == input })
}

// cause names the inputs that can have made a change that has to do with a package: each that differs, unless it
// is known that it says the same of that package. Where none is left it is one that speaks of another package of the
// set, and where none does it is the clock.
func (c comparison) cause(pkg string) string {
	var may, others []string
	clock := ""
	may, others = blamed(may, others, "advisories", pkg, true, c.urgencyDiffers, "how urgent %s is changed")
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
		case "waivers":
			may, others = blamed(may, others, in.Input, pkg, true, c.decided(report.AcceptedUntil), "the risk of %s is accepted, no longer, or until another time")
		case "freezes":
			may, others = blamed(may, others, in.Input, pkg, true, c.decided(report.Frozen), "a freeze holds %s, no longer, or until another time")
		case "vex":
			may, others = blamed(may, others, in.Input, pkg, true, c.decided(report.NotAffected), "what is said of %s changed")
		case "now":
			clock = clockCause
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
	return bothDiffer(c.a.Hits, c.b.Hits)
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
	return listsDiffer(of(c.a.Plan), of(c.b.Plan))
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
	return listsDiffer(pins(c.a.Inventory), pins(c.b.Inventory))
}

// listsDiffer are the names with another list, or with one on one side only, sorted.
func listsDiffer(before, after map[string][]string) []string {
	names := maps.Clone(before)
	maps.Copy(names, after)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return slices.Equal(before[name], after[name]) })
}

// urgencyDiffers are the packages with a finding in both plans of which something else was known, sorted.
func (c comparison) urgencyDiffers() []string {
	return bothDiffer(c.a.Urgency, c.b.Urgency)
}

// decided are the packages of whose findings the plans have an outcome that people decide, one of them or until another
// time, sorted.
func (c comparison) decided(outcome string) func() []string {
	of := func(p *report.Plan) map[string][]string {
		out := map[string][]string{}
		for _, o := range p.Outcomes {
			if o.Outcome == outcome {
				out[o.Package] = append(out[o.Package], o.Vulnerability+" "+o.Version+" "+o.Source+" "+moment(o.Until)+" "+o.Detail)
			}
		}
		return out
	}
	return func() []string {
		before, after := of(c.a.Plan), of(c.b.Plan)
		names := maps.Clone(before)
		maps.Copy(names, after)
		return slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return slices.Equal(before[name], after[name]) })
	}
}

// deadlineCause is why a phase of both plans has another deadline.
func (c comparison) deadlineCause(phase string) string {
	of := func(p *report.Plan) (findings, packages []string) {
		for _, o := range p.Outcomes {
			if o.Phase == phase {
				findings, packages = append(findings, o.Package+" "+o.Source+" "+o.Vulnerability), append(packages, o.Package)
			}
		}
		return findings, packages
	}
	before, _ := of(c.a.Plan)
	after, packages := of(c.b.Plan)
	var may []string
	if c.differs("policy") {
		may = append(may, "policy")
	}
	if !slices.Equal(before, after) {
		may = append(may, "the findings of the phase are others")
	}
	for _, name := range c.urgencyDiffers() {
		if slices.Contains(packages, name) {
			may = append(may, "advisories: how urgent "+name+" is changed")
		}
	}
	if len(may) == 0 {
		return "when the findings of the phase were detected, or their fixes published"
	}
	return strings.Join(may, ", or ")
}

// bothDiffer are the packages of which both sides say something of the same thing, and not the same, sorted.
func bothDiffer[M ~map[string]string](a, b map[string]M) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		for thing, before := range a[name] {
			if after, ok := b[name][thing]; ok && after != before {
				out = append(out, name)
				break
			}
		}
	}
	return out
}
