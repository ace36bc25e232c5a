package planner

import (
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// merge says that the open change of a phase arrived in the base.
func (w *world) merge(phase string) events.Change {
	w.t.Helper()
	c := w.open(phase)
	w.say("forge-"+c.Change, c.Change, events.ChangeMerged{Change: c.Change, Commit: "1", How: "contained", SameTree: true})
	return c
}

var withoutEmergency = map[string]string{"requirements.txt": "flask==2.2.2\nPyJWT==2.4.0\nlib==1.0\n"}

// A merged change stays open, whatever newer plans say: only a verifying scan ends it.
func TestAMergedChangeIsNotSuperseded(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	c := w.merge("emergency")
	w.now = w.now.Add(time.Hour)
	evs := w.plan(w.scan(withoutEmergency))
	if got := names(evs); got != "plan.superseded change.superseded change.superseded change.opened change.opened plan.generated" {
		t.Errorf("%s", got)
	}
	if now := w.state.Changes[c.Change]; now.Stage() != events.StageMerged {
		t.Errorf("the merged change is %s: %s", now.Stage(), now.Reason)
	}
	if open := w.state.OpenChanges(); len(open) != 3 || open[0].Change != c.Change {
		t.Errorf("%d open", len(open))
	}
	timers := 0
	for _, tm := range w.service.timers(w.state) {
		if tm.Key == c.Change {
			timers++
		}
	}
	if timers != 1 {
		t.Errorf("%d timers of the merged change's deadline", timers)
	}
	w.recomputes(w.document())
}

// A plan made before the repository is read again opens nothing for what was merged.
func TestAMergedChangeDoesThePhase(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	c := w.merge("emergency")
	w.now = w.now.Add(time.Hour)
	evs := w.plan(w.reject(failed(w.open("regular").Change), "lib 1.0>1.1"))
	if got := names(evs); got != "plan.superseded change.superseded change.opened plan.generated" {
		t.Errorf("after another was rejected: %s", got)
	}
	if ref, ph := w.state.Plan.Phases[0], w.document().Phases[0]; ref.Change != c.Change || ph.Branch != c.Branch || moves(w.document()) != "emergency pyjwt 2.3.0>2.4.0, framework flask 2.2.2>2.2.5" {
		t.Errorf("the emergency phase is of %s on %s: %s", ref.Change, ph.Branch, moves(w.document()))
	}
	w.recomputes(w.document())

	// Newer advisories are held against what was read before: that says nothing of the base.
	w.now = w.now.Add(time.Hour)
	scan := w.state.Scans["/src/payments"].Scan
	scan.Trigger = events.TriggerDatabase
	if evs := w.plan(w.say("db", "1", scan)); len(evs) != 0 {
		t.Errorf("matched again: %s", names(evs))
	}

	// Another vulnerability that the same update fixes is not what the merged change is about.
	w.advisories["pyjwt"] = append(w.advisories["pyjwt"], "CVE-K <2.4 critical")
	w.now = w.now.Add(time.Hour)
	w.plan(w.scan(paymentsFiles))
	n := w.open("emergency")
	if len(n.Findings) != 2 || n.Branch != today+"-2" || w.state.Changes[c.Change].Terminal != "" {
		t.Errorf("%+v", n.ChangeOpened)
	}
}

// What a scan after the merge still shows was taken back, and is planned again.
func TestAMergeThatWasTakenBack(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	c := w.merge("emergency")
	w.now = w.now.Add(time.Hour)
	evs := w.plan(w.scan(paymentsFiles))
	if got := names(evs); got != "change.opened plan.generated" {
		t.Fatalf("the same again after the merge: %s", got)
	}
	n := w.open("emergency")
	if n.Change == c.Change || n.Branch != today+"-2" || w.state.Plan.Phases[0].Change != n.Change || w.state.Plan.Phases[1].Change != w.open("framework").Change {
		t.Errorf("%+v of %+v", n.ChangeOpened, w.state.Plan.Phases)
	}
	if p := w.document(); p.Phases[0].Branch != n.Branch {
		t.Errorf("the plan says %s", p.Phases[0].Branch)
	}
	w.recomputes(w.document())
	w.now = w.now.Add(time.Hour)
	if evs := w.plan(w.scan(paymentsFiles)); len(evs) != 0 {
		t.Errorf("once more: %s", names(evs))
	}
}

// What is merged is in production only later: until then the live environment's part of the phase is the merged change's.
func TestAMergedChangeWaitsForProduction(t *testing.T) {
	w := paymentsWorld(t, Config{})
	inv := &inventory.Inventory{Packages: []inventory.Package{{Package: "pyjwt", Version: "2.3.0", Ecosystem: pypi, Pin: inventory.Exact, Source: "site-packages", Scope: "environment:live"}}, Incomplete: []inventory.Incomplete{}}
	data, digest, err := inv.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.put(data)
	rep := report.Scan{Complete: true, Findings: []report.Finding{{Package: "pyjwt", Version: "2.3.0", Ecosystem: pypi, Source: "site-packages", Scope: "environment:live", Vulnerability: "CVE-J", IDs: []string{"CVE-J"}, Severity: "critical"}}}
	w.say("env", "", events.ScanCompleted{Target: "/srv/live", Environment: true, Inventory: string(digest), Report: w.put(rep), Complete: true})
	w.plan(w.scan(paymentsFiles))
	c := w.merge("emergency")
	if len(c.Updates) != 2 {
		t.Fatalf("%+v", c.Updates)
	}
	w.now = w.now.Add(time.Hour)
	w.plan(w.scan(withoutEmergency))
	p := w.document()
	if got := moves(p); got != "emergency pyjwt 2.3.0>2.4.0, framework flask 2.2.2>2.2.5, regular lib 1.0>1.1" || p.Phases[0].Updates[0].Source != "site-packages" {
		t.Fatalf("%s", got)
	}
	if w.state.Plan.Phases[0].Change != c.Change || p.Phases[0].Branch != c.Branch || len(w.state.OpenChanges()) != 3 {
		t.Errorf("%+v", w.state.Plan.Phases)
	}
	w.recomputes(p)
	w.now = w.now.Add(time.Hour)
	if evs := w.plan(w.scan(withoutEmergency)); len(evs) != 0 {
		t.Errorf("once more: %s", names(evs))
	}
}

// A rejection that was forgotten before the planner heard of it opens its change anew, although the plan is the same.
func TestForgottenBeforeItWasAnswered(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	c := w.open("regular")
	rejected := w.reject(failed(c.Change), "lib 1.0>1.1")
	w.say("update", "", events.ScanRequested{Application: "payments", Target: "/src/payments", PlanOptions: events.PlanOptions{Again: true}})
	evs := w.plan(rejected)
	if got := names(evs); got != "change.opened plan.generated" || w.open("regular").Change == c.Change || w.open("regular").Branch != c.Branch+"-2" {
		t.Errorf("%s", got)
	}
	if evs := w.plan(w.scan(paymentsFiles)); len(evs) != 0 {
		t.Errorf("the scan that was asked for: %s", names(evs))
	}

	// One of which nobody knows what it reaches is waited for.
	w = paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	c = w.open("regular")
	c.Updates = nil
	if evs := w.plan(w.reject(failed(c.Change), "other 1.0>1.1")); names(evs) != "plan.generated" || !w.state.Plan.Revisit.Equal(ends) {
		t.Errorf("a rejection that reaches nothing planned: %s", names(evs))
	}
	tm := w.service.timers(w.state)
	for _, x := range tm {
		if x.Key == revisitKey {
			w.now = x.At
			if evs, err := w.due(x); err != nil || names(evs) != "change.opened plan.generated" {
				t.Errorf("when it is over: %s, %v", names(evs), err)
			}
		}
	}
}

// What a merged change does of a phase, and what it does not.
func TestCarrier(t *testing.T) {
	due, repository := start.AddDate(0, 0, 7), events.Update{Package: "lib", Ecosystem: pypi, From: "1.0", To: "1.1", Source: "requirements.txt"}
	other := repository
	other.To = "1.2"
	m := merged{Change: "c-1", Phase: "high", Updates: []events.Update{repository}, Findings: []string{"f-1"}, Deadline: due, Unread: true}
	for name, tc := range map[string]struct {
		change func(m *merged)
		p      func(p *phase)
		want   bool
	}{
		"the same":                   {want: true},
		"another phase":              {change: func(m *merged) { m.Phase = "framework" }},
		"read since":                 {change: func(m *merged) { m.Unread = false }},
		"another release":            {change: func(m *merged) { m.Updates = []events.Update{other} }},
		"too large to list them":     {change: func(m *merged) { m.Updates = nil }},
		"more than the phase":        {change: func(m *merged) { m.Updates, m.Findings = append(m.Updates, other), append(m.Findings, "f-2") }, want: true},
		"another finding":            {change: func(m *merged) { m.Findings = []string{"f-2"} }},
		"due earlier than the phase": {change: func(m *merged) { m.Deadline = due.Add(-time.Hour) }, want: true},
		"due later than the phase":   {change: func(m *merged) { m.Deadline = due.Add(time.Hour) }},
		"never due":                  {change: func(m *merged) { m.Deadline = time.Time{} }},
		"the phase is never due":     {p: func(p *phase) { p.Deadline = nil }, want: true},
	} {
		m, at := m, due
		m.Updates, m.Findings = append([]events.Update{}, m.Updates...), append([]string{}, m.Findings...)
		p := phase{Phase: report.Phase{Phase: "high", Deadline: &at, Updates: []report.Update{{Package: "lib", Ecosystem: pypi, From: "1.0", To: "1.1", Source: "requirements.txt"}}}, findings: []finding{{ID: "f-1"}}}
		if tc.change != nil {
			tc.change(&m)
		}
		if tc.p != nil {
			tc.p(&p)
		}
		in := &situation{Merged: []merged{m}, Inventory: &inventory.Inventory{}}
		if got := in.carrier(p) != nil; got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
