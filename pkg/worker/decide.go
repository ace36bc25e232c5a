package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// Decide appends what decide makes of app's present facts: the way in for those that answer a request rather
// than an event. When somebody else appended meanwhile it reads the facts again and decides again; when the
// log did not answer it looks whether the events are there before it repeats anything. Events whose id is in
// the log already are left out, so a request sent twice is one. No events: nothing is appended. It returns
// the last sequence stored, or the one the decision was taken at. For [events.Org] the first argument of
// decide is an empty state.
func Decide(ctx context.Context, b bus.Bus, f *Folds, app string, decide func(*events.State, *events.OrgState) ([]events.Event, error)) (uint64, error) {
	at, err := b.LastSequence(ctx, app)
	if err != nil {
		return 0, fmt.Errorf("decide for %s: %w", app, err)
	}
	var before error
	for try := range conflictTries {
		s, o, err := factsSoon(ctx, f, app, at)
		if err != nil {
			return 0, err
		}
		evs, err := decide(s, o)
		evs = slices.DeleteFunc(evs, func(e events.Event) bool { return s.Seen(e.ID()) || app == events.Org && o.Seen(e.ID()) })
		if err != nil || len(evs) == 0 {
			return s.Sequence, err
		}
		last, err := b.Append(ctx, app, evs, s.Sequence)
		if err == nil {
			return last, nil
		}
		if !again(err) {
			return 0, fmt.Errorf("append to %s: %w", app, err)
		}
		found, lookErr := look(ctx, b, app, s.Sequence, evs)
		if lookErr != nil {
			return 0, fmt.Errorf("append to %s: %w", app, errors.Join(err, lookErr))
		}
		if found > 0 {
			return found, nil
		}
		before = err
		if at, err = b.LastSequence(ctx, app); err != nil {
			return 0, fmt.Errorf("decide for %s: %w", app, err)
		}
		if err := pause(ctx, jitter(try)); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("append to %s, decided %d times: %w", app, conflictTries, before)
}

// factsSoon is facts for a caller that waits: when the server goes away between two answers, what it said last
// arrives only with its return.
func factsSoon(ctx context.Context, f *Folds, app string, at uint64) (*events.State, *events.OrgState, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, settleLimit, fmt.Errorf("%w: its events do not arrive", bus.ErrUnavailable))
	defer cancel()
	return facts(ctx, f, app, at)
}

// facts reads both folds; the sequence of an organisation's own log is the one its appends are compared with.
func facts(ctx context.Context, f *Folds, app string, at uint64) (*events.State, *events.OrgState, error) {
	o, err := f.Org(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	if app == events.Org {
		s := events.NewState(app)
		s.Sequence = o.Sequence
		return s, o, nil
	}
	s, err := f.App(ctx, app, at)
	return s, o, err
}

// again says whether an append that failed with err may be decided anew after looking.
func again(err error) bool {
	return errors.Is(err, bus.ErrConflict) || errors.Is(err, bus.ErrRepeated) || errors.Is(err, bus.ErrUnavailable)
}

// look finds the sequence at which the last of evs was stored after sequence `after`; 0: it was not.
func look(ctx context.Context, b bus.Bus, app string, after uint64, evs []events.Event) (uint64, error) {
	var found uint64
	last := evs[len(evs)-1].ID()
	_, err := b.Replay(ctx, bus.Query{App: app, From: after + 1}, func(r bus.Record) error {
		if r.Err == nil && r.Event.ID() == last {
			found = r.Sequence
		}
		return nil
	})
	return found, err
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
