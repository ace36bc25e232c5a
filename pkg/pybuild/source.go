package pybuild

import (
	"context"

	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// buildSources makes wheels of the source distributions among want.
func (b Builder) buildSources(ctx context.Context, r *room, want []wheelhouse.Wanted) ([]byte, error) {
	return nil, ctx.Err()
}
