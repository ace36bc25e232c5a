package gateway

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// TestWaits: what holds a change is one sentence with a kind, and somebody who can act.
func TestWaits(t *testing.T) {
	fresh := events.Change{ChangeOpened: events.ChangeOpened{Change: ours, Branch: "feature/x"}, Time: clock}
	with := func(d events.Dock) events.Change { c := fresh; c.Dock = d; return c }
	ended := func(verb, by string) events.Change {
		c := fresh
		c.Terminal, c.SupersededBy = verb, by
		return c
	}
	for name, c := range map[string]struct {
		change events.Change
		dock   dock
		kind   string
		says   string
		who    string
	}{
		"undeclared": {fresh, dock{undeclared: "app is not declared with a repository"}, api.WaitRepository, "not declared", "whoever runs Drydock"},
		"nobody":     {fresh, dock{}, api.WaitWorker, "none has worked on this log", "whoever runs Drydock"},
		"its turn":   {fresh, dock{workers: true, ahead: 3}, api.WaitQueue, "3 changes are queued or under way, this one counted", "Drydock"},
		"next":       {fresh, dock{workers: true, ahead: 1}, api.WaitQueue, "no other change is queued", "Drydock"},
		"forgotten":  {fresh, dock{workers: true}, api.WaitQueue, "looked at again within the hour", "Drydock"},
		"begun":      {fresh, dock{holder: "host process 7"}, api.WaitStep, "has begun", "host process 7"},
		"at a step":  {fresh, dock{progress: &api.Progress{Step: "tests", Detail: "pytest -q"}}, api.WaitStep, "tests, pytest -q", "Drydock"},
		"voided":     {with(events.Dock{Voided: &events.ArtifactVoided{Reason: "the base moved"}}), dock{workers: true}, api.WaitQueue, "turn", "Drydock"},
		"parked":     {with(events.Dock{Parked: &events.ChangeParked{Kind: events.ParkedSetup, Reason: "no Python 3.9", Do: "install it"}}), dock{}, api.WaitPerson, "no Python 3.9", "owns the application"},
		"touched":    {with(events.Dock{Parked: &events.ChangeParked{Kind: events.ParkedTouched, By: "ana"}}), dock{}, api.WaitPerson, "", "ana"},
		"refused":    {with(events.Dock{Parked: &events.ChangeParked{Kind: events.ParkedAccess, Retry: clock}}), dock{}, api.WaitTime, "", "tries again by itself"},
		"no room":    {with(events.Dock{Parked: &events.ChangeParked{Kind: events.ParkedFailed}}), dock{}, api.WaitPerson, "", "a person"},
		"validated":  {with(events.Dock{Validated: &events.ChangeValidated{Artifact: "a"}}), dock{}, api.WaitPush, "feature/x to be pushed", "Drydock"},
		"proposed": {with(events.Dock{Validated: &events.ChangeValidated{Artifact: "a"}, Proposed: &events.ChangeProposed{Artifact: "a", Branch: "feature/x", Commit: "0123456789abcdef", Base: events.Base{Branch: "main"}}}),
			dock{}, api.WaitMerge, "merge feature/x (0123456789ab) into main", "whoever may merge into main"},
		"unseen": {with(events.Dock{Validated: &events.ChangeValidated{Artifact: "a"}, Proposed: &events.ChangeProposed{Artifact: "a"}}), dock{unseen: &api.Progress{Detail: "no repository there"}},
			api.WaitRepository, "a merge is not seen: no repository there", "gives access"},
		"merged":     {with(events.Dock{Merged: &events.ChangeMerged{Base: events.Base{Branch: "main"}}}), dock{}, api.WaitDeployment, "deployment", "whoever deploys"},
		"superseded": {ended("superseded", "c-2"), dock{}, api.WaitPerson, "change c-2 carries it on", "Drydock"},
		"not needed": {ended("superseded", ""), dock{}, api.WaitPerson, "no update of it is needed", "nobody"},
	} {
		got := waits(c.change, c.dock)
		if len(got) == 0 || got[0].Kind != c.kind || !strings.Contains(got[0].What, c.says) || !strings.Contains(got[0].Who, c.who) {
			t.Errorf("%s: %+v; want %s that says %q of %q", name, got, c.kind, c.says, c.who)
		}
		if name == "voided" && (len(got) != 2 || !strings.Contains(got[1].What, "the base moved")) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	out := with(events.Dock{Rejected: &events.ChangeRejected{Kind: events.RejectedDeleted, Reason: "its branch was deleted", By: "ana", Until: clock.Add(time.Hour)}, EndedAt: clock})
	out.Terminal = "rejected"
	if got := waits(out, dock{now: clock}); got[0].Until == nil || got[0].Who != "ana" {
		t.Errorf("turned down: %+v", got)
	}
	if got := waits(out, dock{now: clock.Add(2 * time.Hour)}); got[0].Until != nil {
		t.Errorf("a rejection that is over: %+v", got)
	}
	if got := waits(ended("closed", ""), dock{}); got == nil || len(got) != 0 {
		t.Errorf("closed: %+v", got)
	}
}

// TestQueued: what is counted are the changes that wait, not the messages that speak of them: one that ended meanwhile
// has a message still, and one whose application is not declared is passed over.
func TestQueued(t *testing.T) {
	h := build(t, withRepository)
	h.scanned(t, "/srv/app")
	for deadline := time.Now().Add(time.Minute); mustFold(t, h, "app").Changes[ours].Change == ""; time.Sleep(time.Millisecond) { // the plan that opens it comes after
		if time.Now().After(deadline) {
			t.Fatal("no change is opened")
		}
	}
	say := func(app, change string, payload any) {
		t.Helper()
		last, err := h.bus.LastSequence(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.New(events.Meta{App: app, Cause: "by-hand", Key: change, Change: change, Time: clock}, payload)
		if err != nil {
			t.Fatal(err)
		}
		if last, err = h.bus.Append(t.Context(), app, []events.Event{e}, last); err != nil {
			t.Fatal(err)
		}
		if _, err := h.svc.deps.Folds.App(t.Context(), app, last); err != nil {
			t.Fatal(err)
		}
	}
	open := func(app, change string) { t.Helper(); say(app, change, events.ChangeOpened{Change: change}) }
	waits := func(want string) {
		t.Helper()
		d, err := h.client.Change(t.Context(), ours)
		if err != nil || len(d.Waits) == 0 || d.Waits[0].Kind != api.WaitQueue || d.Waits[0].What != "its turn in the dock: "+want {
			t.Errorf("%+v, %v; want %q", d.Waits, err, want)
		}
	}
	open("app", "c-2")
	open("app", "c-3")
	open("broken", "c-4")
	say("app", "c-3", events.ChangeSuperseded{Change: "c-3", By: "c-2"})
	busy := make(chan struct{})
	run := worker.New(h.bus, []worker.Stage{{Name: "dock", Service: events.Validator, Consumes: []string{"change.opened"}, Workers: 1, Handle: func(ctx context.Context, _ events.Event, _ worker.Facts) ([]events.Event, error) {
		select {
		case <-ctx.Done():
		case <-busy:
		}
		return nil, ctx.Err()
	}}}, worker.Options{Drain: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	<-run.Ready()
	waits("2 changes are queued or under way, this one counted")
	say("app", "c-2", events.ChangeSuperseded{Change: "c-2"})
	waits("no other change is queued or under way")
	close(busy)
	for deadline := time.Now().Add(time.Minute); ; {
		d, err := h.svc.dock(t.Context(), mustFold(t, h, "app"), events.Change{ChangeOpened: events.ChangeOpened{Change: ours}}, nil)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", d, err)
		}
		if d.ahead == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	waits("nothing is queued, so it is looked at again within the hour")
}

func mustFold(t *testing.T, h *house, app string) *events.State {
	t.Helper()
	st, err := h.svc.deps.Folds.App(t.Context(), app, 0)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
