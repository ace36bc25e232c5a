package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// jsKV is a bucket. It writes by plain publishes: the client's Update drops the TTL of a key, so that a renewed
// lease would become permanent (docs/nats.md).
type jsKV struct {
	b    *jsBus
	name string
}

// KV implements [Bus].
func (b *jsBus) KV(name string) (KV, error) {
	if _, ok := bucketRow(name); !ok {
		return nil, fmt.Errorf("%w: no bucket %q; there are %s", ErrInvalid, name, bucketNames())
	}
	return &jsKV{b, name}, nil
}

func (kv *jsKV) subject(key string) string { return "$KV." + kv.name + "." + key }

func (kv *jsKV) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := checkKey(key); err != nil {
		return nil, 0, err
	}
	msg, err := kv.last(ctx, key)
	if err == nil && gone(msg.Header) {
		err = ErrNoKey
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read %s of %s: %w", key, kv.name, err)
	}
	return msg.Data, msg.Sequence, nil
}

// last reads the newest message of key, markers of removal included.
func (kv *jsKV) last(ctx context.Context, key string) (*jetstream.RawStreamMsg, error) {
	opCtx, cancel := kv.b.operation(ctx, kv.b.set.limit)
	defer cancel()
	msg, err := kv.b.lastOf(opCtx, "KV_"+kv.name, kv.subject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrNoKey
	}
	return msg, err
}

// gone reports whether a message marks the removal of its key.
func gone(h nats.Header) bool {
	op := h.Get("KV-Operation")
	return op == "DEL" || op == "PURGE" || h.Get("Nats-Marker-Reason") != ""
}

func (kv *jsKV) Put(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	header := nats.Header{}
	if ttl > 0 {
		header[headerTTL] = []string{max(ttl, time.Second).Round(time.Second).String()} // whole seconds is what the server counts
	}
	rev, err := kv.write(ctx, key, value, header, revision)
	if revision == 0 && errors.Is(err, ErrConflict) {
		// The key may be there no longer and have left a marker: then its place is what must not have changed.
		msg, lookErr := kv.last(ctx, key)
		if lookErr == nil && gone(msg.Header) {
			rev, err = kv.write(ctx, key, value, header, msg.Sequence)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("write %s of %s at revision %d: %w", key, kv.name, revision, err)
	}
	return rev, nil
}

func (kv *jsKV) Delete(ctx context.Context, key string, revision uint64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if revision == 0 {
		return fmt.Errorf("delete %s of %s: %w: no revision given", key, kv.name, ErrConflict)
	}
	if _, err := kv.write(ctx, key, nil, nats.Header{"KV-Operation": {"DEL"}}, revision); err != nil {
		return fmt.Errorf("delete %s of %s at revision %d: %w", key, kv.name, revision, err)
	}
	return nil
}

func (kv *jsKV) write(ctx context.Context, key string, value []byte, header nats.Header, revision uint64) (uint64, error) {
	if err := kv.b.readyHost(); err != nil {
		return 0, err
	}
	header[headerExpected] = []string{strconv.FormatUint(revision, 10)}
	ack, err := kv.b.ask(ctx, &nats.Msg{Subject: kv.subject(key), Header: header, Data: value})
	return ack.Seq, err
}

func (kv *jsKV) Keys(ctx context.Context) ([]string, error) {
	opCtx, cancel := kv.b.operation(ctx, 4*kv.b.set.limit)
	defer cancel()
	var keys []string
	prefix := kv.subject("")
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: []string{prefix + ">"}, HeadersOnly: true}
	err := kv.b.ordered(opCtx, "KV_"+kv.name, cfg, true, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if !gone(m.Headers()) {
			keys = append(keys, m.Subject()[len(prefix):])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("keys of %s: %w", kv.name, err)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}
