package bus

import (
	"fmt"
	"time"
)

// What may become of a letter.
const (
	Requeued = "requeued"
	Dropped  = "dropped"
)

func (l Letter) checked() (Letter, error) {
	if err := checkToken("dead letter's consumer", l.Consumer); err != nil {
		return l, err
	}
	if l.Stream == "" || l.Sequence == 0 {
		return l, fmt.Errorf("%w: dead letter of %s names no message (stream %q, sequence %d)", ErrInvalid, l.Consumer, l.Stream, l.Sequence)
	}
	if l.Reason == "" {
		return l, fmt.Errorf("%w: dead letter of %s without a reason", ErrInvalid, l.Consumer)
	}
	return l, nil
}

func (r Resolution) checked() (Resolution, error) {
	if r.Verdict != Requeued && r.Verdict != Dropped {
		return r, fmt.Errorf("%w: verdict %q on a dead letter: want %s or %s", ErrInvalid, r.Verdict, Requeued, Dropped)
	}
	if r.Actor == "" || (r.Verdict == Dropped && r.Reason == "") {
		return r, fmt.Errorf("%w: a dead letter is resolved by a named person, and dropped with a reason", ErrInvalid)
	}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.UTC()
	return r, nil
}
