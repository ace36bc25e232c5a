package main

import (
	"context"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// looks gives a session without workers on a log.
func (c *cli) looks(ctx context.Context, b bus.Bus) (*session, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &session{alive: func() error { return nil }, close: func() { cancel(); _ = b.Close() }}
	p, err := c.parts(b, oneShot{})
	if err == nil {
		err = p.assemble("gateway")
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.api = looking{p.gateway, sync.OnceValue(func() error { return p.folds.Start(ctx) })}
	return s, nil
}

// looking is a gateway that reads the whole log only for what needs all of it: a question about one
// application, or a list of events, reads those alone.
type looking struct {
	*gateway.Service
	folded func() error
}

func (l looking) RequestScan(ctx context.Context, q api.ScanRequest) (*api.Scan, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.RequestScan(ctx, q)
}

func (l looking) Scan(ctx context.Context, id uint64, wait time.Duration) (*api.Scan, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.Scan(ctx, id, wait)
}

func (l looking) Plan(ctx context.Context, app string, after uint64, wait time.Duration) (*api.Plan, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.Plan(ctx, app, after, wait)
}

func (l looking) Application(ctx context.Context, app string) (*api.Application, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.Application(ctx, app)
}

func (l looking) Applications(ctx context.Context) ([]api.Application, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.Applications(ctx)
}

func (l looking) Changes(ctx context.Context, app string, all bool) ([]api.Change, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.Changes(ctx, app, all)
}

// Change reads one application's events alone.
func (l looking) Change(ctx context.Context, id string) (*api.ChangeDetail, error) {
	app := ""
	_, err := l.Events(ctx, api.EventQuery{Type: "change.opened", Change: id}, func(r bus.Record) error {
		if p, err := events.Decode[events.ChangeOpened](r.Event); err == nil && p.Change == id {
			app = events.App(r.Event)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	st := events.NewState(app)
	if app != "" {
		_, err = l.Events(ctx, api.EventQuery{App: app}, func(r bus.Record) error {
			if r.Err == nil {
				_ = st.Apply(r.Record) // what can't be read is told by who asks for it
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return l.Describe(ctx, st, id)
}

func (l looking) RequestUpdate(ctx context.Context, app string, q api.UpdateRequest) (*api.Scan, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.RequestUpdate(ctx, app, q)
}

func (l looking) Status(ctx context.Context) (*api.Status, error) {
	if err := l.folded(); err != nil {
		return nil, err
	}
	return l.Service.Status(ctx)
}
