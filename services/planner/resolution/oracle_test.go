package resolution

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/uv"
)

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

func specs(r pep508.Requirement) []pep440.Specifier {
	s, err := pep440.ParseSpecifiers(r.Specifier)
	if err != nil {
		panic(err)
	}
	return s.All()
}

func meta(ctx context.Context, o uv.Offer, name, version string) (*coremeta.Metadata, error) {
	raw, err := o.Metadata(ctx, name, version)
	if err != nil || raw == nil {
		return nil, err
	}
	return coremeta.Parse(raw)
}

// oracle looks at every set there is.
type oracle struct {
	w       *world
	p       Problem
	pins    map[string]Pin
	held    map[string]bool
	meta    map[string]*coremeta.Metadata // "name version"
	values  map[string][]string           // by package, ascending, the pin's first; "" = not in the set
	rank    map[string]map[string]int     // of what may be picked, whether or not the files allow it
	names   []string
	excused map[string]bool // "from|requirement"
}

func newOracle(w *world, p Problem) *oracle {
	o := &oracle{w: w, p: p, pins: map[string]Pin{}, held: map[string]bool{}, meta: map[string]*coremeta.Metadata{}, values: map[string][]string{},
		rank: map[string]map[string]int{}, excused: map[string]bool{}}
	for _, pin := range p.Pins {
		o.pins[pin.Package] = pin
	}
	for name, rs := range w.rel {
		o.names = append(o.names, name)
		pin, pinned := o.pins[name]
		o.values[name], o.rank[name] = []string{pin.Version}, map[string]int{}
		final := slices.ContainsFunc(rs, func(r published) bool {
			fits, _ := p.Env.Fits(r.python)
			return fits && r.withheld == "" && !parsed(r.version).IsPrerelease() && (!pinned || parsed(r.version).Compare(parsed(pin.Version)) > 0)
		})
		for _, r := range rs {
			if !r.unknown {
				o.meta[name+" "+r.version], _ = coremeta.Parse(r.metadata(name))
			} else if r.version == pin.Version && !slices.Contains(p.Wants, name) {
				o.held[name] = true
			}
			fits, _ := p.Env.Fits(r.python)
			pre := parsed(r.version).IsPrerelease()
			if pinned && parsed(r.version).Compare(parsed(pin.Version)) <= 0 || r.withheld != "" || r.unknown || !fits {
				continue
			}
			if pre && final && !(pinned && parsed(pin.Version).IsPrerelease()) {
				continue
			}
			o.rank[name][r.version] = len(o.rank[name]) + 1
			if !slices.ContainsFunc(pin.Allowed, func(b Bound) bool { return !inside(b.Specifier, r.version) }) {
				o.values[name] = append(o.values[name], r.version)
			}
		}
		if pin.Held != "" {
			o.held[name] = true
		}
		if o.held[name] {
			o.values[name] = o.values[name][:1]
		}
	}
	slices.Sort(o.names)
	_, _, o.excused = o.check(o.start(), nil)
	return o
}

func inside(spec, version string) bool {
	s, err := pep440.ParseSpecifiers(spec)
	return err == nil && s.Contains(parsed(version), true)
}

func (o *oracle) start() map[string]string {
	at := map[string]string{}
	for name, p := range o.pins {
		at[name] = p.Version
	}
	return at
}

// check says whether a set holds, what of it is needed, and what does not hold.
func (o *oracle) check(at map[string]string, excused map[string]bool) (ok bool, needed map[string]bool, bad map[string]bool) {
	needed, bad = map[string]bool{}, map[string]bool{}
	extras := map[string][]string{}
	for name, p := range o.pins {
		needed[name], extras[name] = true, p.Extras
	}
	type use struct {
		from string
		r    pep508.Requirement
	}
	var uses []use
	for again := true; again; {
		again = false
		uses = nil
		for _, r := range o.p.Floating {
			uses = append(uses, use{"", r})
		}
		for _, name := range slices.Sorted(maps.Keys(needed)) {
			m := o.meta[name+" "+at[name]]
			if m == nil || o.held[name] {
				continue
			}
			certain, _ := m.Needs(o.p.Env, extras[name])
			for _, r := range certain {
				key := name + "|" + plainly(r.String()) // what is asked for anyway is not asked for anew by an extra
				unmoved := at[name] == o.pins[name].Version && at[r.Name] == o.pins[r.Name].Version
				if !(excused[key] && unmoved) {
					uses = append(uses, use{name, r})
				}
			}
		}
		for _, u := range uses {
			if !needed[u.r.Name] {
				needed[u.r.Name], again = true, true
			}
			for _, x := range u.r.Extras {
				if !slices.Contains(extras[u.r.Name], x) {
					extras[u.r.Name], again = append(slices.Clone(extras[u.r.Name]), x), true
				}
			}
		}
	}
	for _, u := range uses {
		if v := at[u.r.Name]; v == "" || !u.r.Allows(parsed(v)) {
			bad[u.from+"|"+plainly(u.r.String())] = true
		}
	}
	return len(bad) == 0, needed, bad
}

// best returns the smallest set that holds in which the wants have moved; nil if there is none.
func (o *oracle) best(wants []string) map[string]string {
	var best map[string]string
	var least []int
	at := map[string]string{}
	var try func(i int)
	try = func(i int) {
		if i < len(o.names) {
			name := o.names[i]
			for n, v := range o.values[name] {
				if _, pinned := o.pins[name]; n == 0 && pinned && slices.Contains(wants, name) {
					continue
				}
				at[name] = v
				try(i + 1)
			}
			return
		}
		ok, needed, _ := o.check(at, o.excused)
		if !ok {
			return
		}
		for name, v := range at {
			if v != "" && !needed[name] {
				return // the same without it is looked at too
			}
		}
		if c := o.cost(at); best == nil || slices.Compare(c, least) < 0 {
			best, least = maps.Clone(at), c
		}
	}
	try(0)
	return best
}

// cost: fewest changed, majors, minors, releases passed over, distance of the added to the newest, fewest added; then
// by name.
func (o *oracle) cost(at map[string]string) []int {
	var changed, major, minor, skipped, behind, added int
	var byName []int
	for _, name := range o.names {
		pin, pinned := o.pins[name]
		v := at[name]
		rank := o.rank[name][v]
		switch {
		case !pinned && !o.p.Complete:
			continue
		case !pinned && v != "":
			added++
			behind += len(o.values[name]) - 1 - rank
			byName = append(byName, len(o.values[name])-rank)
			continue
		case !pinned, v == pin.Version:
			byName = append(byName, 0)
			continue
		}
		changed++
		switch pep440.Step(parsed(pin.Version), parsed(v)) {
		case pep440.Major:
			major++
		case pep440.Minor:
			minor++
		}
		skipped += rank
		byName = append(byName, rank)
	}
	return append([]int{changed, major, minor, skipped, behind, added}, byName...)
}

// accept is the order of importance: each want that fits with those before it.
func (o *oracle) accept() ([]string, map[string]string) {
	var got []string
	var best map[string]string
	for _, w := range o.p.Wants {
		if _, ok := o.pins[w]; !ok || slices.Contains(got, w) {
			continue
		}
		next := append(slices.Clone(got), w)
		if b := o.best(next); b != nil {
			got, best = next, b
		}
	}
	return got, best
}
