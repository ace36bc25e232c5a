package bus_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
)

func TestConnectRefusals(t *testing.T) {
	s := bustest.StartServer(t)
	missing := filepath.Join(t.TempDir(), "no.creds")
	for what, try := range map[string]struct {
		c    bus.ExternalConfig
		want error
		text string
	}{
		"no URL":            {bus.ExternalConfig{}, bus.ErrInvalid, "no URL"},
		"no address":        {bus.ExternalConfig{URL: "nats://ana:s3cret%zz@127.0.0.1:4222"}, bus.ErrInvalid, "not a URL such as nats://host:4222"},
		"nobody there":      {bus.ExternalConfig{URL: "nats://127.0.0.1:1"}, bus.ErrUnavailable, "connect to the event log"},
		"wrong credentials": {bus.ExternalConfig{URL: s.URL("mallory")}.Patient(patient), bus.ErrDenied, "refuses these credentials"},
		"no file":           {bus.ExternalConfig{URL: s.URL("drydock"), Creds: missing}, nil, "read credentials"},
	} {
		b, err := bus.Connect(t.Context(), try.c)
		if err == nil {
			closeBus(t, b)
		}
		if err == nil || strings.Contains(err.Error(), "s3cret") || (try.want != nil && !errors.Is(err, try.want)) || !strings.Contains(err.Error(), try.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestPermissionDenied: without permission an append would look like a server that never answers. It is an
// error at once, and final.
func TestPermissionDenied(t *testing.T) {
	s := bustest.StartServer(t)
	external(t, bus.ExternalConfig{URL: s.URL("drydock")}.Patient(patient)) // provisions
	b := external(t, bus.ExternalConfig{URL: s.URL("reader")}.Patient(patient))
	for _, n := range []int{1, 3} {
		_, err := b.Append(t.Context(), "ledger", bustest.Events(t, "ledger", fmt.Sprint(n), n), 0)
		if !errors.Is(err, bus.ErrDenied) || errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "grant it to this user") {
			t.Fatalf("append of %d without permission: %v", n, err)
		}
	}
	if s, _ := b.Status(t.Context()); s.Ready || !strings.Contains(s.Reason, "Permissions Violation") {
		t.Fatalf("status: %+v", s)
	}
}

// TestTwoProcesses: two connections, as of two processes, share log and consumers.
func TestTwoProcesses(t *testing.T) {
	s := bustest.StartServer(t)
	one := external(t, bus.ExternalConfig{URL: s.URL("drydock")}.Patient(patient))
	two := external(t, bus.ExternalConfig{URL: s.URL("drydock")}.Patient(patient))
	var wg sync.WaitGroup
	for w, b := range []bus.Bus{one, two, one, two} {
		wg.Go(func() {
			for i := range 10 {
				evs := bustest.Events(t, "ledger", fmt.Sprint(w, "-", i), 1+i%3)
				for {
					after, err := b.LastSequence(t.Context(), "ledger")
					if err == nil {
						_, err = b.Append(t.Context(), "ledger", evs, after)
					}
					if err == nil {
						break
					}
					if !errors.Is(err, bus.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	n := 0
	if _, err := two.Replay(t.Context(), bus.Query{}, func(r bus.Record) error { n++; return r.Err }); err != nil || n != 76 {
		t.Fatalf("%d events (%v), want 76", n, err)
	}
	c := bus.Consumer{Name: "scanner", Filters: []string{"drydock.event.*.*.scan.requested"}, Prefetch: 4}
	got := make(chan uint64, n)
	for _, b := range []bus.Bus{one, two} {
		d, err := b.Consume(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for {
				m, err := d.Next(t.Context())
				if err != nil {
					return
				}
				if err := m.Ack(t.Context()); err != nil {
					t.Error(err)
				}
				got <- m.Sequence()
			}
		})
	}
	seen := map[uint64]bool{}
	for range n {
		seen[<-got] = true
	}
	if len(seen) != n {
		t.Fatalf("%d of %d messages came", len(seen), n)
	}
	if at, err := one.Progress(t.Context(), "scanner"); err != nil || at != uint64(n) {
		t.Fatalf("progress %d (%v), want %d", at, err, n)
	}
	closeBus(t, one)
	closeBus(t, two)
	wg.Wait()
}
