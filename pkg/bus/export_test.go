package bus

import (
	"context"
	"sync/atomic"
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

// EmbeddedOn is Embedded with a disk that has as much space as free says; below zero it is the real one.
func EmbeddedOn(ctx context.Context, c EmbeddedConfig, free *atomic.Int64) (Bus, error) {
	c.stat = func(dir string) (disk, error) {
		d, err := statDisk(dir)
		if n := free.Load(); n >= 0 {
			d = disk{size: 100 << 20, free: uint64(n)}
		}
		return d, err
	}
	return Embedded(ctx, c)
}

// Inner functions with tables of their own.
var (
	Matches      = matches
	APIError     = apiError
	CheckVersion = checkVersion
	CheckRoom    = checkRoom
	DecodeDue    = decodeDue
)

// PutObject stores data by way of the object store whatever its size, to compare.
func PutObject(ctx context.Context, b Bus, name string, data []byte) error {
	store, err := b.(*jsBus).js.ObjectStore(ctx, objectBucket)
	if err != nil {
		return err
	}
	_, err = store.PutBytes(ctx, name, data)
	return err
}

// Patient has the operations of a bus wait that long: how fast a busy machine answers is not asserted.
func (c EmbeddedConfig) Patient(limit time.Duration) EmbeddedConfig { c.limit = limit; return c }

// Patient is the same for a server elsewhere.
func (c ExternalConfig) Patient(limit time.Duration) ExternalConfig { c.limit = limit; return c }
