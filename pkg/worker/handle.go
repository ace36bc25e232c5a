package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// job is one message in the hands of one worker.
type job struct {
	r        *Runner
	st       *Stage
	consumer consumer
	m        bus.Message
	ends     context.Context // over when the runner is told to end
	alive    keepAlive
}

// cause is what is being answered: an event or a timer that fired.
type cause struct {
	id      string // events.ExtCause of the answer
	name    string // for people
	app     string // events.Org: every application answers
	lane    events.Lane
	trace   string // W3C traceparent of what is answered, then of the answer
	seq     uint64 // the facts must reach at least this far
	attempt int
	due     *bus.Due
	decide  func(context.Context, Facts) ([]events.Event, error)
}

// run handles the message and settles it with the queue, whatever happens: decode → trace → already done? →
// decide → append → timers → acknowledge.
func (j *job) run(ctx context.Context) {
	started := time.Now()
	stop := j.alive.start(ctx, j.m, j.r.o.AckWait, j.st.Limit)
	defer stop()
	c := cause{}
	err := j.outlast(ctx, func() (err error) {
		c, err = j.decode(ctx)
		return err
	})
	ctx, end := telemetry.Start(telemetry.WithTraceparent(ctx, c.trace), j.st.Name+" "+orElse(c.name, "undecodable"),
		slog.String(telemetry.KeyService, string(j.st.Service)), slog.String(telemetry.KeyLane, j.consumer.lane),
		slog.String(telemetry.KeyApp, c.app), slog.String(telemetry.KeyCause, c.id), slog.Int(telemetry.KeyAttempt, j.m.Attempt()))
	c.trace = orElse(telemetry.Traceparent(ctx), c.trace)
	if err == nil {
		err = j.outlast(ctx, func() error {
			defer func() { c.attempt = max(c.attempt, 2) }() // should it come to that: what failed may be stored
			return j.process(ctx, c)
		})
	}
	outcome := j.settle(ctx, err)
	end(err)
	handled(ctx, j.st.Name, j.consumer.lane, outcome, time.Since(started))
}

// process answers the decoded message.
func (j *job) process(ctx context.Context, c cause) error {
	if j.m.Attempt() > j.r.o.Attempts {
		return Permanent(fmt.Errorf("%d deliveries ended without an answer", j.m.Attempt()-1))
	}
	if c.app != events.Org {
		return j.answer(ctx, c, c.app)
	}
	return j.answerAll(ctx, c)
}

// answerAll answers an event of the organisation application by application, each with its own append. One
// that fails does not keep the others from theirs; the message is settled after the last.
func (j *job) answerAll(ctx context.Context, c cause) error {
	if _, err := j.r.folds.Org(ctx, c.seq); err != nil {
		return err
	}
	var retry, hopeless error
	for _, app := range j.r.folds.Apps() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		j.alive.extend()
		err := j.answer(ctx, c, app)
		switch {
		case err == nil:
		case Kind(err) == "transient":
			retry = errors.Join(retry, fmt.Errorf("for %s: %w", app, err))
		default:
			hopeless = errors.Join(hopeless, fmt.Errorf("for %s: %w", app, err))
		}
	}
	if retry != nil {
		return retry
	}
	return hopeless
}

// decode makes a cause of the message.
func (j *job) decode(ctx context.Context) (cause, error) {
	if j.consumer.lane != laneDue {
		return j.eventCause(j.m.Record())
	}
	d, err := j.m.Due()
	if err != nil {
		return cause{}, Permanent(fmt.Errorf("decode timer: %w", err))
	}
	if isRequeue(j.st, d) {
		return j.requeued(ctx, d)
	}
	return j.dueCause(ctx, d)
}

func (j *job) eventCause(rec bus.Record) (cause, error) {
	st := j.st
	if rec.Err != nil {
		return cause{}, Permanent(fmt.Errorf("decode event: %w", rec.Err))
	}
	e := rec.Event
	row, ok := events.Lookup(e.Type())
	if !ok || st.Handle == nil {
		return cause{}, Permanent(fmt.Errorf("stage %s does not know events of type %q", st.Name, e.Type()))
	}
	if app, err := events.AppOfSubject(rec.Subject); err != nil || app != events.App(e) {
		return cause{}, Permanent(fmt.Errorf("event of application %q on subject %s", events.App(e), rec.Subject))
	}
	return cause{id: e.ID(), name: row.Name(), app: events.App(e), lane: events.Lane(events.Ext(e, events.ExtLane)), seq: rec.Sequence,
		trace: events.Ext(e, events.ExtTraceparent), attempt: j.m.Attempt(),
		decide: func(ctx context.Context, f Facts) ([]events.Event, error) { return st.Handle(ctx, e, f) }}, nil
}

// dueCause makes a cause of a timer. Its id names the timer and its time, so a second firing is known to be
// one. A timer that fires early waits, whatever the bus's clock says.
func (j *job) dueCause(ctx context.Context, d bus.Due) (cause, error) {
	if j.st.OnDue == nil {
		return cause{}, Permanent(fmt.Errorf("stage %s has no handler for timers", j.st.Name))
	}
	if err := events.CheckApp(d.App); err != nil {
		return cause{}, Permanent(fmt.Errorf("timer %s: %w", d.Key, err))
	}
	if early := d.At.Sub(j.r.o.Now()); early > 0 {
		return cause{}, &tooEarly{wait: early}
	}
	// The timer was set after an event that the folds here need not have seen: without it the answer
	// would be "nothing to do".
	last, err := j.r.bus.LastSequence(ctx, d.App)
	if err != nil {
		return cause{}, err
	}
	id := fmt.Sprintf("timer:%s:%s:%s:%s", d.Service, d.App, d.Key, d.At.UTC().Format(time.RFC3339))
	return cause{id: id, name: "timer " + d.Key, app: d.App, lane: events.Routine, seq: last, attempt: j.m.Attempt(), due: &d,
		decide: func(ctx context.Context, f Facts) ([]events.Event, error) { return j.st.OnDue(ctx, d, f) }}, nil
}

type tooEarly struct{ wait time.Duration }

func (t *tooEarly) Error() string { return fmt.Sprintf("due in %s", t.wait) }

// settle tells the queue what became of the message, and returns that in a word.
func (j *job) settle(ctx context.Context, err error) string {
	early := (*tooEarly)(nil)
	attempt := j.m.Attempt()
	log := j.r.o.Log.With(telemetry.KeyStage, j.st.Name, telemetry.KeyLane, j.consumer.lane, telemetry.KeySequence, j.m.Sequence(), telemetry.KeyAttempt, attempt)
	switch {
	case err == nil:
		if err := j.within(ctx, j.m.Ack); err != nil {
			log.WarnContext(ctx, "answered but not acknowledged: it will come again and be known", telemetry.KeyError, err)
		}
		return "done"
	case errors.As(err, &early):
		j.again(ctx, early.wait)
		return "early"
	case errors.Is(err, errDraining) || errors.Is(context.Cause(ctx), errDraining):
		j.handBack(ctx)
		return "handed-back"
	case Kind(err) == "transient" && attempt < j.r.o.Attempts:
		delay := j.r.o.Backoff(attempt)
		log.WarnContext(ctx, "handled again later", telemetry.KeyError, err, telemetry.KeyDelay, delay)
		j.again(ctx, delay)
		return "transient"
	}
	reason := fmt.Sprintf("%s: %s", Kind(err), plain(err))
	if Kind(err) == "transient" {
		reason = fmt.Sprintf("%d attempts failed: %s", attempt, err)
	}
	outcome := outcomeOf(err)
	log.ErrorContext(ctx, "put with the dead letters", telemetry.KeyReason, reason)
	err = j.outlast(ctx, func() error {
		return j.within(ctx, func(ctx context.Context) error { return j.bury(ctx, reason) })
	})
	switch {
	case errors.Is(err, errDraining):
		j.handBack(ctx)
		return "handed-back"
	case err != nil:
		log.ErrorContext(ctx, "dead letter could not be stored: handled again later", telemetry.KeyError, err)
		j.again(ctx, j.r.o.Backoff(attempt))
		return "transient"
	}
	_ = j.within(ctx, func(ctx context.Context) error { return j.m.Term(ctx, reason) }) // it may come again; burying it twice is one letter
	return outcome
}

func outcomeOf(err error) string {
	if Kind(err) == "needs a human" {
		return "needs-human"
	}
	return "permanent"
}

// plain is err without the kind in brackets that the reason begins with.
func plain(err error) string {
	var v *verdict
	if errors.As(err, &v) && err == error(v) {
		return v.err.Error()
	}
	return err.Error()
}

// within calls the queue with a time limit of its own: what was done must be told even while draining.
func (j *job) within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	return f(ctx)
}

func (j *job) again(ctx context.Context, delay time.Duration) {
	err := j.within(ctx, func(ctx context.Context) error { return j.m.Nak(ctx, delay) })
	if err != nil { // the silence after this does the same, later
		j.r.o.Log.WarnContext(ctx, "not handed back: it comes again after the silence", telemetry.KeyConsumer, j.consumer.Name, telemetry.KeyError, err)
	}
}

// handBack returns the message untouched, for another worker or the next start.
func (j *job) handBack(ctx context.Context) { j.again(ctx, 0) }

// call runs the handler within the stage's limit. A panic is an error no retry will mend; its stack is for
// the debug log only.
func (j *job) call(ctx context.Context, c cause, f Facts) (evs []events.Event, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.st.Limit, fmt.Errorf("not answered within %s: %w", j.st.Limit, context.DeadlineExceeded))
	defer cancel()
	if j.st.Long {
		end := context.CancelCauseFunc(nil)
		ctx, end = context.WithCancelCause(ctx)
		defer end(nil)
		defer context.AfterFunc(j.ends, func() { end(errDraining) })()
	}
	defer func() {
		if p := recover(); p != nil {
			j.r.o.Log.DebugContext(ctx, "handler panicked", telemetry.KeyStage, j.st.Name, "stack", string(debug.Stack()))
			evs, err = nil, Permanent(fmt.Errorf("the handler of %s panicked: %v", c.name, p))
		}
	}()
	evs, err = c.decide(ctx, f)
	if err != nil && ctx.Err() != nil && Kind(err) == "transient" {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return evs, err
}
