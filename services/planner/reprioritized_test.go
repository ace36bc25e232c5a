package planner

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

func urgent(severity string, kev bool, epss float64) events.Urgency {
	return events.Urgency{Severity: severity, KEV: &kev, EPSS: &epss}
}

// reprioritize says what the scanner says of a finding when a database changed, and nothing else.
func (w *world) reprioritize(vulnerability string, to events.Urgency) events.Event {
	w.t.Helper()
	id := events.FindingID("payments", "repository:requirements.txt", pypi, "lib", vulnerability)
	was, ok := w.state.Findings[id]
	if !ok {
		w.t.Fatalf("no finding of %s", vulnerability)
	}
	return w.say("database-"+to.Severity+w.now.String(), id, events.FindingReprioritized{Finding: id, Before: was.Urgency, After: to})
}

// A finding that turns out to be worse moves to another phase with an earlier deadline, without a scan; one that
// turns out to be less bad moves back, and the new plan says so. The time runs from first detection throughout.
func TestReprioritized(t *testing.T) {
	if !slices.Contains(bareService(t).Routes()[0].Consumes, "finding.reprioritized") {
		t.Fatal("nobody listens")
	}
	files := map[string]string{"requirements.txt": "lib==1.0\n"}
	for _, tc := range []struct {
		name     string
		from     string // in the database
		to       events.Urgency
		releases []string
		before   string
		after    string
		days     int // from first detection
		rule     string
		events   string
	}{
		{"worse", "low", urgent("critical", false, 0), []string{"1.1"}, "regular lib 1.0>1.1", "emergency lib 1.0>1.1", 1, "emergency: 24h from first detection (critical-severity)",
			"plan.superseded change.superseded change.opened plan.generated"},
		{"exploited", "high", urgent("high", true, 0), []string{"1.1"}, "high lib 1.0>1.1", "emergency lib 1.0>1.1", 1, "emergency: 24h from first detection (known-exploited)",
			"plan.superseded change.superseded change.opened plan.generated"},
		{"exploited, and so need not wait", "high", urgent("high", true, 0), []string{"1.1 at=2026-11-22"}, "", "emergency lib 1.0>1.1", 1, "emergency: 24h from first detection (known-exploited)",
			"plan.superseded change.opened plan.generated"},
		{"less bad", "critical", urgent("low", false, 0), []string{"1.1"}, "emergency lib 1.0>1.1", "regular lib 1.0>1.1", 30, "regular: 30d from first detection (other-finding)",
			"plan.superseded change.superseded change.opened plan.generated"},
		{"no difference to the policy", "low", urgent("medium", false, 0.01), []string{"1.1"}, "regular lib 1.0>1.1", "regular lib 1.0>1.1", 30, "regular: 30d from first detection (other-finding)", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 " + tc.from}}, map[string][]string{"lib": tc.releases})
			w.plan(w.scan(files))
			if got := moves(w.document()); got != tc.before {
				t.Fatalf("before: %q", got)
			}
			w.now = w.now.Add(6 * time.Hour)
			before := w.known()
			evs := w.plan(w.reprioritize("CVE-1", tc.to))
			if names(evs) != tc.events {
				t.Errorf("events %s, want %s", names(evs), tc.events)
			}
			if d := Compare(before, w.known()); tc.events != "" && (len(d.Changes) == 0 || slices.ContainsFunc(d.Changes, func(c report.PlanChange) bool {
				return c.What != "deadline" && c.Cause != "advisories: how urgent lib is changed"
			})) {
				t.Errorf("differences %+v", d.Changes)
			}
			p := w.document()
			if got := moves(p); got != tc.after {
				t.Fatalf("after: %q, want %q", got, tc.after)
			}
			if ph := p.Phases[0]; !ph.Deadline.Equal(start.AddDate(0, 0, tc.days)) || ph.DeadlineRule != tc.rule {
				t.Errorf("due %s by %q", ph.Deadline, ph.DeadlineRule)
			}
			open := 0
			for _, c := range w.state.Changes {
				if c.Terminal == "" {
					open++
					if c.Class != p.Phases[0].Class || !c.Deadline.Equal(*p.Phases[0].Deadline) {
						t.Errorf("open change %+v", c)
					}
				}
			}
			if open != 1 {
				t.Errorf("%d open changes", open)
			}
			if again := w.plan(w.said[len(w.said)-1]); len(again) != 0 {
				t.Errorf("told twice: %s", names(again))
			}
			w.recomputes(p)
		})
	}
}

func bareService(t *testing.T) *Service {
	t.Helper()
	s, err := New(Config{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Several at once, as one database change brings them, make one new plan, whichever of them is handled first.
func TestReprioritizedInABatch(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low", "CVE-2 <1.1 low"}}, map[string][]string{"lib": {"1.1"}})
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	first := w.reprioritize("CVE-1", urgent("critical", false, 0))
	second := w.reprioritize("CVE-2", urgent("high", true, 0))
	if got := names(w.plan(first)); got != "plan.superseded change.superseded change.opened plan.generated" {
		t.Errorf("%s", got)
	}
	if got := names(w.plan(second)); got != "" {
		t.Errorf("the second of the batch: %s", got)
	}
	if got := moves(w.document()); got != "emergency lib 1.0>1.1" {
		t.Error(got)
	}
	// Both are of one update; an application without a scan has nothing to plan.
	empty := newWorld(t, Config{}, nil, nil)
	if got := names(empty.plan(first)); got != "" {
		t.Errorf("never scanned: %s", got)
	}
}

// On the bus nothing but finding.reprioritized is needed for a new plan.
func TestReprioritizedOnTheBus(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := bus.NewMemory()
	defer b.Close()
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1"}})
	w.now = time.Now().UTC()
	w.scan(map[string]string{"requirements.txt": "lib==1.0\n"})
	for _, data := range w.store.docs {
		if _, err := b.Evidence().Put(ctx, data); err != nil {
			t.Fatal(err)
		}
	}
	r := runnerOf(b, w.service, w.now)
	running := make(chan error, 1)
	go func() { running <- r.Run(ctx) }()
	last, err := b.Append(ctx, "payments", w.said, 0)
	if err != nil {
		t.Fatal(err)
	}
	planned := waitFor(ctx, t, b, last, "plan.generated")
	e := w.reprioritize("CVE-1", urgent("critical", false, 0))
	if last, err = b.Append(ctx, "payments", []events.Event{e}, planned); err != nil {
		t.Fatal(err)
	}
	planned = waitFor(ctx, t, b, last, "plan.generated")
	s, err := r.Folds().App(ctx, "payments", planned)
	if err != nil || len(s.Plan.Phases) != 1 || s.Plan.Phases[0].Class != "emergency" {
		t.Errorf("%+v, %v", s.Plan, err)
	}
	cancel()
	<-running
}
