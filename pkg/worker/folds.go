package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// Folds holds the present state of every application and of the organisation. It is built from the log in one
// pass and kept by following it; nothing of it is stored, so it can't disagree with the log.
type Folds struct {
	bus bus.Bus

	mu       sync.Mutex
	started  bool
	apps     map[string]*kept
	org      *events.OrgState
	orgLent  bool
	seq      uint64 // everything up to here is folded
	waiting  []waiter
	problems []error
	ended    chan struct{} // closed when the log is no longer followed
	err      error         // why
}

// kept is one application's state. Snapshots are lent, not copied: the next event of the application is
// folded into a copy, so a batch of 900 events costs one copy and an application nobody asks for none.
type kept struct {
	state *events.State
	lent  bool
}

type waiter struct {
	seq  uint64
	done chan struct{}
}

// maxProblems bounds the list of unreadable events that is kept for people; the log has them all.
const maxProblems = 100

// NewFolds makes the folds of b's log. Start fills them.
func NewFolds(b bus.Bus) *Folds {
	return &Folds{bus: b, apps: map[string]*kept{}, org: &events.OrgState{}, ended: make(chan struct{})}
}

// Start folds the whole log in one pass, then follows it until ctx ends. Only the first call does anything.
// ctx should outlive what a runner does while it drains: after its end no state is given out.
func (f *Folds) Start(ctx context.Context) error {
	f.mu.Lock()
	if f.started {
		f.mu.Unlock()
		return nil
	}
	f.started = true
	f.mu.Unlock()
	last, err := f.bus.Replay(ctx, bus.Query{}, f.apply)
	if err != nil {
		err = fmt.Errorf("read the event log: %w", err)
		f.end(err)
		return err
	}
	f.reach(last)
	go func() {
		err := f.bus.Follow(ctx, bus.Query{From: last + 1}, f.apply)
		if err == nil || ctx.Err() != nil {
			err = bus.ErrClosed
		}
		f.end(fmt.Errorf("follow the event log: %w", err))
	}()
	return nil
}

// App returns the state of app, folded at least up to sequence atLeast of the log. It is a snapshot that
// later events do not change; the caller must not change it either. An application without events has an
// empty state.
func (f *Folds) App(ctx context.Context, app string, atLeast uint64) (*events.State, error) {
	if err := f.wait(ctx, atLeast); err != nil {
		return nil, fmt.Errorf("state of %s: %w", app, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k, ok := f.apps[app]
	if !ok {
		return events.NewState(app), nil
	}
	k.lent = true
	return k.state, nil
}

// Org returns the state of the organisation in the same way.
func (f *Folds) Org(ctx context.Context, atLeast uint64) (*events.OrgState, error) {
	if err := f.wait(ctx, atLeast); err != nil {
		return nil, fmt.Errorf("state of the organisation: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orgLent = true
	return f.org, nil
}

// Apps lists the applications that have events, sorted.
func (f *Folds) Apps() []string {
	f.mu.Lock()
	names := make([]string, 0, len(f.apps))
	for name := range f.apps {
		names = append(names, name)
	}
	f.mu.Unlock()
	slices.Sort(names)
	return names
}

// Sequence is the sequence of the log up to which everything is folded.
func (f *Folds) Sequence() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

// Problems lists the stored messages that could not be folded, the first hundred.
func (f *Folds) Problems() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.problems)
}

// Ended is closed once the log is no longer followed; Err says why.
func (f *Folds) Ended() <-chan struct{} { return f.ended }

// Err is nil while the folds are kept.
func (f *Folds) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *Folds) wait(ctx context.Context, seq uint64) error {
	f.mu.Lock()
	switch {
	case !f.started:
		f.mu.Unlock()
		return errors.New("the folds were not started")
	case f.err != nil:
		defer f.mu.Unlock()
		return f.err
	case f.seq >= seq:
		f.mu.Unlock()
		return nil
	}
	w := waiter{seq: seq, done: make(chan struct{})}
	f.waiting = append(f.waiting, w)
	f.mu.Unlock()
	select {
	case <-w.done:
		return f.Err()
	case <-ctx.Done():
		f.forget(w)
		return fmt.Errorf("wait for sequence %d of the log: %w", seq, context.Cause(ctx))
	}
}

func (f *Folds) forget(w waiter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = slices.DeleteFunc(f.waiting, func(o waiter) bool { return o.done == w.done })
}

// apply folds one stored message. One that can't be read changes nothing but the application's sequence,
// which the next append is compared with.
func (f *Folds) apply(r bus.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	app, ok := events.CountsFor(r.Subject)
	err := r.Err
	switch {
	case ok && app == events.Org:
		err = f.applyOrg(r)
	case ok:
		err = f.applyApp(app, r)
	}
	if err != nil && len(f.problems) < maxProblems {
		f.problems = append(f.problems, fmt.Errorf("event %d on %s: %w", r.Sequence, r.Subject, err))
	}
	f.reachLocked(r.Sequence)
	return nil
}

func (f *Folds) applyApp(app string, r bus.Record) error {
	k := f.apps[app]
	if k == nil {
		k = &kept{state: events.NewState(app)}
		f.apps[app] = k
	}
	if k.lent {
		k.state, k.lent = k.state.Clone(), false
	}
	if err := readable(app, r); err != nil {
		k.state.Sequence = r.Sequence
		return err
	}
	return k.state.Apply(r.Record)
}

func (f *Folds) applyOrg(r bus.Record) error {
	if f.orgLent {
		f.org, f.orgLent = f.org.Clone(), false
	}
	if err := readable(events.Org, r); err != nil {
		f.org.Sequence = r.Sequence
		return err
	}
	return f.org.Apply(r.Record)
}

func readable(app string, r bus.Record) error {
	if r.Err != nil {
		return r.Err
	}
	if got := events.App(r.Event); got != app {
		return fmt.Errorf("it speaks of application %q", got)
	}
	return nil
}

func (f *Folds) reach(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reachLocked(seq)
}

func (f *Folds) reachLocked(seq uint64) {
	f.seq = max(f.seq, seq)
	f.waiting = slices.DeleteFunc(f.waiting, func(w waiter) bool {
		if w.seq > f.seq {
			return false
		}
		close(w.done)
		return true
	})
}

func (f *Folds) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	for _, w := range f.waiting {
		close(w.done)
	}
	f.waiting = nil
	close(f.ended)
}
