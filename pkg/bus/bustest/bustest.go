// Package bustest is the one suite every bus passes, and a wrapper that lets a process die at any point of
// its dealings with a bus.
//
// [Run] is the suite. [Faulty] is the wrapper. [StartServer] runs a NATS server as a child process, so that it
// can be killed.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// Options are what a test needs of the bus it gets.
type Options struct {
	Window   time.Duration // in which an id is taken once; 0: the default
	MaxBytes int64         // of the log; 0: the default
	Away     bool          // its server will go away: an operation must not wait for it long
}

// Target is a bus under test.
type Target struct {
	Bus bus.Bus
	// Raw stores a message that no Append would take.
	Raw func(t *testing.T, subject string, header map[string][]string, data []byte)
	// Away takes the server away and returns what brings it back. Nil where nothing can go away.
	Away func(t *testing.T) (back func())
}

// Open makes a fresh, empty bus, closed at the end of the test.
type Open func(t *testing.T, o Options) Target

// patience bounds every wait of the suite; nothing is asserted about how long things take.
const patience = 3 * time.Minute

// together is how many cases run at once. They mostly wait, so it is more than there are processors, which is
// all t.Parallel would allow; and not so many that servers starve each other on a small machine.
const together = 6

// Run runs the suite.
func Run(t *testing.T, open Open) {
	var wg sync.WaitGroup
	free := make(chan struct{}, together)
	for _, c := range slices.Concat(awayCases, queueCases, storeCases, logCases) { // the longest first
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			t.Run(c.name, func(t *testing.T) { c.run(t, open) })
		})
	}
	wg.Wait()
}

type testCase struct {
	name string
	run  func(t *testing.T, open Open)
}

// Event makes an event of app that is a function of cause and key.
func Event(t testing.TB, app, cause, key string) events.Event {
	t.Helper()
	m := events.Meta{App: app, Cause: cause, Key: key, Actor: "bustest", Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	e, err := events.New(m, events.ScanRequested{Application: app, Target: "/srv/" + app, Given: key})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Events makes n events of app.
func Events(t testing.TB, app, cause string, n int) []events.Event {
	t.Helper()
	out := make([]events.Event, n)
	for i := range out {
		out[i] = Event(t, app, cause, fmt.Sprintf("key-%03d", i))
	}
	return out
}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func mustAppend(t *testing.T, b bus.Bus, app string, evs []events.Event, after uint64) uint64 {
	t.Helper()
	last, err := b.Append(background(t), app, evs, after)
	if err != nil {
		t.Fatalf("append %d events to %s after %d: %v", len(evs), app, after, err)
	}
	return last
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", what, err, want)
	}
}

func replay(t *testing.T, b bus.Bus, q bus.Query) []bus.Record {
	t.Helper()
	var out []bus.Record
	if _, err := b.Replay(background(t), q, func(r bus.Record) error {
		out = append(out, r)
		return nil
	}); err != nil {
		t.Fatalf("replay %+v: %v", q, err)
	}
	return out
}

func consume(t *testing.T, b bus.Bus, c bus.Consumer) bus.Deliveries {
	t.Helper()
	d, err := b.Consume(background(t), c)
	if err != nil {
		t.Fatalf("consume %s: %v", c.Name, err)
	}
	t.Cleanup(d.Stop)
	return d
}

func next(t *testing.T, d bus.Deliveries) bus.Message {
	t.Helper()
	m, err := d.Next(background(t))
	if err != nil {
		t.Fatalf("next message: %v", err)
	}
	return m
}

// nothing checks that no message comes for a while. What may be late under load, an answer within a short AckWait,
// is looked for with a new reader: an old one may hold what was delivered before the answer.
func nothing(t *testing.T, d bus.Deliveries, d0 time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d0)
	defer cancel()
	if m, err := d.Next(ctx); err == nil {
		t.Fatalf("message %d on %s (attempt %d) came, want none", m.Sequence(), m.Subject(), m.Attempt())
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("next message: %v", err)
	}
}

func ack(t *testing.T, m bus.Message) {
	t.Helper()
	if err := m.Ack(background(t)); err != nil {
		t.Fatalf("ack %d: %v", m.Sequence(), err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := background(t)
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// requests consumes the scan requests of one application.
func requests(name, app string, prefetch int) bus.Consumer {
	return bus.Consumer{Name: name, Filters: []string{events.SubjectPrefix + "*." + app + ".scan.requested"}, Prefetch: prefetch, AckWait: time.Minute, MaxDeliver: 10}
}
