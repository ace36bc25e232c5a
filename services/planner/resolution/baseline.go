package resolution

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// read takes the problem in.
func read(p Problem, o Offer, l limits) (*book, error) {
	b := &book{offer: o, env: p.Env, complete: p.Complete, limits: l, packs: map[string]*pack{}, unknown: map[string]string{}}
	for i := range p.Pins {
		if err := b.pinned(&p.Pins[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(b.pins, byName)
	for _, name := range p.Wants {
		b.pack(pep440.Normalize(name)).want = true
	}
	return b, b.float(p.Floating)
}

// open reads the metadata of the pins, and notes what does not hold before any change.
func (b *book) open() {
	b.readPins()
	b.before()
}

func (b *book) pinned(pin *Pin) error {
	v, err := pep440.Parse(pin.Version)
	if err != nil {
		return fmt.Errorf("read the pin of %s: %w", pin.Package, err)
	}
	p := b.pack(pep440.Normalize(pin.Package))
	if p.pin != nil {
		return fmt.Errorf("%s is pinned twice, to %s and %s: a set has one version of each package", p.name, p.pin.Version, pin.Version)
	}
	p.pin, p.held = pin, pin.Held
	p.cur = &release{of: p, version: pin.Version, v: v}
	p.at = p.cur
	for _, x := range pin.Extras {
		p.extras, _ = p.extras.with([]string{pep440.Normalize(x)})
	}
	for _, a := range pin.Allowed {
		if err := p.bind(a.Specifier, a.By); err != nil {
			return err
		}
	}
	b.pins = append(b.pins, p)
	return nil
}

func (p *pack) bind(specifier, by string) error {
	set, err := pep440.ParseSpecifiers(specifier)
	if err != nil {
		return fmt.Errorf("read what %s allows of %s: %w", by, p.name, err)
	}
	if specifier != "" {
		p.bounds = append(p.bounds, bound{set, specifier, by})
	}
	return nil
}

// float notes what is required without a pin. A requirement on a pinned package only bounds it.
func (b *book) float(reqs []pep508.Requirement) error {
	for _, req := range reqs {
		p := b.pack(pep440.Normalize(req.Name))
		switch {
		case req.Marker.Holds(b.env, "") == pep508.Untrue:
		case req.URL != "":
			b.unknown[p.name] = "is required from an address of its own"
		case p.pin != nil:
			p.extras, _ = p.extras.with(req.Extras)
			if err := p.bind(req.Specifier, "a requirement"); err != nil {
				return err
			}
		default:
			p.floating = true
			b.floating = append(b.floating, b.edge(nil, req, false))
		}
	}
	slices.SortStableFunc(b.floating, func(x, y *edge) int { return byName(x.to, y.to) })
	return nil
}

// readPins reads the metadata of the pins.
func (b *book) readPins() {
	var rs []*release
	for _, p := range b.pins {
		if p.held == "" {
			rs = append(rs, p.cur)
		} else {
			b.unknown[p.name] = p.held
		}
	}
	b.fetchAll(rs)
	for _, r := range rs {
		if r.err == nil {
			continue
		}
		b.unknown[r.of.name] = r.err.Error()
		if r.meta == nil && !r.of.want {
			r.of.held = r.err.Error() // it may ask for anything: what is not known is not moved
		}
	}
}

// loadAll asks for several packages at a time what they could move to.
func (b *book) loadAll(ps []*pack) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, readAhead)
	for _, p := range ps {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			b.load(p)
		}()
	}
	wg.Wait()
}

// before excuses the requirements that do not hold among the pins as they are.
func (b *book) before() {
	s := state{b: b}
	var loose []*pack
	floats := map[*pack][]*edge{}
	float := func(e *edge) {
		if floats[e.to] == nil {
			loose = append(loose, e.to)
		}
		floats[e.to] = append(floats[e.to], e)
	}
	present := s.reach()
	for _, p := range present {
		b.lame(p)
		for _, e := range b.edges(p.at, p.ext) {
			switch {
			case e.url:
				b.unknown[p.name] = "requires " + e.to.name + " from an address of its own"
			case e.unsure && e.to.at == nil:
			case e.to.at == nil && s.isLoose(p, e.to):
				float(e)
			case e.to.at == nil:
				b.excuse(e, ", which is not pinned")
			case !e.allows(e.to.at):
				b.excuse(e, ", pinned is "+e.to.at.version)
			}
		}
	}
	for _, e := range b.floating {
		float(e)
	}
	b.loadAll(loose)
	for _, t := range loose {
		if _, _, ok := s.floatable(t, floats[t], nil); ok {
			continue
		}
		for _, e := range floats[t] {
			e.excused = true
		}
		if t.candErr != nil {
			b.unknown[t.name] = t.candErr.Error()
			continue
		}
		b.unmet(t, floats[t])
	}
}

// unmet says why what is required without a pin can't be had: only releases that may not be picked meet it, or none.
func (b *book) unmet(t *pack, es []*edge) {
	bare := ""
	if t.nobody {
		bare = ", which is not pinned, and no index offers it"
	} else if w := b.newest(t, es); w.Version != "" {
		bare = ", which is not pinned, and no release that meets this may be picked: " + t.name + " " + w.Version + " " + w.Reason
	}
	for _, e := range es {
		switch {
		case bare == "":
			b.broken = append(b.broken, e.sentence()+", and no release of "+t.name+" that may be picked meets all that is asked of it")
		case e.from == nil:
			b.bare = append(b.bare, Bare{Text: e.sentence() + bare})
		default:
			b.bare = append(b.bare, Bare{By: e.from.of.name, Text: e.sentence() + bare})
		}
	}
}

// newest is the newest withheld release that meets all that is asked of a package; without a version: there is none.
func (b *book) newest(t *pack, es []*edge) (out Withheld) {
	list, err := b.offer.Withheld(b.ctx, t.name)
	if err != nil {
		return out // the sentence then does without
	}
	list = slices.Concat(list, t.barred)
	slices.SortStableFunc(list, func(x, y Withheld) int { return compareTexts(x.Version, y.Version) })
	for _, w := range list {
		v, err := pep440.Parse(w.Version)
		if err == nil && !slices.ContainsFunc(es, func(e *edge) bool { return !e.allows(&release{of: t, v: v}) }) {
			out = w
		}
	}
	return out
}

// sink excuses all that is required without a pin: it can't be had with the pins as they are.
func (b *book) sink() {
	s := state{b: b}
	for _, p := range s.reach() {
		for _, e := range b.edges(p.at, p.ext) {
			e.excused = e.excused || e.to.at == nil
		}
	}
	for _, e := range b.floating {
		e.excused = true
	}
	b.broken = append(b.broken, "what is required without a pin can't be had together with the pins")
}

// lame notes what is wrong with a pin by itself.
func (b *book) lame(p *pack) {
	if p.cur.badPythn {
		b.broken = append(b.broken, p.cur.String()+" "+b.pythonReason(p.cur.meta.RequiresPython))
	}
	if i, ok := p.bounded(p.cur, nil); !ok {
		b.broken = append(b.broken, fmt.Sprintf("%s allows %s%s, pinned is %s", p.bounds[i].by, p.name, p.bounds[i].text, p.cur.version))
	}
}

func (b *book) excuse(e *edge, how string) {
	if e.excused {
		return
	}
	e.excused = true
	if e.unsure {
		how += ", where its marker holds"
	}
	b.broken = append(b.broken, e.sentence()+how)
}

// put sets the packages as chosen; the function it returns puts them back.
func (c choice) put() (back func()) {
	for p, r := range c {
		p.at, p.decided = r, true
	}
	return func() {
		for p := range c {
			p.at, p.decided = p.cur, false
		}
	}
}

var errNotPinned = errors.New("it is not pinned, so there is nothing to move")
