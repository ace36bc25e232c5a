package resolution

import (
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

// task is a package that has to be decided next.
type task struct {
	p    *pack
	stay bool // its version is still possible: only then may it be decided where it is
	why  blame
}

// blame is which decisions led to a dead end.
type blame struct {
	packs map[*pack]bool
	all   bool // not known exactly: all of them
}

func (bl *blame) add(ps ...*pack) {
	for _, p := range ps {
		if p == nil || !p.decided {
			continue
		}
		if bl.packs == nil {
			bl.packs = map[*pack]bool{}
		}
		bl.packs[p] = true
	}
}

func (bl *blame) join(o blame) {
	bl.all = bl.all || o.all
	for p := range o.packs {
		bl.add(p)
	}
}

// verdict is what is wrong with the set.
type verdict struct {
	dead    bool
	why     blame // of dead
	tasks   []task
	demands map[*pack][]*edge // of decided packages
	present []*pack           // pins and what was reached, in a fixed order
}

func (s *state) counts(f fact) bool { return s.keep == nil || s.keep[f] }

func (s *state) note(f fact) {
	if s.used != nil {
		s.used[f] = true
	}
}

// binds says whether a requirement counts.
func (s *state) binds(e *edge) bool {
	return s.counts(factOf(e)) && (s.fine == nil || e.from == nil || s.fine[e])
}

func (s *state) noteEdge(e *edge) {
	s.note(factOf(e))
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

// evaluate finds the requirements that do not hold. An empty verdict means that the set holds.
func (s *state) evaluate() verdict {
	v := verdict{demands: map[*pack][]*edge{}}
	v.present = s.reach()
	seen := map[*pack]int{} // tasks by package
	floats := map[*pack][]*edge{}
	var loose []*pack
	do := func(p *pack, stay bool, why blame) {
		i, ok := seen[p]
		if !ok {
			seen[p] = len(v.tasks)
			v.tasks = append(v.tasks, task{p, stay, why})
		} else if v.tasks[i].stay && !stay {
			v.tasks[i] = task{p, false, why}
		}
	}
	for _, p := range v.present {
		if p.want && !p.decided && s.counts(fact{from: p, wanted: true}) {
			s.note(fact{from: p, wanted: true})
			do(p, false, blame{})
		}
	}
	judge := func(p *pack, e *edge) bool {
		if !s.binds(e) || s.excused(e) {
			return true
		}
		t := e.to
		if p == nil || p.decided && !p.pressed() {
			v.demands[t] = append(v.demands[t], e)
		}
		if t.at != nil && e.allows(t.at) {
			return true
		}
		if t.at == nil && s.loose(p, t) && !s.deep {
			if floats[t] == nil {
				loose = append(loose, t)
			}
			floats[t] = append(floats[t], e)
			return true
		}
		s.noteEdge(e)
		fixed := p == nil || p.decided || p.held != ""
		why := blame{all: p != nil && p.pressed()} // those who asked for its extras
		if why.all && fixed {
			if q := s.asker(p, v.present, map[*pack]bool{}); q != nil {
				do(q, true, why)
				return true
			}
		}
		switch {
		case !fixed && (t.at == nil || !t.decided || why.all):
			do(p, true, why)
		case !fixed:
			why.add(t)
			do(p, false, why)
		case t.at == nil || !t.decided:
			why.add(p)
			do(t, false, why)
		default:
			why.add(p, t)
			v.dead, v.why = true, why
			return false
		}
		return true
	}
	for _, e := range s.b.floating {
		if !judge(nil, e) {
			return v
		}
	}
	for _, p := range v.present {
		if p.at == nil {
			continue
		}
		for _, e := range s.b.edges(p.at, p.ext) {
			if !judge(p, e) {
				return v
			}
		}
	}
	for _, t := range loose {
		if why, stay, ok := s.floatable(t, floats[t], v.present); !ok {
			if stay == nil {
				v.dead, v.why = true, why
				return v
			}
			do(stay, true, why)
		}
	}
	return v
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
	out := slices.Clone(queue[:first])
	for _, p := range queue[first:] {
		if p.pin == nil && p.at != nil && !slices.Contains(out[first:], p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out[first:], byName)
	return out
}

func byName(a, b *pack) int { return strings.Compare(a.name, b.name) }

// loose says whether t, which is not in the set, needs no pin when p (nil: a file) requires it.
func (s *state) loose(p, t *pack) bool {
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
	if t.candErr != nil {
		s.fail(t, t.candErr)
	}
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

func (s *state) fail(p *pack, err error) {
	if s.fails == nil {
		s.fails = map[string]error{}
	}
	s.fails[p.name] = err
}

// domain are the releases a package could move to, ascending; for a package without a pin the newest first. What the
// files forbid is left out.
func (s *state) domain(p *pack) []*release {
	s.b.load(p)
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
