package gateway

import (
	"context"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Status reads streams, consumers, dead letters, breakers, databases and applications.
func (s *Service) Status(ctx context.Context) (*api.Status, error) {
	now := s.now()
	out := &api.Status{Version: s.deps.Version, Started: s.started, Now: now, Ready: s.ready(ctx) == nil, Breakers: []api.Breaker{}, Databases: []api.Database{}}
	var err error
	if out.Bus, err = s.deps.Bus.Status(ctx); err != nil {
		return nil, problem("read the state of the event log", err)
	}
	letters, err := s.deps.Bus.Letters(ctx, false)
	if err != nil {
		return nil, problem("read the dead letters", err)
	}
	out.DeadLetters = len(letters)
	if s.deps.Breakers != nil {
		out.Breakers = append(out.Breakers, s.deps.Breakers()...)
	}
	org, err := s.deps.Folds.Org(ctx, 0)
	if err != nil {
		return nil, problem("read the organisation's events", err)
	}
	out.Policy = org.Policy
	if s.deps.Databases != nil {
		out.Databases = Databases(s.deps.Databases(), now, s.deps.MaxAge)
	}
	out.Applications, err = s.Applications(ctx)
	return out, err
}

// Databases adds ages. A database given by hand has no time of fetching, and so is never stale.
func Databases(dbs []events.Database, now time.Time, maxAge time.Duration) []api.Database {
	out := []api.Database{}
	for _, d := range dbs {
		db := api.Database{Name: d.Name, Digest: d.Digest, Records: d.Records, Newest: d.Newest, Fetched: d.Fetched, Partial: d.Partial}
		if d.Fetched != nil {
			age := now.Sub(*d.Fetched).Hours()
			db.AgeHours = &age
			db.Stale = maxAge > 0 && now.Sub(*d.Fetched) > maxAge
		}
		out = append(out, db)
	}
	return out
}

func (s *Service) ready(ctx context.Context) error {
	if s.deps.Ready != nil {
		if err := s.deps.Ready(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	_, err := s.deps.Bus.LastSequence(ctx, "")
	return err
}
