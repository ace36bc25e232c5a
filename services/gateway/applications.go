package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Applications lists every application, by name.
func (s *Service) Applications(ctx context.Context) ([]api.Application, error) {
	out := []api.Application{}
	for _, name := range s.deps.Folds.Apps() {
		if name == events.Org {
			continue
		}
		st, err := s.deps.Folds.App(ctx, name, 0)
		if err != nil {
			return nil, problem("read application "+name, err)
		}
		out = append(out, s.application(st))
	}
	slices.SortFunc(out, func(a, b api.Application) int { return cmp.Compare(a.Application, b.Application) })
	return out, nil
}

// Application is one of them.
func (s *Service) Application(ctx context.Context, name string) (*api.Application, error) {
	st, err := s.state(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	a := s.application(st)
	return &a, nil
}

func (s *Service) state(ctx context.Context, name string, atLeast uint64) (*events.State, error) {
	if err := events.CheckApp(name); err != nil || name == events.Org {
		return nil, api.NewProblem(api.InvalidInput, "`drydock status` lists the applications", "application name %q: want 1 to 63 of a-z, 0-9 and '-'", name)
	}
	// Asking a fold for a name it has never seen would make one: strangers could fill the memory.
	if !slices.Contains(s.deps.Folds.Apps(), name) {
		return nil, api.NewProblem(api.NotFound, "`drydock status` lists the applications", "no application is called %q", name)
	}
	st, err := s.deps.Folds.App(ctx, name, atLeast)
	return st, problem("read application "+name, err)
}

func (s *Service) application(st *events.State) api.Application {
	a := api.Application{Application: st.App, Sequence: st.Sequence, Pending: len(st.Pending)}
	if d := st.Declared; d != nil {
		a.Target, a.Remote, a.SubPath = d.Target, d.Remote, d.SubPath
	}
	for _, sc := range st.NewestScans() {
		if a.Scanned == nil || sc.Time.After(*a.Scanned) {
			a.Scanned = &sc.Time
		}
		complete := sc.Scan.Complete && (a.Complete == nil || *a.Complete)
		a.Complete = &complete
		a.Incomplete += sc.Scan.Incomplete
	}
	for _, f := range st.Failed {
		a.Failed = append(a.Failed, api.Failure{Target: f.Target, Reason: f.Reason, Detail: f.Detail})
	}
	slices.SortFunc(a.Failed, func(x, y api.Failure) int { return cmp.Compare(x.Target, y.Target) })
	for _, f := range st.Findings {
		count(&a.Findings, f)
	}
	if st.Plan != nil {
		a.Plan, a.Outcomes = st.Plan.Plan, st.Plan.Outcomes
	}
	a.Changes = changes(st, false)
	a.Rejected = rejections(st, s.now())
	if remote, _, err := s.repository(st.App); err == nil {
		a.Repository = remote
	}
	return a
}

func count(n *api.Findings, f events.Finding) {
	if !f.Open {
		return
	}
	n.Open++
	if f.Kind == events.KindMalicious {
		n.Malicious++
	}
	switch f.Severity {
	case "critical":
		n.Critical++
	case "high":
		n.High++
	case "medium":
		n.Medium++
	case "low":
		n.Low++
	default:
		n.Unknown++
	}
}

// Changes lists the open changes of one application or, with app empty, of all, by deadline; with all the
// ended ones too.
func (s *Service) Changes(ctx context.Context, app string, all bool) ([]api.Change, error) {
	out := []api.Change{}
	if app != "" {
		st, err := s.state(ctx, app, 0)
		if err != nil {
			return nil, err
		}
		return append(out, changes(st, all)...), nil
	}
	for _, name := range s.deps.Folds.Apps() {
		if name == events.Org {
			continue
		}
		st, err := s.deps.Folds.App(ctx, name, 0)
		if err != nil {
			return nil, problem("read application "+name, err)
		}
		out = append(out, changes(st, all)...)
	}
	sortChanges(out)
	return out, nil
}

func changes(st *events.State, all bool) []api.Change {
	var out []api.Change
	for _, c := range st.Changes {
		if c.Terminal == "" || all {
			out = append(out, change(st.App, c))
		}
	}
	sortChanges(out)
	return out
}

func sortChanges(out []api.Change) {
	slices.SortFunc(out, func(a, b api.Change) int {
		return cmp.Or(events.CompareDeadlines(a.Deadline, b.Deadline), cmp.Compare(a.Application, b.Application), cmp.Compare(a.Change, b.Change))
	})
}

// Plan returns the plan in force of an application. With after above zero it first waits until the planner
// has handled everything up to there: a plan like the one in force makes no event to wait for.
func (s *Service) Plan(ctx context.Context, app string, after uint64, wait time.Duration) (*api.Plan, error) {
	if after > 0 {
		if err := s.planned(ctx, app, after, wait); err != nil {
			return nil, err
		}
	}
	last, err := s.deps.Bus.LastSequence(ctx, app)
	if err != nil {
		return nil, problem("read the plan of "+app, err)
	}
	st, err := s.state(ctx, app, last)
	if err != nil {
		return nil, err
	}
	if st.Plan == nil {
		return nil, api.NewProblem(api.NotFound, "`drydock plan PATH` makes one", "application %q has no plan", app)
	}
	out := &api.Plan{Application: app, Sequence: st.Plan.Sequence, Inventory: st.Plan.Inventory}
	for _, ph := range st.Plan.Phases {
		out.Changes = append(out.Changes, ph.Change)
	}
	if err := s.document(ctx, st.Plan.Document, &out.Document); err != nil {
		return nil, problem("read the plan of "+app, err)
	}
	return out, nil
}

// planned waits until the planner has answered event seq: a newer plan tells it at once; a plan like the one in
// force makes no event, then every consumer of the planner has acknowledged what came up to seq.
func (s *Service) planned(ctx context.Context, app string, seq uint64, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, min(cmp.Or(wait, maxWait), maxWait))
	defer cancel()
	for delay := poll; ; delay = min(2*delay, pollMax) {
		if st, err := s.state(waiting, app, seq); err == nil && st.Plan != nil && st.Plan.Sequence > seq {
			return nil
		}
		if s.acknowledged(waiting, seq) {
			break
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return api.NewProblem(api.Unavailable, "ask again; `drydock status` shows the planner's lag", "the planner has not yet answered event %d of %s", seq, app)
		case <-time.After(delay):
		}
	}
	letters, err := s.deps.Bus.Letters(ctx, false)
	if err != nil {
		return problem("read the dead letters", err)
	}
	for _, l := range letters {
		if l.Sequence == seq && slices.Contains(s.deps.Planner, l.Consumer) {
			return api.NewProblem(api.NotDetermined, fmt.Sprintf("`drydock deadletter show %d` has the message", l.ID), "plan %s: %s", app, l.Reason)
		}
	}
	return nil
}

// acknowledged reports whether no consumer of the planner has anything up to seq to answer.
func (s *Service) acknowledged(ctx context.Context, seq uint64) bool {
	return !slices.ContainsFunc(s.deps.Planner, func(name string) bool {
		done, err := s.deps.Bus.Progress(ctx, name)
		return err != nil || done < seq
	})
}
