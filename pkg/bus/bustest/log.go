package bustest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

var logCases = []testCase{
	{"Order", testOrder},
	{"Refused", testRefused},
	{"Conflict", testConflict},
	{"Repeated", testRepeated},
	{"BeyondWindow", testBeyondWindow},
	{"AppendAnswerLost", testAppendAnswerLost},
	{"LargeAppends", testLargeAppends},
	{"EightWriters", testEightWriters},
	{"ManyBatches", testManyBatches},
	{"Follow", testFollow},
	{"Garbage", testGarbage},
	{"NoRoom", testNoRoom},
	{"EndedContext", testEndedContext},
	{"Closed", testClosed},
}

func testOrder(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	a1 := mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 3), 0)
	mustAppend(t, b, "cards", Events(t, "cards", "c1", 2), 0)
	a2 := mustAppend(t, b, "ledger", Events(t, "ledger", "c2", 1), a1)
	if a1 != 3 || a2 != 6 {
		t.Fatalf("last sequences are %d and %d, want 3 and 6", a1, a2)
	}
	all := replay(t, b, bus.Query{})
	var apps []string
	for i, r := range all {
		if r.Err != nil || r.Sequence != uint64(i+1) || r.Time.IsZero() || r.Time.Location() != time.UTC {
			t.Fatalf("record %d: %+v", i, r)
		}
		if want, _ := events.Subject(r.Event); r.Subject != want {
			t.Fatalf("record %d is on %s, want %s", i, r.Subject, want)
		}
		apps = append(apps, events.App(r.Event))
	}
	if got, want := strings.Join(apps, " "), "ledger ledger ledger cards cards ledger"; got != want {
		t.Fatalf("order is %s, want %s", got, want)
	}
	want := Event(t, "ledger", "c1", "key-001")
	if got := all[1].Event; got.String() != want.String() {
		t.Fatalf("event came back as\n%s\nwant\n%s", got, want)
	}
	for q, want := range map[bus.Query]string{
		{App: "cards"}:                      "4 5",
		{App: "ledger", From: 2}:            "2 3 6",
		{From: 5}:                           "5 6",
		{From: 7}:                           "",
		{Name: "scan.requested", From: 3}:   "3 4 5 6",
		{App: "nobody"}:                     "",
		{Name: "scan.failed"}:               "",
		{App: "nobody", From: 40}:           "",
		{App: "cards", Name: "scan.failed"}: "",
	} {
		var got []string
		for _, r := range replay(t, b, q) {
			got = append(got, fmt.Sprint(r.Sequence))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("replay %+v gave %q, want %q", q, got, want)
		}
	}
	for app, want := range map[string]uint64{"": 6, "ledger": 6, "cards": 5, "nobody": 0} {
		if got, err := b.LastSequence(background(t), app); err != nil || got != want {
			t.Errorf("last sequence of %q is %d (%v), want %d", app, got, err, want)
		}
	}
}

func testRefused(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	good := Events(t, "ledger", "c1", 2)
	unknown := Event(t, "ledger", "c2", "k")
	unknown.SetType("dev.drydock.scan.imagined.v1")
	big := Event(t, "ledger", "c3", "k")
	_ = big.SetData("application/json", []byte(`"`+strings.Repeat("x", events.MaxSize)+`"`))
	for what, try := range map[string]struct {
		app string
		evs []events.Event
	}{
		"no events":             {"ledger", nil},
		"too many":              {"ledger", Events(t, "ledger", "many", bus.MaxBatch+1)},
		"another application":   {"cards", good},
		"one of another":        {"ledger", []events.Event{good[0], Event(t, "cards", "c1", "k")}},
		"bad application name":  {"Ledger.>", good},
		"unknown type":          {"ledger", []events.Event{unknown}},
		"too large":             {"ledger", []events.Event{good[0], big}},
		"not of an application": {events.Org, good},
	} {
		_, err := b.Append(background(t), try.app, try.evs, 0)
		if !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", what, err, bus.ErrInvalid)
		}
	}
	_, err := b.Replay(background(t), bus.Query{App: "a.b"}, nil)
	wantErr(t, "replay of a bad name", err, bus.ErrInvalid)
	_, err = b.Replay(background(t), bus.Query{Name: "scan.imagined"}, nil)
	wantErr(t, "replay of an unknown kind", err, bus.ErrInvalid)
	wantErr(t, "follow of an unknown kind", b.Follow(background(t), bus.Query{Name: "x.y"}, nil), bus.ErrInvalid)
	if all := replay(t, b, bus.Query{}); len(all) != 0 {
		t.Fatalf("%d events were stored, want none", len(all))
	}
}

func testConflict(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	first := mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 2), 0)
	mustAppend(t, b, "cards", Events(t, "cards", "c1", 1), 0)
	for _, n := range []int{1, 5} {
		for _, after := range []uint64{0, first - 1, first + 1, 99} {
			_, err := b.Append(background(t), "ledger", Events(t, "ledger", fmt.Sprint("late", n, after), n), after)
			wantErr(t, fmt.Sprintf("append of %d after %d", n, after), err, bus.ErrConflict)
		}
	}
	// A refusal leaves neither a gap nor a part of a batch; another application's events don't count.
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "c2", 2), first)
	if all := replay(t, b, bus.Query{}); len(all) != 5 || last != 5 {
		t.Fatalf("%d events, last of ledger %d; want 5 and 5", len(all), last)
	}
	_, err := b.Append(background(t), "new", Events(t, "new", "c1", 1), 1)
	wantErr(t, "first append after 1", err, bus.ErrConflict)
}

func testRepeated(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	batch, one := Events(t, "ledger", "c1", 3), Events(t, "ledger", "c2", 1)
	at := mustAppend(t, b, "ledger", batch, 0)
	last := mustAppend(t, b, "ledger", one, at)
	for what, evs := range map[string][]events.Event{
		"batch": batch, "single": one, "half of it": {batch[0], Event(t, "ledger", "c3", "new")},
		"other half": {Event(t, "ledger", "c3", "new"), batch[2]}, "part": batch[1:2],
	} {
		for _, after := range []uint64{0, at, last} { // whatever it is based on: this was said before
			want := bus.ErrRepeated
			if after != last && (len(evs) == 1 || what == "other half") {
				want = bus.ErrConflict // both hold; a single event's base is looked at first, and so is a new first event's
			}
			_, err := b.Append(background(t), "ledger", evs, after)
			wantErr(t, fmt.Sprintf("%s again after %d", what, after), err, want)
		}
	}
	if all := replay(t, b, bus.Query{}); len(all) != 4 {
		t.Fatalf("%d events, want 4", len(all))
	}
}

func testBeyondWindow(t *testing.T, open Open) {
	b := open(t, Options{Window: 100 * time.Millisecond}).Bus
	batch := Events(t, "ledger", "c1", 2)
	last := mustAppend(t, b, "ledger", batch, 0)
	// The server forgets an id some time after the window; then what the append is based on still stops it.
	eventually(t, "a conflict instead of a repetition", func() bool {
		_, err := b.Append(background(t), "ledger", batch, 0)
		if err == nil {
			t.Fatal("a repeated batch with a stale base was stored")
		}
		return errors.Is(err, bus.ErrConflict)
	})
	_, err := b.Append(background(t), "ledger", batch[:1], 0)
	if !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("single event again: %v, want a conflict", err)
	}
	// One that knows the last sequence and asks again is taken: the fold sees the id only once.
	eventually(t, "every id is forgotten", func() bool {
		at, err := b.Append(background(t), "ledger", batch, last)
		if err == nil {
			last = at
		} else {
			wantErr(t, "append again", err, bus.ErrRepeated)
		}
		return err == nil
	})
	var rs []events.Record
	for _, r := range replay(t, b, bus.Query{App: "ledger"}) {
		rs = append(rs, r.Record)
	}
	s, err := events.Fold("ledger", rs)
	if err != nil || len(rs) != 4 || s.Sequence != last || len(s.Pending) != 2 {
		t.Fatalf("fold of %d records: %v, at %d with %d requests; want 2 of 4", len(rs), err, s.Sequence, len(s.Pending))
	}
}

func testAppendAnswerLost(t *testing.T, open Open) {
	inner := open(t, Options{}).Bus
	lost := errors.New("answer lost")
	fail := true
	b := Faulty(inner, func(p Point) error {
		if p.Op == OpAppend && p.Moment == After && fail {
			return lost
		}
		return nil
	})
	batch := Events(t, "ledger", "c1", 3)
	_, err := b.Append(background(t), "ledger", batch, 0)
	wantErr(t, "append", err, lost)
	fail = false
	_, err = b.Append(background(t), "ledger", batch, 0)
	wantErr(t, "append again", err, bus.ErrRepeated)
	if last, err := b.LastSequence(background(t), "ledger"); err != nil || last != 3 {
		t.Fatalf("last sequence %d (%v), want 3", last, err)
	}
}

func testLargeAppends(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "c1", bus.MaxBatch), 0)
	var big []events.Event
	for i := range 8 {
		e := Event(t, "ledger", "c2", fmt.Sprint(i))
		if err := e.SetData("application/json", []byte(`{"application":"ledger","given":"`+strings.Repeat("x", events.MaxSize-1024)+`"}`)); err != nil {
			t.Fatal(err)
		}
		big = append(big, e)
	}
	last = mustAppend(t, b, "ledger", big, last)
	all := replay(t, b, bus.Query{})
	if last != bus.MaxBatch+8 || len(all) != int(last) {
		t.Fatalf("last %d, replayed %d; want %d", last, len(all), bus.MaxBatch+8)
	}
	if got := all[last-1].Event; got.ID() != big[7].ID() || len(got.Data()) != len(big[7].Data()) {
		t.Fatalf("last event is %s with %d bytes", got.ID(), len(got.Data()))
	}
}

func testFollow(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	last := mustAppend(t, b, "ledger", Events(t, "ledger", "c0", 3), 0)
	ctx, cancel := context.WithCancel(background(t))
	defer cancel()
	got, ended := make(chan uint64, 100), make(chan error, 2)
	go func() {
		ended <- b.Follow(ctx, bus.Query{From: 2}, func(r bus.Record) error {
			got <- r.Sequence
			return nil
		})
	}()
	cards := uint64(0)
	for i := range 5 {
		cards = mustAppend(t, b, "cards", Events(t, "cards", fmt.Sprint(i), 1), cards)
		last = mustAppend(t, b, "ledger", Events(t, "ledger", fmt.Sprint("c", i+1), 1), last)
	}
	for want := uint64(2); want <= 13; want++ {
		select {
		case seq := <-got:
			if seq != want {
				t.Fatalf("got %d, want %d", seq, want)
			}
		case <-background(t).Done():
			t.Fatalf("sequence %d did not come", want)
		}
	}
	cancel()
	wantErr(t, "follow whose context ended", <-ended, context.Canceled)
	own := errors.New("enough")
	err := b.Follow(background(t), bus.Query{App: "cards"}, func(bus.Record) error { return own })
	if err != own {
		t.Fatalf("follow gave %v, want the caller's own error", err)
	}
	if _, err = b.Replay(background(t), bus.Query{}, func(bus.Record) error { return own }); err != own {
		t.Fatalf("replay gave %v, want the caller's own error", err)
	}
}

// testGarbage writes to the subjects past Append. Readers get it with Err set, and what stands beside it.
func testGarbage(t *testing.T, open Open) {
	target := open(t, Options{})
	b := target.Bus
	mustAppend(t, b, "ledger", Events(t, "ledger", "c1", 1), 0)
	target.Raw(t, "drydock.event.routine.ledger.scan.requested", nil, []byte("garbage"))
	header := map[string][]string{"ce-specversion": {"1.0"}, "ce-id": {"x"}, "ce-source": {"/evil"}, "ce-type": {"dev.drydock.scan.requested.v1"},
		"ce-subject": {"cards"}, "ce-lane": {"routine"}}
	target.Raw(t, "drydock.event.routine.ledger.scan.requested", header, []byte("{}"))
	mustAppend(t, b, "ledger", Events(t, "ledger", "c2", 1), 3)
	bad := 0
	for i, r := range replay(t, b, bus.Query{App: "ledger"}) {
		if (r.Err != nil) != (i == 1 || i == 2) || r.Sequence != uint64(i+1) || r.Subject == "" {
			t.Fatalf("record %d: %+v", i, r)
		}
		if r.Err != nil {
			bad++
			if r.Event.Context != nil {
				t.Fatalf("record %d has an error and an event", i)
			}
		}
	}
	d := consume(t, b, requests("scanner", "ledger", 1))
	for i := range 4 {
		m := next(t, d)
		if err := m.Record().Err; (err != nil) != (i == 1 || i == 2) {
			t.Fatalf("message %d: %v", i, err)
		} else if err == nil {
			ack(t, m)
			continue
		}
		letter := bus.Letter{Consumer: "scanner", Stream: "EVENTS", Sequence: m.Sequence(), Subject: m.Subject(), Reason: m.Record().Err.Error(),
			Attempts: m.Attempt(), Headers: m.Headers(), Data: m.Data()}
		if err := b.Bury(background(t), letter); err != nil {
			t.Fatal(err)
		}
		if err := m.Term(background(t), letter.Reason); err != nil {
			t.Fatal(err)
		}
	}
	target.Raw(t, "drydock.event.routine.ledger.scan.requested.twice", nil, []byte("garbage")) // no consumer's, but the application's
	if at, err := b.LastSequence(background(t), "ledger"); err != nil || at != 5 {
		t.Fatalf("last sequence %d (%v), want that of the garbage", at, err)
	}
	mustAppend(t, b, "ledger", Events(t, "ledger", "c3", 1), 5)
	letters, err := b.Letters(background(t), false)
	if err != nil || len(letters) != bad || string(letters[0].Data) != "garbage" || letters[1].Headers["ce-subject"][0] != "cards" {
		t.Fatalf("letters: %+v (%v)", letters, err)
	}
}

func testNoRoom(t *testing.T, open Open) {
	const limit = 64 << 10
	b := open(t, Options{MaxBytes: limit}).Bus
	last, warned := uint64(0), false
	for i := 0; ; i++ {
		n, err := b.Append(background(t), "ledger", Events(t, "ledger", fmt.Sprint(i), 2), last)
		if err != nil {
			wantErr(t, "append to a full log", err, bus.ErrFull)
			if !strings.Contains(err.Error(), "archive") {
				t.Fatalf("error does not say what to do: %v", err)
			}
			break
		}
		if last = n; i > 1000 {
			t.Fatal("1000 appends fit into 64 KiB")
		}
	}
	s, err := b.Status(background(t))
	for _, w := range append([]string{}, s.Warnings...) {
		warned = warned || strings.Contains(w, "EVENTS holds")
	}
	if err != nil || !warned || s.Streams[0].Bytes > limit {
		t.Fatalf("status %+v (%v)", s, err)
	}
	if all := replay(t, b, bus.Query{}); len(all) != int(last) {
		t.Fatalf("%d events readable, want %d", len(all), last)
	}
}

func testEndedContext(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Append(ctx, "ledger", Events(t, "ledger", "c1", 2), 0)
	wantErr(t, "append", err, context.Canceled)
	_, err = b.Replay(ctx, bus.Query{}, func(bus.Record) error { return nil })
	wantErr(t, "replay", err, context.Canceled)
	_, err = consume(t, b, requests("scanner", "ledger", 1)).Next(ctx)
	wantErr(t, "next", err, context.Canceled)
}

func testClosed(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	d := consume(t, b, requests("scanner", "ledger", 1))
	ended := make(chan error, 2)
	go func() { _, err := d.Next(background(t)); ended <- err }()
	go func() { ended <- b.Follow(background(t), bus.Query{}, func(bus.Record) error { return nil }) }()
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, "waiting", <-ended, bus.ErrClosed)
	wantErr(t, "waiting", <-ended, bus.ErrClosed)
	_, err := b.Append(background(t), "ledger", Events(t, "ledger", "c1", 1), 0)
	wantErr(t, "append", err, bus.ErrClosed)
	_, err = b.Status(background(t))
	wantErr(t, "status", err, bus.ErrClosed)
}
