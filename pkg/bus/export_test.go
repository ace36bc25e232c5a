package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Conn is the connection below a bus, for what a test does behind its back.
func Conn(b Bus) *nats.Conn { return b.(*jsBus).nc }

// JS is the JetStream client below a bus.
func JS(b Bus) jetstream.JetStream { return b.(*jsBus).js }

// StopServer ends the embedded server as a wedge does; the result starts it again.
func StopServer(b Bus) (start func() error) {
	h := b.(*jsBus).host.(*embedded)
	h.mu.Lock()
	h.shutdown()
	h.mu.Unlock()
	return h.start
}

// Matches is matches.
var Matches = matches

// PutObject stores data by way of the object store whatever its size, to compare.
func PutObject(ctx context.Context, b Bus, name string, data []byte) error {
	store, err := b.(*jsBus).js.ObjectStore(ctx, objectBucket)
	if err != nil {
		return err
	}
	_, err = store.PutBytes(ctx, name, data)
	return err
}

// OpTimeout is the time limit of an operation.
const OpTimeout time.Duration = opTimeout
