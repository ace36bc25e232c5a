package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// ErrOpen is wrapped by what a breaker answers while it lets no call through. It is transient.
var ErrOpen = errors.New("not called: it failed too often in a row")

// Breaker guards one thing outside (an index, a tool, a forge): every call gets a time limit, and after five
// failures in a row none is made for half a minute, then one.
type Breaker struct {
	name    string
	timeout time.Duration
	cb      *gobreaker.CircuitBreaker[struct{}]
	last    atomic.Pointer[string] // what the last failure said
}

// BreakerStatus is a breaker's state for metrics and `drydock status`.
type BreakerStatus struct {
	Name     string `json:"name"`
	State    string `json:"state"`    // closed (calls go through) | half-open (one may) | open (none)
	Failures int    `json:"failures"` // in a row
}

var breakers = struct {
	sync.Mutex
	byName map[string]*Breaker
}{byName: map[string]*Breaker{}}

// NewBreaker makes the breaker called name and enters it in the register that [Breakers] reads; of two with
// one name the newer is shown. timeout limits each call; 0 means no limit but the caller's.
func NewBreaker(name string, timeout time.Duration) *Breaker {
	b := &Breaker{name: name, timeout: timeout}
	b.cb = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         name,
		Timeout:      breakerOpen,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerTrips },
		IsSuccessful: func(err error) bool { return err == nil || Kind(err) != "transient" },
		IsExcluded:   func(err error) bool { return errors.Is(err, errCallerGone) },
	})
	breakers.Lock()
	defer breakers.Unlock()
	breakers.byName[name] = b
	return b
}

// errCallerGone marks a call given up by who asked for it: that says nothing of the thing called.
var errCallerGone = errors.New("given up by the caller")

// Do calls f with a context that ends after the breaker's time limit; f must obey it. An error that f calls
// permanent (a name that does not exist) is an answer and does not count as a failure. A call that is not
// made returns an error wrapping [ErrOpen] that says what the last failure was.
func (b *Breaker) Do(ctx context.Context, f func(context.Context) error) error {
	var answer error
	_, err := b.cb.Execute(func() (struct{}, error) {
		call, cancel := ctx, context.CancelFunc(func() {})
		if b.timeout > 0 {
			call, cancel = context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("no answer from %s within %s: %w", b.name, b.timeout, context.DeadlineExceeded))
		}
		defer cancel()
		answer = f(call)
		if answer != nil && ctx.Err() != nil {
			return struct{}{}, errCallerGone
		}
		if answer != nil && call.Err() != nil {
			answer = fmt.Errorf("%w (%w)", context.Cause(call), answer)
		}
		if answer != nil && Kind(answer) == "transient" {
			why := answer.Error()
			if op := (*net.OpError)(nil); errors.As(answer, &op) {
				why = op.Error() // what was asked of it then is another question than the present one
			}
			b.last.Store(&why)
		}
		return struct{}{}, answer
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		if why := b.last.Load(); why != nil {
			return fmt.Errorf("%s: %w; the last time: %s", b.name, ErrOpen, *why)
		}
		return fmt.Errorf("%s: %w", b.name, ErrOpen)
	}
	return answer
}

// Status is the breaker's present state.
func (b *Breaker) Status() BreakerStatus {
	state := b.cb.State()
	return BreakerStatus{Name: b.name, State: state.String(), Failures: int(b.cb.Counts().ConsecutiveFailures)}
}

// Breakers lists the breakers of this process by name.
func Breakers() []BreakerStatus {
	breakers.Lock()
	defer breakers.Unlock()
	out := make([]BreakerStatus, 0, len(breakers.byName))
	for _, b := range breakers.byName {
		out = append(out, b.Status())
	}
	slices.SortFunc(out, func(a, b BreakerStatus) int { return strings.Compare(a.Name, b.Name) })
	return out
}
