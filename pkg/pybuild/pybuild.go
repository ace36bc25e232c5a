// Package pybuild makes Python environments inside the dock: from what an inventory pins, through one distribution
// for each pin, to a virtual environment that is the same bytes wherever and whenever it is built, ready to be sealed
// (design §1.4).
//
// Distributions are fetched outside, by sha256; inside there is no network, and nothing of a wheel is run while it is
// installed. The environment is always shown at /app/venv, and its bytecode says so.
package pybuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Places inside the box.
const (
	VenvPlace    = "/app/venv" // where an environment is shown, always: its bytecode says that it lies there
	OverlayPlace = "/overlay"  // where an overlay is shown: PYTHONPATH=/overlay, PATH=/overlay/bin:/app/venv/bin
)

// Builder builds environments for one interpreter. It is safe for concurrent use.
type Builder struct {
	Dock        dock.Dock
	House       *wheelhouse.House
	Index       index.Fetcher
	UV          string // host path of the program
	Interpreter artifact.Interpreter
	Limits      dock.Limits
	// Space bounds what one build may write inside, in bytes; 0 means 2 GB.
	Space int64
	// Work is a folder for temporary things. Nothing stays there but what a killed process left, which Sweep removes.
	// It holds wheels while they are installed; who can write there is held off by their digests only until they are
	// mounted.
	Work string
	// BuildWith are wheels that source distributions are built with (setuptools, flit_core …). They never ship.
	BuildWith []wheelhouse.Wanted
	// Say is told what goes on, a line each; nil for nobody.
	Say func(string)
}

// Built is what one run in the dock left.
type Built struct {
	Log       []byte      // what was printed, without paths of the host, bounded
	Run       dock.Result // of the box
	Installed []Pin       // Package, Version and Hashes (of the distribution) of what is installed, by name
	Notes     []string    // what a reviewer should know, a sentence each
	AtStart   []string    // files that run whenever the environment's Python starts (.pth, sitecustomize), sorted
	Steps     map[string]time.Duration
}

// Build makes a virtual environment of exactly want in the folder to, which is absent or empty, on the same file
// system or another. Files are readable by everybody, and executable where they were; nothing in them depends on
// the place, the time, the umask or the level of isolation. Besides wheels want may hold source distributions, which
// are built first. After an error to is as it was. Errors are *Error, or ctx's.
func (b Builder) Build(ctx context.Context, want []wheelhouse.Wanted, to string) (Built, error) {
	return b.install(ctx, "venv", VenvPlace, want, to)
}

// Overlay installs what only tests need in the folder to, absent or empty: the content of a site-packages folder, and
// bin with programs that run whatever python the PATH finds first. It is shown at /overlay and used with
// PYTHONPATH=/overlay and PATH=/overlay/bin:/app/venv/bin, and never ships. A package that venv has too is an error:
// it would hide the one that ships. Where both have a file of the same name the overlay's is found first: a note.
// Files of .pth are not obeyed there.
func (b Builder) Overlay(ctx context.Context, venv string, want []wheelhouse.Wanted, to string) (Built, error) {
	shipped, err := installed(filepath.Join(venv, sitePath(b.Interpreter.Version)))
	if err != nil {
		return Built{}, &Error{Kind: BadInput, Text: "look at the environment that the tests' packages are laid over", Cause: bare(err)}
	}
	for _, w := range want {
		name := distributionOf(w)
		if v, ok := shipped[name]; ok {
			return Built{}, &Error{Kind: BadInput, Package: name, Text: fmt.Sprintf("%s %s ships: it can't be installed for tests once more, where it would hide the one that runs; leave it out", name, v)}
		}
	}
	built, err := b.install(ctx, "overlay", OverlayPlace, want, to)
	if err == nil {
		built.Notes = append(built.Notes, hidden(filepath.Join(venv, sitePath(b.Interpreter.Version)), to)...)
	}
	return built, err
}

// Check asks whether what is installed in venv has everything it requires, in versions that it takes, for this
// interpreter. The error is of kind Unmet where it has not, in uv's words.
func (b Builder) Check(ctx context.Context, venv string) (Built, error) {
	if err := b.checked(); err != nil {
		return Built{}, err
	}
	abs, err := filepath.Abs(venv)
	if err != nil {
		return Built{}, &Error{Kind: BadInput, Text: "find the environment to check", Cause: bare(err)}
	}
	r := &run{b: b, hosts: []string{abs, VenvPlace}}
	c := b.command()
	c.Path = dock.Inside(uvPlace)
	c.Args = []string{"pip", "check", "--python", dock.Inside(VenvPlace + "/bin/python"), "--no-config", "--offline", "--color", "never", "--no-progress"}
	c.Mounts = append(c.Mounts, dock.Mount{Host: abs, Inside: VenvPlace})
	built, err := r.box(ctx, c)
	if err != nil {
		return built, err
	}
	if !built.Run.OK() {
		if e := r.ended(ctx, built.Run, nil); e != nil {
			return built, e
		}
		return built, &Error{Kind: Unmet, Text: "what is installed does not go together:\n" + lastLines(string(built.Log))}
	}
	return built, nil
}

func (b Builder) say(format string, args ...any) {
	if b.Say != nil {
		b.Say(fmt.Sprintf(format, args...))
	}
}

// Sweep removes from a Builder's Work what processes that were killed left there before a time.
func Sweep(work string, before time.Time) error {
	entries, err := os.ReadDir(work)
	if err != nil {
		return fmt.Errorf("sweep what builds left: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), workPrefix) || !info.ModTime().Before(before) {
			continue
		}
		if err := artifact.Remove(filepath.Join(work, e.Name())); err != nil {
			return fmt.Errorf("sweep what builds left: %w", err)
		}
	}
	return nil
}

const workPrefix = "pybuild-"
