package bustest

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

var storeCases = []testCase{
	{"Timers", testTimers},
	{"TimerReplacedAndCancelled", testTimerReplaced},
	{"BadTimers", testBadTimers},
	{"KV", testKV},
	{"KVTTL", testKVTTL},
	{"KVOneWinner", testKVOneWinner},
	{"Evidence", testEvidence},
	{"DeadLetters", testDeadLetters},
	{"BadLetters", testBadLetters},
}

func schedule(t *testing.T, b bus.Bus, app, key string, in time.Duration, data string) bus.Timer {
	t.Helper()
	timer := bus.Timer{Service: "planner", App: app, Key: key, At: time.Now().Add(in).UTC(), Data: []byte(data)}
	if err := b.Schedule(background(t), timer); err != nil {
		t.Fatal(err)
	}
	return timer
}

func dues(t *testing.T, b bus.Bus) bus.Deliveries {
	return consume(t, b, bus.Consumer{Name: "planner-due", Filters: []string{bus.DueFilter("planner")}, Prefetch: 1, AckWait: time.Minute})
}

func wantDue(t *testing.T, d bus.Deliveries, want bus.Timer) {
	t.Helper()
	m := next(t, d)
	isDue(t, m, want)
	ack(t, m)
}

func isDue(t *testing.T, m bus.Message, want bus.Timer) {
	t.Helper()
	got, err := m.Due()
	if err != nil || got.App != want.App || got.Key != want.Key || !got.At.Equal(want.At) || !bytes.Equal(got.Data, want.Data) || got.Service != want.Service {
		t.Fatalf("timer %+v (%v) fired, want %+v", got, err, want)
	}
	if early := time.Until(want.At); early > time.Second {
		t.Fatalf("timer fired %s early", early)
	}
}

func testTimers(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	d := dues(t, b)
	far := schedule(t, b, "ledger", "c-far", 24*time.Hour, "")
	schedule(t, b, "cards", "c-1", 24*time.Hour, "")
	past := schedule(t, b, "_", "sweep", -time.Hour, "late")
	soon := schedule(t, b, "ledger", "c-1", 1200*time.Millisecond, `{"percent":75}`)
	wantDue(t, d, past)
	wantDue(t, d, soon)
	nothing(t, d, short)
	left, err := b.Scheduled(background(t), "planner")
	if err != nil || len(left) != 2 || left[0].App != "cards" || left[1].Key != far.Key || !left[1].At.Equal(far.At) {
		t.Fatalf("scheduled: %+v (%v)", left, err)
	}
	if none, err := b.Scheduled(background(t), "scanner"); err != nil || len(none) != 0 {
		t.Fatalf("timers of another service: %+v (%v)", none, err)
	}
}

func testTimerReplaced(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	d := dues(t, b)
	var later bus.Timer
	for in := 500 * time.Millisecond; ; in *= 4 { // until the first is replaced before it is due, however busy the machine
		key := "c-" + in.String()
		first := schedule(t, b, "ledger", key, in, "first")
		later = schedule(t, b, "ledger", key, 5*in, "second")
		schedule(t, b, "ledger", key+"-gone", 2*in, "cancelled")
		for range 2 { // the second time there is none, which is no error
			if err := b.Cancel(background(t), "planner", "ledger", key+"-gone"); err != nil {
				t.Fatal(err)
			}
		}
		if time.Now().Before(first.At) {
			break
		}
	}
	m := next(t, d)
	for ; ; m = next(t, d) {
		ack(t, m)
		if got, err := m.Due(); err != nil || got.Key == later.Key || got.Key == later.Key+"-gone" {
			break
		}
	}
	isDue(t, m, later)
	nothing(t, d, 2*short)
	// One of the same key can be set again after it fired.
	wantDue(t, d, schedule(t, b, "ledger", later.Key, 0, "third"))
}

func testBadTimers(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	for what, timer := range map[string]bus.Timer{
		"service":     {Service: "a.b", App: "ledger", Key: "k"},
		"no service":  {App: "ledger", Key: "k"},
		"application": {Service: "planner", App: "a>", Key: "k"},
		"key":         {Service: "planner", App: "ledger", Key: "a b"},
		"no key":      {Service: "planner", App: "ledger"},
	} {
		if err := b.Schedule(background(t), timer); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", what, err, bus.ErrInvalid)
		}
		if err := b.Cancel(background(t), timer.Service, timer.App, timer.Key); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("cancel %s: got %v, want %v", what, err, bus.ErrInvalid)
		}
	}
	if _, err := b.Scheduled(background(t), "*"); !errors.Is(err, bus.ErrInvalid) {
		t.Errorf("list: got %v, want %v", err, bus.ErrInvalid)
	}
}

func bucket(t *testing.T, b bus.Bus, name string) bus.KV {
	t.Helper()
	kv, err := b.KV(name)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func testKV(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	ctx := background(t)
	_, err := b.KV("pockets")
	wantErr(t, "unknown bucket", err, bus.ErrInvalid)
	kv := bucket(t, b, "lease")
	_, _, err = kv.Get(ctx, "change/c-1")
	wantErr(t, "get of none", err, bus.ErrNoKey)
	r1, err := kv.Put(ctx, "change/c-1", []byte("one"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = kv.Put(ctx, "change/c-1", []byte("x"), 0, 0)
	wantErr(t, "create again", err, bus.ErrConflict)
	r2, err := kv.Put(ctx, "change/c-1", []byte("two"), r1, 0)
	if err != nil || r2 <= r1 {
		t.Fatalf("revision %d after %d (%v)", r2, r1, err)
	}
	_, err = kv.Put(ctx, "change/c-1", []byte("x"), r1, 0)
	wantErr(t, "write at an old revision", err, bus.ErrConflict)
	wantErr(t, "delete at an old revision", kv.Delete(ctx, "change/c-1", r1), bus.ErrConflict)
	if v, rev, err := kv.Get(ctx, "change/c-1"); err != nil || string(v) != "two" || rev != r2 {
		t.Fatalf("got %q at %d (%v)", v, rev, err)
	}
	if _, err = kv.Put(ctx, "a", nil, 0, 0); err != nil {
		t.Fatal(err)
	}
	if keys, err := kv.Keys(ctx); err != nil || strings.Join(keys, " ") != "a change/c-1" {
		t.Fatalf("keys %q (%v)", keys, err)
	}
	if err = kv.Delete(ctx, "change/c-1", r2); err != nil {
		t.Fatal(err)
	}
	_, _, err = kv.Get(ctx, "change/c-1")
	wantErr(t, "get of a deleted key", err, bus.ErrNoKey)
	_, err = kv.Put(ctx, "change/c-1", []byte("x"), r2, 0)
	wantErr(t, "write over a deleted key", err, bus.ErrConflict)
	r3, err := kv.Put(ctx, "change/c-1", []byte("three"), 0, 0)
	if err != nil || r3 <= r2 {
		t.Fatalf("created again at %d after %d (%v): an epoch never falls", r3, r2, err)
	}
	for _, key := range []string{"", "a b", "a*", ".a", "a.", "a..b", "é"} {
		if _, err := kv.Put(ctx, key, nil, 0, 0); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("key %q: got %v, want %v", key, err, bus.ErrInvalid)
		}
	}
	for _, name := range []string{"snapshot", "deliveries", "progress"} {
		if keys, err := bucket(t, b, name).Keys(ctx); err != nil || len(keys) != 0 {
			t.Fatalf("keys of the empty bucket %s: %q (%v)", name, keys, err)
		}
	}
}

// testKVTTL: a lease that is renewed keeps its time limit; in the client's own Update it would lose it.
func testKVTTL(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	kv := bucket(t, b, "lease")
	rev, err := kv.Put(background(t), "c-1", []byte("a"), 0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if rev, err = kv.Put(background(t), "c-1", []byte("b"), rev, time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lease vanishes", func() bool {
		_, _, err := kv.Get(background(t), "c-1")
		return errors.Is(err, bus.ErrNoKey)
	})
	_, err = kv.Put(background(t), "c-1", []byte("c"), rev, time.Second)
	wantErr(t, "renewal of a lapsed lease", err, bus.ErrConflict)
	if again, err := kv.Put(background(t), "c-1", []byte("d"), 0, 0); err != nil || again <= rev {
		t.Fatalf("taken anew at %d after %d (%v)", again, rev, err)
	}
}

func testKVOneWinner(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	kv := bucket(t, b, "lease")
	var wg sync.WaitGroup
	won := make(chan int, 8)
	for i := range 8 {
		wg.Go(func() {
			if _, err := kv.Put(background(t), "c-1", []byte{byte(i)}, 0, time.Minute); err == nil {
				won <- i
			} else if !errors.Is(err, bus.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d of 8 got the lease", len(won))
	}
}

func testEvidence(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	store := b.Evidence()
	for _, size := range []int{0, 1, 20 << 10, 512<<10 - 1, 512<<10 + 1, 3 << 20} {
		data := bytes.Repeat([]byte{byte(size), 'x'}, size/2+1)[:size]
		for range 2 {
			d, err := store.Put(background(t), data)
			if err != nil || d != evidence.Of(data) {
				t.Fatalf("put %d bytes: %s, %v", size, d, err)
			}
		}
		got, err := store.Get(background(t), evidence.Of(data))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("got %d of %d bytes (%v)", len(got), size, err)
		}
	}
	_, err := store.Get(background(t), evidence.Of([]byte("never stored")))
	wantErr(t, "get of none", err, evidence.ErrNotFound)
	_, err = store.Get(background(t), "sha256:short")
	wantErr(t, "get of no digest", err, bus.ErrInvalid)
}

func testDeadLetters(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	ctx := background(t)
	letter := bus.Letter{Consumer: "scanner-routine", Stream: "EVENTS", Sequence: 7, Subject: "drydock.event.routine.a.scan.requested",
		Reason: "no such\npath", Attempts: 3, Headers: map[string][]string{"ce-id": {"x"}, "ce-gone": nil}, Data: []byte{0, 1, 2}}
	for range 2 { // the same letter again is no error and no second letter
		if err := b.Bury(ctx, letter); err != nil {
			t.Fatal(err)
		}
	}
	other := letter
	other.Sequence, other.Data = 8, bytes.Repeat([]byte("x"), 900<<10)
	if err := b.Bury(ctx, other); err != nil {
		t.Fatal(err)
	}
	ls, err := b.Letters(ctx, false)
	if err != nil || len(ls) != 2 || ls[0].Sequence != 7 || ls[0].ID == 0 || ls[0].Time.IsZero() || ls[0].Reason != letter.Reason ||
		!bytes.Equal(ls[0].Data, letter.Data) || ls[0].Headers["ce-id"][0] != "x" || ls[0].Attempts != 3 {
		t.Fatalf("letters %+v (%v)", ls, err)
	}
	requeue := bus.Resolution{Verdict: bus.Requeued, Actor: "ana"}
	if err := b.Resolve(ctx, ls[0].ID, requeue); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "resolve again", b.Resolve(ctx, ls[0].ID, requeue), bus.ErrConflict)
	open1, err1 := b.Letters(ctx, false)
	all, err2 := b.Letters(ctx, true)
	if err1 != nil || err2 != nil || len(open1) != 1 || len(all) != 2 || all[0].Resolved == nil || all[0].Resolved.Actor != "ana" || all[0].Resolved.Time.IsZero() {
		t.Fatalf("open %+v, all %+v (%v, %v)", open1, all, err1, err2)
	}
	// Requeued and failed again: that is news.
	for range 2 {
		if err := b.Bury(ctx, letter); err != nil {
			t.Fatal(err)
		}
	}
	if open1, err = b.Letters(ctx, false); err != nil || len(open1) != 2 || open1[1].Sequence != 7 || open1[1].ID == ls[0].ID {
		t.Fatalf("letters after a requeue that failed: %+v (%v)", open1, err)
	}
}

func testBadLetters(t *testing.T, open Open) {
	b := open(t, Options{}).Bus
	ctx := background(t)
	good := bus.Letter{Consumer: "scanner", Stream: "EVENTS", Sequence: 1, Reason: "r"}
	for what, spoil := range map[string]func(*bus.Letter){
		"no consumer": func(l *bus.Letter) { l.Consumer = "" },
		"no stream":   func(l *bus.Letter) { l.Stream = "" },
		"no sequence": func(l *bus.Letter) { l.Sequence = 0 },
		"no reason":   func(l *bus.Letter) { l.Reason = "" },
	} {
		l := good
		spoil(&l)
		if err := b.Bury(ctx, l); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", what, err, bus.ErrInvalid)
		}
	}
	if err := b.Bury(ctx, good); err != nil {
		t.Fatal(err)
	}
	for _, r := range []bus.Resolution{{Verdict: "forgotten", Actor: "ana"}, {Verdict: bus.Dropped, Actor: "ana"}, {Verdict: bus.Requeued}} {
		wantErr(t, "bad resolution", b.Resolve(ctx, 1, r), bus.ErrInvalid)
	}
	for _, id := range []uint64{0, 99} {
		wantErr(t, "no such letter", b.Resolve(ctx, id, bus.Resolution{Verdict: bus.Dropped, Actor: "ana", Reason: "r"}), bus.ErrNoLetter)
	}
	if ls, err := b.Letters(ctx, false); err != nil || len(ls) != 1 {
		t.Fatalf("letters %+v (%v)", ls, err)
	}
}
