package resolution

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// Verdicts remembers which parts of sets the engine found to hold, by everything it was told of them: not the
// application, so that those with the same packages share an answer. Only that a part holds is remembered; what
// does not hold, could not be judged or took too long is asked again. It is safe for concurrent use, and of
// several who have the same question at once one asks.
type Verdicts struct {
	most int

	mu      sync.Mutex
	order   *list.List // of entry, the one used last in front
	known   map[question]*list.Element
	running map[question]chan struct{} // closed when its run has ended
}

// question is the digest of everything the engine is told of a part of a set, and of the engine.
type question [sha256.Size]byte

func (q question) compare(o question) int { return bytes.Compare(q[:], o[:]) }

type entry struct {
	question question
	args     []string // of the run that answered; most have the same
}

// NewVerdicts makes an empty memory.
func NewVerdicts() *Verdicts { return remembering(maxVerdicts) }

func remembering(most int) *Verdicts {
	return &Verdicts{most: most, order: list.New(), known: map[question]*list.Element{}, running: map[question]chan struct{}{}}
}

// claim sorts questions: those known to hold, with the arguments of the run that said so; those that are now the
// caller's to ask, who has to release them; and whether somebody else asks others of them, which one can wait for.
func (v *Verdicts) claim(qs []question) (known map[question][]string, mine []question, others []<-chan struct{}) {
	known = map[question][]string{}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, q := range qs {
		if e, ok := v.known[q]; ok {
			v.order.MoveToFront(e)
			known[q] = e.Value.(entry).args
		} else if busy, ok := v.running[q]; ok {
			others = append(others, busy)
		} else {
			v.running[q] = make(chan struct{})
			mine = append(mine, q)
		}
	}
	return known, mine, others
}

// release ends what claim began. hold says that the engine found each of them to hold by itself.
func (v *Verdicts) release(mine []question, hold bool, args []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, q := range mine {
		close(v.running[q])
		delete(v.running, q)
		if hold && v.known[q] == nil {
			v.known[q] = v.order.PushFront(entry{q, args})
		}
	}
	for v.order.Len() > v.most {
		last := v.order.Back()
		delete(v.known, v.order.Remove(last).(entry).question)
	}
}

// await waits for runs of others.
func await(ctx context.Context, others []<-chan struct{}) error {
	for _, done := range others {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("%w: another plan still waits for uv to answer the same question", ErrTime)
		}
	}
	return nil
}

// text takes fields into a digest, none of which can seem to be part of another.
type text struct{ hash.Hash }

func (t text) add(fields ...string) {
	for _, f := range fields {
		t.count(len(f))
		_, _ = t.Write([]byte(f)) // a hash never fails
	}
}

func (t text) count(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = t.Write(b[:])
}
