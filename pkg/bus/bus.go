// Package bus carries events between workers and keeps them: one append-only log, durable consumers,
// durable timers, key-value buckets with compare-and-set, evidence and dead letters.
//
// There is one implementation for a process of its own ([NewMemory]), one over NATS JetStream embedded in the
// process or reached by URL (Embedded, Connect). All pass the suite in bustest.
package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Bus is everything a worker may do with the world of events.
type Bus interface {
	Log
	Queue
	Timers
	DeadLetters

	// Evidence is the store of documents named by digest.
	Evidence() evidence.Store
	// KV opens one of the buckets of the table in streams.go ("lease", "deliveries", "snapshot", "progress").
	KV(bucket string) (KV, error)
	// Status reads streams, consumers and settings; Warnings names settings found changed or shrunk.
	Status(ctx context.Context) (Status, error)
	// Close stops deliveries, waits for what is being written and releases everything. Idempotent.
	Close() error
}

// Log is the append-only log, the only truth.
type Log interface {
	// Append is the only way in. It stores evs, all of application app, as one atomic batch (one event: a
	// plain publish), provided that no event of app was stored after sequence `after`; it returns the
	// sequence of the last one. Durable once it returned. It refuses (ErrInvalid) events that fail
	// events.Check or are of another application. ErrConflict: someone else appended; reload and decide
	// again. ErrRepeated: this very batch, or an event of it, was stored before; where both hold either may be
	// answered, and both mean: look. Transient failures wrap ErrUnavailable; the
	// append may then have happened or not: look before repeating. ErrFull: no room, nothing stored.
	Append(ctx context.Context, app string, evs []events.Event, after uint64) (uint64, error)
	// Replay calls fn for each stored record of q, in order, from q.From up to the last one stored when it
	// was called, and returns that last sequence of the log. When q selects everything, a missing sequence
	// is an error wrapping ErrGap. An undecodable message is passed with Err set rather than skipped.
	Replay(ctx context.Context, q Query, fn func(Record) error) (uint64, error)
	// Follow is Replay that goes on with what comes, over reconnects, until ctx ends or fn fails.
	Follow(ctx context.Context, q Query, fn func(Record) error) error
	// LastSequence is the sequence of the last event of app (0: none); app "" means of the whole log.
	LastSequence(ctx context.Context, app string) (uint64, error)
}

// Query selects records of the log. The zero value is everything.
type Query struct {
	App  string // one application, or events.Org
	Name string // one kind, "scan.completed"
	From uint64 // first sequence, 0 or 1 for the beginning
}

// Record is a stored message of the log.
type Record struct {
	events.Record
	Subject string
	Err     error // why it does not decode, when it does not; Event is then empty
}

// Queue hands out events to competing workers.
type Queue interface {
	// Consume opens the durable consumer c, creating it when new. Deliveries of one consumer are shared by
	// all processes that open it.
	Consume(ctx context.Context, c Consumer) (Deliveries, error)
	// Progress is the sequence up to which the consumer has acknowledged everything it was to get; the log's
	// last sequence when nothing is outstanding.
	Progress(ctx context.Context, consumer string) (uint64, error)
}

// Consumer describes a durable consumer.
type Consumer struct {
	Name       string        // durable name, "planner-urgent"; [a-z0-9-]
	Filters    []string      // subjects in drydock.event.> or, for timers, drydock.due.>; never both
	Prefetch   int           // messages in hand at most: the number of free workers
	AckWait    time.Duration // silence after which a message is given to another worker (InProgress restarts it)
	MaxDeliver int           // deliveries before the server gives up and says so on BROKER
}

// Deliveries is an open consumer.
type Deliveries interface {
	// Next waits for a message. It returns ctx.Err() when ctx ends and ErrClosed after Stop.
	Next(ctx context.Context) (Message, error)
	// Stop asks for no more messages; those handed out can still be acknowledged.
	Stop()
}

// Message is one delivery.
type Message interface {
	Subject() string
	Headers() map[string][]string
	Data() []byte
	Sequence() uint64                                   // in its stream
	Stored() time.Time                                  // when its stream stored it
	Attempt() int                                       // 1 for the first delivery
	Record() Record                                     // the decoded event; Err is set for garbage. Only for messages of the log.
	Due() (Due, error)                                  // the decoded timer. Only for messages of drydock.due.
	Ack(context.Context) error                          // double ack: returns once the server confirmed
	Nak(ctx context.Context, delay time.Duration) error // again after delay
	Term(ctx context.Context, reason string) error      // never again
	InProgress(context.Context) error                   // restarts AckWait
}

// Timers are durable: one that falls due while nothing runs fires at the next start.
type Timers interface {
	// Schedule sets the timer t.Key of t.App for service t.Service, replacing an earlier one of that key. It
	// may fire up to a second early and more than once: the receiver looks at the clock and the fold.
	Schedule(ctx context.Context, t Timer) error
	// Cancel removes a timer; none of that name is no error.
	Cancel(ctx context.Context, service, app, key string) error
	// Scheduled lists the timers of a service that have not fired, by app and key.
	Scheduled(ctx context.Context, service string) ([]Timer, error)
}

// Timer wakes a service up. Its delivery comes on drydock.due.<service>.<app>.<key>.
type Timer struct {
	Service string    `json:"service"`
	App     string    `json:"app"`
	Key     string    `json:"key"` // [a-z0-9-]: a change id, "retry"
	At      time.Time `json:"at"`
	Data    []byte    `json:"data,omitempty"`
}

// Due is a timer that fired.
type Due = Timer

// DueFilter matches the fired timers of one service.
func DueFilter(service string) string { return "drydock.due." + service + ".>" }

// KV is a bucket. Every write is a compare-and-set.
type KV interface {
	// Get returns the value and its revision; ErrNoKey when there is none.
	Get(ctx context.Context, key string) ([]byte, uint64, error)
	// Put writes value if the key's revision is `revision` (0: the key does not exist), else ErrConflict. A
	// ttl above zero makes the entry vanish unless written again in time.
	Put(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (uint64, error)
	// Delete removes the key if its revision is `revision`, else ErrConflict.
	Delete(ctx context.Context, key string, revision uint64) error
	// Keys lists the keys, sorted.
	Keys(ctx context.Context) ([]string, error)
}

// DeadLetters keeps what no worker could handle. Nothing is removed: a resolved letter says by whom and why.
type DeadLetters interface {
	// Bury stores a letter; burying the same (consumer, stream, sequence) again is no error.
	Bury(ctx context.Context, l Letter) error
	// Letters lists the unresolved letters (all with resolved ones when all is true), oldest first.
	Letters(ctx context.Context, all bool) ([]Letter, error)
	// Resolve marks letter id as requeued or dropped.
	Resolve(ctx context.Context, id uint64, r Resolution) error
}

// Letter is a message that could not be handled.
type Letter struct {
	ID       uint64              `json:"id"` // assigned by Bury
	Time     time.Time           `json:"time"`
	Consumer string              `json:"consumer"`
	Stream   string              `json:"stream"`
	Sequence uint64              `json:"sequence"`
	Subject  string              `json:"subject"`
	Reason   string              `json:"reason"`
	Attempts int                 `json:"attempts"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Data     []byte              `json:"data,omitempty"`
	Resolved *Resolution         `json:"resolved,omitempty"`
}

// Resolution says what became of a letter.
type Resolution struct {
	Verdict string    `json:"verdict"` // requeued | dropped
	Actor   string    `json:"actor"`
	Reason  string    `json:"reason"`
	Time    time.Time `json:"time"`
}

// Status is what `drydock status` shows of the bus.
type Status struct {
	Kind      string           `json:"kind"`             // memory | embedded | external
	Ready     bool             `json:"ready"`            // appends are taken
	Reason    string           `json:"reason,omitempty"` // why not ready
	Streams   []StreamStatus   `json:"streams"`
	Consumers []ConsumerStatus `json:"consumers"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// StreamStatus is one stream.
type StreamStatus struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes int64  `json:"max_bytes,omitempty"`
	Last     uint64 `json:"last_sequence"`
}

// ConsumerStatus is one durable consumer.
type ConsumerStatus struct {
	Name        string `json:"name"`
	Pending     uint64 `json:"pending"`     // stored, not yet delivered
	InFlight    int    `json:"in_flight"`   // delivered, not yet acknowledged
	Redelivered int    `json:"redelivered"` // of those in flight, delivered more than once
}

// Errors a caller decides on.
var (
	ErrInvalid     = errors.New("invalid event")
	ErrConflict    = errors.New("changed meanwhile")
	ErrRepeated    = errors.New("batch stored before")
	ErrUnavailable = errors.New("event log does not answer")
	ErrFull        = errors.New("event log is full")
	ErrGap         = errors.New("sequence missing in the event log")
	ErrClosed      = errors.New("closed")
	ErrNoKey       = errors.New("no such key")
	ErrNoConsumer  = errors.New("no such consumer")
	ErrNoLetter    = errors.New("no such dead letter")
	ErrDenied      = errors.New("not permitted by the server")
)

// CheckAppend is the door of every Append: it reports the first event that may not enter app's log.
func CheckAppend(app string, evs []events.Event) error {
	if err := events.CheckApp(app); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(evs) == 0 || len(evs) > MaxBatch {
		return fmt.Errorf("%w: a batch of %d events, want 1 to %d", ErrInvalid, len(evs), MaxBatch)
	}
	for _, e := range evs {
		if err := events.Check(e); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if events.App(e) != app {
			return fmt.Errorf("%w: event %q is of application %q, appended to %q", ErrInvalid, e.ID(), events.App(e), app)
		}
	}
	return nil
}

// MaxBatch is the most events of one append; more are split by the worker's runner (design §4).
const MaxBatch = 900
