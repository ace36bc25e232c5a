package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// answer gives the cause its answer in the log of one application, once: a second delivery, a second worker
// or a restart finds it there. What others append meanwhile makes it decide again on the new facts.
func (j *job) answer(ctx context.Context, c cause, app string) error {
	at, err := j.startAt(ctx, c, app)
	if err != nil {
		return err
	}
	var before error
	for try := range conflictTries {
		s, o, err := facts(ctx, j.r.folds, app, at)
		if err != nil {
			return err
		}
		if s.Done(c.id, j.st.Service) {
			return j.r.times.set(ctx, j.st.Service, s, nil, c.due)
		}
		evs, err := j.outputs(ctx, c, s, o)
		if err != nil {
			return err
		}
		if len(evs) == 0 && c.due == nil {
			return nil
		}
		last, err := j.store(ctx, s, evs)
		switch {
		case err == nil:
			after, err := j.r.times.after(ctx, j.st.Service, app, last)
			if err != nil || after == nil {
				return err
			}
			return j.r.times.set(ctx, j.st.Service, after, s, c.due)
		case errors.Is(err, bus.ErrInvalid):
			return Permanent(err)
		case !again(err) || errors.Is(err, bus.ErrRepeated) && errors.Is(before, bus.ErrRepeated):
			return err // repeated, and yet not in this application's log: its ids are taken elsewhere
		}
		before = err
		// Someone else appended, or nobody knows whether we did: the log says, and the facts with it.
		if at, err = j.r.bus.LastSequence(ctx, app); err != nil {
			return fmt.Errorf("look what was stored for %s: %w", app, err)
		}
		if err := pause(ctx, jitter(try)); err != nil {
			return err
		}
	}
	return fmt.Errorf("answer for %s, decided %d times: %w", app, conflictTries, before)
}

// startAt is how far the facts must reach. A redelivered cause may have been answered by another process
// whose events have not arrived here.
func (j *job) startAt(ctx context.Context, c cause, app string) (uint64, error) {
	if c.attempt <= 1 {
		return c.seq, nil
	}
	last, err := j.r.bus.LastSequence(ctx, app)
	return max(last, c.seq), err
}

// outputs are the events still to be stored: what the handler makes of the facts or, when a result was
// stored in part before, the rest of that very result.
func (j *job) outputs(ctx context.Context, c cause, s *events.State, o *events.OrgState) ([]events.Event, error) {
	store := j.r.bus.Evidence()
	if batch := s.Held(c.id, j.st.Service); batch != "" {
		return resume(ctx, store, evidence.Digest(batch), s)
	}
	f := Facts{App: s, Org: o, Now: j.r.o.Now().UTC(), Evidence: store, Attempt: c.attempt, org: c.app == events.Org,
		meta: events.Meta{App: s.App, Cause: c.id, Lane: c.lane, Traceparent: c.trace}}
	evs, err := j.call(ctx, c, f)
	if err != nil {
		return nil, err
	}
	if err := finish(evs, c, f, j.st.Service); err != nil {
		return nil, Permanent(fmt.Errorf("answer of stage %s to %s: %w", j.st.Name, c.name, err))
	}
	if len(evs) <= bus.MaxBatch {
		return evs, nil
	}
	return split(ctx, store, evs)
}

// store appends evs in as many batches as they need. Only a result that was split has more than one.
func (j *job) store(ctx context.Context, s *events.State, evs []events.Event) (uint64, error) {
	after := s.Sequence
	for len(evs) > 0 {
		n := min(len(evs), bus.MaxBatch)
		last, err := j.r.bus.Append(ctx, s.App, evs[:n], after)
		if err != nil {
			return 0, fmt.Errorf("append %d events to %s: %w", n, s.App, err)
		}
		after, evs = last, evs[n:]
		j.alive.extend()
	}
	return after, nil
}

// finish sets what the handler left open and refuses what would make the answer unrecognisable afterwards.
func finish(evs []events.Event, c cause, f Facts, service events.Service) error {
	ids := make(map[string]bool, len(evs))
	for i := range evs {
		e := &evs[i]
		row, ok := events.Lookup(e.Type())
		switch {
		case !ok:
			return fmt.Errorf("type %q is not in the catalogue", e.Type())
		case row.Producer != service:
			return fmt.Errorf("%s is produced by %s, not by %s", row.Name(), row.Producer, service)
		case events.Ext(*e, events.ExtCause) != "" && events.Ext(*e, events.ExtCause) != c.id:
			return fmt.Errorf("%s names %q as its cause, want %q", row.Name(), events.Ext(*e, events.ExtCause), c.id)
		case ids[e.ID()]:
			return fmt.Errorf("two events %s have the id %s: their keys must differ", row.Name(), e.ID())
		case f.App.Seen(e.ID()):
			return fmt.Errorf("%s has the id %s of an event stored before", row.Name(), e.ID())
		}
		ids[e.ID()] = true
		set(e, events.ExtCause, c.id)
		set(e, events.ExtLane, string(c.lane))
		set(e, events.ExtTraceparent, c.trace)
		if e.Time().IsZero() {
			e.SetTime(f.Now)
		}
	}
	return nil
}

func set(e *events.Event, name, value string) {
	if value != "" && events.Ext(*e, name) == "" {
		e.SetExtension(name, value)
	}
}

// split prepares a result of more than one batch: it is stored whole as evidence, and every event names its
// digest. The fold shows none of them before the last has come.
func split(ctx context.Context, store evidence.Store, evs []events.Event) ([]events.Event, error) {
	data, err := json.Marshal(evs)
	if err != nil {
		return nil, Permanent(fmt.Errorf("store a result of %d events: %w", len(evs), err))
	}
	d, err := store.Put(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("store a result of %d events: %w", len(evs), err)
	}
	mark(evs, d)
	return evs, nil
}

// resume reads a result that was stored in part and returns what is missing in the log.
func resume(ctx context.Context, store evidence.Store, d evidence.Digest, s *events.State) ([]events.Event, error) {
	data, err := store.Get(ctx, d)
	if errors.Is(err, evidence.ErrNotFound) || errors.Is(err, evidence.ErrCorrupt) {
		return nil, NeedsHuman(fmt.Errorf("go on with the result %s that was stored in part: %w", d, err))
	}
	if err != nil {
		return nil, fmt.Errorf("go on with the result %s that was stored in part: %w", d, err)
	}
	var evs, rest []events.Event
	if err := json.Unmarshal(data, &evs); err != nil {
		return nil, NeedsHuman(fmt.Errorf("go on with the result %s that was stored in part: %w", d, err))
	}
	mark(evs, d)
	for _, e := range evs {
		if !s.Seen(e.ID()) {
			rest = append(rest, e)
		}
	}
	return rest, nil
}

func mark(evs []events.Event, d evidence.Digest) {
	for i := range evs {
		evs[i].SetExtension(events.ExtBatch, string(d))
	}
	evs[len(evs)-1].SetExtension(events.ExtBatchFinal, "true")
}
