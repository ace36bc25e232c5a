package resolution

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// part is packages of the set that are judged together: no requirement of theirs leads out of it, and none of the
// others' leads into it, by the metadata on the target. What the metadata require elsewhere, on other targets and
// with extras nobody asks for, holds too or lies within the part. So whether a part holds does not depend on the
// others, even if the engine should read a marker in another way than we do.
type part struct {
	packs map[*pack]bool
	moved bool // something in it
}

// parts takes the set as it stands apart; false where a part can't be told from the others: what is required
// without a pin can be anything, and may require anything in turn.
func (r *run) parts() ([]part, bool) {
	if !r.b.complete || len(r.b.floating) > 0 || r.deep {
		return nil, false
	}
	s := state{b: r.b}
	present := s.reach()
	if s.spared(present) {
		return nil, false
	}
	u := union{}
	for _, p := range present {
		u[p] = p
	}
	for _, p := range present {
		if p.floats || p.at == nil || p.held == "" && p.at.meta == nil {
			return nil, false
		}
		if p.held != "" {
			continue // the engine is told that it requires nothing
		}
		for _, e := range r.b.edges(p.at, p.ext) {
			switch {
			case u[e.to] != nil:
				u.join(p, e.to)
			case !s.excused(e):
				return nil, false
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
	var out []part
	for _, p := range present {
		root := u.root(p)
		i, ok := at[root]
		if !ok {
			i = len(out)
			at[root] = i
			out = append(out, part{packs: map[*pack]bool{}})
		}
		out[i].packs[p] = true
		out[i].moved = out[i].moved || p.at != p.cur
	}
	return out, true
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

// errEntangled: the engine does not find that the parts hold, or saw that they have to do with others. It is asked
// about the whole then, and only that counts.
var errEntangled = errors.New("the parts of the set are not apart")

// judgeParts has the parts judged in which something moves: the others stand as they stood, whatever that is. What
// is known to hold is not asked again, the rest is one run. nil: all of them hold.
func (r *run) judgeParts(all []part) error {
	var open []part
	size := 0
	for _, p := range all {
		if size += len(p.packs); p.moved {
			open = append(open, p)
		}
	}
	mind, engine := r.p.Verdicts, r.identity()
	if mind == nil || engine == "" {
		_, _, err := r.judgeTogether(open, size)
		return err
	}
	asked := map[question]part{}
	for _, p := range open {
		q, err := r.question(engine, p)
		if err != nil {
			return err
		}
		asked[q] = p
	}
	for len(asked) > 0 {
		known, mine, others := mind.claim(slices.SortedFunc(maps.Keys(asked), question.compare))
		for q, args := range known {
			delete(asked, q)
			r.sol.Args = args
		}
		if err := r.judgeMine(mine, asked, size); err != nil {
			return err
		}
		if err := await(r.ctx, others); err != nil {
			return err
		}
	}
	return nil
}

// judgeMine has the questions answered that were claimed, in one run, and takes them out of those asked.
func (r *run) judgeMine(mine []question, asked map[question]part, size int) error {
	if len(mine) == 0 {
		return nil
	}
	var ps []part
	for _, q := range mine {
		ps = append(ps, asked[q])
		delete(asked, q)
	}
	var apart bool
	var args []string
	defer func() { r.p.Verdicts.release(mine, apart, args) }() // after a panic of the engine's, too
	args, apart, err := r.judgeTogether(ps, size)
	return err
}

// judgeTogether has parts of a set of so many packages judged in one run. apart says that uv sees nothing by which
// they have to do with one another, so that each of them holds by itself.
func (r *run) judgeTogether(ps []part, size int) (args []string, apart bool, err error) {
	of := map[*pack]int{}
	for i, p := range ps {
		for q := range p.packs {
			of[q] = i
		}
	}
	q := r.stands(of)
	a, err := r.ask(q)
	var conflict *uv.Conflict
	switch {
	case q.Offer.(table).strayed():
		return nil, false, errEntangled
	case err != nil && !errors.As(err, &conflict):
		return nil, false, err
	case err == nil:
		err = r.agrees(a, of)
	}
	apart = err == nil
	for name, list := range a.Via {
		for _, by := range list {
			apart = apart && of[r.b.packs[name]] == of[r.b.packs[by]]
		}
	}
	if !apart && len(of) < size {
		return nil, false, errEntangled // whatever is known of some of them: the answer must not depend on that
	}
	return a.Args, apart, err
}

// agrees says whether an answer is the packages as they stand and nothing else.
func (r *run) agrees(a uv.Answer, of map[*pack]int) error {
	for p := range of {
		if got := a.Pins[p.name]; p.held == "" && got != p.at.version {
			return fmt.Errorf("%w: uv has %s where the metadata ask for %s", ErrDisagree, strings.TrimSpace(p.name+" "+got), p.at.version)
		}
	}
	for name := range a.Pins {
		if _, ok := of[r.b.packs[name]]; !ok {
			return fmt.Errorf("%w: uv adds %s, which nothing requires by the metadata", ErrDisagree, name)
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
func (r *run) question(engine string, p part) (question, error) {
	of := map[*pack]int{}
	for q := range p.packs {
		of[q] = 0
	}
	u := r.stands(of)
	h := text{sha256.New()}
	h.add("drydock: does this hold? 1", engine, u.Env.Python, u.Env.Platform, u.Env.Machine)
	h.count(len(u.Requirements))
	h.add(u.Requirements...)
	h.count(len(u.Preferences))
	for _, name := range slices.Sorted(maps.Keys(u.Preferences)) {
		h.add(name, u.Preferences[name])
	}
	for _, q := range slices.SortedFunc(maps.Keys(p.packs), byName) {
		offered, err := u.Offer.Versions(r.ctx, q.name)
		if err != nil {
			return question{}, fmt.Errorf("say what uv is offered: %w", err)
		}
		h.add(q.name)
		h.count(len(offered))
		for _, o := range offered {
			data, err := u.Offer.Metadata(r.ctx, q.name, o.Version)
			if err != nil {
				return question{}, fmt.Errorf("say what uv is offered: %w", err)
			}
			h.add(o.Version, o.RequiresPython, string(data))
		}
	}
	return question(h.Sum(nil)), nil
}
