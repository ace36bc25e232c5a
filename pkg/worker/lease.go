package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
)

// Lease is the right of one worker to touch one thing outside, for as long as it renews it. The epoch grows
// with every new holder: a target that remembers the highest it saw refuses a worker that was thought dead
// and is not. A lease alone protects nothing; the fence at the target does.
type Lease struct {
	kv     bus.KV
	key    string
	holder string
	ttl    time.Duration
	epoch  uint64

	mu    sync.Mutex
	rev   uint64
	until time.Time // by our own clock, from before the last write: never later than the store's
}

type leaseEntry struct {
	Holder string `json:"holder"`
	Epoch  uint64 `json:"epoch,omitempty"` // absent in the first write: its revision is the epoch
}

// Errors of leases.
var (
	ErrHeld = errors.New("held by another worker")
	ErrLost = errors.New("lease lost")
)

// Acquire takes the lease called key for holder, or says (wrapping [ErrHeld]) who has it. kv is the bucket
// "lease". A lease that is not renewed ends after ttl.
func Acquire(ctx context.Context, kv bus.KV, key, holder string, ttl time.Duration) (*Lease, error) {
	if ttl <= 0 {
		return nil, fmt.Errorf("take lease %s: it needs a time after which it ends", key)
	}
	data, err := json.Marshal(leaseEntry{Holder: holder})
	if err != nil {
		return nil, fmt.Errorf("take lease %s: %w", key, err)
	}
	asked := time.Now()
	rev, err := kv.Put(ctx, key, data, 0, ttl)
	if errors.Is(err, bus.ErrConflict) {
		return nil, fmt.Errorf("take lease %s: %w: %s", key, ErrHeld, who(ctx, kv, key))
	}
	if err != nil {
		return nil, fmt.Errorf("take lease %s: %w", key, err)
	}
	return &Lease{kv: kv, key: key, holder: holder, ttl: ttl, epoch: rev, rev: rev, until: asked.Add(ttl)}, nil
}

func who(ctx context.Context, kv bus.KV, key string) string {
	var e leaseEntry
	data, _, err := kv.Get(ctx, key)
	if err != nil || json.Unmarshal(data, &e) != nil || e.Holder == "" {
		return "unknown"
	}
	return e.Holder
}

// Epoch is the fence to hand to the target.
func (l *Lease) Epoch() uint64 { return l.epoch }

// Renew prolongs the lease by its ttl. [ErrLost]: it ended, or somebody took it over; stop at once.
func (l *Lease) Renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	data, err := json.Marshal(leaseEntry{Holder: l.holder, Epoch: l.epoch})
	if err != nil {
		return fmt.Errorf("renew lease %s: %w", l.key, err)
	}
	asked := time.Now()
	rev, err := l.kv.Put(ctx, l.key, data, l.rev, l.ttl)
	if errors.Is(err, bus.ErrConflict) || err != nil && !asked.Before(l.until) {
		l.until = time.Time{}
		return fmt.Errorf("renew lease %s: %w: %w", l.key, ErrLost, err)
	}
	if err != nil {
		return fmt.Errorf("renew lease %s: %w", l.key, err)
	}
	l.rev, l.until = rev, asked.Add(l.ttl)
	return nil
}

// Release gives the lease back; one that was lost is no error.
func (l *Lease) Release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
	err := l.kv.Delete(ctx, l.key, l.rev)
	if err != nil && !errors.Is(err, bus.ErrConflict) && !errors.Is(err, bus.ErrNoKey) {
		return fmt.Errorf("release lease %s: %w", l.key, err)
	}
	return nil
}

// Hold renews the lease three times per ttl and returns a context that ends, with [ErrLost] as its cause,
// as soon as the lease can't be relied on any more: taken over, or not renewed within its ttl. stop ends the
// renewing and releases the lease.
func (l *Lease) Hold(ctx context.Context) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for l.wait(held) {
			if err := l.renewInTime(held); errors.Is(err, ErrLost) {
				cancel(err)
				return
			}
		}
	}()
	return held, func() {
		cancel(nil)
		<-done
		ctx, end := context.WithTimeout(context.WithoutCancel(ctx), l.ttl)
		defer end()
		_ = l.Release(ctx) // not released, it ends by itself
	}
}

// wait pauses until the next renewal is due, at the latest until the lease ends.
func (l *Lease) wait(ctx context.Context) bool {
	l.mu.Lock()
	left := time.Until(l.until)
	l.mu.Unlock()
	return pause(ctx, max(min(l.ttl/3, left), 0)) == nil
}

// renewInTime does not wait for an answer longer than the lease lasts.
func (l *Lease) renewInTime(ctx context.Context) error {
	l.mu.Lock()
	until := l.until
	l.mu.Unlock()
	call, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err := l.Renew(call)
	if err != nil && !time.Now().Before(until) && !errors.Is(err, ErrLost) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return err
}
