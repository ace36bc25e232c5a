package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

func sorted(s []string) []string { slices.Sort(s); return s }

// An append whose answer is lost is looked for in the log, not repeated.
func TestAnswerOfAppendLost(t *testing.T) {
	for _, moment := range []bustest.Moment{bustest.Before, bustest.After} {
		t.Run(string(moment), func(t *testing.T) {
			var once, decided atomic.Int32
			hook := func(p bustest.Point) error {
				if p.Op == bustest.OpAppend && p.Moment == moment && once.Add(1) == 1 {
					return fmt.Errorf("append: %w", bus.ErrUnavailable)
				}
				return nil
			}
			play(t, hook, func(r *rig) {
				r.add(request("payments"))
				defer r.run(worker.Options{}, scans(counted(&decided, complete)))()
				r.settle(time.Minute)
				r.wantNames("payments", "scan.requested scan.completed")
				want := map[bustest.Moment]int32{bustest.Before: 2, bustest.After: 1}[moment]
				if decided.Load() != want {
					t.Errorf("decided %d times, want %d", decided.Load(), want)
				}
			})
		})
	}
}

func counted(n *atomic.Int32, h worker.Handler) worker.Handler {
	return func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
		n.Add(1)
		return h(ctx, e, f)
	}
}

// A log that stays away costs attempts, not the message.
func TestLogAway(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	hook := func(p bustest.Point) error {
		if p.Op == bustest.OpAppend && away.Load() {
			return fmt.Errorf("append: %w", bus.ErrUnavailable)
		}
		return nil
	}
	play(t, hook, func(r *rig) {
		r.add(request("payments"))
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Minute)
		r.wantNames("payments", "scan.requested")
		away.Store(false)
		r.settle(10 * time.Minute)
		r.wantNames("payments", "scan.requested scan.completed")
	})
}

// A full log keeps the message until there is room.
func TestLogFull(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	play(t, func(p bustest.Point) error {
		if p.Op == bustest.OpAppend && full.Load() {
			return bus.ErrFull
		}
		return nil
	}, func(r *rig) {
		r.add(request("payments"))
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Minute)
		full.Store(false)
		r.settle(10 * time.Minute)
		r.wantNames("payments", "scan.requested scan.completed")
	})
}

// Somebody appends while the handler decides: it decides again, on the new facts, in the same delivery.
func TestConflictDecidesAgain(t *testing.T) {
	play(t, nil, func(r *rig) {
		var saw []int
		h := func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			saw = append(saw, len(f.App.Pending))
			if len(saw) == 1 {
				r.add(workertest.Request("payments", "meanwhile", events.Urgent, start))
			}
			if f.Attempt != 1 {
				t.Errorf("delivery %d", f.Attempt)
			}
			return complete(ctx, e, f)
		}
		st := scans(h)
		st.Workers = 1
		r.add(request("payments"))
		stop := r.run(worker.Options{}, st)
		r.settle(time.Minute)
		stop()
		if len(saw) < 2 || saw[0] != 1 || !slices.Contains(saw[1:], 2) {
			t.Errorf("pending requests seen: %v, want 1 and then 2", saw)
		}
	})
}

// A worker that was given up for dead and is not answers nothing a second time.
func TestStaleWorker(t *testing.T) {
	play(t, nil, func(r *rig) {
		var decided atomic.Int32
		slow := scans(counted(&decided, func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			time.Sleep(2 * time.Minute)
			return complete(ctx, e, f)
		}))
		slow.Workers = 1
		r.add(request("payments"))
		r.seen = &mute{r.bus}
		stop := r.run(worker.Options{}, slow)
		r.settle(time.Second)
		r.seen = r.bus
		stop2 := r.run(worker.Options{}, scans(counted(&decided, complete)))
		r.settle(10 * time.Minute)
		stop()
		stop2()
		if decided.Load() != 2 {
			t.Errorf("decided %d times, want by both", decided.Load())
		}
		r.wantNames("payments", "scan.requested scan.completed")
		if n := len(r.letters()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

// mute is a bus on which nobody hears that a message is in progress.
type mute struct{ bus.Bus }

type muteDeliveries struct{ bus.Deliveries }

type muteMessage struct{ bus.Message }

func (m *mute) Consume(ctx context.Context, c bus.Consumer) (bus.Deliveries, error) {
	d, err := m.Bus.Consume(ctx, c)
	return &muteDeliveries{d}, err
}

func (d *muteDeliveries) Next(ctx context.Context) (bus.Message, error) {
	m, err := d.Deliveries.Next(ctx)
	if err != nil {
		return nil, err
	}
	return &muteMessage{m}, nil
}

func (m *muteMessage) InProgress(context.Context) error { return errors.New("not heard") }

// A handling much longer than AckWait is delivered once.
func TestInProgress(t *testing.T) {
	play(t, nil, func(r *rig) {
		var decided atomic.Int32
		r.add(request("payments"))
		defer r.run(worker.Options{}, scans(counted(&decided, func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			time.Sleep(4 * time.Minute)
			return complete(ctx, e, f)
		})))()
		r.settle(10 * time.Minute)
		if decided.Load() != 1 {
			t.Errorf("delivered %d times", decided.Load())
		}
		r.wantNames("payments", "scan.requested scan.completed")
	})
}

// Prefetch is the number of free workers: nothing lies in a process that is busy.
func TestPrefetchIsFreeWorkers(t *testing.T) {
	play(t, nil, func(r *rig) {
		var busy, most atomic.Int32
		for i := range 20 {
			r.add(request(fmt.Sprintf("app-%d", i)))
		}
		st := scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			for now, was := busy.Add(1), most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
			}
			defer busy.Add(-1)
			time.Sleep(time.Minute)
			return complete(ctx, e, f)
		})
		st.Workers = 3
		defer r.run(worker.Options{}, st)()
		r.settle(30 * time.Second)
		s, err := r.bus.Status(r.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Consumers {
			if c.Name == "scanner-routine" && c.InFlight != 3 {
				t.Errorf("%d in hand, want 3", c.InFlight)
			}
		}
		r.settle(10 * time.Minute)
		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
		for i := range 20 {
			r.wantNames(fmt.Sprintf("app-%d", i), "scan.requested scan.completed")
		}
	})
}

// The urgent lane has workers of its own: it starts while the routine ones are all busy.
func TestUrgentDoesNotWait(t *testing.T) {
	play(t, nil, func(r *rig) {
		block := make(chan struct{})
		for i := range 10 {
			r.add(request(fmt.Sprintf("app-%d", i)))
		}
		stop := r.run(worker.Options{}, scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			if events.Ext(e, events.ExtLane) == string(events.Routine) {
				<-block
			}
			return complete(ctx, e, f)
		}))
		r.settle(time.Second)
		r.add(workertest.Request("payments", "now", events.Urgent, start))
		r.settle(time.Millisecond)
		r.wantNames("payments", "scan.requested scan.completed")
		if got := events.Ext(r.stored("payments")[1].Event, events.ExtLane); got != "urgent" {
			t.Errorf("the answer travels in lane %q", got)
		}
		close(block)
		stop()
	})
}

// An event of the organisation is answered application by application; one that fails does not keep the
// others from their answers, and those are not given twice.
func TestOrganisation(t *testing.T) {
	play(t, nil, func(r *rig) {
		for _, app := range []string{"a", "b", "c"} {
			r.add(request(app))
		}
		tries := map[string]int{}
		h := func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			if events.App(e) != events.Org {
				return nil, nil
			}
			tries[f.App.App]++
			if f.App.App == "b" && tries["b"] < 3 {
				return nil, errors.New("index does not answer")
			}
			if f.App.App == "c" {
				return nil, worker.Permanent(errors.New("no inventory"))
			}
			return complete(ctx, e, f)
		}
		st := scans(h)
		st.Workers = 1
		r.add(workertest.Update("db", start))
		stop := r.run(worker.Options{}, st)
		r.settle(10 * time.Minute)
		stop()
		r.wantNames("a", "scan.requested scan.completed")
		r.wantNames("b", "scan.requested scan.completed")
		r.wantNames("c", "scan.requested")
		if tries["a"] != 1 || tries["b"] != 3 {
			t.Errorf("tries %v: a was answered at once, b after two failures", tries)
		}
		l := r.wantOneLetter("for c: no inventory")
		if strings.Contains(l.Reason, "index") {
			t.Errorf("reason %q speaks of what went well in the end", l.Reason)
		}
	})
}

// Two processes share the work of many applications: nothing is lost, nothing is done twice, whoever of
// them dies in the middle.
func TestTwoProcesses(t *testing.T) {
	const apps, each = 12, 4
	var dead atomic.Bool
	play(t, func(bustest.Point) error {
		if dead.Load() {
			return workertest.ErrCrashed
		}
		return nil
	}, func(r *rig) {
		slow := func(stages []worker.Stage) []worker.Stage {
			for i, h := range []worker.Handler{stages[0].Handle, stages[1].Handle} {
				stages[i].Handle = func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
					time.Sleep(time.Second)
					return h(ctx, e, f)
				}
			}
			return stages
		}
		stop := r.run(worker.Options{}, slow(workertest.Toy(2, 24*time.Hour))...) // will die
		r.seen = r.bus
		stop2 := r.run(worker.Options{}, slow(workertest.Toy(2, 24*time.Hour))...)
		for i := range each {
			for a := range apps {
				app := fmt.Sprintf("app-%d", a)
				_, err := worker.Decide(r.ctx, r.bus, startFolds(r.T, r.bus), app, func(*events.State, *events.OrgState) ([]events.Event, error) {
					return []events.Event{workertest.Request(app, fmt.Sprint(i), events.Routine, start)}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			r.settle(3 * time.Second)
			dead.Store(i == 1)
		}
		stop()
		r.settle(2 * time.Hour)
		stop2()
		for a := range apps {
			s := foldOf(r, fmt.Sprintf("app-%d", a))
			if len(s.Pending) != 0 || len(s.Findings) != 2 || s.Plan == nil {
				t.Errorf("%s: %d requests pending, %d findings, plan %v", s.App, len(s.Pending), len(s.Findings), s.Plan)
			}
		}
		if err := workertest.CheckUnique(r.ctx, r.bus); err != nil {
			t.Error(err)
		}
		if n := len(r.letters()); n != 0 {
			t.Errorf("%d dead letters", n)
		}
		if got := len(r.timers(events.Planner)); got != apps {
			t.Errorf("%d timers, want one for each application", got)
		}
	})
}
