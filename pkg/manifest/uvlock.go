package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pyproject"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

// UVLock writes uv.lock, through uv: only it knows how a lock for all environments of a project follows from
// the versions. uv is given a project of our making and an index that has the versions of the lock and of the
// updates and no others; what it answers is taken apart again, so that nothing differs from the lock as it was
// but the packages that moved and what follows from that. pyproject.toml is read and never written: a version
// that it does not allow is a conflict.
type UVLock struct {
	// Tool finds uv; its error is Apply's.
	Tool func(context.Context) (*uv.Tool, error)
	// Index is where releases, their files and metadata come from.
	Index index.Source
	// Allowed lists the releases that may be added besides the updates, for environments other than the plan's;
	// none: it is nil, or lists nothing.
	Allowed func(ctx context.Context, name string) ([]string, error)
	// Limit bounds each run of uv; 0 means its own.
	Limit time.Duration
}

const (
	uvLockKind    = "uv-lock"
	pyprojectKind = "pyproject"
)

// Name is for people.
func (UVLock) Name() string { return "uv.lock" }

// Takes reports whether it writes, or must read, files of a kind.
func (UVLock) Takes(kind string) bool { return kind == uvLockKind || kind == pyprojectKind }

// ErrUnsupported is wrapped by the errors of a manifest that can be read but not written, for a reason that
// stands in its own text.
var ErrUnsupported = errors.New("not supported")

// Apply returns the lock files as they are to be. An error that wraps ErrUnsupported names what in the project
// stands in the way; a *uv.Conflict is uv's explanation of why the updates do not go together with it.
func (u UVLock) Apply(ctx context.Context, s Set) (map[string][]byte, error) {
	out := map[string][]byte{}
	bySource := map[string][]report.Update{}
	for _, update := range s.Updates {
		bySource[update.Source] = append(bySource[update.Source], update)
	}
	for _, at := range slices.Sorted(maps.Keys(bySource)) {
		if path.Base(at) != "uv.lock" {
			return nil, fmt.Errorf("%s: a project is never written, only its uv.lock: %w", at, ErrUnsupported)
		}
		data, err := u.apply(ctx, s, at, bySource[at])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		if !bytes.Equal(data, s.Files[at]) {
			out[at] = data
		}
	}
	return out, nil
}

// Supports says, without uv and before anything is planned, whether the lock at a path could be written: nil, or
// an error that names what stands in the way. What Touched lists for it must be in the set's files.
func (u UVLock) Supports(s Set, at string) error {
	if _, ok := s.Files[at]; !ok {
		return fmt.Errorf("%s: it can't be read, is too large or holds a secret, so its text is not kept: %w", at, ErrUnsupported)
	}
	old, _, err := readLock(s.Files[at])
	if err == nil {
		_, err = projectsOf(s, at, old)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

func (u UVLock) apply(ctx context.Context, s Set, at string, updates []report.Update) ([]byte, error) {
	old, ends, err := readLock(s.Files[at])
	if err != nil {
		return nil, err
	}
	projects, err := projectsOf(s, at, old)
	if err != nil {
		return nil, err
	}
	moves, err := movesOf(old, updates)
	if err != nil {
		return nil, err
	}
	tool, err := u.Tool(ctx)
	if err != nil {
		return nil, err
	}
	offer := newLockOffer(u, old, moves)
	problem := uv.LockProblem{Projects: projects, Lock: old.forUV(), Upgrade: moves.upgrade(old), Resolution: old.Options.ResolutionMode,
		ForkStrategy: old.Options.ForkStrategy, Offer: offer, Limit: u.Limit}
	answer, err := tool.Lock(ctx, problem)
	if err != nil {
		return nil, err
	}
	chosen, err := uvlock.Parse(answer.Lock)
	if err != nil {
		return nil, fmt.Errorf("read what uv wrote: %w", err)
	}
	joined := &joint{old: old, chosen: chosen, moves: moves, offer: offer, touched: map[string]bool{}}
	text, err := joined.write()
	if err != nil {
		return nil, err
	}
	if err := u.current(ctx, tool, problem, text, old); err != nil {
		return nil, err
	}
	return ends.restore(text), nil
}

// current has uv say that the new lock answers the project. Where it does not, neither may the old one have.
func (u UVLock) current(ctx context.Context, tool *uv.Tool, p uv.LockProblem, text []byte, old *locked) error {
	now, _, err := readLock(text)
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	p.Lock = now.forUV()
	err = tool.CheckLock(ctx, p)
	if !errors.Is(err, uv.ErrStale) {
		return err
	}
	p.Lock = old.forUV()
	if errors.Is(tool.CheckLock(ctx, p), uv.ErrStale) {
		return fmt.Errorf("it does not answer its pyproject.toml, even without the updates: run uv lock first: %w: %w", err, ErrUnsupported)
	}
	return fmt.Errorf("with the updates it would not answer its pyproject.toml: %w", err)
}

// lineEnds is how the lines of a file end.
type lineEnds struct{ crlf bool }

func (e lineEnds) restore(text []byte) []byte {
	if e.crlf {
		return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	return text
}

// locked is a lock that can be written back.
type locked struct {
	*uvlock.Lock
	registry map[string]string // of each package from one
	root     map[*uvlock.Package]bool
}

// readLock reads a lock and says what in it can't be written back.
func readLock(data []byte) (*locked, lineEnds, error) {
	text := bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	ends := lineEnds{crlf: len(text) != len(data)}
	if !bytes.Equal(ends.restore(text), data) {
		return nil, ends, fmt.Errorf("its lines end in two ways: let uv write it again: %w", ErrUnsupported)
	}
	parsed, err := uvlock.Parse(text)
	if err != nil {
		return nil, ends, err
	}
	l := &locked{Lock: parsed, registry: map[string]string{}, root: map[*uvlock.Package]bool{}}
	for _, p := range l.Roots() {
		l.root[p] = true
	}
	for _, p := range l.Packages {
		if why := l.obstacle(p); why != "" {
			return nil, ends, fmt.Errorf("%s: %w", why, ErrUnsupported)
		}
		if p.Source.Registry != "" {
			l.registry[p.Name] = p.Source.Registry
		}
	}
	return l, ends, l.sealed()
}

// sealed reads what uv is to see: no address may be left in it but ours. In a lock as uv writes it there is none.
func (l *locked) sealed() error {
	seen, err := uvlock.Parse(l.forUV())
	if err == nil && len(seen.Packages) != len(l.Packages) {
		err = errors.New("packages are hidden in it")
	}
	if err != nil {
		return fmt.Errorf("it is not laid out as uv writes it: %w: %w", err, ErrUnsupported)
	}
	for i, p := range seen.Packages {
		foreign := p.Source.Registry != uv.LockIndex && (p.Source.Registry != "" || !l.root[l.Packages[i]])
		for _, f := range files(p) {
			_, _, ours := uv.SplitLockFile(f.URL)
			foreign = foreign || !ours
		}
		if foreign {
			return fmt.Errorf("%s is not laid out as uv writes it: let uv write the lock again: %w", p.Name, ErrUnsupported)
		}
	}
	return nil
}

// obstacle says why a package keeps a lock from being written; empty: it does not.
func (l *locked) obstacle(p *uvlock.Package) string {
	switch {
	case l.Block(p) == nil:
		return "it is not laid out as uv writes it: let uv write it again"
	case l.root[p]:
		return ""
	case p.Source.Registry == "":
		return fmt.Sprintf("%s comes from %s %s: uv would have to fetch and build it to lock anything anew", p.Name, p.Source.Kind(), withoutSecret(p.Source.Reference()))
	case !strings.HasPrefix(p.Source.Registry, "https://") && !strings.HasPrefix(p.Source.Registry, "http://"):
		return fmt.Sprintf("%s comes from a folder of files", p.Name)
	case l.registry[p.Name] != "" && l.registry[p.Name] != p.Source.Registry:
		return fmt.Sprintf("%s comes from two indexes", p.Name)
	}
	for _, f := range files(p) {
		if f.Filename != "" || f.Name() == "" {
			return fmt.Sprintf("a file of %s has an address that does not tell its name", p.Name)
		}
	}
	return ""
}

// files are all distributions of a package.
func files(p *uvlock.Package) []uvlock.File {
	if p.SDist == nil {
		return p.Wheels
	}
	return append([]uvlock.File{*p.SDist}, p.Wheels...)
}

// withoutSecret drops user, password and query of an address.
func withoutSecret(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest
}

// projectsOf writes the workspace as uv is to see it, from the pyproject.toml files beside the lock.
func projectsOf(s Set, at string, l *locked) (map[string][]byte, error) {
	var names, members []string
	place := map[string]*uvlock.Package{}
	members = []string{} // said even when there is none: uv must not look for a workspace above
	for p := range l.root {
		dir := path.Clean(p.Source.Local())
		if dir == ".." || strings.HasPrefix(dir, "../") || path.IsAbs(dir) {
			return nil, fmt.Errorf("member %s lies in %s, outside of the project: %w", p.Name, dir, ErrUnsupported)
		}
		names = append(names, p.Name)
		if place[dir] = p; dir != "." {
			members = append(members, dir)
		}
	}
	slices.Sort(members)
	out := map[string][]byte{}
	for _, dir := range append([]string{"."}, members...) {
		name := path.Join(path.Dir(at), dir, "pyproject.toml")
		data, ok := s.Files[name]
		if !ok {
			return nil, fmt.Errorf("%s is not there, can't be read or holds a secret, and uv needs to know what it asks for: %w", name, ErrUnsupported)
		}
		f, err := pyproject.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		where := pyproject.Place{Names: names}
		if p := place[dir]; p != nil {
			where.Package = p.Source.Editable != ""
		}
		if dir == "." {
			where.Members = members
		}
		if out[dir], err = f.Resolvable(where); errors.Is(err, pyproject.ErrUnsupported) {
			return nil, fmt.Errorf("%s: %w: %w", name, err, ErrUnsupported)
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}
