package resolution

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

// evaluation is one look at the whole set.
type evaluation struct {
	*state
	verdict
	place  map[*pack]int     // of tasks
	floats map[*pack][]*edge // what is asked of packages without a pin
	loose  []*pack           // those, in order
}

// evaluate finds the requirements that do not hold. Without tasks, and not dead, the set holds.
func (s *state) evaluate() verdict {
	ev := evaluation{state: s, place: map[*pack]int{}, floats: map[*pack][]*edge{}}
	ev.demands, ev.present = map[*pack][]*edge{}, s.reach()
	for _, p := range ev.present {
		if f := (fact{from: p, wanted: true}); p.want && !p.decided && s.counts(f) {
			s.note(f)
			ev.do(p, false, blame{})
		}
	}
	for _, e := range s.b.floating {
		ev.judge(nil, e)
	}
	for _, p := range ev.present {
		if p.at == nil {
			continue
		}
		for _, e := range s.b.edges(p.at, p.ext) {
			if ev.judge(p, e); ev.dead {
				return ev.verdict
			}
		}
	}
	for _, t := range ev.loose {
		if ev.float(t); ev.dead {
			break
		}
	}
	return ev.verdict
}

// do makes a package a task; one that can't stay counts more than one that might.
func (ev *evaluation) do(p *pack, stay bool, why blame) {
	i, ok := ev.place[p]
	switch {
	case !ok:
		ev.place[p] = len(ev.tasks)
		ev.tasks = append(ev.tasks, task{p, stay, why})
	case ev.tasks[i].stay && !stay:
		ev.tasks[i] = task{p, stay, why}
	}
}

func (ev *evaluation) end(why blame) { ev.dead, ev.why = true, why }

// judge looks at one requirement of p, or of a file.
func (ev *evaluation) judge(p *pack, e *edge) {
	if !ev.binds(e) || ev.excused(e) {
		return
	}
	t := e.to
	if p == nil || p.decided && !p.pressed() {
		ev.demands[t] = append(ev.demands[t], e)
	}
	switch {
	case t.at != nil && e.allows(t.at):
	case t.at == nil && ev.isLoose(p, t) && !ev.deep:
		if ev.floats[t] == nil {
			ev.loose = append(ev.loose, t)
		}
		ev.floats[t] = append(ev.floats[t], e)
	default:
		ev.noteEdge(e)
		ev.trace(p, t)
	}
}

// trace finds out what has to be decided because p, or a file, asks of t what t is not.
func (ev *evaluation) trace(p, t *pack) {
	fixed := p == nil || p.decided || p.held != ""
	why := blame{all: p != nil && p.pressed()} // those who asked for its extras
	if why.all && fixed {
		if q := ev.asker(p, ev.present, map[*pack]bool{}); q != nil {
			ev.do(q, true, why)
			return
		}
	}
	open := t.at == nil || !t.decided
	switch {
	case !fixed && (open || why.all):
		ev.do(p, true, why)
	case !fixed:
		why.add(t)
		ev.do(p, false, why)
	case open:
		why.add(p)
		ev.do(t, false, why)
	default:
		why.add(p, t)
		ev.end(why)
	}
}

// float looks at what is asked of a package without a pin.
func (ev *evaluation) float(t *pack) {
	why, stay, ok := ev.floatable(t, ev.floats[t], ev.present)
	switch {
	case ok:
	case stay != nil:
		ev.do(stay, true, why)
	default:
		ev.end(why)
	}
}
