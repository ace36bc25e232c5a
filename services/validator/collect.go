package validator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// lockSuffix is beside a folder of work, never in it: what is locked is not removed with the folder.
const lockSuffix = ".lock"

// claim makes a folder of its own for a piece of work, locked until leave removes it. What dies leaves a folder
// whose lock is free.
func claim(dir, name string) (folder string, leave func() error, err error) {
	folder, err = os.MkdirTemp(dir, name+"-")
	if err != nil {
		return "", nil, err
	}
	lock := flock.New(folder + lockSuffix)
	if ok, lerr := lock.TryLock(); lerr != nil || !ok {
		return "", nil, errors.Join(lerr, os.RemoveAll(folder))
	}
	return folder, func() error {
		return errors.Join(artifact.Remove(folder), os.Remove(folder+lockSuffix), lock.Close())
	}, nil
}

// sweep removes the folders of work that nobody holds: of processes that were killed.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		folder := filepath.Join(dir, e.Name())
		lock := flock.New(folder + lockSuffix)
		ok, err := lock.TryLock()
		if err == nil && ok {
			err = errors.Join(artifact.Remove(folder), os.Remove(folder+lockSuffix))
		}
		errs = append(errs, err, lock.Close())
	}
	return errors.Join(errs...)
}

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
	if err := errors.Join(err, werr, sweep(s.workDir()), s.forget(now)); err != nil {
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
