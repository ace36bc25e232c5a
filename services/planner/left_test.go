package planner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Phases and environments that each take all the time of a resolution leave some for the plan.
func TestEachResolutionLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), handleLimit)
		defer cancel()
		s := &solver{limit: resolveLimit}
		if got := s.left(ctx); got != resolveLimit {
			t.Errorf("the first has %s", got)
		}
		for range 12 { // classes, twice
			time.Sleep(s.left(ctx))
		}
		if ctx.Err() != nil || s.left(ctx) <= 0 {
			t.Errorf("%v, %s left", ctx.Err(), s.left(ctx))
		}
		if got := s.left(t.Context()); got != resolveLimit {
			t.Errorf("without an end: %s", got)
		}
	})
}
