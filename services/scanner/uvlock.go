package scanner

import (
	"fmt"
	"path"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

// uvLock reads uv.lock. What stands there is what uv installs, whatever pyproject.toml allows.
type uvLock struct{}

func (uvLock) Kind() string { return "uv-lock" }

func (uvLock) Takes(name string) bool { return path.Base(name) == "uv.lock" }

func (u uvLock) Read(t *tree, name string) manifest {
	m := manifest{Kind: u.Kind(), Path: name, Ecosystem: "PyPI", Covers: []string{path.Dir(name)}}
	data, err := t.read(name, maxFile)
	if err == nil {
		m.Content = data
		parseUVLock(data, &m)
		return m
	}
	m.Unread = true
	m.incomplete(inventory.Unreadable, 0, fmt.Sprintf("%s: %v", name, err))
	return m
}

// parseUVLock fills m from the bytes of a lock file.
func parseUVLock(data []byte, m *manifest) {
	m.dropSecrets(string(data))
	lock, err := uvlock.Parse(data)
	if err != nil {
		m.Unread = true
		m.incomplete(inventory.Unparsed, 0, fmt.Sprintf("%s: %v", m.Path, err))
		return
	}
	root := map[*uvlock.Package]bool{}
	for _, p := range lock.Roots() {
		root[p] = true
		m.Covers = append(m.Covers, path.Join(path.Dir(m.Path), p.Source.Local()))
	}
	needs := lock.Needs()
	for _, p := range lock.Packages {
		if root[p] {
			continue
		}
		if len(m.Packages) >= maxPackages {
			m.incomplete(inventory.Unparsed, p.Line, fmt.Sprintf("more than %d packages in one file", maxPackages))
			return
		}
		m.locked(p, needs[p])
	}
}

// locked adds one package of a lock.
func (m *manifest) locked(p *uvlock.Package, need uvlock.Need) {
	out := inventory.Package{Package: p.Name, Ecosystem: m.Ecosystem, Line: p.Line, Pin: inventory.None, Dev: need.Dev, Direct: need.Direct}
	if checkMarker(need.Marker) == nil { // else as if it were always needed
		out.Marker = need.Marker
	}
	if p.Source.Registry == "" {
		out.Reference = cleanReference(p.Source.Reference())
		m.incomplete(inventory.NotCovered, p.Line, fmt.Sprintf("%s comes from %s %.200q: no index vouches for what it is", p.Name, p.Source.Kind(), out.Reference))
		m.Packages = append(m.Packages, out)
		return
	}
	out.Pin, out.Version, out.Specifier = inventory.Exact, p.Version, "=="+p.Version
	files := p.Wheels
	if p.SDist != nil {
		files = append([]uvlock.File{*p.SDist}, files...)
	}
	for _, f := range files {
		switch {
		case f.Hash == "": // of a folder that serves as an index
		case isHash(f.Hash):
			out.Hashes = append(out.Hashes, f.Hash)
		default:
			m.incomplete(inventory.Unparsed, p.Line, fmt.Sprintf("%s:%d: %.80q is no hash; want ALGORITHM:HEX", m.Path, p.Line, f.Hash))
		}
	}
	m.Packages = append(m.Packages, out)
}

// dropSecrets keeps a manifest that holds a password from becoming evidence, which others can read.
func (m *manifest) dropSecrets(text string) {
	if holdsSecret(text) {
		m.Content = nil
		m.Notes = append(m.Notes, fmt.Sprintf("%s: holds a password or token in an address: it is not kept as evidence, and a plan does not write it back; let the address come from a variable or netrc", m.Path))
	}
}
