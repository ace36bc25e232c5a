package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// change is a change as lists show it.
func change(app string, c events.Change) api.Change {
	out := api.Change{Change: c.Change, Application: app, Plan: c.Plan, Phase: c.Phase, Class: c.Class, Branch: c.Branch,
		State: cmp.Or(c.Terminal, "open"), Stage: c.Stage(), Since: since(c), Opened: c.Opened, Deadline: c.Deadline, DeadlineRule: c.DeadlineRule,
		Breached: c.Breached, Updates: c.Updates, Findings: c.ChangeOpened.Findings, SupersededBy: c.SupersededBy, Reason: c.Reason}
	if p := c.Proposed; p != nil {
		out.Branch, out.Commit, out.URL = p.Branch, p.Commit, p.URL
	}
	switch p := c.Parked; {
	case c.Rejected != nil:
		out.Kind = c.Rejected.Kind
	case c.Terminal == "" && p != nil:
		out.Kind, out.Reason, out.Do, out.Retry = p.Kind, p.Reason, p.Do, p.Retry
	}
	return out
}

// since is when a change came to its stage.
func since(c events.Change) time.Time {
	switch c.Stage() {
	case events.StageMerged:
		return c.MergedAt
	case events.StageParked:
		return c.ParkedAt
	case events.StageProposed:
		return c.ProposedAt
	case events.StageValidated:
		return c.ValidatedAt
	case events.StageOpened:
		return c.Time
	}
	return c.EndedAt
}

// rejections are the changes whose rejection still keeps updates out of plans, the newest first.
func rejections(st *events.State, now time.Time) []api.Change {
	var out []api.Change
	for _, r := range slices.Backward(st.RefusedAt(now)) {
		if c, ok := st.Changes[r.Change]; ok {
			out = append(out, change(st.App, c))
		}
	}
	return out
}

// Change is one change with all that is known of it.
func (s *Service) Change(ctx context.Context, id string) (*api.ChangeDetail, error) {
	for _, name := range s.deps.Folds.Apps() {
		if name == events.Org {
			continue
		}
		st, err := s.deps.Folds.App(ctx, name, 0)
		if err != nil {
			return nil, problem("read application "+name, err)
		}
		if _, ok := st.Changes[id]; ok {
			return s.Describe(ctx, st, id)
		}
	}
	return nil, noChange(id)
}

func noChange(id string) error {
	return api.NewProblem(api.NotFound, "`drydock change list --all` lists them", "the log knows no change %q", id)
}

// Describe is Change for who has folded the application already.
func (s *Service) Describe(ctx context.Context, st *events.State, id string) (*api.ChangeDetail, error) {
	c, ok := st.Changes[id]
	if !ok {
		return nil, noChange(id)
	}
	out := detail(st, c)
	out.Progress = s.progress(ctx, st.App, c)
	now, err := s.dock(ctx, st, c, out.Progress)
	if err != nil {
		return nil, problem("read how change "+id+" is", err)
	}
	out.Waits = waits(c, now)
	return out, nil
}

// detail is the pure part: what the events say.
func detail(st *events.State, c events.Change) *api.ChangeDetail {
	out := &api.ChangeDetail{Change: change(st.App, c), Sequence: c.Sequence, Voided: c.Voided, Effects: []api.Effect{}}
	if p, ok := st.Plans[c.Plan]; ok {
		out.Document, out.Scan = p.Document, p.Scan
	}
	if c.Sealed != nil {
		out.Sealed = &api.SealedFact{At: c.SealedAt, ArtifactSealed: *c.Sealed}
	}
	if c.Validated != nil {
		out.Validated = &api.ValidatedFact{At: c.ValidatedAt, ChangeValidated: *c.Validated}
	}
	if c.Parked != nil && c.Terminal == "" {
		out.Parked = &api.ParkedFact{At: c.ParkedAt, ChangeParked: *c.Parked}
	}
	if c.Proposed != nil {
		out.Proposed = &api.ProposedFact{At: c.ProposedAt, ChangeProposed: *c.Proposed}
	}
	if c.Merged != nil {
		out.Merged = &api.MergedFact{At: c.MergedAt, ChangeMerged: *c.Merged}
	}
	if c.Rejected != nil {
		out.Rejected = &api.RejectedFact{At: c.EndedAt, ChangeRejected: *c.Rejected}
	}
	for _, e := range st.Effects {
		if e.Change == c.Change {
			out.Effects = append(out.Effects, api.Effect{Effect: e.Effect, Kind: e.Kind, Target: e.Target, Branch: e.Branch, Commit: e.Commit,
				Sequence: e.Sequence, At: e.Time, Outcome: cmp.Or(e.Outcome, "open"), Result: e.Result, Reason: cmp.Or(e.Reason, e.EffectIntended.Reason)})
		}
	}
	slices.SortFunc(out.Effects, func(a, b api.Effect) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return out
}

// progress is the hint of who works on a change; nil where nobody does. It is no fact: what can't be read is
// left out, and a change is none the worse for it.
func (s *Service) progress(ctx context.Context, app string, c events.Change) *api.Progress {
	if c.Stage() != events.StageOpened {
		return nil
	}
	data := s.value(ctx, "progress", app+"."+c.Change)
	p := &api.Progress{}
	if data == nil || json.Unmarshal(data, p) != nil || p.Step == "" {
		return nil
	}
	return p
}

// value reads a key of a bucket; nil: there is none, or it can't be read now.
func (s *Service) value(ctx context.Context, bucket, key string) []byte {
	kv, err := s.deps.Bus.KV(bucket)
	if err != nil {
		return nil
	}
	data, _, err := kv.Get(ctx, key)
	if err != nil {
		if !errors.Is(err, bus.ErrNoKey) && ctx.Err() == nil {
			s.deps.Log.Debug("a hint could not be read", "bucket", bucket, "key", key, "error", err)
		}
		return nil
	}
	return data
}
