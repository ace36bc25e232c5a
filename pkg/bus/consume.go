package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Limits of a consumer's reader.
const (
	pullExpires   = 30 * time.Second // of one pull request on the server
	pullHeartbeat = 5 * time.Second
	maxAckPending = 10000           // of one consumer, over all processes
	handBackWait  = 2 * time.Second // for the server's word that it sends no more; without it the rest comes again after AckWait
)

// Consume implements [Queue].
func (b *jsBus) Consume(ctx context.Context, c Consumer) (Deliveries, error) {
	c, stream, err := c.checked()
	if err != nil {
		return nil, err
	}
	if err := b.declare(ctx, stream, c); err != nil {
		return nil, fmt.Errorf("consume %s: %w", c.Name, err)
	}
	d := &jsDeliveries{b: b, c: c, stream: stream, inbox: b.nc.NewInbox(), raw: make(chan *nats.Msg, 2*c.Prefetch+64),
		ready: make(chan *jsMessage, 2*c.Prefetch+64), freed: make(chan struct{}, 1), stopped: make(chan struct{}), hand: map[*jsMessage]struct{}{}}
	if d.sub, err = b.nc.ChanSubscribe(d.inbox, d.raw); err != nil {
		return nil, fmt.Errorf("consume %s: %w", c.Name, b.explain(ctx, err))
	}
	if !b.spawn(d.run) {
		return nil, fmt.Errorf("consume %s: %w", c.Name, context.Cause(b.alive))
	}
	return d, nil
}

// declare creates the durable consumer, or gives it the description of this binary: after an upgrade that is
// the truth of what its workers handle.
func (b *jsBus) declare(ctx context.Context, stream string, c Consumer) error {
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	_, err := b.js.CreateOrUpdateConsumer(opCtx, stream, jetstream.ConsumerConfig{Durable: c.Name, FilterSubjects: c.Filters,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.AckWait, MaxDeliver: c.MaxDeliver, MaxAckPending: maxAckPending,
		DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return b.explain(ctx, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.consumers[c.Name] = stream
	return nil
}

// jsDeliveries pulls exactly as many messages as there are free workers. The client library's iterators keep
// as many again in a buffer, where AckWait runs out while nobody works on them (12 messages ran 30 times).
type jsDeliveries struct {
	b       *jsBus
	c       Consumer
	stream  string
	inbox   string
	sub     *nats.Subscription
	raw     chan *nats.Msg
	ready   chan *jsMessage
	freed   chan struct{} // a worker became free
	once    sync.Once
	stopped chan struct{}

	mu   sync.Mutex
	hand map[*jsMessage]struct{} // delivered, not answered, AckWait not over

	// of run only
	asked int       // messages asked for and not yet come
	heard time.Time // last word of the server
}

// Next implements [Deliveries].
func (d *jsDeliveries) Next(ctx context.Context) (Message, error) {
	for {
		select {
		case <-d.stopped:
			return nil, ErrClosed
		default:
		}
		select {
		case m := <-d.ready:
			if m.lapsed(time.Now()) { // waited so long that the server gives it to someone else
				d.release(m)
				continue
			}
			return m, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.stopped:
			return nil, ErrClosed
		case <-d.b.alive.Done():
			return nil, context.Cause(d.b.alive)
		}
	}
}

// Stop implements [Deliveries].
func (d *jsDeliveries) Stop() { d.once.Do(func() { close(d.stopped) }) }

// run asks for messages and sorts what comes.
func (d *jsDeliveries) run() {
	tick := time.NewTicker(min(time.Second, max(d.c.AckWait/4, 20*time.Millisecond)))
	defer tick.Stop()
	defer d.handBack()
	again := d.b.onReconnect()
	d.heard = time.Now()
	for {
		d.pull()
		select {
		case m := <-d.raw:
			d.sort(m)
		case <-d.freed:
		case <-tick.C:
			if d.asked > 0 && time.Since(d.heard) > 3*pullHeartbeat {
				d.renew()
			}
		case <-again:
			again = d.b.onReconnect()
			d.renew()
		case <-d.stopped:
			return
		case <-d.b.alive.Done():
			return
		}
	}
}

// pull asks for as many messages as there are free workers, in lots: at half of them, or when none is awaited.
func (d *jsDeliveries) pull() {
	free := d.c.Prefetch - d.asked - d.inHand()
	if free <= 0 || (d.asked > 0 && free < (d.c.Prefetch+1)/2) || !d.b.nc.IsConnected() {
		return
	}
	request, _ := json.Marshal(map[string]any{"batch": free, "expires": pullExpires, "idle_heartbeat": pullHeartbeat})
	msg := &nats.Msg{Subject: "$JS.API.CONSUMER.MSG.NEXT." + d.stream + "." + d.c.Name, Reply: d.inbox, Data: request}
	if d.b.nc.PublishMsg(msg) == nil {
		d.asked += free
		d.heard = time.Now()
	}
}

// sort tells a message from the server's remarks on a pull request.
func (d *jsDeliveries) sort(m *nats.Msg) {
	d.heard = time.Now()
	status := m.Header.Get("Status")
	if len(m.Data) > 0 || status == "" {
		d.asked = max(d.asked-1, 0)
		d.deliver(m)
		return
	}
	switch status {
	case "100": // heartbeat
	case "404", "408": // the request ran out with so many still asked for
		n, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			n = d.asked
		}
		d.asked = max(d.asked-n, 0)
	default: // 409 leadership change, consumer deleted; 503 nobody there
		d.pause()
		d.renew()
	}
}

// pause keeps a server that refuses from being asked in a tight loop.
func (d *jsDeliveries) pause() {
	select {
	case <-time.After(250 * time.Millisecond):
	case <-d.stopped:
	case <-d.b.alive.Done():
	}
}

// renew forgets what was asked for, and sees to it that the consumer exists: it may have been deleted, or the
// server may have come back with an older disk.
func (d *jsDeliveries) renew() {
	d.asked, d.heard = 0, time.Now()
	ctx, cancel := context.WithTimeout(d.b.alive, opTimeout)
	defer cancel()
	if err := d.b.declare(ctx, d.stream, d.c); err != nil && !errors.Is(err, context.Canceled) {
		d.pause()
	}
}

func (d *jsDeliveries) deliver(m *nats.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		return // not a delivery: someone wrote to our inbox
	}
	msg := &jsMessage{d: d, m: m, meta: meta, until: time.Now().Add(d.c.AckWait)}
	d.mu.Lock()
	d.hand[msg] = struct{}{}
	d.mu.Unlock()
	select {
	case d.ready <- msg:
	case <-d.stopped:
		d.release(msg)
		_ = d.b.nc.Publish(m.Reply, nakBody(0))
	}
}

// inHand counts what workers have, without what the server took back because AckWait ran out.
func (d *jsDeliveries) inHand() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for m := range d.hand {
		if m.lapsed(now) {
			delete(d.hand, m)
		}
	}
	return len(d.hand)
}

func (d *jsDeliveries) release(m *jsMessage) {
	d.mu.Lock()
	delete(d.hand, m)
	d.mu.Unlock()
	select {
	case d.freed <- struct{}{}:
	default:
	}
}

// handBack returns what no worker has taken, so that another process gets it now: what the server sent before it
// knew of our end, too, which arrives before its answer to a flush.
func (d *jsDeliveries) handBack() {
	if d.b.nc.IsConnected() && d.sub.Drain() == nil {
		_ = d.b.nc.FlushTimeout(handBackWait)
	}
	_ = d.sub.Unsubscribe() // an error if that was drained
	for {
		select {
		case m := <-d.ready:
			_ = d.b.nc.Publish(m.m.Reply, nakBody(0))
		case m := <-d.raw:
			if _, err := m.Metadata(); err == nil {
				_ = d.b.nc.Publish(m.Reply, nakBody(0))
			}
		default:
			return
		}
	}
}

// jsMessage is one delivery.
type jsMessage struct {
	d     *jsDeliveries
	m     *nats.Msg
	meta  *nats.MsgMetadata
	mu    sync.Mutex
	until time.Time // end of AckWait
}

func (m *jsMessage) Subject() string              { return m.m.Subject }
func (m *jsMessage) Headers() map[string][]string { return m.m.Header }
func (m *jsMessage) Data() []byte                 { return m.m.Data }
func (m *jsMessage) Sequence() uint64             { return m.meta.Sequence.Stream }
func (m *jsMessage) Stored() time.Time            { return m.meta.Timestamp.UTC() }
func (m *jsMessage) Attempt() int                 { return int(m.meta.NumDelivered) }
func (m *jsMessage) Due() (Due, error)            { return decodeDue(m.m.Subject, m.m.Data) }
func (m *jsMessage) Record() Record {
	return decodeRecord(m.m.Subject, m.m.Header, m.m.Data, m.Sequence(), m.meta.Timestamp)
}

func (m *jsMessage) lapsed(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.After(m.until)
}

// answer sends body and waits for the server's word that it took it. Whatever comes of it, the worker is free:
// an answer that got lost means that the message comes again.
func (m *jsMessage) answer(ctx context.Context, body []byte) error {
	defer m.d.release(m)
	if _, err := m.d.b.request(ctx, &nats.Msg{Subject: m.m.Reply, Data: body}); err != nil {
		return fmt.Errorf("answer message %d of %s: %w", m.Sequence(), m.d.c.Name, err)
	}
	return nil
}

func (m *jsMessage) Ack(ctx context.Context) error { return m.answer(ctx, []byte("+ACK")) }

func (m *jsMessage) Nak(ctx context.Context, delay time.Duration) error {
	return m.answer(ctx, nakBody(delay))
}

// nakBody always names a delay: a bare Nak burns MaxDeliver within a millisecond (docs/nats.md).
func nakBody(delay time.Duration) []byte {
	return fmt.Appendf(nil, `-NAK {"delay": %d}`, max(delay, time.Millisecond))
}

func (m *jsMessage) Term(ctx context.Context, reason string) error {
	return m.answer(ctx, []byte("+TERM "+oneLine(reason)))
}

func (m *jsMessage) InProgress(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	m.until = time.Now().Add(m.d.c.AckWait)
	m.mu.Unlock()
	if err := m.d.b.nc.Publish(m.m.Reply, []byte("+WPI")); err != nil {
		return fmt.Errorf("keep message %d of %s: %w", m.Sequence(), m.d.c.Name, m.d.b.explain(ctx, err))
	}
	return nil
}

// Progress implements [Queue].
func (b *jsBus) Progress(ctx context.Context, consumer string) (uint64, error) {
	opCtx, cancel := b.operation(ctx, b.set.limit)
	defer cancel()
	b.mu.Lock()
	stream := b.consumers[consumer]
	b.mu.Unlock()
	streams := []string{stream}
	if stream == "" { // opened by another process
		streams = []string{streamEvents, streamTimers}
	}
	for _, s := range streams {
		at, err := b.progress(opCtx, s, consumer)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("progress of %s: %w", consumer, b.explain(ctx, err))
		}
		return at, nil
	}
	return 0, fmt.Errorf("progress of %s: %w", consumer, ErrNoConsumer)
}

// progress looks at the stream before the consumer: when the consumer then has nothing outstanding, it had
// handled all that the stream held at the first look.
func (b *jsBus) progress(ctx context.Context, stream, consumer string) (uint64, error) {
	info, err := b.js.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	last := info.CachedInfo().State.LastSeq
	c, err := b.js.Consumer(ctx, stream, consumer)
	if err != nil {
		return 0, err
	}
	state := c.CachedInfo()
	switch {
	case state.NumAckPending > 0:
		return state.AckFloor.Stream, nil
	case state.NumPending > 0:
		return state.Delivered.Stream, nil
	}
	return last, nil
}
