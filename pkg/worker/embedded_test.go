package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

func openEmbedded(t testing.TB, dir string) bus.Bus {
	t.Helper()
	b, err := bus.Embedded(t.Context(), bus.EmbeddedConfig{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// start1 starts a runner outside a bubble; stop ends it.
func start1(t testing.TB, b bus.Bus, stages []worker.Stage) (w *worker.Runner, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w = worker.New(b, stages, worker.Options{Log: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-w.Ready():
	case err := <-ended:
		t.Fatalf("the runner ended: %v", err)
	}
	return w, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the runner ended: %v", err)
		}
	}
}

// until waits for a condition of app's state.
func until(t testing.TB, w *worker.Runner, app, what string, ok func(*events.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		s, err := w.Folds().App(ctx, app, 0)
		if err == nil && ok(s) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: %s did not come", app, what)
}

// The same flow on the embedded server: a large result, timers that fire, a restart in between.
func TestRunnerOnEmbedded(t *testing.T) {
	dir := t.TempDir()
	b := openEmbedded(t, dir)
	w, stop := start1(t, b, workertest.Toy(bus.MaxBatch+10, 3*time.Second))
	if err := workertest.Append(t.Context(), b, workertest.Request("payments", "1", events.Urgent, time.Now())); err != nil {
		t.Fatal(err)
	}
	until(t, w, "payments", "the plan", func(s *events.State) bool { return s.Plan != nil })
	stop()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openEmbedded(t, dir)
	w, stop = start1(t, b, workertest.Toy(1, time.Hour))
	defer stop()
	until(t, w, "payments", "the breach of the deadline", func(s *events.State) bool {
		for _, c := range s.Changes {
			if c.Breached {
				return true
			}
		}
		return false
	})
	if err := workertest.Append(t.Context(), b, workertest.Update("db2", time.Now())); err != nil {
		t.Fatal(err)
	}
	until(t, w, "payments", "the newer plan", func(s *events.State) bool {
		return s.Plan != nil && s.Plan.Plan == fmt.Sprintf("sha256:%d", bus.MaxBatch+11)
	})
	if err := workertest.CheckUnique(t.Context(), b); err != nil {
		t.Error(err)
	}
	if ls, err := b.Letters(t.Context(), true); err != nil || len(ls) != 0 {
		t.Errorf("dead letters %v, %v", ls, err)
	}
}
