package gateway

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Letters lists the dead letters that nobody has resolved, or all.
func (s *Service) Letters(ctx context.Context, all bool) ([]bus.Letter, error) {
	out, err := s.deps.Bus.Letters(ctx, all)
	if out == nil {
		out = []bus.Letter{}
	}
	return out, problem("read the dead letters", err)
}

// Letter is one of them.
func (s *Service) Letter(ctx context.Context, id uint64) (*bus.Letter, error) {
	all, err := s.Letters(ctx, true)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if l.ID == id {
			return &l, nil
		}
	}
	return nil, api.NewProblem(api.NotFound, "`drydock deadletter list` shows them", "there is no dead letter %d", id)
}

// Requeue hands a letter to its worker once more.
func (s *Service) Requeue(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error) {
	return s.resolve(ctx, id, "requeued", q)
}

// Drop gives a letter up for good; the reason is kept with it.
func (s *Service) Drop(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error) {
	if strings.TrimSpace(q.Reason) == "" {
		return nil, api.NewProblem(api.InvalidInput, "say why with --reason", "drop dead letter %d: no reason given", id)
	}
	return s.resolve(ctx, id, "dropped", q)
}

func (s *Service) resolve(ctx context.Context, id uint64, verdict string, q api.Resolve) (*bus.Letter, error) {
	l, err := s.Letter(ctx, id)
	if err != nil {
		return nil, err
	}
	if l.Resolved != nil {
		return nil, api.NewProblem(api.Conflict, "", "dead letter %d was %s already, by %s", id, l.Resolved.Verdict, l.Resolved.Actor)
	}
	attempted := fmt.Sprintf("resolve dead letter %d", id)
	if verdict == "requeued" {
		if s.deps.Requeue == nil {
			return nil, api.NewProblem(api.Unavailable, "start `drydock up`", "%s: no worker runs here", attempted)
		}
		if err := s.deps.Requeue(ctx, *l); err != nil {
			return nil, problem(attempted, err)
		}
	}
	r := bus.Resolution{Verdict: verdict, Actor: cmp.Or(q.Actor, "operator"), Reason: q.Reason, Time: s.now()}
	if err := s.deps.Bus.Resolve(ctx, id, r); err != nil {
		return nil, problem(attempted, err)
	}
	l.Resolved = &r
	return l, nil
}
