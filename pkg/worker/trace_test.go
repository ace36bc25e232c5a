package worker_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

// One trace leads from the request over the scan and the plan to what follows from it, each span the child
// of the one whose event it handles.
func TestOneTraceOverThreeHops(t *testing.T) {
	spans, stop := telemetry.Capture()
	defer stop()
	play(t, nil, func(r *rig) {
		after := worker.Stage{Name: "after", Service: events.Scanner, Consumes: []string{"plan.generated"},
			Handle: func(_ context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
				e, err := f.New("k", "", events.ScanFailed{})
				return []events.Event{e}, err
			}}
		ctx, end := telemetry.Start(r.ctx, "POST /v1/scans")
		e := request("payments")
		e.SetExtension(events.ExtTraceparent, telemetry.Traceparent(ctx))
		r.add(e)
		end(nil)
		defer r.run(worker.Options{}, append(workertest.Toy(1, time.Hour), after)...)()
		r.settle(time.Minute)
	})
	got := spans()
	if len(got) != 4 {
		t.Fatalf("%d spans %v, want 4", len(got), got)
	}
	byName := map[string]telemetry.Span{}
	for _, s := range got {
		byName[s.Name] = s
	}
	var parent telemetry.Span
	for _, name := range []string{"POST /v1/scans", "toy-scanner scan.requested", "toy-planner scan.completed", "after plan.generated"} {
		s := byName[name]
		if s.ID == "" || s.Trace != got[0].Trace || s.Parent != parent.ID {
			t.Errorf("span %q: %+v, want one of trace %s below %q", name, s, got[0].Trace, parent.Name)
		}
		parent = s
	}
}

// The counters and the gauges appear where Prometheus reads them.
func TestMetrics(t *testing.T) {
	worker.NewBreaker("metrics-test", time.Second)
	var text string
	play(t, nil, func(r *rig) {
		r.add(request("payments"), workertest.Request("payments", "u", events.Urgent, start))
		r.run(worker.Options{}, scans(complete))
		st := scans(failing(1, context.DeadlineExceeded))
		st.Name, st.Service, st.Consumes = "metered", events.Planner, []string{"scan.completed"}
		st.Handle = failing(99, worker.Permanent(context.Canceled))
		stop := r.run(worker.Options{}, st)
		r.settle(time.Minute)
		rec := httptest.NewRecorder()
		telemetry.MetricsHandler().ServeHTTP(rec, httptest.NewRequestWithContext(r.ctx, http.MethodGet, "/metrics", nil))
		data, _ := io.ReadAll(rec.Body)
		text = string(data)
		stop()
	})
	for _, want := range []string{
		`drydock_worker_messages_total{lane="routine",outcome="permanent",stage="metered"} `,
		`drydock_worker_messages_total{lane="urgent",outcome="permanent",stage="metered"} `,
		`drydock_worker_dead_letters_total{lane="urgent",stage="metered"} `,
		`drydock_worker_failed_total{lane="urgent",stage="metered"} `,
		`drydock_worker_handling_seconds_count{lane="urgent",stage="metered"} `,
		`drydock_worker_lag{consumer="metered-urgent"} 0`,
		`drydock_breaker_open{name="metrics-test"} 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "drydock_") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}
