package bustest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Moment says on which side of an operation a [Point] lies.
type Moment string

// The two moments. An error before means: not done. An error after means: done, but the answer was lost.
const (
	Before Moment = "before"
	After  Moment = "after"
)

// Operations a [Point] names.
const (
	OpAppend   = "append"
	OpAck      = "ack"
	OpNak      = "nak"
	OpTerm     = "term"
	OpSchedule = "schedule"
	OpCancel   = "cancel"
	OpEvidence = "evidence"
	OpBury     = "bury"
	OpKV       = "kv"
)

// Point is one place where a process can die.
type Point struct {
	N      int // number of the point since the bus was wrapped, from 1
	Op     string
	Moment Moment
	App    string         // of an append or a timer
	Events []events.Event // of an append
	Key    string         // consumer's subject, timer key, digest, bucket key
}

// Hook is called at every point. An error it returns is what the caller of the operation gets.
type Hook func(Point) error

// Faulty wraps b so that hook is called before and after each append, acknowledgement, timer, document, dead
// letter and write to a bucket. Closing it does not close b: a crashed process closes nothing.
func Faulty(b bus.Bus, hook Hook) bus.Bus { return &faulty{Bus: b, hook: hook} }

type faulty struct {
	bus.Bus
	hook Hook
	n    atomic.Int64
}

// around runs do between the two points of p. An error of do itself goes out as it is, without a point after.
func (f *faulty) around(p Point, do func() error) error {
	p.N, p.Moment = int(f.n.Add(1)), Before
	if err := f.hook(p); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	p.N, p.Moment = int(f.n.Add(1)), After
	return f.hook(p)
}

func (f *faulty) Close() error { return nil }

func (f *faulty) Append(ctx context.Context, app string, evs []events.Event, after uint64) (last uint64, err error) {
	err = f.around(Point{Op: OpAppend, App: app, Events: evs}, func() error {
		last, err = f.Bus.Append(ctx, app, evs, after)
		return err
	})
	if err != nil {
		last = 0
	}
	return last, err
}

func (f *faulty) Schedule(ctx context.Context, t bus.Timer) error {
	return f.around(Point{Op: OpSchedule, App: t.App, Key: t.Key}, func() error { return f.Bus.Schedule(ctx, t) })
}

func (f *faulty) Cancel(ctx context.Context, service, app, key string) error {
	return f.around(Point{Op: OpCancel, App: app, Key: key}, func() error { return f.Bus.Cancel(ctx, service, app, key) })
}

func (f *faulty) Bury(ctx context.Context, l bus.Letter) error {
	return f.around(Point{Op: OpBury, Key: l.Subject}, func() error { return f.Bus.Bury(ctx, l) })
}

func (f *faulty) Evidence() evidence.Store { return &faultyStore{f.Bus.Evidence(), f} }

type faultyStore struct {
	evidence.Store
	f *faulty
}

func (s *faultyStore) Put(ctx context.Context, data []byte) (d evidence.Digest, err error) {
	err = s.f.around(Point{Op: OpEvidence, Key: string(evidence.Of(data))}, func() error {
		d, err = s.Store.Put(ctx, data)
		return err
	})
	if err != nil {
		d = ""
	}
	return d, err
}

func (f *faulty) KV(name string) (bus.KV, error) {
	kv, err := f.Bus.KV(name)
	if err != nil {
		return nil, err
	}
	return &faultyKV{kv, f}, nil
}

type faultyKV struct {
	bus.KV
	f *faulty
}

func (k *faultyKV) Put(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (rev uint64, err error) {
	err = k.f.around(Point{Op: OpKV, Key: key}, func() error {
		rev, err = k.KV.Put(ctx, key, value, revision, ttl)
		return err
	})
	if err != nil {
		rev = 0
	}
	return rev, err
}

func (f *faulty) Consume(ctx context.Context, c bus.Consumer) (bus.Deliveries, error) {
	d, err := f.Bus.Consume(ctx, c)
	if err != nil {
		return nil, err
	}
	return &faultyDeliveries{d, f}, nil
}

type faultyDeliveries struct {
	bus.Deliveries
	f *faulty
}

func (d *faultyDeliveries) Next(ctx context.Context) (bus.Message, error) {
	m, err := d.Deliveries.Next(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyMessage{m, d.f}, nil
}

type faultyMessage struct {
	bus.Message
	f *faulty
}

func (m *faultyMessage) Ack(ctx context.Context) error {
	return m.f.around(Point{Op: OpAck, Key: m.Subject()}, func() error { return m.Message.Ack(ctx) })
}

func (m *faultyMessage) Nak(ctx context.Context, delay time.Duration) error {
	return m.f.around(Point{Op: OpNak, Key: m.Subject()}, func() error { return m.Message.Nak(ctx, delay) })
}

func (m *faultyMessage) Term(ctx context.Context, reason string) error {
	return m.f.around(Point{Op: OpTerm, Key: m.Subject()}, func() error { return m.Message.Term(ctx, reason) })
}
