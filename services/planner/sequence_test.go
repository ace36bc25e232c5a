package planner

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// Whatever happens to a world between two plans, memory makes no difference to what is planned, and every plan is
// made again from its record.
func TestMemoryMakesNoDifference(t *testing.T) {
	verdicts := resolution.NewVerdicts() // of all worlds
	rapid.Check(t, func(rt *rapid.T) {
		r := drawWorld(t, rt)
		r.uv.name = "uv"
		kept := newAnswers("")
		for n := range rapid.IntRange(1, 5).Draw(rt, "plans") {
			r.happens(rt, n)
			e := r.scan(r.files)
			made := func(a *answers, v *resolution.Verdicts) string {
				r.service.answers, r.service.verdicts = a, v
				d, err := r.service.make(t.Context(), r.facts(e.ID()))
				if err != nil {
					rt.Fatal(err)
				}
				data, err := json.Marshal(d.plan)
				if err != nil {
					rt.Fatal(err)
				}
				return string(data)
			}
			want := made(newAnswers(""), nil)
			for _, got := range []string{made(newAnswers(""), verdicts), made(kept, verdicts)} {
				if got != want {
					rt.Fatalf("%d: with memory\n%s\nwithout\n%s", n, got, want)
				}
			}
			r.plan(e)
			if r.state.Plan == nil {
				continue
			}
			if _, err := Recompute(t.Context(), r.store, r.state.Plan.Document, r.offline(), report.Tool{Name: "drydock", Version: "test"}); err != nil {
				rt.Fatalf("%d: %v", n, err)
			}
			r.movesNothingRejected(rt, r.document())
		}
	})
}

// turnsDown has one of the open changes rejected for some of its updates, or all rejections forgotten.
func (r *randomWorld) turnsDown(rt *rapid.T, n int) {
	open := r.state.OpenChanges()
	if len(open) == 0 || rapid.IntRange(0, 4).Draw(rt, "forget") == 0 {
		r.say("update", fmt.Sprint(r.seq), events.ScanRequested{Application: "payments", Target: "/src/payments", PlanOptions: events.PlanOptions{Again: true}})
		return
	}
	c := rapid.SampledFrom(open).Draw(rt, "rejected change")
	rejected := events.ChangeRejected{Change: c.Change, Kind: rapid.SampledFrom([]string{events.RejectedTests, events.RejectedDeleted, events.RejectedInstall}).Draw(rt, "kind"),
		Reason: "it fails", Until: r.now.Add(time.Duration(rapid.IntRange(1, 400).Draw(rt, "hours")) * time.Hour)}
	if len(c.Updates) > 0 && rapid.IntRange(0, 4).Draw(rt, "all") > 0 {
		some := rapid.IntRange(1, len(c.Updates)).Draw(rt, "failing")
		at := rapid.IntRange(0, len(c.Updates)-some).Draw(rt, "from")
		rejected.Failing = c.Updates[at : at+some]
	}
	r.say("dock", fmt.Sprint(n, c.Change), rejected)
}

// movesNothingRejected looks at the log for itself: no update goes to what a rejection that holds has rejected, nor above.
func (r *randomWorld) movesNothingRejected(rt *rapid.T, p *report.Plan) {
	for _, held := range r.state.RefusedAt(p.Inputs.Now) {
		failing := held.Failing
		if len(failing) == 0 {
			failing = r.state.Changes[held.Change].Updates
		}
		for _, bad := range failing {
			for _, ph := range p.Phases {
				for _, u := range ph.Updates {
					if u.Package == bad.Package && version(u.To).Compare(version(bad.To)) >= 0 {
						rt.Fatalf("%s moves %s to %s, and %s was rejected until %s", ph.Phase, u.Package, u.To, bad.To, held.Until)
					}
				}
			}
		}
	}
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
	case 9:
		r.turnsDown(rt, n)
	case 8:
		r.policy = policyOf(r.t, fmt.Sprintf("rules: {other-finding: {cooldown: %dh}}", rapid.IntRange(0, 200).Draw(rt, "cooldown")))
	}
}
