package resolution

import "slices"

// task is a package that has to be decided next.
type task struct {
	p    *pack
	stay bool // its version is still possible: only then may it be decided where it is
	why  blame
}

// blame is which decisions led to a dead end.
type blame struct {
	packs []*pack // each once: there are as many as decisions, a few
	all   bool    // not known exactly: all of them
}

func (bl *blame) add(ps ...*pack) {
	for _, p := range ps {
		if p != nil && p.decided && !slices.Contains(bl.packs, p) {
			bl.packs = append(bl.packs, p)
		}
	}
}

func (bl *blame) join(o blame) {
	bl.all = bl.all || o.all
	bl.add(o.packs...)
}

// verdict is what is wrong with the set.
type verdict struct {
	dead    bool
	why     blame // of dead
	tasks   []task
	present []*pack // pins and what was reached, in a fixed order
}

// evaluation is one look at the whole set.
type evaluation struct {
	*state
	verdict
	loose []*pack // packages without a pin of which something is asked, in order
}

// evaluate finds the requirements that do not hold. Without tasks, and not dead, the set holds.
func (s *state) evaluate() verdict {
	ev := evaluation{state: s}
	ev.present = s.reach()
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

// judgement is what this evaluation found out about a package so far. It is overwritten by the next.
func (s *state) judgement(p *pack) *judgement {
	j := &p.judged
	if j.round != s.b.round {
		*j = judgement{round: s.b.round, demands: j.demands[:0], floats: j.floats[:0], left: j.left[:0]}
	}
	return j
}

// do makes a package a task; one that can't stay counts more than one that might.
func (ev *evaluation) do(p *pack, stay bool, why blame) {
	j := ev.judgement(p)
	switch {
	case j.task == 0:
		ev.tasks = append(ev.tasks, task{p, stay, why})
		j.task = len(ev.tasks)
	case ev.tasks[j.task-1].stay && !stay:
		ev.tasks[j.task-1] = task{p, stay, why}
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
		j := ev.judgement(t)
		j.demands = append(j.demands, e)
	}
	switch {
	case t.at != nil && e.allows(t.at):
	case t.at == nil && ev.isLoose(p, t) && !ev.deep:
		j := ev.judgement(t)
		if len(j.floats) == 0 {
			ev.loose = append(ev.loose, t)
		}
		j.floats = append(j.floats, e)
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
	why, stay, ok := ev.floatable(t, ev.judgement(t).floats, ev.present)
	switch {
	case ok:
	case stay != nil:
		ev.do(stay, true, why)
	default:
		ev.end(why)
	}
}
