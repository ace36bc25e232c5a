package gateway

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

const ours = "c-00000001" // the change that fakePlan opens

// story appends what a validator would say of a change, in one batch.
func (h *house) story(t *testing.T, app string, payloads ...any) {
	t.Helper()
	for _, p := range payloads {
		last, err := h.bus.LastSequence(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.New(events.Meta{App: app, Cause: "by-hand", Key: ours, Change: ours, Actor: "validator", Time: clock}, p)
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
}

func declared(app string) (string, string, error) {
	switch app {
	case "app":
		return "https://git.example/app.git", "svc", nil
	case "broken":
		return "", "", errors.New("applications.yaml:3: it is not YAML")
	}
	return "", "", nil
}

func withRepository(d *Deps) {
	d.Repository, d.Validator = declared, []string{"dock-urgent", "dock-routine"}
	d.Declared = func() ([]api.Declared, error) {
		return []api.Declared{{Application: "app", Repository: "https://git.example/app.git", Path: "svc"}}, nil
	}
}

func TestUpdateAsksForTheRepository(t *testing.T) {
	h := build(t, withRepository)
	no := false
	asked, err := h.client.RequestUpdate(t.Context(), "app", api.UpdateRequest{SecurityOnly: &no, Python: "3.11", RequestID: "nightly"})
	if err != nil || asked.Target != "https://git.example/app.git" {
		t.Fatalf("asked = %+v, %v", asked, err)
	}
	again, err := h.client.RequestUpdate(t.Context(), "app", api.UpdateRequest{SecurityOnly: &no, Python: "3.11", RequestID: "nightly"})
	if err != nil || again.ID != asked.ID {
		t.Fatalf("asked again = %+v, %v; want request %d", again, err, asked.ID)
	}
	var got []events.ScanRequested
	var home []events.ApplicationDeclared
	_, err = h.client.Events(t.Context(), api.EventQuery{App: "app"}, func(r bus.Record) error {
		if p, err := events.Decode[events.ScanRequested](r.Event); err == nil {
			got = append(got, p)
		}
		if p, err := events.Decode[events.ApplicationDeclared](r.Event); err == nil {
			home = append(home, p)
		}
		return nil
	})
	if err != nil || len(got) != 1 || !got[0].Repository || !got[0].PlanOptions.Again || !got[0].PlanOptions.Full || got[0].PlanOptions.Python != "3.11" {
		t.Fatalf("requests = %+v, %v", got, err)
	}
	if len(home) != 1 || home[0].Remote != "https://git.example/app.git" || home[0].SubPath != "svc" {
		t.Fatalf("declared = %+v", home)
	}
	if _, err := h.client.RequestUpdate(t.Context(), "app", api.UpdateRequest{Again: &no}); err != nil {
		t.Fatal(err)
	}
	list, err := h.client.Declared(t.Context())
	if err != nil || len(list) != 1 || list[0].Path != "svc" {
		t.Fatalf("declared = %+v, %v", list, err)
	}
}

// TestUpdateAsBefore: an update that says neither is as full as the last one, so that no branch goes for want of a word.
func TestUpdateAsBefore(t *testing.T) {
	h := build(t, withRepository)
	yes := true
	for i, c := range []struct {
		q    api.UpdateRequest
		full bool
	}{{api.UpdateRequest{}, false}, {api.UpdateRequest{Full: true}, true}, {api.UpdateRequest{}, true}, {api.UpdateRequest{SecurityOnly: &yes}, false}, {api.UpdateRequest{}, false}} {
		asked, err := h.client.RequestUpdate(t.Context(), "app", c.q)
		if err != nil {
			t.Fatal(err)
		}
		var got events.ScanRequested
		done := false
		for deadline := time.Now().Add(time.Minute); !done && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if _, err = h.client.Events(t.Context(), api.EventQuery{App: "app"}, func(r bus.Record) error {
				if r.Sequence == asked.ID {
					got, err = events.Decode[events.ScanRequested](r.Event)
				}
				row, _ := events.Lookup(r.Event.Type())
				done = done || r.Sequence > asked.ID && row.Name() == "scan.completed"
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !done || got.PlanOptions.Full != c.full {
			t.Errorf("%d: full %t, want %t (done %t)", i, got.PlanOptions.Full, c.full, done)
		}
	}
}

func TestUpdatesThatCanNotBeAskedFor(t *testing.T) {
	h := build(t, withRepository)
	yes := true
	for name, c := range map[string]struct {
		app  string
		q    api.UpdateRequest
		kind string
		says string
	}{
		"undeclared":   {"payments", api.UpdateRequest{}, api.NotFound, "payments is not declared with a repository; drydock app add payments --repository URL"},
		"broken file":  {"broken", api.UpdateRequest{}, api.NotFound, "applications.yaml:3"},
		"no name":      {"Pay!", api.UpdateRequest{}, api.InvalidInput, `"Pay!"`},
		"organisation": {"_", api.UpdateRequest{}, api.InvalidInput, `"_"`},
		"both":         {"app", api.UpdateRequest{Full: true, SecurityOnly: &yes}, api.InvalidInput, "exclude each other"},
		"lane":         {"app", api.UpdateRequest{Lane: "fast"}, api.InvalidInput, "lane"},
	} {
		if _, err := h.client.RequestUpdate(t.Context(), c.app, c.q); !api.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want a %s that says %q", name, err, c.kind, c.says)
		}
	}
	if got := h.svc.deps.Folds.Apps(); len(got) != 0 {
		t.Errorf("refused requests made applications: %v", got)
	}
	for id, kind := range map[string]string{"c-12345678": api.NotFound, "nope": api.InvalidInput, "c-1": api.InvalidInput} {
		if _, err := h.client.Change(t.Context(), id); !api.Is(err, kind) {
			t.Errorf("change %s: %v, want %s", id, err, kind)
		}
	}
	bare := build(t)
	if _, err := bare.client.RequestUpdate(t.Context(), "app", api.UpdateRequest{}); !api.Is(err, api.NotFound) {
		t.Errorf("no application is declared: %v", err)
	}
	if list, err := bare.client.Declared(t.Context()); err != nil || list == nil || len(list) != 0 {
		t.Errorf("declared = %+v, %v", list, err)
	}
}

func TestAChangeOnItsWay(t *testing.T) {
	h := build(t, withRepository)
	done := h.scanned(t, "/srv/app")
	plan, err := h.client.Plan(t.Context(), "app", done.Answered, time.Minute)
	if err != nil || len(plan.Changes) != 0 {
		t.Fatalf("plan = %+v, %v", plan, err)
	}
	stage := func(want, kind string) *api.ChangeDetail {
		t.Helper()
		d, err := h.client.Change(t.Context(), ours)
		if err != nil || d.Stage != want || len(d.Waits) == 0 || d.Waits[0].Kind != kind {
			t.Fatalf("change = %+v, %v; want %s that waits for %s", d, err, want, kind)
		}
		return d
	}
	stage("opened", api.WaitWorker)
	hint, _ := json.Marshal(api.Progress{Step: "install", N: 7, Of: 15, Since: &clock, Worker: "host process 7"})
	kv, err := h.bus.KV("progress")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "app."+ours, hint, 0, time.Minute); err != nil {
		t.Fatal(err)
	}
	d := stage("opened", api.WaitStep)
	if d.Progress == nil || d.Progress.N != 7 || d.Waits[0].What != "its validation: install, step 7 of 15" || d.Waits[0].Who != "host process 7" {
		t.Fatalf("progress = %+v, waits = %+v", d.Progress, d.Waits)
	}
	base := events.Base{Branch: "main", Commit: strings.Repeat("a", 40)}
	h.story(t, "app", events.ChangeParked{Change: ours, Kind: events.ParkedHealth, Reason: "the system is not healthy", Do: "mend it", Retry: clock.Add(time.Hour)})
	if d = stage("parked", api.WaitTime); d.Parked == nil || d.Retry.IsZero() || d.Do != "mend it" || d.Progress != nil {
		t.Fatalf("parked = %+v", d)
	}
	h.story(t, "app", events.ArtifactSealed{Change: ours, Artifact: "sha256:a", Base: base}, events.ChangeValidated{Change: ours, Artifact: "sha256:a", Base: base})
	if d = stage("validated", api.WaitPush); d.Sealed == nil || d.Validated == nil || !d.Validated.At.Equal(clock) {
		t.Fatalf("validated = %+v", d)
	}
	effect := events.EffectID(ours, events.EffectPropose, "b")
	h.story(t, "app", events.EffectIntended{Effect: effect, Kind: events.EffectPropose, Change: ours, Branch: "feature/x"},
		events.EffectDone{Effect: effect, Kind: events.EffectPropose, Change: ours, Result: "created"},
		events.ChangeProposed{Change: ours, Branch: "feature/x", Commit: strings.Repeat("b", 40), Base: base, Artifact: "sha256:a"})
	if d = stage("proposed", api.WaitMerge); d.Branch != "feature/x" || len(d.Effects) != 1 || d.Effects[0].Outcome != "done" || d.Effects[0].Result != "created" {
		t.Fatalf("proposed = %+v", d)
	}
	h.story(t, "app", events.ChangeMerged{Change: ours, Commit: strings.Repeat("b", 40), Base: base})
	stage("merged", api.WaitDeployment)
	h.story(t, "app", events.ChangeRejected{Change: ours, Kind: events.RejectedTests, Reason: "2 tests fail", Until: clock.Add(time.Hour)})
	if d = stage("rejected", api.WaitPerson); d.Rejected == nil || d.Kind != events.RejectedTests || d.Waits[0].Until == nil || !d.Since.Equal(clock) {
		t.Fatalf("rejected = %+v", d)
	}
	a, err := h.client.Application(t.Context(), "app")
	if err != nil || len(a.Rejected) != 1 || a.Repository != "https://git.example/app.git" || len(a.Changes) != 0 {
		t.Fatalf("application = %+v, %v", a, err)
	}
}

// TestOpenAPIDescribesChanges: what programs ask is described, with every field's schema resolved.
func TestOpenAPIDescribesChanges(t *testing.T) {
	h := build(t)
	res, err := h.server.Client().Get(h.server.URL + "/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var doc struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"get /v1/changes", "get /v1/changes/{id}", "get /v1/declared", "post /v1/applications/{app}/updates"} {
		method, path, _ := strings.Cut(path, " ")
		if doc.Paths[path][method] == nil {
			t.Errorf("%s %s is not described", method, path)
		}
	}
	for schema, fields := range map[string]string{"ChangeDetail": "change stage waits progress effects parked validated", "ParkedFact": "at reason do", "UpdateRequest": "full security_only again python lane", "Change": "stage since kind"} {
		for _, f := range strings.Fields(fields) {
			if doc.Components.Schemas[schema].Properties[f] == nil {
				t.Errorf("%s.%s is not described", schema, f)
			}
		}
	}
}
