package bustest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
)

var awayCases = []testCase{
	{"Away", testAway},
}

// awayFor is how long the server is away: 5 s, a minute with DRYDOCK_E2E=1.
func awayFor() time.Duration {
	if os.Getenv("DRYDOCK_E2E") == "1" {
		return time.Minute
	}
	return 5 * time.Second
}

// testAway takes the server away for a while. Appends say that it does not answer, nothing acknowledged is
// lost, and followers, consumers and timers go on by themselves.
func testAway(t *testing.T, open Open) {
	target := open(t, Options{Away: true})
	if target.Away == nil {
		t.Skip("this bus has no server that could go away")
	}
	b := target.Bus
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "before", 3), 0)
	ctx, cancel := context.WithTimeout(t.Context(), awayFor()+2*patience)
	defer cancel()
	followed := make(chan uint64, 100)
	go func() {
		_ = b.Follow(ctx, bus.Query{}, func(r bus.Record) error {
			followed <- r.Sequence
			return nil
		})
	}()
	c := requests("scanner", "ledger", 2)
	c.AckWait = awayFor() + 3*time.Second
	d := consume(t, b, c)
	held := next(t, d)
	ack(t, next(t, d))
	timers := dues(t, b)
	timer := schedule(t, b, "ledger", "c-1", awayFor()/2, "while away")

	back := target.Away(t)
	whileAway(t, b, held, last, awayFor())
	back()

	eventually(t, "the bus is ready again", func() bool {
		s, err := b.Status(ctx)
		return err == nil && s.Ready
	})
	if got, err := b.LastSequence(ctx, "ledger"); err != nil || got != last {
		t.Fatalf("last sequence is %d (%v), want %d", got, err, last)
	}
	last = mustAppend(t, b, "ledger", Events(t, "ledger", "after", 2), last)
	for want := uint64(1); want <= last; want++ {
		select {
		case got := <-followed:
			if got != want {
				t.Fatalf("followed %d, want %d", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%d was not followed", want)
		}
	}
	wantDue(t, timers, timer)
	// Message 1 was held, 2 acknowledged; the rest comes, and 1 again or not at all once its ack got through. A
	// server that was killed may not know that it had delivered 3: it leaves that ack unanswered and delivers 3 again.
	got := map[uint64]bool{2: true}
	for len(got) < int(last) {
		m := next(t, d)
		if err := m.Ack(ctx); err == nil {
			got[m.Sequence()] = true
		} else if !errors.Is(err, bus.ErrUnavailable) {
			t.Fatalf("ack %d: %v", m.Sequence(), err)
		}
	}
}

// whileAway tries to write until the time is over.
func whileAway(t *testing.T, b bus.Bus, held bus.Message, last uint64, away time.Duration) {
	t.Helper()
	over := time.After(away)
	for tried := 0; ; tried++ {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := b.Append(ctx, "ledger", Events(t, "ledger", "lost", 1+tried%3), last)
		if !errors.Is(err, bus.ErrUnavailable) {
			t.Fatalf("append without a server: %v, want %v", err, bus.ErrUnavailable)
		}
		if err := held.Ack(ctx); !errors.Is(err, bus.ErrUnavailable) {
			t.Fatalf("ack without a server: %v, want %v", err, bus.ErrUnavailable)
		}
		if s, _ := b.Status(ctx); s.Ready {
			t.Log("still ready: the connection has not noticed yet")
		}
		cancel()
		select {
		case <-over:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}
