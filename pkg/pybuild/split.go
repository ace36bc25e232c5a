package pybuild

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
)

// Pin is one package of one version.
type Pin struct {
	Package, Version, Source string // the package normalised (PEP 503); Source: the manifest
	Line                     int
	Hashes                   []string // "sha256:…", as written; empty: whatever the index offers
	Direct                   bool
	Marker                   string
	Extras                   []string // asked for by the manifests that Direct comes from, and by what they were compiled from; sorted
}

// The kinds of a Problem.
const (
	Unpinned            = "unpinned"             // no version
	Ranged              = "ranged"               // no exact version
	Reference           = "reference"            // a URL, a repository or a path
	Twice               = "twice"                // two versions of one package
	Unread              = "incomplete"           // a manifest that could not be read, or not whole
	SeveralEnvironments = "several-environments" // it can't be told which one ships
	NoEnvironment       = "no-environment"       // nothing ships, and there are manifests
	NoDistribution      = "no-distribution"      // none for this Python and machine
	NoWheel             = "no-wheel"             // only a source distribution
	Yanked              = "yanked"               // withdrawn (PEP 592), and installed all the same because it is pinned
	WrongHash           = "hash"                 // the manifest's hashes are none of the index's, or the index has none
	Gone                = "gone"                 // the index does not know the package or the release
)

// Problem is why an environment can't be built as its manifests say.
type Problem struct {
	Kind, Package, Source string
	Line                  int
	Detail, Do            string // what is so, and what to do; a sentence each, without a full stop
	Tests                 bool   // it is of what only tests need
	Note                  bool   // it keeps nothing from being built
}

func (p Problem) String() string {
	at := p.Source
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, p.Line)
	}
	if at != "" {
		at += ": "
	}
	if p.Do == "" {
		return at + p.Detail
	}
	return at + p.Detail + "; " + p.Do
}

// Sets are the pins of an application, by name.
type Sets struct {
	Ship    []Pin
	Tests   []Pin    // only for development, and not in Ship
	Sources []string // the manifests that Ship comes from, sorted
	Notes   []string // what was decided between them, a sentence each
}

// Split takes apart what an inventory says: which packages ship, and which only tests need. What is installed
// together is what pkg/manifest.Environments groups; installed environments and other ecosystems are left out. Rules:
//
//   - what a file pins whose name says dev, test, lint, docs, typing or ci, or a group for development of a lock, does
//     not ship, nor does anything in a folder of such a name;
//   - the environment of the root's requirements.txt ships; without one that of its uv.lock, then that of its
//     pyproject.toml, then the only other one of the root;
//   - without any at the root the only one elsewhere ships; several are a Problem;
//   - tests need what is for development in the environment that ships, and in other environments of the root, and of
//     folders called test or tests. Where that contradicts what ships, what ships is taken: a note. Where two such
//     files contradict each other, one named for tests is taken before others.
//
// Pins whose marker is false on target are left out; one that can't be judged there is kept.
func Split(inv *inventory.Inventory, target pep508.Environment) (Sets, []Problem) {
	s := splitter{inv: inv, target: target}
	ship, problems := s.choose(manifest.Environments(inv, target))
	if ship == nil {
		return Sets{}, append(problems, s.unread(nil)...)
	}
	scopes := map[string]bool{}
	for _, scope := range ship.Scopes {
		scopes[scope] = true
	}
	shared := map[string]bool{}
	for _, source := range ship.Shared {
		shared[source] = true
	}
	ships, tests := newCollection(false), newCollection(true)
	var rest []inventory.Package
	for _, p := range inv.Packages {
		if !s.active(p) {
			continue
		}
		switch mine := scopes[p.Scope] || shared[p.Source]; {
		case mine && !forDevelopment(p):
			ships.add(p)
		case mine || forDevelopment(p) && s.near(p.Source):
			rest = append(rest, p)
		}
	}
	slices.SortStableFunc(rest, func(a, b inventory.Package) int {
		return cmp.Or(cmp.Compare(testRank(a.Source), testRank(b.Source)), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	sets := Sets{Sources: slices.DeleteFunc(slices.Concat(ship.Sources, ship.Shared), saysDevelopment), Notes: s.notes}
	for _, p := range rest {
		if have := ships.pins[p.Package]; have == nil {
			tests.add(p)
		} else if p.Pin == inventory.Exact && !sameVersion(p.Version, have.Version) {
			sets.Notes = append(sets.Notes, fmt.Sprintf("%s wants %s %s for development, %s ships: tests run with what ships", place(p.Source, p.Line), p.Package, p.Version, have.Version))
		}
	}
	s.extras(ships, scopes)
	sets.Ship, sets.Tests = ships.sorted(), tests.sorted()
	sets.Notes = append(sets.Notes, tests.notes...)
	problems = append(problems, ships.problems...)
	problems = append(problems, tests.problems...)
	return sets, append(problems, s.unread(ship.Sources)...)
}

type splitter struct {
	inv    *inventory.Inventory
	target pep508.Environment
	notes  []string
}

// extras adds those that only the file asks for which the manifests were compiled from: compilers leave them out.
func (s *splitter) extras(of *collection, scopes map[string]bool) {
	for _, b := range s.inv.Bounds {
		have := of.pins[b.Package]
		if have == nil || !have.Direct || !scopes[b.Scope] || saysDevelopment(b.Source) {
			continue
		}
		if m, err := pep508.ParseMarker(b.Marker); err != nil || m.Holds(s.target, "") != pep508.Untrue {
			have.ask(b.Extras)
		}
	}
}

// active is false of what does not count on the target, and of other ecosystems and installed environments.
func (s *splitter) active(p inventory.Package) bool {
	if !ours(p) {
		return false
	}
	m, err := pep508.ParseMarker(p.Marker)
	return err != nil || m.Holds(s.target, "") != pep508.Untrue
}

func ours(p inventory.Package) bool {
	return p.Ecosystem == "PyPI" && strings.HasPrefix(p.Scope, "repository:")
}

// near is true of a manifest of the root, or in a folder of tests.
func (s *splitter) near(source string) bool {
	dir := path.Dir(source)
	base := path.Base(dir)
	return dir == "." || base == "test" || base == "tests"
}

// choose finds the environment that ships.
func (s *splitter) choose(all []manifest.Environment) (*manifest.Environment, []Problem) {
	holds := map[string]bool{} // scopes with something that ships
	for _, p := range s.inv.Packages {
		if s.active(p) && !forDevelopment(p) {
			holds[p.Scope] = true
		}
	}
	for _, i := range s.unread(nil) { // what could not be read may ship
		holds["repository:"+i.Source] = holds["repository:"+i.Source] || !saysDevelopment(i.Source)
	}
	var root, elsewhere []*manifest.Environment
	for i := range all {
		e := &all[i]
		if !slices.ContainsFunc(e.Scopes, func(scope string) bool { return holds[scope] }) || saysDevelopment(e.Name) {
			continue
		}
		if path.Dir(e.Name) == "." {
			root = append(root, e)
		} else {
			elsewhere = append(elsewhere, e)
		}
	}
	slices.SortStableFunc(root, func(a, b *manifest.Environment) int { return cmp.Compare(shipRank(a), shipRank(b)) })
	switch {
	case len(root) > 1 && shipRank(root[0]) == shipRank(root[1]):
		return nil, []Problem{several(root)}
	case len(root) > 0:
		for _, e := range slices.Concat(root[1:], elsewhere) {
			s.notes = append(s.notes, fmt.Sprintf("%s ships; %s is left out", root[0].Name, e.Name))
		}
		return root[0], nil
	case len(elsewhere) > 1:
		return nil, []Problem{several(elsewhere)}
	case len(elsewhere) == 1:
		return elsewhere[0], nil
	}
	for i := range all { // what is only for development is tested, and ships nothing
		if path.Dir(all[i].Name) == "." && slices.ContainsFunc(s.inv.Packages, func(p inventory.Package) bool { return s.active(p) && slices.Contains(all[i].Scopes, p.Scope) }) {
			return &all[i], nil
		}
	}
	if i := slices.IndexFunc(s.inv.Packages, s.active); i >= 0 {
		return nil, []Problem{{Kind: NoEnvironment, Source: s.inv.Packages[i].Source, Detail: "no manifest is of what ships: all are in folders for development", Do: nameIt}}
	}
	return nil, nil
}

const nameIt = "name the one that does under manifests: in .drydock.yaml, or set the application's path: to its folder"

func several(of []*manifest.Environment) Problem {
	names := make([]string, 0, len(of))
	for _, e := range of {
		names = append(names, e.Name)
	}
	return Problem{Kind: SeveralEnvironments, Source: names[0], Detail: fmt.Sprintf("%s could each be what ships", strings.Join(names, ", ")),
		Do: nameIt}
}

func shipRank(e *manifest.Environment) int {
	has := func(name string) bool {
		return e.Name == name || slices.Contains(e.Sources, name)
	}
	for i, name := range []string{"requirements.txt", "uv.lock", "pyproject.toml"} {
		if has(name) {
			return i
		}
	}
	return 3
}

// unread are the problems of what could not be read, in the given sources or, for nil, in any of this ecosystem.
func (s *splitter) unread(sources []string) []Problem {
	var out []Problem
	for _, i := range s.inv.Incomplete {
		if i.Source == "" || i.Ecosystem != "" && i.Ecosystem != "PyPI" || sources != nil && !slices.Contains(sources, i.Source) || saysDevelopment(i.Source) {
			continue
		}
		switch i.Reason {
		case inventory.Unreadable, inventory.Unparsed:
		case inventory.NotCovered:
			if s.hasReference(i) {
				continue // told as what it is
			}
		default:
			continue
		}
		out = append(out, Problem{Kind: Unread, Source: i.Source, Line: i.Line, Detail: i.Detail, Do: "what it asks for is not known, so an environment without it proves nothing: correct it, or lock it in a file that can be read"})
	}
	return out
}

func (s *splitter) hasReference(i inventory.Incomplete) bool {
	return slices.ContainsFunc(s.inv.Packages, func(p inventory.Package) bool { return p.Reference != "" && p.Source == i.Source && p.Line == i.Line })
}

// developmentWords in the name of a file or folder say that it is not for what ships; the scanner knows the same of
// files.
var developmentWords = map[string]bool{"dev": true, "develop": true, "development": true, "test": true, "tests": true, "testing": true, "lint": true, "docs": true, "doc": true, "ci": true, "typing": true}

func saysDevelopment(source string) bool {
	dir, base := path.Split(source)
	for folder := range strings.SplitSeq(dir, "/") {
		if developmentWords[strings.ToLower(folder)] {
			return true
		}
	}
	stem := strings.TrimSuffix(base, path.Ext(base))
	for part := range strings.FieldsFuncSeq(stem, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if developmentWords[strings.ToLower(part)] {
			return true
		}
	}
	return false
}

func forDevelopment(p inventory.Package) bool { return p.Dev || saysDevelopment(p.Source) }

// testRank puts files that are named for tests first.
func testRank(source string) int {
	switch {
	case strings.Contains(source, "test"):
		return 0
	case strings.Contains(source, "dev"):
		return 1
	}
	return 2
}

// collection gathers the pins of one set.
type collection struct {
	tests    bool
	pins     map[string]*Pin
	problems []Problem
	notes    []string
	told     map[string]bool
}

func newCollection(tests bool) *collection {
	return &collection{tests: tests, pins: map[string]*Pin{}, told: map[string]bool{}}
}

func (c *collection) sorted() []Pin {
	var out []Pin
	for _, name := range slices.Sorted(maps.Keys(c.pins)) {
		out = append(out, *c.pins[name])
	}
	return out
}

func (c *collection) problem(kind string, p inventory.Package, detail, do string) {
	key := kind + " " + p.Package + " " + detail
	if c.told[key] {
		return
	}
	c.told[key] = true
	c.problems = append(c.problems, Problem{Kind: kind, Package: p.Package, Source: p.Source, Line: p.Line, Detail: detail, Do: do, Tests: c.tests})
}

func (c *collection) add(p inventory.Package) {
	const lock = "write its exact version (pip-compile or uv pip compile make such a file, uv lock a lock), so that what is tested is what ships"
	name := cmp.Or(p.Package, "a requirement")
	switch {
	case p.Reference != "":
		c.problem(Reference, p, fmt.Sprintf("%s comes from %.200s and not from an index", name, p.Reference), "publish it on an index of yours and pin its version: what a URL, a repository or a path holds can change")
		return
	case p.Pin == inventory.Ranged:
		c.problem(Ranged, p, fmt.Sprintf("%s%s has no exact version", name, p.Specifier), lock)
		return
	case p.Pin != inventory.Exact:
		c.problem(Unpinned, p, name+" has no version", lock)
		return
	}
	have := c.pins[p.Package]
	if have == nil {
		c.pins[p.Package] = &Pin{Package: p.Package, Version: p.Version, Source: p.Source, Line: p.Line, Hashes: slices.Clone(p.Hashes), Direct: p.Direct, Marker: p.Marker}
		c.pins[p.Package].asks(p)
		return
	}
	if !sameVersion(have.Version, p.Version) {
		detail := fmt.Sprintf("%s pins %s %s, %s pins %s", place(have.Source, have.Line), p.Package, have.Version, place(p.Source, p.Line), p.Version)
		if c.tests && have.Source != p.Source {
			c.notes = append(c.notes, detail+": tests run with the first")
			return
		}
		c.problem(Twice, p, detail, "no installer takes both: remove one, or give them markers that exclude each other")
		return
	}
	have.Direct = have.Direct || p.Direct
	have.asks(p)
	c.join(have, p)
}

// asks adds the extras that a line asks for which names the package for its own sake. Where the line says that others
// require it, their metadata says with which extras.
func (pin *Pin) asks(p inventory.Package) {
	if p.Direct {
		pin.ask(p.Extras)
	}
}

func (pin *Pin) ask(extras []string) {
	pin.Extras = append(pin.Extras, extras...)
	slices.Sort(pin.Extras)
	pin.Extras = slices.Compact(pin.Extras)
}

// join keeps what both allow.
func (c *collection) join(have *Pin, p inventory.Package) {
	if len(have.Hashes) == 0 || len(p.Hashes) == 0 {
		have.Hashes = append(have.Hashes, p.Hashes...)
		return
	}
	both := slices.DeleteFunc(slices.Clone(have.Hashes), func(h string) bool { return !slices.Contains(p.Hashes, h) })
	if len(both) == 0 {
		c.problem(WrongHash, p, fmt.Sprintf("%s and %s give %s %s no hash in common", place(have.Source, have.Line), place(p.Source, p.Line), p.Package, p.Version), "write the hashes again, of both")
		return
	}
	have.Hashes = both
}

func sameVersion(a, b string) bool {
	v, errA := pep440.Parse(a)
	w, errB := pep440.Parse(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return v.Equal(w)
}

func place(source string, line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d", source, line)
	}
	return source
}
