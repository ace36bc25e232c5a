package planner

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// paymentsWorld has a finding in each of three classes.
func paymentsWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	cfg.Python = "3.11"
	return newWorld(t, cfg, advisories{"flask": {"CVE-F <2.2.5 high"}, "pyjwt": {"CVE-J <2.4 critical"}, "lib": {"CVE-L <1.1 low"}},
		map[string][]string{"flask": {"2.2.5"}, "pyjwt": {"2.4.0"}, "lib": {"1.1"}})
}

var paymentsFiles = map[string]string{"requirements.txt": "flask==2.2.2\nPyJWT==2.3.0\nlib==1.0\n"}

func TestTwoScansOnePlan(t *testing.T) {
	for _, provisional := range []bool{false, true} {
		w := paymentsWorld(t, Config{Provisional: provisional})
		first := w.plan(w.scan(paymentsFiles))
		if got := names(first); got != "change.opened change.opened change.opened plan.generated" {
			t.Fatalf("first scan: %s", got)
		}
		before := w.document()
		w.now = w.now.Add(36 * time.Hour)
		if got := w.plan(w.scan(paymentsFiles)); len(got) != 0 {
			t.Errorf("second scan of the same: %s", names(got))
		}
		if w.document().Plan != before.Plan {
			t.Error("the plan changed")
		}
	}
}

func TestDigestIsOfWhatIsApproved(t *testing.T) {
	base := func() *report.Plan {
		w := paymentsWorld(t, Config{})
		w.plan(w.scan(paymentsFiles))
		return w.document()
	}
	inventories := []string{"sha256:1"}
	want, err := digest(base(), inventories)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*report.Plan){
		"the clock":  func(p *report.Plan) { p.Timestamp, p.Inputs.Now = start.AddDate(1, 0, 0), start.AddDate(1, 0, 0) },
		"the index":  func(p *report.Plan) { p.Inputs.Index = "x"; p.Phases[0].Updates[0].Released = nil },
		"the policy": func(p *report.Plan) { p.Inputs.Policy = "x" },
		"the branch": func(p *report.Plan) { p.Phases[0].Branch = "x" },
		"wording":    func(p *report.Plan) { p.Outcomes[0].Detail = "x"; p.Phases[0].Updates[0].Reason = "x" },
		"the tool":   func(p *report.Plan) { p.Tool.Version = "x" },
		"timeline":   func(p *report.Plan) { p.Phases[0].Timeline = "x" },
		"the zone of now": func(p *report.Plan) {
			at := p.Phases[0].Deadline.In(time.FixedZone("x", 3600))
			p.Phases[0].Deadline = &at
		},
	} {
		p := base()
		change(p)
		if got, _ := digest(p, inventories); got != want {
			t.Errorf("%s changes the digest", name)
		}
	}
	for name, change := range map[string]func(*report.Plan){
		"the application": func(p *report.Plan) { p.Application = "x" },
		"an update":       func(p *report.Plan) { p.Phases[0].Updates[0].To = "x" },
		"what it fixes":   func(p *report.Plan) { p.Phases[0].Updates[0].Fixes = nil },
		"a class":         func(p *report.Plan) { p.Phases[0].Class = "x" },
		"a deadline":      func(p *report.Plan) { at := p.Phases[0].Deadline.Add(time.Hour); p.Phases[0].Deadline = &at },
		"its rule":        func(p *report.Plan) { p.Phases[0].DeadlineRule = "x" },
		"an outcome":      func(p *report.Plan) { p.Outcomes[0].Outcome = "x" },
	} {
		p := base()
		change(p)
		if got, _ := digest(p, inventories); got == want {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if got, _ := digest(base(), []string{"sha256:2"}); got == want {
		t.Error("the inventory does not change the digest")
	}
	// Frozen: what this plan was called when it was first released it is called for ever.
	if frozen := "sha256:" + frozenDigest; want != frozen {
		t.Errorf("digest of the frozen plan is %s, was %s", want, frozen)
	}
}

const frozenDigest = "2c25423b02f50f75b5518e67c80e1c2ec480302f119617f9d907321222fd5986"

func TestNewerPlanSupersedes(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	old := w.state.Plan.Plan
	changes := map[string]string{}
	for id, c := range w.state.Changes {
		changes[c.Phase] = id
	}
	w.now = w.now.Add(time.Hour)
	// pyjwt is fixed by hand: the emergency phase has nothing left, the others carry on.
	evs := w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.2\nPyJWT==2.4.0\nlib==1.0\n"}))
	if got := names(evs); got != "plan.superseded change.superseded change.superseded change.superseded change.opened change.opened plan.generated" {
		t.Fatalf("events: %s", got)
	}
	s, err := events.Decode[events.PlanSuperseded](evs[0])
	if err != nil || s.Plan != old || s.By != w.state.Plan.Plan {
		t.Errorf("%+v, %v", s, err)
	}
	for phase, id := range changes {
		c := w.state.Changes[id]
		if c.Terminal != "superseded" {
			t.Errorf("%s change is not superseded", phase)
		}
		if by := w.state.Changes[c.SupersededBy]; phase == "emergency" && c.SupersededBy != "" || phase != "emergency" && (by.Phase != phase || by.Terminal != "") {
			t.Errorf("%s change superseded by %q (%s)", phase, c.SupersededBy, by.Phase)
		}
	}
	p := w.document()
	if o := outcome(t, p, "CVE-J"); o.Outcome != report.Fixed {
		t.Errorf("what is gone: %+v", o)
	}
	// The old state comes back, and with it the old plan; its changes had ended and get new names.
	w.now = w.now.Add(time.Hour)
	w.plan(w.scan(paymentsFiles))
	if w.state.Plan.Plan != old {
		t.Error("the same application has another plan than before")
	}
	open := 0
	for _, c := range w.state.Changes {
		if c.Terminal == "" {
			open++
		}
	}
	if open != 3 || w.state.Changes[changes["emergency"]].Terminal == "" {
		t.Errorf("%d changes are open, and one that ended came back", open)
	}
	// Everything is fixed: the plan says so, and nothing is left open.
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.5\nPyJWT==2.4.0\nlib==1.1\n"}))
	if p := w.document(); len(p.Phases) != 0 || p.ExitCode != 0 || len(p.Outcomes) != 3 {
		t.Errorf("all fixed: %s, exit %d", moves(p), p.ExitCode)
	}
	for id, c := range w.state.Changes {
		if c.Terminal == "" {
			t.Errorf("change %s is still open", id)
		}
	}
}

func TestDeadlines(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	for _, tc := range []struct {
		phase  string
		days   int
		rule   string
		branch string
	}{
		{"emergency", 1, "emergency: 24h from first detection (critical-severity)", "emergency/security-fix-20261122-payments"},
		{"framework", 7, "framework: 7d from first detection (framework-critical)", "feature/package-updates-20261122-payments-framework"},
		{"regular", 30, "regular: 30d from first detection (other-finding)", "feature/package-updates-20261122-payments-regular"},
	} {
		for _, ph := range w.document().Phases {
			if ph.Phase == tc.phase && (!ph.Deadline.Equal(start.AddDate(0, 0, tc.days)) || ph.DeadlineRule != tc.rule || ph.Branch != tc.branch || ph.Provisional) {
				t.Errorf("%s: due %s by %q on %s", ph.Phase, ph.Deadline, ph.DeadlineRule, ph.Branch)
			}
		}
	}
	// A day later something else changes: the clock started at first detection and goes on.
	w.now = w.now.Add(24 * time.Hour)
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.2\nPyJWT==2.3.0\nlib==1.1\n"}))
	if ph := w.document().Phases[0]; !ph.Deadline.Equal(start.Add(24 * time.Hour)) {
		t.Errorf("the deadline moved to %s", ph.Deadline)
	}
	p := paymentsWorld(t, Config{Provisional: true})
	p.plan(p.scan(paymentsFiles))
	if ph := p.document().Phases[0]; !ph.Provisional || !strings.Contains(Markdown(p.document()), "(provisional)") || ph.Deadline == nil {
		t.Errorf("without a log: %+v", ph)
	}
	if len(p.service.timers(p.state)) != 0 {
		t.Error("a run without a log sets timers")
	}
}

func TestIndexNewsNeverLoosensADeadline(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1 undated"}})
	p, err := policy.Parse("p.yaml", []byte("classes: {regular: {cooldown: 0h}}\nrules: {other-finding: {cooldown: 0h}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	w.policy = p
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	told := w.document().Phases[0].Deadline
	w.now = w.now.Add(48 * time.Hour)
	w.shelf.releases["lib"] = []string{"1.1 yanked", "1.2 at=2026-11-23"} // the fix of now was published after detection
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	ph := w.document().Phases[0]
	if ph.Updates[0].To != "1.2" || !ph.Deadline.Equal(*told) {
		t.Errorf("to %s by %s, told was %s", ph.Updates[0].To, ph.Deadline, told)
	}
	// A fix that was taken back for a while makes no difference, nor an index away at that time.
	for _, down := range []bool{false, true} {
		releases := w.shelf.releases["lib"]
		w.shelf.releases["lib"] = []string{"1.1 yanked"}
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
		w.shelf.down = down
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
		if p := w.document(); len(p.Phases) != 0 || p.Outcomes[0].Deadline == nil || !p.Outcomes[0].Deadline.Equal(*told) {
			t.Fatalf("nothing to plan: %+v", p.Outcomes)
		}
		w.shelf.down, w.shelf.releases["lib"] = false, releases
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
		if ph := w.document().Phases; len(ph) != 1 || !ph[0].Deadline.Equal(*told) {
			t.Errorf("planned again: %+v, told was %s", ph, told)
		}
	}
	// A change that is itself told may: the severity of the finding falls from critical.
	w = newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}}, map[string][]string{"lib": {"1.1"}})
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	id := events.FindingID("payments", "repository:requirements.txt", pypi, "lib", "CVE-1")
	w.say("db", id, events.FindingReprioritized{Finding: id, Before: events.Urgency{Severity: "critical"}, After: events.Urgency{Severity: "low"}})
	w.plan(w.say("db", "", w.state.Scans["/src/payments"].Scan))
	if got := moves(w.document()); got != "regular lib 1.0>1.1" {
		t.Errorf("after the severity fell: %s", got)
	}
}

func TestTimersAndWarnings(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}}, map[string][]string{"lib": {"1.1"}})
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	next := func() bus.Timer {
		t.Helper()
		tms := w.service.timers(w.state)
		if len(tms) != 1 {
			t.Fatalf("%d timers, want one for the change", len(tms))
		}
		return tms[0]
	}
	for _, tc := range []struct {
		after time.Duration
		says  string
	}{{18 * time.Hour, "deadline.approaching"}, {21*time.Hour + 36*time.Minute, "deadline.approaching"}, {24 * time.Hour, "deadline.breached"}} {
		tm := next()
		if !tm.At.Equal(start.Add(tc.after)) || tm.App != "payments" {
			t.Fatalf("next timer at %s, want %s after the start", tm.At, tc.after)
		}
		w.now = tm.At.Add(-time.Second) // it may fire early
		if evs, err := w.due(tm); err == nil || worker.Kind(err) != "transient" || len(evs) != 0 {
			t.Fatalf("fired early: %s, %v", names(evs), err)
		}
		w.now = tm.At
		evs, err := w.due(tm)
		if err != nil || names(evs) != tc.says {
			t.Fatalf("at %s: %s, %v", tc.after, names(evs), err)
		}
		if evs, err := w.due(tm); err != nil || len(evs) != 0 {
			t.Errorf("fired twice: %s, %v", names(evs), err)
		}
	}
	if tms := w.service.timers(w.state); len(tms) != 0 {
		t.Errorf("after the breach: %+v", tms)
	}
	if evs, err := w.due(bus.Timer{Key: "c-none"}); err != nil || len(evs) != 0 {
		t.Errorf("timer of a change nobody knows: %s, %v", names(evs), err)
	}
}

// After a stop of days only the furthest thing is said.
func TestLateTimerSaysTheFurthest(t *testing.T) {
	for after, want := range map[time.Duration]string{22 * time.Hour: "90", 100 * time.Hour: "breached"} {
		w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}}, map[string][]string{"lib": {"1.1"}})
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
		tm := w.service.timers(w.state)[0]
		w.now = start.Add(after)
		evs, err := w.due(tm)
		if err != nil || len(evs) != 1 || !strings.Contains(string(evs[0].Data())+evs[0].Type(), want) {
			t.Errorf("after %s: %v %v", after, evs, err)
		}
	}
}

func TestIndexDown(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.shelf.down = true
	evs := w.plan(w.scan(paymentsFiles))
	p := w.document()
	if got := names(evs); got != "plan.generated" || p.ExitCode != report.ExitIncomplete || w.state.Plan.Retry == nil {
		t.Fatalf("%s, exit %d", got, p.ExitCode)
	}
	for _, o := range p.Outcomes {
		if o.Outcome != report.OutcomeError || !strings.Contains(o.Detail, "does not answer") {
			t.Errorf("%+v", o)
		}
	}
	wait := firstRetry
	for range 3 {
		tms := w.service.timers(w.state)
		if len(tms) != 1 || tms[0].Key != retryKey || !tms[0].At.Equal(w.now.Add(wait)) {
			t.Fatalf("timers %+v, want a retry in %s", tms, wait)
		}
		w.now = tms[0].At
		if evs, err := w.due(tms[0]); err != nil || names(evs) != "plan.generated" || w.state.Plan.Plan != p.Plan {
			t.Fatalf("still down: %s, %v", names(evs), err)
		}
		wait *= 2
	}
	w.shelf.down = false
	tm := w.service.timers(w.state)[0]
	w.now = tm.At
	evs, err := w.due(tm)
	if err != nil || !strings.HasSuffix(names(evs), "change.opened plan.generated") || len(w.document().Phases) != 3 || w.state.Plan.Retry != nil {
		t.Errorf("the index is back: %s, %v", names(evs), err)
	}
}

func TestPolicyChanged(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	p, err := policy.Parse("p.yaml", []byte("lists: {framework: [django, lib]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := w.put(p.Text())
	w.org.Policy = d
	changed, err := events.New(events.Meta{App: events.Org, Cause: "x", Time: w.now}, events.PolicyChanged{Policy: d})
	if err != nil {
		t.Fatal(err)
	}
	w.plan(changed)
	if got := moves(w.document()); got != "emergency pyjwt 2.3.0>2.4.0, framework lib 1.0>1.1, high flask 2.2.2>2.2.5" || w.document().Inputs.Policy != d {
		t.Errorf("after the policy changed: %s", got)
	}
	if evs := newWorld(t, Config{}, nil, nil).plan(changed); len(evs) != 0 {
		t.Errorf("an application never scanned: %s", names(evs))
	}
	w.org.Policy = string(evidence.Of([]byte("lost")))
	if _, err := w.service.handle(t.Context(), changed, w.facts("y")); err == nil || worker.Kind(err) != "permanent" || !errors.Is(err, evidence.ErrNotFound) {
		t.Errorf("policy whose text is lost: %v", err)
	}
	bad := w.put([]byte("clases: {}"))
	w.org.Policy = bad
	if _, err := w.service.handle(t.Context(), changed, w.facts("z")); err == nil || worker.Kind(err) != "needs a human" {
		t.Errorf("policy that does not read: %v", err)
	}
}

// A live environment and the repository are one application: one plan answers both.
func TestSeveralInventoriesOnePlan(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	first := w.state.Plan.Inventory
	inv := &inventory.Inventory{Packages: []inventory.Package{{Package: "flask", Version: "2.2.2", Ecosystem: pypi, Pin: inventory.Exact, Source: "site-packages", Scope: "environment:live"}}, Incomplete: []inventory.Incomplete{}}
	data, digest, err := inv.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.put(data)
	rep := report.Scan{Complete: true, Findings: []report.Finding{{Package: "flask", Version: "2.2.2", Ecosystem: pypi, Source: "site-packages", Scope: "environment:live", Vulnerability: "CVE-F", IDs: []string{"CVE-F"}, Severity: "high"}}}
	w.plan(w.say("env", "", events.ScanCompleted{Target: "/srv/live", Environment: true, Inventory: string(digest), Report: w.put(rep), Complete: true}))
	p := w.document()
	if got := moves(p); got != "emergency pyjwt 2.3.0>2.4.0, framework flask 2.2.2>2.2.5, framework flask 2.2.2>2.2.5, regular lib 1.0>1.1" {
		t.Errorf("moves %s", got)
	}
	if w.state.Plan.Inventory == first {
		t.Error("the inventory of the plan is that of the repository alone")
	}
	if data, err := w.store.Get(t.Context(), evidence.Digest(w.state.Plan.Inventory)); err != nil || !strings.Contains(string(data), "environment:live") {
		t.Errorf("inventories together: %v", err)
	}
}

// An open finding that an incomplete scan does not show is not forgotten.
func TestFindingTheScanCouldNotTell(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	w.complete = false
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.2\n"}))
	if o := outcome(t, w.document(), "CVE-J"); o.Outcome != report.OutcomeError || w.document().ExitCode != report.ExitIncomplete {
		t.Errorf("%+v", o)
	}
}

// A finding keeps its identity and first detection when its vulnerability gets another name.
func TestRenamedVulnerability(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"GHSA-1 <1.1 low"}}, map[string][]string{"lib": {"1.1"}})
	w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
	id := events.FindingID("payments", "repository:requirements.txt", pypi, "lib", "GHSA-1")
	w.now = w.now.Add(48 * time.Hour)
	scan := w.state.Scans["/src/payments"].Scan
	scan.Report = w.put(report.Scan{Complete: true, Findings: []report.Finding{{Package: "lib", Version: "1.0", Ecosystem: pypi, Source: "requirements.txt",
		Scope: "repository:requirements.txt", Vulnerability: "CVE-2026-1", IDs: []string{"CVE-2026-1", "GHSA-1"}, Severity: "low"}}})
	evs := w.plan(w.say("db", "", scan))
	p := w.document()
	if o := outcome(t, p, "CVE-2026-1"); len(p.Outcomes) != 1 || o.Outcome != report.Planned || !p.Phases[0].Deadline.Equal(start.AddDate(0, 0, 30)) {
		t.Errorf("%+v", p.Outcomes)
	}
	c, err := events.Decode[events.ChangeOpened](evs[2])
	if err != nil || len(c.Findings) != 1 || c.Findings[0] != id || !c.Opened.Equal(start) {
		t.Errorf("%+v %v", c, err)
	}
}

// A change of more findings than an event can hold is opened all the same.
func TestHugeChange(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <2 low"}}, map[string][]string{"lib": {"2"}})
	files := map[string]string{}
	for i := range 1000 {
		files[fmt.Sprintf("%s%d/requirements.txt", strings.Repeat("deep/", 50), i)] = "lib==1\n"
	}
	for _, e := range w.plan(w.scan(files)) {
		if err := events.Check(e); err != nil {
			t.Error(err)
		}
	}
	if p := w.document(); len(p.Outcomes) != 1000 || len(p.Phases[0].Updates) != 1000 {
		t.Errorf("%d outcomes", len(p.Outcomes))
	}
}
