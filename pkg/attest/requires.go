package attest

import (
	"fmt"
	"maps"
	"slices"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// Said is what an installed distribution says of itself (core metadata), or why that is not known.
type Said struct {
	Metadata *coremeta.Metadata // nil: see Unknown
	Unknown  string             // a sentence without a full stop
}

const (
	// maxAsked bounds the extras of one package that are followed: the largest on the public index have under 600.
	maxAsked = 1000
	// maxDoubts bounds the reasons given of one component: who mends it needs the first of them.
	maxDoubts = 20
)

// row is what is known of the dependencies of one component.
type row struct {
	on     []string // refs, sorted
	doubts []string // why it may not be all
	lacks  bool     // something that is required is not among the components
	absent bool     // nothing is known: there is no row
}

func (r *row) doubt(format string, args ...any) {
	if len(r.doubts) < maxDoubts {
		r.doubts = append(r.doubts, fmt.Sprintf(format, args...))
	}
}

// aggregate is how much of a component's dependencies the row has: what is known to be missing makes it incomplete,
// what can't be told unknown.
func (r *row) aggregate() cdx.CompositionAggregate {
	switch {
	case r.lacks:
		return cdx.CompositionAggregateIncomplete
	case len(r.doubts) > 0:
		return cdx.CompositionAggregateUnknown
	}
	return cdx.CompositionAggregateComplete
}

// graph finds who requires whom. Its nodes are packages, by name.
type graph struct {
	env   pep508.Environment
	nodes map[string]*node
	queue []wish
}

type node struct {
	row
	refs   []string // its components: more than one where several versions are installed
	said   *coremeta.Metadata
	truths []pep508.Truth          // of what it requires, in the order of said.Requires
	asked  map[string]pep508.Truth // its extras, and "" for itself
	beyond bool                    // more of them than are followed
	needs  []string                // the nodes it requires
}

// wish is an extra of a package that is asked for; "" is the package itself.
type wish struct{ name, extra string }

// requires works out the row of the application and those of its components, by ref. What is installed counts with
// what it requires by itself, whoever asked for it; extras count where somebody asks for them.
func requires(s Subject, inv *inventory.Inventory) (root row, rows map[string]*row) {
	g := &graph{env: s.Environment, nodes: map[string]*node{}}
	for _, p := range inv.Packages {
		n := g.nodes[p.Package]
		if n == nil {
			n = &node{asked: map[string]pep508.Truth{}}
			g.nodes[p.Package] = n
		}
		if !slices.Contains(n.refs, p.PURL) {
			n.refs = append(n.refs, p.PURL)
			n.describe(p, s.Installed[p.Package])
		}
	}
	names, direct := slices.Sorted(maps.Keys(g.nodes)), slices.Sorted(maps.Keys(s.Direct))
	for _, name := range names {
		g.want(wish{name, ""}, pep508.Certain)
	}
	for _, name := range direct {
		n := g.nodes[name]
		if n == nil {
			root.lacks = true
			root.doubt("the manifests name %s, which is not listed here", name)
			continue
		}
		root.on = append(root.on, n.refs...)
		for _, extra := range s.Direct[name] {
			g.want(wish{name, extra}, pep508.Certain)
		}
	}
	slices.Sort(root.on)
	for ; len(g.queue) > 0; g.queue = g.queue[1:] {
		g.follow(g.queue[0])
	}
	rows = map[string]*row{}
	for _, name := range names {
		n := g.nodes[name]
		g.conclude(name, n)
		for _, ref := range n.refs {
			rows[ref] = &n.row
		}
	}
	for _, name := range g.unreached(names, direct) {
		root.doubt("why %s is installed is not known: neither do the manifests name it, nor is it required by what they name", name)
	}
	return root, rows
}

// describe takes what is known of a component of the package.
func (n *node) describe(p inventory.Package, said Said) {
	switch {
	case len(n.refs) > 1:
		n.said, n.doubts = nil, []string{fmt.Sprintf("%d versions of %s are installed: which of them counts is not known", len(n.refs), p.Package)}
	case said.Metadata == nil && said.Unknown == "":
		n.doubt("it has no metadata")
	case said.Metadata == nil:
		n.doubt("%s", said.Unknown)
	case p.Version != "" && said.Metadata.Release != p.Version:
		n.doubt("its metadata is that of another version")
	default:
		n.said, n.truths = said.Metadata, make([]pep508.Truth, len(said.Metadata.Requires))
		for i := range n.truths {
			n.truths[i] = pep508.Untrue
		}
	}
	n.absent = n.said == nil
}

// want has a wish followed, unless it was already, and was as certain.
func (g *graph) want(w wish, t pep508.Truth) {
	n := g.nodes[w.name]
	if n == nil || n.said == nil {
		return
	}
	was, known := n.asked[w.extra]
	switch {
	case known && was >= t:
		return
	case !known && len(n.asked) > maxAsked:
		n.beyond = true
		return
	}
	n.asked[w.extra] = t
	g.queue = append(g.queue, w)
}

// follow finds what a package requires for one extra, and the extras that it asks for of that in turn: of itself, too.
func (g *graph) follow(w wish) {
	n := g.nodes[w.name]
	for i, r := range n.said.Requires {
		if w.extra != "" && !r.Marker.MentionsExtra() {
			continue
		}
		t := min(n.asked[w.extra], r.Marker.Holds(g.env, w.extra))
		if t <= n.truths[i] {
			continue
		}
		n.truths[i] = t
		for _, extra := range r.Extras {
			g.want(wish{r.Name, extra}, t)
		}
	}
}

// conclude makes the row of a package of what was found.
func (g *graph) conclude(name string, n *node) {
	if n.said == nil {
		return
	}
	if unread := len(n.said.Unread); unread > 0 {
		n.doubt("%d of its requirements can't be read", unread)
	}
	if n.beyond {
		n.doubt("more than %d extras of it are asked for, and the others are not followed", maxAsked)
	}
	for i, r := range n.said.Requires {
		t, on := n.truths[i], g.nodes[r.Name]
		if t == pep508.Untrue || r.Name == name {
			continue
		}
		switch {
		case on != nil:
			n.on, n.needs = append(n.on, on.refs...), append(n.needs, r.Name)
		case t == pep508.Certain:
			n.lacks = true
			n.doubt("it requires %s%s, which is not listed here", r.Name, r.Specifier)
		}
		if t == pep508.Unknown {
			n.doubt("whether it requires %s here can't be told from %s", r.Name, r.Marker)
		}
	}
	slices.Sort(n.on)
	n.on = slices.Compact(n.on)
}

// unreached are the packages that nothing leads to from what the manifests name.
func (g *graph) unreached(names, direct []string) []string {
	seen := map[string]bool{}
	for queue := slices.Clone(direct); len(queue) > 0; queue = queue[1:] {
		if n := g.nodes[queue[0]]; n != nil && !seen[queue[0]] {
			seen[queue[0]] = true
			queue = append(queue, n.needs...)
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return seen[name] })
}
