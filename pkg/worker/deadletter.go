package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// DeadLetters is what people do with messages no worker could handle (`drydock deadletter`).
type DeadLetters struct {
	Bus bus.Bus
	Now func() time.Time // nil: the clock
}

// List returns the letters that wait for a decision, oldest first, with all = true the decided ones too.
func (d DeadLetters) List(ctx context.Context, all bool) ([]bus.Letter, error) {
	ls, err := d.Bus.Letters(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return ls, nil
}

// ErrNoLetter is wrapped when there is no letter of that number.
var ErrNoLetter = errors.New("no such dead letter")

// ErrResolved is wrapped when a letter was requeued or dropped before.
var ErrResolved = errors.New("decided before")

// Show returns one letter, decided or not.
func (d DeadLetters) Show(ctx context.Context, id uint64) (bus.Letter, error) {
	ls, err := d.List(ctx, true)
	if err != nil {
		return bus.Letter{}, err
	}
	for _, l := range ls {
		if l.ID == id {
			return l, nil
		}
	}
	return bus.Letter{}, fmt.Errorf("%w: %d; `drydock deadletter list` shows those that wait", ErrNoLetter, id)
}

// Requeue has the message handled again, by the consumer that failed and no other.
func (d DeadLetters) Requeue(ctx context.Context, id uint64, actor, reason string) error {
	l, err := d.waiting(ctx, id, actor)
	if err != nil {
		return err
	}
	t, err := requeueTimer(l, d.now())
	if err != nil {
		return fmt.Errorf("requeue dead letter %d: %w", id, err)
	}
	if err := d.Bus.Schedule(ctx, t); err != nil {
		return fmt.Errorf("requeue dead letter %d: %w", id, err)
	}
	return d.resolve(ctx, id, "requeued", actor, reason)
}

// Drop gives the message up for good. The letter stays readable, with who dropped it and why.
func (d DeadLetters) Drop(ctx context.Context, id uint64, actor, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fmt.Errorf("drop dead letter %d: no reason; say why it may be lost: --reason \"…\"", id)
	}
	if _, err := d.waiting(ctx, id, actor); err != nil {
		return err
	}
	return d.resolve(ctx, id, "dropped", actor, reason)
}

func (d DeadLetters) waiting(ctx context.Context, id uint64, actor string) (bus.Letter, error) {
	if strings.TrimSpace(actor) == "" {
		return bus.Letter{}, fmt.Errorf("decide on dead letter %d: no actor; say who decides", id)
	}
	l, err := d.Show(ctx, id)
	if err == nil && l.Resolved != nil {
		err = fmt.Errorf("dead letter %d: %w: %s by %s on %s", id, ErrResolved, l.Resolved.Verdict, l.Resolved.Actor, l.Resolved.Time.UTC().Format(time.RFC3339))
	}
	return l, err
}

func (d DeadLetters) resolve(ctx context.Context, id uint64, verdict, actor, reason string) error {
	err := d.Bus.Resolve(ctx, id, bus.Resolution{Verdict: verdict, Actor: actor, Reason: reason, Time: d.now()})
	if err != nil {
		return fmt.Errorf("mark dead letter %d as %s: %w", id, verdict, err)
	}
	return nil
}

func (d DeadLetters) now() time.Time {
	if d.Now == nil {
		return time.Now().UTC()
	}
	return d.Now().UTC()
}

// requeue is what a requeue timer carries: the event of the log, or the timer, that is handled again.
type requeue struct {
	Sequence uint64   `json:"sequence,omitempty"` // in the log
	Subject  string   `json:"subject,omitempty"`  // for people
	Due      *bus.Due `json:"due,omitempty"`
}

// requeueService is whom a requeue timer wakes: one stage, not its service, so that nobody else handles the
// message again and the timers of the service are not mixed with these.
func requeueService(stage string) string { return "requeue-" + stage }

func isRequeue(st *Stage, d bus.Due) bool { return d.Service == requeueService(st.Name) }

// requeueTimer wakes the stage that buried l, now.
func requeueTimer(l bus.Letter, now time.Time) (bus.Timer, error) {
	stage, lane, ok := cutLast(l.Consumer, "-")
	if !ok {
		return bus.Timer{}, fmt.Errorf("consumer %q is none of a stage's", l.Consumer)
	}
	t := bus.Timer{Service: requeueService(stage), App: events.Org, Key: fmt.Sprintf("requeue-%d", l.ID), At: now}
	again := requeue{Sequence: l.Sequence, Subject: l.Subject}
	if lane == laneDue {
		var due bus.Due
		if err := json.Unmarshal(l.Data, &due); err != nil {
			return t, fmt.Errorf("the timer in it can't be read (%w); drop it, the sweep sets what is wanted again", err)
		}
		t.App, again = due.App, requeue{Due: &due, Subject: l.Subject}
		if due.Service == t.Service { // it was a requeued message before
			t.Data = due.Data
			return t, nil
		}
	} else if app, err := events.AppOfSubject(l.Subject); err == nil {
		t.App = app
	}
	data, err := json.Marshal(again)
	t.Data = data
	return t, err
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// requeued finds what a requeue timer speaks of.
func (j *job) requeued(ctx context.Context, d bus.Due) (cause, error) {
	var again requeue
	if err := json.Unmarshal(d.Data, &again); err != nil {
		return cause{}, Permanent(fmt.Errorf("decode %s: %w", d.Key, err))
	}
	if again.Due != nil {
		return j.dueCause(ctx, *again.Due)
	}
	rec, err := recordAt(ctx, j.r.bus, again.Sequence)
	if err != nil {
		return cause{}, fmt.Errorf("read event %d again: %w", again.Sequence, err)
	}
	return j.eventCause(rec)
}

var errFound = errors.New("found")

// recordAt reads one message of the log.
func recordAt(ctx context.Context, b bus.Bus, seq uint64) (bus.Record, error) {
	var rec bus.Record
	_, err := b.Replay(ctx, bus.Query{From: seq}, func(r bus.Record) error {
		rec = r
		return errFound
	})
	switch {
	case err != nil && !errors.Is(err, errFound):
		return rec, err
	case rec.Sequence != seq || seq == 0:
		return rec, Permanent(fmt.Errorf("the log has no message %d", seq))
	}
	return rec, nil
}

// Streams a letter may come from (design §4).
const (
	streamEvents = "EVENTS"
	streamTimers = "TIMERS"
)

// bury puts the message with the dead letters: with its headers and bytes as they came, a timer as JSON.
func (j *job) bury(ctx context.Context, reason string) error {
	l := bus.Letter{Time: j.r.o.Now().UTC(), Consumer: j.consumer.Name, Stream: streamEvents, Sequence: j.m.Sequence(), Subject: j.m.Subject(),
		Reason: reason, Attempts: j.m.Attempt(), Headers: j.m.Headers(), Data: j.m.Data()}
	if j.consumer.lane == laneDue {
		l.Stream = streamTimers
		if d, err := j.m.Due(); err == nil {
			var again requeue
			if isRequeue(j.st, d) && json.Unmarshal(d.Data, &again) == nil {
				l.Subject = again.Subject
			}
			if l.Data, err = json.Marshal(d); err != nil {
				return fmt.Errorf("encode timer: %w", err)
			}
		}
	}
	return j.r.bus.Bury(ctx, l)
}
