package validator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// tidy removes what processes that were killed left, and what nobody needs any more. What can't be removed now is
// tried again later.
func (s *Service) tidy(ctx context.Context) {
	if _, err := os.Stat(s.cfg.Dir); err != nil || s.open() != nil {
		return // nothing was ever validated here
	}
	now := s.now()
	uses, err := s.uses(ctx)
	if err == nil { // with a use unknown nothing is removed
		_, _, err = s.artifacts.Unused(uses, now, artifact.Rule{})
	}
	_, werr := s.wheels.Collect(now.Add(-unusedFor))
	if err := errors.Join(err, werr, artifact.Sweep(s.workDir(), "", now), s.forget(now)); err != nil {
		s.log.Warn("not everything that nobody needs could be removed", telemetry.KeyError, err)
	}
}

// uses are the artifacts that changes name.
func (s *Service) uses(ctx context.Context) (uses []artifact.Use, err error) {
	for _, app := range s.deps.Folds.Apps() {
		st, err := s.deps.Folds.App(ctx, app, 0)
		if err != nil {
			return nil, err
		}
		for _, c := range st.Changes {
			if c.Sealed != nil && c.Terminal == "" {
				uses = append(uses, artifact.Use{Artifact: c.Sealed.Artifact, Application: app, Why: artifact.Open})
			}
			if c.Validated != nil {
				uses = append(uses, artifact.Use{Artifact: c.Validated.Artifact, Application: app, Why: artifact.Validated, At: c.ValidatedAt})
			}
		}
	}
	return uses, nil
}

// forget removes baselines that are too old to be asked for again.
func (s *Service) forget(now time.Time) error {
	dir := filepath.Join(s.cfg.Dir, "baselines")
	entries, err := os.ReadDir(dir)
	if missing(err) {
		return nil
	}
	for _, e := range entries {
		info, ierr := e.Info()
		if ierr == nil && now.Sub(info.ModTime()) > unusedFor {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
