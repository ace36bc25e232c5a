package planner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// handle plans an application anew: after a scan, after the policy changed, or after the dock or a person turned a
// change down. It plans on the newest facts,
// whichever event woke it, so a burst of events makes one plan.
func (s *Service) handle(ctx context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
	return s.plan(ctx, f, false)
}

// plan makes the plan and the events that say what it changes. again says the plan in force once more, with
// the next time to try, when it is still the answer.
func (s *Service) plan(ctx context.Context, f worker.Facts, again bool) ([]events.Event, error) {
	d, err := s.make(ctx, f)
	if err != nil || d == nil {
		return nil, err
	}
	p, in := d.plan, d.in
	g := events.PlanGenerated{Plan: p.Plan, Scan: in.Scan.Report, Inventory: in.Digest, Policy: in.Policy.Digest(), Resolution: p.Resolution,
		Outcomes: tally(p.Outcomes), ExitCode: p.ExitCode, Retry: retryAt(f.App, d, f.Now), Revisit: revisitAt(d, f.Now)}
	news := announce(f.App, in, d.phases, g)
	if old := f.App.Plan; len(news) == 0 && (again || sooner(g.Revisit, old.Revisit) || !maps.Equal(g.Outcomes, old.Outcomes)) {
		same := old.PlanGenerated
		if !sameTime(g.Revisit, same.Revisit) || !maps.Equal(g.Outcomes, same.Outcomes) {
			same.Document = "" // until when a release is too young, what a freeze holds: another document of the same plan
			same.Outcomes, same.ExitCode = g.Outcomes, g.ExitCode
		}
		same.Retry, same.Revisit = g.Retry, g.Revisit
		news = []said{{key: same.Plan, payload: same}}
	}
	if len(news) == 0 {
		return nil, nil
	}
	if g, ok := news[0].payload.(events.PlanGenerated); ok && g.Document != "" { // nothing to store
		e, err := f.New(news[0].key, "", g)
		if err != nil {
			return nil, worker.Permanent(fmt.Errorf("plan %s: %w", in.App, err))
		}
		return []events.Event{e}, nil
	}
	if p.Inputs.Record, err = d.keepRecord(ctx, f.Evidence); err != nil {
		return nil, fmt.Errorf("store what the plan of %s was made from: %w", in.App, err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		return nil, worker.Permanent(fmt.Errorf("write the plan of %s: %w", in.App, err))
	}
	document, err := f.Evidence.Put(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("store the plan of %s: %w", in.App, err)
	}
	out := make([]events.Event, len(news))
	for i, n := range news {
		if g, ok := n.payload.(events.PlanGenerated); ok && g.Document == "" {
			g.Document = string(document)
			n.payload = g
		}
		if out[i], err = fitted(f, n); err != nil {
			return nil, worker.Permanent(fmt.Errorf("plan %s: %w", in.App, err))
		}
	}
	return out, nil
}

// sooner reports whether a time to plan again lies before the one that is set: a policy that asks for less, or
// another release.
func sooner(at, set *time.Time) bool { return at != nil && (set == nil || at.Before(*set)) }

func sameTime(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// fitted makes the event. A change of thousands of findings or updates is larger than an event may be: it
// then leaves them out, and the document of its plan has them.
func fitted(f worker.Facts, n said) (events.Event, error) {
	e, err := f.New(n.key, n.change, n.payload)
	c, ok := n.payload.(events.ChangeOpened)
	if err != nil || !ok || events.Size(e) <= events.MaxSize {
		return e, err
	}
	c.Findings = nil
	if e, err = f.New(n.key, n.change, c); err != nil || events.Size(e) <= events.MaxSize {
		return e, err
	}
	c.Updates = nil
	return f.New(n.key, n.change, c)
}

// make gathers, resolves and decides; a nil situation means that there is nothing to plan for yet.
func (s *Service) make(ctx context.Context, f worker.Facts) (*made, error) {
	in, err := s.gather(ctx, f)
	if err != nil || in == nil {
		return nil, err
	}
	answers, tapes := s.answer(ctx, in)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("plan %s: %w", in.App, context.Cause(ctx))
	}
	advisories := ""
	if m := s.matcher(); m != nil {
		advisories = m.Digest()
	}
	d, err := in.conclude(answers, s.deps.Tool, advisories)
	if err != nil {
		return nil, worker.Permanent(err)
	}
	d.tapes, d.limit = tapes, s.cfg.ResolveLimit
	return d, nil
}

// made is a plan with all that it was made from.
type made struct {
	plan     *report.Plan
	in       *situation
	answers  []solved
	phases   []phase
	verdicts []verdict
	limit    time.Duration
	tapes    [][]byte // one for each environment; nil where nothing was asked
}

// conclude turns answers into the plan: all of it pure.
func (in *situation) conclude(answers []solved, tool report.Tool, advisories string) (*made, error) {
	d := &made{in: in, answers: answers, verdicts: decide(in, answers)}
	d.phases = phases(in, answers, d.verdicts)
	in.Warnings = in.Exceptions.hold(in.App, in.Now, d.verdicts)
	var err error
	if d.plan, err = document(in, answers, d.verdicts, d.phases, tool, advisories); err == nil {
		d.plan.Inputs.ServerPolicy = in.Served // beside the digest, as all inputs are
	}
	return d, err
}

func isVersionError(err error) bool { return errors.Is(err, pep440.ErrVersion) }
