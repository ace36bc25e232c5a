package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// ready waits until /readyz answers as wanted, and returns what it said.
func (r *running) ready(want bool) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	defer cancel()
	said := ""
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.api.Address()+"/readyz", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				body = append(body, err.Error()...)
			}
			_ = res.Body.Close()
			said = string(body)
			if (res.StatusCode == http.StatusOK) == want {
				return said
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatalf("ready never was %t; it says %q", want, said)
	return ""
}

// TestOutage takes the NATS server of `drydock up --nats` away in the middle of scans, several times, and lets
// it come back with the same store: every accepted request is answered, once, by the process that was there all
// the time. DRYDOCK_SEED sets the moments.
func TestOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers many times")
	}
	seed := uint64(number("DRYDOCK_SEED", int(time.Now().UnixNano()%1e6)))
	t.Logf("DRYDOCK_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	k, nats := onNATS(t)
	up := k.start()
	apps := k.applications(5)
	var mu sync.Mutex
	asked := map[string]int{} // scans accepted, by application
	ask := func(app, id string) {
		if _, err := up.api.RequestScan(t.Context(), k.request(app, id)); err == nil {
			mu.Lock()
			defer mu.Unlock()
			asked[filepath.Base(app)]++
		}
	}
	for i := range 5 {
		var wg sync.WaitGroup
		for _, app := range apps {
			wg.Go(func() { ask(app, fmt.Sprint(app, i)) })
		}
		time.Sleep(time.Duration(random.Int64N(int64(150 * time.Millisecond)))) // the random moment
		nats.Kill()
		if said := up.ready(false); !strings.Contains(said, "not ready") {
			t.Errorf("readiness without a server says %q", said)
		}
		nats.Start(t)
		up.ready(true)
		wg.Wait()
	}
	for _, app := range apps {
		ask(app, "last")
		if asked[filepath.Base(app)] == 0 {
			t.Fatalf("no scan of %s was accepted after the server came back", app)
		}
	}
	up.quiet(slices.Collect(maps.Keys(asked)))
	up.terminate()
	b, err := bus.Connect(t.Context(), bus.ExternalConfig{URL: nats.URL("drydock")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	k.check(b, asked)
}

// onNATS is a Drydock on a NATS server in a process of its own.
func onNATS(t *testing.T) (*killed, *bustest.Server) {
	index, stop, err := frozen.Serve(filepath.Join(root(t), "deploy", "demo", "index"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	nats := bustest.StartServer(t)
	k := &killed{t: t, data: t.TempDir(), env: planEnv(t, index), index: index, args: []string{"--nats", nats.URL("drydock")}}
	k.importAdvisories()
	return k, nats
}

// TestTrace: from POST /v1/scans to plan.generated every stored event belongs to one trace, across the workers,
// and names what caused it.
func TestTrace(t *testing.T) {
	k, _ := onNATS(t)
	up := k.start()
	defer up.terminate()
	app := k.applications(1)[0]
	body, err := json.Marshal(k.request(app, "traced"))
	if err != nil {
		t.Fatal(err)
	}
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodPost, up.api.Address()+"/v1/scans", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	const asker = "4bf92f3577b34da6a3ce929d0e0e4736" // the trace of whoever asks goes on
	ask.Header.Set("Content-Type", "application/json")
	ask.Header.Set("Traceparent", "00-"+asker+"-00f067aa0ba902b7-01")
	res, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		t.Fatalf("POST /v1/scans: %s", res.Status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	traces, spans, names, ids := map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]bool{"traced": true}
	_, err = up.api.Events(ctx, api.EventQuery{App: filepath.Base(app), Follow: true}, func(r bus.Record) error {
		row, _ := events.Lookup(r.Event.Type())
		parts := strings.Split(events.Ext(r.Event, events.ExtTraceparent), "-")
		if len(parts) != 4 {
			t.Fatalf("%s has the traceparent %q", row.Name(), parts)
		}
		if cause := events.Ext(r.Event, events.ExtCause); !ids[cause] {
			t.Errorf("%s was caused by %q, which is none of the story", row.Name(), cause)
		}
		traces[parts[1]], spans[parts[2]], ids[r.Event.ID()] = true, true, true
		names[row.Name()]++
		if row.Name() == "plan.generated" {
			return errPlanned
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), errPlanned.Error()) {
		t.Fatal(err)
	}
	if !traces[asker] || len(traces) != 1 || len(spans) != 3 { // the request, the scan, the plan
		t.Errorf("%d traces, %d spans, want 1 and 3, over %v", len(traces), len(spans), names)
	}
	if names["scan.requested"] != 1 || names["scan.completed"] != 1 || names["finding.opened"] == 0 || names["change.opened"] == 0 {
		t.Errorf("the story is not whole: %v", names)
	}
}

var errPlanned = fmt.Errorf("planned")
