package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

// Event in, events out, over the whole toy flow.
func TestEventInEventsOut(t *testing.T) {
	tests := []struct {
		name  string
		given []events.Event
		app   string
		want  string
	}{
		{"a request", []events.Event{request("payments")}, "payments",
			"scan.requested finding.opened finding.opened scan.completed change.opened plan.generated"},
		{"the same again: nothing new, no plan", []events.Event{request("payments"), workertest.Request("payments", "again", events.Urgent, start)}, "payments",
			"scan.requested scan.requested finding.opened finding.opened scan.completed scan.completed change.opened plan.generated"},
		{"another application", []events.Event{request("payments")}, "ledger", ""},
		{"the organisation, nothing scanned", []events.Event{workertest.Update("db2", start)}, "_", "database.updated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, nil, func(r *rig) {
				stages := workertest.Toy(2, 24*time.Hour)
				stages[0].Workers, stages[1].Workers = 1, 1
				r.add(tt.given...)
				defer r.run(worker.Options{}, stages...)()
				r.settle(time.Minute)
				got, want := strings.Fields(r.names(tt.app)), strings.Fields(tt.want)
				if fmt.Sprint(sorted(got)) != fmt.Sprint(sorted(want)) {
					t.Errorf("got  %v\nwant %v", got, want)
				}
			})
		})
	}
}

// What a handler leaves open the runner fills in: cause, lane, trace and time.
func TestOutputsNameTheirCause(t *testing.T) {
	play(t, nil, func(r *rig) {
		bare := func(_ context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
			e, err := events.New(events.Meta{App: f.App.App, Time: f.Now, Lane: events.Urgent}, events.ScanCompleted{Application: f.App.App})
			return []events.Event{e}, err
		}
		in := request("payments")
		in.SetExtension(events.ExtTraceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		r.add(in)
		defer r.run(worker.Options{}, scans(bare))()
		r.settle(time.Second)
		out := r.stored("payments")[1].Event
		if got := events.Ext(out, events.ExtCause); got != in.ID() {
			t.Errorf("cause %q, want %q", got, in.ID())
		}
		if got := events.Ext(out, events.ExtTraceparent); !strings.HasPrefix(got, "00-0af7651916cd43dd8448eb211c80319c-") {
			t.Errorf("traceparent %q is not of the request's trace", got)
		}
		if out.Time().IsZero() || events.Ext(out, events.ExtLane) != "urgent" {
			t.Errorf("time %s, lane %q", out.Time(), events.Ext(out, events.ExtLane))
		}
	})
}

func TestVerdicts(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name     string
		handle   worker.Handler
		reason   string // empty: no dead letter
		attempts int
	}{
		{"transient, then well", failing(3, boom), "", 4},
		{"transient for ever", failing(99, boom), "12 attempts failed: boom", 12},
		{"permanent", failing(99, worker.Permanent(boom)), "permanent: boom", 1},
		{"needs a human", failing(99, fmt.Errorf("approve: %w", worker.NeedsHuman(boom))), "needs a human: approve: boom", 1},
		{"panic", func(context.Context, events.Event, worker.Facts) ([]events.Event, error) { panic("index out of range") },
			"permanent: the handler of scan.requested panicked: index out of range", 1},
		{"time limit", func(ctx context.Context, _ events.Event, _ worker.Facts) ([]events.Event, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, "12 attempts failed: not answered within 5m0s", 12},
		{"event of another producer", emit(events.PlanGenerated{Plan: "p"}, "k"), "permanent: answer of stage scanner to scan.requested: plan.generated is produced by planner, not by scanner", 1},
		{"one id twice", emit(events.ScanCompleted{}, "k", "k"), "two events scan.completed have the id", 1},
		{"too large", emit(events.ScanCompleted{Revision: strings.Repeat("x", events.MaxSize)}, "k"), "store the payload as evidence", 1},
		{"event of another application", func(_ context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			o, err := events.New(events.Meta{App: "ledger", Cause: e.ID(), Time: f.Now}, events.ScanCompleted{})
			return []events.Event{o}, err
		}, `of application "ledger", appended to "payments"`, 1},
		{"event of another cause", func(_ context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
			o, err := events.New(events.Meta{App: f.App.App, Cause: "other", Time: f.Now}, events.ScanCompleted{})
			return []events.Event{o}, err
		}, `names "other" as its cause`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, nil, func(r *rig) {
				r.add(request("payments"))
				defer r.run(worker.Options{}, scans(tt.handle))()
				r.settle(3 * time.Hour)
				if tt.reason == "" {
					if n := len(r.letters()); n != 0 {
						t.Errorf("%d dead letters", n)
					}
					r.wantNames("payments", "scan.requested scan.completed")
					return
				}
				l := r.wantOneLetter(tt.reason)
				if l.Attempts != tt.attempts || l.Consumer != "scanner-routine" || l.Stream != "EVENTS" || l.Sequence != 1 || len(l.Headers) == 0 || len(l.Data) == 0 {
					t.Errorf("letter %+v, want %d attempts, consumer, place, headers and data", l, tt.attempts)
				}
				r.wantNames("payments", "scan.requested")
				if strings.Contains(l.Reason, "goroutine") {
					t.Errorf("a stack in the reason: %s", l.Reason)
				}
			})
		})
	}
}

// failing fails n times, then answers.
func failing(n int, err error) worker.Handler {
	return func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
		if f.Attempt <= n {
			return nil, err
		}
		return complete(ctx, e, f)
	}
}

func emit(payload any, keys ...string) worker.Handler {
	return func(_ context.Context, _ events.Event, f worker.Facts) (out []events.Event, err error) {
		for _, k := range keys {
			e, err := f.New(k, "", payload)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	}
}

// Garbage goes to the dead letters with what it came with; what comes after it is handled.
func TestGarbageOnASubject(t *testing.T) {
	tests := []struct {
		name, subject string
		header        map[string][]string
		data          string
	}{
		{"no event at all", "drydock.event.routine.payments.scan.requested", map[string][]string{"X-Origin": {"somebody"}}, "\x00\xff garbage"},
		{"structured, not JSON", "drydock.event.routine.payments.scan.requested", map[string][]string{"Content-Type": {"application/cloudevents+json"}, "X-Origin": {"somebody"}}, "{"},
		{"a name that is none", "drydock.event.routine.Pay_ments.scan.requested", map[string][]string{"X-Origin": {"somebody"}}, "{}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, nil, func(r *rig) {
				r.bus.(*bus.Memory).PublishRaw(tt.subject, tt.header, []byte(tt.data))
				r.add(request("payments"))
				defer r.run(worker.Options{}, scans(complete))()
				r.settle(time.Minute)
				l := r.wantOneLetter("permanent: decode event")
				if l.Subject != tt.subject || string(l.Data) != tt.data || len(l.Headers["X-Origin"]) != 1 {
					t.Errorf("letter %+v has lost something", l)
				}
				r.wantNames("payments", "scan.requested scan.completed")
			})
		})
	}
}

// An event whose attribute names another application than its subject is nobody's.
func TestSubjectAndEventDisagree(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.bus.(*bus.Memory).PublishRaw("drydock.event.routine.ledger.scan.requested", map[string][]string{"Content-Type": {"application/cloudevents+json"}},
			[]byte(`{"specversion":"1.0","id":"1","type":"dev.drydock.scan.requested.v1","source":"/x","subject":"payments","lane":"routine","time":"2000-01-01T00:00:00Z","data":{}}`))
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Minute)
		r.wantOneLetter(`is of application "payments"`)
		if got := r.names("payments") + r.names("ledger"); strings.Contains(got, "completed") {
			t.Errorf("it was answered: %s", got)
		}
	})
}

// A message that kills the process every time is given up, not tried for ever.
func TestDeliveriesWithoutAnswer(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		c := bus.Consumer{Name: "scanner-routine", Filters: []string{events.StageFilter(events.Routine, "scan.requested")}, Prefetch: 1, AckWait: time.Second, MaxDeliver: 99}
		for range 12 { // twelve processes that took it and died
			d, err := r.bus.Consume(r.ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Next(r.ctx); err != nil {
				t.Fatal(err)
			}
			d.Stop()
			r.settle(2 * time.Second)
		}
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Minute)
		r.wantOneLetter("permanent: 12 deliveries ended without an answer")
	})
}

// The stack of a panic is for those who debug, and only for them.
func TestPanicStack(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		defer r.run(worker.Options{}, scans(func(context.Context, events.Event, worker.Facts) ([]events.Event, error) { panic("x") }))()
		r.settle(time.Minute)
		for line := range strings.Lines(r.log.text()) {
			if strings.Contains(line, "goroutine ") != strings.Contains(line, "level=DEBUG") {
				t.Errorf("stack or not: %s", line)
			}
		}
	})
}

func TestStagesAreChecked(t *testing.T) {
	ok := scans(complete)
	tests := []struct {
		name   string
		stages []worker.Stage
		want   string
	}{
		{"name", []worker.Stage{{Name: "Scanner!", Service: events.Scanner, Consumes: ok.Consumes, Handle: complete}}, "want a unique name"},
		{"name twice", []worker.Stage{ok, ok}, "want a unique name"},
		{"no service", []worker.Stage{{Name: "s", Consumes: ok.Consumes, Handle: complete}}, "and a service"},
		{"no handler", []worker.Stage{{Name: "s", Service: "scanner", Consumes: ok.Consumes}}, "no handler"},
		{"nothing consumed", []worker.Stage{{Name: "s", Service: "scanner", Handle: complete}}, "nothing to consume"},
		{"unknown event", []worker.Stage{{Name: "s", Service: "scanner", Consumes: []string{"scan.wished"}, Handle: complete}}, `event "scan.wished" is not in the catalogue`},
		{"one event, two answers", []worker.Stage{ok, {Name: "s", Service: "scanner", Consumes: []string{"scan.requested"}, Handle: complete}}, "answered by stage scanner of the same service"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bus.NewMemory()
			defer b.Close()
			err := worker.New(b, tt.stages, worker.Options{}).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
