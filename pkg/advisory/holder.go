package advisory

import "sync/atomic"

// Holder keeps the Matcher in use. A newer database is swapped in at once for everybody; who is at work goes
// on with the one it began with. The zero Holder has the empty Matcher.
type Holder struct{ current atomic.Pointer[Matcher] }

// NewHolder holds m.
func NewHolder(m Matcher) *Holder {
	h := &Holder{}
	h.Swap(m)
	return h
}

// Current returns the Matcher in use, never nil.
func (h *Holder) Current() Matcher {
	if m := h.current.Load(); m != nil {
		return *m
	}
	return Empty()
}

// Swap puts m in use and returns the one before; nil stands for the empty Matcher.
func (h *Holder) Swap(m Matcher) Matcher {
	if m == nil {
		m = Empty()
	}
	if old := h.current.Swap(&m); old != nil {
		return *old
	}
	return Empty()
}

// Empty is the Matcher of nobody's database: ErrNoDatabase to everything.
func Empty() Matcher {
	db := &DB{}
	db.digest = db.sum()
	return db
}
