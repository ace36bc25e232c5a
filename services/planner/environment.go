package planner

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// environment is what is installed together: the unit a resolution is made for.
type environment struct {
	Name      string
	Scopes    []string
	Pins      []pin // one for each package, by name
	Floating  []pep508.Requirement
	Bounds    map[string][]resolution.Bound // what files allow of packages that are not pinned
	Hashed    bool                          // pip then asks for hashes of everything
	Twice     map[string][]string           // packages pinned to several versions at once: the lines that say so
	Left      []string                      // what no resolution can take into account, as sentences
	Conflicts []string                      // why files that lie together are planned apart
}

// pin is a package at a version, with the lines it stands on that hold on the target.
type pin struct {
	Package, Version string
	Extras           []string
	Allowed          []resolution.Bound
	Lines            []inventory.Package
}

// environments puts the inventory's PyPI packages together as they are installed.
func environments(inv *inventory.Inventory, t pep508.Environment) []environment {
	var out []environment
	for _, g := range manifest.Environments(inv, t) {
		e := environment{Name: g.Name, Scopes: g.Scopes, Twice: map[string][]string{}, Conflicts: slices.Concat(g.Conflicts, g.Broken)}
		pins := map[string]*pin{}
		for _, p := range inv.Packages {
			if p.Ecosystem == pypi && slices.Contains(g.Scopes, p.Scope) && active(p.Marker, t) {
				e.take(p, pins)
			}
		}
		for _, b := range inv.Bounds {
			switch {
			case !slices.Contains(g.Scopes, b.Scope):
			case active(b.Marker, t):
				e.bound(b, pins)
			default:
				elsewhere(b, pins[b.Package])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(pins)) {
			p := pins[name]
			slices.Sort(p.Extras)
			p.Extras = slices.Compact(p.Extras)
			e.Pins = append(e.Pins, *p)
		}
		slices.SortFunc(e.Floating, func(a, b pep508.Requirement) int { return cmp.Compare(a.String(), b.String()) })
		if len(e.Pins) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// active reports whether a marker may hold on the target: what is not known counts as holding.
func active(marker string, t pep508.Environment) bool {
	m, err := pep508.ParseMarker(marker)
	return err != nil || m.Holds(t, "") != pep508.Untrue
}

// take adds one line of the inventory.
func (e *environment) take(p inventory.Package, pins map[string]*pin) {
	at := where(p.Source, p.Line)
	switch {
	case p.Reference != "":
		e.Left = append(e.Left, fmt.Sprintf("%s requires %s from %s: what that requires in turn is unknown", at, printable(p.Package), printable(p.Reference)))
		return
	case p.Pin != inventory.Exact:
		r, err := pep508.Parse(requirementText(p))
		if err != nil {
			e.Left = append(e.Left, fmt.Sprintf("%s can't be taken into account: %v", at, err))
			return
		}
		e.Floating = append(e.Floating, r)
		return
	}
	e.Hashed = e.Hashed || len(p.Hashes) > 0
	known := pins[p.Package]
	if known == nil {
		known = &pin{Package: p.Package, Version: p.Version}
		pins[p.Package] = known
	} else if !sameVersion(known.Version, p.Version) {
		if e.Twice[p.Package] == nil {
			first := known.Lines[0]
			e.Twice[p.Package] = []string{fmt.Sprintf("%s pins %s %s", where(first.Source, first.Line), p.Package, printable(known.Version))}
		}
		e.Twice[p.Package] = append(e.Twice[p.Package], fmt.Sprintf("%s pins %s %s", at, p.Package, printable(p.Version)))
		return
	}
	known.Lines = append(known.Lines, p)
	known.Extras = append(known.Extras, p.Extras...)
	if s := beyondPin(p); s != "" { // a constraints file names the version, the line itself a range
		known.Allowed = append(known.Allowed, resolution.Bound{Specifier: s, By: at})
	}
}

// bound adds what a file allows without pinning; one that names a version is a pin of what others require.
func (e *environment) bound(b inventory.Bound, pins map[string]*pin) {
	at := where(b.Source, b.Line)
	if p := pins[b.Package]; p != nil {
		p.Extras = append(p.Extras, b.Extras...)
		if b.Specifier == "" {
			return
		}
		p.Allowed = append(p.Allowed, resolution.Bound{Specifier: b.Specifier, By: at})
		return
	}
	s, err := pep440.ParseSpecifiers(b.Specifier)
	if err != nil {
		return
	}
	if v, exact := s.Pinned(); exact {
		pins[b.Package] = &pin{Package: b.Package, Version: v, Extras: b.Extras, Lines: []inventory.Package{{Package: b.Package, Ecosystem: pypi, Version: v,
			Source: b.Source, Line: b.Line, Pin: inventory.Exact, Scope: b.Scope}}}
		return
	}
	if e.Bounds == nil {
		e.Bounds = map[string][]resolution.Bound{}
	}
	e.Bounds[b.Package] = append(e.Bounds[b.Package], resolution.Bound{Specifier: b.Specifier, By: at})
}

// elsewhere adds what a project asks of other environments than the target: its lock holds one version for all of them,
// so what does not go there can't be written. A bound that the lock's own version does not meet is for environments
// that the lock is not for.
func elsewhere(b inventory.Bound, p *pin) {
	if p == nil || path.Base(p.Lines[0].Source) != "uv.lock" || p.Lines[0].Marker != "" {
		return
	}
	v, verr := pep440.Parse(p.Version)
	set, err := pep440.ParseSpecifiers(b.Specifier)
	if b.Specifier == "" || verr != nil || err != nil || !set.Contains(v, true) {
		return
	}
	by := fmt.Sprintf("%s, where %s,", where(b.Source, b.Line), printable(b.Marker))
	p.Allowed = append(p.Allowed, resolution.Bound{Specifier: b.Specifier, By: by})
}

// beyondPin is what a line allows beside the version that it names itself, if it does: "==2.2.2,<3" is a pin that moves below
// 3. A line that names one twice can't be written back, so all of it counts.
func beyondPin(p inventory.Package) string {
	set, err := pep440.ParseSpecifiers(p.Specifier)
	if err != nil {
		return ""
	}
	named := 0
	var rest []string
	for _, c := range set.All() {
		if exact := c.Op == "==" || c.Op == "==="; exact && !c.Wildcard {
			named++
			continue
		}
		rest = append(rest, c.String())
	}
	if named > 1 {
		return p.Specifier
	}
	return strings.Join(rest, ",")
}

func requirementText(p inventory.Package) string {
	text := p.Package
	if len(p.Extras) > 0 {
		text += fmt.Sprintf("[%s]", joined(p.Extras))
	}
	return text + p.Specifier
}

func where(source string, line int) string {
	if line == 0 {
		return printable(source)
	}
	return fmt.Sprintf("%s:%d", printable(source), line)
}
