package planner

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// The service on a bus, under the runner: a scan goes in, a plan comes out, once; its deadline falls due.
func TestOnTheBus(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := bus.NewMemory()
	defer b.Close()
	w := paymentsWorld(t, Config{})
	// An emergency found so long ago that its deadline is due as soon as the plan is made.
	w.now = time.Now().UTC().Add(-25 * time.Hour)
	w.scan(paymentsFiles)
	for _, data := range w.store.docs {
		if _, err := b.Evidence().Put(ctx, data); err != nil {
			t.Fatal(err)
		}
	}
	r := worker.New(b, w.service.Routes(), worker.Options{Backoff: func(int) time.Duration { return time.Millisecond }})
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
