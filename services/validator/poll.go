package validator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/preflight"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// timers wake an unfinished change up: a parked one when it is to be tried again, any other after a while, should
// what it waited for have come without a word (an application that is declared later).
func timers(s *events.State) []bus.Timer {
	var out []bus.Timer
	for _, c := range s.OpenChanges() {
		at := c.Time.Add(rewake)
		switch c.Stage() {
		case events.StageParked:
			at = c.Parked.Retry
		case events.StageValidated:
			at = c.ValidatedAt.Add(rewake)
		case events.StageOpened:
		default:
			continue
		}
		if !at.IsZero() {
			out = append(out, bus.Timer{Key: c.Change, At: at})
		}
	}
	return out
}

// onDue takes a change up again.
func (s *Service) onDue(_ context.Context, d bus.Due, f worker.Facts) ([]events.Event, error) {
	c, ok := f.App.Changes[d.Key]
	if _, declared := s.application(f.App.App); !ok || !declared || c.Terminal != "" {
		return nil, nil
	}
	for _, t := range timers(f.App) {
		if t.Key == d.Key && !t.At.After(f.Now) {
			e, err := f.New(c.Change, c.Change, events.ChangeResumed{Change: c.Change, Reason: "it was time to try again"})
			return []events.Event{e}, permanent(err)
		}
	}
	return nil, nil
}

// Watch looks at the branches of open changes again and again, and removes what nobody needs any more, until ctx
// ends. What it finds becomes events; what it can't find out it tries again.
func (s *Service) Watch(ctx context.Context) error {
	poll, tidy := time.NewTicker(s.cfg.Poll), time.NewTicker(rewake)
	defer poll.Stop()
	defer tidy.Stop()
	preflight.Sweep() // commands of the server's own that outlived a validator; what runs in a box ends with it anyway
	s.tidy(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
			s.Look(ctx)
		case <-tidy.C:
			s.tidy(ctx)
		}
	}
}

// Look looks once at the branches of all open changes, of some applications at once: a host that does not answer
// keeps others waiting no longer than it must.
func (s *Service) Look(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, looksAtOnce)
	for _, app := range s.deps.Folds.Apps() {
		if _, ok := s.application(app); !ok {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			s.look(ctx, app, s.cfg.Revalidate)
		})
	}
}

// LookAt looks once at the branches of one application: before its repository is read anew, so that what was merged
// or turned down counts in the plan that follows, and what stands on a base that moved is validated anew at once. What
// could not be found out is told, and looked at again later.
func (s *Service) LookAt(ctx context.Context, app string) { s.look(ctx, app, 0) }

func (s *Service) look(ctx context.Context, app string, grace time.Duration) {
	a, ok := s.application(app)
	if !ok {
		return
	}
	err := s.lookAt(ctx, app, a, grace)
	if ctx.Err() == nil && s.unseen(ctx, app, err) {
		s.log.Warn("the branches of an application could not be looked at", telemetry.KeyApp, app, telemetry.KeyError, err)
	}
}

func (s *Service) lookAt(ctx context.Context, app string, a application.Application, grace time.Duration) error {
	st, err := s.deps.Folds.App(ctx, app, 0)
	if err != nil {
		return err
	}
	open := slices.DeleteFunc(st.OpenChanges(), func(c events.Change) bool {
		_, follows := forerunner(st, c)
		return c.Merged != nil || c.Proposed == nil && c.Parked == nil && !follows
	})
	if len(open) == 0 {
		return nil
	}
	repo, err := s.deps.Forge(ctx, a)
	if err != nil {
		return err
	}
	base, err := repo.Base(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range open {
		seen := sight{base: base, target: s.deps.Remote(a), merges: a.Merge == application.MergeAutomatic}
		o, follows := forerunner(st, c)
		if follows = follows && c.Proposed == nil; c.Proposed != nil || isTouched(c) || follows {
			b := st.Branches[c.Branch]
			lease := forge.Lease{Commits: b.Commits, Seen: b.Seen}
			if follows {
				lease = leaseOn(b, o.Proposed.Commit)
			}
			seen.found, err = repo.Find(ctx, c.Branch, lease)
			errs = append(errs, err)
			if err != nil && !errors.Is(err, forge.ErrContent) && !errors.Is(err, forge.ErrTooLarge) {
				continue
			} // else, what the base holds now can't be looked into; a validation of it says so where people see it
		}
		errs = append(errs, s.say(ctx, app, c.Change, seen, grace))
	}
	return errors.Join(errs...)
}

// say appends what a look means by the facts as they are then.
func (s *Service) say(ctx context.Context, app, change string, seen sight, grace time.Duration) error {
	_, err := worker.Decide(ctx, s.deps.Bus, s.deps.Folds, app, func(st *events.State, _ *events.OrgState) ([]events.Event, error) {
		c := st.Changes[change]
		now := s.now().UTC()
		var all []said
		if o, ok := forerunner(st, c); ok && c.Proposed == nil && c.Terminal == "" && c.Merged == nil && seen.found.State == forge.Merged {
			all = came(o, c, seen.found.Merge)
		}
		if n := news(c, seen, now, grace); n != nil && len(all) == 0 {
			all = []said{*n}
		}
		var out []events.Event
		for _, n := range all {
			if p, ok := n.payload.(events.EffectIntended); ok && onItsWay(st, p.Effect, now) {
				continue
			}
			// The same can be seen again after something else was. Two that look at once don't say it twice: the second
			// is told what the first said, and then it is no news.
			cause := fmt.Sprintf("look:%s:%s:%d", change, n.key, st.Sequence)
			e, err := events.New(events.Meta{App: app, Lane: events.LaneOf(c.Class), Cause: cause, Key: n.key, Change: about(n.payload), Time: now}, n.payload)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	})
	return err
}

// sight is what a look at a repository showed.
type sight struct {
	base   forge.Base
	found  forge.Found // of the branch; its State is empty where there is none to look for
	target string
	merges bool // the server says, now, that Drydock merges
}

// isTouched says whether a change waits because its branch is somebody else's: one of ours that was pushed to, or one
// that was there before.
func isTouched(c events.Change) bool { return c.Parked != nil && c.Parked.Kind == events.ParkedTouched }

// news is what a sight says that is not known yet; nil: nothing. It is pure.
func news(c events.Change, seen sight, now time.Time, grace time.Duration) *said {
	if c.Change == "" || c.Terminal != "" || c.Merged != nil {
		return nil
	}
	base := events.Base{Branch: seen.base.Branch, Commit: seen.base.Commit}
	moved := func(from events.Base) bool { return from.Commit != "" && from != base }
	p := c.Proposed
	if p == nil && (seen.found.State == forge.Merged || seen.found.State == forge.Deleted) {
		seen.found.State = forge.Missing // nothing of this change was ever there
	}
	switch seen.found.State {
	case forge.Missing:
		if isTouched(c) {
			return &said{"missing " + c.Parked.Tip, events.ChangeResumed{Change: c.Change, Reason: "the branch that was in the way is gone"}}
		}
	case forge.Merged:
		n := arrived(c, seen.found.Merge)
		return &n
	case forge.Deleted:
		return &said{p.Commit, events.ChangeRejected{Change: c.Change, Kind: events.RejectedDeleted, Failing: c.Updates, Validation: p.Validation, By: clean(seen.found.By.Name),
			Until: now.Add(deletedFor).Truncate(time.Second), Reason: fmt.Sprintf("somebody took the branch %s away without merging it", c.Branch)}}
	case forge.Touched:
		if isTouched(c) && c.Parked.Tip == seen.found.Tip {
			return nil
		}
		n := touched(c, seen.found.Tip, seen.found.By)
		return &n
	case forge.Ours:
		if isTouched(c) {
			return &said{"ours " + c.Parked.Tip, events.ChangeResumed{Change: c.Change, Reason: "the branch shows Drydock's commit again"}}
		}
	}
	switch {
	case isTouched(c):
		return nil
	case c.Validated != nil && moved(c.Validated.Base) && !now.Before(c.ValidatedAt.Add(grace)):
		return &said{c.Validated.Artifact + " " + base.Commit, events.ArtifactVoided{Change: c.Change, Artifact: c.Validated.Artifact, Reason: base.Branch + " moved on", Base: base}}
	case seen.merges && c.Stage() == events.StageProposed && seen.found.State == forge.Ours && c.Validated.Merge == string(application.MergeAutomatic) && !moved(c.Validated.Base):
		id := events.EffectID(c.Change, events.EffectFastForward, p.Commit)
		return &said{id, events.EffectIntended{Effect: id, Kind: events.EffectFastForward, Change: c.Change, Target: seen.target, Branch: base.Branch, Commit: p.Commit,
			Base: c.Validated.Base, Artifact: p.Artifact, Validation: p.Validation}}
	}
	return nil
}
