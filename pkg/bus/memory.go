package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Memory is the bus of a process of its own: `drydock scan` runs on it, and every test that wants the whole
// flow without a server. It behaves as the one over JetStream does, which bustest holds it to. It keeps no
// goroutines; its only clock is package time, so it runs in a testing/synctest bubble.
type Memory struct {
	window   time.Duration
	maxBytes int64

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced whenever someone who waits should look again
	closed    bool
	log       memStream
	due       memStream
	broker    memStream
	bytes     int64
	last      map[string]uint64 // last sequence by application
	ids       map[string]memID  // message ids inside the dedupe window
	consumers map[string]*memConsumer
	timers    map[string]*memTimer // by subject
	buckets   map[string]*memKV
	docs      map[evidence.Digest][]byte
	letters   []Letter
}

// memStream is a sequence of messages; message n has sequence n+1.
type memStream struct {
	name string
	msgs []*memMsg
}

type memMsg struct {
	subject string
	header  map[string][]string
	data    []byte
	seq     uint64
	stored  time.Time
}

type memID struct {
	seq uint64
	at  time.Time
}

// MemoryOption changes a Memory.
type MemoryOption func(*Memory)

// MemoryWindow sets the window in which an event's id is taken once; 2 minutes when not given.
func MemoryWindow(d time.Duration) MemoryOption { return func(m *Memory) { m.window = d } }

// MemoryMaxBytes bounds the log; not bounded when not given.
func MemoryMaxBytes(n int64) MemoryOption { return func(m *Memory) { m.maxBytes = n } }

// NewMemory makes a bus that lives and ends with this process. It is a *Memory.
func NewMemory(opts ...MemoryOption) Bus {
	m := &Memory{window: DefaultWindow, changed: make(chan struct{}),
		log: memStream{name: streamEvents}, due: memStream{name: streamTimers}, broker: memStream{name: streamBroker},
		last: map[string]uint64{}, ids: map[string]memID{}, consumers: map[string]*memConsumer{},
		timers: map[string]*memTimer{}, buckets: map[string]*memKV{}, docs: map[evidence.Digest][]byte{}}
	for _, o := range opts {
		o(m)
	}
	return m
}

// Close implements [Bus].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	for _, t := range m.timers {
		t.timer.Stop()
	}
	for _, kv := range m.buckets {
		kv.stop()
	}
	m.wake()
	return nil
}

// wake tells everyone who waits to look again. m.mu is held.
func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// open locks m for an operation of ctx; the caller unlocks when the error is nil.
func (m *Memory) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return ErrClosed
	}
	return nil
}

// Append implements [Log].
func (m *Memory) Append(ctx context.Context, app string, evs []events.Event, after uint64) (uint64, error) {
	if err := CheckAppend(app, evs); err != nil {
		return 0, fmt.Errorf("append to %s: %w", app, err)
	}
	msgs := make([]*memMsg, len(evs))
	size := int64(0)
	for i, e := range evs {
		msg, err := encodeMessage(e)
		if err != nil {
			return 0, fmt.Errorf("append to %s: %w", app, err)
		}
		msg.data = slices.Clone(msg.data) // the event's own, which its maker may still change
		msgs[i] = msg
		size += int64(len(msg.data)) + int64(events.Size(e)-len(e.Data()))
	}
	if err := m.open(ctx); err != nil {
		return 0, fmt.Errorf("append to %s: %w", app, err)
	}
	defer m.mu.Unlock()
	now := time.Now()
	if err := m.base(app, evs, after, now); err != nil {
		return 0, fmt.Errorf("append to %s after %d: %w", app, after, err)
	}
	if err := checkRoom(evs, m.bytes+size, m.maxBytes); err != nil {
		return 0, fmt.Errorf("append to %s: %w", app, err)
	}
	m.bytes += size
	for i, msg := range msgs {
		m.last[app] = m.log.add(msg, now)
		m.ids[messageID(evs[i])] = memID{m.last[app], now}
	}
	m.forget(now)
	m.wake()
	return m.last[app], nil
}

// base compares ids and the last sequence, in the order the server does: for a single event the sequence first;
// in a batch the first event's id, the sequence, the other ids.
func (m *Memory) base(app string, evs []events.Event, after uint64, now time.Time) error {
	for i, e := range evs {
		id, known := m.ids[messageID(e)]
		repeated := known && now.Sub(id.at) < m.window
		if i == 0 && m.last[app] != after && (len(evs) == 1 || !repeated) {
			return fmt.Errorf("%w: last is %d", ErrConflict, m.last[app])
		}
		if repeated {
			return fmt.Errorf("%w: event %q at %d", ErrRepeated, e.ID(), id.seq)
		}
	}
	return nil
}

// forget drops ids older than the window now and then, so that a long-lived bus does not keep them all.
func (m *Memory) forget(now time.Time) {
	if len(m.ids) < 4096 || len(m.ids)&(len(m.ids)-1) != 0 {
		return
	}
	maps.DeleteFunc(m.ids, func(_ string, id memID) bool { return now.Sub(id.at) >= m.window })
}

// PublishRaw stores a message no Append would take, as something else with access to the subjects could: for
// tests of damage.
func (m *Memory) PublishRaw(subject string, header map[string][]string, data []byte) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	seq := m.log.add(&memMsg{subject: subject, header: header, data: slices.Clone(data)}, time.Now())
	if app, ok := events.CountsFor(subject); ok {
		m.last[app] = seq
	}
	m.wake()
	return seq
}

func encodeMessage(e events.Event) (*memMsg, error) {
	subject, err := events.Subject(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	header, data, err := events.Encode(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return &memMsg{subject: subject, header: header, data: data}, nil
}

func (s *memStream) add(msg *memMsg, now time.Time) uint64 {
	msg.seq, msg.stored = s.last()+1, now.UTC()
	s.msgs = append(s.msgs, msg)
	return msg.seq
}

func (s *memStream) last() uint64 { return uint64(len(s.msgs)) }

func (msg *memMsg) record() Record {
	return decodeRecord(msg.subject, msg.header, slices.Clone(msg.data), msg.seq, msg.stored)
}

// Replay implements [Log].
func (m *Memory) Replay(ctx context.Context, q Query, fn func(Record) error) (uint64, error) {
	filter, err := q.subjectFilter()
	if err != nil {
		return 0, err
	}
	if err := m.open(ctx); err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	msgs := m.log.msgs // only ever appended to
	m.mu.Unlock()
	return uint64(len(msgs)), replayMemory(ctx, msgs, filter, q.From, fn)
}

func replayMemory(ctx context.Context, msgs []*memMsg, filter string, from uint64, fn func(Record) error) error {
	if from > uint64(len(msgs)) {
		return nil
	}
	for _, msg := range msgs[max(from, 1)-1:] {
		if filter != "" && !matches(filter, msg.subject) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(msg.record()); err != nil {
			return err
		}
	}
	return nil
}

// Follow implements [Log].
func (m *Memory) Follow(ctx context.Context, q Query, fn func(Record) error) error {
	filter, err := q.subjectFilter()
	if err != nil {
		return err
	}
	from := max(q.From, 1)
	for {
		if err := m.open(ctx); err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		msgs, changed := m.log.msgs, m.changed
		m.mu.Unlock()
		if err := replayMemory(ctx, msgs, filter, from, fn); err != nil {
			return err
		}
		from = max(from, uint64(len(msgs))+1)
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// LastSequence implements [Log].
func (m *Memory) LastSequence(ctx context.Context, app string) (uint64, error) {
	if err := m.open(ctx); err != nil {
		return 0, fmt.Errorf("last sequence: %w", err)
	}
	defer m.mu.Unlock()
	if app == "" {
		return m.log.last(), nil
	}
	if err := events.CheckApp(app); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return m.last[app], nil
}

// Evidence implements [Bus].
func (m *Memory) Evidence() evidence.Store { return (*memEvidence)(m) }

type memEvidence Memory

func (s *memEvidence) Put(ctx context.Context, data []byte) (evidence.Digest, error) {
	m := (*Memory)(s)
	d := evidence.Of(data)
	if err := m.open(ctx); err != nil {
		return "", fmt.Errorf("store %s: %w", d, err)
	}
	defer m.mu.Unlock()
	if _, ok := m.docs[d]; !ok {
		m.docs[d] = slices.Clone(data)
	}
	return d, nil
}

func (s *memEvidence) Get(ctx context.Context, d evidence.Digest) ([]byte, error) {
	m := (*Memory)(s)
	if _, err := evidence.Parse(string(d)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := m.open(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", d, err)
	}
	defer m.mu.Unlock()
	data, ok := m.docs[d]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", d, evidence.ErrNotFound)
	}
	if evidence.Of(data) != d {
		return nil, fmt.Errorf("read %s: %w", d, evidence.ErrCorrupt)
	}
	return slices.Clone(data), nil
}

// Status implements [Bus].
func (m *Memory) Status(ctx context.Context) (Status, error) {
	if err := m.open(ctx); err != nil {
		return Status{}, fmt.Errorf("status: %w", err)
	}
	defer m.mu.Unlock()
	s := Status{Kind: "memory", Ready: true}
	for _, st := range []*memStream{&m.log, &m.due, &m.broker} {
		row := StreamStatus{Name: st.name, Messages: st.last(), Last: st.last()}
		if st == &m.log {
			row.Bytes, row.MaxBytes = uint64(m.bytes), m.maxBytes
		}
		s.Streams = append(s.Streams, row)
	}
	for _, name := range slices.Sorted(maps.Keys(m.consumers)) {
		s.Consumers = append(s.Consumers, m.consumers[name].status())
	}
	s.Warnings = append(roomWarning(uint64(m.bytes), m.maxBytes), noticeWarnings(m.notices())...)
	return s, nil
}
