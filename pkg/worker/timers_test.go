package worker_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

func keysOf(ts []bus.Timer) string {
	var out []string
	for _, t := range ts {
		out = append(out, t.App+"/"+t.Key)
	}
	return strings.Join(sorted(out), " ")
}

// The timers follow the state: set with a change, replaced when a newer plan takes its place, fired once.
func TestTimersFollowTheState(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		defer r.run(worker.Options{}, workertest.Toy(2, 24*time.Hour)...)()
		r.settle(time.Minute)
		first := keysOf(r.timers(events.Planner))
		r.add(workertest.Update("db2", start))
		r.settle(time.Minute)
		second := keysOf(r.timers(events.Planner))
		if first == "" || second == "" || first == second || strings.Contains(second, " ") {
			t.Fatalf("timers %q, then %q: want one each, of another change", first, second)
		}
		r.settle(25 * time.Hour)
		if n := strings.Count(r.names("payments"), "deadline.breached"); n != 1 {
			t.Errorf("breached %d times: %s", n, r.names("payments"))
		}
		if left := r.timers(events.Planner); len(left) != 0 {
			t.Errorf("timers left: %v", left)
		}
		last := r.stored("payments")
		if cause := events.Ext(last[len(last)-1].Event, events.ExtCause); !strings.HasPrefix(cause, "timer:planner:payments:c-") {
			t.Errorf("cause %q does not name the timer", cause)
		}
	})
}

// Timers that were lost are rebuilt at the start, those nobody wants are taken away.
func TestTimersAreRebuilt(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		r.run(worker.Options{}, workertest.Toy(2, 24*time.Hour)...)
		stop := r.run(worker.Options{}, workertest.Toy(2, 24*time.Hour)...)
		r.settle(time.Minute)
		want := keysOf(r.timers(events.Planner))
		stop()
		for _, tm := range r.timers(events.Planner) {
			if err := r.bus.Cancel(r.ctx, tm.Service, tm.App, tm.Key); err != nil {
				t.Fatal(err)
			}
		}
		for _, app := range []string{"payments", "gone"} {
			if err := r.bus.Schedule(r.ctx, bus.Timer{Service: "planner", App: app, Key: "unwanted", At: start.Add(time.Hour * 900)}); err != nil {
				t.Fatal(err)
			}
		}
		defer r.run(worker.Options{}, workertest.Toy(2, 24*time.Hour)...)()
		r.settle(time.Second)
		if got := keysOf(r.timers(events.Planner)); got != want {
			t.Errorf("timers %q, want %q", got, want)
		}
	})
}

// The hourly sweep finds what was lost while the process runs.
func TestTimersAreSwept(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		defer r.run(worker.Options{}, workertest.Toy(2, 24*time.Hour)...)()
		r.settle(time.Minute)
		before := r.timers(events.Planner)
		if err := r.bus.Cancel(r.ctx, "planner", "payments", before[0].Key); err != nil {
			t.Fatal(err)
		}
		r.settle(2 * time.Hour)
		if got := keysOf(r.timers(events.Planner)); got != keysOf(before) {
			t.Errorf("timers %q, want %q again", got, keysOf(before))
		}
	})
}

// A timer that fires early waits for its time; one that fires twice is answered once.
func TestTimerEarlyAndTwice(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		var behind atomic.Int64 // the runner's clock against the bus's
		behind.Store(int64(800 * time.Millisecond))
		var asked atomic.Int32
		stages := workertest.Toy(2, time.Hour)
		due := stages[1].OnDue
		stages[1].OnDue = func(ctx context.Context, d bus.Due, f worker.Facts) ([]events.Event, error) {
			asked.Add(1)
			if f.Now.Before(d.At) {
				t.Errorf("handled at %s, %s early", f.Now, d.At.Sub(f.Now))
			}
			return due(ctx, d, f)
		}
		defer r.run(worker.Options{Now: func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }}, stages...)()
		r.settle(time.Minute)
		tm := r.timers(events.Planner)[0]
		r.settle(2 * time.Hour)
		if err := r.bus.Schedule(r.ctx, tm); err != nil { // it fires again
			t.Fatal(err)
		}
		r.settle(time.Hour)
		if n := strings.Count(r.names("payments"), "deadline.breached"); n != 1 || asked.Load() != 1 {
			t.Errorf("breached %d times, asked %d times, want 1 and 1", n, asked.Load())
		}
	})
}

// A handler that leaves its timer standing is woken by the sweep, not in a circle.
func TestTimerLeftStanding(t *testing.T) {
	play(t, nil, func(r *rig) {
		var asked atomic.Int32
		st := scans(complete)
		st.Timers = func(s *events.State) []bus.Timer { return []bus.Timer{{Key: "retry", At: start.Add(time.Minute)}} }
		st.OnDue = func(context.Context, bus.Due, worker.Facts) ([]events.Event, error) {
			asked.Add(1)
			return nil, nil
		}
		r.add(request("payments"))
		defer r.run(worker.Options{}, st)()
		r.settle(10*time.Hour + time.Minute)
		if n := asked.Load(); n < 8 || n > 12 {
			t.Errorf("asked %d times in 10 hours", n)
		}
	})
}

// Two stages of one service share its timers: neither cancels the other's.
func TestTimersOfTwoStages(t *testing.T) {
	play(t, nil, func(r *rig) {
		wants := func(key string) func(*events.State) []bus.Timer {
			return func(*events.State) []bus.Timer { return []bus.Timer{{Key: key, At: start.Add(time.Hour * 50)}} }
		}
		first, second := scans(complete), worker.Stage{Name: "second", Service: events.Scanner, Consumes: []string{"policy.changed"}, Handle: complete}
		first.Timers, second.Timers = wants("one"), wants("two")
		r.add(request("payments"))
		defer r.run(worker.Options{}, first, second)()
		r.settle(time.Minute)
		if got := keysOf(r.timers(events.Scanner)); got != "payments/one payments/two" {
			t.Errorf("timers %q", got)
		}
	})
}

// Garbage among the fired timers, or one nobody knows, stops nothing.
func TestTimerUnknown(t *testing.T) {
	play(t, nil, func(r *rig) {
		stages := workertest.Toy(2, time.Hour)
		defer r.run(worker.Options{}, stages...)()
		for i := range 3 {
			if err := r.bus.Schedule(r.ctx, bus.Timer{Service: "planner", App: "nobody", Key: fmt.Sprintf("c-%d", i), At: start}); err != nil {
				t.Fatal(err)
			}
		}
		r.settle(time.Minute)
		r.add(request("payments"))
		r.settle(2 * time.Hour)
		if n := strings.Count(r.names("payments"), "deadline.breached"); n != 1 {
			t.Errorf("breached %d times", n)
		}
	})
}

// A timer may fire in a process whose facts lag behind those it was set by: it waits for them, instead of
// finding nothing to do.
func TestTimerBeforeItsFacts(t *testing.T) {
	play(t, nil, func(r *rig) {
		sets := workertest.Toy(1, 3*time.Second)
		fires := worker.Stage{Name: "lagging", Service: events.Planner, OnDue: sets[1].OnDue}
		sets[1].OnDue = nil
		r.seen = &lagging{r.bus}
		defer r.run(worker.Options{}, fires)()
		r.seen = r.bus
		defer r.run(worker.Options{}, sets...)()
		r.add(request("payments"))
		r.settle(time.Hour / 2)
		if n := strings.Count(r.names("payments"), "deadline.breached"); n != 1 {
			t.Errorf("breached %d times: %s", n, r.names("payments"))
		}
	})
}

// lagging is a bus whose log arrives ten seconds late.
type lagging struct{ bus.Bus }

func (l *lagging) Follow(ctx context.Context, q bus.Query, fn func(bus.Record) error) error {
	return l.Bus.Follow(ctx, q, func(r bus.Record) error {
		time.Sleep(10 * time.Second)
		return fn(r)
	})
}
