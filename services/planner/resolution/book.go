package resolution

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// book keeps what was read of the packages concerned, and the set as it stands: pack.at. One goroutine searches
// it; while uv runs, its questions are answered under mu.
type book struct {
	mu        sync.Mutex
	ctx       context.Context
	offer     Offer
	env       pep508.Environment
	complete  bool
	limits    limits
	packs     map[string]*pack
	pins      []*pack // by name
	floating  []*edge // from nothing
	improving int     // sets compared when there was an answer already, in all searches
	reads     int     // releases read that are no pin's
	round     uint    // of evaluations: what is noted on packages in one does not count in the next
	unknown   map[string]string
	broken    []string
	bare      []Bare
}

// pack is a package: where it stands, and what it could move to.
type pack struct {
	name     string
	pin      *Pin
	extras   extras   // the pin's own, normalised
	cur      *release // of the pin; nil without one
	bounds   []bound
	held     string // why it can't be moved, nor its requirements judged
	floating bool   // required by a file without a pin

	loaded  bool
	cands   []*release // that may be picked, ascending
	barred  []Withheld // offered, but of no use: another Python, requirements not known
	finals  bool       // pre-releases were left out
	candErr error      // the index gave no answer
	nobody  bool       // nobody offers it
	higher  []*release // withheld releases that are being tried (explanations)
	imagine bool       // higher counts

	want    bool     // has to leave its version
	at      *release // nil: not in the set
	decided bool     // by the search

	reached uint       // the evaluation that met it
	ext     extras     // asked for in that evaluation
	floats  bool       // met only through what has no pin
	within  []*release // the candidates that the files allow
	counted bool       // within is known

	judged judgement // of the last evaluation that had to do with it
}

// judgement is what an evaluation found out about a package.
type judgement struct {
	round   uint
	task    int        // 1 + its place among the tasks; 0: none
	demands []*edge    // of decided packages
	floats  []*edge    // what is asked of it where it has no pin
	left    []*release // what it may be, if valued
	valued  bool
}

type bound struct {
	set  pep440.Specifiers
	text string
	by   string
}

// release is a version of a package.
type release struct {
	of       *pack
	version  string
	v        pep440.Version
	python   string // as the index says it
	rank     int    // 0 for the pin's, then 1 for the lowest candidate
	step     int    // 0 for the pin's, 1 patch, 2 minor, 3 major
	read     bool
	meta     *coremeta.Metadata
	raw      []byte
	err      error              // its requirements can't be known, or not now
	later    bool               // err may go away
	bare     []*edge            // without extras
	edges    map[string][]*edge // with
	ext      extras             // those asked for last
	last     []*edge            // their edges
	byReq    map[string]*edge
	badPythn bool // the pin's: it does not fit the target
}

// edge is a requirement of a release.
type edge struct {
	from    *release // nil: a file's
	to      *pack
	set     pep440.Specifiers
	text    string // "werkzeug>=2.2.2", as sentences have it
	extras  []string
	unsure  bool // whether it counts depends on a part of the target that is not known
	url     bool
	excused bool  // violated before any change
	known   []fit // by rank of the release
}

// fit is whether a requirement allows a release.
type fit uint8

const (
	unasked fit = iota
	allowed
	denied
)

// allows says whether a release meets the requirement. A search asks that of the same again and again.
func (e *edge) allows(r *release) bool {
	if e.url {
		return true
	}
	if r.of != e.to || !r.listed() {
		return e.set.Contains(r.v, true)
	}
	if r.rank >= len(e.known) {
		e.known = append(e.known, make([]fit, 1+len(r.of.cands)-len(e.known))...)
	}
	if e.known[r.rank] == unasked {
		e.known[r.rank] = denied
		if e.set.Contains(r.v, true) {
			e.known[r.rank] = allowed
		}
	}
	return e.known[r.rank] == allowed
}

// listed says whether the release is the only one of its package with its rank: that of the pin, or a candidate.
func (r *release) listed() bool {
	if r.rank == 0 {
		return r == r.of.cur
	}
	return r.rank <= len(r.of.cands) && r.of.cands[r.rank-1] == r
}

// sentence says the requirement: "flask 2.2.5 requires werkzeug>=2.2.2".
func (e *edge) sentence() string {
	if e.from == nil {
		return "the files require " + e.text
	}
	return e.from.String() + " requires " + e.text
}

func (r *release) String() string { return r.of.name + " " + r.version }

// pack returns the package of a name, met for the first time or not.
func (b *book) pack(name string) *pack {
	p := b.packs[name]
	if p == nil {
		p = &pack{name: name}
		b.packs[name] = p
	}
	return p
}

// load asks what the package could move to.
func (b *book) load(p *pack) {
	if p.loaded {
		return
	}
	p.loaded = true
	if p.held != "" {
		return
	}
	list, err := b.offer.Candidates(b.ctx, p.name)
	switch {
	case errors.Is(err, index.ErrUnknownProject):
		p.nobody = true
		return
	case err != nil:
		p.candErr = fmt.Errorf("ask what %s could move to: %w", p.name, err)
		return
	}
	var all []*release
	for _, c := range list {
		v, err := pep440.Parse(c.Version)
		if err != nil || p.cur != nil && v.Compare(p.cur.v) <= 0 {
			continue
		}
		if ok, err := b.env.Fits(c.RequiresPython); err != nil || !ok {
			p.barred = append(p.barred, Withheld{c.Version, b.pythonReason(c.RequiresPython)})
			continue
		}
		all = append(all, &release{of: p, version: c.Version, v: v, python: c.RequiresPython})
	}
	slices.SortStableFunc(all, func(x, y *release) int { return x.v.Compare(y.v) })
	all = slices.CompactFunc(all, func(x, y *release) bool { return x.v.Equal(y.v) })
	p.cands = eligible(p, all)
	p.finals = len(p.cands) < len(all)
	for i, r := range p.cands {
		r.rank, r.step = i+1, 0
		if p.cur != nil {
			r.step = stepOf(p.cur.v, r.v)
		}
	}
}

// eligible leaves pre-releases out where PEP 440 does: unless the pin is one, a file names one, or there is
// nothing else.
func eligible(p *pack, all []*release) []*release {
	pre := func(r *release) bool { return r.v.IsPrerelease() }
	switch {
	case p.cur != nil && pre(p.cur), slices.ContainsFunc(p.bounds, func(b bound) bool { return b.set.Prereleases() }):
		return all
	case !slices.ContainsFunc(all, func(r *release) bool { return !pre(r) }):
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), pre)
}

func stepOf(from, to pep440.Version) int {
	switch pep440.Step(from, to) {
	case pep440.Major:
		return 3
	case pep440.Minor:
		return 2
	}
	return 1
}

func (b *book) pythonReason(requires string) string {
	if b.env.Python == "" {
		return "requires Python " + requires
	}
	return "requires Python " + requires + ", target is " + b.env.Python
}

// bounded says whether the files allow the release; the bound that does not is returned.
func (p *pack) bounded(r *release, skip func(i int) bool) (int, bool) {
	for i, bd := range p.bounds {
		if !bd.set.Contains(r.v, true) && (skip == nil || !skip(i)) {
			return i, false
		}
	}
	return 0, true
}

// fetch reads the metadata of a release.
func (b *book) fetch(r *release) {
	if r.read {
		return
	}
	raw, err := b.offer.Metadata(b.ctx, r.of.name, r.version)
	b.take(r, raw, err)
}

// fetchAll reads several at a time.
func (b *book) fetchAll(rs []*release) {
	rs = slices.DeleteFunc(slices.Clone(rs), func(r *release) bool { return r.read })
	if len(rs) == 1 {
		b.fetch(rs[0])
		return
	}
	type answer struct {
		raw []byte
		err error
	}
	answers := make([]answer, len(rs))
	var wg sync.WaitGroup
	slots := make(chan struct{}, readAhead)
	for i, r := range rs {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			answers[i].raw, answers[i].err = b.offer.Metadata(b.ctx, r.of.name, r.version)
		}()
	}
	wg.Wait()
	for i, r := range rs {
		b.take(r, answers[i].raw, answers[i].err)
	}
}

func (b *book) take(r *release, raw []byte, err error) {
	r.read = true
	if r != r.of.cur {
		b.reads++
	}
	if err != nil {
		r.err, r.later = err, !errors.Is(err, ErrNoMetadata)
		return
	}
	m, err := coremeta.Parse(raw)
	if err != nil {
		r.err = err
		return
	}
	v, err := pep440.Parse(m.Release)
	switch {
	case m.Name != r.of.name || err != nil || !v.Equal(r.v):
		r.err = fmt.Errorf("its metadata speaks of %s %s", m.Name, m.Release)
		return
	case len(m.Unread) > 0:
		r.err = fmt.Errorf("its requirement %q can't be read", m.Unread[0])
	}
	r.meta, r.raw = m, raw
	fits, err := b.env.Fits(m.RequiresPython)
	if r == r.of.cur {
		r.badPythn = err == nil && !fits
		return
	}
	if err != nil || !fits {
		r.err = errors.New(b.pythonReason(m.RequiresPython))
	}
	for _, e := range b.edges(r, nil) {
		if e.url && r.err == nil {
			r.err = fmt.Errorf("it requires %s from an address of its own", e.to.name)
		}
	}
}

// edges are the requirements of a release with the extras asked for; none where they are not known.
func (b *book) edges(r *release, ext extras) []*edge {
	if r.meta == nil || r.of.held != "" {
		return nil
	}
	switch {
	case len(ext) == 0:
		if r.bare == nil {
			r.bare = b.needs(r, nil)
		}
		return r.bare
	case r.last != nil && slices.Equal(r.ext, ext):
		return r.last
	}
	es, ok := r.edges[ext.key()]
	if !ok {
		es = b.needs(r, ext)
		if r.edges == nil {
			r.edges = map[string][]*edge{}
		}
		r.edges[ext.key()] = es
	}
	r.ext, r.last = ext, es
	return es
}

// needs makes the edges of a release.
func (b *book) needs(r *release, ext extras) []*edge {
	certain, unknown := r.meta.Needs(b.env, ext)
	es := make([]*edge, 0, len(certain)+len(unknown)) // never nil: that is what was not asked yet
	for i, req := range slices.Concat(certain, unknown) {
		es = append(es, b.edge(r, req, i >= len(certain)))
	}
	return es
}

// edge is the one edge of a requirement: what is noted on it stays, whatever extras it came with.
func (b *book) edge(r *release, req pep508.Requirement, unsure bool) *edge {
	text := spoken(req)
	key := text
	if unsure {
		key += "?"
	}
	if r != nil {
		if e := r.byReq[key]; e != nil {
			return e
		}
	}
	e := &edge{from: r, to: b.pack(req.Name), text: text, extras: req.Extras, unsure: unsure, url: req.URL != ""}
	e.set, _ = pep440.ParseSpecifiers(req.Specifier) // pep508 has read it before
	if r != nil {
		if r.byReq == nil {
			r.byReq = map[string]*edge{}
		}
		r.byReq[key] = e
	}
	return e
}

// spoken writes a requirement without its marker.
func spoken(req pep508.Requirement) string {
	req.Marker = pep508.Marker{}
	return req.String()
}

// extras are sorted names.
type extras []string

func (x extras) key() string {
	switch len(x) {
	case 0:
		return ""
	case 1:
		return x[0]
	}
	return strings.Join(x, ",")
}

// with returns the union, and whether it is more.
func (x extras) with(more []string) (extras, bool) {
	grown := false
	for _, m := range more {
		i, ok := slices.BinarySearch(x, m)
		if ok {
			continue
		}
		if !grown {
			x, grown = slices.Clone(x), true
		}
		x = slices.Insert(x, i, m)
	}
	return x, grown
}
