// Package workertest proves stages crash-proof: it runs a flow on the memory bus in fake time, kills the
// process at every point where it touches the bus, starts a new one, and compares how it ends.
package workertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// Case is a flow to be interrupted.
type Case struct {
	// Stages makes the stages of process number generation, from 0. After a crash the next generation starts:
	// it may be another binary, or the same one with another database loaded. Handlers must share nothing
	// between generations but the bus. All of it runs in a testing/synctest bubble: what the stages start must
	// end by itself, so an index or a server is replaced by one in memory; child processes are fine.
	Stages func(generation int, b bus.Bus) []worker.Stage
	// Given are appended one by one before the first process starts.
	Given []events.Event
	// Then are appended one by one, each once everything before it is quiet.
	Then []events.Event
	// Meanwhile is called after Given and before each process starts, while none runs; nil: nothing happens.
	Meanwhile func(ctx context.Context, generation int, b bus.Bus) error
	// Options of each runner; the log is discarded unless set here.
	Options worker.Options
	// Start is what the clock shows when a run begins; zero: 2000-01-01, as in every bubble.
	Start time.Time
	// Settle is the fake time after which a process that did not crash has done all it will do; 0: an hour.
	// It must be longer than AckWait plus the backoff, and longer than the timers that are to fire.
	Settle time.Duration
	// Dump describes the end state; nil: [Dump]. Two runs with the same dump ended in the same state.
	Dump func(ctx context.Context, b bus.Bus) (string, error)
	// Twice kills the second process too, at each of its points. The runs multiply.
	Twice bool
	// Every tests only each n-th point; 0 or 1: all. For flows with many points in short test runs.
	Every int
}

// ErrCrashed is what every operation of a dead process returns.
var ErrCrashed = errors.New("the process is dead")

// CrashProof runs c once undisturbed, then once for every point: before and after each append, document,
// timer, dead letter and write to a bucket, and before and after each acknowledgement, until no point is left
// that a process reaches. Each run must end in the state of the undisturbed one, with no event stored twice.
// It returns the number of runs.
func CrashProof(t *testing.T, c Case) int {
	t.Helper()
	want, crashed := c.run(t, nil)
	if len(crashed) > 0 || t.Failed() {
		t.Fatalf("the undisturbed run did not end well")
	}
	runs := 1
	step := max(c.Every, 1)
	for first := 1; ; first += step {
		n, more := c.crashAt(t, want, first)
		runs += n
		if !more {
			return runs
		}
		if !c.Twice {
			continue
		}
		for second := 1; ; second += step {
			n, more := c.crashAt(t, want, first, second)
			runs += n
			if !more {
				break
			}
		}
	}
}

// crashAt kills generation i at its point points[i]; more is false when a generation did not get that far.
func (c Case) crashAt(t *testing.T, want string, points ...int) (runs int, more bool) {
	t.Helper()
	got, crashed := c.run(t, points)
	if len(crashed) < len(points) {
		return 1, false
	}
	if got != want {
		t.Fatalf("a process that died %v ends in another state:\n%s", crashed, firstDifference(want, got))
	}
	if t.Failed() {
		t.Fatalf("the process had died %v", crashed)
	}
	return 1, true
}

// run plays the flow in a bubble of its own.
func (c Case) run(t *testing.T, points []int) (dump string, crashed []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		if !c.Start.IsZero() {
			time.Sleep(time.Until(c.Start)) // takes no time in a bubble
		}
		b := bus.NewMemory()
		defer b.Close()
		if err := Append(ctx, b, c.Given...); err != nil {
			t.Fatalf("append what is given: %v", err)
		}
		rest := c.Then
		for generation := 0; ; generation++ {
			if c.Meanwhile != nil {
				if err := c.Meanwhile(ctx, generation, b); err != nil {
					t.Fatalf("before process %d: %v", generation, err)
				}
			}
			point := 0
			if generation < len(points) {
				point = points[generation]
			}
			where := c.process(ctx, t, b, generation, point, &rest)
			if where == "" {
				break
			}
			crashed = append(crashed, where)
		}
		dump = c.end(ctx, t, b)
	})
	return dump, crashed
}

// process runs one generation until it is quiet and nothing is left to be appended, or until it dies at its
// point-th point; it returns where.
func (c Case) process(ctx context.Context, t *testing.T, b bus.Bus, generation, point int, then *[]events.Event) string {
	mortal := &mortal{point: point, died: make(chan struct{})}
	faulty := bustest.Faulty(b, mortal.hook)
	o := c.Options
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := worker.New(faulty, c.Stages(generation, faulty), o)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	for {
		quiet := time.NewTimer(orHour(c.Settle))
		select {
		case <-mortal.died:
			stop()
			<-ended
			return mortal.where()
		case err := <-ended:
			if where := mortal.where(); where != "" {
				return where
			}
			t.Fatalf("process %d ended: %v", generation, err)
		case <-quiet.C:
		}
		if len(*then) == 0 {
			stop()
			if err := <-ended; err != nil {
				t.Fatalf("process %d ended: %v", generation, err)
			}
			return mortal.where()
		}
		if err := Append(ctx, b, (*then)[0]); err != nil {
			t.Fatalf("append what comes later: %v", err)
		}
		*then = (*then)[1:]
	}
}

func orHour(d time.Duration) time.Duration {
	if d == 0 {
		return time.Hour
	}
	return d
}

func (c Case) end(ctx context.Context, t *testing.T, b bus.Bus) string {
	if err := CheckUnique(ctx, b); err != nil {
		t.Error(err)
	}
	dump := c.Dump
	if dump == nil {
		dump = Dump
	}
	s, err := dump(ctx, b)
	if err != nil {
		t.Fatalf("read the end state: %v", err)
	}
	return s
}

// mortal is a process that dies at its point-th point, 0: never.
type mortal struct {
	point int
	died  chan struct{}

	mu   sync.Mutex
	n    int
	last string
}

func (m *mortal) hook(p bustest.Point) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last != "" {
		return ErrCrashed
	}
	if m.n++; m.n != m.point {
		return nil
	}
	m.last = fmt.Sprintf("%s %s (point %d, %s%s)", p.Moment, p.Op, m.n, p.App, " "+p.Key)
	close(m.died)
	return ErrCrashed
}

func (m *mortal) where() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// Append stores events one by one, as their producer would from outside.
func Append(ctx context.Context, b bus.Bus, evs ...events.Event) error {
	for _, e := range evs {
		last, err := b.LastSequence(ctx, events.App(e))
		if err != nil {
			return err
		}
		if _, err := b.Append(ctx, events.App(e), []events.Event{e}, last); err != nil {
			return err
		}
	}
	return nil
}
