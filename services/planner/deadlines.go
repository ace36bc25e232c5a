package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// Timers that plan again; every other key is a change.
const (
	retryKey   = "retry"   // the index did not answer
	revisitKey = "revisit" // time alone changes the answer
)

// breach stands for the deadline itself among the warnings.
const breach = 100

// timers is the one next thing due for each open change, and the next try of a plan that lacks an answer.
// Without a log that outlives the run there is nobody to wait.
func (s *Service) timers(st *events.State) []bus.Timer {
	if s.cfg.Provisional {
		return nil
	}
	var out []bus.Timer
	warnAt := s.warnAt(st.App)
	add := func(key string, at time.Time) {
		out = append(out, bus.Timer{Service: string(events.Planner), App: st.App, Key: key, At: at})
	}
	for _, id := range slices.Sorted(maps.Keys(st.Changes)) {
		if percent, ok := nextDue(st.Changes[id], warnAt); ok {
			add(id, wholeSecond(dueAt(st.Changes[id], percent)))
		}
	}
	if st.Plan != nil && st.Plan.Retry != nil {
		add(retryKey, *st.Plan.Retry)
	}
	if st.Plan != nil && st.Plan.Revisit != nil {
		add(revisitKey, *st.Plan.Revisit)
	}
	return out
}

// warnAt are the shares of its time at which a change of an application is warned of.
func (s *Service) warnAt(app string) []int { return s.policy().For(app).WarnAt }

// nextDue is the next share of the time to be told of a change: a warning, or the breach.
func nextDue(c events.Change, warnAt []int) (percent int, ok bool) {
	if c.Terminal != "" || c.Breached || c.Deadline.IsZero() {
		return 0, false
	}
	for _, p := range warnAt {
		if p > c.Warned {
			return p, true
		}
	}
	return breach, true
}

// dueAt is when a share of a change's time has gone by. The time runs from first detection, or where the
// deadline was short or past by then, ends at once.
func dueAt(c events.Change, percent int) time.Time {
	span := c.Deadline.Sub(c.Opened)
	if span <= 0 {
		return c.Deadline
	}
	return c.Opened.Add(span / 100 * time.Duration(percent))
}

// lastDue is the furthest share that has gone by at now and was not told; several at once (after a stop) are
// told as the furthest.
func lastDue(c events.Change, warnAt []int, now time.Time) (percent int, ok bool) {
	first, ok := nextDue(c, warnAt)
	if !ok || now.Before(dueAt(c, first)) {
		return 0, false
	}
	if !now.Before(c.Deadline) {
		return breach, true
	}
	for _, p := range warnAt {
		if p > c.Warned && !now.Before(dueAt(c, p)) {
			percent = p
		}
	}
	return percent, true
}

// onDue answers a timer. It may come early, late, twice, or for a change that ended: the state decides.
func (s *Service) onDue(ctx context.Context, d bus.Due, f worker.Facts) ([]events.Event, error) {
	switch {
	case f.App.Plan == nil:
	case d.Key == retryKey:
		return s.again(ctx, d, f.App.Plan.Retry, f)
	case d.Key == revisitKey:
		return s.again(ctx, d, f.App.Plan.Revisit, f)
	}
	c, ok := f.App.Changes[d.Key]
	if !ok {
		return nil, nil
	}
	warnAt := s.warnAt(d.App)
	percent, ok := lastDue(c, warnAt, f.Now)
	if !ok {
		if next, open := nextDue(c, warnAt); open {
			return nil, early(d, dueAt(c, next), f.Now)
		}
		return nil, nil
	}
	var payload any = events.DeadlineApproaching{Change: c.Change, Percent: percent, Deadline: c.Deadline, Rule: c.DeadlineRule}
	if percent == breach {
		payload = events.DeadlineBreached{Change: c.Change, Deadline: c.Deadline, Rule: c.DeadlineRule}
	}
	e, err := f.New(fmt.Sprintf("%s/%d", c.Change, percent), c.Change, payload)
	if err != nil {
		return nil, worker.Permanent(err)
	}
	return []events.Event{e}, nil
}

// wholeSecond rounds up, because a bus may keep whole seconds and fires on them.
func wholeSecond(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

// early tells a timer that fired before its time from one that is of no use any more: the first comes again,
// as a transient error, for the second another timer is set.
func early(d bus.Due, due, now time.Time) error {
	if d.At.Sub(due).Abs() > 2*time.Second {
		return nil
	}
	return fmt.Errorf("timer %s of %s fired %s early", d.Key, d.App, due.Sub(now))
}

// again plans anew. When the answer is still the same the plan in force is said once more with the next time to
// try, so that the waiting itself stands in the log.
func (s *Service) again(ctx context.Context, d bus.Due, at *time.Time, f worker.Facts) ([]events.Event, error) {
	if at == nil {
		return nil, nil
	}
	if f.Now.Before(*at) {
		return nil, early(d, *at, f.Now)
	}
	return s.plan(ctx, f, true)
}
