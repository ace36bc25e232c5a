package events_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
)

// story builds a log of one application. Times and sequences count up from the first.
type story struct {
	t       testing.TB
	app     string
	records []events.Record
	cause   string
	batch   string
}

var epoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func (s *story) at(n int) time.Time { return epoch.Add(time.Duration(n) * time.Hour) }

// add appends an event and returns its record.
func (s *story) add(key string, payload any, change ...func(*events.Event)) events.Record {
	s.t.Helper()
	n := len(s.records) + 1
	e, err := events.New(events.Meta{App: s.app, Cause: s.cause, Key: key, Time: s.at(n)}, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.batch != "" {
		e.SetExtension(events.ExtBatch, s.batch)
	}
	for _, c := range change {
		c(&e)
	}
	return s.put(e)
}

func (s *story) put(e events.Event) events.Record {
	n := len(s.records) + 1
	r := events.Record{Sequence: uint64(n), Time: s.at(n), Event: e}
	s.records = append(s.records, r)
	return r
}

func (s *story) fold() *events.State {
	s.t.Helper()
	st, err := events.Fold(s.app, s.records)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func final(e *events.Event) { e.SetExtension(events.ExtBatchFinal, "true") }

func opened(id string) events.FindingOpened {
	return events.FindingOpened{Finding: id, Scope: "repository:requirements.txt", Package: "flask", Ecosystem: "PyPI", Vulnerability: "CVE-" + id, Kind: events.KindVulnerability, Urgency: events.Urgency{Severity: "high"}}
}

// TestFoldStory follows one application from its declaration to a breached deadline.
func TestFoldStory(t *testing.T) {
	s := &story{t: t, app: "payments"}
	s.add("", events.ApplicationDeclared{Application: "payments", Target: "/srv"})
	ask := s.add("1", events.ScanRequested{Target: "/srv"})
	if st := s.fold(); len(st.Pending) != 1 || st.Pending[ask.Event.ID()].Sequence != 2 || st.Declared.Target != "/srv" {
		t.Errorf("asked: %+v", st)
	}
	s.cause = ask.Event.ID()
	s.add("", events.ScanFailed{Target: "/srv", Reason: "unreadable"})
	if st := s.fold(); len(st.Pending) != 0 || st.Failed["/srv"].Reason != "unreadable" || !st.Done(ask.Event.ID(), events.Scanner) || st.Done(ask.Event.ID(), events.Planner) {
		t.Errorf("failed: %+v", st)
	}
	s.cause = ""
	again := s.add("2", events.ScanRequested{Target: "/srv"})
	s.cause = again.Event.ID()
	s.add("f-1", opened("f-1"))
	s.add("f-2", opened("f-2"))
	done := s.add("", events.ScanCompleted{Target: "/srv", Report: "r1"})
	if st := s.fold(); len(st.Failed) != 0 || len(st.Pending) != 0 || st.Scans["/srv"].Event != done.Event.ID() || st.OpenFindings() != 2 {
		t.Errorf("completed: %+v", st)
	}
	s.cause = done.Event.ID()
	s.add("c-1", events.ChangeOpened{Change: "c-1", Plan: "p1", Deadline: s.at(100)})
	s.add("p1", events.PlanGenerated{Plan: "p1"})
	s.cause = "timer"
	s.add("75", events.DeadlineApproaching{Change: "c-1", Percent: 75})
	s.add("breach", events.DeadlineBreached{Change: "c-1"})
	s.add("late", events.DeadlineApproaching{Change: "c-1", Percent: 50})
	st := s.fold()
	if c := st.Changes["c-1"]; c.Warned != 75 || !c.Breached || c.Terminal != "" || st.Plan.Plan != "p1" || len(st.Plans) != 1 {
		t.Errorf("planned: %+v", st)
	}
	s.cause = "next"
	s.add("p1", events.PlanSuperseded{Plan: "p1", By: "p2"})
	s.add("c-1", events.ChangeSuperseded{Change: "c-1", By: "c-2", Reason: "newer"})
	s.add("c-1 again", events.ChangeSuperseded{Change: "c-1", By: "c-3", Reason: "a change ends once"})
	s.add("c-2", events.ChangeOpened{Change: "c-2", Plan: "p2", Deadline: s.at(90)})
	s.add("c-0", events.ChangeOpened{Change: "c-0", Plan: "p2", Deadline: s.at(90)})
	s.add("p2", events.PlanGenerated{Plan: "p2"})
	st = s.fold()
	if c := st.Changes["c-1"]; c.Terminal != "superseded" || c.SupersededBy != "c-2" || c.Reason != "newer" {
		t.Errorf("superseded: %+v", c)
	}
	if open := st.OpenChanges(); len(open) != 2 || open[0].Change != "c-0" || open[1].Change != "c-2" || st.Plan.Plan != "p2" || len(st.Plans) != 1 {
		t.Errorf("open changes %+v, plan %+v", open, st.Plan)
	}
	// The first plan comes back, and with it its change and what was said of its deadline.
	s.cause = "back"
	s.add("c-1", events.ChangeOpened{Change: "c-1", Plan: "p1", Deadline: s.at(100)})
	s.add("c-2", events.ChangeOpened{Change: "c-2", Plan: "p2", Deadline: s.at(91)})
	st = s.fold()
	if c := st.Changes["c-1"]; c.Terminal != "" || !c.Breached || c.Warned != 75 {
		t.Errorf("reopened: %+v", c)
	}
	if st.Changes["c-2"].Breached {
		t.Error("a new deadline is breached before it came")
	}
}

// TestFindingReopened: closed and found again, a finding keeps its first detection, so its deadline can't be
// won back by a scan in between.
func TestFindingReopened(t *testing.T) {
	s := &story{t: t, app: "payments", cause: "1"}
	s.add("f-1", opened("f-1"))
	s.cause = "2"
	s.add("f-1", events.FindingReprioritized{Finding: "f-1", After: events.Urgency{Severity: "critical"}})
	s.cause = "3"
	s.add("f-1", events.FindingClosed{Finding: "f-1", Reason: events.ClosedFixed})
	if f := s.fold().Findings["f-1"]; f.Open || f.ClosedReason != "fixed" || !f.ClosedAt.Equal(s.at(3)) || f.Severity != "critical" || s.fold().OpenFindings() != 0 {
		t.Errorf("closed: %+v", f)
	}
	s.cause = "4"
	s.add("f-1", opened("f-1"))
	f := s.fold().Findings["f-1"]
	if !f.Open || !f.FirstDetected.Equal(s.at(1)) || f.Sequence != 4 || f.ClosedReason != "" || !f.ClosedAt.IsZero() || f.Severity != "high" {
		t.Errorf("reopened: %+v", f)
	}
	s.cause = "5"
	s.add("f-9", events.FindingClosed{Finding: "f-9"})
	s.add("f-9", events.FindingReprioritized{Finding: "f-9"})
	if st := s.fold(); len(st.Findings) != 1 {
		t.Errorf("a finding nobody opened: %+v", st.Findings)
	}
	s.add("f-0", opened("f-0"))
	other := opened("f-2")
	other.Scope = "environment:production"
	s.add("f-2", other)
	var order []string
	for _, f := range s.fold().ListOpenFindings() {
		order = append(order, f.Finding)
	}
	if got := strings.Join(order, " "); got != "f-2 f-0 f-1" {
		t.Errorf("open findings in the order %s", got)
	}
}

func TestFoldOrder(t *testing.T) {
	s := &story{t: t, app: "payments"}
	s.add("1", opened("f-1"))
	s.add("2", opened("f-2"))
	st := s.fold()
	for name, r := range map[string]events.Record{
		"again": s.records[1], "earlier": s.records[0],
		"another application": {Sequence: 9, Event: goldenEvent(t, events.PolicyChanged{})},
	} {
		if err := st.Apply(r); err == nil || st.Sequence != 2 {
			t.Errorf("%s: %v, sequence %d", name, err, st.Sequence)
		}
	}
	unplaced := s.records[1]
	unplaced.Sequence = 0
	if err := st.Apply(unplaced); err != nil || st.Sequence != 2 {
		t.Errorf("a record without a place: %v, sequence %d", err, st.Sequence)
	}
}

// TestFoldUnreadable: what passed no door costs itself only.
func TestFoldUnreadable(t *testing.T) {
	s := &story{t: t, app: "payments", cause: "1"}
	s.add("f-1", opened("f-1"), func(e *events.Event) { e.DataEncoded = []byte(`{"finding":5}`) })
	s.add("f-2", opened("f-2"))
	s.add("f-3", opened("f-3"), func(e *events.Event) { e.DataEncoded = nil })
	st, err := events.Fold("payments", s.records)
	if err == nil || !strings.Contains(err.Error(), "event 1") || !strings.Contains(err.Error(), "event 3") {
		t.Errorf("error %v", err)
	}
	if st.Sequence != 3 || len(st.Findings) != 1 || !st.Findings["f-2"].Open {
		t.Errorf("state %+v", st)
	}
}

// TestFoldFuture: a type of a newer Drydock changes nothing, but its answer counts: after a downgrade the
// cause is not handled a second time.
func TestFoldFuture(t *testing.T) {
	s := &story{t: t, app: "payments", cause: "cause"}
	s.add("1", opened("f-1"), func(e *events.Event) {
		e.SetType("dev.drydock.finding.opened.v2")
		e.SetSource("/drydock/scanner")
		e.DataEncoded = []byte(`{"something":"else"}`)
	})
	st := s.fold()
	if len(st.Findings) != 0 || st.Sequence != 1 || !st.Done("cause", events.Scanner) || st.Done("cause", "finding") {
		t.Errorf("state %+v", st)
	}
}

func TestOrgState(t *testing.T) {
	s := &story{t: t, app: events.Org}
	s.add("1", events.PolicyChanged{Policy: "a"})
	s.add("1", events.PolicyChanged{Policy: "b"}) // the same id: not again
	s.add("2", events.DatabaseUpdated{Databases: []events.Database{{Name: "PyPI"}}})
	s.add("3", events.PolicyChanged{}, func(e *events.Event) { e.SetType("dev.drydock.freeze.declared.v1") })
	var o events.OrgState
	for _, r := range s.records {
		if err := o.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	if o.Policy != "a" || len(o.Databases) != 1 || o.Sequence != 4 || !o.Seen(s.records[2].Event.ID()) || o.Seen("other") {
		t.Errorf("%+v", o)
	}
	c := o.Clone()
	next := s.add("4", events.PolicyChanged{Policy: "c"})
	if err := c.Apply(next); err != nil || c.Policy != "c" || o.Policy != "a" || o.Sequence != 4 {
		t.Errorf("clone %+v, original %+v, %v", c, o, err)
	}
	if err := o.Apply(next); err != nil || o.Policy != "c" {
		t.Errorf("the clone's event is taken for seen: %+v, %v", o, err)
	}
	bad := s.add("5", events.PolicyChanged{}, func(e *events.Event) { e.DataEncoded = []byte(`{"policy":1}`) })
	if err := o.Apply(bad); err == nil || o.Sequence != 6 || o.Policy != "c" {
		t.Errorf("unreadable: %v, %+v", err, o)
	}
	if err := o.Apply(bad); err == nil {
		t.Error("a record out of order passes")
	}
	bad.Event.SetSubject("payments")
	bad.Sequence = 99
	if err := o.Apply(bad); err == nil || o.Sequence != 6 {
		t.Errorf("an application's event: %v", err)
	}
}

// dump is everything a reader can see, and what was answered and seen of the records.
func dump(t testing.TB, s *events.State, records []events.Record) string {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		cause := events.Ext(r.Event, events.ExtCause)
		more, _ := json.Marshal([]any{s.Seen(r.Event.ID()), s.Done(cause, events.Scanner), s.Done(cause, events.Planner), s.Held(cause, events.Scanner)})
		data = append(data, more...)
	}
	return string(data)
}

// TestStateIsDumped keeps dump honest: it shows every exported member of State.
func TestStateIsDumped(t *testing.T) {
	for i := range reflect.TypeFor[events.State]().NumField() {
		f := reflect.TypeFor[events.State]().Field(i)
		if f.IsExported() && !strings.Contains(dump(t, events.NewState("a"), nil), `"`+f.Name+`"`) {
			t.Errorf("%s is not compared", f.Name)
		}
	}
}

// A directory and a live environment at one path are two things; of a repository only the newest checkout
// speaks of the present.
func TestNewestScans(t *testing.T) {
	s := &story{t: t, app: "payments"}
	for i, p := range []events.ScanCompleted{{Target: "/srv/a"}, {Target: "/srv/a", Environment: true}, {Target: "/srv/b"}, {Target: "/srv/e", Environment: true}} {
		s.add(strconv.Itoa(i), p)
	}
	var got []string
	for _, sc := range s.fold().NewestScans() {
		got = append(got, events.ScanKey(sc.Scan.Target, sc.Scan.Environment))
	}
	if want := []string{"environment:/srv/a", "/srv/b", "environment:/srv/e"}; !slices.Equal(got, want) {
		t.Errorf("newest scans %v, want %v", got, want)
	}
}

func TestCompareDeadlines(t *testing.T) {
	soon, later, none := time.Unix(1, 0), time.Unix(2, 0), time.Time{}
	got := []time.Time{none, later, soon}
	slices.SortFunc(got, events.CompareDeadlines)
	if !got[0].Equal(soon) || !got[1].Equal(later) || !got[2].IsZero() || events.CompareDeadlines(none, none) != 0 {
		t.Errorf("ordered %v; want the soonest first and what has none last", got)
	}
}
