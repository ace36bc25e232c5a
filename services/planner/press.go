package planner

import (
	"bytes"
	"compress/gzip"
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
)

// press writes tapes. Each page and each metadata is a piece that is compressed by itself (a gzip file may have many
// members, RFC 1952 §2.2), so that one which was on a tape before, of whatever application, is not written anew. It is
// safe for concurrent use.
type press struct {
	most int // bytes of the pieces kept

	mu    sync.Mutex
	size  int
	order *list.List // of *piece, the one used last in front
	kept  map[pieceKey]*list.Element
}

type pieceKey [sha256.Size]byte

type piece struct {
	key  pieceKey
	data []byte
}

func newPress() *press { return pressing(maxPressed) }

func pressing(most int) *press {
	return &press{most: most, order: list.New(), kept: map[pieceKey]*list.Element{}}
}

// pieceOf is the digest of what a piece is made from: fields of which none can seem to be part of another.
func pieceOf(fields ...string) pieceKey {
	h := sha256.New()
	for _, f := range fields {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(f)))
		_, _ = h.Write(n[:]) // a hash never fails
		_, _ = h.Write([]byte(f))
	}
	return pieceKey(h.Sum(nil))
}

// find returns a piece that was written before.
func (p *press) find(key pieceKey) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.kept[key]
	if !ok {
		return nil, false
	}
	p.order.MoveToFront(e)
	return e.Value.(*piece).data, true
}

// keep keeps a piece; those not used for longest make room.
func (p *press) keep(key pieceKey, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept[key] != nil {
		return // another wrote it at the same time
	}
	p.kept[key] = p.order.PushFront(&piece{key, data})
	p.size += len(data)
	for p.size > p.most {
		old := p.order.Remove(p.order.Back()).(*piece)
		delete(p.kept, old.key)
		p.size -= len(old.data)
	}
}

// member adds `"name":value` to the tape, after what stands before it. made gives the value and is asked only where
// the piece was not written before: what it gives depends on nothing but the fields. Without any the piece is not kept.
func (p *press) member(out *bytes.Buffer, before, name string, made func() any, fields ...string) error {
	key := pieceOf(append([]string{before, name}, fields...)...)
	if data, ok := p.find(key); ok {
		out.Write(data)
		return nil
	}
	head, err := json.Marshal(name)
	if err != nil {
		return err
	}
	value, err := json.Marshal(made())
	if err != nil {
		return err
	}
	start := out.Len()
	if err := squeeze(out, []byte(before), head, []byte(":"), value); err != nil {
		return err
	}
	if len(fields) > 0 {
		p.keep(key, bytes.Clone(out.Bytes()[start:]))
	}
	return nil
}

// squeeze adds a compressed member.
func squeeze(out *bytes.Buffer, texts ...[]byte) error {
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if _, err := z.Write(t); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
	}
	return z.Close()
}
