// Package uvlock reads uv.lock, the lock file of uv projects: what is locked, from where, and under which
// markers it is needed. It follows the file as uv writes it (version 1; revisions only add to it) and says so
// where a file is something else. It reads bytes and opens nothing.
package uvlock

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Lock is one uv.lock.
type Lock struct {
	Version           int        `toml:"version"`
	Revision          int        `toml:"revision"`
	RequiresPython    string     `toml:"requires-python"`
	ResolutionMarkers []string   `toml:"resolution-markers"`
	SupportedMarkers  []string   `toml:"supported-markers"` // tool.uv.environments
	RequiredMarkers   []string   `toml:"required-markers"`  // tool.uv.required-environments
	Options           Options    `toml:"options"`
	Manifest          Manifest   `toml:"manifest"`
	Packages          []*Package `toml:"package"`
	Distributions     []any      `toml:"distribution"` // as packages were called before uv 0.4

	text []byte
}

// Options are the settings the lock was made with, where they are not uv's own.
type Options struct {
	ResolutionMode string `toml:"resolution-mode"`
	PrereleaseMode string `toml:"prerelease-mode"`
	ForkStrategy   string `toml:"fork-strategy"`
}

// Manifest is what the lock answers, beyond the dependencies of its members.
type Manifest struct {
	Members          []string                `toml:"members"` // names of the workspace's packages; none: the project alone
	Requirements     []Dependency            `toml:"requirements"`
	DependencyGroups map[string][]Dependency `toml:"dependency-groups"`
}

// Package is one [[package]].
type Package struct {
	Name                 string                  `toml:"name"`    // normalised (PEP 503)
	Version              string                  `toml:"version"` // empty: computed when the project is built
	Source               Source                  `toml:"source"`
	ResolutionMarkers    []string                `toml:"resolution-markers"`
	Dependencies         []Dependency            `toml:"dependencies"`
	OptionalDependencies map[string][]Dependency `toml:"optional-dependencies"`
	DevDependencies      map[string][]Dependency `toml:"dev-dependencies"`
	SDist                *File                   `toml:"sdist"`
	Wheels               []File                  `toml:"wheels"`

	Line       int `toml:"-"` // of its [[package]], from 1; 0: not known
	start, end int // bytes of its block
}

// Source says where a package comes from; one field is set.
type Source struct {
	Registry  string `toml:"registry"` // address of an index, or a folder of files
	Git       string `toml:"git"`
	URL       string `toml:"url"`
	Path      string `toml:"path"`
	Directory string `toml:"directory"`
	Editable  string `toml:"editable"`
	Virtual   string `toml:"virtual"`
}

// File is one distribution of a package release.
type File struct {
	URL        string `toml:"url"`
	Path       string `toml:"path"`     // in a folder that serves as an index
	Filename   string `toml:"filename"` // where the address does not tell it
	Hash       string `toml:"hash"`     // "sha256:…"
	Size       int64  `toml:"size"`
	UploadTime string `toml:"upload-time"`
}

// Dependency is an edge. Version and Source stand only where the name alone does not say which package is meant.
type Dependency struct {
	Name    string   `toml:"name"`
	Version string   `toml:"version"`
	Source  *Source  `toml:"source"`
	Extra   []string `toml:"extra"`
	Marker  string   `toml:"marker"`
}

// Kind names the kind of a source as the file does.
func (s Source) Kind() string {
	switch {
	case s.Registry != "":
		return "registry"
	case s.Git != "":
		return "git"
	case s.URL != "":
		return "url"
	case s.Path != "":
		return "path"
	case s.Directory != "":
		return "directory"
	case s.Editable != "":
		return "editable"
	case s.Virtual != "":
		return "virtual"
	}
	return ""
}

// Local is the folder of a source that is one: editable, virtual or directory; else empty.
func (s Source) Local() string {
	for _, dir := range []string{s.Editable, s.Virtual, s.Directory} {
		if dir != "" {
			return dir
		}
	}
	return ""
}

// Reference is where a package that no index vouches for comes from, as written.
func (s Source) Reference() string {
	for _, at := range []string{s.Git, s.URL, s.Path} {
		if at != "" {
			return at
		}
	}
	return s.Local()
}

// Name is the file's own, without the address.
func (f File) Name() string {
	if f.Filename != "" {
		return f.Filename
	}
	at := f.URL
	if at == "" {
		at = f.Path
	}
	at, _, _ = strings.Cut(at, "#")
	at, _, _ = strings.Cut(at, "?")
	at = at[strings.LastIndexByte(at, '/')+1:]
	if name, err := url.PathUnescape(at); err == nil {
		return name
	}
	return at
}

// Parse reads a lock file. Errors name what is wrong and where, without repeating more than a line of the file.
func Parse(data []byte) (*Lock, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than the limit of %d for a lock file", len(data), maxBytes)
	}
	if n := bytes.Count(data, []byte("{")); n > maxEntries {
		return nil, fmt.Errorf("%d entries are more than the limit of %d", n, maxEntries)
	}
	if n := bytes.Count(data, packageHeader[:2]); n > maxPackages {
		return nil, fmt.Errorf("%d packages are more than the limit of %d", n, maxPackages)
	}
	l := &Lock{text: data}
	if err := toml.Unmarshal(data, l); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		return nil, err
	}
	if l.Version != 1 {
		return nil, fmt.Errorf("it is of version %d, this Drydock reads version 1; let the uv that the project uses write it again", l.Version)
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	l.locate()
	return l, nil
}

func (l *Lock) check() error {
	if len(l.Distributions) > 0 {
		return errors.New("it was written by a uv from before 0.4; let the uv that the project uses write it again")
	}
	if len(l.Packages) > maxPackages {
		return fmt.Errorf("%d packages are more than the limit of %d", len(l.Packages), maxPackages)
	}
	for i, p := range l.Packages {
		if p == nil || p.Name == "" || pep440.Normalize(p.Name) != p.Name {
			return fmt.Errorf("package %d has no name as uv writes it", i+1)
		}
		if p.Source.Kind() == "" {
			return fmt.Errorf("package %.100q has a source of an unknown kind", p.Name)
		}
		if p.Source.Registry != "" && p.Version == "" {
			return fmt.Errorf("package %.100q comes from a registry and has no version", p.Name)
		}
	}
	return nil
}

var packageHeader = []byte("[[package]]")

// locate finds the lines of the packages. Where the text has other headers than the parser saw (in a string of
// several lines, or written in another way) no line is told rather than a wrong one.
func (l *Lock) locate() {
	type place struct{ line, start int }
	var places []place
	for at, line := 0, 1; at < len(l.text); line++ {
		end := len(l.text)
		if n := bytes.IndexByte(l.text[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		if bytes.Equal(bytes.TrimRight(l.text[at:end], " \t\r\n"), packageHeader) {
			places = append(places, place{line, at})
		}
		at = end
	}
	if len(places) != len(l.Packages) {
		return
	}
	for i, p := range l.Packages {
		p.Line, p.start, p.end = places[i].line, places[i].start, len(l.text)
		if i+1 < len(places) {
			p.end = places[i+1].start
		}
	}
}

// Header is the text before the first package.
func (l *Lock) Header() []byte {
	if len(l.Packages) == 0 || l.Packages[0].Line == 0 {
		return l.text
	}
	return l.text[:l.Packages[0].start]
}

// Block is the text of a package of this lock, from its header to the next; nil where it is not known.
func (l *Lock) Block(p *Package) []byte {
	if p.Line == 0 {
		return nil
	}
	return l.text[p.start:p.end]
}

// Roots are the packages that are the project itself: the members of the workspace, or the one at the lock's own
// folder.
func (l *Lock) Roots() []*Package {
	members := map[string]bool{}
	for _, m := range l.Manifest.Members {
		members[pep440.Normalize(m)] = true
	}
	var roots []*Package
	for _, p := range l.Packages {
		dir := p.Source.Local()
		if dir != "" && (members[p.Name] || dir == ".") {
			roots = append(roots, p)
		}
	}
	return roots
}
