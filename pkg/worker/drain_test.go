package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// What is being handled when the end comes is finished within the limit, else handed back; never dropped.
func TestDrain(t *testing.T) {
	tests := []struct {
		name     string
		needs    time.Duration // of the handling
		obeys    bool          // its context
		long     bool          // its stage says that it outlasts any drain
		finished bool          // before Run returned
		within   time.Duration // Run must have returned
	}{
		{"finished within the limit", 5 * time.Second, true, false, true, 6 * time.Second},
		{"handed back after the limit", time.Hour, true, false, false, 21 * time.Second},
		{"long, handed back at once", time.Hour, true, true, false, time.Second},
		{"handed back under its hands", time.Hour, false, false, false, 26 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, nil, func(r *rig) {
				r.add(request("payments"))
				hold := make(chan struct{})
				stage := scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
					over := ctx.Done()
					if !tt.obeys {
						over = nil
					}
					select {
					case <-time.After(tt.needs):
						return complete(ctx, e, f)
					case <-over:
						return nil, ctx.Err()
					case <-hold:
						return nil, nil
					}
				})
				stage.Long = tt.long
				stop := r.run(worker.Options{}, stage)
				r.settle(time.Second)
				began := time.Now()
				stop()
				if now, limit := time.Now(), began.Add(tt.within); now.After(limit) { // in fake time
					t.Errorf("ended at %s, want by %s", now, limit)
				}
				if got := r.names("payments") == "scan.requested scan.completed"; got != tt.finished {
					t.Errorf("log after the end: %s", r.names("payments"))
				}
				var attempt atomic.Int32
				stop = r.run(worker.Options{}, scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
					attempt.Store(int32(f.Attempt))
					return complete(ctx, e, f)
				}))
				r.settle(time.Second) // at once: no silence has to be waited for
				stop()
				close(hold)
				r.wantNames("payments", "scan.requested scan.completed")
				if !tt.finished && attempt.Load() != 2 {
					t.Errorf("it came again as delivery %d, want 2", attempt.Load())
				}
			})
		})
	}
}

// Nothing is taken any more once the end has come.
func TestDrainTakesNothingMore(t *testing.T) {
	play(t, nil, func(r *rig) {
		var begun atomic.Int32
		st := scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			begun.Add(1)
			time.Sleep(10 * time.Second)
			return complete(ctx, e, f)
		})
		st.Workers = 1
		for _, app := range []string{"a", "b", "c"} {
			r.add(request(app))
		}
		stop := r.run(worker.Options{}, st)
		r.settle(time.Second)
		stop()
		if begun.Load() != 1 {
			t.Errorf("%d begun, want the one in hand", begun.Load())
		}
		defer r.run(worker.Options{}, st)()
		r.settle(time.Minute)
		for _, app := range []string{"a", "b", "c"} {
			r.wantNames(app, "scan.requested scan.completed")
		}
	})
}
