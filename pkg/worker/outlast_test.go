package worker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// sick is a bus that says of itself that it takes nothing until a time.
type sick struct {
	bus.Bus
	well time.Time
}

func (s *sick) Status(ctx context.Context) (bus.Status, error) {
	st, err := s.Bus.Status(ctx)
	st.Ready = !time.Now().Before(s.well)
	return st, err
}

// A log that takes nothing for six hours, full or away, is no message's fault: none uses up its attempts, none
// ends with the dead letters, and all goes on by itself.
func TestOutlastsTheLog(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		handle worker.Handler
		want   string
		buried int
	}{
		{"full disk", bus.ErrFull, complete, "scan.requested scan.completed", 0},
		{"server away", bus.ErrUnavailable, complete, "scan.requested scan.completed", 0},
		{"what belongs with the dead letters waits, too", bus.ErrFull, failing(99, worker.Permanent(errors.New("boom"))), "scan.requested", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var well time.Time
			hook := func(p bustest.Point) error {
				if p.Moment == bustest.Before && p.Op != bustest.OpNak && time.Now().Before(well) {
					return fmt.Errorf("%s: %w", p.Op, tt.err)
				}
				return nil
			}
			play(t, hook, func(r *rig) {
				well = time.Now().Add(6 * time.Hour)
				r.seen = &sick{r.seen, well}
				r.add(request("payments"))
				tried := 0
				defer r.run(worker.Options{}, scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
					tried++
					return tt.handle(ctx, e, f)
				}))()
				r.settle(5 * time.Hour)
				if n := len(r.letters()); n != 0 {
					t.Errorf("%d dead letters while the log takes nothing", n)
				}
				r.settle(2 * time.Hour)
				r.wantNames("payments", tt.want)
				if n := len(r.letters()); n != tt.buried {
					t.Errorf("%d dead letters, want %d: %+v", n, tt.buried, r.letters())
				}
				if st, err := r.bus.Status(r.ctx); err != nil || len(st.Warnings) > 0 {
					t.Errorf("warnings %v, %v", st.Warnings, err)
				}
				if tried > 12000 { // sixteen a try, a try each half minute
					t.Errorf("decided %d times in six hours", tried)
				}
			})
		})
	}
}

// While the log takes nothing, an end of the process is not held up until the drain limit.
func TestOutlastEndsWithTheRunner(t *testing.T) {
	hook := func(p bustest.Point) error {
		if p.Op == bustest.OpAppend {
			return bus.ErrFull
		}
		return nil
	}
	play(t, hook, func(r *rig) {
		r.add(request("payments"))
		stop := r.run(worker.Options{}, scans(complete))
		r.settle(time.Minute)
		began := time.Now()
		stop()
		if now, limit := time.Now(), began.Add(time.Second); now.After(limit) { // in fake time
			t.Errorf("ended at %s, want by %s", now, limit)
		}
		r.seen = r.bus
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Second) // handed back: no silence has to be waited for
		r.wantNames("payments", "scan.requested scan.completed")
	})
}

// silent is a bus whose events do not arrive: the server went away after it answered.
type silent struct{ bus.Bus }

func (silent) Follow(ctx context.Context, _ bus.Query, _ func(bus.Record) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// Who waits for a decision is told that the log does not answer, rather than held until it does.
func TestDecideDoesNotWaitForEver(t *testing.T) {
	play(t, nil, func(r *rig) {
		f := worker.NewFolds(silent{r.bus})
		ctx, cancel := context.WithCancel(r.ctx)
		defer cancel()
		if err := f.Start(ctx); err != nil {
			t.Fatal(err)
		}
		r.add(request("payments"))
		waits, end := context.WithTimeout(r.ctx, time.Hour)
		defer end()
		_, err := worker.Decide(waits, r.bus, f, "payments", func(*events.State, *events.OrgState) ([]events.Event, error) { return nil, nil })
		if !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, bus.ErrUnavailable)
		}
		cancel()
		<-f.Ended()
	})
}
