package gateway

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// RequestUpdate appends scan.requested for the newest commit of the application's declared repository. What
// follows is the workers': scan, plan, and each change validated and proposed. Scan tells what came of the first.
func (s *Service) RequestUpdate(ctx context.Context, app string, q api.UpdateRequest) (_ *api.Scan, failed error) {
	if err := checkUpdate(app, q); err != nil {
		return nil, err
	}
	remote, path, err := s.repository(app)
	if err != nil {
		return nil, err
	}
	ctx, end := telemetry.Start(ctx, "update.request")
	defer func() { end(failed) }()
	full := q.Full || q.SecurityOnly != nil && !*q.SecurityOnly
	if !full && q.SecurityOnly == nil { // a plan of less would take branches away that people look at
		st, err := s.deps.Folds.App(ctx, app, 0)
		if err != nil {
			return nil, problem("read application "+app, err)
		}
		_, full = lastRead(st)
	}
	m := events.Meta{App: app, Lane: events.Lane(q.Lane), Cause: q.RequestID, Key: remote,
		Actor: "gateway", Traceparent: telemetry.Traceparent(ctx), Time: s.now()}
	if m.Cause == "" {
		m.Cause = "request-" + rand.Text()
	}
	request := events.ScanRequested{Application: app, Target: remote, Given: app, Repository: true, PlanOptions: events.PlanOptions{
		Python: q.Python, Full: full, Again: q.Again == nil || *q.Again}}
	return s.ask(ctx, "request the updates of "+app, Identity{Application: app, Target: remote, Remote: remote, SubPath: path}, m, request)
}

// ask appends a request for a scan, once however often it is asked.
func (s *Service) ask(ctx context.Context, attempted string, id Identity, m events.Meta, request events.ScanRequested) (*api.Scan, error) {
	var asked events.Event
	repeated := false
	last, err := s.deps.Decide(ctx, id.Application, func(st *events.State, _ *events.OrgState) (out []events.Event, err error) {
		out, asked, repeated, err = decideRequest(st, id, m, request)
		return out, err
	})
	if err != nil && !errors.Is(err, bus.ErrRepeated) {
		return nil, problem(attempted, err)
	}
	if repeated || errors.Is(err, bus.ErrRepeated) {
		if last, err = s.sequenceOf(ctx, id.Application, asked.ID()); err != nil {
			return nil, problem("look up the earlier request", err)
		}
	}
	return &api.Scan{ID: last, Application: id.Application, Target: id.Target, State: api.ScanPending, Requested: asked.Time()}, nil
}

func checkUpdate(app string, q api.UpdateRequest) error {
	switch {
	case events.CheckApp(app) != nil || app == events.Org:
		return api.NewProblem(api.InvalidInput, "`drydock app list` lists the applications", "application name %q: want 1 to 63 of a-z, 0-9 and '-'", app)
	case q.Lane != "" && q.Lane != string(events.Urgent) && q.Lane != string(events.Routine):
		return api.NewProblem(api.InvalidInput, "use urgent or routine", "lane %q is unknown", q.Lane)
	case q.Full && q.SecurityOnly != nil && *q.SecurityOnly:
		return api.NewProblem(api.InvalidInput, "give one of them", "full and security_only exclude each other")
	}
	return nil
}

// repository is where a declared application lies; the error is a problem that says what is missing.
func (s *Service) repository(app string) (remote, path string, err error) {
	if s.deps.Repository != nil {
		remote, path, err = s.deps.Repository(app)
	}
	switch {
	case err != nil:
		return "", "", api.NewProblem(api.NotFound, "", "%v", err)
	case remote == "":
		return "", "", api.NewProblem(api.NotFound, "drydock app add "+app+" --repository URL", "%s is not declared with a repository", app)
	}
	return remote, path, nil
}

// Declared lists the applications that updates can be asked for.
func (s *Service) Declared(context.Context) ([]api.Declared, error) {
	out := []api.Declared{}
	if s.deps.Declared == nil {
		return out, nil
	}
	all, err := s.deps.Declared()
	if err != nil {
		return nil, api.NewProblem(api.Unavailable, "drydock app validate says what is wrong with the file", "read the declared applications: %v", err)
	}
	return append(out, all...), nil
}
