package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// An index that goes away ends no change that is under way and silences no deadline.
func TestIndexAwayKeepsThePlanInForce(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.advisories["extra"], w.shelf.releases["extra"] = []string{"CVE-E <2 low"}, []string{"2"}
	w.plan(w.scan(paymentsFiles))
	before := w.document()
	w.shelf.down = true
	w.now = w.now.Add(time.Hour)
	if evs := w.plan(w.scan(paymentsFiles)); len(evs) != 0 {
		t.Fatalf("the same application: %s", names(evs))
	}
	// One package more: only that one is unanswered, and asked for again.
	more := map[string]string{"requirements.txt": paymentsFiles["requirements.txt"] + "extra==1\n"}
	w.plan(w.scan(more))
	p := w.document()
	if len(p.Phases) != len(before.Phases) || w.state.Plan.Retry == nil {
		t.Fatalf("phases %+v, retry %v", p.Phases, w.state.Plan.Retry)
	}
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "is not proved") {
		t.Errorf("a set that changed is claimed to install: %q", notes)
	}
	var unanswered int
	for _, o := range p.Outcomes {
		if o.Outcome == report.OutcomeError {
			unanswered++
			if o.Package != "extra" {
				t.Errorf("%+v", o)
			}
		}
	}
	if unanswered != 1 {
		t.Errorf("%d unanswered: %+v", unanswered, p.Outcomes)
	}
	open := 0
	for _, c := range w.state.Changes {
		if c.Terminal == "" {
			open++
		}
	}
	if open != len(before.Phases) {
		t.Errorf("%d open changes of %d phases", open, len(before.Phases))
	}
	// The index is back: the plan says what it would have said.
	w.shelf.down = false
	tm := w.service.timers(w.state)
	w.now = *w.state.Plan.Retry
	if _, err := w.due(tm[len(tm)-1]); err != nil || w.state.Plan.Retry != nil {
		t.Errorf("%v, retry %v", err, w.state.Plan.Retry)
	}
}

// What an advisory hits since, or what was picked for another target, is not kept.
func TestOnlyWhatStillHoldsIsKept(t *testing.T) {
	files := map[string]string{"requirements.txt": "lib==1.0\n"}
	known := advisories{"lib": {"CVE-1 <1.1 low"}}
	w := newWorld(t, Config{Python: "3.11"}, known, map[string][]string{"lib": {"1.1"}})
	w.plan(w.scan(files))
	w.shelf.down = true
	known["lib"] = append(known["lib"], "CVE-2 <1.2 low")
	w.plan(w.say("db", "", w.state.Scans["/src/payments"].Scan))
	for _, o := range w.document().Outcomes {
		if o.Outcome != report.OutcomeError {
			t.Errorf("picked although an advisory hits it: %+v", o)
		}
	}
	w = newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1"}})
	w.plan(w.scan(files))
	w.shelf.down = true
	again := w.state.Scans["/src/payments"].Scan
	again.PlanOptions = events.PlanOptions{Python: "3.7"}
	w.plan(w.say("other", "", again))
	if o := w.document().Outcomes[0]; o.Outcome != report.OutcomeError {
		t.Errorf("picked for another Python: %+v", o)
	}
}
