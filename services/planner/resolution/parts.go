package resolution

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// part is packages of the set that are judged together: no requirement of theirs leads out of it, and none of the
// others' leads into it, by the metadata on the target. What the metadata require elsewhere, on other targets and
// with extras nobody asks for, holds too or lies within the part. So the others don't decide whether a part holds,
// even where the engine reads a marker in another way than we do; which of them it looks at then is noted.
type part struct {
	packs map[*pack]bool
	moved bool // something in it
}

// division is the set as it stands, in parts.
type division struct {
	parts   []part
	present map[*pack]bool // all
}

// parts takes the set as it stands apart; false where a part can't be told from the others: what is required
// without a pin can be anything, and may require anything in turn.
func (r *run) parts() (division, bool) {
	d := division{present: map[*pack]bool{}}
	if !r.b.complete || len(r.b.floating) > 0 || r.deep {
		return d, false
	}
	s := state{b: r.b}
	present := s.reach()
	if s.spared(present) {
		return d, false
	}
	u := union{}
	for _, p := range present {
		u[p], d.present[p] = p, true
	}
	for _, p := range present {
		if p.floats || p.at == nil || p.held == "" && p.at.meta == nil {
			return d, false
		}
		if p.held != "" {
			continue // the engine is told that it requires nothing
		}
		for _, e := range r.b.edges(p.at, p.ext) {
			switch {
			case u[e.to] != nil:
				u.join(p, e.to)
			case !s.excused(e):
				return d, false
			}
		}
		for _, req := range p.at.meta.Requires { // whatever its marker says
			t := r.b.packs[pep440.Normalize(req.Name)]
			if t != nil && u[t] != nil && (len(req.Extras) > 0 || !req.Allows(t.at.v)) {
				u.join(p, t)
			}
		}
	}
	at := map[*pack]int{}
	for _, p := range present {
		root := u.root(p)
		i, ok := at[root]
		if !ok {
			i = len(d.parts)
			at[root] = i
			d.parts = append(d.parts, part{packs: map[*pack]bool{}})
		}
		d.parts[i].packs[p] = true
		d.parts[i].moved = d.parts[i].moved || p.at != p.cur
	}
	return d, true
}

// union are sets that grow together: each package leads to another of its set, the last to itself.
type union map[*pack]*pack

func (u union) root(p *pack) *pack {
	for u[p] != p {
		u[p] = u[u[p]]
		p = u[p]
	}
	return p
}

func (u union) join(p, q *pack) { u[u.root(p)] = u.root(q) }

// errEntangled: the engine does not find that the parts hold, or looks for what is not in the set. It is asked about
// the whole then, and only that counts.
var errEntangled = errors.New("the parts of the set are not apart")

// judgeParts has the parts judged in which something moves: the others stand as they stood, whatever that is. What
// is known to hold is not asked again, the rest is one run. nil: all of them hold.
func (r *run) judgeParts(d division) error {
	var open []part
	for _, p := range d.parts {
		if p.moved {
			open = append(open, p)
		}
	}
	mind, engine := r.p.Verdicts, r.identity()
	if mind == nil || engine == "" {
		_, _, err := r.judgeTogether(open, d)
		return err
	}
	asked := map[question]part{}
	for _, p := range open {
		q, err := r.question(engine, p, d)
		if err != nil {
			return err
		}
		asked[q] = p
	}
	same := func(n neighbour) bool {
		p := r.b.packs[n.name]
		q, err := r.offering(p, d)
		return d.present[p] && err == nil && q == n.offered
	}
	for len(asked) > 0 {
		known, mine, others := mind.claim(slices.SortedFunc(maps.Keys(asked), question.compare), same)
		for q, args := range known {
			delete(asked, q)
			r.sol.Args = args
		}
		if err := r.judgeMine(mine, asked, d); err != nil {
			return err
		}
		if err := await(r.ctx, others); err != nil {
			return err
		}
	}
	return nil
}

// judgeMine has the questions answered that were claimed, in one run, and takes them out of those asked.
func (r *run) judgeMine(mine []question, asked map[question]part, d division) error {
	if len(mine) == 0 {
		return nil
	}
	var ps []part
	for _, q := range mine {
		ps = append(ps, asked[q])
		delete(asked, q)
	}
	found := map[question][]neighbour{}
	var args []string
	defer func() { r.p.Verdicts.release(mine, found, args) }() // after a panic of the engine's, too
	args, reached, err := r.judgeTogether(ps, d)
	for i, q := range mine {
		if ns, ok := r.neighbours(reached, i, d); ok && err == nil {
			found[q] = ns
		}
	}
	return err
}

// judgeTogether has parts judged in one run. reached are the packages beside each of them that uv sees it lead to:
// whether the part holds depends on them, too.
func (r *run) judgeTogether(ps []part, d division) (args []string, reached []map[string]bool, err error) {
	of := map[*pack]bool{}
	for _, p := range ps {
		maps.Copy(of, p.packs)
	}
	q := r.stands(of, d.present)
	a, err := r.ask(q)
	var conflict *uv.Conflict
	asked, strayed := q.Offer.(table).looked()
	switch {
	case strayed:
		return nil, nil, errEntangled
	case err != nil && !errors.As(err, &conflict):
		return nil, nil, err
	case err == nil:
		err = r.agrees(a, of, d)
	}
	switch {
	case err != nil && len(of) < len(d.present):
		return nil, nil, errEntangled
	case err != nil:
		return nil, nil, err
	}
	return a.Args, lead(a, asked, ps), nil
}

// lead finds the packages that each part leads to by uv's answer and what it asked for, but those of the part itself.
func lead(a uv.Answer, asked map[string]bool, ps []part) []map[string]bool {
	next := map[string][]string{}
	for name, list := range a.Via {
		for _, by := range list {
			next[by] = append(next[by], name)
		}
	}
	met := map[string]bool{}
	out := make([]map[string]bool, len(ps))
	for i, p := range ps {
		own := map[string]bool{}
		for q := range p.packs {
			own[q.name], met[q.name] = true, true
		}
		out[i] = map[string]bool{}
		queue := slices.Collect(maps.Keys(own))
		for len(queue) > 0 {
			for _, name := range next[queue[0]] {
				if !own[name] && !out[i][name] {
					out[i][name], met[name] = true, true
					queue = append(queue, name)
				}
			}
			queue = queue[1:]
		}
	}
	for _, names := range []iter.Seq[string]{maps.Keys(a.Pins), maps.Keys(asked)} {
		for name := range names {
			for i := range out {
				if !met[name] { // uv does not say what for
					out[i][name] = true
				}
			}
		}
	}
	return out
}

// neighbours are the packages that a part was seen to lead to, as they are offered; false where there are too many to
// be remembered.
func (r *run) neighbours(reached []map[string]bool, i int, d division) (out []neighbour, ok bool) {
	if i >= len(reached) || len(reached[i]) > maxNeighbours {
		return nil, false
	}
	for name := range reached[i] {
		q, err := r.offering(r.b.packs[name], d)
		if err != nil {
			return nil, false
		}
		out = append(out, neighbour{strings.Clone(name), q}) // not all the text it was read from
	}
	return out, true
}

// agrees says whether an answer is packages of the set as they stand, with all that were asked about.
func (r *run) agrees(a uv.Answer, of map[*pack]bool, d division) error {
	for p := range of {
		if got := a.Pins[p.name]; p.held == "" && got != p.at.version {
			return fmt.Errorf("%w: uv has %s where the metadata ask for %s", ErrDisagree, strings.TrimSpace(p.name+" "+got), p.at.version)
		}
	}
	for name, got := range a.Pins {
		switch p := r.b.packs[name]; {
		case !d.present[p]:
			return fmt.Errorf("%w: uv adds %s, which nothing requires by the metadata", ErrDisagree, name)
		case got != p.at.version:
			return fmt.Errorf("%w: uv has %s %s where the metadata ask for %s", ErrDisagree, name, got, p.at.version)
		}
	}
	return nil
}

// identity names the engine, where it has a name: another one may answer otherwise.
func (r *run) identity() string {
	if e, ok := r.e.(interface{ Identity() string }); ok {
		return e.Identity()
	}
	return ""
}

// question is everything that engine would be told of a part.
func (r *run) question(engine string, p part, d division) (question, error) {
	u := r.stands(p.packs, d.present)
	h := text{sha256.New()}
	h.add("drydock: does this hold? 1", engine, u.Env.Python, u.Env.Platform, u.Env.Machine)
	h.count(len(u.Requirements))
	h.add(u.Requirements...)
	h.count(len(u.Preferences))
	for _, name := range slices.Sorted(maps.Keys(u.Preferences)) {
		h.add(name, u.Preferences[name])
	}
	for _, q := range slices.SortedFunc(maps.Keys(p.packs), byName) {
		o, err := r.offering(q, d)
		if err != nil {
			return question{}, err
		}
		h.add(q.name, string(o[:]))
	}
	return question(h.Sum(nil)), nil
}

// offering is everything that the engine would be told of a package.
func (r *run) offering(p *pack, d division) (question, error) {
	if p == nil {
		return question{}, uv.ErrUnknown
	}
	t := table{b: r.b, only: d.present, asked: map[string]bool{}}
	offered, err := t.Versions(r.ctx, p.name)
	if err != nil {
		return question{}, fmt.Errorf("say what uv is offered: %w", err)
	}
	h := text{sha256.New()}
	for _, o := range offered {
		data, err := t.Metadata(r.ctx, p.name, o.Version)
		if err != nil {
			return question{}, fmt.Errorf("say what uv is offered: %w", err)
		}
		h.add(o.Version, o.RequiresPython, string(data))
	}
	return question(h.Sum(nil)), nil
}
