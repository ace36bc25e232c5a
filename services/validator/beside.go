package validator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// Where the policy says so (classes.<class>.parallel) the checks of a change run at the same time, and beside them the
// tests of the unchanged application, each in a box of its own. Here they only run. They are judged afterwards, one by
// one in the order of the steps, by what judges them where they run one after another: but for its times the report is
// the same, whichever ended first. None is stopped by how another one ends.

// aside is what a check came to beside others, but for its result.
type aside struct {
	err     error // that it gave instead of a result; told once
	started time.Time
	took    time.Duration
}

// berth is one check that is to run beside others.
type berth struct {
	step string
	run  func(context.Context) (*trial, check.Result, error) // no trial: nothing had to run
	name string

	trial   *trial
	result  check.Result
	aside   aside
	running bool
}

// abreast runs at the same time what the policy wants to run so. What can't even begin is left to its step, which
// tries again and tells.
func (w *work) abreast(ctx context.Context) {
	if !w.eff.Policy.Class(policy.ClassName(w.change.Class)).Parallel {
		return
	}
	all := w.boarding()
	if len(all) < 2 || w.addTests(ctx, w.main) != nil {
		return
	}
	extra := w.s.berths.take(len(all)-1, w.s.cfg.Memory)
	if extra < len(all)-1 {
		w.s.log.Warn("not all checks of a change run at the same time", telemetry.KeyApp, w.v.Application, telemetry.KeyChange, w.v.Change,
			telemetry.KeyReason, fmt.Sprintf("there is memory for %d of %d", extra+1, len(all)))
	}
	queue := make(chan *berth, len(all))
	for _, b := range all {
		queue <- b
	}
	close(queue)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var fault any
	for i := range extra + 1 {
		wg.Go(func() {
			if i > 0 {
				defer w.s.berths.leave()
			}
			defer func() {
				if p := recover(); p != nil { // for the runner of this handler, as if it had happened there
					mu.Lock()
					defer mu.Unlock()
					fault = p
				}
			}()
			for b := range queue {
				w.board(ctx, &mu, all, b)
			}
		})
	}
	wg.Wait()
	if fault != nil {
		panic(fault)
	}
	for _, b := range all {
		if b.trial == nil {
			continue
		}
		b.trial.aside[b.name] = &b.aside
		if b.aside.err == nil {
			b.trial.results[b.name] = b.result
		}
	}
}

// boarding are the checks that are to run, in the order of their steps.
func (w *work) boarding() []*berth {
	var all []*berth
	for _, c := range w.checks() {
		if skip, err := w.skips(w.main, c.check); err != nil || skip != "" {
			continue
		}
		_, proved := w.proof(w.proofKey(c.name, *c.check))
		if c.name == report.StepTests {
			all = append(all, &berth{step: report.StepBaseline, name: c.name, run: func(ctx context.Context) (*trial, check.Result, error) {
				return w.unchangedBeside(ctx, c.name, *c.check)
			}})
		}
		if !proved {
			all = append(all, &berth{step: c.name, name: c.name, run: func(ctx context.Context) (*trial, check.Result, error) {
				r, err := w.box(ctx, w.main, c.name, *c.check)
				return w.main, r, err
			}})
		}
	}
	return all
}

// named is a check and how it is called.
type named struct {
	name  string
	check *application.Check
}

// checks are those of the application in the order of their steps; without a command: nil.
func (w *work) checks() []named {
	c := w.eff.Checks
	return []named{{report.StepTests, c.Tests}, {report.StepSecurity, c.Security}, {report.StepSmoke, c.Smoke}}
}

// board runs one of them. mu guards what is told of all.
func (w *work) board(ctx context.Context, mu *sync.Mutex, all []*berth, b *berth) {
	tell := func(running bool) {
		mu.Lock()
		defer mu.Unlock()
		b.running = running
		if p := w.progressOf(all); p != nil {
			w.s.progress(ctx, w.v.Application, w.v.Change, p)
		}
	}
	b.aside.started = w.s.now().UTC()
	tell(true)
	began := time.Now()
	b.trial, b.result, b.aside.err = b.run(ctx)
	b.aside.took = time.Since(began)
	tell(false)
}

// progressOf is what is being done while some run: the first of them, with the others beside it.
func (w *work) progressOf(all []*berth) *Progress {
	var p *Progress
	var others []string
	for _, b := range all {
		switch {
		case !b.running:
		case p == nil:
			p = &Progress{Step: b.step, N: placeOf(b.step) + 1, Of: len(steps), Since: b.aside.started, Worker: w.s.holder}
		default:
			others = append(others, b.step)
		}
	}
	if len(others) > 0 {
		p.Detail = "at the same time as " + strings.Join(others, ", ")
	}
	return p
}

// unchangedBeside runs a check of the unchanged application, unless its result is known.
func (w *work) unchangedBeside(ctx context.Context, name string, c application.Check) (*trial, check.Result, error) {
	notes := len(w.v.Notes)
	if w.plain == nil {
		t, err := w.unchanged(ctx)
		if err != nil {
			w.v.Notes = w.v.Notes[:notes]
			return nil, check.Result{}, nil
		}
		w.plain = t
	}
	if len(w.recall(w.baselineKey(name, c))) > 0 {
		return nil, check.Result{}, nil
	}
	if w.built(ctx, w.plain) != nil || w.addTests(ctx, w.plain) != nil {
		return nil, check.Result{}, nil
	}
	r, err := w.box(ctx, w.plain, name, c)
	return w.plain, r, err
}

// asideOf is what a step came to beside others; nil: it did not run so.
func (w *work) asideOf(step string) *aside {
	t, name := w.main, step
	if step == report.StepBaseline {
		t, name = w.plain, report.StepTests
	}
	if t == nil {
		return nil
	}
	return t.aside[name]
}

// alone runs a check once more by itself if it ended badly for what may have been somebody else's doing: that of those
// beside it, by the processors they took or the processes they were; that of a kernel short of memory, which kills as a
// program kills itself; or that of chance, where tests of the changed application fail. What it says then is what counts.
func (w *work) alone(ctx context.Context, t *trial, name string, c application.Check) (again bool, err error) {
	r, known := t.results[name]
	_, heard := t.again[name]
	why := ""
	switch {
	case !known || heard || r.Status == check.Failed && t == w.plain: // which is confirmed (again.go)
	case t.aside[name] != nil && slices.Contains([]check.Status{check.Failed, check.TimedOut, check.Killed, check.Limited}, r.Status):
		why = "at the same time as other checks"
	case r.Status == check.Killed && r.Signal == int(syscall.SIGKILL), r.Status == check.Failed:
		why = "once"
	}
	if why == "" {
		return false, nil
	}
	delete(t.results, name)
	t.again[name] = r
	now, err := w.check(ctx, t, name, c)
	if err != nil {
		return true, err
	}
	if now.OK() {
		w.v.Notes = append(w.v.Notes, name+" ended badly "+why+" ("+clean(r.Detail)+"), and passed by itself, which is what counts")
	}
	return true, nil
}
