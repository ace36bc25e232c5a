package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/gateway/client"
)

// clock is the time of everything in these tests.
var clock = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// house is a gateway with workers that answer as the real ones do, on a memory bus.
type house struct {
	bus    bus.Bus
	svc    *Service
	server *httptest.Server
	client *client.Client
	loaded []events.Database
}

func build(t *testing.T, change ...func(*Deps)) *house {
	t.Helper()
	h := &house{bus: bus.NewMemory()}
	folds := worker.NewFolds(h.bus)
	stages := []worker.Stage{
		{Name: "scanner", Service: events.Scanner, Consumes: []string{"scan.requested"}, Handle: fakeScan},
		{Name: "planner", Service: events.Planner, Consumes: []string{"scan.completed"}, Handle: fakePlan},
	}
	ctx, cancel := context.WithCancel(t.Context())
	run := worker.New(h.bus, stages, worker.Options{Folds: folds, Now: func() time.Time { return clock }})
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx) }()
	<-run.Ready()
	deps := Deps{Bus: h.bus, Folds: folds, Now: func() time.Time { return clock }, Version: "v0", MaxAge: 72 * time.Hour,
		Planner: []string{"planner-urgent", "planner-routine"}, Identify: fakeIdentify, Databases: func() []events.Database { return h.loaded },
		Decide: func(ctx context.Context, app string, decide func(*events.State, *events.OrgState) ([]events.Event, error)) (uint64, error) {
			return worker.Decide(ctx, h.bus, folds, app, decide)
		}}
	for _, c := range change {
		c(&deps)
	}
	var err error
	if h.svc, err = New(Config{}, deps); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(h.svc.Handler())
	if h.client, err = client.New(h.server.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.client.Close()
		h.server.CloseClientConnections()
		h.server.Close()
		cancel()
		<-ended
		_ = h.bus.Close()
	})
	return h
}

// fakeIdentify knows every path but /missing.
func fakeIdentify(_ context.Context, path string, _ bool, name string) (Identity, error) {
	if path == "/missing" {
		return Identity{}, api.NewProblem(api.NoSuchPath, "check the path", "there is nothing at %s: %v", path, fs.ErrNotExist)
	}
	if name == "" {
		name = "app"
	}
	return Identity{Application: name, Target: path}, nil
}

// fakeScan finds one thing, fails at /broken and gives up for good at /poison.
func fakeScan(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
	q, err := events.Decode[events.ScanRequested](e)
	if err != nil {
		return nil, worker.Permanent(err)
	}
	switch q.Target {
	case "/poison":
		return nil, worker.Permanent(errors.New("the manifest can't be read"))
	case "/broken":
		out, err := f.New("failed", "", events.ScanFailed{Application: q.Application, Target: q.Target, Reason: "unreadable", Detail: "nothing there can be read"})
		return []events.Event{out}, err
	}
	doc, _ := json.Marshal(report.Scan{Schema: report.SchemaScan, Application: q.Application, Complete: true})
	digest, err := f.Evidence.Put(ctx, doc)
	if err != nil {
		return nil, err
	}
	done := events.ScanCompleted{Application: q.Application, Target: q.Target, Trigger: events.TriggerRequest, Report: string(digest), Inventory: string(digest), Complete: true, Packages: 1,
		Repository: q.Repository, PlanOptions: q.PlanOptions}
	found := events.FindingOpened{Finding: "f-1", Package: "flask", Version: "2.2.2", Vulnerability: "CVE-2023-30861", Urgency: events.Urgency{Severity: "high"}}
	if len(f.App.Findings) > 0 {
		out, err := f.New("completed", "", done)
		return []events.Event{out}, err
	}
	return both(f, "f-1", found, "completed", done)
}

func both(f worker.Facts, k1 string, p1 any, k2 string, p2 any) ([]events.Event, error) {
	a, err := f.New(k1, "", p1)
	if err != nil {
		return nil, err
	}
	b, err := f.New(k2, "", p2)
	return []events.Event{a, b}, err
}

// fakePlan plans once; the same plan again makes no event.
func fakePlan(ctx context.Context, _ events.Event, f worker.Facts) ([]events.Event, error) {
	if f.App.Plan != nil {
		return nil, nil
	}
	doc, _ := json.Marshal(report.Plan{Schema: report.SchemaPlan, Application: f.App.App, Resolution: "per-package"})
	digest, err := f.Evidence.Put(ctx, doc)
	if err != nil {
		return nil, err
	}
	opened := events.ChangeOpened{Change: "c-00000001", Plan: string(digest), Phase: "high", Class: "high", Deadline: clock.Add(14 * 24 * time.Hour),
		Updates: []events.Update{{Package: "flask", From: "2.2.2", To: "2.2.5"}}, Findings: []string{"f-1"}}
	return both(f, "c", opened, "p", events.PlanGenerated{Plan: string(digest), Document: string(digest), Inventory: string(digest), Resolution: "per-package"})
}

// scanned asks for a scan of path through the client and waits for its end.
func (h *house) scanned(t *testing.T, path string) *api.Scan {
	t.Helper()
	asked, err := h.client.RequestScan(t.Context(), api.ScanRequest{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	done, err := h.client.Scan(t.Context(), asked.ID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return done
}
