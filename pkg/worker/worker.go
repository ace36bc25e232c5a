// Package worker runs handlers: it decodes a message, asks whether it was answered before, hands it to a
// pure function with the facts, appends what comes out and acknowledges last.
package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// Handler answers an event: event and facts in, events out. It does not acknowledge, retry, publish, read
// the clock or keep globals. The runner sets cause, lane, traceparent and time of what it returns where they
// are not set (see Facts.New). An error is transient unless wrapped by Permanent or NeedsHuman.
type Handler func(ctx context.Context, e events.Event, f Facts) ([]events.Event, error)

// Facts is what a handler may know.
type Facts struct {
	App      *events.State    // the application, folded up to App.Sequence; read-only
	Org      *events.OrgState // the organisation; read-only
	Now      time.Time        // UTC
	Evidence evidence.Store   // to read documents and to store results
	Attempt  int              // 1 for the first delivery

	meta events.Meta // cause, lane, trace of the event being handled
	org  bool        // it is an event of the organisation: every application answers it
}

// New makes an event of this application caused by the event being handled, in its lane and at Now. key is
// the natural key (events.Meta.Key); change may be empty.
func (f Facts) New(key, change string, payload any) (events.Event, error) {
	m := f.meta
	m.App, m.Key, m.Change, m.Time = f.App.App, key, change, f.Now
	if f.org { // one cause, many answers: the same key in two applications is two events
		m.Key = f.App.App + "\x00" + key
	}
	return events.New(m, payload)
}

// NewFacts makes facts outside a runner: tests, and the callers that answer a request at once.
func NewFacts(app *events.State, org *events.OrgState, now time.Time, store evidence.Store, m events.Meta) Facts {
	return Facts{App: app, Org: org, Now: now, Evidence: store, Attempt: 1, meta: m}
}

// Stage is one kind of work of one service.
type Stage struct {
	Name     string                                                                // consumer name is <Name>-<lane>, or <Name>-due
	Service  events.Service                                                        // the producer whose events answer the cause
	Consumes []string                                                              // names of catalogue rows, "scan.requested"
	Handle   Handler                                                               // for the events; an organisation's event is answered application by application
	OnDue    func(ctx context.Context, d bus.Due, f Facts) ([]events.Event, error) // for fired timers of Service; nil: none
	Timers   func(s *events.State) []bus.Timer                                     // the timers an application should have; nil: none. Set after each append and at start
	Workers  int                                                                   // handled at once in each lane; 0 means 2
	Limit    time.Duration                                                         // time limit of one handling; 0 means 5 min
	Long     bool                                                                  // a handling outlasts any drain: it is cancelled and handed back as soon as the runner is told to end
}

// Permanent marks an error that no retry will mend: the message goes to the dead letters.
func Permanent(err error) error { return &verdict{kind: "permanent", err: err} }

// NeedsHuman marks an error only a person can mend: the message is parked with the dead letters under that
// name and alerts.
func NeedsHuman(err error) error { return &verdict{kind: "needs a human", err: err} }

// Kind returns "transient", "permanent" or "needs a human".
func Kind(err error) string {
	var v *verdict
	if errors.As(err, &v) {
		return v.kind
	}
	return "transient"
}

type verdict struct {
	kind string
	err  error
}

func (v *verdict) Error() string { return fmt.Sprintf("%s (%s)", v.err, v.kind) }
func (v *verdict) Unwrap() error { return v.err }
