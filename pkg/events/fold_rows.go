package events

import (
	"fmt"
	"maps"
	"slices"
)

// folds says what each type of event does to the state; a type without a row changes nothing.
var folds = joined(scanFolds, dockFolds)

var scanFolds = map[string]func(*State, Record) error{
	typeOf(ApplicationDeclared{}): fold(func(s *State, _ Record, p ApplicationDeclared) { s.Declared = &p }),
	typeOf(ScanRequested{}): fold(func(s *State, r Record, p ScanRequested) {
		s.Pending[r.Event.ID()] = Requested{Sequence: r.Sequence, Time: r.Event.Time(), Request: p}
		if p.PlanOptions.Again {
			s.Refused = nil
		}
	}),
	typeOf(ScanCompleted{}): fold(func(s *State, r Record, p ScanCompleted) {
		delete(s.Pending, Ext(r.Event, ExtCause))
		delete(s.Failed, p.Target)
		s.Scans[ScanKey(p.Target, p.Environment)] = Scanned{Event: r.Event.ID(), Sequence: r.Sequence, Time: r.Event.Time(), Scan: p}
	}),
	typeOf(ScanFailed{}): fold(func(s *State, r Record, p ScanFailed) {
		delete(s.Pending, Ext(r.Event, ExtCause))
		s.Failed[p.Target] = p
	}),
	typeOf(FindingOpened{}): fold(func(s *State, r Record, p FindingOpened) {
		alike.share(&p)
		f := Finding{FindingOpened: p, FirstDetected: r.Event.Time(), Sequence: r.Sequence, Open: true}
		if old, ok := s.Findings[p.Finding]; ok {
			f.FirstDetected = old.FirstDetected
		}
		s.Findings[p.Finding] = f
	}),
	typeOf(FindingReprioritized{}): fold(func(s *State, _ Record, p FindingReprioritized) {
		if f, ok := s.Findings[p.Finding]; ok {
			f.Urgency = p.After
			alike.shareUrgency(&f.Urgency)
			s.Findings[p.Finding] = f
		}
	}),
	typeOf(FindingClosed{}): fold(func(s *State, r Record, p FindingClosed) {
		if f, ok := s.Findings[p.Finding]; ok {
			f.Open, f.ClosedAt, f.ClosedReason = false, r.Event.Time(), p.Reason
			s.Findings[p.Finding] = f
		}
	}),
	typeOf(PlanGenerated{}): fold(func(s *State, r Record, p PlanGenerated) {
		s.Plan = &Planned{Sequence: r.Sequence, Time: r.Event.Time(), PlanGenerated: p}
		s.Plans[p.Plan] = p
	}),
	typeOf(PlanSuperseded{}): fold(func(s *State, _ Record, p PlanSuperseded) {
		delete(s.Plans, p.Plan)
		if s.Plan != nil && s.Plan.Plan == p.Plan {
			s.Plan = nil
		}
	}),
	typeOf(ChangeOpened{}): fold(func(s *State, r Record, p ChangeOpened) {
		c := Change{ChangeOpened: p, Sequence: r.Sequence, Time: r.Event.Time()}
		// A plan that comes back brings its changes back. What was said of a deadline stays said.
		if old, ok := s.Changes[p.Change]; ok && old.Deadline.Equal(p.Deadline) {
			c.Warned, c.Breached = old.Warned, old.Breached
		}
		s.Changes[p.Change] = c
	}),
	typeOf(ChangeSuperseded{}): fold(func(s *State, r Record, p ChangeSuperseded) {
		if c, ok := s.Changes[p.Change]; ok && c.Terminal == "" { // a change ends once
			c.Terminal, c.SupersededBy, c.Reason, c.EndedAt = "superseded", p.By, p.Reason, r.Event.Time()
			s.Changes[p.Change] = c
		}
	}),
	typeOf(DeadlineApproaching{}): fold(func(s *State, _ Record, p DeadlineApproaching) {
		if c, ok := s.Changes[p.Change]; ok {
			c.Warned = max(c.Warned, p.Percent)
			s.Changes[p.Change] = c
		}
	}),
	typeOf(DeadlineBreached{}): fold(func(s *State, _ Record, p DeadlineBreached) {
		if c, ok := s.Changes[p.Change]; ok {
			c.Breached = true
			s.Changes[p.Change] = c
		}
	}),
}

func joined(tables ...map[string]func(*State, Record) error) map[string]func(*State, Record) error {
	all := map[string]func(*State, Record) error{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

func typeOf(p any) string {
	r, ok := RowOf(p)
	if !ok {
		panic("events: fold for a payload that is not in the catalogue")
	}
	return r.Type()
}

// fold decodes the payload for one row.
func fold[S, T any](apply func(*S, Record, T)) func(*S, Record) error {
	return func(s *S, r Record) error {
		p, err := Decode[T](r.Event)
		if err == nil {
			apply(s, r, p)
		}
		return err
	}
}

// OrgState is what the organisation's events add up to. Its zero value is the state without events.
type OrgState struct {
	Sequence  uint64
	Policy    string // sha256:… in force, empty before the first policy.changed
	Databases []Database
	Lists     []List
	seen      map[eventID]struct{}
}

// Apply folds one more record of the organisation, by the rules of [State.Apply].
func (o *OrgState) Apply(r Record) error {
	if App(r.Event) != Org {
		return fmt.Errorf("fold the organisation: event %d is of %q", r.Sequence, App(r.Event))
	}
	if r.Sequence != 0 && r.Sequence <= o.Sequence {
		return fmt.Errorf("fold the organisation: event %d after %d", r.Sequence, o.Sequence)
	}
	o.Sequence = max(o.Sequence, r.Sequence)
	id := idOf(r.Event.ID())
	if _, ok := o.seen[id]; ok {
		return nil
	}
	if o.seen == nil {
		o.seen = map[eventID]struct{}{}
	}
	o.seen[id] = struct{}{}
	if apply, ok := orgFolds[r.Event.Type()]; ok {
		if err := apply(o, r); err != nil {
			return fmt.Errorf("fold the organisation: event %d: %w", r.Sequence, err)
		}
	}
	return nil
}

// orgFolds is folds for the organisation.
var orgFolds = map[string]func(*OrgState, Record) error{
	typeOf(PolicyChanged{}):   fold(func(o *OrgState, _ Record, p PolicyChanged) { o.Policy = p.Policy }),
	typeOf(DatabaseUpdated{}): fold(func(o *OrgState, _ Record, p DatabaseUpdated) { o.Databases, o.Lists = p.Databases, p.Lists }),
}

// Clone returns a copy; later calls of Apply on either do not change the other.
func (o *OrgState) Clone() *OrgState {
	c := *o
	c.Databases, c.Lists, c.seen = slices.Clone(o.Databases), slices.Clone(o.Lists), maps.Clone(o.seen)
	return &c
}
