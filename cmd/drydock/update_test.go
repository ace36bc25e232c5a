package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// stage is a Drydock whose changes move on by one each time they are looked at.
type stage struct {
	backend
	plans   []api.Plan // the first is in force; the next takes its place once all of its changes are settled
	stories map[string][]api.ChangeDetail
	looked  map[string]int
	busy    int // looks at the queue for which a validator is at work
}

func (s *stage) Change(_ context.Context, id string) (*api.ChangeDetail, error) {
	story := s.stories[id]
	d := story[min(s.looked[id], len(story)-1)]
	s.looked[id]++
	d.Change.Change = id
	return &d, nil
}

func (s *stage) Application(context.Context, string) (*api.Application, error) {
	return &api.Application{Sequence: 9}, nil
}

func (s *stage) Plan(context.Context, string, uint64, time.Duration) (*api.Plan, error) {
	if len(s.plans) > 1 {
		s.plans = s.plans[1:]
	}
	return &s.plans[0], nil
}

func (s *stage) Status(context.Context) (*api.Status, error) {
	st := &api.Status{}
	if s.busy > 0 {
		s.busy--
		st.Bus.Consumers = []bus.ConsumerStatus{{Name: "dock-urgent", InFlight: 1}}
	}
	return st, nil
}

var asked = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func came(stage, kind string) api.ChangeDetail {
	d := api.ChangeDetail{Change: api.Change{Stage: stage, Since: asked.Add(time.Minute), Branch: "feature/x", Reason: "because"}}
	if kind != "" {
		d.Waits = []api.Wait{{Kind: kind, What: "its turn"}}
	}
	return d
}

func step(name string) api.ChangeDetail {
	d := came("opened", api.WaitStep)
	d.Progress = &api.Progress{Step: name, N: 7, Of: 15}
	return d
}

func follow(t *testing.T, s *stage) (updated, string, error) {
	t.Helper()
	var said bytes.Buffer
	c := &cli{Main: &Main{Stdout: io.Discard, Stderr: &said}}
	s.looked = map[string]int{}
	f := &follower{c: c, s: &session{api: s, alive: func() error { return nil }}, app: "payments", asked: &api.Scan{Requested: asked}, said: map[string]string{}}
	err := f.follow(t.Context(), &s.plans[0])
	u := updated{Application: "payments", State: updateDone}
	f.sum(&u, true)
	return u, said.String(), err
}

func TestFollowTellsEachStepOnce(t *testing.T) {
	u, said, err := follow(t, &stage{plans: []api.Plan{{Changes: []string{"c-1"}}},
		stories: map[string][]api.ChangeDetail{"c-1": {came("opened", api.WaitQueue), came("opened", api.WaitQueue), step("install"), step("install"), came("opened", api.WaitQueue), came("validated", api.WaitPush), came("proposed", api.WaitMerge)}}})
	if err != nil || len(u.Changes) != 1 || u.Changes[0].Stage != "proposed" || u.Changes[0].Waits != nil {
		t.Fatalf("updated = %+v, %v", u, err)
	}
	want := "payments c-1  opened, waits for its turn\npayments c-1  install (7 of 15)\npayments c-1  validated, waits for its turn\npayments c-1  proposed: branch feature/x\n"
	if said != want {
		t.Errorf("said\n%s\nwant\n%s", said, want)
	}
}

func TestFollowGoesOnWithThePlanThatAnswersARejection(t *testing.T) {
	u, _, err := follow(t, &stage{plans: []api.Plan{{Changes: []string{"c-1"}}, {Changes: []string{"c-2"}}, {Changes: []string{"c-2"}}},
		stories: map[string][]api.ChangeDetail{"c-1": {came("rejected", "")}, "c-2": {step("tests"), came("proposed", "")}}})
	if err != nil || len(u.Changes) != 2 || u.Changes[1].Stage != "proposed" {
		t.Fatalf("updated = %+v, %v", u, err)
	}
	if got := updateExit(&updateDoc{Applications: []updated{u}}); got != report.ExitFindings {
		t.Errorf("exit %d", got)
	}
}

func TestFollowWaitsForWhatWasParkedBefore(t *testing.T) {
	before := came("parked", api.WaitPerson)
	before.Since = asked.Add(-time.Hour)
	s := &stage{plans: []api.Plan{{Changes: []string{"c-1"}}}, busy: 2, stories: map[string][]api.ChangeDetail{"c-1": {before, before, step("read"), came("parked", api.WaitPerson)}}}
	if u, said, err := follow(t, s); err != nil || u.Changes[0].Stage != "parked" || !strings.Contains(said, "read (7 of 15)") || updateExit(&updateDoc{Applications: []updated{u}}) != 2 {
		t.Errorf("taken up again: %+v, %v, %s", u, err, said)
	}
	s = &stage{plans: []api.Plan{{Changes: []string{"c-1"}}}, busy: 1, stories: map[string][]api.ChangeDetail{"c-1": {before}}}
	if u, _, err := follow(t, s); err != nil || s.looked["c-1"] != 2 || u.Changes[0].Stage != "parked" {
		t.Errorf("left as it was: %+v, %v, %d looks", u, err, s.looked["c-1"])
	}
}

func TestFollowDoesNotWaitForNobody(t *testing.T) {
	for _, kind := range []string{api.WaitWorker, api.WaitRepository} {
		u, _, err := follow(t, &stage{plans: []api.Plan{{Changes: []string{"c-1"}}}, stories: map[string][]api.ChangeDetail{"c-1": {came("opened", kind)}}})
		if err != nil || len(u.Changes[0].Waits) != 1 || updateExit(&updateDoc{Applications: []updated{u}}) != report.ExitIncomplete {
			t.Errorf("%s: %+v, %v", kind, u, err)
		}
	}
}

func TestUpdateExit(t *testing.T) {
	no := false
	with := func(stages ...string) updated {
		u := updated{State: updateDone}
		for _, s := range stages {
			u.Changes = append(u.Changes, updatedChange{Change: api.Change{Stage: s}})
		}
		return u
	}
	for name, c := range map[string]struct {
		doc  []updated
		want int
	}{
		"nothing":     {nil, 0},
		"proposed":    {[]updated{with("proposed", "merged", "superseded")}, 0},
		"rejected":    {[]updated{with("proposed", "parked", "rejected")}, 1},
		"parked":      {[]updated{with("proposed", "parked")}, 2},
		"opened":      {[]updated{with("opened")}, 2},
		"incomplete":  {[]updated{{State: updateDone, Complete: &no}}, 2},
		"not waited":  {[]updated{{State: updateWaiting}}, 2},
		"failed":      {[]updated{{State: updateFailed}, with("proposed")}, 4},
		"failed, too": {[]updated{{State: updateFailed}, with("parked")}, 2},
	} {
		if got := updateExit(&updateDoc{Applications: c.doc}); got != c.want {
			t.Errorf("%s: exit %d, want %d", name, got, c.want)
		}
	}
}

func TestUpdateSaysWhatStaysOpen(t *testing.T) {
	f := &follower{plan: &api.Plan{Document: report.Plan{Outcomes: []report.Outcome{{Outcome: report.Planned}, {Outcome: report.Fixed}, {Outcome: report.NotAffected},
		{Package: "nofix", Outcome: report.NoFixPublished}, {Package: "jinja2", Outcome: report.CoolingDown}}}}}
	u := updated{Application: "payments", State: updateDone}
	f.sum(&u, true)
	if len(u.Left) != 2 || !*u.Complete || u.Outcomes[report.Planned] != 1 {
		t.Fatalf("updated = %+v", u)
	}
	p := &page{width: 80}
	renderUpdate(p, &updateDoc{Applications: []updated{u, {Application: "ledger", State: updateFailed, Detail: "no answer"}, {Application: "cards", State: updateRequested}}}, asked)
	for _, want := range []string{"payments: nothing to do\n", "2 findings of payments no update answers:", "no-fix-published nofix", "x ledger: no answer", "cards: asked for"} {
		if !strings.Contains(p.b.String(), want) {
			t.Errorf("no %q in\n%s", want, p.b.String())
		}
	}
	f.plan.Document.Outcomes = []report.Outcome{{Outcome: report.OutcomeError}}
	if f.sum(&u, true); *u.Complete {
		t.Error("a finding that could not be answered is not complete")
	}
	f.plan.Document = report.Plan{Undetermined: true}
	if f.sum(&u, true); *u.Complete {
		t.Error("what is undetermined is not complete")
	}
	u.Incomplete, u.Left, u.Notes = []inventory.Incomplete{{Reason: inventory.Unpinned, Source: "requirements.txt", Line: 7, Detail: "flask has no exact version"}}, nil, []string{"a note"}
	p = &page{width: 80}
	renderUpdate(p, &updateDoc{Applications: []updated{u}}, asked)
	for _, want := range []string{"? payments: no update, and not everything could be determined\n", "? requirements.txt:7: flask has no exact version (unpinned)", "! a note", "next    compile what is not pinned"} {
		if !strings.Contains(p.b.String(), want) || strings.Contains(p.b.String(), "nothing to do") {
			t.Errorf("no %q in\n%s", want, p.b.String())
		}
	}
}

// TestUpdateTellsWhatWasNotProved: a reader of the summary alone must not take a branch for tested.
func TestUpdateTellsWhatWasNotProved(t *testing.T) {
	change := func(id, stage string) updatedChange {
		return updatedChange{Change: api.Change{Change: id, Stage: stage}, Tested: true}
	}
	gone, warned, bare := change("c-1", "superseded"), change("c-2", "proposed"), change("c-3", "proposed")
	gone.SupersededBy, warned.Warned, bare.Tested = "c-2", []string{"tests: one test fails, and failed before the change too"}, false
	p := &page{width: 80}
	renderUpdate(p, &updateDoc{Applications: []updated{{Application: "payments", State: updateDone, Changes: []updatedChange{gone, warned, bare, change("c-4", "proposed")}}}}, asked)
	got := p.b.String()
	for _, want := range []string{"payments: 3 changes\n", "! c-2: tests: one test fails, and failed before the change too\n", "! c-3: nothing was tested\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "c-1") || strings.Contains(got, "! c-4") {
		t.Errorf("says too much:\n%s", got)
	}
}

// TestWatchUntilProposed: history is no answer, and what is there already is not waited for.
func TestWatchUntilProposed(t *testing.T) {
	for stage, want := range map[string][2]int{"opened": {0, 0}, "validated": {0, 0}, "proposed": {1, 0}, "merged": {1, 0}, "parked": {1, 2}, "rejected": {1, 1}, "superseded": {1, 1}} {
		over, code := lookable(stage)
		if over != (want[0] == 1) || code != want[1] {
			t.Errorf("%s: %t, %d", stage, over, code)
		}
	}
	record := func(seq uint64, p any) bus.Record {
		e, err := events.New(events.Meta{App: "a", Cause: "c", Key: "k", Change: "c-1", Time: asked}, p)
		if err != nil {
			t.Fatal(err)
		}
		return bus.Record{Record: events.Record{Sequence: seq, Event: e}}
	}
	o, e := &watchOptions{change: "c-1", until: untilProposed}, &ending{since: 5}
	if e.reached(o, record(5, events.ChangeParked{Change: "c-1"})) || e.reached(o, record(6, events.ChangeValidated{Change: "c-1"})) {
		t.Error("history, or a step on the way, ended the watch")
	}
	if !e.reached(o, record(6, events.ChangeParked{Change: "c-1"})) || e.code != report.ExitIncomplete {
		t.Errorf("parked: exit %d", e.code)
	}
	if !e.reached(o, record(7, events.ChangeProposed{Change: "c-1"})) || e.code != report.ExitOK {
		t.Errorf("proposed: exit %d", e.code)
	}
	if !e.reached(o, record(8, events.ChangeRejected{Change: "c-1"})) || e.code != report.ExitFindings {
		t.Errorf("rejected: exit %d", e.code)
	}
}

// TestWatchFooter: what is being done stands in one line, which the next one covers.
func TestWatchFooter(t *testing.T) {
	s := &session{api: &stage{looked: map[string]int{}, stories: map[string][]api.ChangeDetail{"c-1": {step("install"), came("opened", api.WaitQueue), came("rejected", "")}}}}
	var out bytes.Buffer
	w := &watcher{c: &cli{Main: &Main{Stdout: &out}}, doing: func() string { return doing(t.Context(), s, "c-1") }}
	for _, want := range []string{"install (7 of 15); 0 events, none yet; Ctrl-C ends", "waits for its turn; 0 events", "rejected; 0 events"} {
		out.Reset()
		w.draw()
		if got := strings.TrimPrefix(out.String(), "\r\x1b[K"); !strings.HasPrefix(got, want) || len(got) > 80 {
			t.Errorf("footer %q, want %q", got, want)
		}
	}
	w.doing = func() string { return strings.Repeat("x\x1b", 90) }
	out.Reset()
	if w.draw(); strings.ContainsFunc(strings.TrimPrefix(out.String(), "\r\x1b[K"), unsafeRune) {
		t.Errorf("footer %q", out.String())
	}
}

// What makes an update whole is said for what it has to go by: a commit, never the environment of a person.
func TestUpdateHints(t *testing.T) {
	gap := func(reason, source string) inventory.Incomplete {
		return inventory.Incomplete{Reason: reason, Source: source}
	}
	for want, gaps := range map[string][]inventory.Incomplete{
		"compile what is not pinned: move the ranges to requirements.in, run uv pip compile requirements.in -o requirements.txt, commit that, and run drydock update payments again": {gap(inventory.RangedPin, "requirements.txt"), gap(inventory.Unpinned, "b/requirements.txt")},
		"lock the project: run uv lock beside its pyproject.toml, commit that, and run drydock update payments again":                                                                {gap(inventory.RangedPin, "a/pyproject.toml")},
		"let `path` of the application, in the applications file, name the folder with its requirements":                                                                             {gap(inventory.NoSource, "")},
		"drydock db update: the advisories are too old": {gap(inventory.StaleDatabase, "")},
		"": {gap(inventory.NotCovered, "requirements.txt")},
	} {
		if got := strings.Join(updateHints(updated{Application: "payments", Incomplete: gaps}), "\n"); got != want || strings.Contains(got, "--environment") {
			t.Errorf("%v:\n%s\nwant\n%s", gaps, got, want)
		}
	}
}
