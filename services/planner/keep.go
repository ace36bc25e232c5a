package planner

import (
	"context"
	"errors"
	"slices"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// keep answers what the index left open with the plan in force, where that still holds: an index that is away
// for an hour must not end changes that people work on, nor silence their deadlines. What was picked for an
// environment stays picked as a whole, only for the same target and wishes, only while its pins stand where
// they stood and no advisory hits what was picked.
func (in *situation) keep(ctx context.Context, env int, a *solved, w outside) {
	old := in.InForce
	if old == nil || !a.away() || !in.sameWishes(old.Inputs) {
		return
	}
	steps, ok := in.Envs[env].stillGood(ctx, old, in.Holds[env], w)
	if !ok {
		return
	}
	a.Steps = steps
	if old.Inputs.Inventory != in.Digest {
		a.Unknown = append(a.Unknown, "the updates of the plan in force are kept while the index does not answer; what stands beside them has changed since, and that all of it installs together is not proved")
	}
	moved := map[string]bool{}
	for _, st := range steps {
		for _, m := range st.Moves {
			moved[m.Package] = true
		}
	}
	for name, f := range a.Fates {
		if f.Kind == fateMoves && !moved[name] {
			a.Fates[name] = fate{Kind: fateFailed, Unreachable: true,
				Detail: "the index does not answer for another package of the set; until it does, the plan in force stays as it is"}
		}
	}
}

// away reports whether the index left something open that may keep a finding from being fixed.
func (a solved) away() bool {
	for _, f := range a.Fates {
		if f.Unreachable || a.Away && f.Kind == fateBlocked {
			return true
		}
	}
	return false
}

func (in *situation) sameWishes(was report.Inputs) bool {
	w := in.Wishes
	if (w.ExcludeNewer == nil) != (was.ExcludeNewer == nil) || w.ExcludeNewer != nil && !w.ExcludeNewer.Equal(*was.ExcludeNewer) {
		return false
	}
	return w.Full == was.Full && w.Target.Python == was.Python && w.Target.Platform == was.Platform && w.Target.Machine == was.Machine
}

// stillGood are the moves that the plan in force makes in an environment; false where one no longer holds. Of one in which
// something was rejected since, the phases before that count: each was proved to install after the ones before it.
func (e environment) stillGood(ctx context.Context, old *report.Plan, holds []hold, w outside) ([]step, bool) {
	at := map[string]string{}
	for _, p := range e.Pins {
		at[p.Package] = p.Version
	}
	var steps []step
	for _, ph := range old.Phases {
		if slices.ContainsFunc(ph.Updates, func(u report.Update) bool { return e.has(u.Source) && isHeld(holds, u.Package, u.To) }) {
			break
		}
		st := step{Class: policy.ClassName(ph.Class)}
		for _, u := range ph.Updates {
			if !e.has(u.Source) || slices.ContainsFunc(st.Moves, func(m move) bool { return m.Package == u.Package }) {
				continue
			}
			if u.Ecosystem != pypi || at[u.Package] != u.From && !sameVersion(at[u.Package], u.From) || e.Hashed && len(u.Hashes) == 0 {
				return nil, false
			}
			if hits, err := w.Match(pypi, u.Package, u.To); err != nil || len(hits) > 0 || takenBack(ctx, w, u) {
				return nil, false
			}
			at[u.Package] = u.To
			st.Moves = append(st.Moves, move{Move: resolution.Move{Package: u.Package, From: u.From, To: u.To, Step: u.Step, Via: u.Through},
				Released: u.Released, Hashes: u.Hashes, Page: u.Page, Kept: true})
		}
		if len(st.Moves) > 0 {
			steps = append(steps, st)
		}
	}
	for _, p := range e.Pins { // a bound written since may forbid what was picked
		if v, err := pep440.Parse(at[p.Package]); err == nil && at[p.Package] != p.Version && !permitted(p.Allowed, v) {
			return nil, false
		}
	}
	return steps, len(steps) > 0
}

// takenBack reports whether the index, where it does answer, offers the release no more, or none of its files.
func takenBack(ctx context.Context, w outside, u report.Update) bool {
	p, err := w.Project(ctx, u.Package)
	if err != nil {
		return errors.Is(err, index.ErrUnknownProject)
	}
	return !slices.ContainsFunc(p.Releases, func(r index.Release) bool {
		return sameVersion(r.Version, u.To) && slices.ContainsFunc(r.Files, func(f index.File) bool { return !f.Yanked })
	})
}

func (e environment) has(source string) bool {
	return slices.ContainsFunc(e.Pins, func(p pin) bool {
		return slices.ContainsFunc(p.Lines, func(l inventory.Package) bool { return l.Source == source })
	})
}
