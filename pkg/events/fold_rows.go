package events

// folds says what each type of event does to the state; a type without a row changes nothing.
var folds = map[string]func(*State, Record) error{
	typeOf(ApplicationDeclared{}): fold(func(s *State, _ Record, p ApplicationDeclared) { s.Declared = &p }),
	typeOf(ScanRequested{}): fold(func(s *State, r Record, p ScanRequested) {
		s.Pending[r.Event.ID()] = Requested{Sequence: r.Sequence, Time: r.Event.Time(), Request: p}
	}),
	typeOf(ScanCompleted{}): fold(func(s *State, r Record, p ScanCompleted) {
		delete(s.Pending, Ext(r.Event, ExtCause))
		delete(s.Failed, p.Target)
		s.Scans[p.Target] = Scanned{Event: r.Event.ID(), Sequence: r.Sequence, Time: r.Event.Time(), Scan: p}
	}),
	typeOf(ScanFailed{}): fold(func(s *State, r Record, p ScanFailed) {
		delete(s.Pending, Ext(r.Event, ExtCause))
		s.Failed[p.Target] = p
	}),
	typeOf(FindingOpened{}): fold(func(s *State, r Record, p FindingOpened) {
		f := Finding{FindingOpened: p, FirstDetected: r.Event.Time(), Sequence: r.Sequence, Open: true}
		if old, ok := s.Findings[p.Finding]; ok {
			f.FirstDetected = old.FirstDetected
		}
		s.Findings[p.Finding] = f
	}),
	typeOf(FindingReprioritized{}): fold(func(s *State, _ Record, p FindingReprioritized) {
		if f, ok := s.Findings[p.Finding]; ok {
			f.Urgency = p.After
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
		s.Changes[p.Change] = Change{ChangeOpened: p, Sequence: r.Sequence, Time: r.Event.Time()}
	}),
	typeOf(ChangeSuperseded{}): fold(func(s *State, r Record, p ChangeSuperseded) {
		if c, ok := s.Changes[p.Change]; ok {
			c.Terminal, c.SupersededBy, c.Reason = "superseded", p.By, p.Reason
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

func typeOf(p any) string {
	r, ok := RowOf(p)
	if !ok {
		panic("events: fold for a payload that is not in the catalogue")
	}
	return r.Type()
}

// fold decodes the payload for one row.
func fold[T any](apply func(*State, Record, T)) func(*State, Record) error {
	return func(s *State, r Record) error {
		p, err := Decode[T](r.Event)
		if err == nil {
			apply(s, r, p)
		}
		return err
	}
}

// OrgState is what the organisation's events add up to.
type OrgState struct {
	Sequence  uint64
	Policy    string // sha256:… in force, empty before the first policy.changed
	Databases []Database
	seen      map[string]bool
}

// Apply folds one more record of the organisation.
func (o *OrgState) Apply(r Record) error {
	o.Sequence = r.Sequence
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	if o.seen[r.Event.ID()] {
		return nil
	}
	o.seen[r.Event.ID()] = true
	switch r.Event.Type() {
	case typeOf(PolicyChanged{}):
		p, err := Decode[PolicyChanged](r.Event)
		if err != nil {
			return err
		}
		o.Policy = p.Policy
	case typeOf(DatabaseUpdated{}):
		p, err := Decode[DatabaseUpdated](r.Event)
		if err != nil {
			return err
		}
		o.Databases = p.Databases
	}
	return nil
}

// Clone returns a copy that later calls of Apply on o do not change.
func (o *OrgState) Clone() *OrgState {
	c := &OrgState{Sequence: o.Sequence, Policy: o.Policy, Databases: append([]Database(nil), o.Databases...), seen: make(map[string]bool, len(o.seen))}
	for k := range o.seen {
		c.seen[k] = true
	}
	return c
}
