package pybuild

import (
	"context"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Pin is one package of one version.
type Pin struct {
	Package, Version, Source string
	Line                     int
	Hashes                   []string // "sha256:…"
	Direct                   bool
	Marker                   string
}

// Problem is why an environment can't be built as its manifests say.
type Problem struct {
	Kind, Package, Source string
	Line                  int
	Detail, Do            string
}

// Sets are the pins of an application.
type Sets struct {
	Ship, Tests []Pin
	Sources     []string // the manifests that Ship comes from, sorted
	Notes       []string
}

// Split takes apart what an inventory says.
func Split(inv *inventory.Inventory, target pep508.Environment) (Sets, []Problem) {
	return Sets{}, nil
}

// Pick chooses one distribution for each pin.
func Pick(ctx context.Context, ix index.Source, pins []Pin, target pep508.Environment, sources bool) ([]wheelhouse.Wanted, []Problem, error) {
	return nil, nil, ctx.Err()
}
