package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

// moves are the updates of one lock: by name, from → to, versions in normal form. From "" is a package to add.
type moves map[string]map[string]string

func movesOf(l *locked, updates []report.Update) (moves, error) {
	m := moves{}
	for _, u := range updates {
		name := pep440.Normalize(u.Package)
		to, err := normal(u.To)
		if err != nil {
			return nil, fmt.Errorf("update %s to %q: %w", name, u.To, err)
		}
		from := ""
		if u.From != "" {
			if from, err = normal(u.From); err != nil {
				return nil, fmt.Errorf("update %s from %q: %w", name, u.From, err)
			}
			if find(l.Lock, name, from) == nil {
				return nil, fmt.Errorf("it has no %s %s to update", name, u.From)
			}
		}
		if m[name] == nil {
			m[name] = map[string]string{}
		}
		if other, twice := m[name][from]; twice && other != to {
			return nil, fmt.Errorf("%s %s is to become both %s and %s", name, u.From, other, to)
		}
		m[name][from] = to
	}
	return m, nil
}

// upgrade is what uv is told not to keep.
func (m moves) upgrade(l *locked) []string {
	var out []string
	for name, versions := range m {
		one := 0
		for _, p := range l.Packages {
			if p.Name == name {
				one++
			}
		}
		for _, to := range versions {
			if one <= 1 && len(versions) == 1 {
				out = append(out, name+"=="+to)
			} else if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// adds reports whether an update brings a version of a package.
func (m moves) adds(name, version string) bool {
	for _, to := range m[name] {
		if to == version {
			return true
		}
	}
	return false
}

func normal(version string) (string, error) {
	v, err := pep440.Parse(version)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

// find returns the package of a name and a version in normal form.
func find(l *uvlock.Lock, name, version string) *uvlock.Package {
	for _, p := range l.Packages {
		if v, err := normal(p.Version); p.Name == name && err == nil && v == version {
			return p
		}
	}
	return nil
}

// lockOffer is what uv may lock: what the lock has, but for what moves, what it moves to, and what else is
// allowed.
type lockOffer struct {
	u     UVLock
	old   *locked
	moves moves

	mu   sync.Mutex
	told map[string]*told
}

// told is what is offered of one package.
type told struct {
	once    sync.Once
	offered *index.Project
	page    *index.Project // of the index; nil: it does not know the package
	phantom bool           // neither locked nor updated nor allowed
	err     error
}

func newLockOffer(u UVLock, old *locked, m moves) *lockOffer {
	return &lockOffer{u: u, old: old, moves: m, told: map[string]*told{}}
}

func (o *lockOffer) tell(ctx context.Context, name string) *told {
	o.mu.Lock()
	t := o.told[name]
	if t == nil {
		t = &told{}
		o.told[name] = t
	}
	o.mu.Unlock()
	t.once.Do(func() { t.err = o.fill(ctx, name, t) })
	return t
}

// Project lists what may be locked of a package.
func (o *lockOffer) Project(ctx context.Context, name string) (*index.Project, error) {
	t := o.tell(ctx, name)
	return t.offered, t.err
}

func (o *lockOffer) fill(ctx context.Context, name string, t *told) error {
	var have []*uvlock.Package
	for _, p := range o.old.Packages {
		if p.Name == name && p.Source.Registry != "" {
			have = append(have, p)
		}
	}
	var may []string
	for _, to := range o.moves[name] {
		may = append(may, to)
	}
	if len(have) == 0 && len(may) == 0 && o.u.Allowed != nil {
		var err error
		if may, err = o.u.Allowed(ctx, name); err != nil {
			return err
		}
	}
	page, err := o.u.Index.Project(ctx, name)
	if err != nil && !errors.Is(err, index.ErrUnknownProject) {
		return err
	}
	t.page, t.offered = page, &index.Project{Name: name}
	if page == nil {
		t.page = &index.Project{Name: name}
	}
	if len(have) == 0 && len(may) == 0 {
		return t.conjure()
	}
	for _, p := range have {
		version, err := normal(p.Version)
		if err != nil {
			return fmt.Errorf("%s %s in the lock: %w", name, p.Version, err)
		}
		if _, moves := o.moves[name][version]; !moves {
			t.offered.Releases = append(t.offered.Releases, kept(p, version, t.page))
		}
	}
	for _, version := range may {
		version, err := normal(version)
		if err != nil {
			return err
		}
		r := release(t.page, version)
		if r == nil || len(r.Files) == 0 {
			return fmt.Errorf("the index has no %s %s", name, version)
		}
		if release(t.offered, version) == nil {
			t.offered.Releases = append(t.offered.Releases, standing(*r))
		}
	}
	return nil
}

// standing is a release without the files that were taken back, where it has others: a lock names what may be installed.
func standing(r index.Release) index.Release {
	if files := slices.DeleteFunc(slices.Clone(r.Files), func(f index.File) bool { return f.Yanked }); len(files) > 0 {
		r.Files = files
	}
	return r
}

// conjure offers a package that the lock may not get. uv follows requirements whose markers can't hold where
// their parent is needed, and leaves them out at the end: without an answer it would find no solution. What is
// offered then needs nothing itself, and if it is in the lock after all, that is an error (joint.compare).
func (t *told) conjure() error {
	t.phantom = true
	for _, r := range t.page.Releases {
		if !r.Yanked && len(r.Files) > 0 {
			t.offered.Releases = append(t.offered.Releases, r)
		}
	}
	if len(t.offered.Releases) == 0 {
		return uv.ErrUnknown
	}
	return nil
}

func release(p *index.Project, version string) *index.Release {
	for i := range p.Releases {
		if p.Releases[i].Version == version {
			return &p.Releases[i]
		}
	}
	return nil
}

// kept is a release as the lock has it; only what the lock does not say comes from the index.
func kept(p *uvlock.Package, version string, page *index.Project) index.Release {
	out := index.Release{Version: version}
	known := release(page, version)
	if known != nil {
		out.RequiresPython = known.RequiresPython
	}
	for _, f := range files(p) {
		file := index.File{Name: f.Name(), URL: f.URL, Size: f.Size, Hashes: map[string]string{}, RequiresPython: out.RequiresPython}
		if algorithm, digits, ok := strings.Cut(f.Hash, ":"); ok {
			file.Hashes[algorithm] = digits
		}
		if at, err := time.Parse(time.RFC3339Nano, f.UploadTime); err == nil {
			file.Uploaded = &at
		}
		if known != nil {
			if i := slices.IndexFunc(known.Files, func(k index.File) bool { return k.Name == file.Name }); i >= 0 {
				file.RequiresPython = known.Files[i].RequiresPython
			}
		}
		out.Files = append(out.Files, file)
	}
	if len(out.Files) == 0 && known != nil { // no platform of the project takes any, so the lock names none
		out.Files = known.Files
	}
	return out
}

// Metadata reads that of a file by way of the index. Of a release that stays, whose metadata nobody has without
// building it, the lock itself says what it needs.
func (o *lockOffer) Metadata(ctx context.Context, name string, f index.File) ([]byte, error) {
	t := o.tell(ctx, name)
	if t.err != nil {
		return nil, t.err
	}
	v, ok := index.VersionOf(name, f.Name)
	if !ok {
		return nil, fmt.Errorf("%s tells no version: %w", f.Name, index.ErrUnreadable)
	}
	if t.phantom {
		return fromLock(&uvlock.Package{Name: name, Version: v.String()}), nil
	}
	data, err := o.ask(ctx, t.page, v.String(), f.Name)
	if err == nil {
		return data, nil
	}
	if p := find(o.old.Lock, name, v.String()); p != nil && errors.Is(err, index.ErrUnreadable) && ctx.Err() == nil {
		return fromLock(p), nil
	}
	return nil, err
}

// ask tries the file, then the others of its release, wheels first.
func (o *lockOffer) ask(ctx context.Context, page *index.Project, version, filename string) ([]byte, error) {
	r := release(page, version)
	if r == nil {
		return nil, fmt.Errorf("the index has no %s %s: %w", page.Name, version, index.ErrUnreadable)
	}
	order := slices.Clone(r.Files)
	rank := func(f index.File) int {
		switch {
		case f.Name == filename && strings.HasSuffix(f.Name, ".whl"):
			return 0
		case strings.HasSuffix(f.Name, ".whl"):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(order, func(a, b index.File) int { return cmp.Compare(rank(a), rank(b)) })
	var first error
	for _, f := range order {
		data, err := o.u.Index.Metadata(ctx, page, f)
		if err == nil && rank(f) == 2 {
			if m, perr := coremeta.Parse(data); perr != nil || !m.Static() || len(m.Unread) > 0 {
				err = fmt.Errorf("what %s needs is known only once it is built: %w", f.Name, index.ErrUnreadable)
			}
		}
		if err == nil {
			return data, nil
		}
		if !errors.Is(err, index.ErrUnreadable) {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = fmt.Errorf("the index has no file of %s %s: %w", page.Name, version, index.ErrUnreadable)
	}
	return nil, first
}

// fromLock writes the requirements of a locked package as metadata: without versions, which the lock does not
// tell.
func fromLock(p *uvlock.Package) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", p.Name, p.Version)
	write := func(list []uvlock.Dependency, extra string) {
		for _, d := range list {
			b.WriteString("Requires-Dist: " + d.Name)
			if len(d.Extra) > 0 {
				b.WriteString("[" + strings.Join(d.Extra, ",") + "]")
			}
			var all []string
			if d.Marker != "" {
				all = append(all, "("+d.Marker+")")
			}
			if extra != "" {
				all = append(all, "extra == '"+extra+"'")
			}
			if len(all) > 0 {
				b.WriteString(" ; " + strings.Join(all, " and "))
			}
			b.WriteByte('\n')
		}
	}
	write(p.Dependencies, "")
	for extra, list := range p.OptionalDependencies {
		b.WriteString("Provides-Extra: " + extra + "\n")
		write(list, extra)
	}
	return []byte(b.String() + "\n")
}
