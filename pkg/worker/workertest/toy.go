package workertest

import (
	"context"
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// Toy makes the stages of a small flow with real events, for tests of runners and buses: a scan request is
// answered with `findings` findings, each completed scan with a plan of one change that supersedes the one
// before, and a change has a deadline that is breached after `deadline`. The newest database is good for one
// finding more, in a scan as in the applications that were scanned before it came.
func Toy(findings int, deadline time.Duration) []worker.Stage {
	return []worker.Stage{
		{Name: "toy-scanner", Service: events.Scanner, Consumes: []string{"scan.requested", "database.updated"}, Handle: toyScan(findings)},
		{Name: "toy-planner", Service: events.Planner, Consumes: []string{"scan.completed"}, Handle: toyPlan(deadline),
			Timers: toyTimers, OnDue: toyDue},
	}
}

// Request is a scan request of app by its key.
func Request(app, key string, lane events.Lane, now time.Time) events.Event {
	e, err := events.New(events.Meta{App: app, Lane: lane, Cause: "request-" + app + "-" + key, Key: key, Time: now},
		events.ScanRequested{Application: app, Target: "/srv/" + app})
	if err != nil {
		panic(err) // a name outside the rules in a test
	}
	return e
}

// Update is a database.updated.
func Update(key string, now time.Time) events.Event {
	e, err := events.New(events.Meta{App: events.Org, Cause: "update-" + key, Key: key, Time: now},
		events.DatabaseUpdated{Databases: []events.Database{{Name: "PyPI", Digest: "sha256:" + key, Records: 1}}})
	if err != nil {
		panic(err)
	}
	return e
}

func toyScan(findings int) worker.Handler {
	return func(_ context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
		done := events.ScanCompleted{Application: f.App.App, Trigger: events.TriggerRequest, Target: "/srv/" + f.App.App}
		var names []string
		for _, db := range f.Org.Databases {
			names = append(names, "package-of-"+db.Digest)
		}
		if e.Type() != "dev.drydock.database.updated.v1" {
			for i := range findings {
				names = append(names, fmt.Sprintf("package-%d", i))
			}
			return answer(f, names, done)
		}
		done.Trigger = events.TriggerDatabase
		if scan, ok := f.App.Scans[done.Target]; !ok || scan.Sequence > f.Org.Sequence {
			return nil, nil // never scanned, or with this database
		}
		return answer(f, names, done)
	}
}

func answer(f worker.Facts, names []string, done events.ScanCompleted) ([]events.Event, error) {
	var out []events.Event
	for _, name := range names {
		id := events.FindingID(f.App.App, "repository:requirements.txt", "PyPI", name, "CVE-1")
		if f.App.Findings[id].Open {
			continue
		}
		e, err := f.New(id, "", events.FindingOpened{Finding: id, Package: name, Vulnerability: "CVE-1", Urgency: events.Urgency{Severity: "high"}})
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	done.Packages, done.Summary.Findings = len(names), f.App.OpenFindings()+len(out)
	e, err := f.New(done.Target, "", done)
	return append(out, e), err
}

func toyPlan(deadline time.Duration) worker.Handler {
	return func(_ context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
		plan := fmt.Sprintf("sha256:%d", f.App.OpenFindings())
		if f.App.Plan != nil && f.App.Plan.Plan == plan {
			return nil, nil
		}
		change := events.ChangeID(f.App.App, plan, "high")
		var out []events.Event
		for id, c := range f.App.Changes {
			if c.Terminal == "" {
				e, err := f.New(id, id, events.ChangeSuperseded{Change: id, By: change, Reason: "a newer plan"})
				if err != nil {
					return nil, err
				}
				out = append(out, e)
			}
		}
		opened, err := f.New(change, change, events.ChangeOpened{Change: change, Plan: plan, Deadline: f.Now.Add(deadline)})
		if err != nil {
			return nil, err
		}
		closing, err := f.New(plan, "", events.PlanGenerated{Plan: plan, Outcomes: map[string]int{"planned": f.App.OpenFindings()}})
		return append(out, opened, closing), err
	}
}

func toyTimers(s *events.State) []bus.Timer {
	var out []bus.Timer
	for id, c := range s.Changes {
		if c.Terminal == "" && !c.Breached {
			out = append(out, bus.Timer{Key: id, At: c.Deadline})
		}
	}
	return out
}

func toyDue(_ context.Context, d bus.Due, f worker.Facts) ([]events.Event, error) {
	c, ok := f.App.Changes[d.Key]
	if !ok || c.Terminal != "" || c.Breached || f.Now.Before(c.Deadline) {
		return nil, nil
	}
	e, err := f.New(d.Key, d.Key, events.DeadlineBreached{Change: d.Key, Deadline: c.Deadline})
	return []events.Event{e}, err
}
