package scanner

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pyproject"
)

// projects reads pyproject.toml: what a project asks for. Where a lock or a compiled requirements file pins that,
// its ranges only bound the pins; else they are requirements without an exact version. Nothing is built: what a
// build backend computes is not known.
type projects struct{}

func (projects) Kind() string { return "pyproject" }

func (projects) Takes(name string) bool { return path.Base(name) == "pyproject.toml" }

func (k projects) Read(t *tree, name string) manifest {
	m := manifest{Kind: k.Kind(), Path: name, Ecosystem: "PyPI"}
	data, err := t.read(name, maxFile)
	if err == nil {
		m.Content = data
		parseProject(data, &m)
		return m
	}
	m.Unread = true
	m.incomplete(inventory.Unreadable, 0, fmt.Sprintf("%s: %v", name, err))
	return m
}

// parseProject fills m from the bytes of a pyproject.toml.
func parseProject(data []byte, m *manifest) {
	m.dropSecrets(string(data))
	f, err := pyproject.Parse(data)
	if err != nil {
		m.Unread = true
		m.incomplete(inventory.Unparsed, 0, fmt.Sprintf("%s: %v", m.Path, err))
		return
	}
	for _, s := range f.Redirects() {
		if len(m.Notes) < maxIncomplete {
			m.Notes = append(m.Notes, strings.TrimSpace(fmt.Sprintf("%s: %s is not obeyed: %s", m.Path, s.Key, cleanReference(s.Value))))
		}
	}
	dependencies := f.Dependencies()
	_, poetry := f.Tool.Poetry["dependencies"]
	if f.Project == nil && len(dependencies) == 0 && !poetry { // it configures tools
		if m.Unread = true; f.Tool.UV.Workspace == nil { // else writing the workspace's lock takes it
			m.Content = nil
		}
		return
	}
	if f.Dynamic("dependencies") {
		m.incomplete(inventory.NotCovered, 0, fmt.Sprintf("%s: its dependencies are dynamic: the build backend computes them, and nothing is built here; lock them, or scan the installed environment", m.Path))
	}
	if poetry && (f.Project == nil || len(f.Project.Dependencies) == 0) {
		m.incomplete(inventory.NotCovered, 0, fmt.Sprintf("%s: dependencies as Poetry writes them are not read by this version; export them to a requirements.txt, or scan the installed environment", m.Path))
	}
	own := ""
	if f.Project != nil {
		own = pep440.Normalize(f.Project.Name)
	}
	for _, d := range dependencies {
		p, err := m.declared(d)
		switch {
		case err != nil:
			m.incomplete(inventory.Unparsed, d.Line, fmt.Sprintf("%s: %v", m.Path, err))
		case p.Package == own: // an extra that includes others of the project itself
		case len(m.Packages) >= maxPackages:
			m.incomplete(inventory.Unparsed, d.Line, fmt.Sprintf("more than %d requirements in one file", maxPackages))
			return
		default:
			m.Packages = append(m.Packages, p)
		}
	}
	limits := slices.Clone(f.Tool.UV.Constraints)
	for _, o := range f.Tool.UV.Overrides {
		if text, ok := o.(string); ok {
			limits = append(limits, text)
		}
	}
	for _, text := range limits {
		if p, err := m.declared(pyproject.Dependency{Text: text}); err == nil && len(m.Limits) < maxPackages {
			m.Limits = append(m.Limits, p)
		}
	}
}

// declared is one requirement of a project.
func (m *manifest) declared(d pyproject.Dependency) (inventory.Package, error) {
	if len(d.Text) > maxLine {
		return inventory.Package{}, fmt.Errorf("a requirement of %d bytes is longer than %d", len(d.Text), maxLine)
	}
	p, err := parsePEP508(strings.TrimSpace(d.Text))
	if err != nil {
		if userinfo.MatchString(d.Text) {
			err = errors.New("a requirement with an address is not understood")
		}
		return p, err
	}
	p.Ecosystem, p.Line, p.Direct, p.Dev = m.Ecosystem, d.Line, true, d.Group != ""
	return p, nil
}

// project adds what a pyproject.toml declares: bounds where a lock or a compiled file pins it, else packages.
func (a *assembly) project(m *manifest, all []manifest) {
	dir := path.Dir(m.Path)
	scopes, foreign := a.locks(dir, all)
	locked := len(scopes) > 0 || foreign
	pins := map[string]map[string]string{} // scope → name → version, of files compiled from this one
	if !locked {
		pins = a.compiled(dir, all)
	}
	var open []inventory.Package
	for _, p := range m.Packages {
		p.Source, p.Scope = m.Path, "repository:"+m.Path
		covered := locked
		for _, scope := range scopes {
			a.bound(p, scope)
		}
		for scope, known := range pins {
			if pinned := p; p.Reference == "" {
				pinByConstraint(&pinned, known)
				if pinned.Pin == inventory.Exact && known[p.Package] != "" {
					covered = true
					a.bound(p, scope)
				}
			}
		}
		if !covered {
			open = append(open, p)
		}
	}
	for scope := range pins {
		scopes = append(scopes, scope)
	}
	slices.Sort(scopes)
	for _, p := range m.Limits {
		p.Source = m.Path
		for _, scope := range scopes {
			a.bound(p, scope)
		}
	}
	for _, i := range m.Incomplete {
		if !locked || i.Reason != inventory.NotCovered { // a lock holds what the file does not tell
			a.inv.Incomplete = append(a.inv.Incomplete, i)
		}
	}
	if m.Content != nil {
		a.inv.Files = append(a.inv.Files, inventory.File{Path: m.Path, Digest: evidence.Of(m.Content), Size: int64(len(m.Content)), Kind: m.Kind, Scopes: scopes})
	}
	if m.Unread || locked || len(open) == 0 && len(m.Packages) > 0 {
		return
	}
	for _, p := range open {
		if p.Reference != "" {
			a.open(inventory.NotCovered, p, fmt.Sprintf("%s is not matched: no index vouches for what it is", p.Reference))
		}
	}
	a.source(m.Path, m.Kind, m.Ecosystem, open, 0)
}

// locks finds the environments whose uv.lock covers the project at dir, and whether a lock of another tool does.
func (a *assembly) locks(dir string, all []manifest) (scopes []string, foreign bool) {
	for _, m := range all {
		switch {
		case m.Kind == uvLock{}.Kind() && slices.Contains(m.Covers, dir):
			scopes = append(scopes, "repository:"+m.Path)
		case m.Kind == lockFiles{}.Kind() && m.Ecosystem == "PyPI" && path.Dir(m.Path) == dir:
			foreign = true
		}
	}
	return scopes, foreign
}

// compiled collects the exact pins of the requirements files beside a project, or in its folder requirements.
func (a *assembly) compiled(dir string, all []manifest) map[string]map[string]string {
	pins := map[string]map[string]string{}
	for i := range all {
		m := &all[i]
		root := a.scope[m.Path]
		if m.Kind != (requirements{}).Kind() || root == "" || path.Dir(m.Path) != dir && path.Dir(m.Path) != path.Join(dir, "requirements") {
			continue
		}
		known := pins["repository:"+root]
		if known == nil {
			known = map[string]string{}
			pins["repository:"+root] = known
		}
		for name, version := range pinsOf(m) {
			if old, twice := known[name]; twice && old != version {
				version = ""
			}
			known[name] = version
		}
	}
	return pins
}

// bound says what p allows a pin of its package to be.
func (a *assembly) bound(p inventory.Package, scope string) {
	if p.Reference == "" {
		a.inv.Bounds = append(a.inv.Bounds, inventory.Bound{Package: p.Package, Specifier: p.Specifier, Marker: p.Marker, Extras: p.Extras, Source: p.Source, Line: p.Line, Scope: scope})
	}
}

// idle reports whether no manifest declares anything: pyproject.toml often configures tools only.
func idle(all []manifest) bool {
	return !slices.ContainsFunc(all, func(m manifest) bool {
		return m.Kind != projects{}.Kind() || !m.Unread || len(m.Incomplete) > 0
	})
}
