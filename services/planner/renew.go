package planner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// renew plans the updates of a class that fix nothing known (--full): the newest releases its steps lead to.
// One that does not fit the rest gives way to the next older, a few times; no finding depends on it.
func (s *solver) renew(ctx context.Context, st *step) {
	for try := range maxRenewals {
		all, v := s.updating(), s.updating()
		v.only = map[string]string{}
		var wants []want
		for _, p := range s.task.Pins {
			if to := s.newest(ctx, all, p, try, *st); to != "" && p.Stays == "" {
				v.only[p.Package] = to
				wants = append(wants, want{Package: p.Package, Class: st.Class})
			}
		}
		if len(wants) == 0 {
			continue
		}
		sol, err := s.resolve(ctx, wants, v)
		if err != nil {
			s.open("updates that fix nothing known were not looked for: " + printable(err.Error()))
			return
		}
		for _, w := range wants {
			if b := sol.Blocked[w.Package]; b.Err != nil {
				s.open(fmt.Sprintf("whether %s can be updated was not found out: %s", w.Package, printable(b.Err.Error())))
			}
		}
		s.take(ctx, st, sol, v, "")
		if try == 0 {
			s.bound(ctx, st, sol, v)
		}
	}
}

// bound moves what could not move to its newest release because that asks for one release of another package, as each
// pydantic does of pydantic-core: alone, with the other free to follow.
func (s *solver) bound(ctx context.Context, st *step, blocked resolution.Solution, newest *view) {
	tries := 0
	for _, name := range slices.Sorted(maps.Keys(blocked.Blocked)) {
		exact := slices.ContainsFunc(blocked.Blocked[name].Chain, func(c string) bool {
			return strings.HasPrefix(c, name+" "+newest.only[name]+" requires ") && strings.Contains(c, "==")
		})
		moved := slices.ContainsFunc(st.Moves, func(m move) bool { return m.Package == name })
		if !exact || moved || tries == maxBound {
			continue
		}
		tries++
		v := s.updating()
		v.only = map[string]string{name: newest.only[name]}
		if sol, err := s.resolve(ctx, []want{{Package: name, Class: st.Class}}, v); err == nil {
			s.take(ctx, st, sol, v, "")
		}
	}
}

// newest is the release a package should move to in a class, the try-th from the top; empty: none.
func (s *solver) newest(ctx context.Context, v *view, p taskPin, try int, st step) string {
	if slices.ContainsFunc(st.Moves, func(m move) bool { return m.Package == p.Package }) {
		return ""
	}
	from, err := pep440.Parse(s.version(p.Package))
	if err != nil {
		return ""
	}
	if _, err := v.Metadata(ctx, p.Package, s.version(p.Package)); err != nil {
		if errors.Is(err, index.ErrUnreachable) {
			s.open(fmt.Sprintf("whether %s can be updated is not known: %s", p.Package, printable(err.Error())))
		}
		return ""
	}
	fine, _, err := v.look(ctx, p.Package)
	if err != nil {
		return ""
	}
	for i := len(fine) - 1; i >= 0; i-- {
		if !permitted(p.Allowed, fine[i].version) || alike(s.task.Holds, p.Package, from, fine[i].version) || s.task.Updates[p.Package][pep440.Step(from, fine[i].version)] != st.Class {
			continue
		}
		if try == 0 {
			return fine[i].Version
		}
		try--
	}
	return ""
}

// alike reports whether a release is too much like a rejected one to be tried for an update that fixes nothing known:
// of the same major release where the rejected one was a major step, of the same minor where it was a minor one, and any
// where it was less. Each try costs all tests and a new plan of the whole application; release by release there would be
// dozens of them, and most fail the same way.
func alike(holds []hold, pkg string, from, v pep440.Version) bool {
	return slices.ContainsFunc(holds, func(h hold) bool {
		rejected, err := pep440.Parse(h.From)
		if h.Package != pkg || err != nil {
			return false
		}
		switch pep440.Step(from, rejected) {
		case pep440.Major:
			return pep440.Step(v, rejected) != pep440.Major
		case pep440.Minor:
			return pep440.Step(v, rejected) == pep440.Patch
		}
		return true
	})
}

// open notes what could not be found out of updates that no finding asks for, once.
func (s *solver) open(what string) {
	if !slices.Contains(s.out.Open, what) {
		s.out.Open = append(s.out.Open, what)
	}
}

func permitted(bounds []resolution.Bound, v pep440.Version) bool {
	return !slices.ContainsFunc(bounds, func(b resolution.Bound) bool { return !allows(b.Specifier, v) })
}
