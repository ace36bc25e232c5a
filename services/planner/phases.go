package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// phase is a phase with the findings it fixes.
type phase struct {
	report.Phase
	findings []finding
}

// moveKey names an update: a package moves once from a version in a source, whatever the number of findings.
type moveKey struct{ pkg, from, source string }

// phases groups the updates of the planned findings by the most urgent class among the findings of each.
// The outcomes get the phase their update stands in.
func phases(in *situation, vs []verdict) []phase {
	class := map[moveKey]policy.ClassName{}
	for _, v := range vs {
		if v.Outcome.Outcome != report.Planned {
			continue
		}
		k := move(v)
		if old, ok := class[k]; !ok || policy.Rank(v.class) < policy.Rank(old) {
			class[k] = v.class
		}
	}
	var out []phase
	for _, name := range policy.Names {
		var mine []*verdict
		for i := range vs {
			if vs[i].Outcome.Outcome == report.Planned && class[move(vs[i])] == name {
				vs[i].Outcome.Phase = string(name)
				mine = append(mine, &vs[i])
			}
		}
		if len(mine) > 0 {
			out = append(out, makePhase(in, name, mine))
		}
	}
	return out
}

func move(v verdict) moveKey { return moveKey{v.Package, v.Version, v.Source} }

func makePhase(in *situation, name policy.ClassName, vs []*verdict) phase {
	k := in.Policy.Class(name)
	p := phase{Phase: report.Phase{Phase: string(name), Class: string(name), Timeline: k.Timeline, Method: k.Method,
		Branch: branch(k.Branch, in), Provisional: in.Provisional, Packages: []string{}}}
	updates := map[moveKey]*report.Update{}
	for _, v := range vs {
		p.findings = append(p.findings, v.finding)
		if p.Deadline == nil || v.deadline.At.Before(*p.Deadline) {
			at := v.deadline.At
			p.Deadline, p.DeadlineRule = &at, v.deadline.Rule
		}
		u := updates[move(*v)]
		if u == nil {
			u = newUpdate(v, in)
			updates[move(*v)] = u
		}
		u.Fixes = append(u.Fixes, v.Vulnerability)
	}
	for _, u := range updates {
		slices.Sort(u.Fixes)
		u.Fixes = slices.Compact(u.Fixes)
		p.Updates = append(p.Updates, *u)
		p.Packages = append(p.Packages, u.Package)
	}
	slices.SortFunc(p.Updates, func(a, b report.Update) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Source, b.Source), cmp.Compare(a.From, b.From))
	})
	slices.Sort(p.Packages)
	p.Packages = slices.Compact(p.Packages)
	return p
}

func newUpdate(v *verdict, in *situation) *report.Update {
	f, to := v.finding, v.answer.To
	u := &report.Update{Package: f.Package, Ecosystem: f.Ecosystem, From: f.Version, To: to.Version, Source: f.Source, Direct: f.Direct,
		Step: v.answer.Step, Released: to.Released, Reason: reason(v.answer, f.Package, in.Wishes)}
	if in.Hashed { // a constraints file may hold the hashes of a pin that stands elsewhere
		u.Hashes = hashes(to)
	}
	return u
}

// reason says why this release and none below it.
func reason(a answer, pkg string, w wishes) string {
	s := "lowest version no advisory hits"
	if a.Kept {
		s += ", as planned before; the index does not answer now"
	}
	if w.Target.Python == "" && a.To.RequiresPython != "" {
		s += fmt.Sprintf("; requires Python %s, which was not checked: the target's version is not known", printable(a.To.RequiresPython))
	}
	if len(a.Rejected) > 0 {
		s += "; passed over: " + tellAll(a.Rejected, pkg, w.Target)
	}
	return s
}

func branch(pattern string, in *situation) string {
	return strings.NewReplacer("{date}", in.Now.UTC().Format("20060102"), "{application}", in.App).Replace(pattern)
}
