package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/drydock-dev/drydock/pkg/events"
)

// Headers of the batch and compare-and-set protocols of JetStream.
const (
	headerID            = "Nats-Msg-Id"
	headerExpected      = "Nats-Expected-Last-Subject-Sequence"
	headerExpectedOf    = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerBatch         = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
	headerTTL           = "Nats-TTL"
)

// pubAck is the server's answer to a publish.
type pubAck struct {
	Seq       uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate"`
	Error     *struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

func readAck(data []byte) (pubAck, error) {
	var a pubAck
	if len(data) == 0 {
		return a, nil // the beginning of a batch is answered with nothing
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("%w: answer of the server: %w", ErrUnavailable, err)
	}
	if a.Error != nil {
		return a, apiError(a.Error.Code, a.Error.ErrCode, a.Error.Description)
	}
	return a, nil
}

// Append implements [Log]. One event goes as a plain publish, several as an atomic batch; both carry the one
// filter of the application, because the server compares sequences only between writers that name the same
// filter (docs/nats.md).
func (b *jsBus) Append(ctx context.Context, app string, evs []events.Event, after uint64) (uint64, error) {
	if err := CheckAppend(app, evs); err != nil {
		return 0, fmt.Errorf("append to %s: %w", app, err)
	}
	msgs := make([]*nats.Msg, len(evs))
	size := 0
	for i, e := range evs {
		m, err := encodeMessage(e)
		if err != nil {
			return 0, fmt.Errorf("append to %s: %w", app, err)
		}
		msgs[i] = &nats.Msg{Subject: m.subject, Header: m.header, Data: m.data}
		msgs[i].Header[headerID] = []string{messageID(e)}
		size += events.Size(e)
	}
	msgs[0].Header[headerExpected] = []string{strconv.FormatUint(after, 10)}
	msgs[0].Header[headerExpectedOf] = []string{events.AppFilter(app)}
	if err := b.admit(evs, size); err != nil {
		return 0, fmt.Errorf("append to %s: %w", app, err)
	}
	last, err := b.publish(ctx, msgs)
	if err != nil {
		return 0, fmt.Errorf("append to %s after %d: %w", app, after, err)
	}
	b.room.used.Add(int64(size))
	return last, nil
}

// messageID is what the dedupe window compares: the event's id within its application. An event of the
// organisation is answered application by application, and two of those answers may well have the same cause,
// type and key, and so the same id; the window, which spans the stream, must not swallow the second.
func messageID(e events.Event) string { return events.App(e) + "/" + e.ID() }

func (b *jsBus) publish(ctx context.Context, msgs []*nats.Msg) (uint64, error) {
	if len(msgs) > 1 {
		if err := b.openBatch(ctx, msgs); err != nil {
			return 0, err
		}
	}
	ack, err := b.ask(ctx, msgs[len(msgs)-1])
	if err != nil {
		return 0, err
	}
	if ack.Duplicate {
		return ack.Seq, fmt.Errorf("%w: event %q at %d", ErrRepeated, msgs[0].Header[headerID][0], ack.Seq)
	}
	return ack.Seq, nil
}

// openBatch sends all but the last message of a batch. The first is a request: it tells whether the server
// takes the batch at all. The rest needs no answer, the commit's speaks for all.
func (b *jsBus) openBatch(ctx context.Context, msgs []*nats.Msg) error {
	id := nuid.Next()
	for i, m := range msgs {
		m.Header[headerBatch] = []string{id}
		m.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
	}
	msgs[len(msgs)-1].Header[headerBatchCommit] = []string{"1"}
	if _, err := b.ask(ctx, msgs[0]); err != nil {
		return err
	}
	for _, m := range msgs[1 : len(msgs)-1] {
		if err := b.nc.PublishMsg(m); err != nil {
			return b.explain(ctx, err)
		}
	}
	return nil
}

// ask publishes to a stream and reads the answer.
func (b *jsBus) ask(ctx context.Context, msg *nats.Msg) (pubAck, error) {
	answer, err := b.request(ctx, msg)
	if err != nil {
		return pubAck{}, err
	}
	ack, err := readAck(answer.Data)
	if errors.Is(err, ErrUnavailable) && b.host != nil {
		if trouble := b.host.trouble(0); trouble != nil {
			return ack, trouble // that is why
		}
	}
	return ack, err
}

// room is what is known of the log's size without asking the server before each append: what it said last,
// and what was appended since.
type room struct {
	limit int64
	used  atomic.Int64
	at    atomic.Int64 // UnixNano of the last look
}

// roomEvery is how old the server's word on the log's size may get while something is appended. The server's
// own limit stands behind it.
const roomEvery = 5 * time.Second

// admit refuses what there is no room for, before anything is sent.
func (b *jsBus) admit(evs []events.Event, size int) error {
	if err := b.readyHost(); err != nil {
		return err
	}
	if at := b.room.at.Load(); time.Since(time.Unix(0, at)) > roomEvery && b.room.at.CompareAndSwap(at, time.Now().UnixNano()) {
		b.spawn(func() {
			ctx, cancel := b.operation(b.alive, b.set.limit)
			defer cancel()
			_ = b.refreshRoom(ctx) // the next look mends a failed one
		})
	}
	return checkRoom(evs, b.room.used.Load()+int64(size), b.room.limit)
}

func (b *jsBus) refreshRoom(ctx context.Context) error {
	info, err := b.streamInfo(ctx, streamEvents)
	if err != nil {
		return err
	}
	b.room.used.Store(int64(info.State.Bytes))
	b.room.at.Store(time.Now().UnixNano())
	return nil
}

func (b *jsBus) streamInfo(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	stream, err := b.stream(ctx, name)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	return info, nil
}

// LastSequence implements [Log]. It asks the stream's leader, not a replica that may lag.
func (b *jsBus) LastSequence(ctx context.Context, app string) (uint64, error) {
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	if app == "" {
		info, err := b.streamInfo(opCtx, streamEvents)
		if err != nil {
			return 0, fmt.Errorf("last sequence of the log: %w", err)
		}
		return info.State.LastSeq, nil
	}
	if err := events.CheckApp(app); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	msg, err := b.lastOf(opCtx, streamEvents, events.AppFilter(app))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("last sequence of %s: %w", app, err)
	}
	return msg.Sequence, nil
}

// lastOf reads the last message of a subject or filter; jetstream.ErrMsgNotFound when there is none.
func (b *jsBus) lastOf(ctx context.Context, stream, filter string) (*jetstream.RawStreamMsg, error) {
	s, err := b.stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	msg, err := s.GetLastMsgForSubject(ctx, filter)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, b.explain(ctx, err)
	}
	return msg, err
}
