package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// memTimer is a scheduled timer.
type memTimer struct {
	t     Timer
	timer *time.Timer
}

// Schedule implements [Timers].
func (m *Memory) Schedule(ctx context.Context, t Timer) error {
	if err := checkTimer(t.Service, t.App, t.Key); err != nil {
		return err
	}
	data, err := encodeTimer(t)
	if err != nil {
		return fmt.Errorf("schedule %s of %s: %w", t.Key, t.App, err)
	}
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("schedule %s of %s: %w", t.Key, t.App, err)
	}
	defer m.mu.Unlock()
	subject := timerSubject(t.Service, t.App, t.Key)
	if old := m.timers[subject]; old != nil {
		old.timer.Stop()
	}
	mt := &memTimer{t: t}
	mt.t.At, mt.t.Data = t.At.UTC(), slices.Clone(t.Data)
	m.timers[subject] = mt
	mt.timer = time.AfterFunc(time.Until(t.At), func() { m.fire(subject, mt, data) })
	return nil
}

// fire moves a timer that fell due to the messages, unless another took its place meanwhile.
func (m *Memory) fire(subject string, mt *memTimer, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.timers[subject] != mt {
		return
	}
	delete(m.timers, subject)
	m.due.add(&memMsg{subject: dueSubject(mt.t.Service, mt.t.App, mt.t.Key), data: data}, time.Now())
	m.wake()
}

// Cancel implements [Timers].
func (m *Memory) Cancel(ctx context.Context, service, app, key string) error {
	if err := checkTimer(service, app, key); err != nil {
		return err
	}
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("cancel timer %s of %s: %w", key, app, err)
	}
	defer m.mu.Unlock()
	subject := timerSubject(service, app, key)
	if t := m.timers[subject]; t != nil {
		t.timer.Stop()
		delete(m.timers, subject)
	}
	return nil
}

// Scheduled implements [Timers].
func (m *Memory) Scheduled(ctx context.Context, service string) ([]Timer, error) {
	if err := checkToken("timer's service", service); err != nil {
		return nil, err
	}
	if err := m.open(ctx); err != nil {
		return nil, fmt.Errorf("timers of %s: %w", service, err)
	}
	defer m.mu.Unlock()
	var out []Timer
	for _, t := range m.timers {
		if t.t.Service == service {
			c := t.t
			c.Data = slices.Clone(c.Data)
			out = append(out, c)
		}
	}
	sortTimers(out)
	return out, nil
}

func sortTimers(ts []Timer) {
	slices.SortFunc(ts, func(a, b Timer) int { return strings.Compare(a.App+"\x00"+a.Key, b.App+"\x00"+b.Key) })
}

// memKV is a bucket. Revisions count over the whole bucket, as in NATS.
type memKV struct {
	m        *Memory
	name     string
	maxAge   time.Duration
	revision uint64
	entries  map[string]*memEntry
}

type memEntry struct {
	value    []byte
	revision uint64
	expiry   *time.Timer
}

// KV implements [Bus].
func (m *Memory) KV(bucket string) (KV, error) {
	row, ok := bucketRow(bucket)
	if !ok {
		return nil, fmt.Errorf("%w: no bucket %q; there are %s", ErrInvalid, bucket, bucketNames())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kv := m.buckets[bucket]
	if kv == nil {
		kv = &memKV{m: m, name: bucket, maxAge: row.maxAge, entries: map[string]*memEntry{}}
		m.buckets[bucket] = kv
	}
	return kv, nil
}

func (kv *memKV) open(ctx context.Context, what, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := kv.m.open(ctx); err != nil {
		return fmt.Errorf("%s %s of %s: %w", what, key, kv.name, err)
	}
	return nil
}

func (kv *memKV) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := kv.open(ctx, "read", key); err != nil {
		return nil, 0, err
	}
	defer kv.m.mu.Unlock()
	e := kv.entries[key]
	if e == nil {
		return nil, 0, fmt.Errorf("read %s of %s: %w", key, kv.name, ErrNoKey)
	}
	return slices.Clone(e.value), e.revision, nil
}

// at compares the key's revision. m.mu is held.
func (kv *memKV) at(key string, revision uint64) error {
	have := uint64(0)
	if e := kv.entries[key]; e != nil {
		have = e.revision
	}
	if have != revision {
		return fmt.Errorf("write %s of %s at revision %d: %w: it is at %d", key, kv.name, revision, ErrConflict, have)
	}
	return nil
}

func (kv *memKV) Put(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (uint64, error) {
	if err := kv.open(ctx, "write", key); err != nil {
		return 0, err
	}
	defer kv.m.mu.Unlock()
	if err := kv.at(key, revision); err != nil {
		return 0, err
	}
	kv.drop(key)
	kv.revision++
	e := &memEntry{value: slices.Clone(value), revision: kv.revision}
	if kv.maxAge > 0 && (ttl <= 0 || ttl > kv.maxAge) {
		ttl = kv.maxAge
	}
	if ttl > 0 {
		e.expiry = time.AfterFunc(ttl, func() {
			kv.m.mu.Lock()
			defer kv.m.mu.Unlock()
			if kv.entries[key] == e {
				delete(kv.entries, key)
			}
		})
	}
	kv.entries[key] = e
	return e.revision, nil
}

func (kv *memKV) Delete(ctx context.Context, key string, revision uint64) error {
	if err := kv.open(ctx, "delete", key); err != nil {
		return err
	}
	defer kv.m.mu.Unlock()
	if err := kv.at(key, revision); err != nil {
		return err
	}
	kv.drop(key)
	return nil
}

func (kv *memKV) drop(key string) {
	if e := kv.entries[key]; e != nil && e.expiry != nil {
		e.expiry.Stop()
	}
	delete(kv.entries, key)
}

func (kv *memKV) stop() {
	for _, e := range kv.entries {
		if e.expiry != nil {
			e.expiry.Stop()
		}
	}
}

func (kv *memKV) Keys(ctx context.Context) ([]string, error) {
	if err := kv.m.open(ctx); err != nil {
		return nil, fmt.Errorf("keys of %s: %w", kv.name, err)
	}
	defer kv.m.mu.Unlock()
	return slices.Sorted(maps.Keys(kv.entries)), nil
}

// Bury implements [DeadLetters].
func (m *Memory) Bury(ctx context.Context, l Letter) error {
	l, err := l.checked()
	if err != nil {
		return err
	}
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("bury message %d: %w", l.Sequence, err)
	}
	defer m.mu.Unlock()
	for _, have := range m.letters {
		if have.Resolved == nil && have.Consumer == l.Consumer && have.Stream == l.Stream && have.Sequence == l.Sequence {
			return nil
		}
	}
	l.ID, l.Time, l.Resolved = uint64(len(m.letters))+1, time.Now().UTC(), nil
	l.Headers, l.Data = cloneHeader(l.Headers), slices.Clone(l.Data)
	m.letters = append(m.letters, l)
	return nil
}

// Letters implements [DeadLetters].
func (m *Memory) Letters(ctx context.Context, all bool) ([]Letter, error) {
	if err := m.open(ctx); err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	defer m.mu.Unlock()
	var out []Letter
	for _, l := range m.letters {
		if all || l.Resolved == nil {
			out = append(out, l)
		}
	}
	return out, nil
}

// Resolve implements [DeadLetters].
func (m *Memory) Resolve(ctx context.Context, id uint64, r Resolution) error {
	r, err := r.checked()
	if err != nil {
		return err
	}
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("resolve dead letter %d: %w", id, err)
	}
	defer m.mu.Unlock()
	if id == 0 || id > uint64(len(m.letters)) {
		return fmt.Errorf("resolve dead letter %d: %w", id, ErrNoLetter)
	}
	l := &m.letters[id-1]
	if l.Resolved != nil {
		return fmt.Errorf("resolve dead letter %d: %w: %s by %s", id, ErrConflict, l.Resolved.Verdict, l.Resolved.Actor)
	}
	l.Resolved = &r
	return nil
}
