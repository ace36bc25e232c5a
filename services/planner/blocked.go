package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// shortest is the view of a phase that fixes something: a package with a finding has its own cooldown, whichever
// phase moves it, all others have the routine one. Where a fix needs it, no package has a longer one than limit.
func (s *solver) shortest(limit time.Duration) *view {
	own := map[string]time.Duration{}
	for _, w := range s.task.Wants {
		own[w.Package] = w.Cooldown
	}
	return newView(s.book, maps.Clone(s.at), func(name string) time.Duration {
		if d, ok := own[name]; ok {
			return min(d, limit)
		}
		return min(s.task.Routine, limit)
	})
}

// fixing is the view of a phase that fixes something, before anything is in a hurry.
func (s *solver) fixing() *view { return s.shortest(math.MaxInt64) }

// updating is what an update that fixes nothing known may pick: the routine cooldown counts for everything.
func (s *solver) updating() *view {
	return newView(s.book, maps.Clone(s.at), func(string) time.Duration { return s.task.Routine })
}

// hurry tries again what the routine cooldown of other packages holds back: where the fix needs them they may
// be as young as the fix itself, and each says so.
func (s *solver) hurry(ctx context.Context, st *step, blocked map[want]resolution.Block) {
	hurried := false
	for _, w := range byPackage(blocked) { // one by one: each may hurry others only as far as its own class goes
		if s.at[w.Package] != "" { // one before it moved it on the way
			s.settle(w, fate{Kind: fateMoves})
			delete(blocked, w)
			continue
		}
		v := s.shortest(w.Cooldown)
		if blocked[w].Err != nil || !hurried && !s.differs(ctx, v) {
			continue
		}
		moved := len(st.Moves)
		short := fmt.Sprintf("the fix of %s needs it: its own cooldown of %s counts (%s), not the routine %s", w.Package, span(w.Cooldown), w.Rule, span(s.task.Routine))
		if left := s.attempt(ctx, st, []want{w}, v, short); len(left) == 0 {
			delete(blocked, w)
		}
		hurried = hurried || len(st.Moves) > moved
	}
}

func byPackage(blocked map[want]resolution.Block) []want {
	return slices.SortedFunc(maps.Keys(blocked), func(a, b want) int { return cmp.Compare(a.Package, b.Package) })
}

// differs reports whether anything that was looked at is withheld by the cooldowns as they are and not by this view.
func (s *solver) differs(ctx context.Context, v *view) bool {
	strict := s.fixing()
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
	v := s.shortest(0)
	if s.differs(ctx, v) {
		sol, err := s.resolve(ctx, []want{w}, v)
		if _, still := sol.Blocked[w.Package]; err == nil && !still {
			f := fate{Kind: fateCooling, Detail: "a release that the fix needs is younger than the cooldown of " + span(w.Cooldown) + " (" + w.Rule + ")"}
			f.Until = s.ripens(ctx, w)
			return f
		}
	}
	refused, b := s.refused(ctx, w, b)
	f := fate{Kind: fateBlocked, Chain: b.Chain, Detail: "no release above " + s.version(w.Package) + " can be installed with the rest"}
	if fine, _, err := s.fixing().look(ctx, w.Package); err == nil && len(fine) > 0 {
		f.Detail = fmt.Sprintf("%s %s fixes it and can't be installed with the rest", w.Package, fine[0].Version)
	}
	if len(refused) > 0 {
		return s.rejected(f, refused)
	}
	if b.Unblock != "" && !strings.Contains(b.Unblock, "hit by") { // one that an advisory hits frees nobody
		f.Detail += "; it would be free with " + b.Unblock
	}
	return f
}

// refused are the moves to rejected releases with which the fix of w could be had. Where it could not be had even so,
// there are none, and what blocks it then is the better explanation: rejections come to an end. It is asked where no
// cooldown is what blocks, so the age of releases does not count.
func (s *solver) refused(ctx context.Context, w want, b resolution.Block) ([]resolution.Move, resolution.Block) {
	looked := s.book.names()
	if !slices.ContainsFunc(s.task.Holds, func(h hold) bool { return slices.Contains(looked, h.Package) }) {
		return nil, b
	}
	v := s.shortest(0)
	v.lifted = true
	sol, err := s.resolve(ctx, []want{w}, v)
	left, still := sol.Blocked[w.Package]
	switch {
	case err != nil, still && left.Err != nil:
		return nil, b
	case still:
		return nil, left
	}
	return slices.DeleteFunc(sol.Moves, func(m resolution.Move) bool { return !isHeld(s.task.Holds, m.Package, m.To) }), b
}

// rejected has the fate say what was rejected, until when, and what tries it again.
func (s *solver) rejected(f fate, refused []resolution.Move) fate {
	var chain []string
	again := ""
	for _, m := range refused {
		v, err := pep440.Parse(m.To)
		if err != nil {
			continue
		}
		h := over(s.task.Holds, m.Package, v)
		chain = append(chain, m.Package+" "+m.To+" "+h.tell(m.To, "is"))
		again = h.Again
		if until := h.Until.UTC(); f.Until == nil || until.After(*f.Until) {
			f.Until = &until
		}
	}
	f.Chain = append(slices.Concat(chain, f.Chain), again)
	return f
}

// ripens is the first moment at which what is too young now lets the fix of w be installed; nil: there is none, as
// the age of a release is not known. More may be picked the later it is, so that half of the moments need no look.
func (s *solver) ripens(ctx context.Context, w want) *time.Time {
	v := s.shortest(w.Cooldown)
	var moments []time.Time
	for _, name := range s.book.names() {
		_, withheld, err := v.look(ctx, name)
		if err != nil {
			continue
		}
		for _, r := range onlyYoung(withheld) {
			if r.Ripe != nil {
				moments = append(moments, *r.Ripe)
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	moments = slices.CompactFunc(moments, time.Time.Equal)
	i := sort.Search(len(moments), func(i int) bool {
		later := s.shortest(w.Cooldown)
		later.now = moments[i]
		sol, err := s.resolve(ctx, []want{w}, later)
		_, still := sol.Blocked[w.Package]
		return err == nil && !still
	})
	if i == len(moments) {
		return nil
	}
	return &moments[i]
}
