package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
)

// keepAlive tells the queue that a message is being worked on, from its receipt on and three times as often
// as needed. It falls silent when a handling outlives its limit without ending: another worker then gets it.
type keepAlive struct {
	limit time.Duration
	until atomic.Int64 // unix nanoseconds
}

func (k *keepAlive) start(ctx context.Context, m bus.Message, ackWait, limit time.Duration) (stop func()) {
	k.limit = limit
	k.extend()
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		t := time.NewTicker(ackWait / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-t.C:
				if now.UnixNano() > k.until.Load() {
					return
				}
				_ = m.InProgress(ctx) // when it fails the message comes again, which the runner is made for
			}
		}
	}()
	return func() { cancel(); <-stopped }
}

// extend restarts the limit: the next of several parts begins.
func (k *keepAlive) extend() { k.until.Store(time.Now().Add(k.limit + stuckGrace).UnixNano()) }
