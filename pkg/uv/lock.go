package uv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// LockOffer says what a lock may hold. It is asked by several goroutines at once and must return when ctx ends.
type LockOffer interface {
	// Project lists the releases of a package that may be locked, each with all its files as its index has
	// them. An error that wraps ErrUnknown means that nobody offers the package; any other ends the run.
	Project(ctx context.Context, name string) (*index.Project, error)
	// Metadata is the core metadata of a file that Project listed.
	Metadata(ctx context.Context, name string, f index.File) ([]byte, error)
}

// LockIndex is the index, and what LockFile returns the file's address, in every lock that goes to uv or comes
// from it: it stands for the loopback server of the run.
const (
	lockBase  = "http://index.invalid/"
	LockIndex = lockBase + "simple"
)

// LockProblem is a project whose lock is to change. Nothing in it may come from a customer as it is: uv obeys
// what it reads.
type LockProblem struct {
	// Projects are the pyproject.toml of the workspace by folder, "." its root. Their metadata must be static:
	// nothing is built.
	Projects map[string][]byte
	// Lock is the lock so far: what it holds is kept where it can be. Empty: there is none.
	Lock []byte
	// Upgrade are what must not be kept: name, or name==version.
	Upgrade []string
	// Resolution and ForkStrategy are the options of the lock; empty is uv's own choice.
	Resolution, ForkStrategy string
	Offer                    LockOffer
	// Limit bounds the run; 0 means 60 s.
	Limit time.Duration
}

// LockAnswer is a new lock.
type LockAnswer struct {
	Lock []byte
	Args []string      // as those of an Answer
	CPU  time.Duration // as that of an Answer
}

// ErrStale: the lock is not what the projects ask for.
var ErrStale = errors.New("the lock is not up to date")

// Lock resolves the projects for all their environments together. Errors are those of Compile. For a release
// that has a source distribution uv is offered a wheel beside its files that stands for what would be built, so
// the lock may hold a file that the Offer did not list: the caller leaves it out.
func (t *Tool) Lock(ctx context.Context, p LockProblem) (LockAnswer, error) {
	return t.lock(ctx, p, false)
}

// CheckLock asks uv whether p.Lock answers the projects as it is. ErrStale: it does not.
func (t *Tool) CheckLock(ctx context.Context, p LockProblem) error {
	_, err := t.lock(ctx, p, true)
	return err
}

func (t *Tool) lock(ctx context.Context, p LockProblem, check bool) (LockAnswer, error) {
	wrap := func(err error) error {
		if c := (*Conflict)(nil); err == nil || errors.As(err, &c) {
			return err
		}
		return fmt.Errorf("lock the project with uv: %w", err)
	}
	if err := p.check(); err != nil {
		return LockAnswer{}, wrap(err)
	}
	lookup := t.lookup
	if lookup == nil {
		lookup = filepath.SplitList(os.Getenv("PATH"))
	}
	candidates, err := lockPythons(lookup)
	if err != nil {
		return LockAnswer{}, wrap(err)
	}
	limit := cmp.Or(max(p.Limit, 0), t.usual, defaultLimit)
	r := lockAttempt{attempt: attempt{tool: t, lookup: lookup, end: time.Now().Add(limit), limit: limit}, problem: p, check: check}
	for i, py := range candidates {
		var a LockAnswer
		if a, err = r.run(ctx, py); !errors.Is(err, ErrPython) || i == len(candidates)-1 {
			return a, wrap(err)
		}
	}
	return LockAnswer{}, wrap(err)
}

func (p LockProblem) check() error {
	switch {
	case p.Offer == nil:
		return fmt.Errorf("nothing is offered: %w", ErrInput)
	case len(p.Projects["."]) == 0:
		return fmt.Errorf("the root has no project: %w", ErrInput)
	case len(p.Lock) > maxAnswer:
		return fmt.Errorf("a lock of more than %d MB: %w", maxAnswer>>20, ErrInput)
	}
	for dir := range p.Projects {
		if !filepath.IsLocal(dir) {
			return fmt.Errorf("%q is no folder below the project: %w", clip(plain(dir)), ErrInput)
		}
	}
	for _, u := range p.Upgrade {
		if name, _, _ := strings.Cut(u, "=="); !isName(name) || strings.ContainsAny(u, " \t\r\n@;") {
			return fmt.Errorf("%q is no name==version: %w", clip(plain(u)), ErrInput)
		}
	}
	return nil
}

// lockPythons are those that could fit: a lock needs one that requires-python allows, so those named by version
// count too.
func lockPythons(lookup []string) ([]python, error) {
	out, err := pythons(lookup)
	for minor := 20; minor >= 8; minor-- {
		for _, dir := range lookup {
			path := filepath.Join(dir, "python3."+strconv.Itoa(minor))
			if filepath.IsAbs(dir) && isProgram(path) {
				out = append(out, python{path: path, script: isScript(path)})
			}
		}
	}
	if len(out) == 0 {
		return nil, err
	}
	return out[:min(len(out), maxLockPythons)], nil
}

type lockAttempt struct {
	attempt
	problem LockProblem
	check   bool
}

func (a *lockAttempt) run(ctx context.Context, py python) (LockAnswer, error) {
	dir, leave, err := room()
	if err != nil {
		return LockAnswer{}, err
	}
	defer leave()
	s, err := serveLock(ctx, a.problem.Offer)
	if err != nil {
		return LockAnswer{}, err
	}
	defer s.close()
	if err := a.write(dir, s); err != nil {
		return LockAnswer{}, err
	}
	r, err := run(s.ctx, command{
		path: a.tool.Path, dir: dir, limit: max(time.Until(a.end), time.Millisecond), maxOut: maxErrors, maxErr: maxErrors,
		args: a.args(py.path, filepath.Join(dir, "work")), env: a.environment(s.server, s.base()+"simple", py, dir),
	})
	switch {
	case ctx.Err() != nil:
		return LockAnswer{}, ctx.Err()
	case s.failure() != nil:
		return LockAnswer{}, fmt.Errorf("%w: %w", ErrOffer, s.failure())
	case errors.Is(err, ErrTimeout):
		return LockAnswer{}, fmt.Errorf("%w: no answer within %s: raise the limit", ErrTimeout, a.limit)
	case err != nil:
		return LockAnswer{}, fmt.Errorf("%w: it can't be run: %w", ErrDied, bare(err))
	case s.stray() != "":
		return LockAnswer{}, fmt.Errorf("%w: it tried to reach %s, which nothing asked it to", ErrDied, s.stray())
	}
	if err := a.verdict(r, s, dir); err != nil {
		return LockAnswer{}, err
	}
	data, err := readBounded(filepath.Join(dir, "work", lockName))
	if err != nil {
		return LockAnswer{}, fmt.Errorf("%w: read its lock: %w", ErrDied, err)
	}
	answer := LockAnswer{Lock: []byte(strings.ReplaceAll(string(data), s.base(), lockBase)), CPU: r.cpu}
	answer.Args = a.args("python3", ".")
	return answer, nil
}

const (
	projectName = "pyproject.toml"
	lockName    = "uv.lock"
)

// write lays out the workspace.
func (a *lockAttempt) write(dir string, s *lockServer) error {
	for _, folder := range slices.Sorted(maps.Keys(a.problem.Projects)) {
		at := filepath.Join(dir, "work", filepath.FromSlash(folder))
		if err := os.MkdirAll(at, 0o700); err != nil {
			return fmt.Errorf("write what uv reads: %w", err)
		}
		if err := os.WriteFile(filepath.Join(at, projectName), a.problem.Projects[folder], 0o600); err != nil {
			return fmt.Errorf("write what uv reads: %w", err)
		}
	}
	if len(a.problem.Lock) == 0 {
		return nil
	}
	lock := strings.ReplaceAll(string(a.problem.Lock), lockBase, s.base())
	if err := os.WriteFile(filepath.Join(dir, "work", lockName), []byte(lock), 0o600); err != nil {
		return fmt.Errorf("write what uv reads: %w", err)
	}
	return nil
}

// args is the command line. Pre-releases are allowed because the Offer says which releases are; the lock that
// is given must say so in its options.
func (a *lockAttempt) args(python, work string) []string {
	args := []string{"lock", "--directory", work, "--no-config", "--no-cache", "--no-build",
		"--keyring-provider", "disabled", "--prerelease", "allow", "--python", python, "--no-progress", "--color", "never"}
	if a.problem.Resolution != "" {
		args = append(args, "--resolution", a.problem.Resolution)
	}
	if a.problem.ForkStrategy != "" {
		args = append(args, "--fork-strategy", a.problem.ForkStrategy)
	}
	if a.check {
		return append(args, "--check")
	}
	for _, u := range a.problem.Upgrade {
		args = append(args, "--upgrade-package", u)
	}
	return args
}

func (a *lockAttempt) verdict(r result, s *lockServer, dir string) error {
	var lines []string
	for line := range strings.Lines(string(r.stderr)) {
		if !strings.HasPrefix(line, "Using CPython") && !strings.HasPrefix(line, "Using Python") { // the machine's, not the project's
			lines = append(lines, line)
		}
	}
	r.stderr = []byte(strings.Join(lines, ""))
	text := plain(string(r.stderr))
	switch {
	case r.exit != 0 && strings.Contains(text, "incompatible with the project's Python requirement"):
		return fmt.Errorf("%w: %s: install one that the project's requires-python allows", ErrPython, clean(problem(text), s.server, dir))
	case a.check && r.exit > 0 && strings.Contains(text, "needs to be updated"):
		return ErrStale
	case r.signal == "" && r.exit > 0 && strings.Contains(text, "No solution found"): // the words that follow differ from those of pip compile
		return conflict(text, s.server, dir)
	}
	return verdict(r, s.server, dir)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	switch {
	case err != nil:
		return nil, bare(err)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("it has more than %d MB", maxAnswer>>20)
	}
	return data, nil
}
