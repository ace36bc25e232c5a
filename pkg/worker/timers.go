package worker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// timetable makes the timers that are set equal to those the stages want. What an application should have is
// a pure function of its state, so the timers can be lost and are rebuilt; a timer too many wakes a handler
// that finds nothing to do.
type timetable struct {
	bus   bus.Bus
	folds *Folds
	wants map[events.Service][]func(*events.State) []bus.Timer

	mu   sync.Mutex
	rows map[rowKey]*timeRow
}

type rowKey struct {
	service events.Service
	app     string
}

// timeRow is what this process knows to be set for one application, by key.
type timeRow struct {
	sync.Mutex
	rowKey
	set map[string]time.Time
	at  uint64 // sequence of the state it was made equal to
}

func newTimetable(b bus.Bus, f *Folds, stages []Stage) *timetable {
	t := &timetable{bus: b, folds: f, wants: map[events.Service][]func(*events.State) []bus.Timer{}, rows: map[rowKey]*timeRow{}}
	for _, st := range stages {
		if st.Timers != nil {
			t.wants[st.Service] = append(t.wants[st.Service], st.Timers)
		}
	}
	return t
}

// after is the state to set timers by once an append reached sequence at; nil when the service has none.
func (t *timetable) after(ctx context.Context, service events.Service, app string, at uint64) (*events.State, error) {
	if len(t.wants[service]) == 0 {
		return nil, nil
	}
	s, err := t.folds.App(ctx, app, at)
	if err != nil {
		return nil, fmt.Errorf("set the timers of %s: %w", app, err)
	}
	return s, nil
}

// set makes the timers of one application equal to what state s wants. before is the state they were last
// set by, as far as this process knows; nil sets every one again. The timer that just fired is not set a
// second time even if it is still wanted: the sweep does that, so that a handler that leaves it standing is
// woken every hour and not all the time.
func (t *timetable) set(ctx context.Context, service events.Service, s, before *events.State, fired *bus.Due) error {
	if len(t.wants[service]) == 0 {
		return nil
	}
	row := t.row(service, s.App)
	row.Lock()
	defer row.Unlock()
	if s.Sequence < row.at {
		return nil // another worker was here with newer facts
	}
	row.at = s.Sequence
	if fired != nil {
		delete(row.set, fired.Key)
	}
	return t.equal(ctx, row, t.wanted(service, s), t.wanted(service, before), fired)
}

// sweep makes the timers of all applications right, starting from what the bus says is set.
func (t *timetable) sweep(ctx context.Context) error {
	for service := range t.wants {
		listed, err := t.bus.Scheduled(ctx, string(service))
		if err != nil {
			return fmt.Errorf("list the timers of %s: %w", service, err)
		}
		// The facts must be newer than the list, or a timer set meanwhile would look unwanted.
		last, err := t.bus.LastSequence(ctx, "")
		if err != nil {
			return fmt.Errorf("check the timers of %s: %w", service, err)
		}
		byApp := map[string]map[string]time.Time{}
		for _, app := range t.folds.Apps() {
			byApp[app] = map[string]time.Time{}
		}
		for _, tm := range listed {
			if byApp[tm.App] == nil {
				byApp[tm.App] = map[string]time.Time{}
			}
			byApp[tm.App][tm.Key] = tm.At
		}
		for _, app := range slices.Sorted(maps.Keys(byApp)) {
			if err := t.sweepApp(ctx, service, app, byApp[app], last); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *timetable) sweepApp(ctx context.Context, service events.Service, app string, listed map[string]time.Time, last uint64) error {
	row := t.row(service, app)
	row.Lock()
	defer row.Unlock()
	s, err := t.folds.App(ctx, app, max(last, row.at))
	if err != nil {
		return err
	}
	row.set = listed
	want := t.wanted(service, s)
	return t.equal(ctx, row, want, want, nil)
}

// equal sets what is wanted and not known to be set, and cancels what is not wanted any more.
func (t *timetable) equal(ctx context.Context, row *timeRow, want, before map[string]bus.Timer, fired *bus.Due) error {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		tm := want[key]
		if fired != nil && fired.Key == key && sameTime(fired.At, tm.At) {
			continue
		}
		// New in this state: set it whatever we remember, another process may have cancelled it since.
		if b, ok := before[key]; ok && sameTime(b.At, tm.At) && sameTime(row.set[key], tm.At) {
			continue
		}
		if err := t.bus.Schedule(ctx, tm); err != nil {
			return fmt.Errorf("set timer %s of %s: %w", key, tm.App, err)
		}
		row.set[key] = tm.At
	}
	gone := maps.Clone(row.set)
	for key, tm := range before {
		gone[key] = tm.At
	}
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		if _, ok := want[key]; ok || fired != nil && fired.Key == key {
			continue
		}
		if err := t.bus.Cancel(ctx, string(row.service), row.app, key); err != nil {
			return fmt.Errorf("cancel timer %s of %s: %w", key, row.app, err)
		}
		delete(row.set, key)
	}
	return nil
}

// wanted is the union of what the service's stages want for s; nothing for no state.
func (t *timetable) wanted(service events.Service, s *events.State) map[string]bus.Timer {
	out := map[string]bus.Timer{}
	if s == nil {
		return out
	}
	for _, timers := range t.wants[service] {
		for _, tm := range timers(s) {
			tm.Service, tm.App, tm.At = string(service), s.App, tm.At.UTC()
			out[tm.Key] = tm
		}
	}
	return out
}

func (t *timetable) row(service events.Service, app string) *timeRow {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := rowKey{service, app}
	if t.rows[k] == nil {
		t.rows[k] = &timeRow{rowKey: k, set: map[string]time.Time{}}
	}
	return t.rows[k]
}

// sameTime allows for a bus that keeps whole seconds.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() < time.Second }
