package manifest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

// Verify reads the locks again: each update stands where it should, the header and every other package's files
// are as they were, what is new has the files of the index page with their hashes and sizes, and what went is
// needed by nothing.
func (u UVLock) Verify(ctx context.Context, s Set, changed map[string][]byte) error {
	for at, data := range changed {
		old, ends, err := readLock(s.Files[at])
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		now, newEnds, err := readLock(data)
		if err != nil {
			return fmt.Errorf("%s, as written: %w", at, err)
		}
		if ends != newEnds || !bytes.Equal(bytes.TrimRight(old.Header(), "\n"), bytes.TrimRight(now.Header(), "\n")) {
			return fmt.Errorf("%s: its header is not what it was", at)
		}
		var updates []report.Update
		for _, update := range s.Updates {
			if update.Source == at {
				updates = append(updates, update)
			}
		}
		m, err := movesOf(old, updates)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := u.verify(ctx, old, now, m); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

func (u UVLock) verify(ctx context.Context, old, now *locked, m moves) error {
	for name, versions := range m {
		for from, to := range versions {
			if p := find(now.Lock, name, to); p == nil || now.root[p] {
				return fmt.Errorf("%s %s is not in it", name, to)
			}
			if from != "" && from != to && !m.adds(name, from) && find(now.Lock, name, from) != nil {
				return fmt.Errorf("%s %s is still in it", name, from)
			}
		}
	}
	reached := now.reached()
	for _, p := range now.Packages {
		if !now.root[p] && !reached[p] {
			return fmt.Errorf("%s %s is in it and nothing needs it", p.Name, p.Version)
		}
		version, err := normal(p.Version)
		if err != nil && !now.root[p] {
			return fmt.Errorf("%s %q: %w", p.Name, p.Version, err)
		}
		was := find(old.Lock, p.Name, version)
		if now.root[p] {
			was = rootNamed(old, p.Name)
		}
		if was == nil {
			if err := u.verifyNew(ctx, p, version); err != nil {
				return err
			}
			continue
		}
		if was.Version != p.Version || was.Source != p.Source || !reflect.DeepEqual(was.SDist, p.SDist) || !reflect.DeepEqual(was.Wheels, p.Wheels) {
			return fmt.Errorf("%s %s is not what it was", p.Name, p.Version)
		}
	}
	for _, p := range old.Packages {
		version, _ := normal(p.Version)
		_, moved := m[p.Name][version]
		gone := find(now.Lock, p.Name, version) == nil
		if old.root[p] && rootNamed(now, p.Name) == nil || !old.root[p] && gone && !moved && slices.ContainsFunc(now.Packages, func(n *uvlock.Package) bool { return n.Name == p.Name }) {
			return fmt.Errorf("%s %s is no longer in it", p.Name, p.Version)
		}
	}
	return nil
}

// reached are the packages that something in the lock names.
func (l *locked) reached() map[*uvlock.Package]bool {
	out := map[*uvlock.Package]bool{}
	byName := map[string][]*uvlock.Package{}
	for _, p := range l.Packages {
		byName[p.Name] = append(byName[p.Name], p)
	}
	named := func(list []uvlock.Dependency) {
		for _, d := range list {
			for _, p := range byName[d.Name] {
				if d.Version == "" || d.Version == p.Version {
					out[p] = true
				}
			}
		}
	}
	for _, p := range l.Packages {
		named(p.Dependencies)
		for _, list := range p.OptionalDependencies {
			named(list)
		}
		for _, list := range p.DevDependencies {
			named(list)
		}
	}
	named(l.Manifest.Requirements)
	for _, list := range l.Manifest.DependencyGroups {
		named(list)
	}
	return out
}

func rootNamed(l *locked, name string) *uvlock.Package {
	for p := range l.root {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// verifyNew compares a package that came with the index: nothing that is not there, and all that any
// interpreter could use.
func (u UVLock) verifyNew(ctx context.Context, p *uvlock.Package, version string) error {
	page, err := u.Index.Project(ctx, p.Name)
	if err != nil {
		return err
	}
	r := release(page, version)
	if r == nil {
		return fmt.Errorf("the index has no %s %s", p.Name, p.Version)
	}
	written := map[string]uvlock.File{}
	for _, f := range files(p) {
		written[f.Name()] = f
		i := slices.IndexFunc(r.Files, func(k index.File) bool { return k.Name == f.Name() })
		if i < 0 {
			return fmt.Errorf("%s %s has a file %s that the index does not have", p.Name, p.Version, f.Name())
		}
		k := r.Files[i]
		algorithm, digits, _ := strings.Cut(f.Hash, ":")
		if k.URL != f.URL || k.Size != f.Size || digits == "" || k.Hashes[algorithm] != digits {
			return fmt.Errorf("%s of %s %s is not as the index has it", f.Name(), p.Name, p.Version)
		}
	}
	if len(written) == 0 {
		return fmt.Errorf("%s %s has no file", p.Name, p.Version)
	}
	for _, f := range r.Files {
		sdist := !strings.HasSuffix(f.Name, ".whl")
		if _, ok := written[f.Name]; !ok && !f.Yanked && (sdist && p.SDist == nil || strings.HasSuffix(f.Name, "-py3-none-any.whl")) {
			return fmt.Errorf("%s of %s %s is missing", f.Name, p.Name, p.Version)
		}
	}
	return nil
}
