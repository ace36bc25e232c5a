package resolution

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// table is what uv is offered: the set as it stands, or all that it could become.
type table struct {
	b     *book
	wants map[*pack]bool  // nil: the set as it stands
	only  map[*pack]bool  // nil: all; else only what is in it
	asked map[string]bool // what was asked for
}

// looked is what was asked for, and whether all of it is offered.
func (t table) looked() (names map[string]bool, strayed bool) {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	for name := range t.asked {
		strayed = strayed || t.only != nil && !t.only[t.b.packs[name]]
	}
	return maps.Clone(t.asked), strayed
}

// Versions lists the releases of a package that uv may take.
func (t table) Versions(ctx context.Context, name string) ([]uv.Offered, error) {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.ctx = ctx
	p := t.b.pack(name)
	if t.asked != nil {
		t.asked[p.name] = true
	}
	if t.only != nil && !t.only[p] {
		return nil, fmt.Errorf("%s: %w", name, uv.ErrUnknown)
	}
	var rs []*release
	switch {
	case p.held != "":
		rs = []*release{p.cur}
	case p.at != nil && t.wants == nil:
		rs = []*release{p.at}
	default:
		t.b.load(p)
		if p.candErr != nil {
			return nil, p.candErr
		}
		s := state{b: t.b}
		rs = s.domain(p)
		if p.cur != nil && !t.wants[p] {
			rs = append(rs, p.cur)
		}
	}
	if len(rs) == 0 {
		return nil, fmt.Errorf("%s: %w", name, uv.ErrUnknown)
	}
	var out []uv.Offered
	for _, r := range rs {
		out = append(out, uv.Offered{Version: r.version, RequiresPython: r.python})
	}
	return out, nil
}

// Metadata is that of the release as it was read, or without what is excused or not known.
func (t table) Metadata(ctx context.Context, name, version string) ([]byte, error) {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	p := t.b.pack(name)
	r := p.release(version)
	if r == nil {
		return nil, fmt.Errorf("%s %s: %w", name, version, index.ErrUnknownProject)
	}
	if p.held == "" && !r.read {
		t.b.mu.Unlock() // uv asks for many at a time
		raw, err := t.b.offer.Metadata(ctx, name, version)
		t.b.mu.Lock()
		if !r.read {
			t.b.take(r, raw, err)
		}
	}
	switch {
	case r == p.cur:
		return t.patched(r), nil
	case r.err != nil:
		return nil, r.lasting() // without metadata uv passes it over
	}
	return r.raw, nil
}

// lasting is the error that ends a run: a release that can't be read now. One that never can be is passed over.
func (r *release) lasting() error {
	if r.later {
		return r.err
	}
	return nil
}

func (p *pack) release(version string) *release {
	if p.cur != nil && p.cur.version == version {
		return p.cur
	}
	for _, r := range p.cands {
		if r.version == version {
			return r
		}
	}
	return nil
}

// patched writes the metadata of a pin without the requirements that do not hold before any change, or are not known.
func (t table) patched(r *release) []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", r.of.name, r.version)
	if r.of.held != "" || r.meta == nil {
		return []byte(out.String())
	}
	left := map[string]bool{}
	for _, e := range r.byReq {
		if e.url || e.excused && (t.wants != nil || e.to.at == e.to.cur) || e.unsure && e.to.at == nil && e.to.pin == nil {
			left[e.text] = true
		}
	}
	if len(left) == 0 && len(r.meta.Unread) == 0 && !r.badPythn {
		return r.raw
	}
	if !r.badPythn && r.meta.RequiresPython != "" {
		fmt.Fprintf(&out, "Requires-Python: %s\n", r.meta.RequiresPython)
	}
	for _, x := range r.meta.Extras {
		fmt.Fprintf(&out, "Provides-Extra: %s\n", x)
	}
	for _, req := range r.meta.Requires {
		if !left[spoken(req)] && req.URL == "" {
			fmt.Fprintf(&out, "Requires-Dist: %s\n", req.String())
		}
	}
	return []byte(out.String())
}

// named writes a package with its extras.
func (p *pack) named() string {
	if len(p.extras) == 0 {
		return p.name
	}
	return p.name + "[" + strings.Join(p.extras, ",") + "]"
}

// stands is the problem whose only answer is the set as it stands, or what is in of with nothing offered but only;
// nil: all.
func (r *run) stands(of, only map[*pack]bool) uv.Problem {
	q := uv.Problem{Preferences: map[string]string{}, Env: r.p.Env, Offer: table{b: r.b, only: only, asked: map[string]bool{}}}
	counts := func(p *pack) bool { return of == nil || of[p] }
	for _, p := range r.b.pins {
		if p.held == "" && counts(p) {
			q.Requirements = append(q.Requirements, p.named()+"=="+p.at.version)
			q.Preferences[p.name] = p.at.version
		}
	}
	for _, p := range r.b.packs {
		if p.pin == nil && p.decided && counts(p) {
			q.Preferences[p.name] = p.at.version
		}
	}
	s := state{b: r.b, deep: r.deep}
	for _, p := range s.reach() {
		if p.pin == nil && !p.floats && counts(p) && s.doubtful(p) {
			q.Requirements = append(q.Requirements, p.name+"=="+p.at.version)
		}
	}
	q.Requirements = append(q.Requirements, r.floats()...)
	return q
}

// floats are the requirements without a pin that could be met before.
func (r *run) floats() []string {
	var out []string
	for _, e := range r.b.floating {
		if !e.excused {
			out = append(out, e.text)
		}
	}
	return out
}

// could is the problem of moving the wanted packages in whatever way uv finds.
func (r *run) could(wants []*pack) uv.Problem {
	t := table{b: r.b, wants: map[*pack]bool{}}
	for _, w := range wants {
		t.wants[w] = true
	}
	q := uv.Problem{Preferences: map[string]string{}, Env: r.p.Env, Offer: t}
	r.b.loadAll(r.b.pins)
	for _, p := range r.b.pins {
		if p.held != "" {
			continue
		}
		req := p.named() + ">=" + p.cur.version
		if p.cur.v.Local() != "" {
			req = p.named() + ">=" + p.cur.v.Public().String() // a local label can't be ordered by
		}
		if slices.ContainsFunc(p.cands, func(c *release) bool { return c.v.IsPrerelease() }) {
			req += ",>0.dev0" // uv takes pre-releases only of what names one
		}
		q.Requirements = append(q.Requirements, req)
		q.Preferences[p.name] = p.cur.version
	}
	q.Requirements = append(q.Requirements, r.floats()...)
	return q
}

// ask runs uv.
func (r *run) ask(q uv.Problem) (uv.Answer, error) {
	if left, ok := r.ctx.Deadline(); ok {
		q.Limit = time.Until(left)
		if q.Limit < minRun {
			return uv.Answer{}, ErrTime
		}
	}
	r.sol.Runs++
	a, err := r.e.Compile(r.ctx, q)
	r.b.ctx = r.ctx
	if len(a.Args) > 0 {
		r.sol.Args = a.Args
	}
	var conflict *uv.Conflict
	switch {
	case err == nil, errors.As(err, &conflict):
		return a, err
	case r.ctx.Err() != nil, errors.Is(err, uv.ErrTimeout):
		return a, fmt.Errorf("%w: %w", ErrTime, err)
	}
	return a, fmt.Errorf("have uv judge the set: %w", err)
}

// doubtful says whether a package is in the set only for requirements of which it is not known whether they count on the
// target: uv, which takes the usual machine for granted, may do without it.
func (s *state) doubtful(p *pack) bool {
	for _, q := range s.reach() {
		if q.at == nil {
			continue
		}
		for _, e := range s.b.edges(q.at, q.ext) {
			if e.to == p && !e.unsure && !s.excused(e) {
				return false
			}
		}
	}
	return true
}

// spared says whether a requirement was left out of which it is not known whether it counts: uv may follow it.
func (s *state) spared(present []*pack) bool {
	for _, p := range present {
		if p.at != nil && slices.ContainsFunc(s.b.edges(p.at, p.ext), func(e *edge) bool { return e.unsure && e.to.at == nil }) {
			return true
		}
	}
	return false
}

// judge asks uv whether the set with the choice holds. A *uv.Conflict is returned as it is.
func (r *run) judge(c choice) error {
	defer c.put()()
	if parts, ok := r.parts(); ok {
		if err := r.judgeParts(parts); !errors.Is(err, errEntangled) {
			return err
		}
	}
	return r.judgeWhole()
}

func (r *run) judgeWhole() error {
	a, err := r.ask(r.stands(nil, nil))
	if err != nil {
		return err
	}
	s := state{b: r.b, deep: r.deep}
	present := s.reach()
	for _, p := range present {
		if p.held != "" || p.floats {
			continue
		}
		if got := a.Pins[p.name]; got != p.at.version {
			return fmt.Errorf("%w: uv has %s where the metadata ask for %s", ErrDisagree, strings.TrimSpace(p.name+" "+got), p.at.version)
		}
	}
	if !r.b.complete || len(r.b.floating) > 0 || s.spared(present) {
		return nil
	}
	for name := range a.Pins {
		if p := r.b.packs[name]; p == nil || !slices.Contains(present, p) {
			return fmt.Errorf("%w: uv adds %s, which nothing requires by the metadata", ErrDisagree, name)
		}
	}
	return nil
}

// errUnsound: uv, which is not told of what the pins violate before any change, took it for an answer.
var errUnsound = fmt.Errorf("%w: uv's answer does not hold by the metadata", ErrDisagree)

// free has uv move the wanted packages and checks what it says. The choice is not the smallest.
func (r *run) free(wants []*pack) (choice, error) {
	a, err := r.ask(r.could(wants))
	if err != nil {
		return nil, err
	}
	c := choice{}
	for name, version := range a.Pins {
		p := r.b.pack(name)
		if p.held != "" || p.pin == nil && !r.b.complete && !r.deep {
			continue
		}
		r.b.load(p)
		rel := p.release(version)
		if rel == nil {
			return nil, fmt.Errorf("%w: uv took %s %s, which was not offered", ErrDisagree, name, version)
		}
		r.b.fetch(rel)
		if rel != p.cur {
			c[p] = rel
		}
	}
	s := state{b: r.b, deep: r.deep}
	c = s.needed(c)
	if !s.sound(c) {
		return nil, errUnsound
	}
	return c, nil
}

var _ uv.Offer = table{}
