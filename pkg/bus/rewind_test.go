package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
)

// A server that comes back with less than was read of it, an old disk or a tail that was never synced, gives the
// same sequences to other events. Who follows the log must be told, not left with a state that no log has.
func TestFollowAfterALostEnd(t *testing.T) {
	dir := t.TempDir()
	b := embedded(t, bus.EmbeddedConfig{Dir: dir}.Patient(hasty))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	add := func(key string, n int, after uint64) uint64 {
		last, err := b.Append(ctx, "ledger", bustest.Events(t, "ledger", key, n), after)
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	store, kept := filepath.Join(dir, "nats"), filepath.Join(t.TempDir(), "kept")
	away := func(do func() error) {
		start := bus.StopServer(b)
		if err := errors.Join(do(), start()); err != nil {
			t.Fatal(err)
		}
	}
	last := add("before", 2, 0)
	away(func() error { return os.CopyFS(kept, os.DirFS(store)) })
	waitReady(ctx, t, b)
	last = add("lost", 3, last)
	followed, ended := make(chan uint64, 100), make(chan error, 1)
	go func() {
		ended <- b.Follow(ctx, bus.Query{}, func(r bus.Record) error {
			followed <- r.Sequence
			return nil
		})
	}()
	for at := range followed {
		if at == last {
			break
		}
	}
	away(func() error { return errors.Join(os.RemoveAll(store), os.CopyFS(store, os.DirFS(kept))) })
	waitReady(ctx, t, b)
	add("instead", 1, 2)
	if err := <-ended; !errors.Is(err, bus.ErrGap) {
		t.Errorf("following ended with %v, want %v", err, bus.ErrGap)
	}
}

func waitReady(ctx context.Context, t *testing.T, b bus.Bus) {
	t.Helper()
	for ctx.Err() == nil {
		if s, err := b.Status(ctx); err == nil && s.Ready {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the bus does not get ready")
}
