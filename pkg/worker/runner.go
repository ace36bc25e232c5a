package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// Options of a runner. The zero value is what `drydock up` runs with.
type Options struct {
	Folds    *Folds                          // shared with others of the process; nil: its own. Started by Run if nobody has
	Log      *slog.Logger                    // nil: slog.Default()
	Now      func() time.Time                // nil: the clock
	AckWait  time.Duration                   // silence after which a message is given to another worker; 0: 10 s
	Attempts int                             // transient failures before a message goes to the dead letters; 0: 12
	Drain    time.Duration                   // for what is being handled when Run is told to end; 0: 20 s
	Sweep    time.Duration                   // between two looks at all timers; 0: an hour
	Backoff  func(attempt int) time.Duration // nil: doubling from 1 s to 5 min, with jitter
}

// Runner runs stages: for each it opens one consumer per lane and one for timers, and for each message it
// does the same things in the same order (handle.go): decode, trace, already done?, decide, append, set the
// timers, acknowledge.
type Runner struct {
	bus    bus.Bus
	stages []Stage
	o      Options
	folds  *Folds
	times  *timetable
	ready  chan struct{}

	mu     sync.Mutex
	inHand map[*job]struct{} // messages handed out and not settled
}

// New makes a runner. Run says what is wrong with the stages.
func New(b bus.Bus, stages []Stage, o Options) *Runner {
	if o.Folds == nil {
		o.Folds = NewFolds(b)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	o.AckWait = orElse(o.AckWait, defaultAckWait)
	o.Attempts = orElse(o.Attempts, defaultAttempts)
	o.Drain = orElse(o.Drain, defaultDrain)
	o.Sweep = orElse(o.Sweep, defaultSweep)
	r := &Runner{bus: b, o: o, folds: o.Folds, ready: make(chan struct{}), inHand: map[*job]struct{}{}}
	for _, st := range stages {
		st.Workers, st.Limit = orElse(st.Workers, defaultWorkers), orElse(st.Limit, defaultLimit)
		r.stages = append(r.stages, st)
	}
	r.times = newTimetable(b, r.folds, r.stages)
	return r
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Folds are the states the runner decides on.
func (r *Runner) Folds() *Folds { return r.folds }

// Ready is closed once every consumer is open.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

// Run works until ctx ends, then drains: it asks for no more messages, lets what is being handled finish
// within Options.Drain, hands the rest back, and returns nil. It returns an error at once when it can't
// start, or when the log can no longer be followed.
func (r *Runner) Run(ctx context.Context) error {
	if err := check(r.stages); err != nil {
		return err
	}
	work, abort := context.WithCancelCause(context.WithoutCancel(ctx)) // outlives ctx by the drain
	defer abort(nil)
	if err := r.folds.Start(work); err != nil {
		return err
	}
	for _, p := range r.folds.Problems() {
		r.o.Log.WarnContext(ctx, "a stored message can't be read and counts for nothing", telemetry.KeyError, p)
	}
	defer observe(ctx, r.bus)()
	var wg sync.WaitGroup
	opened, err := r.open(ctx, work, &wg)
	if err == nil {
		close(r.ready)
		wg.Go(func() { r.sweeps(ctx) })
		select {
		case <-ctx.Done():
		case <-r.folds.Ended():
			err = r.folds.Err()
		}
	}
	for _, d := range opened {
		d.Stop()
	}
	r.drain(&wg, abort)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// open opens the consumers and starts their workers.
func (r *Runner) open(ctx, work context.Context, wg *sync.WaitGroup) ([]bus.Deliveries, error) {
	var opened []bus.Deliveries
	for i := range r.stages {
		st := &r.stages[i]
		for _, c := range r.consumers(st) {
			d, err := r.bus.Consume(ctx, c.Consumer)
			if err != nil {
				return opened, fmt.Errorf("open consumer %s: %w", c.Name, err)
			}
			opened = append(opened, d)
			for range c.Prefetch {
				wg.Go(func() { r.pull(ctx, work, st, c, d) })
			}
		}
	}
	return opened, nil
}

// consumer is a durable consumer and the lane it serves, "due" for timers.
type consumer struct {
	bus.Consumer
	lane string
}

const laneDue = "due"

// consumers of a stage: one per lane, so that urgent work never queues behind routine work, and one for
// timers and for messages taken out of the dead letters.
func (r *Runner) consumers(st *Stage) []consumer {
	var out []consumer
	add := func(lane string, workers int, filters []string) {
		out = append(out, consumer{lane: lane, Consumer: bus.Consumer{Name: st.Name + "-" + lane, Filters: filters,
			Prefetch: workers, AckWait: r.o.AckWait, MaxDeliver: r.o.Attempts + spareDeliveries}})
	}
	if len(st.Consumes) > 0 {
		for _, lane := range []events.Lane{events.Urgent, events.Routine} {
			var filters []string
			for _, name := range st.Consumes {
				filters = append(filters, events.StageFilter(lane, name))
			}
			add(string(lane), st.Workers, filters)
		}
	}
	filters := []string{bus.DueFilter(requeueService(st.Name))}
	if st.OnDue != nil {
		filters = append(filters, bus.DueFilter(string(st.Service)))
	}
	add(laneDue, 1, filters)
	return out
}

// pull is one worker: it takes a message when it is free, and only then.
func (r *Runner) pull(ctx, work context.Context, st *Stage, c consumer, d bus.Deliveries) {
	for {
		m, err := d.Next(ctx)
		switch {
		case err == nil:
			j := &job{r: r, st: st, consumer: c, m: m, ends: ctx}
			if ctx.Err() != nil { // it came while we were told to end
				j.handBack(work)
				return
			}
			r.take(j)
			j.run(work)
			r.leave(j)
		case ctx.Err() != nil || errors.Is(err, bus.ErrClosed):
			return
		default:
			r.o.Log.WarnContext(ctx, "no message could be fetched", telemetry.KeyConsumer, c.Name, telemetry.KeyError, err)
			if pause(ctx, r.o.Backoff(1)) != nil {
				return
			}
		}
	}
}

func (r *Runner) take(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inHand[j] = struct{}{}
}

func (r *Runner) leave(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inHand, j)
}

// errDraining is why a handling is cancelled when the drain limit is over.
var errDraining = errors.New("shutting down")

// drain waits for the workers; after the limit it cancels what they do, which hands their messages back;
// what even then goes on is handed back under their hands.
func (r *Runner) drain(wg *sync.WaitGroup, abort context.CancelCauseFunc) {
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	if waitFor(finished, r.o.Drain) {
		return
	}
	abort(errDraining)
	if waitFor(finished, handBackWait) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for j := range r.inHand {
		j.handBack(context.Background())
	}
}

func waitFor(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}

// sweeps makes the timers right at the start and from time to time: what was lost between processes is found,
// at the latest within an hour. The first look, some seconds over ten thousand applications, keeps no work
// waiting; one that fails is taken up again soon.
func (r *Runner) sweeps(ctx context.Context) {
	for failed := 0; ctx.Err() == nil; {
		wait := r.o.Sweep
		err := r.times.sweep(ctx)
		if err != nil && ctx.Err() == nil {
			failed++
			wait = min(wait, r.o.Backoff(failed))
			r.o.Log.WarnContext(ctx, "timers could not be checked: again soon", "delay", wait, telemetry.KeyError, err)
		} else {
			failed = 0
		}
		_ = pause(ctx, wait) // the end of ctx ends the loop
	}
}

// check reports what is wrong with the stages. Two stages of one service may not answer the same event, nor
// two its timers: "already done" is asked per service.
func check(stages []Stage) error {
	names, answers := map[string]bool{}, map[string]string{}
	for _, st := range stages {
		if events.CheckApp(st.Name) != nil || names[st.Name] || st.Service == "" {
			return fmt.Errorf("stage %q: want a unique name of a-z, 0-9 and '-', and a service", st.Name)
		}
		names[st.Name] = true
		consumes := st.Consumes
		if st.OnDue != nil {
			consumes = append([]string{"its timers"}, consumes...)
		}
		if len(st.Consumes) > 0 && st.Handle == nil || len(consumes) == 0 {
			return fmt.Errorf("stage %s: nothing to consume, or no handler for it", st.Name)
		}
		for _, name := range consumes {
			if _, ok := events.LookupName(name); !ok && name != "its timers" {
				return fmt.Errorf("stage %s: event %q is not in the catalogue", st.Name, name)
			}
			key := string(st.Service) + " " + name
			if other := answers[key]; other != "" {
				return fmt.Errorf("stage %s: %s are answered by stage %s of the same service already", st.Name, name, other)
			}
			answers[key] = st.Name
		}
	}
	return nil
}
