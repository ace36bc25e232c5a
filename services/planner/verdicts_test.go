package planner

import (
	"slices"
	"testing"
)

// Applications that share packages share uv's verdicts on them; the plan of the second says the same of uv, and is made
// again from its record by a uv that is asked everything.
func TestVerdictsAreShared(t *testing.T) {
	shared := func() *world {
		w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}, "late": {"CVE-2 <1.1 low"}},
			map[string][]string{"lib": {"1.1 needs=dep>=1.1"}, "dep": {"1.1"}, "late": {"1.1"}, "beside": {"1.1"}})
		w.uv.name = "uv"
		return w
	}
	first, second := shared(), shared()
	second.service.verdicts = first.service.verdicts
	first.plan(first.scan(map[string]string{"requirements.txt": "lib==1.0\ndep==1.0\nlate==1.0\nbeside==1.0\n"}))
	second.plan(second.scan(map[string]string{"requirements.txt": "lib==1.0\ndep==1.0\nlate==1.0\n"}))
	if first.uv.runs != 2 || second.uv.runs != 0 {
		t.Errorf("uv ran %d times for the first, %d times for the second", first.uv.runs, second.uv.runs)
	}
	if a, b := moves(first.document()), moves(second.document()); a != b || a == "" {
		t.Errorf("%s\nand\n%s", a, b)
	}
	args := func(w *world) []string {
		r := planRecord{}
		if err := readEvidence(t.Context(), w.store, w.document().Inputs.Record, &r); err != nil {
			t.Fatal(err)
		}
		return r.Worlds[0].Args
	}
	if a, b := args(first), args(second); len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("uv's arguments: %q and %q", a, b)
	}
	second.shelf = nil
	second.recomputes(second.document())
}
