package worker_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

// start is the time at which every synctest bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// rig is a runner on a memory bus in fake time.
type rig struct {
	*testing.T
	ctx  context.Context
	bus  bus.Bus
	seen bus.Bus // what the runner sees: bus with faults
	log  *logs
}

// play runs f in a bubble with a bus; hook, when not nil, is called at each point of the runner's dealings with it.
func play(t *testing.T, hook bustest.Hook, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := bus.NewMemory()
		defer b.Close()
		r := &rig{T: t, ctx: t.Context(), bus: b, seen: b, log: &logs{}}
		if hook != nil {
			r.seen = bustest.Faulty(b, hook)
		}
		f(r)
	})
}

// run starts a runner; stop ends it and waits. It must be called in the bubble.
func (r *rig) run(o worker.Options, stages ...worker.Stage) (stop func()) {
	r.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan error, 1)
	w := worker.New(r.seen, stages, o)
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-w.Ready():
	case err := <-ended:
		r.Fatalf("the runner ended: %v", err)
	}
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Errorf("the runner ended: %v", err)
		}
	})
}

func (r *rig) add(evs ...events.Event) {
	r.Helper()
	if err := workertest.Append(r.ctx, r.bus, evs...); err != nil {
		r.Fatal(err)
	}
}

// settle lets d of fake time go by.
func (r *rig) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// stored lists the events of app by name and payload key.
func (r *rig) stored(app string) []events.Record {
	r.Helper()
	var out []events.Record
	_, err := r.bus.Replay(r.ctx, bus.Query{App: app}, func(rec bus.Record) error {
		if rec.Err == nil {
			out = append(out, rec.Record)
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return out
}

func (r *rig) names(app string) string {
	r.Helper()
	var out []string
	for _, rec := range r.stored(app) {
		row, _ := events.Lookup(rec.Event.Type())
		out = append(out, row.Name())
	}
	return strings.Join(out, " ")
}

func (r *rig) wantNames(app, want string) {
	r.Helper()
	if got := r.names(app); got != want {
		r.Errorf("log of %s:\n got  %s\n want %s", app, got, want)
	}
}

func (r *rig) letters() []bus.Letter {
	r.Helper()
	ls, err := r.bus.Letters(r.ctx, false)
	if err != nil {
		r.Fatal(err)
	}
	return ls
}

// wantOneLetter checks that exactly one message was buried, and for what reason.
func (r *rig) wantOneLetter(reason string) bus.Letter {
	r.Helper()
	ls := r.letters()
	if len(ls) != 1 {
		r.Fatalf("%d dead letters %v, want 1", len(ls), ls)
	}
	if !strings.Contains(ls[0].Reason, reason) {
		r.Errorf("reason %q, want %q in it", ls[0].Reason, reason)
	}
	return ls[0]
}

func (r *rig) timers(service events.Service) []bus.Timer {
	r.Helper()
	ts, err := r.bus.Scheduled(r.ctx, string(service))
	if err != nil {
		r.Fatal(err)
	}
	return ts
}

type logs struct {
	mu sync.Mutex
	strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

// scans makes a scanner stage of a handler.
func scans(h worker.Handler) worker.Stage {
	return worker.Stage{Name: "scanner", Service: events.Scanner, Consumes: []string{"scan.requested", "database.updated"}, Handle: h}
}

// complete answers with a scan.completed.
func complete(_ context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
	e, err := f.New("done", "", events.ScanCompleted{Application: f.App.App, Target: "/srv"})
	return []events.Event{e}, err
}

func request(app string) events.Event { return workertest.Request(app, app, events.Routine, start) }
