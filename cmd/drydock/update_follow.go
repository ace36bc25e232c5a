package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/validator"
)

// followEvery is how often a change is looked at. Steps that are shorter are not seen, and need not be: they are
// in the document of the validation.
const followEvery = 300 * time.Millisecond

// follower follows the changes of an application until each went as far as it goes without a person.
type follower struct {
	c     *cli
	s     *session
	app   string
	asked *api.Scan

	plan    *api.Plan // in force
	ids     []string  // of the changes followed, in the order in which plans had them
	changes map[string]updatedChange
	said    map[string]string // last line of each change
	stop    func()            // ends the line of progress
}

// follow returns when all changes are settled and the planner has no more to say; or with what went wrong.
func (f *follower) follow(ctx context.Context, got *api.Plan) error {
	f.stop = func() {}
	defer func() { f.stop() }()
	for {
		f.take(got)
		if err := f.settle(ctx); err != nil {
			return err
		}
		// What was rejected is answered by a new plan, whose changes go on.
		a, err := f.s.api.Application(ctx, f.app)
		if err != nil {
			return err
		}
		before := len(f.ids)
		if got, err = f.c.awaitPlan(ctx, f.s, &api.Scan{Application: f.app, Answered: a.Sequence}); err != nil {
			return err
		}
		if f.take(got); len(f.ids) == before {
			return nil
		}
	}
}

// take follows the changes of a plan, too.
func (f *follower) take(got *api.Plan) {
	f.plan = got
	for _, id := range got.Changes {
		if !slices.Contains(f.ids, id) {
			f.ids = append(f.ids, id)
		}
	}
}

// settle waits until each change followed is settled.
func (f *follower) settle(ctx context.Context) error {
	t := time.NewTicker(followEvery)
	defer t.Stop()
	for {
		open, err := f.look(ctx)
		if err != nil || open == 0 {
			return err
		}
		if err := f.s.alive(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// look reads all changes followed, says what is new of them, and counts those that are not settled.
func (f *follower) look(ctx context.Context) (open int, err error) {
	f.changes = map[string]updatedChange{}
	for _, id := range f.ids {
		d, err := f.s.api.Change(ctx, id)
		if err != nil {
			return 0, err
		}
		ch := updatedChange{Change: d.Change}
		if v := d.Validated; v != nil {
			ch.Warned, ch.Tested = v.Warned, v.Tests != ""
		}
		if !lasting(d.Stage) {
			ch.Waits = d.Waits
		}
		f.changes[id] = ch
		settled, err := f.settled(ctx, d)
		if err != nil {
			return 0, err
		}
		if !settled {
			open++
		}
		f.tell(d, settled)
	}
	return open, nil
}

// lasting reports whether a stage is one in which a change is done, as far as an update goes.
func lasting(stage string) bool {
	return stage != events.StageOpened && stage != events.StageValidated && stage != events.StageParked
}

// settled reports whether nothing more happens to a change without a person.
func (f *follower) settled(ctx context.Context, d *api.ChangeDetail) (bool, error) {
	switch d.Stage {
	case events.StageOpened:
		return len(d.Waits) > 0 && (d.Waits[0].Kind == api.WaitRepository || d.Waits[0].Kind == api.WaitWorker), nil
	case events.StageValidated:
		return false, nil
	case events.StageParked:
		if !d.Since.Before(f.asked.Requested) {
			return true, nil
		}
		return f.idle(ctx) // parked before it was asked for again: taken up, or left, once nothing is queued
	}
	return true, nil
}

// idle reports whether no validator has anything to do.
func (f *follower) idle(ctx context.Context) (bool, error) {
	st, err := f.s.api.Status(ctx)
	if err != nil {
		return false, err
	}
	for _, k := range st.Bus.Consumers {
		if slices.Contains(dockConsumers(), k.Name) && k.Pending+uint64(k.InFlight) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// dockConsumers are the consumers of the validator for events, which is known without running it.
var dockConsumers = sync.OnceValue(func() []string {
	s, err := validator.New(validator.Default(), validator.Deps{})
	if err != nil {
		return nil
	}
	var names []string
	for _, st := range s.Routes() {
		names = append(names, st.Name+"-"+string(events.Urgent), st.Name+"-"+string(events.Routine))
	}
	return names
})

// tell says on stderr what is new of a change: one line a step.
func (f *follower) tell(d *api.ChangeDetail, settled bool) {
	line, doing := d.Stage, ""
	switch {
	case d.Progress != nil:
		line = progressWords(d.Progress)
		doing = d.Progress.Step
	case d.Stage == events.StageProposed:
		line += ": branch " + d.Branch
	case d.Stage == events.StageParked, d.Stage == "rejected", d.Stage == "superseded":
		line += ": " + d.Reason
	case !lasting(d.Stage) && len(d.Waits) > 0:
		line += ", waits for " + d.Waits[0].What
		doing = "waiting for " + d.Waits[0].What
	}
	id := d.Change.Change
	if f.said[id] == line || d.Progress == nil && d.Stage == events.StageOpened && !settled && f.said[id] != "" {
		return // a validation that just ended has no step any more, and does not wait for its turn again
	}
	f.said[id] = line
	f.stop()
	f.stop = func() {}
	f.c.note("%s %s  %s", f.app, id, line)
	if !settled {
		f.stop = f.c.progress(f.app + " " + id + ": " + doing)
	}
}

// sum puts into u what came of the plan and its changes; complete says that the scan could determine everything.
func (f *follower) sum(u *updated, complete bool) {
	doc := &f.plan.Document
	u.Plan, u.Outcomes, u.Incomplete, u.Notes = doc.Plan, map[string]int{}, doc.Incomplete, doc.Notes
	complete = complete && !doc.Undetermined
	for _, o := range doc.Outcomes {
		u.Outcomes[o.Outcome]++
		switch o.Outcome {
		case report.Fixed, report.Planned, report.NotAffected:
			continue
		case report.OutcomeError, report.Unsupported:
			complete = false
		}
		u.Left = append(u.Left, o)
	}
	u.Complete = &complete
	for _, id := range f.ids {
		if ch, ok := f.changes[id]; ok {
			u.Changes = append(u.Changes, ch)
		}
	}
}
