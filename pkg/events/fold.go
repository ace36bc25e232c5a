package events

import (
	"fmt"
	"maps"
	"time"
)

// Record is an event with its place in the log.
type Record struct {
	Sequence uint64    `json:"sequence"` // position in the log, from 1, without gaps
	Time     time.Time `json:"time"`     // when the log stored it
	Event    Event     `json:"event"`
}

// State is what the events of one application add up to. It is made by [Fold] only; readers must not
// change it.
type State struct {
	App      string
	Sequence uint64 // last sequence folded
	Declared *ApplicationDeclared
	Pending  map[string]Requested // scan requests without an answer, by event id
	Scans    map[string]Scanned   // newest completed scan by target
	Failed   map[string]ScanFailed
	Findings map[string]Finding // by id, closed ones too
	Plan     *Planned           // the plan in force
	Plans    map[string]PlanGenerated
	Changes  map[string]Change

	seen map[string]bool             // ids of folded events
	done map[string]map[Service]bool // cause → producers that answered it
	held map[string][]Record         // events of a split result whose closing event has not come
}

// Requested is a scan asked for and not yet answered.
type Requested struct {
	Sequence uint64
	Time     time.Time
	Request  ScanRequested
}

// Scanned is a completed scan.
type Scanned struct {
	Event    string // id of the scan.completed event
	Sequence uint64
	Time     time.Time
	Scan     ScanCompleted
}

// Finding is a finding's present state.
type Finding struct {
	FindingOpened
	FirstDetected time.Time // time of the first finding.opened, kept when it comes back
	Sequence      uint64
	Open          bool
	ClosedAt      time.Time
	ClosedReason  string
}

// Planned is a plan in force.
type Planned struct {
	Sequence uint64
	Time     time.Time
	PlanGenerated
}

// Change is a change's present state.
type Change struct {
	ChangeOpened
	Sequence     uint64
	Time         time.Time
	Terminal     string // empty while open, else the verb of the terminal event
	SupersededBy string
	Reason       string
	Warned       int  // highest percentage of a deadline.approaching
	Breached     bool // deadline.breached was said
}

// NewState is the state of an application without events.
func NewState(app string) *State {
	return &State{App: app, Pending: map[string]Requested{}, Scans: map[string]Scanned{}, Failed: map[string]ScanFailed{},
		Findings: map[string]Finding{}, Plans: map[string]PlanGenerated{}, Changes: map[string]Change{},
		seen: map[string]bool{}, done: map[string]map[Service]bool{}, held: map[string][]Record{}}
}

// Fold is the pure fold of one application's events, in log order. An id seen before is ignored. Events
// of a split result (ExtBatch) show only once its closing event has come.
func Fold(app string, records []Record) (*State, error) {
	s := NewState(app)
	for _, r := range records {
		if err := s.Apply(r); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Done reports whether producer has answered the event with id cause: the question a runner asks before
// it handles a redelivered event (design §4).
func (s *State) Done(cause string, producer Service) bool { return s.done[cause][producer] }

// Seen reports whether the event with this id was folded.
func (s *State) Seen(id string) bool { return s.seen[id] }

// Apply folds one more record. Records must come in log order; an event of another application is an error.
func (s *State) Apply(r Record) error {
	e := r.Event
	if App(e) != s.App {
		return fmt.Errorf("fold %s: event %d is of %q", s.App, r.Sequence, App(e))
	}
	if r.Sequence != 0 && r.Sequence <= s.Sequence {
		return fmt.Errorf("fold %s: event %d after %d", s.App, r.Sequence, s.Sequence)
	}
	s.Sequence = r.Sequence
	if s.seen[e.ID()] {
		return nil
	}
	s.seen[e.ID()] = true
	batch := Ext(e, ExtBatch)
	if batch != "" && Ext(e, ExtBatchFinal) != "true" {
		s.held[batch] = append(s.held[batch], r)
		return nil
	}
	for _, h := range s.held[batch] {
		if err := s.show(h); err != nil {
			return err
		}
	}
	delete(s.held, batch)
	return s.show(r)
}

func (s *State) show(r Record) error {
	row, ok := Lookup(r.Event.Type())
	if !ok {
		return nil // of a newer Drydock: kept in the log, unknown here
	}
	if cause := Ext(r.Event, ExtCause); cause != "" {
		if s.done[cause] == nil {
			s.done[cause] = map[Service]bool{}
		}
		s.done[cause][row.Producer] = true
	}
	apply, ok := folds[row.Type()]
	if !ok {
		return nil
	}
	if err := apply(s, r); err != nil {
		return fmt.Errorf("fold %s event %d: %w", s.App, r.Sequence, err)
	}
	return nil
}

// OpenFindings counts the open findings.
func (s *State) OpenFindings() int {
	n := 0
	for _, f := range s.Findings {
		if f.Open {
			n++
		}
	}
	return n
}

// Clone returns a copy that later calls of Apply on s do not change.
func (s *State) Clone() *State {
	c := *s
	c.Pending, c.Scans, c.Failed = maps.Clone(s.Pending), maps.Clone(s.Scans), maps.Clone(s.Failed)
	c.Findings, c.Plans, c.Changes = maps.Clone(s.Findings), maps.Clone(s.Plans), maps.Clone(s.Changes)
	c.seen, c.held = maps.Clone(s.seen), maps.Clone(s.held)
	c.done = make(map[string]map[Service]bool, len(s.done))
	for k, v := range s.done {
		c.done[k] = maps.Clone(v)
	}
	return &c
}
