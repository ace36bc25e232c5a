package resolution

import (
	"fmt"
	"slices"
	"strings"
)

// fact is a group of constraints that an explanation may do without.
type fact struct {
	from, to *pack  // the requirements of from on to …
	cur      bool   // … of the pinned release, else of those above
	text     string // of cur: which requirement
	bound    int    // with to == nil: 1 + the number of the bound of from
	wanted   bool   // from has to move
}

// state judges the set as it stands in the book.
type state struct {
	b     *book
	deep  bool             // packages without a pin are variables too
	keep  map[fact]bool    // nil: all facts count
	used  map[fact]bool    // nil: not noted
	fine  map[*edge]bool   // nil: all requirements of the facts count
	met   map[*edge]bool   // nil: not noted
	fails map[string]error // of the index, met on the way
}

func (s *state) counts(f fact) bool { return s.keep == nil || s.keep[f] }

func (s *state) note(f fact) {
	if s.used != nil {
		s.used[f] = true
	}
}

// binds says whether a requirement counts.
func (s *state) binds(e *edge) bool {
	return (s.keep == nil || s.counts(factOf(e))) && (s.fine == nil || e.from == nil || s.fine[e])
}

func (s *state) noteEdge(e *edge) {
	if s.used != nil {
		s.note(factOf(e))
	}
	if s.met != nil && e.from != nil {
		s.met[e] = true
	}
}

func factOf(e *edge) fact {
	if e.from == nil {
		return fact{to: e.to}
	}
	if e.from == e.from.of.cur {
		return fact{from: e.from.of, to: e.to, cur: true, text: e.text}
	}
	return fact{from: e.from.of, to: e.to}
}

// pressed says whether others ask for extras that the files do not ask of the package.
func (p *pack) pressed() bool { return len(p.ext) != len(p.extras) }

// asker finds an undecided package because of which p has extras: it may move, and they would go.
func (s *state) asker(p *pack, present []*pack, seen map[*pack]bool) *pack {
	seen[p] = true
	for _, q := range present {
		if q.at == nil || seen[q] {
			continue
		}
		asks := func(e *edge) bool { return e.to == p && len(e.extras) > 0 && s.binds(e) && !s.excused(e) }
		if !slices.ContainsFunc(s.b.edges(q.at, q.ext), asks) {
			continue
		}
		if !q.decided && q.held == "" {
			return q
		}
		if q.pressed() {
			if found := s.asker(q, present, seen); found != nil {
				return found
			}
		}
	}
	return nil
}

// reach finds the packages in the set, with the extras asked of them: the pins, and what they lead to.
func (s *state) reach() []*pack {
	s.b.round++
	queue := make([]*pack, 0, len(s.b.pins)+16)
	meet := func(p *pack, floats bool) {
		if p.reached != s.b.round {
			p.reached, p.ext, p.floats = s.b.round, p.extras, floats
			queue = append(queue, p)
		} else if p.floats && !floats {
			p.floats = false
			queue = append(queue, p)
		}
	}
	follow := func(e *edge, floats bool) {
		t := e.to
		if t.pin == nil {
			meet(t, floats || t.floating || !s.b.complete)
		} else {
			meet(t, false)
		}
		if more, grown := t.ext.with(e.extras); grown {
			s.noteEdge(e)
			t.ext = more
			queue = append(queue, t)
		}
	}
	for _, p := range s.b.pins {
		meet(p, false)
	}
	for _, e := range s.b.floating {
		follow(e, true)
	}
	for i := 0; i < len(queue); i++ {
		p := queue[i]
		if p.at == nil {
			continue
		}
		for _, e := range s.b.edges(p.at, p.ext) {
			if s.binds(e) && !s.excused(e) && (e.to.pin == nil || len(e.extras) > 0) {
				follow(e, p.floats)
			}
		}
	}
	first := len(s.b.pins)
	out := queue[:first] // what it takes of the queue has been read
	for _, p := range queue[first:] {
		if p.pin == nil && p.at != nil && !slices.Contains(out[first:], p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out[first:], byName)
	return out
}

func byName(a, b *pack) int { return strings.Compare(a.name, b.name) }

// isLoose says whether t, which is not in the set, needs no pin when p (nil: a file) requires it.
func (s *state) isLoose(p, t *pack) bool {
	return !s.b.complete || t.floating || p == nil || p.floats
}

// excused says whether a requirement may be left out: it did not hold before either, and neither end has moved; or it
// may not count on the target, and did not lead to a pin before.
func (s *state) excused(e *edge) bool {
	if e.url {
		return true // told as not known
	}
	if e.from == nil {
		return e.excused
	}
	p := e.from.of
	if e.excused && e.from == p.cur && e.to.at == e.to.cur {
		return true
	}
	if !e.unsure || e.to.at != nil || p.cur == nil {
		return false
	}
	return slices.ContainsFunc(s.b.edges(p.cur, p.ext), func(o *edge) bool { return o.unsure && o.to == e.to })
}

// floatable says whether some release of a package without a pin meets all that is asked of it. If not: which package
// that asks could move instead, or none.
func (s *state) floatable(t *pack, es []*edge, present []*pack) (why blame, stay *pack, ok bool) {
	s.b.load(t)
	s.unsettled(t)
	for _, r := range s.domain(t) {
		if !slices.ContainsFunc(es, func(e *edge) bool { return !e.allows(r) }) {
			return why, nil, true
		}
	}
	for _, e := range es {
		s.noteEdge(e)
		if e.from == nil {
			continue
		}
		p := e.from.of
		if why.all = why.all || p.pressed(); p.pressed() {
			if q := s.asker(p, present, map[*pack]bool{}); q != nil {
				return why, q, false
			}
		}
		if !p.decided && p.held == "" {
			return why, p, false
		}
		why.add(p)
	}
	return why, nil, false
}

// unsettled notes that a package is in the way only because the index did not answer for it.
func (s *state) unsettled(p *pack) {
	switch {
	case p.candErr != nil:
		s.fail(p, p.candErr)
	case p.held != "" && p.cur.later:
		s.fail(p, fmt.Errorf("read what %s requires: %w", p.cur, p.cur.err))
	}
}

func (s *state) fail(p *pack, err error) {
	if s.fails == nil {
		s.fails = map[string]error{}
	}
	s.fails[p.name] = err
}

// domain are the releases a package could move to, ascending; for a package without a pin the newest first. What the
// files forbid is left out. The list is not the caller's to change.
func (s *state) domain(p *pack) []*release {
	s.b.load(p)
	plain := s.keep == nil && s.used == nil && !p.imagine // else what is left out depends on what counts, or is noted
	if !plain {
		return s.inside(p)
	}
	if !p.counted {
		p.within, p.counted = slices.Clip(s.inside(p)), true
	}
	return p.within
}

// inside are the releases of a package that the files allow.
func (s *state) inside(p *pack) []*release {
	out := make([]*release, 0, len(p.cands))
	from := p.cands
	if p.imagine {
		from = p.higher
	}
	for _, r := range from {
		i, ok := p.bounded(r, func(i int) bool { return !s.counts(fact{from: p, bound: i + 1}) })
		if !ok {
			s.note(fact{from: p, bound: i + 1})
			continue
		}
		out = append(out, r)
	}
	if p.pin == nil {
		slices.Reverse(out)
	}
	return out
}
