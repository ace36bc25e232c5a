package resolution

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
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

// entry is a question with the answer that it holds.
type entry struct {
	question question
	beside   []neighbour
	args     []string // of the run that answered; one list for those that have the same
}

// neighbour is a package outside of a part, with the digest of what the engine was told of it: by its reading the part
// leads there, so the answer counts only beside the same.
type neighbour struct {
	name    string
	offered question
}

// NewVerdicts makes an empty memory.
func NewVerdicts() *Verdicts { return remembering(maxVerdicts) }

func remembering(most int) *Verdicts {
	return &Verdicts{most: most, order: list.New(), known: map[question]*list.Element{}, running: map[question]chan struct{}{}}
}

// claim sorts questions: those known to hold, with the arguments of the run that said so; those that are now the
// caller's to ask, who has to release them; and those that others ask now, which one can wait for. same says whether a
// package is told of as it was.
func (v *Verdicts) claim(qs []question, same func(neighbour) bool) (known map[question][]string, mine []question, others []<-chan struct{}) {
	known = map[question][]string{}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, q := range qs {
		e, ok := v.known[q]
		if ok && !slices.ContainsFunc(e.Value.(entry).beside, func(n neighbour) bool { return !same(n) }) {
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

// release ends what claim began. found are those that the engine found to hold, with what they lead to.
func (v *Verdicts) release(mine []question, found map[question][]neighbour, args []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.order.Front(); e != nil && slices.Equal(e.Value.(entry).args, args) {
		args = e.Value.(entry).args
	}
	for _, q := range mine {
		close(v.running[q])
		delete(v.running, q)
		beside, ok := found[q]
		if !ok {
			continue
		}
		if old := v.known[q]; old != nil { // beside others
			v.order.Remove(old)
		}
		v.known[q] = v.order.PushFront(entry{q, beside, args})
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
