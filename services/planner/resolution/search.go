package resolution

import (
	"cmp"
	"slices"
)

// cost orders answers: what comes first in it counts most. What is added counts last: a package that comes in newly
// is no reason to take a larger step, nor is one less a reason to take a release of it that is years old.
type cost struct {
	changed, major, minor int
	skipped               int // releases passed over by the moved
	behind                int // releases that the added stay behind the newest
	added                 int
}

func (c cost) compare(o cost) int {
	return cmp.Or(cmp.Compare(c.changed, o.changed), cmp.Compare(c.major, o.major), cmp.Compare(c.minor, o.minor),
		cmp.Compare(c.skipped, o.skipped), cmp.Compare(c.behind, o.behind), cmp.Compare(c.added, o.added))
}

// add counts one changed package.
func (c *cost) add(p *pack, r *release) {
	if p.pin == nil {
		c.added++
		c.behind += len(p.cands) - r.rank
		return
	}
	c.changed++
	switch r.step {
	case 3:
		c.major++
	case 2:
		c.minor++
	}
	c.skipped += r.rank
}

// comes counts a package that changes in a way that is not known yet.
func (c *cost) comes(p *pack) {
	if p.pin == nil {
		c.added++
		return
	}
	c.changed++
	c.skipped++
}

// choice is where the packages stand that were decided: moved, added, and, in a deep search, picked without a pin.
type choice map[*pack]*release

// search compares the sets in which every wanted package has left its version. It decides one package at a time, and
// only one that can't stay where it is given those decided before, so no set with fewer changes is passed over. A dead
// end goes back to the last decision that had a part in it.
type search struct {
	state
	first bool           // the first answer will do
	foot  map[*pack]bool // packages that had to be decided anywhere
	nodes int
	cut   bool // given up at a limit
	best  choice
	least cost
}

// run searches. Afterwards best is nil if there is no answer, or none was found before the search was cut.
func (s *search) run() {
	s.descend()
}

// over says whether the search has to end.
func (s *search) over() bool {
	if s.nodes > s.b.limits.nodes || s.best != nil && s.b.improving > s.b.limits.better || s.b.reads > s.b.limits.reads || s.b.ctx.Err() != nil {
		s.cut = true
	}
	return s.cut || s.first && s.best != nil
}

var everything = blame{all: true}

func (s *search) descend() blame {
	s.nodes++
	if s.best != nil {
		s.b.improving++
	}
	if s.over() {
		return everything
	}
	v := s.evaluate()
	if v.dead {
		return v.why
	}
	so := s.priced(v.present)
	if len(v.tasks) == 0 {
		s.take(v.present, so)
		return everything
	}
	if s.foot != nil {
		for _, t := range v.tasks {
			s.foot[t.p] = true
		}
	}
	t, values, why := s.choose(v)
	if s.best != nil && s.tooDear(so, v, t, values) {
		return everything
	}
	return s.branch(t, values, why, so)
}

// branch tries the values of a package, and returns what none of them could do about.
func (s *search) branch(t task, values []*release, why blame, so cost) blame {
	was, p, free := t.p.at, t.p, s.free(t.p)
	defer func() { p.at, p.decided = was, false }()
	for i, ahead := 0, 0; i < len(values); i++ {
		r := values[i]
		if !r.read {
			end := min(len(values), i+1+ahead)
			s.b.fetchAll(values[i:end])
			ahead = min(2*ahead+1, readAhead)
		}
		if s.over() {
			return everything
		}
		if r != p.cur && !s.possible(r, &why) {
			continue
		}
		if s.best != nil && r != p.cur && !free {
			c := so
			c.add(p, r)
			if c.compare(s.least) > 0 {
				if !t.stay {
					return everything // those after it cost more
				}
				continue
			}
		}
		p.at, p.decided = r, true
		below := s.descend()
		p.at, p.decided = was, false
		if s.over() {
			return everything
		}
		if !below.all && !slices.Contains(below.packs, p) {
			return below // nothing that p could be changes it
		}
		why.join(below) // without p, which is not decided any more
	}
	return why
}

// free says whether a package costs nothing: it has no pin and needs none.
func (s *search) free(p *pack) bool { return p.pin == nil && p.floats }

// choose picks the package that has the fewest releases left, of equals the first by name; the first that has none.
func (s *search) choose(v verdict) (task, []*release, blame) {
	var best task
	var values []*release
	var why blame
	for i, t := range v.tasks {
		left, because := s.values(t)
		if i == 0 || len(left) < len(values) || len(left) == len(values) && t.p.name < best.p.name {
			best, values, why = t, slices.Clone(left), because
		}
		if len(left) == 0 {
			break // a dead end, whatever the others are: a release may require thousands, each a question to the index
		}
	}
	return best, values, why
}

// values are the releases that meet the demands of what is decided. The list holds until the next evaluation.
func (s *search) values(t task) ([]*release, blame) {
	j := s.judgement(t.p)
	demands := j.demands
	why := blame{all: t.why.all}
	why.join(t.why)
	domain := s.domain(t.p)
	s.unsettled(t.p)
	left := j.left[:0]
	var last *pack
	for _, r := range domain {
		if r.read && !s.possible(r, &why) {
			continue
		}
		i := slices.IndexFunc(demands, func(e *edge) bool { return !e.allows(r) })
		if i < 0 {
			left = append(left, r)
			continue
		}
		s.noteEdge(demands[i])
		if from := demands[i].from; from != nil && from.of != last { // rather often the same one
			last = from.of
			why.add(last)
		}
	}
	if t.stay && t.p.at != nil {
		left = slices.Insert(left, 0, t.p.at)
	}
	j.left, j.valued = left, true
	return left, why
}

// possible says whether a release that was read can be had beside what is decided; why is told what is against it.
func (s *search) possible(r *release, why *blame) bool {
	if r.err != nil {
		if r.later {
			s.fail(r.of, r.err)
		}
		return false
	}
	for _, e := range s.b.edges(r, r.of.extras) {
		if t := e.to; (t.decided || t.held != "") && t.at != nil && !e.allows(t.at) && s.binds(e) {
			s.noteEdge(e)
			s.unsettled(t)
			why.add(t)
			return false
		}
	}
	return true
}

// priced is what the set costs as far as it is decided.
func (s *search) priced(present []*pack) cost {
	var c cost
	for _, p := range present {
		if p.decided && p.at != p.cur && !s.free(p) {
			c.add(p, p.at)
		}
	}
	return c
}

// tooDear says whether whatever comes of the set costs more than the best so far: what has to be decided takes its
// first release, and what every release of it would move moves. What it takes the moves of others for that is met: a
// search that moves them anyway must not be taken for one that this one has nothing to do with.
func (s *search) tooDear(so cost, v verdict, next task, values []*release) bool {
	counted := map[*pack]bool{}
	for _, t := range v.tasks {
		counted[t.p] = true
	}
	var implied []*pack
	for _, t := range v.tasks {
		if t.stay || s.free(t.p) {
			continue
		}
		left := values
		if j := s.judgement(t.p); t.p != next.p && j.valued {
			left = j.left
		} else if t.p != next.p {
			left, _ = s.values(t)
		}
		if len(left) == 0 {
			so.comes(t.p)
			continue
		}
		so.add(t.p, left[0])
		for _, p := range s.implied(left) {
			if !counted[p] {
				counted[p] = true
				implied = append(implied, p)
			}
		}
	}
	if so.compare(s.least) > 0 {
		return true
	}
	for _, p := range implied {
		so.comes(p)
	}
	if so.compare(s.least) <= 0 {
		return false
	}
	if s.foot != nil {
		for _, p := range implied {
			s.foot[p] = true
		}
	}
	return true
}

// implied are the packages that move, or come, with each of the releases; none while one of them was not read.
func (s *search) implied(rs []*release) []*pack {
	var all []*pack
	for i, r := range rs {
		if !r.read {
			return nil
		}
		moves := func(e *edge) bool {
			t := e.to
			if t.decided || t.held != "" || t == r.of || !s.binds(e) {
				return false
			}
			return t.at != nil && !e.allows(t.at) || t.at == nil && !e.unsure && !s.isLoose(r.of, t)
		}
		es := s.b.edges(r, r.of.extras)
		if i == 0 {
			for _, e := range es {
				if moves(e) && !slices.Contains(all, e.to) {
					all = append(all, e.to)
				}
			}
		} else {
			all = slices.DeleteFunc(all, func(p *pack) bool {
				return !slices.ContainsFunc(es, func(e *edge) bool { return e.to == p && moves(e) })
			})
		}
		if len(all) == 0 {
			return nil
		}
	}
	return all
}

// take keeps the set if it is better than the best so far.
func (s *search) take(present []*pack, c cost) {
	found := choice{}
	for _, p := range present {
		if p.decided && p.at != p.cur {
			found[p] = p.at
		}
	}
	if s.best == nil || cmp.Or(c.compare(s.least), s.tie(found)) < 0 {
		s.best, s.least = found, c
	}
}

// tie orders answers of one cost: the first package by name that differs decides.
func (s *search) tie(found choice) int {
	names := make([]*pack, 0, len(found)+len(s.best))
	for p := range found {
		names = append(names, p)
	}
	for p := range s.best {
		if found[p] == nil {
			names = append(names, p)
		}
	}
	slices.SortFunc(names, byName)
	for _, p := range names {
		if d := cmp.Compare(rankOf(found[p]), rankOf(s.best[p])); d != 0 {
			return d
		}
	}
	return 0
}

func rankOf(r *release) int {
	switch {
	case r == nil:
		return 0
	case r.of.pin == nil:
		return 1 + len(r.of.cands) - r.rank
	}
	return r.rank
}
