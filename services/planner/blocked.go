package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// hurry tries again what the routine cooldown of other packages holds back: where the fix needs them they may
// be as young as the fix itself, and each says so.
func (s *solver) hurry(ctx context.Context, st *step, blocked map[want]resolution.Block) map[want]resolution.Block {
	var wants []want
	for w, b := range blocked {
		if b.Err == nil && w.Cooldown < s.task.Routine {
			wants = append(wants, w)
		}
	}
	slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.Package, b.Package) })
	for _, w := range wants { // one by one: each may hurry others only as far as its own class goes
		v := s.view(nil)
		v.cooldown = func(string) time.Duration { return w.Cooldown }
		if !s.differs(ctx, v) || s.at[w.Package] != "" {
			continue
		}
		short := fmt.Sprintf("the fix of %s needs it: its own cooldown of %s counts (%s), not the routine %s", w.Package, span(w.Cooldown), w.Rule, span(s.task.Routine))
		if left := s.attempt(ctx, st, []want{w}, v, short); len(left) == 0 {
			delete(blocked, w)
		}
	}
	return blocked
}

// differs reports whether anything that was looked at is withheld by the routine cooldown and not by this view.
func (s *solver) differs(ctx context.Context, v *view) bool {
	strict := s.view(nil)
	for _, name := range s.book.names() {
		a, _, errA := strict.look(ctx, name)
		b, _, errB := v.look(ctx, name)
		if errA == nil && errB == nil && len(a) != len(b) {
			return true
		}
	}
	return false
}

// held is the fate of a want that nothing can free: too young a release of something it needs, or a conflict.
func (s *solver) held(ctx context.Context, w want, b resolution.Block) fate {
	if b.Err != nil {
		return fate{Kind: fateFailed, Detail: b.Err.Error(), Unreachable: errors.Is(b.Err, index.ErrUnreachable)}
	}
	v := s.view(nil)
	v.cooldown = func(string) time.Duration { return 0 }
	if s.differs(ctx, v) {
		sol, err := s.resolve(ctx, []want{w}, v)
		if _, still := sol.Blocked[w.Package]; err == nil && !still {
			f := fate{Kind: fateCooling, Detail: "a release that the fix needs is younger than the cooldown of " + span(w.Cooldown) + " (" + w.Rule + ")"}
			known := true
			for _, m := range sol.Moves {
				if r := s.seenAt(ctx, m.Package, m.To, w.Cooldown); r.is(whyYoung) {
					known = known && r.Ripe != nil
					if r.Ripe != nil && (f.Until == nil || r.Ripe.After(*f.Until)) {
						f.Until = r.Ripe
					}
				}
			}
			if !known {
				f.Until = nil
			}
			return f
		}
	}
	f := fate{Kind: fateBlocked, Chain: b.Chain, Detail: b.Unblock}
	if fine, _, err := s.view([]want{w}).look(ctx, w.Package); err == nil && len(fine) > 0 {
		f.Detail = fmt.Sprintf("%s %s fixes it and can't be installed with the rest", w.Package, fine[0].Version)
		if b.Unblock != "" {
			f.Detail += "; " + b.Unblock
		}
	}
	return f
}

func (s *solver) seenAt(ctx context.Context, name, version string, cooldown time.Duration) rejection {
	j, err := s.book.judged(ctx, name)
	if err != nil {
		return rejection{}
	}
	for _, c := range j.candidates {
		if c.Version == version {
			return c.seen(cooldown, s.now)
		}
	}
	return rejection{}
}
