package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// accepted is an append that was taken.
type accepted struct {
	after, last uint64
	ids         []string
}

// testEightWriters lets eight writers race on one application, singles and batches mixed, while others write
// elsewhere. Each accepted append must stand in the log directly after the sequence it was based on: then it
// saw all that came before it.
func testEightWriters(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	const writers, rounds = 8, 12
	var mu sync.Mutex
	var taken []accepted
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				a, err := race(t, b, fmt.Sprintf("w%d-%d", w, i), 1+(w+i)%3*((w+i)%2+1))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				taken = append(taken, a)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() { // beside them, on another application
		last := uint64(0)
		for i := range rounds {
			var err error
			if last, err = b.Append(background(t), "beside", Events(t, "beside", fmt.Sprint(i), 1+i%2), last); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Wait()
	if t.Failed() {
		return
	}
	checkRace(t, replay(t, b, bus.Query{App: "raced"}), taken)
	if len(taken) != writers*rounds {
		t.Fatalf("%d appends accepted, want %d", len(taken), writers*rounds)
	}
}

// race appends once, deciding anew after each conflict.
func race(t *testing.T, b bus.Bus, cause string, n int) (accepted, error) {
	ctx := background(t)
	evs := Events(t, "raced", cause, n)
	for lost := false; ; {
		after, err := b.LastSequence(ctx, "raced")
		if err != nil {
			return accepted{}, err
		}
		last, err := b.Append(ctx, "raced", evs, after)
		if errors.Is(err, bus.ErrConflict) || errors.Is(err, bus.ErrUnavailable) {
			lost = lost || errors.Is(err, bus.ErrUnavailable)
			continue
		}
		if errors.Is(err, bus.ErrRepeated) && lost {
			return stored(ctx, b, evs)
		}
		a := accepted{after: after, last: last}
		for _, e := range evs {
			a.ids = append(a.ids, e.ID())
		}
		return a, err
	}
}

// stored looks for what was appended although no answer came.
func stored(ctx context.Context, b bus.Bus, evs []events.Event) (a accepted, err error) {
	before := uint64(0)
	_, err = b.Replay(ctx, bus.Query{App: "raced"}, func(r bus.Record) error {
		if r.Event.ID() == evs[0].ID() {
			a.after = before
		}
		if r.Event.ID() == evs[len(evs)-1].ID() {
			a.last = r.Sequence
		}
		before = r.Sequence
		return nil
	})
	for _, e := range evs {
		a.ids = append(a.ids, e.ID())
	}
	return a, err
}

func checkRace(t *testing.T, log []bus.Record, taken []accepted) {
	t.Helper()
	slices.SortFunc(taken, func(x, y accepted) int { return int(x.last) - int(y.last) })
	i, before := 0, uint64(0)
	for _, a := range taken {
		if a.after != before {
			t.Fatalf("an append based on %d was accepted though %d was stored", a.after, before)
		}
		for _, id := range a.ids {
			if i >= len(log) || log[i].Event.ID() != id {
				t.Fatalf("record %d is not the event %s that an append after %d stored", i, id, a.after)
			}
			before = log[i].Sequence
			i++
		}
		if before != a.last {
			t.Fatalf("an append was told %d, its last event is at %d", a.last, before)
		}
	}
	if i != len(log) {
		t.Fatalf("%d records that no accepted append stored", len(log)-i)
	}
}

// testManyBatches opens more batches at once than a server takes by default (50 a stream), each of an
// application of its own.
func testManyBatches(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	const apps = 120
	var wg sync.WaitGroup
	for i := range apps {
		app := fmt.Sprint("app-", i)
		wg.Go(func() {
			_, err := b.Append(background(t), app, Events(t, app, "c", 5), 0)
			for errors.Is(err, bus.ErrUnavailable) { // too much at once for a small machine
				_, err = b.Append(background(t), app, Events(t, app, "c", 5), 0)
			}
			if err != nil && !errors.Is(err, bus.ErrRepeated) { // an answer may have been lost
				t.Error(err)
			}
		})
	}
	wg.Wait()
	perApp := map[string][]uint64{}
	for _, r := range replay(t, b, bus.Query{}) {
		perApp[r.Event.Subject()] = append(perApp[r.Event.Subject()], r.Sequence)
	}
	for app, seqs := range perApp {
		if len(seqs) != 5 || seqs[4]-seqs[0] != 4 {
			t.Errorf("the batch of %s stands at %v: want it in one piece", app, seqs)
		}
	}
	if len(perApp) != apps {
		t.Errorf("%d applications, want %d", len(perApp), apps)
	}
}
