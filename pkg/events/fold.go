package events

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Record is an event with its place in the log.
type Record struct {
	Sequence uint64    `json:"sequence"` // position in the log, from 1, without gaps
	Time     time.Time `json:"time"`     // when the log stored it
	Event    Event     `json:"event"`
}

// State is what the events of one application add up to. It is made by [Fold] only; readers must not
// change it, nor anything it points to: states share lists and numbers that are alike.
type State struct {
	App      string
	Sequence uint64 // last sequence folded
	Declared *ApplicationDeclared
	Pending  map[string]Requested  // scan requests without an answer, by event id
	Scans    map[string]Scanned    // newest completed scan by ScanKey
	Failed   map[string]ScanFailed // newest failed scan without a completed one since, by target
	Findings map[string]Finding    // by id, closed ones too
	Plan     *Planned              // the plan in force
	Plans    map[string]PlanGenerated
	Changes  map[string]Change
	Effects  map[string]Effect // by EffectID
	Branches map[string]Branch // that Drydock wrote or set out to write, by name
	Refused  []Refused         // rejections that nobody asked to forget, in log order

	seen map[eventID]bool // ids of folded events; false while only held
	done map[answer]struct{}
	held map[string][]Record // by ExtBatch: events of a split result whose closing event has not come
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

	Dock // what became of it in the dock
}

// NewState is the state of an application without events.
func NewState(app string) *State {
	return &State{App: app, Pending: map[string]Requested{}, Scans: map[string]Scanned{}, Failed: map[string]ScanFailed{},
		Findings: map[string]Finding{}, Plans: map[string]PlanGenerated{}, Changes: map[string]Change{},
		Effects: map[string]Effect{}, Branches: map[string]Branch{},
		seen: map[eventID]bool{}, done: map[answer]struct{}{}, held: map[string][]Record{}}
}

// Fold is the pure fold of one application's events, in log order. An id seen before is ignored. Events
// of a split result (ExtBatch) show only once its closing event has come. Records that could not be folded
// are named by the error; the state is that of all others.
func Fold(app string, records []Record) (*State, error) {
	s := NewState(app)
	var errs []error
	for _, r := range records {
		if err := s.Apply(r); err != nil {
			errs = append(errs, err)
		}
	}
	return s, errors.Join(errs...)
}

// Done reports whether producer has answered the event with id cause: the question a runner asks before
// it handles a redelivered event (design §4). A split result is an answer once its closing event came.
func (s *State) Done(cause string, producer Service) bool {
	_, ok := s.done[answerOf(cause, producer)]
	return ok
}

// Seen reports whether the event with this id was folded, or is held as part of a split result.
func (s *State) Seen(id string) bool {
	_, ok := s.seen[idOf(id)]
	return ok
}

// Apply folds one more record. Records must come in log order and be of this application, else nothing
// changes. A payload that can't be read is an error, too, but the record then counts as folded, and whoever
// keeps a state goes on with the next one.
func (s *State) Apply(r Record) error {
	e := r.Event
	if App(e) != s.App {
		return fmt.Errorf("fold %s: event %d is of %q", s.App, r.Sequence, App(e))
	}
	if r.Sequence != 0 && r.Sequence <= s.Sequence {
		return fmt.Errorf("fold %s: event %d after %d", s.App, r.Sequence, s.Sequence)
	}
	s.Sequence = max(s.Sequence, r.Sequence)
	id, batch := idOf(e.ID()), Ext(e, ExtBatch)
	shown, seen := s.seen[id]
	switch {
	case shown || seen && s.holds(batch, e.ID()):
		return nil
	case batch == "":
		s.seen[id] = true
		return s.show(r)
	}
	// An id may be held more than once: a result left half stored and decided anew has the ids of the first
	// (same cause, type and key). It shows with the one that comes to its end.
	s.seen[id] = false
	s.held[batch] = append(s.held[batch], r)
	if Ext(e, ExtBatchFinal) != "true" {
		return nil
	}
	var errs []error
	for _, h := range s.held[batch] {
		if id := idOf(h.Event.ID()); !s.seen[id] {
			s.seen[id] = true
			errs = append(errs, s.show(h))
		}
	}
	delete(s.held, batch)
	return errors.Join(errs...)
}

// holds is asked about repeated events only.
func (s *State) holds(batch, id string) bool {
	return slices.ContainsFunc(s.held[batch], func(r Record) bool { return r.Event.ID() == id })
}

func (s *State) show(r Record) error {
	if cause := Ext(r.Event, ExtCause); cause != "" {
		s.done[answerOf(cause, producerOf(r.Event))] = struct{}{}
	}
	apply, ok := folds[r.Event.Type()]
	if !ok {
		return nil // of a newer Drydock: kept in the log, unknown here
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

// ListOpenFindings returns the open findings by scope, package, vulnerability and id.
func (s *State) ListOpenFindings() []Finding {
	var out []Finding
	for _, f := range s.Findings {
		if f.Open {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Vulnerability, b.Vulnerability), cmp.Compare(a.Finding, b.Finding))
	})
	return out
}

// CompareDeadlines orders deadlines, the most urgent first; what has none (the zero time) comes last.
func CompareDeadlines(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return b.Compare(a)
	}
	return a.Compare(b)
}

// OpenChanges returns the changes that have not ended, the most urgent first: by deadline, then id.
func (s *State) OpenChanges() []Change {
	var out []Change
	for _, c := range s.Changes {
		if c.Terminal == "" {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(CompareDeadlines(a.Deadline, b.Deadline), cmp.Compare(a.Change, b.Change))
	})
	return out
}

// Clone returns a copy; later calls of Apply on either do not change the other.
func (s *State) Clone() *State {
	c := *s
	c.Pending, c.Scans, c.Failed = maps.Clone(s.Pending), maps.Clone(s.Scans), maps.Clone(s.Failed)
	c.Findings, c.Plans, c.Changes = maps.Clone(s.Findings), maps.Clone(s.Plans), maps.Clone(s.Changes)
	c.Effects, c.Branches, c.Refused = maps.Clone(s.Effects), maps.Clone(s.Branches), slices.Clone(s.Refused)
	c.seen, c.done = maps.Clone(s.seen), maps.Clone(s.done)
	c.held = make(map[string][]Record, len(s.held))
	for batch, records := range s.held {
		c.held[batch] = slices.Clone(records) // two states must not append into one array
	}
	return &c
}

// ScanKey names what a scan is of: a directory and a live environment at the same path are two.
func ScanKey(target string, environment bool) string {
	if environment {
		return "environment:" + target
	}
	return target
}

// NewestScans are the scans that speak of the present: the newest of the repository, wherever it was checked
// out, and the newest of each live environment; in log order.
func (s *State) NewestScans() []Scanned {
	newest := map[string]Scanned{}
	for key, sc := range s.Scans {
		if !sc.Scan.Environment {
			key = ""
		}
		if old, ok := newest[key]; !ok || sc.Sequence > old.Sequence {
			newest[key] = sc
		}
	}
	return slices.SortedFunc(maps.Values(newest), func(a, b Scanned) int { return cmp.Compare(a.Sequence, b.Sequence) })
}
