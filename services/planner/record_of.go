package planner

import (
	"context"
	"fmt"
	"maps"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Known gathers what a store holds of a plan's inputs, for a comparison. What it does not hold is left out.
func Known(ctx context.Context, store evidence.Store, p *report.Plan) (Side, error) {
	s := Side{Plan: p}
	inv := &inventory.Inventory{}
	if err := readEvidence(ctx, store, p.Inputs.Inventory, inv); err == nil {
		s.Inventory = inv
	}
	if p.Inputs.Record != "" {
		r := planRecord{}
		if err := readEvidence(ctx, store, p.Inputs.Record, &r); err == nil {
			s.Pages = map[string]string{}
			for _, w := range r.Worlds {
				maps.Copy(s.Pages, w.Pages)
			}
		}
	}
	if ctx.Err() != nil {
		return s, fmt.Errorf("read the inputs of the plan: %w", context.Cause(ctx))
	}
	return s, nil
}
