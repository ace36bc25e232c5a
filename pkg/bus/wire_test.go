package bus_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.b", "a", false}, {"a", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a.b.c", false},
		{"a.>", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "a.b", true}, {">", "a", true}, {"*.b.>", "a.b.c", true}, {"*.b.>", "a.c.c", false},
		{events.AppFilter("ledger"), "drydock.event.urgent.ledger.scan.requested", true},
		{events.AppFilter("ledger"), "drydock.event.urgent.ledger-2.scan.requested", false},
		{events.StageFilter(events.Urgent, "scan.requested"), "drydock.event.routine.ledger.scan.requested", false},
	} {
		if got := bus.Matches(c.filter, c.subject); got != c.want {
			t.Errorf("%s on %s: %v, want %v", c.filter, c.subject, got, c.want)
		}
	}
}

func TestAPIErrors(t *testing.T) {
	for _, c := range []struct {
		code, errCode int
		text          string
		want          error
	}{
		{400, 10071, "wrong last sequence: 4", bus.ErrConflict},
		{400, 10164, "wrong last sequence", bus.ErrConflict},
		{400, 10201, "batch contains duplicate message id", bus.ErrRepeated},
		{429, 10210, "too many open batches", bus.ErrUnavailable},
		{429, 10211, "too many in flight", bus.ErrUnavailable},
		{429, 19999, "slow down", bus.ErrUnavailable},
		{400, 10176, "batch is incomplete", bus.ErrUnavailable},
		{503, 10077, "maximum bytes exceeded", bus.ErrFull},
		{503, 10077, "write x.blk: no space left on device", bus.ErrFull},
		{503, 10077, "checksum", bus.ErrUnavailable},
		{500, 10047, "insufficient storage resources available", bus.ErrFull},
		{400, 10002, "resource limits exceeded for account", bus.ErrFull},
		{503, 10008, "system temporarily unavailable", bus.ErrUnavailable},
		{400, 10199, "batch too large", nil},
	} {
		err := bus.APIError(c.code, c.errCode, c.text)
		for _, known := range []error{bus.ErrConflict, bus.ErrRepeated, bus.ErrUnavailable, bus.ErrFull} {
			if errors.Is(err, known) != (known == c.want) {
				t.Errorf("%d %s: %v, want %v", c.errCode, c.text, err, c.want)
			}
		}
		if !strings.Contains(err.Error(), c.text) {
			t.Errorf("%d: %v does not say %q", c.errCode, err, c.text)
		}
	}
}

func TestServerVersion(t *testing.T) {
	for version, ok := range map[string]bool{"2.15.2": true, "2.15.10": true, "2.16.0-beta.1": true, "3.0.0": true, "2.15.1": false, "2.9.25": false, "": false, "x": false} {
		if err := bus.CheckVersion(version); (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestRoom(t *testing.T) {
	evs := bustest.Events(t, "ledger", "c", 1)
	for _, c := range []struct {
		size, limit int64
		full        bool
	}{{900, 1000, false}, {901, 1000, true}, {1001, 1000, true}, {1 << 40, 0, false}} {
		if err := bus.CheckRoom(evs, c.size, c.limit); errors.Is(err, bus.ErrFull) != c.full {
			t.Errorf("%d of %d: %v", c.size, c.limit, err)
		}
	}
	// The last tenth is for those who finish what has begun. No row of the catalogue is theirs yet.
	for _, row := range events.Catalog {
		if row.Producer == "deployer" || row.Entity == "approval" {
			e := evs[0].Clone()
			e.SetType(row.Type())
			if err := bus.CheckRoom([]events.Event{e}, 950, 1000); err != nil {
				t.Errorf("%s above 90 %%: %v", row.Name(), err)
			}
		}
	}
}

func TestDecodeDue(t *testing.T) {
	for data, want := range map[string]string{
		`{"service":"planner","app":"ledger","key":"k","at":"2026-11-22T08:00:00Z"}`: "",
		`{"service":"planner","app":"cards","key":"k"}`:                              `it says service "planner", application "cards"`,
		`{"at":"yesterday"}`: "decode timer",
		`garbage`:            "decode timer on drydock.due.planner.ledger.k",
	} {
		_, err := bus.DecodeDue("drydock.due.planner.ledger.k", []byte(data))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", data, err, want)
		}
	}
}

// TestMemoryInABubble: the memory bus lives on package time alone, so flows of weeks run in no time.
func TestMemoryInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer closeBus(t, b)
		start := time.Now()
		timer := bus.Timer{Service: "planner", App: "ledger", Key: "c-1", At: start.Add(14 * 24 * time.Hour)}
		if err := b.Schedule(t.Context(), timer); err != nil {
			t.Fatal(err)
		}
		d, err := b.Consume(t.Context(), bus.Consumer{Name: "planner-due", Filters: []string{bus.DueFilter("planner")}, AckWait: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for attempt := 1; attempt <= 3; attempt++ { // fires once, then comes again each hour
			m, err := d.Next(t.Context())
			if err != nil || m.Attempt() != attempt {
				t.Fatalf("attempt %d: %v", attempt, err)
			}
			if want := start.Add(14*24*time.Hour + time.Duration(attempt-1)*time.Hour); !time.Now().Equal(want) { // fake time: exact
				t.Fatalf("attempt %d at %s, want %s", attempt, time.Now(), want)
			}
		}
		kv, err := b.KV("deliveries")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), "github/1", nil, 0, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*24*time.Hour - time.Second)
		if _, _, err := kv.Get(t.Context(), "github/1"); err != nil {
			t.Fatalf("delivery id after 29 days: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, _, err := kv.Get(t.Context(), "github/1"); !errors.Is(err, bus.ErrNoKey) {
			t.Fatalf("delivery id after 30 days: %v", err)
		}
	})
}

// TestFaulty: every operation of a small flow has its two points, in order, and an error lands where it is raised.
func TestFaulty(t *testing.T) {
	for crash := 0; ; crash++ {
		b := bus.NewMemory()
		var trail []string
		died := errors.New("died")
		f := bustest.Faulty(b, func(p bustest.Point) error {
			trail = append(trail, string(p.Moment)+" "+p.Op)
			if p.N != len(trail) {
				t.Fatalf("point %d is numbered %d", len(trail), p.N)
			}
			if p.N == crash {
				return died
			}
			return nil
		})
		err := smallFlow(t, f)
		done := len(trail)
		if crash == 0 {
			want := "before evidence, after evidence, before append, after append, before schedule, after schedule, before kv, after kv, before ack, after ack"
			if got := strings.Join(trail, ", "); got != want || err != nil {
				t.Fatalf("trail %s (%v), want %s", got, err, want)
			}
			continue
		}
		if crash > done {
			return // no further point
		}
		if !errors.Is(err, died) || done != crash {
			t.Fatalf("crash at %d: %v after %d points", crash, err, done)
		}
		last, _ := b.LastSequence(t.Context(), "ledger")
		if stored := last > 0; stored != (crash >= 4) {
			t.Fatalf("crash at %s: stored is %v", trail[crash-1], stored)
		}
	}
}

func smallFlow(t *testing.T, b bus.Bus) error {
	if _, err := b.Evidence().Put(t.Context(), []byte("x")); err != nil {
		return err
	}
	if _, err := b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", "c", 1), 0); err != nil {
		return err
	}
	if err := b.Schedule(t.Context(), bus.Timer{Service: "planner", App: "ledger", Key: "k", At: time.Now().Add(time.Hour)}); err != nil {
		return err
	}
	kv, err := b.KV("lease")
	if err != nil {
		return err
	}
	if _, err := kv.Put(t.Context(), "k", nil, 0, 0); err != nil {
		return err
	}
	d, err := b.Consume(t.Context(), bus.Consumer{Name: "scanner", Filters: []string{"drydock.event.>"}})
	if err != nil {
		return err
	}
	m, err := d.Next(t.Context())
	if err != nil {
		return err
	}
	return m.Ack(t.Context())
}
