package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Follow asks for a scan of each repository in which a change arrived since it was last read: what is open there is
// planned on what the base has now. Asking again is one request.
func (s *Service) Follow(ctx context.Context) error {
	if s.deps.Repository == nil {
		return nil
	}
	var errs []error
	for _, app := range s.deps.Folds.Apps() {
		st, err := s.deps.Folds.App(ctx, app, 0)
		if err != nil {
			return err
		}
		change, full := unread(st)
		if change == "" {
			continue
		}
		again := false
		_, err = s.RequestUpdate(ctx, app, api.UpdateRequest{Full: full, Again: &again, RequestID: "merged-" + change})
		if api.Is(err, api.NotFound) { // no longer declared
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("scan %s, whose change %s was merged: %w", app, change, err))
		}
	}
	return errors.Join(errs...)
}

// lastRead is when a repository was read last, and whether the plan of it was to hold all updates.
func lastRead(st *events.State) (read time.Time, full bool) {
	for _, sc := range st.Scans {
		if sc.Scan.Repository && sc.Time.After(read) {
			read, full = sc.Time, sc.Scan.PlanOptions.Full
		}
	}
	return read, full
}

// unread is the change that arrived last in a repository and after the newest scan of it, and whether that scan's
// plan was to hold all updates; "" when there is none. It is pure.
func unread(st *events.State) (change string, full bool) {
	var merged time.Time
	read, full := lastRead(st)
	for _, c := range st.Changes {
		if c.Merged != nil && c.MergedAt.After(read) && (c.MergedAt.After(merged) || c.MergedAt.Equal(merged) && c.Change < change) {
			change, merged = c.Change, c.MergedAt
		}
	}
	return change, full
}
