package planner

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// phase is a phase with the findings it fixes.
type phase struct {
	report.Phase
	findings []finding
	carrier  string // the change that has done all of it already; empty: it needs one
}

// moveKey names an update: a package moves once from a version in a source, whatever the number of findings.
type moveKey struct{ pkg, from, source string }

// find is the move that takes a package away from a version, and the class of its phase.
func (s solved) find(pkg, from string) (*move, policy.ClassName) {
	for i := range s.Steps {
		for j := range s.Steps[i].Moves {
			if m := &s.Steps[i].Moves[j]; m.Package == pkg && sameVersion(m.From, from) {
				return m, s.Steps[i].Class
			}
		}
	}
	return nil, ""
}

func (s solved) first(pkg, from string) *move { m, _ := s.find(pkg, from); return m }

// phases puts the moves of all environments into the phases of their classes, and the planned findings with
// them: each is planned in the phase that moves its package away, once, although later phases may move it on.
func phases(in *situation, answers []solved, vs []verdict) []phase {
	for i := range vs {
		if v := &vs[i]; v.moved != nil && v.env >= 0 {
			_, class := answers[v.env].find(v.Package, v.Version)
			v.Outcome.Phase = string(class)
		}
	}
	var out []phase
	var taken []string
	for _, name := range policy.Names {
		p := newPhase(in, name)
		for i, a := range answers {
			for _, st := range a.Steps {
				if st.Class == name {
					p.add(in, in.Envs[i], i, st, vs, a.through())
				}
			}
		}
		if len(p.Updates) > 0 {
			p = p.finished()
			if m := in.carrier(p); m != nil {
				p.carrier, p.Branch = m.Change, m.Branch
			} else {
				p.Branch = in.Branches.name(in.Policy.Class(name).Branch, in.App, name, in.Now, taken)
			}
			taken = append(taken, p.Branch)
			out = append(out, p)
		}
	}
	return out
}

func newPhase(in *situation, name policy.ClassName) phase {
	k := in.Policy.Class(name)
	return phase{Phase: report.Phase{Phase: string(name), Class: string(name), Timeline: k.Timeline, Method: k.Method,
		Provisional: in.Provisional, Packages: []string{}}}
}

// add puts in what one environment moves.
func (p *phase) add(in *situation, e environment, env int, st step, vs []verdict, through map[string][]string) {
	for _, m := range st.Moves {
		for _, line := range e.lines(m, through) {
			u := newUpdate(m, line, e)
			for _, v := range vs {
				if v.env == env && v.moved != nil && v.Package == m.Package && v.Source == line.Source && sameVersion(v.Version, m.From) && v.Outcome.Phase == p.Class {
					u.Fixes = append(u.Fixes, v.Vulnerability)
					p.findings = append(p.findings, v.finding)
					if p.Deadline == nil || v.deadline.At.Before(*p.Deadline) {
						at := v.deadline.At
						p.Deadline, p.DeadlineRule = &at, v.deadline.Rule
					}
				}
			}
			slices.Sort(u.Fixes)
			u.Fixes = slices.Compact(u.Fixes)
			u.Reason = m.reason(in.Wishes, len(u.Fixes) > 0)
			p.Updates = append(p.Updates, u)
			p.Packages = append(p.Packages, u.Package)
		}
	}
}

// lines are where a package that moves stands: one for each source. One that is added goes where what
// requires it stands, through others that are added too.
func (e environment) lines(m move, through map[string][]string) []inventory.Package {
	var out []inventory.Package
	take := func(p pin) {
		for _, l := range p.Lines {
			if !slices.ContainsFunc(out, func(o inventory.Package) bool { return o.Source == l.Source }) {
				out = append(out, l)
			}
		}
	}
	for _, p := range e.Pins {
		if p.Package == m.Package {
			take(p)
		}
	}
	if len(out) > 0 {
		return out
	}
	via, met := m.Via, map[string]bool{}
	for len(out) == 0 && len(via) > 0 {
		var next []string
		for _, name := range via {
			if met[name] {
				continue
			}
			met[name] = true
			next = append(next, through[name]...)
			if i := slices.IndexFunc(e.Pins, func(p pin) bool { return p.Package == name }); i >= 0 {
				take(e.Pins[i])
			}
		}
		via = next
	}
	if len(out) == 0 {
		take(e.Pins[0])
	}
	added := out[0]
	added.Package, added.Direct, added.Extras, added.Marker, added.Hashes = m.Package, false, nil, "", nil
	return []inventory.Package{added}
}

// through are the packages that require what the phases add.
func (s solved) through() map[string][]string {
	out := map[string][]string{}
	for _, st := range s.Steps {
		for _, m := range st.Moves {
			if m.From == "" {
				out[m.Package] = m.Via
			}
		}
	}
	return out
}

func newUpdate(m move, line inventory.Package, e environment) report.Update {
	u := report.Update{Package: m.Package, Ecosystem: pypi, From: m.From, To: m.To, Source: line.Source, Direct: line.Direct, Fixes: []string{},
		Step: m.Step, Released: m.Released, Page: m.Page}
	if !line.Direct || m.From == "" {
		u.Through = m.Via
	}
	if e.Hashed { // a constraints file may hold the hashes of a pin that stands elsewhere
		u.Hashes = m.Hashes
	}
	return u
}

// inShort says why a package moves there.
func (m *move) inShort() string {
	switch {
	case m.Because != "":
		return "because " + m.Because
	case m.Newest:
		return "the newest " + m.Step + " update that installs with the rest"
	case m.Skipped > 0:
		return "the lowest version no advisory hits that installs with the rest"
	}
	return "the lowest version no advisory hits"
}

// reason says why this release and none below it.
func (m *move) reason(w wishes, fixes bool) string {
	s := m.inShort()
	if m.Newest && !fixes { // one may come in the way of a finding of a less urgent class
		s += "; it fixes nothing known"
	}
	if m.Kept {
		s += ", as planned before; the index does not answer now"
	}
	if w.Target.Python == "" && m.Requires != "" {
		s += fmt.Sprintf("; requires Python %s, which was not checked: the target's version is not known", printable(m.Requires))
	}
	if m.Short != "" {
		s += "; " + m.Short
	}
	if len(m.Passed) > 0 && !m.Newest {
		s += "; passed over: " + tellAll(m.Passed, m.Package, w.Target)
	}
	return s
}

func (p phase) finished() phase {
	slices.SortFunc(p.Updates, func(a, b report.Update) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Source, b.Source), cmp.Compare(a.From, b.From))
	})
	slices.Sort(p.Packages)
	p.Packages = slices.Compact(p.Packages)
	return p
}
