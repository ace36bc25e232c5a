package bustest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

var queueCases = []testCase{
	{"EachOnce", testEachOnce},
	{"DeliveryOrder", testDeliveryOrder},
	{"DeadWorker", testDeadWorker},
	{"SlowWorker", testSlowWorker},
	{"Nak", testNak},
	{"GivenUp", testGivenUp},
	{"Term", testTerm},
	{"Prefetch", testPrefetch},
	{"AckLost", testAckLost},
	{"LateAck", testLateAck},
	{"StopHandsBack", testStopHandsBack},
	{"GoesOn", testGoesOn},
	{"Progress", testProgress},
	{"BadConsumers", testBadConsumers},
}

// short is an AckWait for tests in which it is to run out.
const short = 400 * time.Millisecond

func testEachOnce(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	const n = 60
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", n), 0)
	seen := make(chan uint64, 2*n)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(background(t))
	defer cancel()
	for range 3 { // readers of one consumer, with two workers each
		d := consume(t, b, requests("scanner", "ledger", 2))
		for range 2 {
			wg.Go(func() {
				for {
					m, err := d.Next(ctx)
					if err != nil {
						return
					}
					seen <- m.Sequence()
					if err := m.Ack(background(t)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	got := map[uint64]int{}
	for range n {
		select {
		case seq := <-seen:
			got[seq]++
		case <-ctx.Done():
			t.Fatalf("%d of %d messages came", len(got), n)
		}
	}
	cancel()
	wg.Wait()
	if len(got) != n || len(seen) != 0 {
		t.Fatalf("%d of %d messages came, %d of them twice", len(got), n, len(seen))
	}
}

func testDeliveryOrder(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	d := consume(t, b, requests("scanner", "ledger", 1)) // before there is anything
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 10), 0)
	mustAppend(t, b, "cards", Events(t, "cards", "c1", 1), 0)
	mustAppend(t, b, "ledger", Events(t, "ledger", "c2", 5), last)
	for i := range 15 {
		want := uint64(i + 1)
		if i >= 10 {
			want++ // 11 is of another application
		}
		m := next(t, d)
		if m.Sequence() != want || m.Attempt() != 1 || m.Stored().IsZero() {
			t.Fatalf("message %d has sequence %d, attempt %d, stored %s", i, m.Sequence(), m.Attempt(), m.Stored())
		}
		if r := m.Record(); r.Err != nil || events.App(r.Event) != "ledger" || r.Sequence != want {
			t.Fatalf("message %d: %+v", i, r)
		}
		ack(t, m)
	}
}

// testDeadWorker: a worker that neither answers nor shows signs of life loses its message to another.
func testDeadWorker(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 1), 0)
	c := requests("scanner", "ledger", 1)
	c.AckWait = short
	dead := next(t, consume(t, b, c))
	alive := next(t, consume(t, b, c))
	if alive.Sequence() != dead.Sequence() || alive.Attempt() <= dead.Attempt() {
		t.Fatalf("got message %d, attempt %d; want %d again", alive.Sequence(), alive.Attempt(), dead.Sequence())
	}
	ack(t, alive)
	nothing(t, consume(t, b, c), 2*short)
}

// testSlowWorker: a worker that says InProgress keeps its message well beyond AckWait.
func testSlowWorker(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 1), 0)
	c := requests("scanner", "ledger", 1)
	c.AckWait = 25 * short
	slow, other := consume(t, b, c), consume(t, b, c)
	var m bus.Message
	eventually(t, "one of two gets it", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var err error
		if m, err = slow.Next(ctx); err != nil {
			slow, other = other, slow
		}
		return err == nil
	})
	for range 32 {
		if err := m.InProgress(background(t)); err != nil {
			t.Fatal(err)
		}
		nothing(t, other, short)
	}
	ack(t, m)
	settled(t, b)
	nothing(t, other, short)
}

// settled checks that every message is answered: none will come again.
func settled(t *testing.T, b bus.Bus) {
	t.Helper()
	s, err := b.Status(background(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Consumers {
		if c.InFlight != 0 || c.Pending != 0 {
			t.Fatalf("consumer %+v, want nothing in flight", c)
		}
	}
}

func testNak(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 3), 0)
	d := consume(t, b, requests("scanner", "ledger", 1))
	m := next(t, d)
	if err := m.Nak(background(t), time.Hour); err != nil {
		t.Fatal(err)
	}
	second := next(t, d) // the worker is free for the next one meanwhile
	if second.Sequence() != 2 {
		t.Fatalf("got %d, want 2 while 1 waits", second.Sequence())
	}
	ack(t, second)
	m = next(t, d)
	began := time.Now()
	if err := m.Nak(background(t), 3*short); err != nil {
		t.Fatal(err)
	}
	if m = next(t, d); m.Sequence() != 3 || m.Attempt() != 2 || time.Since(began) < 3*short {
		t.Fatalf("got %d, attempt %d, after %s; want 3 again after %s", m.Sequence(), m.Attempt(), time.Since(began), 3*short)
	}
	if err := m.Nak(background(t), 0); err != nil {
		t.Fatal(err)
	}
	if m = next(t, d); m.Sequence() != 3 || m.Attempt() != 3 {
		t.Fatalf("got %d, attempt %d; want 3 for the third time", m.Sequence(), m.Attempt())
	}
	ack(t, m)
	nothing(t, d, short)
}

// testGivenUp: what was delivered MaxDeliver times without an answer is not delivered again, and people are told.
func testGivenUp(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 2), 0)
	c := requests("scanner", "ledger", 1)
	c.AckWait, c.MaxDeliver = 10*short, 2
	d := consume(t, b, c)
	attempts := map[uint64]int{}
	told := func() bool {
		s, err := b.Status(background(t))
		return err == nil && strings.Contains(strings.Join(s.Warnings, "\n"), "consumer scanner gave up on message 1 of EVENTS after 2 deliveries")
	}
	eventually(t, "a warning", func() bool { // 1 twice, without an answer; 2 once, before or after
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		m, err := d.Next(ctx)
		if err != nil {
			return attempts[2] > 0 && told()
		}
		if m.Attempt() <= attempts[m.Sequence()] || m.Attempt() > c.MaxDeliver {
			t.Fatalf("message %d came with attempt %d after %d", m.Sequence(), m.Attempt(), attempts[m.Sequence()])
		}
		attempts[m.Sequence()] = m.Attempt()
		if m.Sequence() == 2 {
			ack(t, m)
		}
		return false
	})
	if attempts[1] == 0 || attempts[2] == 0 {
		t.Fatalf("last deliveries by message: %v, want some of both", attempts)
	}
	nothing(t, consume(t, b, c), short)
}

func testTerm(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 1), 0)
	c := requests("scanner", "ledger", 1)
	c.AckWait = short
	d := consume(t, b, c)
	if err := next(t, d).Term(background(t), "of no\r\nuse"); err != nil {
		t.Fatal(err)
	}
	settled(t, b)
	nothing(t, consume(t, b, c), 3*short)
	eventually(t, "the broker keeps a note", func() bool {
		s, err := b.Status(background(t))
		for _, row := range s.Streams {
			if row.Name == "BROKER" && row.Messages == 1 {
				return true
			}
		}
		return err != nil
	})
}

// testPrefetch: no more messages are taken than there are workers, so that none waits where nobody works.
func testPrefetch(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 9), 0)
	d := consume(t, b, requests("scanner", "ledger", 3))
	hand := []bus.Message{next(t, d), next(t, d), next(t, d)}
	nothing(t, d, short)
	other := consume(t, b, requests("scanner", "ledger", 2))
	if m := next(t, other); m.Sequence() != 4 || m.Attempt() != 1 {
		t.Fatalf("another reader got %d, attempt %d; want 4: nothing is kept back", m.Sequence(), m.Attempt())
	}
	next(t, other)
	ack(t, hand[1])
	if m := next(t, d); m.Sequence() != 6 {
		t.Fatalf("a free worker got %d, want 6", m.Sequence())
	}
	nothing(t, d, short)
}

// testAckLost: an ack that was not sent means the message again; one whose answer was lost does not.
func testAckLost(t *testing.T, open Open) {
	inner := open(t, Options{}).Bus
	lost := errors.New("lost")
	moment := Before
	b := Faulty(inner, func(p Point) error {
		if p.Op == OpAck && p.Moment == moment {
			return lost
		}
		return nil
	})
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 1), 0)
	c := requests("scanner", "ledger", 1)
	c.AckWait = short
	d := consume(t, b, c)
	m := next(t, d)
	wantErr(t, "ack", m.Ack(background(t)), lost)
	before := m.Attempt()
	if m = next(t, d); m.Sequence() != 1 || m.Attempt() <= before {
		t.Fatalf("got %d, attempt %d; want 1 again", m.Sequence(), m.Attempt())
	}
	moment = After
	wantErr(t, "ack", m.Ack(background(t)), lost)
	settled(t, b)
	nothing(t, consume(t, b, c), 3*short)
}

// testLateAck: the answer of a worker given up for dead counts, which is why effects carry a fence of their own.
func testLateAck(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 1), 0)
	c := requests("scanner", "ledger", 1)
	c.AckWait = short
	stale := next(t, consume(t, b, c))
	d := consume(t, b, c)
	fresh := next(t, d)
	ack(t, stale)
	ack(t, fresh) // no error either
	settled(t, b)
	nothing(t, consume(t, b, c), 3*short)
}

func testStopHandsBack(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 6), 0)
	d := consume(t, b, requests("scanner", "ledger", 4))
	m := next(t, d)
	d.Stop()
	d.Stop()
	_, err := d.Next(background(t))
	wantErr(t, "next after stop", err, bus.ErrClosed)
	ack(t, m) // what was handed out can still be answered
	other := consume(t, b, requests("scanner", "ledger", 1))
	got := map[uint64]bool{}
	for range 5 {
		m := next(t, other)
		got[m.Sequence()] = true
		ack(t, m)
	}
	if len(got) != 5 || got[m.Sequence()] {
		t.Fatalf("another reader got %v, want the five others", got)
	}
}

func testGoesOn(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 4), 0)
	d := consume(t, b, requests("scanner", "ledger", 1))
	for range 2 {
		ack(t, next(t, d))
	}
	d.Stop()
	mustAppend(t, b, "ledger", Events(t, "ledger", "c2", 1), last)
	d = consume(t, b, requests("scanner", "ledger", 1))
	got := map[uint64]bool{} // what the first had taken and handed back may come after the others
	for range 3 {
		m := next(t, d)
		got[m.Sequence()] = true
		ack(t, m)
	}
	if !got[3] || !got[4] || !got[5] {
		t.Fatalf("got %v, want 3 to 5", got)
	}
	settled(t, b)
}

func testProgress(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	_, err := b.Progress(background(t), "scanner")
	wantErr(t, "progress of none", err, bus.ErrNoConsumer)
	d := consume(t, b, requests("scanner", "ledger", 3))
	mustAppend(t, b, "cards", Events(t, "cards", "c1", 2), 0)
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 3), 0)
	hand := []bus.Message{next(t, d), next(t, d), next(t, d)}
	at := func(want string) {
		t.Helper()
		got, err := b.Progress(background(t), "scanner")
		if err != nil || (want == "all") != (got >= last) || got > last {
			t.Fatalf("progress %d (%v) of %d, want %s", got, err, last, want)
		}
	}
	at("less")
	ack(t, hand[2])
	ack(t, hand[1])
	if got, err := b.Progress(background(t), "scanner"); err != nil || got > 2 {
		t.Fatalf("progress %d (%v) though 3 is open", got, err)
	}
	at("less")
	ack(t, hand[0])
	at("all")
	last = mustAppend(t, b, "cards", Events(t, "cards", "c2", 1), 2)
	at("all") // nothing of it is for this consumer
}

func testBadConsumers(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	event, due := events.StageFilter("", "scan.requested"), bus.DueFilter("scanner")
	for what, c := range map[string]bus.Consumer{
		"no name":   {Filters: []string{event}},
		"bad name":  {Name: "a.b", Filters: []string{event}},
		"no filter": {Name: "a"},
		"mixed":     {Name: "a", Filters: []string{event, due}},
		"foreign":   {Name: "a", Filters: []string{"$JS.API.>"}},
	} {
		if _, err := b.Consume(background(t), c); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", what, err, bus.ErrInvalid)
		}
	}
	var names []string
	for _, lane := range []events.Lane{events.Urgent, events.Routine} {
		c := bus.Consumer{Name: fmt.Sprintf("scanner-%s", lane), Filters: []string{events.StageFilter(lane, "scan.requested")}}
		consume(t, b, c)
		names = append(names, c.Name)
	}
	s, err := b.Status(background(t))
	if err != nil || !s.Ready || len(s.Consumers) != len(names) || s.Consumers[0].Name != "scanner-routine" || len(s.Warnings) != 0 {
		t.Fatalf("status %+v (%v), want consumers %v", s, err, names)
	}
}
