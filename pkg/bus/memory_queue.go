package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// memConsumer is a durable consumer: what it was given and has not confirmed, and where it stands.
type memConsumer struct {
	m       *Memory
	cfg     Consumer
	stream  *memStream
	next    int // index of the first message not yet looked at
	pending map[uint64]*memPending
}

// memPending is a message handed out at least once and not finished.
type memPending struct {
	msg     *memMsg
	attempt int
	until   time.Time // when it may be handed out again: end of AckWait, or of a Nak's delay
	owner   *memDeliveries
}

// memDeliveries is one open reader of a consumer.
type memDeliveries struct {
	c       *memConsumer
	cfg     Consumer
	stopped chan struct{}
}

// Consume implements [Queue].
func (m *Memory) Consume(ctx context.Context, c Consumer) (Deliveries, error) {
	c, stream, err := c.checked()
	if err != nil {
		return nil, err
	}
	if err := m.open(ctx); err != nil {
		return nil, fmt.Errorf("consume %s: %w", c.Name, err)
	}
	defer m.mu.Unlock()
	s := &m.log
	if stream == streamTimers {
		s = &m.due
	}
	mc := m.consumers[c.Name]
	if mc == nil {
		mc = &memConsumer{m: m, stream: s, pending: map[uint64]*memPending{}}
		m.consumers[c.Name] = mc
	}
	if mc.stream != s {
		return nil, fmt.Errorf("%w: consumer %s already reads %s", ErrInvalid, c.Name, mc.stream.name)
	}
	mc.cfg = c
	return &memDeliveries{c: mc, cfg: c, stopped: make(chan struct{})}, nil
}

// Next implements [Deliveries].
func (d *memDeliveries) Next(ctx context.Context) (Message, error) {
	m := d.c.m
	for {
		select {
		case <-d.stopped:
			return nil, ErrClosed
		default:
		}
		if err := m.open(ctx); err != nil {
			return nil, err
		}
		now := time.Now()
		msg, again := d.take(now)
		changed := m.changed
		m.mu.Unlock()
		if msg != nil {
			return msg, nil
		}
		if err := d.wait(ctx, changed, again, now); err != nil {
			return nil, err
		}
	}
}

// wait returns when it is time to look again.
func (d *memDeliveries) wait(ctx context.Context, changed <-chan struct{}, again, now time.Time) error {
	var due <-chan time.Time
	if !again.IsZero() {
		t := time.NewTimer(again.Sub(now))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.stopped:
		return ErrClosed
	case <-changed:
	case <-due:
	}
	return nil
}

// take hands out one message: the oldest whose time has come again, else the next new one. Else it says when
// to look again. m.mu is held.
func (d *memDeliveries) take(now time.Time) (Message, time.Time) {
	var again time.Time
	var best *memPending
	inHand := 0
	for _, p := range d.c.pending {
		if p.until.After(now) {
			if p.owner == d {
				inHand++
			}
			if again.IsZero() || p.until.Before(again) {
				again = p.until
			}
			continue
		}
		if p.attempt >= d.c.cfg.MaxDeliver {
			d.c.giveUp(p)
			continue
		}
		if best == nil || p.msg.seq < best.msg.seq {
			best = p
		}
	}
	if inHand >= d.cfg.Prefetch {
		return nil, again
	}
	if best == nil {
		best = d.c.fresh()
	}
	if best == nil {
		return nil, again
	}
	best.attempt++
	best.until, best.owner = now.Add(d.c.cfg.AckWait), d
	return &memMessage{c: d.c, msg: best.msg, attempt: best.attempt}, again
}

// fresh looks for the next message never handed out.
func (c *memConsumer) fresh() *memPending {
	for c.next < len(c.stream.msgs) {
		msg := c.stream.msgs[c.next]
		c.next++
		if matchesAny(c.cfg.Filters, msg.subject) {
			p := &memPending{msg: msg}
			c.pending[msg.seq] = p
			return p
		}
	}
	return nil
}

// giveUp forgets a message that was handed out too often, and says so.
func (c *memConsumer) giveUp(p *memPending) {
	delete(c.pending, p.msg.seq)
	c.m.notify(notice{Type: maxDeliverType, Stream: c.stream.name, Consumer: c.cfg.Name, Sequence: p.msg.seq, Deliveries: p.attempt})
}

// notify keeps a notice as the broker would. m.mu is held.
func (m *Memory) notify(n notice) {
	data, _ := json.Marshal(n) // strings and numbers
	m.broker.add(&memMsg{subject: n.Type, data: data}, time.Now())
}

func (m *Memory) notices() []notice {
	out := make([]notice, len(m.broker.msgs))
	for i, msg := range m.broker.msgs {
		_ = json.Unmarshal(msg.data, &out[i]) // written by notify
	}
	return out
}

// Stop implements [Deliveries].
func (d *memDeliveries) Stop() {
	m := d.c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-d.stopped:
	default:
		close(d.stopped)
	}
}

// Progress implements [Queue].
func (m *Memory) Progress(ctx context.Context, consumer string) (uint64, error) {
	if err := m.open(ctx); err != nil {
		return 0, fmt.Errorf("progress of %s: %w", consumer, err)
	}
	defer m.mu.Unlock()
	c := m.consumers[consumer]
	if c == nil {
		return 0, fmt.Errorf("progress of %s: %w", consumer, ErrNoConsumer)
	}
	at := c.stream.last()
	for _, msg := range c.stream.msgs[c.next:] {
		if matchesAny(c.cfg.Filters, msg.subject) {
			at = msg.seq - 1
			break
		}
	}
	for seq := range c.pending {
		at = min(at, seq-1)
	}
	return at, nil
}

func (c *memConsumer) status() ConsumerStatus {
	s := ConsumerStatus{Name: c.cfg.Name}
	for _, msg := range c.stream.msgs[c.next:] {
		if matchesAny(c.cfg.Filters, msg.subject) {
			s.Pending++
		}
	}
	for _, p := range c.pending {
		s.InFlight++
		if p.attempt > 1 {
			s.Redelivered++
		}
	}
	return s
}

// memMessage is one delivery of a message.
type memMessage struct {
	c       *memConsumer
	msg     *memMsg
	attempt int
}

func (d *memMessage) Subject() string              { return d.msg.subject }
func (d *memMessage) Headers() map[string][]string { return cloneHeader(d.msg.header) }
func (d *memMessage) Data() []byte                 { return slices.Clone(d.msg.data) }
func (d *memMessage) Sequence() uint64             { return d.msg.seq }
func (d *memMessage) Stored() time.Time            { return d.msg.stored }
func (d *memMessage) Attempt() int                 { return d.attempt }
func (d *memMessage) Record() Record               { return d.msg.record() }
func (d *memMessage) Due() (Due, error)            { return decodeDue(d.msg.subject, d.msg.data) }

// settle does act on the message if it is still outstanding. As with the real server, whoever had it last:
// an answer of a worker that was given up for dead counts.
func (d *memMessage) settle(ctx context.Context, act func(*memPending)) error {
	m := d.c.m
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("answer message %d: %w", d.msg.seq, err)
	}
	defer m.mu.Unlock()
	if p := d.c.pending[d.msg.seq]; p != nil {
		act(p)
		m.wake()
	}
	return nil
}

func (d *memMessage) Ack(ctx context.Context) error {
	return d.settle(ctx, func(*memPending) { delete(d.c.pending, d.msg.seq) })
}

func (d *memMessage) Nak(ctx context.Context, delay time.Duration) error {
	return d.settle(ctx, func(p *memPending) { p.until, p.owner = time.Now().Add(max(delay, 0)), nil })
}

func (d *memMessage) InProgress(ctx context.Context) error {
	return d.settle(ctx, func(p *memPending) { p.until = time.Now().Add(d.c.cfg.AckWait) })
}

func (d *memMessage) Term(ctx context.Context, reason string) error {
	return d.settle(ctx, func(p *memPending) {
		delete(d.c.pending, d.msg.seq)
		d.c.m.notify(notice{Type: terminatedType, Stream: d.c.stream.name, Consumer: d.c.cfg.Name, Sequence: d.msg.seq, Deliveries: p.attempt, Reason: reason})
	})
}

func cloneHeader(h map[string][]string) map[string][]string {
	out := make(map[string][]string, len(h))
	for k, v := range h {
		out[k] = slices.Clone(v)
	}
	return out
}
