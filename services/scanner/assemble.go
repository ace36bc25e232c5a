package scanner

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// assembly makes an inventory of what the readers reported.
type assembly struct {
	inv    inventory.Inventory
	byPath map[string]*manifest
	scope  map[string]string // path of a manifest → root of the environment it belongs to
	steps  int               // includes followed for constraints

	limiting map[string]*limiting // by path, files that limit environments they are no source of
	locked   []inventory.Package  // exact pins of constraints files for packages that nothing asks for by name
}

// assemble joins what was read: includes belong to the environment of the file that includes them, constraints
// pin, sources are counted. environment names an installed environment, else it is empty.
func assemble(r *reading, environment string) *inventory.Inventory {
	a := &assembly{byPath: map[string]*manifest{}, scope: map[string]string{}, limiting: map[string]*limiting{}}
	a.inv = inventory.Inventory{Sources: []inventory.Source{}, Packages: []inventory.Package{}, Incomplete: []inventory.Incomplete{}, Python: r.found.Python}
	a.inv.Incomplete = append(append(a.inv.Incomplete, r.found.Incomplete...), r.incomplete...)
	slices.SortStableFunc(r.manifests, func(x, y manifest) int { return cmp.Compare(x.Path, y.Path) })
	if environment != "" {
		a.environment(r, "environment:"+environment)
	} else {
		a.repository(r)
	}
	if len(a.inv.Sources) == 0 && idle(r.manifests) && len(r.incomplete) == 0 {
		detail := "no requirements or lock file was found"
		if environment != "" {
			detail = "no installed Python package was found; give a prefix or a site-packages folder"
		}
		a.inv.Incomplete = append(a.inv.Incomplete, inventory.Incomplete{Reason: inventory.NoSource, Detail: detail})
	}
	a.inv.Sort()
	return &a.inv
}

// environment counts each folder of packages as one source.
func (a *assembly) environment(r *reading, scope string) {
	sites := map[string][]inventory.Package{}
	uncovered := map[string]int{}
	for _, m := range r.manifests {
		a.inv.Incomplete = append(a.inv.Incomplete, m.Incomplete...)
		uncovered[m.Site] += m.Uncovered
		for _, p := range m.Packages {
			p.Source, p.Scope, p.Line = m.Site, scope, 0
			sites[m.Site] = append(sites[m.Site], p)
		}
	}
	for site, packages := range sites {
		a.source(site, "environment", "PyPI", packages, uncovered[site])
	}
}

func (a *assembly) repository(r *reading) {
	for i := range r.manifests {
		a.byPath[r.manifests[i].Path] = &r.manifests[i]
	}
	live := installed(r.manifests)
	for _, root := range a.roots(live) {
		a.claim(root, root)
	}
	constraints := a.constraints(live)
	a.bounds(live)
	for i := range r.manifests {
		m := &r.manifests[i]
		if m.Kind == (projects{}).Kind() {
			a.project(m, r.manifests)
			continue
		}
		a.told(m)
		a.file(m, inventory.File{Path: m.Path, Digest: evidence.Of(m.Content), Size: int64(len(m.Content))})
		if m.Unread || a.scope[m.Path] == "" { // it only limits others
			continue
		}
		root := a.scope[m.Path]
		packages := make([]inventory.Package, 0, len(m.Packages))
		for _, p := range m.Packages {
			p.Source, p.Scope = m.Path, "repository:"+root
			pinByConstraint(&p, constraints[root])
			packages = append(packages, p)
		}
		a.source(m.Path, m.Kind, m.Ecosystem, packages, m.Uncovered)
		a.inv.Sources[len(a.inv.Sources)-1].Includes = a.includesOf(m)
	}
}

// roots are the manifests that nothing includes, and one of each circle: the first that would be found by its
// name. A file used only as constraints is none, unless its name says that it is installed from.
func (a *assembly) roots(all []manifest) []string {
	included, required := map[string]bool{}, map[string]bool{}
	follows := func(i include) bool { return !i.Bound && !(i.Constraint && namedRequirements(i.Path)) }
	for _, m := range all {
		for _, i := range m.Includes {
			if i.Path != m.Path && follows(i) {
				included[i.Path] = true
				required[i.Path] = required[i.Path] || !i.Constraint
			}
		}
	}
	var roots []string
	reached := map[string]bool{}
	var reach func(string)
	reach = func(p string) {
		m := a.byPath[p]
		if m == nil || reached[p] {
			return
		}
		reached[p] = true
		for _, i := range m.Includes {
			if follows(i) {
				reach(i.Path)
			}
		}
	}
	take := func(is func(path string) bool) {
		for _, m := range all {
			if !reached[m.Path] && is(m.Path) {
				roots = append(roots, m.Path)
				reach(m.Path)
			}
		}
	}
	take(func(p string) bool { return !included[p] })
	take(func(p string) bool { return required[p] && requirements{}.Takes(p) })
	take(func(p string) bool { return required[p] })
	take(func(p string) bool { return requirements{}.Takes(p) }) // constraints that constrain one another, and nothing else
	return roots
}

// namedRequirements is true of a name that discovery takes for what it is, not for where it lies: who constrains
// requirements-dev.txt by requirements.txt installs that too.
func namedRequirements(name string) bool {
	base := path.Base(name)
	return (strings.HasPrefix(base, "requirements") || strings.HasSuffix(base, "requirements.txt")) && strings.HasSuffix(base, ".txt") && !strings.Contains(base, "constraint")
}

// claim gives a manifest and what it includes by -r to the environment of root, unless another has it.
func (a *assembly) claim(p, root string) {
	m := a.byPath[p]
	if m == nil || a.scope[p] != "" {
		return
	}
	a.scope[p] = root
	for _, i := range m.Includes {
		if !i.Constraint && !i.Bound {
			a.claim(i.Path, root)
		}
	}
}

// constraints finds, for each root, the exact pins that the constraints files of its environment have for what
// it does not pin itself. Only those are kept: thousands of environments may share one large file.
func (a *assembly) constraints(all []manifest) map[string]map[string]string {
	pins, from := map[string]map[string]string{}, map[string][]string{}
	for _, m := range all {
		root := a.scope[m.Path]
		if root == "" {
			continue
		}
		for _, p := range m.Packages {
			if p.Pin != inventory.Exact && p.Reference == "" {
				if pins[root] == nil {
					pins[root] = map[string]string{}
				}
				pins[root][p.Package] = ""
			}
		}
		for _, i := range m.Includes {
			if i.Constraint && !i.Bound {
				from[root] = append(from[root], i.Path)
			}
		}
	}
	known := map[string]map[string]string{}
	for root, open := range pins {
		a.collectPins(from[root], open, known)
	}
	return pins
}

// collectPins fills in the versions of open from the constraints files at paths and what they include. Two
// different pins of one package pin nothing. known keeps what each file pins.
func (a *assembly) collectPins(paths []string, open map[string]string, known map[string]map[string]string) {
	seen, found := map[string]bool{}, map[string]bool{}
	for queue := slices.Clone(paths); len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		m := a.byPath[p]
		if m == nil || seen[p] {
			continue
		}
		seen[p] = true
		if known[p] == nil {
			known[p] = pinsOf(m)
		}
		for name := range open {
			version, ok := known[p][name]
			if ok && found[name] && open[name] != version {
				version = ""
			}
			if ok {
				open[name], found[name] = version, true
			}
		}
		for _, i := range m.Includes {
			if a.steps++; !seen[i.Path] && !i.Bound {
				queue = append(queue, i.Path)
			}
		}
		if a.steps > maxConstraintSteps { // a hostile web of includes: unpinned is what is left, and is said
			for name := range open {
				open[name] = ""
			}
			return
		}
	}
}

// pinsOf is the version each package has in a file; empty where it has two.
func pinsOf(m *manifest) map[string]string {
	pins := map[string]string{}
	for _, c := range m.Packages {
		if c.Pin != inventory.Exact {
			continue
		}
		if old, ok := pins[c.Package]; ok && old != c.Version {
			pins[c.Package] = ""
			continue
		}
		pins[c.Package] = c.Version
	}
	return pins
}

// pinByConstraint makes a requirement exact that a constraints file pins, within what it allows itself.
func pinByConstraint(p *inventory.Package, pins map[string]string) {
	version := pins[p.Package]
	if version == "" || p.Pin == inventory.Exact || p.Reference != "" {
		return
	}
	if p.Pin == inventory.Ranged {
		v, err := pep440.Parse(version)
		set, e := pep440.ParseSpecifiers(p.Specifier)
		if err != nil || e != nil || !set.Contains(v, true) {
			return
		}
	}
	p.Pin, p.Version = inventory.Exact, version
}

// source adds one source and its packages, and says which of them have no exact version.
func (a *assembly) source(at, kind, ecosystem string, packages []inventory.Package, uncovered int) {
	s := inventory.Source{Path: at, Kind: kind, Ecosystem: ecosystem, Packages: uncovered, NotCovered: uncovered}
	type entry struct{ name, version string }
	seen := map[entry]bool{}
	once := func(p inventory.Package, count *int) {
		key := entry{p.Package, p.Version + "\x00" + p.Specifier + "\x00" + p.Reference}
		if p.Pin == inventory.Exact {
			key.version = p.Version
		}
		if !seen[key] {
			seen[key] = true
			s.Packages++
			*count++
		}
	}
	for _, p := range packages {
		p.PURL = purl(p)
		switch {
		case p.Reference != "":
			once(p, &s.NotCovered)
		case p.Pin == inventory.Exact:
			once(p, &s.Pinned)
		case p.Pin == inventory.Ranged:
			once(p, &s.Ranged)
			a.open(inventory.RangedPin, p, fmt.Sprintf("%s%s has no exact version", p.Package, p.Specifier))
		default:
			once(p, &s.Unpinned)
			a.open(inventory.Unpinned, p, fmt.Sprintf("%s has no version", p.Package))
		}
		a.inv.Packages = append(a.inv.Packages, p)
	}
	a.inv.Sources = append(a.inv.Sources, s)
}

func (a *assembly) open(reason string, p inventory.Package, detail string) {
	a.inv.Incomplete = append(a.inv.Incomplete, inventory.Incomplete{Reason: reason, Source: p.Source, Line: p.Line, Ecosystem: p.Ecosystem, Detail: detail})
}

var purlVersion = strings.NewReplacer("+", "%2B", "!", "%21", "*", "%2A")

// purl is the package URL of p (purl-spec, "pypi").
func purl(p inventory.Package) string {
	out := "pkg:" + strings.ToLower(p.Ecosystem) + "/" + p.Package
	if p.Version != "" {
		out += "@" + purlVersion.Replace(p.Version)
	}
	return out
}
