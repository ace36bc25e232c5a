package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// requirementsKind is the kind of pip's requirements files.
const requirementsKind = "requirements"

const repositoryScope = "repository:"

// Environment is what is installed together.
type Environment struct {
	Name    string   // of the source it is known by: "requirements.txt"
	Sources []string // paths of its sources, sorted
	Scopes  []string // sorted; its packages are those of these scopes

	// Shared are sources it installs too, but whose pins are planned with another environment, sorted: as they
	// stand there they hold here.
	Shared []string
	// Conflicts say why a file of the same place is planned by itself, one sentence each.
	Conflicts []string
	// Broken says which of its own pins contradict each other, one sentence each: no installer takes them together.
	Broken []string
}

// Environments groups the sources of an inventory into what is installed together on env:
//
//   - what -r includes belongs to its includer; a file that several include joins them;
//   - requirements files of one folder that nothing includes are one environment, unless their pins that hold on env
//     contradict each other: requirements.txt keeps its place, then the others by name, and one that contradicts those
//     before it is an environment of its own;
//   - other folders, lock files and installed environments are each their own.
//
// The result is sorted by name. Every scope of the inventory is in exactly one environment.
func Environments(inv *inventory.Inventory, env pep508.Environment) []Environment {
	var out []Environment
	for _, g := range grouped(roots(inv, env)) {
		out = append(out, g.environment())
	}
	slices.SortStableFunc(out, func(a, b Environment) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Scopes, b.Scopes))
	})
	return out
}

// root is what one scope holds: a requirements file with all that it includes, a lock file, an installed environment.
type root struct {
	scope   string
	sources []string // sorted
	shared  []string // of other scopes, which it includes too; sorted
	folder  string   // where requirements files are installed together; empty: never with others
	pins    []pin    // those that hold on the target
}

// pin is an exact pin that does not fail on the target.
type pin struct {
	inventory.Package
	version pep440.Version
	read    bool // version is one
	certain bool // its marker holds for sure
}

func (p pin) differs(q pin) bool {
	if p.read && q.read {
		return !p.version.Equal(q.version)
	}
	return p.Version != q.Version
}

func (p pin) text() string {
	return fmt.Sprintf("%s pins %s %s", place(p.Source, p.Line), p.Package.Package, p.Version)
}

// beside says what two versions of one package come to. A uv.lock has them for extras or groups that are declared as
// conflicts: uv installs one of them at a time.
func (p pin) beside(q pin) string {
	if p.Source == q.Source && path.Base(p.Source) == "uv.lock" {
		return "which of them uv installs depends on the extras and groups asked for; a plan moves neither"
	}
	return "no installer takes them together; remove one"
}

// activePin is false of what is no exact pin, and of one whose marker excludes it on the target.
func activePin(p inventory.Package, env pep508.Environment) (pin, bool) {
	if p.Pin != inventory.Exact || p.Reference != "" {
		return pin{}, false
	}
	holds := pep508.Unknown
	if m, err := pep508.ParseMarker(p.Marker); err == nil {
		holds = m.Holds(env, "")
	}
	v, err := pep440.Parse(p.Version)
	return pin{Package: p, version: v, read: err == nil, certain: holds == pep508.Certain}, holds != pep508.Untrue
}

// roots are in the order in which they are grouped: what an installation starts from first.
func roots(inv *inventory.Inventory, env pep508.Environment) []*root {
	byScope := map[string]*root{}
	at := func(scope string) *root {
		if byScope[scope] == nil {
			byScope[scope] = &root{scope: scope}
		}
		return byScope[scope]
	}
	owner := map[string]*root{} // of each source
	for _, p := range inv.Packages {
		r := at(p.Scope)
		if !slices.Contains(r.sources, p.Source) {
			r.sources = append(r.sources, p.Source)
		}
		if a, ok := activePin(p, env); ok {
			r.pins = append(r.pins, a)
		}
		owner[p.Source] = r
	}
	kinds, includes := map[string]string{}, closure(inv.Sources)
	for _, s := range inv.Sources {
		kinds[s.Path] = s.Kind
		for _, i := range includes[s.Path] { // one without packages is of its includer
			if owner[i] == nil && owner[s.Path] != nil {
				owner[i] = owner[s.Path]
				owner[i].sources = append(owner[i].sources, i)
			}
		}
	}
	for _, s := range inv.Sources {
		if owner[s.Path] == nil {
			owner[s.Path] = at(repositoryScope + s.Path)
			owner[s.Path].sources = append(owner[s.Path].sources, s.Path)
		}
	}
	out := make([]*root, 0, len(byScope))
	for _, r := range byScope {
		r.settle(kinds, includes, owner)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *root) int { return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.scope, b.scope)) })
	return out
}

func (r *root) settle(kinds map[string]string, includes map[string][]string, owner map[string]*root) {
	slices.Sort(r.sources)
	file, ok := strings.CutPrefix(r.scope, repositoryScope)
	if kind := kinds[file]; ok && (kind == "" || kind == requirementsKind) {
		r.folder = path.Dir(file)
	}
	for _, s := range r.sources {
		for _, i := range includes[s] {
			if of := owner[i]; of != nil && of != r && !slices.Contains(r.shared, i) {
				r.shared = append(r.shared, i)
			}
		}
	}
	slices.Sort(r.shared)
}

// closure gives for each source all that it includes.
func closure(sources []inventory.Source) map[string][]string {
	direct := map[string][]string{}
	for _, s := range sources {
		direct[s.Path] = s.Includes
	}
	out := map[string][]string{}
	for _, s := range sources {
		seen := map[string]bool{s.Path: true}
		for queue := slices.Clone(s.Includes); len(queue) > 0; queue = queue[1:] {
			if i := queue[0]; !seen[i] {
				seen[i] = true
				out[s.Path] = append(out[s.Path], i)
				queue = append(queue, direct[i]...)
			}
		}
	}
	return out
}

// name is the file people know it by.
func (r *root) name() string {
	for _, s := range r.sources {
		if path.Base(s) == "requirements.txt" && r.folder != "" {
			return s
		}
	}
	_, name, _ := strings.Cut(r.scope, ":")
	return name
}

// rank puts requirements.txt first, then what is not for development only.
func (r *root) rank() int {
	switch {
	case path.Base(r.name()) == "requirements.txt":
		return 0
	case slices.ContainsFunc(r.pins, func(p pin) bool { return !p.Dev }):
		return 1
	}
	return 2
}

// group is roots that are installed together.
type group struct {
	roots     []*root
	pins      map[string][]pin // by package, different ones only
	shared    []string
	conflicts []string
	joined    *group // what took its roots
}

func (g *group) add(pins []pin) {
	for _, p := range pins {
		have := g.pins[p.Package.Package]
		if !slices.ContainsFunc(have, func(q pin) bool { return !p.differs(q) }) {
			g.pins[p.Package.Package] = append(have, p)
		}
	}
}

// clash finds two pins that contradict each other.
func clash(a, b map[string][]pin) (pin, pin, bool) {
	for _, name := range slices.Sorted(maps.Keys(b)) {
		for _, q := range b[name] {
			for _, p := range a[name] {
				if p.differs(q) {
					return p, q, true
				}
			}
		}
	}
	return pin{}, pin{}, false
}

// grouped puts together what one folder holds, then what shares an include.
func grouped(all []*root) []*group {
	var out []*group
	folders := map[string]*group{}
	owner := map[string]*group{} // of each source
	for _, r := range all {
		g := &group{pins: map[string][]pin{}}
		g.add(r.pins)
		into := folders[r.folder]
		p, q, apart := pin{}, pin{}, false
		if r.folder != "" && into != nil {
			if p, q, apart = clash(into.pins, g.pins); apart {
				into.conflicts, g.conflicts = append(into.conflicts, conflict(p, q)), append(g.conflicts, conflict(p, q))
			}
		}
		if into == nil || r.folder == "" || apart {
			out = append(out, g)
			if into == nil && r.folder != "" {
				folders[r.folder] = g
			}
			into = g
		} else {
			into.add(r.pins)
		}
		into.roots = append(into.roots, r)
		for _, s := range r.sources {
			owner[s] = into
		}
	}
	for _, g := range out {
		g.share(owner)
	}
	return slices.DeleteFunc(out, func(g *group) bool { return g.joined != nil })
}

// share joins a group to those whose sources it includes, where nothing contradicts.
func (g *group) share(owner map[string]*group) {
	for _, r := range slices.Clone(g.roots) {
		for _, s := range r.shared {
			mine, other := g.end(), owner[s].end()
			if mine == other || slices.Contains(mine.shared, s) {
				continue
			}
			if p, q, apart := clash(other.pins, mine.pins); apart {
				mine.shared = append(mine.shared, s)
				mine.conflicts = append(mine.conflicts, fmt.Sprintf("%s; %s, which it includes, is planned with %s", conflict(p, q), s, other.roots[0].name()))
				continue
			}
			for _, have := range mine.pins {
				other.add(have)
			}
			other.roots = append(other.roots, mine.roots...)
			other.shared, other.conflicts = append(other.shared, mine.shared...), append(other.conflicts, mine.conflicts...)
			mine.joined = other
		}
	}
}

func (g *group) end() *group {
	for g.joined != nil {
		g = g.joined
	}
	return g
}

func conflict(a, b pin) string {
	return fmt.Sprintf("%s, %s: they can't be installed together; each is planned by itself", a.text(), b.text())
}

func (g *group) environment() Environment {
	e := Environment{Name: g.roots[0].name(), Shared: g.shared, Conflicts: g.conflicts}
	for _, r := range g.roots {
		e.Sources, e.Scopes = append(e.Sources, r.sources...), append(e.Scopes, r.scope)
	}
	for _, name := range slices.Sorted(maps.Keys(g.pins)) {
		sure := slices.DeleteFunc(slices.Clone(g.pins[name]), func(p pin) bool { return !p.certain })
		for _, p := range sure[min(1, len(sure)):] {
			e.Broken = append(e.Broken, fmt.Sprintf("%s, %s: %s", sure[0].text(), p.text(), sure[0].beside(p)))
		}
	}
	slices.Sort(e.Sources)
	slices.Sort(e.Scopes)
	slices.Sort(e.Shared)
	e.Sources, e.Shared = slices.Compact(e.Sources), slices.Compact(e.Shared)
	e.Shared = slices.DeleteFunc(e.Shared, func(s string) bool { return slices.Contains(e.Sources, s) })
	return e
}
