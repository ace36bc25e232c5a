// Package manifest writes the updates of a plan back into the files an application is installed from, and
// proves what it wrote.
//
// A [Format] is one kind of file. It changes the bytes of versions and hashes, adds the pins an update adds, and
// nothing else: order, comments, blank lines, markers, extras, options, spacing and line ends stay as they are.
// [Rewrite] lets each format work on its files and then read again what it wrote: what cannot be proved is an
// error, and the caller writes nothing.
package manifest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Format is one kind of manifest. Its methods are pure but for what a format says of itself (a lock file may need
// its own tool); they change nothing in the Set.
type Format interface {
	// Name is for people: "requirements.txt".
	Name() string
	// Takes reports whether it writes files of a kind: that of an inventory.Source, else of an inventory.File.
	Takes(kind string) bool
	// Apply returns the files that change, whole, by path. An update that finds no place is an error, and so is
	// one that another line of the file contradicts.
	Apply(ctx context.Context, s Set) (map[string][]byte, error)
	// Verify reads again what was written and proves it: each update stands once where it should, nothing
	// outside of versions, hashes and added pins changed, hashed requirements carry exactly the hashes given,
	// and the file can be read again. changed is what Apply returned; a file not in it is as it was.
	Verify(ctx context.Context, s Set, changed map[string][]byte) error
}

// Set is what is to be written.
type Set struct {
	Files     map[string][]byte // by path: those of Touched, as they were read
	Inventory *inventory.Inventory
	Updates   []report.Update // From "": a pin to add to Source; each at most once
	Env       pep508.Environment
}

// Formats is the table of what can be written. more are formats that need something of their own, as a tool.
func Formats(more ...Format) []Format {
	return append([]Format{
		Requirements{},
	}, more...)
}

// Rewrite applies the updates and verifies the result; it returns the files that change. Updates of sources
// whose file is not in the set (an installed environment, a manifest that holds a secret) change nothing.
func Rewrite(ctx context.Context, s Set, formats []Format) (map[string][]byte, error) {
	out := map[string][]byte{}
	taken := map[string]bool{}
	about := aboutOf(s.Inventory)
	for _, f := range formats {
		part := Set{Files: map[string][]byte{}, Inventory: s.Inventory, Env: s.Env}
		for path, text := range s.Files {
			if !taken[path] && f.Takes(about.kind(path)) {
				part.Files[path], taken[path] = text, true
			}
		}
		for _, u := range s.Updates {
			if _, here := part.Files[u.Source]; here {
				part.Updates = append(part.Updates, u)
			}
		}
		if len(part.Updates) == 0 {
			continue
		}
		changed, err := f.Apply(ctx, part)
		if err != nil {
			return nil, err
		}
		if err := f.Verify(ctx, part, changed); err != nil {
			return nil, fmt.Errorf("check what was written as %s: %w; nothing was written", f.Name(), err)
		}
		maps.Copy(out, changed)
	}
	for _, u := range s.Updates {
		if _, ok := s.Files[u.Source]; ok && !taken[u.Source] {
			return nil, fmt.Errorf("write %q back: no format writes files of kind %q", u.Source, about.kind(u.Source))
		}
	}
	return out, nil
}

// Touched are the manifests that updates may change: their own, and those that limit the environments they are
// of. A caller reads them and no others.
func Touched(inv *inventory.Inventory, updates []report.Update) []inventory.File {
	about := aboutOf(inv)
	scopes, sources := map[string]bool{}, map[string]bool{}
	for _, u := range updates {
		sources[u.Source] = true
		for _, scope := range about.scopes[u.Source] {
			scopes[scope] = true
		}
	}
	var out []inventory.File
	for _, f := range inv.Files {
		if sources[f.Path] || slices.ContainsFunc(f.Scopes, func(s string) bool { return scopes[s] }) || about.limitsAll(f.Path) && len(updates) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// about is what an inventory says of its files.
type about struct {
	kinds  map[string]string          // of sources
	files  map[string]inventory.File  // by path
	scopes map[string][]string        // of each source
	names  map[string]map[string]bool // the packages each source requires
}

func aboutOf(inv *inventory.Inventory) about {
	a := about{kinds: map[string]string{}, files: map[string]inventory.File{}, scopes: map[string][]string{}, names: map[string]map[string]bool{}}
	for _, s := range inv.Sources {
		a.kinds[s.Path] = s.Kind
	}
	for _, f := range inv.Files {
		a.files[f.Path] = f
	}
	for _, p := range inv.Packages {
		if a.names[p.Source] == nil {
			a.names[p.Source] = map[string]bool{}
		}
		a.names[p.Source][p.Package] = true
		if !slices.Contains(a.scopes[p.Source], p.Scope) {
			a.scopes[p.Source] = append(a.scopes[p.Source], p.Scope)
		}
	}
	return a
}

// kind is that of the source a file is, else its own. A file of neither is a constraints file of an inventory
// that does not say so.
func (a about) kind(path string) string {
	if kind := a.kinds[path]; kind != "" {
		return kind
	}
	if kind := a.files[path].Kind; kind != "" {
		return kind
	}
	return requirementsKind
}

// limitsAll is true of the constraints files of inventories that do not say yet what a file limits.
func (a about) limitsAll(path string) bool {
	f, ok := a.files[path]
	return ok && f.Kind == "" && len(f.Scopes) == 0 && a.kinds[path] == "" && a.names[path] == nil
}

// limits tells whether a file limits the pins of a source.
func (a about) limits(path, source string) bool {
	return a.limitsAll(path) || slices.ContainsFunc(a.scopes[source], func(s string) bool { return slices.Contains(a.files[path].Scopes, s) })
}

// place names a line for people.
func place(path string, line int) string {
	if line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d", path, line)
}

// list writes names as in a sentence.
func list(names []string) string { return strings.Join(names, ", ") }
