package uvlock

import (
	"slices"
	"strings"
)

// Need says for what a package is locked.
type Need struct {
	Direct bool   // the project or a member names it
	Dev    bool   // only groups of development need it
	Marker string // it is needed only where this holds (PEP 508); empty: always, or not known better
}

// Needs tells it for every package of the lock. Whatever can't be followed (an edge that leads nowhere, more
// ways than are kept in mind) makes a package needed always: nothing is hidden.
func (l *Lock) Needs() map[*Package]Need {
	w := &walk{byName: map[string][]*Package{}, ways: map[node]ways{}}
	for _, p := range l.Packages {
		w.byName[p.Name] = append(w.byName[p.Name], p)
	}
	roots := l.Roots()
	out := make(map[*Package]Need, len(l.Packages))
	direct := map[*Package]bool{}
	names := func(list []Dependency) {
		for _, p := range w.start(list) {
			direct[p] = true
		}
	}
	for _, p := range roots {
		names(p.Dependencies)
		for _, list := range p.OptionalDependencies {
			names(list)
		}
	}
	names(l.Manifest.Requirements)
	w.run()
	production := w.reached()
	for _, p := range roots {
		for _, list := range p.DevDependencies {
			names(list)
		}
	}
	for _, list := range l.Manifest.DependencyGroups {
		names(list)
	}
	w.run()
	all := w.reached()
	for _, p := range l.Packages {
		_, inProduction := production[p]
		found, inAny := all[p]
		n := Need{Direct: direct[p], Dev: inAny && !inProduction}
		if inAny {
			n.Marker = join(found, p.ResolutionMarkers)
		}
		out[p] = n
	}
	return out
}

// node is a package, or one of its extras.
type node struct {
	p     *Package
	extra string
}

// ways are the conditions under which something is needed: any of them, each a set of markers that hold together,
// sorted. nil is always.
type ways [][]string

type walk struct {
	byName map[string][]*Package
	ways   map[node]ways
	queue  []node
}

// start adds what the project itself names and returns it.
func (w *walk) start(list []Dependency) []*Package {
	var out []*Package
	for _, d := range list {
		out = append(out, w.follow(d, [][]string{{}})...)
	}
	return out
}

// follow takes an edge from something needed under from.
func (w *walk) follow(d Dependency, from ways) []*Package {
	targets := w.targets(d)
	with := from
	if d.Marker != "" && !strings.Contains(d.Marker, "extra") { // an extra here is uv's own code for a conflict
		with = make(ways, 0, len(from))
		for _, terms := range from {
			with = append(with, union(terms, d.Marker))
		}
	}
	for _, p := range targets {
		w.add(node{p, ""}, with)
		for _, e := range d.Extra {
			w.add(node{p, e}, with)
		}
	}
	return targets
}

func (w *walk) targets(d Dependency) []*Package {
	var out []*Package
	for _, p := range w.byName[d.Name] {
		if (d.Version == "" || d.Version == p.Version) && (d.Source == nil || *d.Source == p.Source) {
			out = append(out, p)
		}
	}
	return out
}

func union(terms []string, marker string) []string {
	at, found := slices.BinarySearch(terms, marker)
	if found {
		return terms
	}
	return slices.Insert(slices.Clone(terms), at, marker)
}

// add says that n is needed under more conditions.
func (w *walk) add(n node, more ways) {
	had, known := w.ways[n]
	if known && had == nil {
		return
	}
	changed := !known
	for _, terms := range more {
		if len(terms) == 0 || len(terms) > maxTerms {
			w.ways[n] = nil
			w.queue = append(w.queue, n)
			return
		}
		if slices.ContainsFunc(had, func(h []string) bool { return subset(h, terms) }) {
			continue
		}
		kept := make(ways, 0, len(had)+1)
		for _, h := range had {
			if !subset(terms, h) {
				kept = append(kept, h)
			}
		}
		had, changed = append(kept, terms), true
	}
	if !changed {
		return
	}
	if len(had) > maxWays {
		had = nil
	}
	w.ways[n] = had
	w.queue = append(w.queue, n)
}

// subset reports whether every marker of a is one of b: then b says nothing new beside a.
func subset(a, b []string) bool {
	for _, t := range a {
		if _, ok := slices.BinarySearch(b, t); !ok {
			return false
		}
	}
	return true
}

// run follows the edges until nothing new is said. Conditions only ever become fewer or weaker and are bounded,
// so it ends.
func (w *walk) run() {
	for len(w.queue) > 0 {
		n := w.queue[0]
		w.queue = w.queue[1:]
		list := n.p.Dependencies
		if n.extra != "" {
			list = n.p.OptionalDependencies[n.extra]
		}
		from := w.ways[n]
		if from == nil {
			from = ways{{}}
		}
		for _, d := range list {
			w.follow(d, from)
		}
	}
}

func (w *walk) reached() map[*Package]ways {
	out := map[*Package]ways{}
	for n, ways := range w.ways {
		if n.extra == "" {
			out[n.p] = ways
		}
	}
	return out
}

// join writes the conditions as one marker, with those of the resolution the package belongs to.
func join(found ways, resolution []string) string {
	var parts []string
	if found != nil {
		var any []string
		for _, terms := range found {
			var all []string
			for _, t := range terms {
				all = append(all, grouped(t, len(terms) > 1))
			}
			any = append(any, strings.Join(all, " and "))
		}
		slices.Sort(any)
		parts = append(parts, strings.Join(any, " or "))
	}
	if len(resolution) > 0 && !slices.ContainsFunc(resolution, func(m string) bool { return strings.Contains(m, "extra") }) {
		one := strings.Join(resolution, " or ")
		if len(parts) == 0 || parts[0] != one {
			parts = append(parts, one)
		}
	}
	for i := range parts {
		parts[i] = grouped(parts[i], len(parts) > 1)
	}
	return strings.Join(parts, " and ")
}

// grouped puts parentheses around what holds an "or" and stands beside others.
func grouped(marker string, beside bool) string {
	if beside && strings.Contains(marker, " or ") {
		return "(" + marker + ")"
	}
	return marker
}
