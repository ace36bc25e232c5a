package planner

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Whatever happens to a world between two plans, memory makes no difference to what is planned, and every plan is
// made again from its record.
func TestMemoryMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawWorld(t, rt)
		kept := newAnswers("")
		for n := range rapid.IntRange(1, 5).Draw(rt, "plans") {
			r.happens(rt, n)
			e := r.scan(r.files)
			r.service.answers = newAnswers("")
			fresh, err := r.service.make(t.Context(), r.facts(e.ID()))
			if err != nil {
				rt.Fatal(err)
			}
			r.service.answers = kept
			remembered, err := r.service.make(t.Context(), r.facts(e.ID()))
			if err != nil {
				rt.Fatal(err)
			}
			want, err := json.Marshal(fresh.plan)
			if err != nil {
				rt.Fatal(err)
			}
			if got, err := json.Marshal(remembered.plan); err != nil || string(got) != string(want) {
				rt.Fatalf("%d: with memory\n%s\nwithout\n%s (%v)", n, got, want, err)
			}
			r.plan(e)
			if r.state.Plan == nil {
				continue
			}
			if _, err := Recompute(t.Context(), r.store, r.state.Plan.Document, r.offline(), report.Tool{Name: "drydock", Version: "test"}); err != nil {
				rt.Fatalf("%d: %v", n, err)
			}
		}
	})
}

// happens changes one thing or another.
func (r *randomWorld) happens(rt *rapid.T, n int) {
	name := fmt.Sprintf("p%d", rapid.IntRange(0, len(r.pins)).Draw(rt, "which"))
	r.shelf.broken = nil
	switch rapid.IntRange(0, 9).Draw(rt, "what") {
	case 0, 1:
		r.now = r.now.Add(time.Duration(rapid.IntRange(1, 240).Draw(rt, "hours")) * time.Hour)
	case 2:
		if lines := r.shelf.releases[name]; len(lines) > 0 {
			r.shelf.releases[name] = append(lines[:len(lines):len(lines)], fmt.Sprintf("1.%d at=2026-11-2%d", 20+n, rapid.IntRange(0, 9).Draw(rt, "day")))
		}
	case 3:
		if lines := r.shelf.releases[name]; len(lines) > 1 {
			at := rapid.IntRange(1, len(lines)-1).Draw(rt, "release")
			lines = append([]string{}, lines...)
			lines[at] += " yanked"
			r.shelf.releases[name] = lines
		}
	case 4:
		r.shelf.broken = map[string]error{name: fmt.Errorf("%w: 503", index.ErrUnreachable)}
	case 5:
		r.advisories[name] = append(r.advisories[name], fmt.Sprintf("CVE-9-%d <1.%d critical", n, rapid.IntRange(1, 4).Draw(rt, "fixed")))
		r.digest = fmt.Sprintf("sha256:%d", n)
	case 6:
		r.options.Full = !r.options.Full
	case 7:
		if r.shelf.releases[name] == nil {
			r.shelf.releases[name] = []string{"1.0", "1.2"}
		}
	case 8:
		r.policy = policyOf(r.t, fmt.Sprintf("rules: {other-finding: {cooldown: %dh}}", rapid.IntRange(0, 200).Draw(rt, "cooldown")))
	}
}
