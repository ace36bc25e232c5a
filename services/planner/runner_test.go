package planner

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// patience bounds what must come: it is never reached.
const patience = 5 * time.Minute

// runnerOf runs the service on a bus. Its clock stands still, for what is planned depends on the day: the bus's goes on,
// and what is due by it is due.
func runnerOf(b bus.Bus, s *Service, now time.Time) *worker.Runner {
	return worker.New(b, s.Routes(), worker.Options{Now: func() time.Time { return now }, Backoff: func(int) time.Duration { return time.Millisecond }})
}

// The service on a bus, under the runner: a scan goes in, a plan comes out, once; its deadline falls due.
func TestOnTheBus(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := bus.NewMemory()
	defer b.Close()
	w := paymentsWorld(t, Config{})
	// An emergency found so long ago that its deadline is due as soon as the plan is made.
	now := time.Now().UTC()
	w.now = now.Add(-25 * time.Hour)
	w.scan(paymentsFiles)
	for _, data := range w.store.docs {
		if _, err := b.Evidence().Put(ctx, data); err != nil {
			t.Fatal(err)
		}
	}
	r := runnerOf(b, w.service, now)
	running := make(chan error, 1)
	go func() { running <- r.Run(ctx) }()
	last, err := b.Append(ctx, "payments", w.said, 0)
	if err != nil {
		t.Fatal(err)
	}
	breached := waitFor(ctx, t, b, last, "deadline.breached")
	s, err := r.Folds().App(ctx, "payments", breached)
	if err != nil {
		t.Fatal(err)
	}
	if s.Plan == nil || len(s.Changes) != 3 || len(s.Plan.Phases) != 3 {
		t.Fatalf("%+v", s.Plan)
	}
	for _, c := range s.Changes {
		if c.Breached != (c.Class == "emergency") {
			t.Errorf("%s change breached: %v", c.Class, c.Breached)
		}
	}
	// The same scan again changes nothing: the planner only says that it was here.
	plan := s.Plan.Plan
	again := w.say("again", "", w.state.Scans["/src/payments"].Scan)
	if last, err = b.Append(ctx, "payments", []events.Event{again}, breached); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := b.Progress(ctx, "planner-routine")
		if err != nil {
			t.Fatal(err)
		}
		if n >= last {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n, err := b.LastSequence(ctx, "payments"); err != nil || n != last {
		t.Errorf("a second scan of the same made events: %d, want %d (%v)", n, last, err)
	}
	if s, err := r.Folds().App(ctx, "payments", last); err != nil || s.Plan.Plan != plan {
		t.Errorf("%v", err)
	}
	cancel()
	if err := <-running; err != nil {
		t.Errorf("run: %v", err)
	}
}

// onBus is a world whose planner runs on a bus.
type onBus struct {
	*world
	bus    bus.Bus
	runner *worker.Runner
	last   uint64
}

// goOn appends what another service says, and waits for the plan that answers it.
func (w *onBus) goOn(ctx context.Context, evs ...events.Event) *events.State {
	w.t.Helper()
	t := w.t.(*testing.T)
	for _, data := range w.store.docs {
		if _, err := w.bus.Evidence().Put(ctx, data); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := w.bus.Append(ctx, "payments", evs, w.last)
	if err != nil {
		t.Fatal(err)
	}
	w.last = waitFor(ctx, t, w.bus, stored, "plan.generated")
	s, err := w.runner.Folds().App(ctx, "payments", w.last)
	if err != nil {
		t.Fatal(err)
	}
	data, err := w.bus.Evidence().Get(ctx, evidence.Digest(s.Plan.Document))
	if err != nil {
		t.Fatal(err)
	}
	w.put(data)
	w.state, w.seq = s, w.last
	return s
}

// The dock's answer on the bus: what was rejected is blocked and the rest goes on; asked again, it is planned again.
func TestRejectedOnTheBus(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := bus.NewMemory()
	defer b.Close()
	w := &onBus{world: paymentsWorld(t, Config{}), bus: b}
	w.now = time.Now().UTC()
	w.runner = runnerOf(b, w.service, w.now)
	running := make(chan error, 1)
	go func() { running <- w.runner.Run(ctx) }()
	w.scan(paymentsFiles)
	s := w.goOn(ctx, w.said...)
	first := s.Plan.Plan
	flask := w.open("framework")
	until := w.now.AddDate(0, 0, 14)

	turned, err := events.New(events.Meta{App: "payments", Change: flask.Change, Cause: flask.Change, Key: flask.Change, Time: w.now}, events.ChangeRejected{Change: flask.Change,
		Kind: events.RejectedTests, Reason: "2 tests fail with it and did not before", Failing: flask.Updates, Proved: true, Until: until})
	if err != nil {
		t.Fatal(err)
	}
	s = w.goOn(ctx, turned)
	p := w.document()
	if got := moves(p); got != "emergency pyjwt 2.3.0>2.4.0, regular lib 1.0>1.1" || s.Plan.Plan == first || s.Changes[flask.Change].Terminal != "rejected" {
		t.Fatalf("after the rejection: %s", got)
	}
	o := outcome(t, p, "CVE-F")
	if want := "flask 2.2.5 was rejected: 2 tests fail with it and did not before (change " + flask.Change + ", until " + until.Format(time.DateOnly) + ")"; o.Outcome != report.Blocked ||
		len(o.Chain) != 2 || o.Chain[0] != want || o.Chain[1] != "drydock update payments tries it again" {
		t.Errorf("%+v, want %s", o, want)
	}
	for _, phase := range []string{"emergency", "regular"} { // went on as changes of their own
		if c := w.open(phase); c.Plan != s.Plan.Plan {
			t.Errorf("%s is of %s", phase, c.Plan)
		}
	}
	if at := s.Plan.Revisit; at == nil || at.Before(until) || at.Sub(until) > time.Second {
		t.Errorf("planned again %v, want %s", at, until)
	}

	asked, err := events.New(events.Meta{App: "payments", Cause: "update", Time: w.now}, events.ScanRequested{Application: "payments", Target: "/src/payments", PlanOptions: events.PlanOptions{Again: true}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := events.New(events.Meta{App: "payments", Cause: asked.ID(), Time: w.now}, s.Scans["/src/payments"].Scan)
	if err != nil {
		t.Fatal(err)
	}
	s = w.goOn(ctx, asked, again)
	if got := moves(w.document()); s.Plan.Plan != first || got != "emergency pyjwt 2.3.0>2.4.0, framework flask 2.2.2>2.2.5, regular lib 1.0>1.1" {
		t.Errorf("asked again: %s", got)
	}
	if c := w.open("framework"); c.Change == flask.Change || c.Branch != flask.Branch+"-2" {
		t.Errorf("its change is %s on %s", c.Change, c.Branch)
	}
	cancel()
	if err := <-running; err != nil {
		t.Errorf("run: %v", err)
	}
}

var errFound = errors.New("found")

// waitFor follows the log until an event of that name and returns its sequence.
func waitFor(ctx context.Context, t *testing.T, b bus.Bus, from uint64, name string) uint64 {
	t.Helper()
	var at uint64
	err := b.Follow(ctx, bus.Query{App: "payments", From: from}, func(r bus.Record) error {
		if row, _ := events.Lookup(r.Event.Type()); row.Name() == name {
			at = r.Sequence
			return errFound
		}
		return nil
	})
	if !errors.Is(err, errFound) {
		t.Fatalf("wait for %s: %v", name, err)
	}
	return at
}
