package planner

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/freeze"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// A phase is warned of a freeze once, for its earliest deadline; one that was over before the freeze does not fall inside it.
func TestFreezeWarnings(t *testing.T) {
	list, err := freeze.Parse("freezes.yaml", []byte(`schema: drydock.freezes/v1
freezes:
- {name: closed, reason: books, owner: a@b.example, classes: [high], from: 2026-11-20, until: 2026-11-29}
- {name: late, reason: books, owner: a@b.example, classes: [high], from: 2026-11-30, until: 2026-12-04}
- {name: quiet, reason: launch, owner: a@b.example, classes: [regular], from: 2026-11-29, until: 2026-11-30}
- {name: soon, reason: launch, owner: a@b.example, classes: [regular], from: 2026-12-01, until: 2026-12-03}
`))
	if err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	x := exceptions{Freezes: list}
	for name, c := range map[string]struct {
		phase     string
		deadlines []time.Time
		outcome   string
		want      []string
	}{
		"inside": {"high", []time.Time{day(11, 28), day(11, 25)}, report.Frozen,
			[]string{"high: a deadline of 2026-11-25 00:00Z falls inside the freeze closed, in force until 2026-11-30 00:00Z: only break-glass, or an end of the freeze, keeps it"}},
		"over before": {"high", []time.Time{day(11, 25), day(1, 5)}, report.Frozen,
			[]string{"high: a deadline of 2026-01-05 00:00Z was over before the freeze closed, in force until 2026-12-05 00:00Z: only break-glass, or an end of the freeze, lets it go on sooner"}},
		"inside the next": {"high", []time.Time{day(12, 2)}, report.Frozen,
			[]string{"high: a deadline of 2026-12-02 00:00Z falls inside the freeze late, in force until 2026-12-05 00:00Z: only break-glass, or an end of the freeze, keeps it"}},
		"after": {"high", []time.Time{day(12, 20)}, report.Frozen, nil},
		"ahead": {"regular", []time.Time{day(12, 2), day(12, 20)}, report.Planned,
			[]string{"regular: a deadline of 2026-12-02 00:00Z falls inside the freeze soon: it must be in production before 2026-11-29 00:00Z"}},
	} {
		var vs []verdict
		for _, at := range c.deadlines {
			vs = append(vs, verdict{Outcome: report.Outcome{Outcome: report.Planned, Phase: c.phase}, deadline: policy.Deadline{At: at}})
		}
		if got := x.hold("payments", day(11, 22), vs); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
		if vs[0].Outcome.Outcome != c.outcome {
			t.Errorf("%s: %s", name, vs[0].Outcome.Outcome)
		}
	}
}

// The plan as text says of a phase that it is held, lists what is held apart from what is in no phase, and names the files.
func TestFrozenPlanSaysSo(t *testing.T) {
	until := time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)
	text := Markdown(&report.Plan{Application: "payments", Resolution: jointKind, Inputs: report.Inputs{Python: "3.11", Waivers: "sha256:w", Freezes: "sha256:f", VEX: "sha256:v"},
		Phases: []report.Phase{{Phase: "high"}, {Phase: "regular"}}, Outcomes: []report.Outcome{
			{Package: "a", Outcome: report.Frozen, Phase: "high", Until: &until, Detail: "held"}, {Package: "b", Outcome: report.Planned, Phase: "regular"}, {Package: "c", Outcome: report.Blocked, Detail: "no"}}})
	for part, n := range map[string]int{"Held by a freeze until 2026-12-05 00:00Z": 1, "## Planned, and held by a freeze\n\n|": 1, "## Not in this plan\n\n|": 1, "| a |": 1, "| c |": 1, "| b |": 0,
		"- waivers: `sha256:w`": 1, "- freezes: `sha256:f`": 1, "- vex: `sha256:v`": 1} {
		if strings.Count(text, part) != n {
			t.Errorf("%d of %q in\n%s", strings.Count(text, part), part, text)
		}
	}
}
