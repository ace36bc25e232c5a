package resolution

import (
	"maps"
	"slices"
)

// sound says whether a choice holds as it stands.
func (s *state) sound(c choice) bool {
	defer c.put()()
	v := s.evaluate()
	return !v.dead && len(v.tasks) == 0
}

// shrink makes a choice that holds irreducible: no package of it can go back to where it was, none can take a smaller
// step, with all others held. It is for answers that were not found by a search that compared all.
func (s *state) shrink(c choice) choice {
	c = maps.Clone(c)
	for again := true; again; {
		again = false
		for _, p := range slices.SortedFunc(maps.Keys(c), byName) {
			if s.lower(c, p) {
				again = true
			}
		}
		c = s.needed(c)
	}
	return c
}

// lower takes a package of the choice back, or as near to where it was as the others let it.
func (s *state) lower(c choice, p *pack) bool {
	was := c[p]
	if p.pin != nil && !p.want {
		delete(c, p)
		if s.sound(c) {
			return true
		}
		c[p] = was
	}
	for _, r := range s.domain(p) {
		if r == was {
			return false
		}
		if s.b.reads > s.b.limits.reads || s.b.ctx.Err() != nil {
			return false
		}
		s.b.fetch(r)
		if r.err != nil {
			continue
		}
		c[p] = r
		if s.sound(c) {
			return true
		}
		c[p] = was
	}
	return false
}

// needed leaves out what nothing asks for any more.
func (s *state) needed(c choice) choice {
	defer c.put()()
	present := s.reach()
	out := choice{}
	for _, p := range present {
		if r := c[p]; r != nil && r != p.cur {
			out[p] = r
		}
	}
	return out
}
