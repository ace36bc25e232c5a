package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// leases runs f in a bubble with the bucket of leases.
func leases(t *testing.T, hook bustest.Hook, f func(t *testing.T, kv, faulty bus.KV)) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer b.Close()
		kv, err := b.KV("lease")
		if err != nil {
			t.Fatal(err)
		}
		bad := kv
		if hook != nil {
			if bad, err = bustest.Faulty(b, hook).KV("lease"); err != nil {
				t.Fatal(err)
			}
		}
		f(t, kv, bad)
	})
}

func TestLease(t *testing.T) {
	leases(t, nil, func(t *testing.T, kv, _ bus.KV) {
		ctx := t.Context()
		a, err := worker.Acquire(ctx, kv, "payments", "worker a", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Acquire(ctx, kv, "payments", "worker b", time.Minute); !errors.Is(err, worker.ErrHeld) || !strings.Contains(err.Error(), "worker a") {
			t.Errorf("second holder: %v", err)
		}
		epoch := a.Epoch()
		for range 5 { // renewed, it outlives its ttl and keeps its epoch
			time.Sleep(40 * time.Second)
			if err := a.Renew(ctx); err != nil || a.Epoch() != epoch {
				t.Fatalf("renew: %v, epoch %d, was %d", err, a.Epoch(), epoch)
			}
		}
		time.Sleep(61 * time.Second) // stalled: it ends by itself, renewed leases too
		b, err := worker.Acquire(ctx, kv, "payments", "worker b", time.Minute)
		if err != nil || b.Epoch() <= epoch {
			t.Fatalf("next holder: %v, epoch %d after %d", err, b.Epoch(), epoch)
		}
		if err := a.Renew(ctx); !errors.Is(err, worker.ErrLost) {
			t.Errorf("the stalled worker renewed: %v", err)
		}
		if err := a.Release(ctx); err != nil {
			t.Errorf("the stalled worker releases: %v", err)
		}
		if err := b.Renew(ctx); err != nil {
			t.Errorf("which took nothing from the new holder: %v", err)
		}
		if err := b.Release(ctx); err != nil {
			t.Error(err)
		}
		c, err := worker.Acquire(ctx, kv, "payments", "worker c", time.Minute)
		if err != nil || c.Epoch() <= b.Epoch() {
			t.Errorf("after the release: %v, epoch %d after %d", err, c.Epoch(), b.Epoch())
		}
	})
}

func TestLeaseHold(t *testing.T) {
	leases(t, nil, func(t *testing.T, kv, _ bus.KV) {
		l, err := worker.Acquire(t.Context(), kv, "payments", "a", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		held, stop := l.Hold(t.Context())
		time.Sleep(time.Hour)
		if held.Err() != nil {
			t.Errorf("lost although renewed: %v", context.Cause(held))
		}
		stop()
		if _, err := worker.Acquire(t.Context(), kv, "payments", "b", time.Minute); err != nil {
			t.Errorf("after stop: %v", err)
		}
	})
}

// Somebody takes the lease over, or the store does not answer: the work ends within the ttl.
func TestLeaseHoldLost(t *testing.T) {
	var away atomic.Bool
	hook := func(bustest.Point) error {
		if away.Load() {
			return bus.ErrUnavailable
		}
		return nil
	}
	for _, how := range []string{"taken over", "store away"} {
		t.Run(how, func(t *testing.T) {
			away.Store(false)
			leases(t, hook, func(t *testing.T, kv, faulty bus.KV) {
				l, err := worker.Acquire(t.Context(), faulty, "payments", "a", time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				held, stop := l.Hold(t.Context())
				defer stop()
				if how == "store away" {
					away.Store(true)
				} else {
					_, rev, err := kv.Get(t.Context(), "payments")
					if err == nil {
						_, err = kv.Put(t.Context(), "payments", []byte("{}"), rev, time.Minute)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(61 * time.Second)
				synctest.Wait()
				if !errors.Is(context.Cause(held), worker.ErrLost) {
					t.Errorf("after the ttl: %v", context.Cause(held))
				}
			})
		})
	}
}

func TestLeaseWithoutEnd(t *testing.T) {
	leases(t, nil, func(t *testing.T, kv, _ bus.KV) {
		if _, err := worker.Acquire(t.Context(), kv, "payments", "a", 0); err == nil {
			t.Error("a lease for ever")
		}
	})
}
