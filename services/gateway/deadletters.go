package gateway

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func (s *Service) deadLetters() worker.DeadLetters {
	return worker.DeadLetters{Bus: s.deps.Bus, Now: s.deps.Now}
}

// Letters lists the dead letters that nobody has resolved, or all.
func (s *Service) Letters(ctx context.Context, all bool) ([]bus.Letter, error) {
	out, err := s.deadLetters().List(ctx, all)
	if out == nil {
		out = []bus.Letter{}
	}
	return out, problem("read the dead letters", err)
}

// Letter is one of them.
func (s *Service) Letter(ctx context.Context, id uint64) (*bus.Letter, error) {
	l, err := s.deadLetters().Show(ctx, id)
	if err != nil {
		return nil, letterProblem(err)
	}
	return &l, nil
}

// Requeue hands a letter to its worker once more, however long that takes to run again.
func (s *Service) Requeue(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error) {
	if err := s.deadLetters().Requeue(ctx, id, cmp.Or(q.Actor, "operator"), q.Reason); err != nil {
		return nil, letterProblem(err)
	}
	return s.Letter(ctx, id)
}

// Drop gives a letter up for good; the reason is kept with it.
func (s *Service) Drop(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error) {
	if strings.TrimSpace(q.Reason) == "" {
		return nil, api.NewProblem(api.InvalidInput, "say why it may be lost with --reason", "drop dead letter %d: no reason given", id)
	}
	if err := s.deadLetters().Drop(ctx, id, cmp.Or(q.Actor, "operator"), q.Reason); err != nil {
		return nil, letterProblem(err)
	}
	return s.Letter(ctx, id)
}

func letterProblem(err error) error {
	switch {
	case errors.Is(err, worker.ErrNoLetter):
		return api.NewProblem(api.NotFound, "", "%v", err)
	case errors.Is(err, worker.ErrResolved):
		return api.NewProblem(api.Conflict, "", "%v", err)
	}
	return problem("handle a dead letter", err)
}
