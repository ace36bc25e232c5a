package planner

import (
	"context"
	"slices"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// renew plans the updates of a class that fix nothing known (--full): the newest releases its steps lead to.
// One that does not fit the rest gives way to the next older, a few times; no finding depends on it.
func (s *solver) renew(ctx context.Context, st *step) {
	for try := range maxRenewals {
		all, v := s.view(nil), s.view(nil)
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
			return
		}
		s.take(ctx, st, sol, v, "")
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
		return ""
	}
	fine, _, err := v.look(ctx, p.Package)
	if err != nil {
		return ""
	}
	for i := len(fine) - 1; i >= 0; i-- {
		if !permitted(p.Allowed, fine[i].version) || s.task.Updates[p.Package][pep440.Step(from, fine[i].version)] != st.Class {
			continue
		}
		if try == 0 {
			return fine[i].Version
		}
		try--
	}
	return ""
}

func permitted(bounds []resolution.Bound, v pep440.Version) bool {
	return !slices.ContainsFunc(bounds, func(b resolution.Bound) bool { return !allows(b.Specifier, v) })
}
