package planner

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// The resolver of these tests stands for the real one: on worlds of all kinds both come to the same plan.
func TestTheRealResolverAgrees(t *testing.T) {
	tool := uvtest.Tool(t)
	worlds := rapid.Custom(func(rt *rapid.T) *randomWorld { return drawWorld(t, rt) })
	n := 12
	if testing.Short() {
		n = 3
	}
	runs := 0
	for seed := 0; n > 0; seed++ {
		r := worlds.Example(seed)
		if seed%2 == 0 {
			r.refuse(failed("c-1"), "p0 1.0>1.2", "p1 1.0>1.1")
		}
		e := r.scan(r.files)
		d, err := r.service.make(t.Context(), r.facts(e.ID()))
		if err != nil {
			t.Fatal(err)
		}
		if d.answers[0].Runs == 0 {
			continue // nothing to resolve
		}
		n--
		r.service.answers = newAnswers("")
		r.service.deps.Engine = func(context.Context) (resolution.Engine, error) { return tool, nil }
		real, err := r.service.make(t.Context(), r.facts(e.ID()))
		if err != nil {
			t.Fatal(err)
		}
		runs += real.answers[0].Runs
		if got, want := moves(real.plan), moves(d.plan); got != want {
			t.Errorf("seed %d: the real one says\n%s, these tests'\n%s\nof %v with %v and %v", seed, got, want, r.pins, r.shelf.releases, r.advisories)
		}
		for i, o := range real.plan.Outcomes {
			if o.Outcome == report.OutcomeError || o.Outcome != d.plan.Outcomes[i].Outcome {
				t.Errorf("seed %d: %+v, these tests' says %+v", seed, o, d.plan.Outcomes[i])
			}
		}
	}
	t.Logf("%d runs", runs)
}
