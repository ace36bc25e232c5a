package resolution

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// run is one Solve.
type run struct {
	ctx       context.Context // ends with the limit
	searching context.Context // ends before, so that uv can still judge
	p         Problem
	b         *book
	e         Engine
	deep      bool // uv found that packages without a pin matter
	sol       Solution
	causes    []cause
	groups    []*group // of wants that hang together
}

// cause is a blocked want, with those that come before it.
type cause struct {
	want  *pack
	above []*pack
}

func solve(ctx context.Context, p Problem, o Offer, e Engine, l limits) (Solution, error) {
	r := &run{ctx: ctx, searching: ctx, p: p, e: e, sol: Solution{Blocked: map[string]Block{}}}
	if p.Limit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, p.Limit, ErrTime)
		defer cancel()
		r.ctx = limited
		r.searching, cancel = context.WithTimeoutCause(limited, p.Limit*searchShare/100, ErrTime)
		defer cancel()
	}
	b, err := read(p, o, l)
	if err != nil {
		return Solution{}, err
	}
	r.b = b
	r.timed(b.open)
	var wants []*pack
	r.timed(func() { wants = r.wanted() })
	if len(wants) > 0 {
		r.settle(wants)
	}
	r.explain()
	if ctx.Err() != nil {
		return Solution{}, fmt.Errorf("find releases that fit together: %w", ctx.Err())
	}
	r.sol.Broken, r.sol.Bare = b.broken, b.bare
	for _, name := range slices.Sorted(maps.Keys(b.unknown)) {
		text := name + ": " + b.unknown[name]
		if q := b.packs[name]; q != nil && q.cur != nil {
			text = q.cur.String() + ": " + b.unknown[name]
		}
		r.sol.Unknown = append(r.sol.Unknown, text)
	}
	return r.sol, nil
}

// timed does one of several things that have to be done: it may take half of the time that is left for them, so that
// one that hangs leaves some to the others. It says whether that was not enough.
func (r *run) timed(do func()) (over bool) {
	ctx := r.searching
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	r.b.ctx = ctx
	defer func() { r.b.ctx = r.ctx }()
	do()
	return ctx.Err() != nil
}

// wanted are the packages that are asked for, in their order, without those that can't move at all.
func (r *run) wanted() []*pack {
	var out []*pack
	for _, name := range r.p.Wants {
		p := r.b.pack(pep440.Normalize(name))
		p.want = false
		switch {
		case slices.Contains(out, p):
		case p.pin == nil:
			r.block(p, errNotPinned)
		case p.held != "":
			r.sol.Blocked[p.name] = Block{Chain: []string{p.stays()}}
		default:
			out = append(out, p)
		}
	}
	r.b.loadAll(out)
	return out
}

func (p *pack) stays() string { return p.cur.String() + " stays where it is: " + p.held }

func (r *run) block(p *pack, err error) {
	r.sol.Blocked[p.name] = Block{Err: err}
}

func want(ps []*pack, yes bool) {
	for _, p := range ps {
		p.want = yes
	}
}

// settle finds the wants that can be had, and the smallest change that brings them, of which uv is then the judge.
func (r *run) settle(wants []*pack) {
	for {
		accepted, best, refused := r.find(wants)
		err := r.verdict(accepted, best)
		var conflict *uv.Conflict
		if errors.As(err, &conflict) && !r.deep && (!r.b.complete || len(r.b.floating) > 0) {
			r.dive()
			continue
		}
		r.refuse(refused)
		if err != nil {
			accepted, best = r.apart(accepted, err)
		}
		if len(accepted) > 0 {
			r.write(accepted, best)
		}
		return
	}
}

// verdict is nil if uv finds that the choice holds, which moves the wants.
func (r *run) verdict(wants []*pack, c choice) error {
	if len(wants) == 0 {
		return nil
	}
	want(wants, true)
	defer want(wants, false)
	err := r.judge(c)
	var conflict *uv.Conflict
	if errors.As(err, &conflict) {
		return fmt.Errorf("%w: the metadata allow it, uv does not: %w", ErrDisagree, err)
	}
	return err
}

// apart keeps what uv and the metadata agree on, one group after the other, when they do not on the whole.
func (r *run) apart(accepted []*pack, err error) (kept []*pack, best choice) {
	r.sol.Exhaustive = false
	best = choice{}
	if errors.Is(err, ErrDisagree) && len(r.groups) > 1 && len(r.groups) <= maxApart {
		for _, g := range r.groups {
			if wrong := r.verdict(g.accepted, g.best); wrong != nil {
				for _, p := range g.accepted {
					r.block(p, wrong)
				}
				continue
			}
			kept = append(kept, g.accepted...)
			maps.Copy(best, g.best)
		}
		accepted = kept
		if len(kept) > 0 {
			err = r.verdict(kept, best)
		}
		if err == nil {
			return kept, best
		}
	}
	for _, p := range accepted {
		r.block(p, err)
	}
	return nil, nil
}

// dive has the search look at what has no pin too, which is in the way of something. If that can't even be had with
// the pins as they are, it is broken already, and left out from now on.
func (r *run) dive() {
	r.deep = true
	s := &search{state: state{b: r.b, deep: true}, first: true}
	r.timed(s.run)
	if s.best == nil && !s.cut && len(s.fails) == 0 {
		r.deep = false
		r.b.sink()
	}
}

// refusal is a want that is not had: because of those above it, or of an error.
type refusal struct {
	want  *pack
	above []*pack
	err   error
}

func (r *run) refuse(rs []refusal) {
	for _, f := range rs {
		if f.err != nil {
			r.block(f.want, f.err)
			continue
		}
		r.causes = append(r.causes, cause{f.want, f.above})
	}
}

// search looks for a way to have the wants. No way and no error: there is none.
func (r *run) search(g *group, wants []*pack, first bool) (choice, error) {
	want(wants, true)
	defer want(wants, false)
	s := &search{state: state{b: r.b, deep: r.deep}, first: first, foot: g.met}
	over := r.timed(s.run)
	if s.cut || len(s.fails) > 0 {
		g.whole = false
	}
	switch {
	case s.best != nil && s.cut && !first:
		return s.shrink(s.best), nil
	case s.best != nil:
		return s.best, nil
	case over:
		return nil, ErrTime
	case s.cut:
		return r.resort(wants)
	case len(s.fails) > 0:
		return nil, s.failure()
	}
	return nil, nil
}

// failure is the error of the index that the search met, of several the first by package.
func (s *state) failure() error {
	return s.fails[slices.Min(slices.Collect(maps.Keys(s.fails)))]
}

// resort has uv find an answer where there was too much to compare.
func (r *run) resort(wants []*pack) (choice, error) {
	c, err := r.free(wants)
	var conflict *uv.Conflict
	switch {
	case errors.As(err, &conflict):
		return nil, fmt.Errorf("%w; uv says: %s", ErrSearch, conflict.Text)
	case errors.Is(err, errUnsound) && len(r.b.broken) > 0:
		return nil, fmt.Errorf("%w; uv, which is not told of requirements that are broken already, has no answer either", ErrSearch)
	case err != nil:
		return nil, err
	}
	s := state{b: r.b, deep: r.deep}
	return s.shrink(c), nil
}

// write lists the moves.
func (r *run) write(accepted []*pack, c choice) {
	want(accepted, true)
	defer want(accepted, false)
	defer c.put()()
	s := state{b: r.b, deep: r.deep}
	present := s.reach()
	via := map[*pack]map[string]bool{}
	for _, p := range present {
		if p.floats {
			continue
		}
		for _, e := range r.b.edges(p.at, p.ext) {
			if via[e.to] == nil {
				via[e.to] = map[string]bool{}
			}
			via[e.to][p.name] = true
		}
	}
	for _, p := range present {
		rel := c[p]
		if rel == nil || rel == p.cur || p.floats {
			continue
		}
		m := Move{Package: p.name, To: rel.version, Via: slices.Sorted(maps.Keys(via[p]))}
		if p.cur != nil {
			m.From, m.Step = p.cur.version, pep440.Step(p.cur.v, rel.v)
		}
		r.sol.Moves = append(r.sol.Moves, m)
		delete(r.sol.Blocked, p.name) // given up as a want, and moved for another
	}
	for i, m := range r.sol.Moves {
		if p := r.b.packs[m.Package]; !p.want {
			r.sol.Moves[i].Because = s.because(c, p)
		}
	}
	slices.SortFunc(r.sol.Moves, func(a, b Move) int { return byName(r.b.packs[a.Package], r.b.packs[b.Package]) })
}

// because is the requirement that would not hold if the package were back where it was.
func (s *state) because(c choice, p *pack) string {
	p.at = p.cur
	defer func() { p.at = c[p] }()
	present := s.reach()
	var own, extra string
	for _, q := range present {
		if q.at == nil {
			continue
		}
		for _, e := range s.b.edges(q.at, q.ext) {
			switch {
			case s.excused(e):
			case e.to == p && (p.at == nil || !e.allows(p.at)):
				return e.sentence()
			case q == p && own == "" && (e.to.at == nil || !e.allows(e.to.at)):
				own = e.sentence()
			case q == p && extra == "" && len(e.extras) > 0:
				extra = e.sentence() // and that with the extra could not be met
			}
		}
	}
	return cmp.Or(own, extra)
}
