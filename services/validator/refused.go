package validator

import (
	"context"
	"errors"
	"fmt"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// unproposed is what becomes of a change whose proposal the forge refuses: what may go away by itself is an error,
// some times; also is what else is to be said.
func (s *Service) unproposed(ctx context.Context, f worker.Facts, c events.Change, a application.Application, err error, also []said) ([]events.Event, error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	var fe *forge.Error
	errors.As(err, &fe)
	base := events.Base{}
	if c.Validated != nil {
		base = c.Validated.Base
	}
	switch {
	case errors.Is(err, forge.ErrBaseMoved) && c.Validated != nil:
		base.Commit = fe.Commit
		also = append(also, said{c.Validated.Artifact, events.ArtifactVoided{Change: c.Change, Artifact: c.Validated.Artifact, Reason: base.Branch + " moved on", Base: base}})
	case errors.Is(err, forge.ErrTouched):
		also = append(also, touched(c, fe.Commit, fe.By))
	case errors.Is(err, forge.ErrDeleted):
		came, err := s.gone(ctx, f, c, a)
		if err != nil {
			return nil, err
		}
		if also = append(also, came...); len(came) == 0 {
			also = append(also, s.deleted(c, f))
		}
	default:
		h := judge(err)
		if h == nil && f.Attempt < giveUp {
			return nil, fmt.Errorf("propose change %s: %w", c.Change, err)
		}
		if h == nil {
			h = parked(events.ParkedAccess, "look at the reason; it is tried again by itself", "%s", err)
		}
		also = append(also, s.park(f, c, h, "propose"))
	}
	return announce(f, c.Change, also)
}

// touched leaves a branch alone that somebody pushed to. The key names the commit: it is said once.
func touched(c events.Change, tip string, by forge.Person) said {
	who := by.Name
	if by.Email != "" {
		who = fmt.Sprintf("%s <%s>", by.Name, by.Email)
	}
	p := events.ChangeParked{Change: c.Change, Kind: events.ParkedTouched, Step: "propose", Tip: tip, By: clean(who),
		Reason: clean(fmt.Sprintf("%s shows %s, which this Drydock did not push (its author is %s); the branch is left alone", c.Branch, short(tip), who)),
		Do:     "merge the branch if it is good; or take what was pushed off it again; or delete it, and run drydock update for a new one"}
	if c.Validated != nil {
		p.Validation = c.Validated.Validation
	}
	return said{c.Change + " " + tip, p}
}

// gone says what a branch that is not there any more means for a change that was never on it itself: the one it carries
// on may have been merged, and its branch removed as forges do. Nothing: nobody merged anything.
func (s *Service) gone(ctx context.Context, f worker.Facts, c events.Change, a application.Application) ([]said, error) {
	o, ok := forerunner(f.App, c)
	if !ok || c.Proposed != nil {
		return nil, nil
	}
	repo, err := s.deps.Forge(ctx, a)
	var m forge.Merge
	if err == nil {
		m, err = repo.Merged(ctx, o.Proposed.Commit)
	}
	switch {
	case errors.Is(err, forge.ErrNoCommit), err == nil && m.How == forge.NotMerged:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look whether %s was merged: %w", c.Branch, err)
	case covers(o, c):
		return came(o, c, m), nil
	}
	return append(came(o, c, m), s.park(f, c, parked(events.ParkedStale, "drydock update "+f.App.App+" plans what is left", "%s was merged while another plan was made: what is left gets a branch of its own", c.Branch), "propose")), nil
}

// deleted takes a branch that somebody took away for what it is: a rejection of these updates.
func (s *Service) deleted(c events.Change, f worker.Facts) said {
	p := events.ChangeRejected{Change: c.Change, Kind: events.RejectedDeleted, Failing: c.Updates, Until: f.Now.Add(deletedFor).UTC(),
		Reason: fmt.Sprintf("somebody took the branch %s away without merging it", c.Branch)}
	if c.Validated != nil {
		p.Validation = c.Validated.Validation
	}
	return said{c.Change, p}
}
