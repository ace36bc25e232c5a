package proposal

import (
	"cmp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// draft is a text on its way: the facts, put in order.
type draft struct {
	Facts
	caps
	links

	phase   *report.Phase   // of the plan; nil: not at hand
	updates []report.Update // of this change, those first that fix the worst
	moves   []report.Update // the same, a package that moves the same way in several files once
	carried []report.Update // of the phases that it stands on
	flaws   []flaw          // that it fixes, the worst first
}

// flaw is a vulnerability in a package, wherever it was found.
type flaw struct {
	report.Finding
	Known    bool     // the scan told of it; without, only its name is known
	Versions []string // in which it was found
}

func gather(f Facts, c caps) *draft {
	d := &draft{Facts: f, caps: c}
	if f.Plan != nil {
		for i := range f.Plan.Phases {
			if f.Plan.Phases[i].Phase == f.Change.Phase {
				d.phase = &f.Plan.Phases[i]
			}
		}
	}
	switch {
	case d.phase != nil:
		d.updates = d.phase.Updates
	default:
		for _, u := range f.Change.Updates {
			d.updates = append(d.updates, report.Update{Package: u.Package, Ecosystem: u.Ecosystem, From: u.From, To: u.To, Source: u.Source})
		}
	}
	if f.Validation != nil {
		d.Approvals, d.Merge = cmp.Or(f.Approvals, f.Validation.Approvals), cmp.Or(f.Merge, f.Validation.Merge)
		d.carried = beyond(f.Validation.Updates, d.updates)
	}
	d.flaws = flaws(f.Findings, d.updates)
	d.updates = lead(d.updates, d.flaws)
	d.moves = distinct(d.updates)
	return d
}

// beyond are the updates that were applied without those of the change itself. Where an earlier phase moves what this
// one moves on, both were applied in one go: what is left is the way up to where this one begins.
func beyond(applied, own []report.Update) []report.Update {
	type place struct{ pkg, to, source string }
	from := map[place]string{}
	for _, u := range own {
		from[place{u.Package, u.To, u.Source}] = u.From
	}
	var out []report.Update
	for _, u := range applied {
		if begins, ok := from[place{u.Package, u.To, u.Source}]; ok {
			if begins == u.From {
				continue
			}
			u.To = begins
		}
		out = append(out, u)
	}
	return out
}

// flaws are the vulnerabilities that the updates fix. One that the scan does not tell of is there all the same.
func flaws(findings []report.Finding, updates []report.Update) []flaw {
	told := map[[2]string]report.Finding{} // by package and each of its ids; the first counts
	for _, g := range findings {
		for _, v := range append([]string{g.Vulnerability}, g.IDs...) {
			if _, ok := told[[2]string{g.Package, v}]; !ok {
				told[[2]string{g.Package, v}] = g
			}
		}
	}
	var out []flaw
	at := map[[2]string]int{}
	for _, u := range updates {
		for _, v := range u.Fixes {
			key := [2]string{u.Package, v}
			i, ok := at[key]
			if !ok {
				f := flaw{}
				f.Finding, f.Known = told[key]
				f.Vulnerability, f.Package, f.Severity = v, u.Package, cmp.Or(f.Severity, "unknown")
				i, at[key] = len(out), len(out)
				out = append(out, f)
			}
			if u.From != "" && !slices.Contains(out[i].Versions, u.From) {
				out[i].Versions = append(out[i].Versions, u.From)
			}
		}
	}
	slices.SortStableFunc(out, worse)
	return out
}

var ranks = []string{"critical", "high", "unknown", "medium", "low"}

// worse orders by what a reviewer looks at first: what is malicious or exploited, then severity, where unknown counts
// as high.
func worse(a, b flaw) int {
	return cmp.Or(
		-compare(a.Kind == events.KindMalicious, b.Kind == events.KindMalicious),
		-compare(a.exploited(), b.exploited()),
		cmp.Compare(rank(a), rank(b)),
		-cmp.Compare(value(a.Score), value(b.Score)),
		-cmp.Compare(value(a.EPSS), value(b.EPSS)),
		strings.Compare(a.Package, b.Package),
		strings.Compare(a.Vulnerability, b.Vulnerability),
	)
}

func rank(f flaw) int {
	if i := slices.Index(ranks, f.Severity); i >= 0 {
		return i
	}
	return slices.Index(ranks, "unknown")
}

func (f flaw) exploited() bool { return f.KEV != nil && *f.KEV }

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func value(f *float64) float64 {
	if f == nil {
		return -1
	}
	return *f
}

// ids are the vulnerabilities, each once.
func (d *draft) ids() []string {
	var out []string
	for _, f := range d.flaws {
		out = append(out, f.Vulnerability)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lead is the updates with those first that fix the worst.
func lead(updates []report.Update, flaws []flaw) []report.Update {
	rank := map[[2]string]int{}
	for i, f := range flaws {
		rank[[2]string{f.Package, f.Vulnerability}] = i
	}
	first := map[string]int{}
	for _, u := range updates {
		if _, ok := first[u.Package]; !ok {
			first[u.Package] = len(flaws)
		}
		for _, v := range u.Fixes {
			first[u.Package] = min(first[u.Package], rank[[2]string{u.Package, v}])
		}
	}
	out := slices.Clone(updates)
	slices.SortStableFunc(out, func(a, b report.Update) int {
		return cmp.Or(cmp.Compare(first[a.Package], first[b.Package]), -compare(a.Direct, b.Direct), strings.Compare(a.Package, b.Package), strings.Compare(a.Source, b.Source))
	})
	return out
}

// distinct are the updates, a package that moves the same way in several files once.
func distinct(updates []report.Update) []report.Update {
	seen := map[[3]string]bool{}
	var out []report.Update
	for _, u := range updates {
		key := [3]string{u.Package, u.From, u.To}
		if !seen[key] {
			out = append(out, u)
		}
		seen[key] = true
	}
	return out
}

// files are those that the change writes.
func (d *draft) files() []string {
	var out []string
	if d.Validation != nil {
		for _, m := range d.Validation.Manifests {
			out = append(out, m.Path)
		}
	}
	if len(out) == 0 {
		for _, u := range d.updates {
			out = append(out, u.Source)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *draft) application() string {
	if d.Plan != nil {
		return d.Plan.Application
	}
	if d.Validation != nil {
		return d.Validation.Application
	}
	return ""
}

// step is the last of a name; nil: there is no validation, or it was not reached.
func (d *draft) step(name string) *report.Step {
	if d.Validation == nil {
		return nil
	}
	return d.Validation.Step(name)
}
