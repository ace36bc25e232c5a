package bus_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	if h, err := bus.Holder(dir); h != nil || err != nil {
		t.Fatalf("holder of a fresh directory: %v, %v", h, err)
	}
	b := embedded(t, bus.EmbeddedConfig{Dir: dir, Listen: "127.0.0.1:7700"}.Patient(patient))
	_, err := bus.Embedded(t.Context(), bus.EmbeddedConfig{Dir: dir, Logger: quiet()})
	var locked *bus.ErrLocked
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Address != "127.0.0.1:7700" || locked.Dir != dir {
		t.Fatalf("second opening: %v (%+v)", err, locked)
	}
	if !strings.Contains(err.Error(), "listens on 127.0.0.1:7700; use that one with --server") {
		t.Fatalf("message does not say what to do: %v", err)
	}
	if err := bus.Announce(b, "127.0.0.1:7701"); err != nil {
		t.Fatal(err)
	}
	if h, err := bus.Holder(dir); err != nil || h == nil || h.Address != "127.0.0.1:7701" {
		t.Fatalf("holder: %+v, %v", h, err)
	}
	closeBus(t, b)
	if h, err := bus.Holder(dir); h != nil || err != nil {
		t.Fatalf("holder after closing: %v, %v", h, err)
	}
	embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient))
	if h, _ := bus.Holder(dir); h == nil || h.Address != "" || !strings.Contains(h.Error(), "wait for it to end") {
		t.Fatalf("holder without an address: %v", h)
	}
	if err := bus.Announce(bus.NewMemory(), "x"); err != nil {
		t.Fatal(err)
	}
}

// TestForeignTimer: what somebody else writes among the timers neither hides the others nor stops a worker.
func TestForeignTimer(t *testing.T) {
	b := embedded(t, bus.EmbeddedConfig{Dir: t.TempDir()}.Patient(patient))
	put := raw(bus.Conn(b))
	put(t, "drydock.timer.planner.ledger.broken", nil, []byte("garbage"))
	put(t, "drydock.timer.planner.ledger.lying", nil, []byte(`{"service":"planner","app":"cards","key":"k"}`))
	put(t, "drydock.due.planner.ledger.broken", nil, []byte("garbage"))
	if err := b.Schedule(t.Context(), bus.Timer{Service: "planner", App: "ledger", Key: "k", At: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if ts, err := b.Scheduled(t.Context(), "planner"); err != nil || len(ts) != 1 || ts[0].Key != "k" {
		t.Fatalf("timers %+v (%v)", ts, err)
	}
	d, err := b.Consume(t.Context(), bus.Consumer{Name: "planner-due", Filters: []string{bus.DueFilter("planner")}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Due(); err == nil || !strings.Contains(err.Error(), "decode timer") {
		t.Fatalf("garbage among the fired timers: %v", err)
	}
}

func TestBadDirectory(t *testing.T) {
	if _, err := bus.Embedded(t.Context(), bus.EmbeddedConfig{}); !errors.Is(err, bus.ErrInvalid) {
		t.Errorf("no directory: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Embedded(t.Context(), bus.EmbeddedConfig{Dir: file}); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("a file for a directory: %v", err)
	}
}

// TestStartAgain: everything is there after the process was replaced, and a timer that fell due meanwhile fires.
func TestStartAgain(t *testing.T) {
	dir := t.TempDir()
	b := embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient))
	last, err := b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", "c1", 3), 0)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := b.Evidence().Put(t.Context(), []byte("document"))
	if err != nil {
		t.Fatal(err)
	}
	c := bus.Consumer{Name: "scanner", Filters: []string{"drydock.event.*.*.scan.requested"}, Prefetch: 1, AckWait: time.Second}
	d, err := b.Consume(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Next(t.Context())
	if err == nil {
		err = m.Ack(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	timer := bus.Timer{Service: "planner", App: "ledger", Key: "c-1", At: time.Now().Add(300 * time.Millisecond)}
	if err := b.Schedule(t.Context(), timer); err != nil {
		t.Fatal(err)
	}
	closeBus(t, b)
	time.Sleep(time.Until(timer.At)) // it falls due while nothing runs

	b = embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient))
	if got, err := b.LastSequence(t.Context(), "ledger"); err != nil || got != last {
		t.Fatalf("last sequence %d (%v), want %d", got, err, last)
	}
	if got, err := b.Evidence().Get(t.Context(), doc); err != nil || string(got) != "document" {
		t.Fatalf("document %q (%v)", got, err)
	}
	if d, err = b.Consume(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	// What was not acknowledged comes, after the silence if the server was sending it while it was stopped. What
	// was acknowledged may come once more: the server writes that down some time after it said so.
	for seen := map[uint64]bool{}; !seen[2] || !seen[3]; {
		if m, err = d.Next(t.Context()); err == nil {
			seen[m.Sequence()], err = true, m.Ack(t.Context())
		}
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
	}
	due, err := b.Consume(t.Context(), bus.Consumer{Name: "planner-due", Filters: []string{bus.DueFilter("planner")}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = due.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fired, err := m.Due(); err != nil || fired.Key != "c-1" {
		t.Fatalf("timer %+v (%v)", fired, err)
	}
	if s, err := b.Status(t.Context()); err != nil || len(s.Warnings) != 0 || s.Kind != "embedded" {
		t.Fatalf("status %+v (%v)", s, err)
	}
}

// TestDrift: a setting that somebody changed is reported, at once and after the next start, and left alone.
func TestDrift(t *testing.T) {
	dir := t.TempDir()
	b := embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient))
	stream, err := bus.JS(b).Stream(t.Context(), "TIMERS")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxAge, cfg.MaxMsgs = time.Hour, 10
	if _, err := bus.JS(b).UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := bus.JS(b).DeleteStream(t.Context(), "BROKER"); err != nil {
		t.Fatal(err)
	}
	want := []string{"stream TIMERS: max_age is 1h0m0s, provisioned as 0s", "stream TIMERS: max_msgs is 10, provisioned as -1"}
	check := func(b bus.Bus, want ...string) {
		t.Helper()
		s, err := b.Status(t.Context())
		if err != nil || strings.Join(s.Warnings, "\n") != strings.Join(want, "\n") {
			t.Fatalf("warnings %q (%v), want %q", s.Warnings, err, want)
		}
	}
	check(b, append(want, "stream BROKER is gone")...)
	closeBus(t, b)
	b = embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient)) // makes BROKER again, which is missing; TIMERS it does not touch
	check(b, want...)
	cfg.MaxAge, cfg.MaxMsgs = 0, -1
	if _, err := bus.JS(b).UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	check(b, want[0]+" (at the start of this process)", want[1]+" (at the start of this process)")
}

func TestShrunkLog(t *testing.T) {
	b := embedded(t, bus.EmbeddedConfig{Dir: t.TempDir()}.Patient(patient))
	stream, err := bus.JS(b).Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = 1 << 20
	if _, err = bus.JS(b).UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Status(t.Context()); err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "max_bytes is 1048576") {
		t.Fatalf("warnings %q (%v)", s.Warnings, err)
	}
	if err = stream.DeleteMsg(t.Context(), 1); err == nil {
		t.Error("a message of the log can be deleted")
	}
	if err = stream.Purge(t.Context()); err == nil {
		t.Error("the log can be purged")
	}
	cfg.Discard, cfg.DenyDelete = jetstream.DiscardOld, false
	if _, err = bus.JS(b).UpdateStream(t.Context(), cfg); err == nil {
		t.Error("the log's protection can be taken off")
	}
}

// TestNoSpaceInjected stands for a full disk where no small one can be made.
func TestNoSpaceInjected(t *testing.T) {
	var free atomic.Int64
	free.Store(50 << 20)
	b, err := bus.EmbeddedOn(t.Context(), bus.EmbeddedConfig{Dir: t.TempDir(), Logger: quiet()}, &free)
	if err != nil {
		t.Fatal(err)
	}
	defer closeBus(t, b)
	if _, err = b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", "c1", 2), 0); err != nil {
		t.Fatal(err)
	}
	free.Store(5 << 20)
	_, err = b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", "c2", 2), 2)
	if !errors.Is(err, bus.ErrFull) || !strings.Contains(err.Error(), "5 MiB left of 100 MiB and 10 MiB are kept free") {
		t.Fatalf("append without space: %v", err)
	}
	if s, err := b.Status(t.Context()); err != nil || s.Ready || !strings.Contains(s.Reason, "make room") {
		t.Fatalf("status without space: %+v (%v)", s, err)
	}
	n := 0
	if _, err = b.Replay(t.Context(), bus.Query{}, func(bus.Record) error { n++; return nil }); err != nil || n != 2 {
		t.Fatalf("replay without space: %d (%v)", n, err)
	}
	free.Store(50 << 20)
	if _, err = b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", "c2", 2), 2); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Log("a disk that is really full is tested on linux only")
	}
}

// TestFlippedByte changes one byte of a message on disk. The server then leaves the message out without a
// word; the replay does not.
func TestFlippedByte(t *testing.T) {
	dir := t.TempDir()
	b := embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient))
	if _, err := b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", "c1", 5), 0); err != nil {
		t.Fatal(err)
	}
	doc, err := b.Evidence().Put(t.Context(), []byte("a document of some length"))
	if err != nil {
		t.Fatal(err)
	}
	closeBus(t, b)
	flip(t, dir, "EVENTS", `key-002`)
	flip(t, dir, "EVIDENCE", `some length`)
	b = embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(patient))
	_, err = b.Replay(t.Context(), bus.Query{}, func(bus.Record) error { return nil })
	if !errors.Is(err, bus.ErrGap) {
		t.Errorf("replay over a damaged message: %v, want %v", err, bus.ErrGap)
	}
	if err = b.Follow(t.Context(), bus.Query{}, func(r bus.Record) error {
		if r.Sequence == 5 {
			return errors.New("passed the gap")
		}
		return nil
	}); !errors.Is(err, bus.ErrGap) {
		t.Errorf("follow over a damaged message: %v, want %v", err, bus.ErrGap)
	}
	if _, err = b.Evidence().Get(t.Context(), doc); !errors.Is(err, evidence.ErrCorrupt) && !errors.Is(err, evidence.ErrNotFound) {
		t.Errorf("damaged document: %v", err)
	}
	if got, err := b.Evidence().Put(t.Context(), []byte("a document of some length")); err != nil || got != doc {
		t.Errorf("the document stored again: %v", err)
	}
}

// flip changes a byte of the text in the block files of a stream.
func flip(t *testing.T, dir, stream, text string) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "$G", "streams", stream, "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("blocks of %s: %v (%v)", stream, blocks, err)
	}
	for _, path := range blocks {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(data, []byte(text)); i >= 0 {
			data[i] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%q is not in the blocks of %s", text, stream)
}
