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
	updates []report.Update // of this change
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
		for _, u := range f.Validation.Updates {
			if !slices.ContainsFunc(d.updates, func(o report.Update) bool { return same(o, u) }) {
				d.carried = append(d.carried, u)
			}
		}
	}
	d.flaws = flaws(f.Findings, d.updates)
	return d
}

func same(a, b report.Update) bool {
	return a.Package == b.Package && a.From == b.From && a.To == b.To && a.Source == b.Source
}

// flaws are the vulnerabilities that the updates fix. One that the scan does not tell of is there all the same.
func flaws(findings []report.Finding, updates []report.Update) []flaw {
	var out []flaw
	for _, u := range updates {
		for _, id := range u.Fixes {
			i := slices.IndexFunc(out, func(f flaw) bool { return f.Vulnerability == id && f.Package == u.Package })
			if i < 0 {
				out = append(out, flaw{Finding: report.Finding{Vulnerability: id, Package: u.Package, Severity: "unknown"}})
				i = len(out) - 1
			}
			out[i].learn(findings, u)
		}
	}
	slices.SortStableFunc(out, worse)
	return out
}

// learn takes over what the scan says of a vulnerability where an update found it.
func (f *flaw) learn(findings []report.Finding, u report.Update) {
	for _, g := range findings {
		if g.Package != f.Package || g.Vulnerability != f.Vulnerability && !slices.Contains(g.IDs, f.Vulnerability) {
			continue
		}
		if !f.Known {
			id := f.Vulnerability
			f.Finding, f.Known = g, true
			f.Vulnerability = id
		}
	}
	if u.From != "" && !slices.Contains(f.Versions, u.From) {
		f.Versions = append(f.Versions, u.From)
	}
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
		if !slices.Contains(out, f.Vulnerability) {
			out = append(out, f.Vulnerability)
		}
	}
	return out
}

// moves are the updates, a package that moves the same way in several files once.
func (d *draft) moves() []report.Update {
	var out []report.Update
	for _, u := range d.lead() {
		if !slices.ContainsFunc(out, func(o report.Update) bool { return o.Package == u.Package && o.From == u.From && o.To == u.To }) {
			out = append(out, u)
		}
	}
	return out
}

// lead is the updates with those first that fix the worst.
func (d *draft) lead() []report.Update {
	first := func(u report.Update) int {
		i := slices.IndexFunc(d.flaws, func(f flaw) bool { return f.Package == u.Package && slices.Contains(u.Fixes, f.Vulnerability) })
		if i < 0 {
			return len(d.flaws)
		}
		return i
	}
	out := slices.Clone(d.updates)
	slices.SortStableFunc(out, func(a, b report.Update) int {
		return cmp.Or(cmp.Compare(first(a), first(b)), -compare(a.Direct, b.Direct), strings.Compare(a.Package, b.Package))
	})
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
