package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

func startFolds(t *testing.T, b bus.Bus) *worker.Folds {
	t.Helper()
	f := worker.NewFolds(b)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// What was stored before the start and what came after is folded; a snapshot stays what it was.
func TestFoldsSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer b.Close()
		mustAppend(t, b, workertest.Request("payments", "1", events.Routine, start), workertest.Update("db1", start))
		f := startFolds(t, b)
		before, err := f.App(t.Context(), "payments", 1)
		if err != nil || len(before.Pending) != 1 || before.Sequence != 1 {
			t.Fatalf("state %+v, %v", before, err)
		}
		org, err := f.Org(t.Context(), 2)
		if err != nil || len(org.Databases) != 1 {
			t.Fatalf("organisation %+v, %v", org, err)
		}
		mustAppend(t, b, workertest.Request("payments", "2", events.Routine, start), request("ledger"),
			workertest.Update("db2", start))
		after, err := f.App(t.Context(), "payments", 3)
		if err != nil || len(after.Pending) != 2 || len(before.Pending) != 1 || before.Sequence != 1 {
			t.Errorf("after: %d pending, before: %d pending at %d, %v", len(after.Pending), len(before.Pending), before.Sequence, err)
		}
		if org2, err := f.Org(t.Context(), 5); err != nil || org2.Databases[0].Digest == org.Databases[0].Digest {
			t.Errorf("organisation's snapshot changed: %+v %v", org, err)
		}
		if got := strings.Join(f.Apps(), " "); got != "ledger payments" {
			t.Errorf("applications %q", got)
		}
		if s, err := f.App(t.Context(), "unknown", 0); err != nil || s.App != "unknown" || s.Sequence != 0 {
			t.Errorf("state of an unknown application %+v, %v", s, err)
		}
	})
}

func mustAppend(t *testing.T, b bus.Bus, evs ...events.Event) {
	t.Helper()
	if err := workertest.Append(t.Context(), b, evs...); err != nil {
		t.Fatal(err)
	}
}

// App waits for what was asked for, and no longer than its context.
func TestFoldsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer b.Close()
		f := worker.NewFolds(b)
		if _, err := f.App(t.Context(), "payments", 0); err == nil {
			t.Error("a state before the start")
		}
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.App(ctx, "payments", 1); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for sequence 1") {
			t.Errorf("error %v", err)
		}
		go func() {
			time.Sleep(time.Hour)
			mustAppend(t, b, request("payments"))
		}()
		if s, err := f.App(t.Context(), "payments", 1); err != nil || s.Sequence != 1 {
			t.Errorf("state %+v, %v", s, err)
		}
	})
}

// When the log is not followed any more, no state is given out that may be old.
func TestFoldsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		ctx, cancel := context.WithCancel(t.Context())
		f := worker.NewFolds(b)
		if err := f.Start(ctx); err != nil {
			t.Fatal(err)
		}
		waits := make(chan error)
		go func() {
			_, err := f.App(t.Context(), "payments", 9)
			waits <- err
		}()
		synctest.Wait()
		cancel()
		<-f.Ended()
		if err := <-waits; !errors.Is(err, bus.ErrClosed) {
			t.Errorf("who waited got %v", err)
		}
		if _, err := f.App(t.Context(), "payments", 0); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("error %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A message that can't be read counts for the sequence the next append is compared with, and is named.
func TestFoldsGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer b.Close()
		mustAppend(t, b, request("payments"))
		for _, subject := range []string{"drydock.event.routine.payments.scan.completed", "drydock.event.routine._.policy.changed"} {
			b.(*bus.Memory).PublishRaw(subject, nil, []byte("garbage"))
		}
		f := startFolds(t, b)
		s, err := f.App(t.Context(), "payments", 3)
		if err != nil || s.Sequence != 2 || len(s.Pending) != 1 {
			t.Errorf("state %+v, %v", s, err)
		}
		if o, err := f.Org(t.Context(), 3); err != nil || o.Sequence != 3 {
			t.Errorf("organisation %+v, %v", o, err)
		}
		if p := f.Problems(); len(p) != 2 || !strings.Contains(p[0].Error(), "event 2 on drydock.event.routine.payments.scan.completed") {
			t.Errorf("problems %v", p)
		}
		_, err = worker.Decide(t.Context(), b, f, "payments", func(*events.State, *events.OrgState) ([]events.Event, error) {
			return []events.Event{workertest.Request("payments", "2", events.Routine, start)}, nil
		})
		if err != nil {
			t.Errorf("append after garbage: %v", err)
		}
	})
}

// Garbage on a subject with too few or too many tokens still counts for the sequence the server compares an
// append with: one such message must not lock its application for good.
func TestFoldsOddSubjects(t *testing.T) {
	for _, subject := range []string{"drydock.event.routine.payments.scan", "drydock.event.routine.payments.scan.requested.twice",
		"drydock.event.routine.payments.scan.requested.twice.over", "drydock.event.x.payments.y.z"} {
		t.Run(subject, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bus.NewMemory()
				defer b.Close()
				mustAppend(t, b, request("payments"))
				b.(*bus.Memory).PublishRaw(subject, nil, []byte("garbage"))
				if at, err := b.LastSequence(t.Context(), "payments"); err != nil || at != 2 {
					t.Fatalf("last sequence %d (%v), want that of the garbage, as a server counts", at, err)
				}
				f := startFolds(t, b)
				if _, err := worker.Decide(t.Context(), b, f, "payments", func(*events.State, *events.OrgState) ([]events.Event, error) {
					return []events.Event{workertest.Request("payments", "2", events.Routine, start)}, nil
				}); err != nil {
					t.Errorf("append after garbage: %v", err)
				}
				if len(f.Problems()) != 1 {
					t.Errorf("problems %v", f.Problems())
				}
			})
		})
	}
}

// Many read while many are folded: nothing to find for the race detector.
func TestFoldsRace(t *testing.T) {
	b := bus.NewMemory()
	defer b.Close()
	f := startFolds(t, b)
	var wg sync.WaitGroup
	for app := range 4 {
		wg.Go(func() {
			name := fmt.Sprintf("app-%d", app)
			for i := range 50 {
				if err := workertest.Append(t.Context(), b, workertest.Request(name, fmt.Sprint(i), events.Routine, start)); err != nil {
					t.Error(err)
				}
				last, err := b.LastSequence(t.Context(), name)
				if err != nil {
					t.Error(err)
				}
				s, err := f.App(t.Context(), name, last)
				if err != nil || len(s.Pending) != i+1 {
					t.Errorf("%s: %d pending after %d requests, %v", name, len(s.Pending), i+1, err)
				}
				for range s.Pending {
				}
				f.Apps()
			}
		})
	}
	wg.Wait()
}

// An append whose answer is lost is found in the log.
func TestDecideAnswerLost(t *testing.T) {
	for _, moment := range []bustest.Moment{bustest.Before, bustest.After} {
		synctest.Test(t, func(t *testing.T) {
			b := bus.NewMemory()
			defer b.Close()
			lost := 0
			faulty := bustest.Faulty(b, func(p bustest.Point) error {
				if p.Op == bustest.OpAppend && p.Moment == moment && lost == 0 {
					lost++
					return bus.ErrUnavailable
				}
				return nil
			})
			asked := 0
			last, err := worker.Decide(t.Context(), faulty, startFolds(t, b), "payments", func(*events.State, *events.OrgState) ([]events.Event, error) {
				asked++
				return []events.Event{request("payments")}, nil
			})
			if err != nil || last != 1 || lost != 1 || asked != map[bustest.Moment]int{bustest.Before: 2, bustest.After: 1}[moment] {
				t.Errorf("%s: stored at %d, asked %d times, %v", moment, last, asked, err)
			}
		})
	}
}

// Decide: what others append meanwhile is seen before the decision stands.
func TestDecide(t *testing.T) {
	const writers, each = 8, 10
	b := bus.NewMemory()
	defer b.Close()
	f := startFolds(t, b)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := worker.Decide(t.Context(), b, f, "payments", func(s *events.State, _ *events.OrgState) ([]events.Event, error) {
					e, err := events.New(events.Meta{App: "payments", Cause: fmt.Sprintf("%d-%d", w, i), Key: "k", Time: start},
						events.ScanRequested{Application: "payments", Target: fmt.Sprint(len(s.Pending))})
					return []events.Event{e}, err
				})
				for errors.Is(err, bus.ErrConflict) { // sixteen others were faster: the caller's to try again
					err = nil
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s, err := f.App(t.Context(), "payments", 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range s.Pending { // each decision saw all before it, or two would carry one number
		if seen[p.Request.Target] {
			t.Errorf("two decisions on the same facts: %s", p.Request.Target)
		}
		seen[p.Request.Target] = true
	}
}

func TestDecideEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer b.Close()
		f := startFolds(t, b)
		decide := func(app string, evs []events.Event, err error) (uint64, error) {
			return worker.Decide(t.Context(), b, f, app, func(*events.State, *events.OrgState) ([]events.Event, error) { return evs, err })
		}
		if last, err := decide("payments", nil, nil); last != 0 || err != nil {
			t.Errorf("nothing to say: %d, %v", last, err)
		}
		if last, err := decide("_", []events.Event{workertest.Update("db", start)}, nil); last != 1 || err != nil {
			t.Errorf("the organisation: %d, %v", last, err)
		}
		if last, err := decide("_", []events.Event{workertest.Update("db2", start)}, nil); last != 2 || err != nil {
			t.Errorf("the organisation again: %d, %v", last, err)
		}
		boom := errors.New("boom")
		if _, err := decide("payments", nil, boom); !errors.Is(err, boom) {
			t.Errorf("error %v", err)
		}
		if _, err := decide("Payments", []events.Event{request("payments")}, nil); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("a name that is none: %v", err)
		}
		e := request("payments")
		first, err := decide("payments", []events.Event{e}, nil)
		again, err2 := decide("payments", []events.Event{e}, nil)
		if err != nil || err2 != nil || again != first {
			t.Errorf("the same event twice: %d %v, %d %v", first, err, again, err2)
		}
		time.Sleep(time.Hour) // beyond any window of the bus
		if last, err := decide("payments", []events.Event{request("payments")}, nil); err != nil || last != first {
			t.Errorf("the same event an hour later: %d, %v", last, err)
		}
		if last, err := decide("_", []events.Event{workertest.Update("db", start)}, nil); err != nil || last != 2 {
			t.Errorf("the organisation's an hour later: %d, %v", last, err)
		}
	})
}
