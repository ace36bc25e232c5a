package scanner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// installed are the manifests an installation reads: all but those that are there only because something was
// compiled from them.
func installed(all []manifest) []manifest {
	byPath := map[string]*manifest{}
	for i := range all {
		byPath[all[i].Path] = &all[i]
	}
	reach := func(from []string, follow func(include) bool) map[string]bool {
		seen := map[string]bool{}
		for queue := from; len(queue) > 0; queue = queue[1:] {
			m := byPath[queue[0]]
			if m == nil || seen[m.Path] {
				continue
			}
			seen[m.Path] = true
			for _, i := range m.Includes {
				if follow(i) && !seen[i.Path] {
					queue = append(queue, i.Path)
				}
			}
		}
		return seen
	}
	var inputs []string
	for _, m := range all {
		for _, i := range m.Includes {
			if i.Bound {
				inputs = append(inputs, i.Path)
			}
		}
	}
	if len(inputs) == 0 {
		return all
	}
	behind := reach(inputs, func(include) bool { return true })
	var seeds []string
	for _, m := range all {
		if !behind[m.Path] || sourceOf(m.Path, false) != nil {
			seeds = append(seeds, m.Path)
		}
	}
	if len(seeds) == 0 { // a file that was asked for, in a circle with what it was compiled from
		return all
	}
	live := reach(seeds, func(i include) bool { return !i.Bound })
	return slices.DeleteFunc(slices.Clone(all), func(m manifest) bool { return !live[m.Path] })
}

// limiting is what one file limits without being a source of it.
type limiting struct {
	kind   string
	scopes map[string]bool
}

// bounds collects what limits each environment: the constraints files of its sources, and what they were compiled
// from.
func (a *assembly) bounds(live []manifest) {
	required := map[string]map[string]bool{} // root → packages it requires
	from := map[string][]include{}
	for _, m := range live {
		root := a.scope[m.Path]
		if root == "" || m.Kind != (requirements{}).Kind() {
			continue
		}
		if required[root] == nil {
			required[root] = map[string]bool{}
		}
		for _, p := range m.Packages {
			required[root][p.Package] = true
			a.otherClauses(p, m.Path, root)
		}
		for _, i := range m.Includes {
			if i.Constraint || i.Bound {
				from[root] = append(from[root], i)
			}
		}
	}
	for _, root := range slices.Sorted(maps.Keys(from)) {
		a.limit(root, from[root], required[root])
	}
	a.constrained(live)
	if len(a.inv.Bounds) > maxBounds {
		a.inv.Bounds = a.inv.Bounds[:maxBounds]
		a.inv.Incomplete = append(a.inv.Incomplete, inventory.Incomplete{Reason: inventory.Unreadable,
			Detail: fmt.Sprintf("constraints and .in files limit versions in more than %d ways; scan the folders one by one", maxBounds)})
	}
}

// constrained tells the constraints file of one environment, which locks what that installs without naming it, from one
// that many share, whose pins say nothing of what each of them installs. What the first pins is there to be judged.
// A file that was compiled, or asks for hashes, names all that is installed: nothing else counts there.
func (a *assembly) constrained(live []manifest) {
	whole := map[string]bool{}
	for _, m := range live {
		scope := "repository:" + a.scope[m.Path]
		whole[scope] = whole[scope] || slices.ContainsFunc(m.Includes, func(i include) bool { return i.Bound }) ||
			slices.ContainsFunc(m.Packages, func(p inventory.Package) bool { return len(p.Hashes) > 0 })
	}
	for _, p := range a.locked {
		if len(a.limiting[p.Source].scopes) > 1 || whole[p.Scope] {
			a.bound(p, p.Scope)
			continue
		}
		p.PURL, p.Direct = purl(p), false
		a.inv.Packages = append(a.inv.Packages, p)
	}
}

// limit follows the files that limit one environment.
func (a *assembly) limit(root string, from []include, required map[string]bool) {
	seen := map[include]bool{}
	for queue := from; len(queue) > 0 && len(a.inv.Bounds)+len(a.locked) <= maxBounds; queue = queue[1:] {
		i := include{Path: queue[0].Path, Constraint: queue[0].Constraint}
		m := a.byPath[i.Path]
		if m == nil || seen[i] || a.steps > maxConstraintSteps {
			continue
		}
		seen[i] = true
		if a.scope[i.Path] != root {
			a.limits(i, root)
		}
		for _, p := range m.Packages {
			switch {
			case p.Reference != "":
			case p.Pin != inventory.Exact:
				if p.Specifier != "" || len(p.Extras) > 0 {
					p.Source = m.Path
					a.bound(p, "repository:"+root)
				}
			case i.Constraint && a.scope[i.Path] == "" && !required[p.Package]:
				// It pins what nothing here asks for yet: an update that does is held to it. Other exact pins move
				// with their package.
				p.Source, p.Scope = m.Path, "repository:"+root
				a.locked = append(a.locked, p)
			case !i.Constraint && a.scope[i.Path] != root && len(p.Extras) > 0: // the version moves with the pin, the extras stay
				p.Source, p.Specifier = m.Path, ""
				a.bound(p, "repository:"+root)
			}
		}
		for _, next := range m.Includes {
			if a.steps++; !next.Bound {
				next.Constraint = next.Constraint || i.Constraint
				queue = append(queue, next)
			}
		}
	}
}

func (a *assembly) limits(i include, root string) {
	l := a.limiting[i.Path]
	if l == nil {
		l = &limiting{kind: inventory.Input, scopes: map[string]bool{}}
		a.limiting[i.Path] = l
	}
	if i.Constraint {
		l.kind = inventory.Constraints
	}
	l.scopes["repository:"+root] = true
}

// otherClauses are a bound of the pin they stand beside: "==2.2.2,<3".
func (a *assembly) otherClauses(p inventory.Package, source, root string) {
	if p.Pin != inventory.Exact || !strings.Contains(p.Specifier, ",") {
		return
	}
	set, err := pep440.ParseSpecifiers(p.Specifier)
	if err != nil {
		return
	}
	var rest []string
	for _, c := range set.All() {
		if c.Wildcard || c.Op != "==" && c.Op != "===" {
			rest = append(rest, c.String())
		}
	}
	if len(rest) > 0 {
		p.Source, p.Specifier, p.Extras = source, strings.Join(rest, ","), nil
		a.bound(p, "repository:"+root)
	}
}

// includesOf are the files a source installs with itself.
func (a *assembly) includesOf(m *manifest) []string {
	var out []string
	for _, i := range m.Includes {
		if !i.Constraint && !i.Bound && i.Path != m.Path && a.scope[i.Path] != "" && !slices.Contains(out, i.Path) {
			out = append(out, i.Path)
		}
	}
	slices.Sort(out)
	return out
}

// told passes on what could not be determined of a manifest. Of what a file was compiled from it is a note: the pins
// stand in the compiled file, which has its references too, and only a plan may go past a line not understood.
func (a *assembly) told(m *manifest) {
	if l := a.limiting[m.Path]; l == nil || l.kind != inventory.Input || a.scope[m.Path] != "" {
		a.inv.Incomplete = append(a.inv.Incomplete, m.Incomplete...)
		return
	}
	for _, i := range m.Incomplete {
		if i.Reason != inventory.NotCovered && len(m.Notes) <= maxIncomplete {
			m.Notes = append(m.Notes, i.Detail+"; a plan does not know what it asks for")
		}
	}
}

// file notes a manifest for writing it back.
func (a *assembly) file(m *manifest, f inventory.File) {
	if m.Content == nil {
		return
	}
	if l := a.limiting[m.Path]; l != nil {
		f.Scopes = slices.Sorted(maps.Keys(l.scopes))
		if a.scope[m.Path] == "" {
			f.Kind = l.kind
		}
	}
	a.inv.Files = append(a.inv.Files, f)
}
