// Package pybuild makes Python environments inside the dock: from what an inventory pins, through one distribution
// for each pin, to a virtual environment that is the same bytes wherever and whenever it is built, ready to be sealed
// (design §1.4).
//
// Distributions are fetched outside, by sha256; inside there is no network, and of what is installed nothing is run.
// The environment is always shown at /app/venv, and its bytecode says so.
package pybuild

import (
	"context"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Builder builds environments for one interpreter. It is safe for concurrent use.
type Builder struct {
	Dock        dock.Dock
	House       *wheelhouse.House
	Index       index.Fetcher
	UV          string // host path of the program
	Interpreter artifact.Interpreter
	Limits      dock.Limits
	// Space bounds what one build may write inside, in bytes; 0 means the package's own limit.
	Space int64
	// Work is a folder for temporary things, closed to nobody that the dock runs as; nothing stays there.
	Work string
	// BuildWith are wheels that source distributions are built with (setuptools, flit_core …). They never ship.
	BuildWith []wheelhouse.Wanted
	// Say is told what goes on, a line each; nil for nobody.
	Say func(string)
}

// Built is what one run in the dock left.
type Built struct {
	Log       []byte      // what was printed, cleaned of the host's paths, bounded
	Run       dock.Result // of the box
	Installed []Pin       // Package and Version of what is installed, by name
	Notes     []string    // what a reviewer should know, a sentence each
	AtStart   []string    // files that run whenever the environment's Python starts (.pth, sitecustomize), sorted
}

// Build makes a virtual environment of exactly want in the folder to, which is absent or empty.
func (b Builder) Build(ctx context.Context, want []wheelhouse.Wanted, to string) (Built, error) {
	return Built{}, ctx.Err()
}

// Check asks whether what is installed in venv has everything it requires.
func (b Builder) Check(ctx context.Context, venv string) (Built, error) {
	return Built{}, ctx.Err()
}

// Overlay installs what only tests need in the folder to.
func (b Builder) Overlay(ctx context.Context, venv string, want []wheelhouse.Wanted, to string) (Built, error) {
	return Built{}, ctx.Err()
}
