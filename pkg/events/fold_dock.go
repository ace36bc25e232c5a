package events

import (
	"slices"
	"time"
)

// Dock is what became of a change in the dock and after it. Of each fact the newest counts; nil: there is none.
type Dock struct {
	Sealed      *ArtifactSealed
	SealedAt    time.Time
	Validated   *ChangeValidated // nil again once its artifact was voided
	ValidatedAt time.Time
	Voided      *ArtifactVoided // the last one, until it is validated anew
	Parked      *ChangeParked   // nil again once it went on
	ParkedAt    time.Time
	Proposed    *ChangeProposed
	ProposedAt  time.Time
	Merged      *ChangeMerged
	MergedAt    time.Time
	Rejected    *ChangeRejected
	EndedAt     time.Time // of its terminal event
}

// Stages of a change that has not ended.
const (
	StageOpened    = "opened" // not validated yet
	StageParked    = "parked"
	StageValidated = "validated"
	StageProposed  = "proposed"
	StageMerged    = "merged"
)

// Stage is how far a change has come: one of the stages, or the verb of its terminal event.
func (c Change) Stage() string {
	switch {
	case c.Terminal != "":
		return c.Terminal
	case c.Merged != nil:
		return StageMerged
	case c.Parked != nil:
		return StageParked
	case c.Validated == nil:
		return StageOpened
	case c.Proposed != nil && c.Proposed.Artifact == c.Validated.Artifact:
		return StageProposed
	}
	return StageValidated
}

// Effect is an outside effect and what came of it.
type Effect struct {
	EffectIntended
	Sequence uint64    // of effect.intended
	Time     time.Time // of effect.intended
	Outcome  string    // done | refused; empty: not known yet
	Result   string    // of effect.done
	Reason   string    // of effect.refused
}

// Branch is what is known of a branch of ours.
type Branch struct {
	Commits []string // that were pushed or set out to be pushed, the last one last
	Seen    bool     // it showed one of them
	Change  string   // ChangeID that wrote it last
	Closed  bool     // closed by Drydock
}

// Refused is a rejection that still reaches what plans may offer, while its time lasts.
type Refused struct {
	ChangeRejected
	Sequence uint64
	Time     time.Time
}

// RefusedAt are the rejections that hold at a time.
func (s *State) RefusedAt(now time.Time) []Refused {
	var out []Refused
	for _, r := range s.Refused {
		if now.Before(r.Until) {
			out = append(out, r)
		}
	}
	return out
}

// dockFolds are the folds of what happens in the dock, and of effects.
var dockFolds = map[string]func(*State, Record) error{
	typeOf(ArtifactSealed{}): inDock(func(d *Dock, r Record, p ArtifactSealed) { d.Sealed, d.SealedAt = &p, r.Event.Time() }, func(p ArtifactSealed) string { return p.Change }),
	typeOf(ChangeValidated{}): inDock(func(d *Dock, r Record, p ChangeValidated) {
		d.Validated, d.ValidatedAt, d.Voided, d.Parked = &p, r.Event.Time(), nil, nil
	}, func(p ChangeValidated) string { return p.Change }),
	typeOf(ChangeParked{}): inDock(func(d *Dock, r Record, p ChangeParked) {
		d.Parked, d.ParkedAt = &p, r.Event.Time()
	}, func(p ChangeParked) string { return p.Change }),
	typeOf(ChangeResumed{}): inDock(func(d *Dock, _ Record, _ ChangeResumed) { d.Parked = nil }, func(p ChangeResumed) string { return p.Change }),
	typeOf(ArtifactVoided{}): inDock(func(d *Dock, _ Record, p ArtifactVoided) {
		if d.Validated != nil && d.Validated.Artifact == p.Artifact {
			d.Validated, d.Voided = nil, &p
		}
	}, func(p ArtifactVoided) string { return p.Change }),
	typeOf(ChangeProposed{}): inDock(func(d *Dock, r Record, p ChangeProposed) {
		d.Proposed, d.ProposedAt, d.Parked = &p, r.Event.Time(), nil
	}, func(p ChangeProposed) string { return p.Change }),
	// What was merged while a newer plan was made is in the base all the same: it is known of a change that this plan
	// superseded, and does not bring that one back.
	typeOf(ChangeMerged{}): fold(func(s *State, r Record, p ChangeMerged) {
		c, ok := s.Changes[p.Change]
		if !ok || c.Terminal != "" && c.Terminal != "superseded" {
			return
		}
		c.Merged, c.MergedAt, c.Parked = &p, r.Event.Time(), nil
		s.Changes[p.Change] = c
	}),
	typeOf(ChangeRejected{}): fold(func(s *State, r Record, p ChangeRejected) {
		c, ok := s.Changes[p.Change]
		if !ok || c.Terminal != "" { // a change ends once
			return
		}
		c.Terminal, c.Reason, c.Rejected, c.EndedAt = "rejected", p.Reason, &p, r.Event.Time()
		s.Changes[p.Change] = c
		s.Refused = append(slices.Clip(s.Refused), Refused{ChangeRejected: p, Sequence: r.Sequence, Time: r.Event.Time()})
	}),
	typeOf(EffectIntended{}): fold(func(s *State, r Record, p EffectIntended) {
		s.Effects[p.Effect] = Effect{EffectIntended: p, Sequence: r.Sequence, Time: r.Event.Time()}
		if p.Kind != EffectPropose {
			return
		}
		b := s.Branches[p.Branch]
		b.Commits = append(slices.DeleteFunc(slices.Clone(b.Commits), func(c string) bool { return c == p.Commit }), p.Commit)
		b.Change, b.Closed = p.Change, false
		s.Branches[p.Branch] = b
	}),
	typeOf(EffectDone{}): fold(func(s *State, _ Record, p EffectDone) {
		e, ok := s.Effects[p.Effect]
		if !ok {
			return
		}
		e.Outcome, e.Result = "done", p.Result
		s.Effects[p.Effect] = e
		if b, ok := s.Branches[e.Branch]; ok {
			b.Seen = b.Seen || e.Kind == EffectPropose
			b.Closed = e.Kind == EffectClose
			s.Branches[e.Branch] = b
		}
	}),
	typeOf(EffectRefused{}): fold(func(s *State, _ Record, p EffectRefused) {
		if e, ok := s.Effects[p.Effect]; ok {
			e.Outcome, e.Reason = "refused", p.Reason
			s.Effects[p.Effect] = e
		}
	}),
}

// inDock changes what is known of one change; nothing is said of one that is not there, or has ended.
func inDock[T any](apply func(*Dock, Record, T), change func(T) string) func(*State, Record) error {
	return fold(func(s *State, r Record, p T) {
		c, ok := s.Changes[change(p)]
		if !ok || c.Terminal != "" {
			return
		}
		apply(&c.Dock, r, p)
		s.Changes[change(p)] = c
	})
}
