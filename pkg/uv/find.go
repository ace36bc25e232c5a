package uv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// Index is where uv's wheel is fetched from: an index.Client or index.Chain.
type Index interface {
	index.Index
	// Fetch writes the file to w; what was written counts only if it returns no error.
	Fetch(ctx context.Context, p *index.Project, f index.File, w io.Writer) error
}

// Locator says where uv may come from. What stands first is taken: Path alone if it is set; else a uv of the
// right version in Lookup; else the one in Dir; else its wheel from Index, which ends up in Dir.
type Locator struct {
	// Path is the program named by --uv. Who names it decides what is run as this user.
	Path string
	// Dir is Drydock's tools folder. The program in it is held to a digest in this package.
	Dir string
	// Lookup are the folders of PATH. Those that are not absolute are left out: a relative one would take
	// programs from the repository that is looked at.
	Lookup []string
	// Index may be nil: then nothing is fetched.
	Index Index
	// Say is told what is passed over and how a fetch goes on, a line each; nil for nobody.
	Say func(string)

	wheels   []wheel       // of this machine; nil means the real ones
	patience time.Duration // for `uv --version`; 0 means the usual
	settled  time.Duration // 0 means the usual
}

// install says what to do in every error about a missing uv.
const install = "install uv " + Version + ", or name one with --uv"

// Find returns a uv of Version. Errors wrap ErrVersion (the one named by Path is another program or version),
// ErrMissing (none to be had, with the cause and what to do) or ctx's.
func (l Locator) Find(ctx context.Context) (*Tool, error) {
	if l.wheels == nil {
		l.wheels = usable()
	}
	if l.patience == 0 {
		l.patience = patience
	}
	if l.settled == 0 {
		l.settled = settled
	}
	t, err := l.find(ctx)
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = fmt.Errorf("%w: %w", err, ctx.Err())
		}
		return nil, fmt.Errorf("find uv: %w", err)
	}
	t.lookup = l.Lookup
	return t, nil
}

func (l Locator) find(ctx context.Context) (*Tool, error) {
	if l.Path != "" {
		return l.named(ctx)
	}
	for _, dir := range l.Lookup {
		path := filepath.Join(dir, programName())
		if !filepath.IsAbs(dir) || !isProgram(path) {
			continue
		}
		t, err := l.examine(ctx, path)
		if err == nil {
			return t, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		l.say("passed over %s: %v", path, err)
	}
	if t := l.kept(); t != nil {
		return t, nil
	}
	return l.fetch(ctx)
}

// named looks at what --uv names. Nothing is tried in its place: whoever names a program wants that one.
func (l Locator) named(ctx context.Context) (*Tool, error) {
	path, err := filepath.Abs(l.Path)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", l.Path, err)
	}
	if !isProgram(path) {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("look at %s, named by --uv: %w: %w: name a uv %s, or leave --uv out", l.Path, ErrVersion, bare(err), Version)
		}
		return nil, fmt.Errorf("%s, named by --uv, is no program that can be run: %w: name a uv %s, or leave --uv out", l.Path, ErrVersion, Version)
	}
	t, err := l.examine(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s, named by --uv: %w: name a uv %s, or leave --uv out", l.Path, err, Version)
	}
	return t, nil
}

// kept is the uv of the tools folder, if it is there and what it should be.
func (l Locator) kept() *Tool {
	if l.Dir == "" {
		return nil
	}
	path, err := filepath.Abs(l.home())
	if err != nil || !isProgram(path) {
		return nil
	}
	c, err := l.check(path)
	if err != nil {
		l.say("passed over %s: %v", path, err)
		return nil
	}
	if !pinned(l.wheels, c.SHA256) {
		l.say("passed over %s: its sha256 is not that of a uv %s for this machine", path, Version)
		return nil
	}
	return c.tool()
}

func (l Locator) home() string { return filepath.Join(l.Dir, "uv-"+Version, programName()) }

func (l Locator) say(format string, args ...any) {
	if l.Say != nil {
		l.Say(fmt.Sprintf(format, args...))
	}
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && runnable(info)
}

// bare leaves the path out of an error that is told beside it.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
