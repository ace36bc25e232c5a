package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Limits of a reader of the log.
const (
	replayPull   = 256             // messages asked for at once: 64 MiB if all were of the largest size
	replaySilent = 5 * time.Second // heartbeat; twice that without a word and the reader starts anew
	followWait   = 100 * time.Millisecond
	followMax    = 3 * time.Second
)

// errDone ends a reader from inside.
var errDone = errors.New("done")

// Replay implements [Log].
func (b *jsBus) Replay(ctx context.Context, q Query, fn func(Record) error) (uint64, error) {
	last, err := b.LastSequence(ctx, "")
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	r := reader{b: b, q: q, next: max(q.From, 1), last: last, fn: fn}
	if r.next > last {
		_, err := q.subjectFilter()
		return last, err
	}
	if err := r.run(ctx); err != nil && !errors.Is(err, errDone) {
		return last, err
	}
	if q.App == "" && q.Name == "" && r.next <= last {
		return last, fmt.Errorf("replay: %w: %d to %d", ErrGap, r.next, last)
	}
	return last, nil
}

// Follow implements [Log].
func (b *jsBus) Follow(ctx context.Context, q Query, fn func(Record) error) error {
	r := reader{b: b, q: q, next: max(q.From, 1), fn: fn}
	wait := followWait
	for {
		before := r.next
		err := r.goOn(ctx)
		var own *callerError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case b.alive.Err() != nil:
			return context.Cause(b.alive)
		case errors.As(err, &own):
			return own.err
		case errors.Is(err, ErrGap), errors.Is(err, ErrInvalid):
			return err
		}
		if r.next > before {
			wait = followWait
		}
		select { // the server is away, or its reader was lost: from where we stood, again
		case <-time.After(wait):
		case <-ctx.Done():
		case <-b.alive.Done():
		}
		wait = min(2*wait, followMax)
	}
}

// goOn reads on until the connection is made anew: the server that is there then may have less than was read.
func (r *reader) goOn(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	again := r.b.onReconnect()
	go func() {
		select {
		case <-again:
			stop()
		case <-ctx.Done():
		}
	}()
	last, err := r.b.LastSequence(ctx, "")
	if err != nil {
		return err
	}
	if last < r.known {
		return fmt.Errorf("%w: the log ends at %d, and it had %d: the server came back with an older disk; start anew, to read what it has", ErrGap, last, r.known)
	}
	r.known = last
	err = r.run(ctx)
	if r.next > r.q.From { // something was passed
		r.known = max(r.known, r.next-1)
	}
	return err
}

// callerError is an error of the function that takes the records: it is the caller's own and goes out as is.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }
func (e *callerError) Unwrap() error { return e.err }

// reader passes records in order.
type reader struct {
	b     *jsBus
	q     Query
	next  uint64 // first sequence not yet passed
	last  uint64 // last one to pass; 0: go on
	known uint64 // one the log is known to have had; of goOn
	fn    func(Record) error
}

// run reads until the last record, an error, or the end of ctx.
func (r *reader) run(ctx context.Context) error {
	filter, err := r.q.subjectFilter()
	if err != nil {
		return err
	}
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next, MaxResetAttempts: 1}
	if filter != "" {
		cfg.FilterSubjects = []string{filter}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(r.b.alive, stop)()
	err = r.b.ordered(ctx, streamEvents, cfg, r.last > 0, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		return r.take(m, meta)
	})
	var own *callerError
	if err == nil || errors.Is(err, errDone) || errors.Is(err, ErrGap) || errors.As(err, &own) {
		if own != nil && r.last > 0 {
			return own.err
		}
		return err
	}
	return fmt.Errorf("read the log from %d: %w", r.next, err)
}

func (r *reader) take(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
	seq := meta.Sequence.Stream
	if r.last > 0 && seq > r.last {
		return errDone
	}
	if seq != r.next && r.q.App == "" && r.q.Name == "" {
		return fmt.Errorf("%w: %d to %d", ErrGap, r.next, seq-1)
	}
	if err := r.fn(decodeRecord(m.Subject(), m.Headers(), m.Data(), seq, meta.Timestamp)); err != nil {
		return &callerError{err}
	}
	r.next = seq + 1
	if r.last > 0 && seq == r.last {
		return errDone
	}
	return nil
}

// ordered reads a stream through an ordered consumer. With finite it ends with what was there; else with ctx or
// an error of fn.
func (b *jsBus) ordered(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig, finite bool, fn func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	cfg.InactiveThreshold = time.Minute
	cons, err := b.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return b.explain(ctx, err)
	}
	name := ""
	if info := cons.CachedInfo(); info != nil {
		name = info.Name
		if finite && info.NumPending == 0 {
			b.discard(stream, name)
			return nil
		}
	}
	iter, err := cons.Messages(jetstream.PullMaxMessages(replayPull), jetstream.PullHeartbeat(replaySilent))
	if err != nil {
		return b.explain(ctx, err)
	}
	defer b.discard(stream, name)
	defer iter.Stop()
	for {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if err != nil {
			return b.explain(ctx, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if err := fn(m, meta); err != nil {
			return err
		}
		if finite && meta.NumPending == 0 {
			return nil
		}
	}
}

// discard removes a reader on the server; should that fail it goes by itself, a minute later.
func (b *jsBus) discard(stream, consumer string) {
	if consumer == "" || b.alive.Err() != nil {
		return
	}
	_ = b.nc.Publish("$JS.API.CONSUMER.DELETE."+stream+"."+consumer, nil)
}
