package resolution

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/uv"
)

// explain says why wants are blocked: in our own words from the metadata, and in uv's where it is asked.
func (r *run) explain() {
	asked := 0
	for _, c := range r.causes {
		x := &explanation{r: r, cause: c, wants: append(slices.Clone(c.above), c.want)}
		block := x.block()
		if block.Err == nil && len(c.want.cands) > 0 && asked < maxConfirmed {
			asked++
			block = x.confirm(block)
		}
		r.sol.Blocked[c.want.name] = block
	}
}

// explanation is the proof that a want can't be had.
type explanation struct {
	r *run
	cause
	wants []*pack
	core  map[fact]bool  // constraints of which none can be spared
	fine  map[*edge]bool // the requirements of them of which none can be spared; nil: too many to tell
}

// search looks for an answer under the facts kept, and says whether there surely is none.
func (x *explanation) search(keep map[fact]bool, fine map[*edge]bool) (s *search, none bool) {
	want(x.wants, true)
	defer want(x.wants, false)
	s = &search{state: state{b: x.r.b, deep: x.r.deep, keep: keep, used: map[fact]bool{}, fine: fine, met: map[*edge]bool{}}, first: true}
	s.run()
	return s, s.best == nil && !s.cut && len(s.fails) == 0
}

func (x *explanation) block() Block {
	x.r.b.ctx = x.r.ctx
	s, none := x.search(nil, nil)
	switch {
	case x.r.ctx.Err() != nil:
		return Block{Err: ErrTime}
	case !none && len(s.fails) > 0:
		return Block{Err: s.failure()}
	case !none:
		return Block{Err: ErrSearch}
	}
	x.core = s.used
	x.shrink(s.met)
	return Block{Chain: x.chain(), Unblock: x.unblock()}
}

// shrink leaves out what the proof does not need, while there is time for that.
func (x *explanation) shrink(met map[*edge]bool) {
	ctx, cancel := x.r.brief()
	defer cancel()
	x.r.b.ctx = ctx
	defer func() { x.r.b.ctx = x.r.ctx }()
	for _, f := range sorted(x.core) {
		if ctx.Err() != nil {
			return
		}
		if x.core[f] { // else it is gone with another
			if s, none := x.search(less(x.core, f), nil); none {
				x.core, met = s.used, s.met
			}
		}
	}
	x.refine(met)
}

// brief is the time that one part of an explanation may take, so that a package with very many requirements does not
// take that of all others.
func (r *run) brief() (context.Context, context.CancelFunc) {
	if r.p.Limit <= 0 {
		return context.WithCancel(r.ctx)
	}
	return context.WithTimeoutCause(r.ctx, r.p.Limit*explainShare/100, ErrTime)
}

// refine leaves out single requirements.
func (x *explanation) refine(met map[*edge]bool) {
	if len(met) > maxFine {
		return
	}
	if s, none := x.search(x.core, met); none {
		x.fine = s.met
	}
	for _, e := range slices.SortedFunc(maps.Keys(x.fine), func(a, b *edge) int {
		return cmp.Or(byName(a.from.of, b.from.of), -cmp.Compare(a.from.rank, b.from.rank), cmp.Compare(a.text, b.text))
	}) {
		if x.fine[e] {
			if s, none := x.search(x.core, less(x.fine, e)); none {
				x.core, x.fine = s.used, s.met
			}
		}
	}
}

// less is a set without one member.
func less[K comparable](set map[K]bool, k K) map[K]bool {
	out := maps.Clone(set)
	delete(out, k)
	return out
}

// sorted puts first what a reader would rather do without: what other wants and other releases ask.
func sorted(facts map[fact]bool) []fact {
	out := make([]fact, 0, len(facts))
	for f := range facts {
		out = append(out, f)
	}
	order := func(f fact) int {
		switch {
		case f.wanted:
			return 0
		case f.to == nil:
			return 3
		case f.cur:
			return 2
		}
		return 1
	}
	slices.SortFunc(out, func(a, b fact) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.key(), b.key()), cmp.Compare(a.bound, b.bound), cmp.Compare(a.text, b.text))
	})
	return out
}

func (f fact) key() string {
	var out string
	for _, p := range []*pack{f.from, f.to} {
		if p != nil {
			out += p.name
		}
		out += "|"
	}
	return out
}

// chain writes the core down, what is farthest from the blocked want first.
func (x *explanation) chain() []string {
	away := x.distances()
	type line struct {
		at   int
		text string
	}
	var lines []line
	say := func(at int, texts ...string) {
		for _, text := range texts {
			if text != "" && !slices.ContainsFunc(lines, func(l line) bool { return l.text == text }) {
				lines = append(lines, line{at, text})
			}
		}
	}
	facts := sorted(x.core)
	slices.Reverse(facts)
	for _, f := range facts {
		switch {
		case f.wanted && f.from != x.want:
			say(2*away[f.from]+2, f.from.cur.String()+" has to move too and comes first")
		case f.wanted:
		case f.to == nil:
			bd := f.from.bounds[f.bound-1]
			say(2*away[f.from]+1, bd.by+" allows "+f.from.name+bd.text)
		case f.from == nil:
			say(2*away[f.to]+1, x.fileRequires(f.to)...)
		default:
			at := away[f.from] + away[f.to]
			say(at, x.requires(f)...)
			if f.cur {
				say(2*away[f.from]+1, x.stuck(f.from, nil)...)
			}
			if f.to != x.want {
				say(2*away[f.to]+1, x.stuck(f.to, x.edges(f))...)
			}
		}
	}
	say(1, x.stuck(x.want, nil)...)
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.at, a.at) })
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.text
	}
	return out
}

// distances is how many requirements of the core lie between each package and the blocked want.
func (x *explanation) distances() map[*pack]int {
	away := map[*pack]int{x.want: 0}
	for grown := true; grown; {
		grown = false
		for _, f := range sorted(x.core) {
			for _, pair := range [][2]*pack{{f.from, f.to}, {f.to, f.from}} {
				if pair[0] == nil || pair[1] == nil {
					continue
				}
				d, known := away[pair[0]]
				if old, had := away[pair[1]]; known && (!had || d+1 < old) {
					away[pair[1]], grown = d+1, true
				}
			}
		}
	}
	return away
}

// edges are the requirements of a fact.
func (x *explanation) edges(f fact) []*edge {
	rs := f.from.cands
	if f.cur {
		rs = []*release{f.from.cur}
	}
	var out []*edge
	for _, r := range rs {
		switch {
		case r == nil:
		case x.fine != nil:
			out = append(out, slices.DeleteFunc(own(r, f), func(e *edge) bool { return !x.fine[e] })...)
		case f.cur || !x.excluded(r):
			out = append(out, own(r, f)...)
		}
	}
	return out
}

// own are the requirements of one release that a fact stands for.
func own(r *release, f fact) []*edge {
	var out []*edge
	for _, e := range r.byReq {
		if e.to == f.to && !e.url && (f.text == "" || e.text == f.text) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *edge) int { return cmp.Compare(a.text, b.text) })
	return slices.CompactFunc(out, func(a, b *edge) bool { return a.text == b.text })
}

// excluded says whether the core rules a release out whatever it requires.
func (x *explanation) excluded(r *release) bool {
	if r.err != nil {
		return true
	}
	for f := range x.core {
		switch {
		case f.to == nil && f.from == r.of && f.bound > 0:
			if !f.from.bounds[f.bound-1].set.Contains(r.v, true) {
				return true
			}
		case f.to == r.of && f.cur && !x.moves(f.from) && len(f.from.cands) == 0:
			if slices.ContainsFunc(x.edges(f), func(e *edge) bool { return !e.allows(r) }) {
				return true
			}
		}
	}
	return false
}

// requires says what the releases of a fact require: each by itself, or several in a row that require the same. Of
// many only the first and the last are named.
func (x *explanation) requires(f fact) []string {
	type group struct{ first, last *edge }
	var groups []group
	for _, e := range x.edges(f) {
		if n := len(groups); n > 0 && groups[n-1].last.text == e.text && groups[n-1].last.from.rank+1 == e.from.rank {
			groups[n-1].last = e
			continue
		}
		groups = append(groups, group{e, e})
	}
	write := func(g group) string {
		if g.first == g.last {
			return g.first.sentence()
		}
		return g.first.from.String() + " to " + g.last.from.version + " require " + g.first.text
	}
	var out []string
	for i, g := range groups {
		if len(groups) <= maxRanges || i == 0 || i == len(groups)-1 {
			out = append(out, write(g))
		} else if i == 1 {
			out = append(out, groups[1].first.from.String()+" to "+groups[len(groups)-2].last.from.version+" require "+f.to.name+" in other ranges")
		}
	}
	return out
}

// fileRequires says what the files ask of a package without a pin.
func (x *explanation) fileRequires(t *pack) []string {
	var out []string
	for _, e := range x.r.b.floating {
		if e.to == t {
			out = append(out, e.sentence())
		}
	}
	return out
}

// stuck says why a package can't move out of the way, as far as that is its own affair; es is what is asked of it.
func (x *explanation) stuck(p *pack, es []*edge) []string {
	x.r.b.load(p)
	if p.held != "" {
		return []string{p.stays()}
	}
	able := func(r *release) bool { return r != nil && (r == p.cur || r.err == nil) }
	var short []*edge // that nothing p can be meets
	for _, e := range es {
		fits := func(r *release) bool { return able(r) && e.allows(r) }
		stays := p.cur != nil && !x.moves(p) && fits(p.cur)
		if !stays && !slices.ContainsFunc(p.cands, fits) {
			short = append(short, e)
		}
	}
	if es != nil && short == nil {
		return nil
	}
	var out []string
	switch {
	case p.nobody:
		out = append(out, "nobody offers "+p.name)
	case slices.ContainsFunc(p.cands, able):
		from := ""
		switch {
		case x.moves(p):
			from = " above " + p.cur.version
		case p.cur != nil:
			from = " from " + p.cur.version + " on"
		}
		for _, e := range short {
			final := ""
			if p.finals {
				final = "final "
			}
			out = append(out, "no "+final+"release of "+p.name+from+" that may be picked is "+e.set.String())
		}
	case p.cur == nil:
		out = append(out, "no release of "+p.name+" may be picked")
	default:
		out = append(out, p.cur.String()+" has no release above that may be picked")
	}
	for _, b := range x.useless(p) {
		out = append(out, p.name+" "+b.Version+" "+b.Reason)
	}
	return out
}

// moves says whether the proof has the package leave its version.
func (x *explanation) moves(p *pack) bool {
	return p == x.want || x.core[fact{from: p, wanted: true}]
}

// useless are the releases of a package that are of no use, and why; a few.
func (x *explanation) useless(p *pack) []Withheld {
	out := slices.Clone(p.barred)
	for _, r := range p.cands {
		if r.err == nil {
			continue
		}
		reason := r.err.Error()
		if !strings.HasPrefix(reason, "requires Python") {
			reason = "can't be judged: " + reason
		}
		out = append(out, Withheld{r.version, reason})
	}
	if len(p.cands) == 0 && p == x.want {
		held, _ := x.r.b.offer.Withheld(x.r.b.ctx, p.name) // an explanation without them is still true
		out = append(out, held...)
	}
	slices.SortStableFunc(out, func(a, b Withheld) int { return compareTexts(a.Version, b.Version) })
	return out[:min(len(out), maxRanges)]
}

// confirm has uv look for an answer of its own, and takes its explanation.
func (x *explanation) confirm(block Block) Block {
	whole := x.r.ctx
	ctx, cancel := x.r.brief()
	defer cancel()
	x.r.ctx = ctx
	_, err := x.r.free(x.wants)
	x.r.ctx, x.r.b.ctx = whole, whole
	var conflict *uv.Conflict
	switch {
	case errors.As(err, &conflict):
		block.Explanation = conflict.Text
		return block
	case err == nil:
		return Block{Err: errors.Join(ErrDisagree, errors.New("uv finds an answer that the metadata exclude"))}
	case errors.Is(err, ErrTime), errors.Is(err, errUnsound) && len(x.r.b.broken) > 0:
		return block // proved on the metadata; uv had no time for it, or was not told what the pins violate already
	}
	return Block{Err: err}
}
