package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func TestScanToPlanOverHTTP(t *testing.T) {
	h := build(t)
	done := h.scanned(t, "/srv/app")
	if done.State != api.ScanCompleted || done.Application != "app" || done.Report == "" || done.Answered <= done.ID {
		t.Fatalf("scan = %+v", done)
	}
	doc, err := h.client.Evidence(t.Context(), done.Report)
	if err != nil || !strings.Contains(string(doc), "drydock.scan/v1") {
		t.Fatalf("evidence = %s, %v", doc, err)
	}
	plan, err := h.client.Plan(t.Context(), "app", done.Answered, time.Minute)
	if err != nil || plan.Document.Resolution != "per-package" {
		t.Fatalf("plan = %+v, %v", plan, err)
	}
	again := h.scanned(t, "/srv/app")
	same, err := h.client.Plan(t.Context(), "app", again.Answered, time.Minute)
	if err != nil || same.Sequence != plan.Sequence {
		t.Fatalf("a plan that makes no event: %+v, %v; want the one of sequence %d", same, err, plan.Sequence)
	}
	apps, err := h.client.Applications(t.Context())
	if err != nil || len(apps) != 1 || apps[0].Findings.High != 1 || len(apps[0].Changes) != 1 || !*apps[0].Complete {
		t.Fatalf("applications = %+v, %v", apps, err)
	}
	changes, err := h.client.Changes(t.Context(), "", false)
	if err != nil || len(changes) != 1 || changes[0].State != "open" {
		t.Fatalf("changes = %+v, %v", changes, err)
	}
	status, err := h.client.Status(t.Context())
	if err != nil || !status.Ready || status.Version != "v0" || len(status.Applications) != 1 {
		t.Fatalf("status = %+v, %v", status, err)
	}
}

func TestApplicationIsDeclaredOnceAndWhenItMoves(t *testing.T) {
	h := build(t)
	for _, path := range []string{"/a", "/a", "/b"} {
		h.scanned(t, path)
	}
	n := 0
	_, err := h.client.Events(t.Context(), api.EventQuery{Type: "application.declared"}, func(bus.Record) error { n++; return nil })
	if err != nil || n != 2 {
		t.Fatalf("declared %d times, %v; want 2", n, err)
	}
}

// A folder whose git remote has the name of a declared application is kept apart from it: its scan must not end that
// application's changes. Who asks by name means it.
func TestFolderIsNotTheDeclaredApplication(t *testing.T) {
	h := build(t, func(d *Deps) {
		d.Repository = func(app string) (string, string, error) {
			if app != "app" {
				return "", "", errors.New("not declared")
			}
			return "https://git.example/app", "", nil
		}
		d.Identify = func(ctx context.Context, path string, environment bool, name string) (Identity, error) {
			id, err := fakeIdentify(ctx, path, environment, name)
			if path != "/path" {
				id.Remote = "https://elsewhere.example/app"
			}
			return id, err
		}
	})
	for _, c := range []struct {
		q    api.ScanRequest
		want string
	}{
		{api.ScanRequest{Path: "/downloaded"}, "app-copy-"},
		{api.ScanRequest{Path: "/downloaded", Application: "app"}, "app"},
		{api.ScanRequest{Path: "/live", Environment: true}, "app"},
		{api.ScanRequest{Path: "/path"}, "app"}, // named by where it lies
	} {
		got, err := h.client.RequestScan(t.Context(), c.q)
		if err != nil || got.Application != c.want && (!strings.HasSuffix(c.want, "-") || !strings.HasPrefix(got.Application, c.want)) {
			t.Errorf("%+v: %+v, %v; want %s", c.q, got, err, c.want)
		}
	}
}

func TestSameRequestTwiceIsOneScan(t *testing.T) {
	h := build(t)
	q := api.ScanRequest{Path: "/srv/app", RequestID: "nightly-42"}
	first, err := h.client.RequestScan(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.client.RequestScan(t.Context(), q)
	if err != nil || second.ID != first.ID {
		t.Fatalf("second = %+v, %v; want scan %d again", second, err, first.ID)
	}
}

func TestScansThatFail(t *testing.T) {
	h := build(t)
	if got := h.scanned(t, "/broken"); got.State != api.ScanFailed || got.Reason != "unreadable" || got.Detail == "" {
		t.Errorf("broken = %+v", got)
	}
	asked, err := h.client.RequestScan(t.Context(), api.ScanRequest{Path: "/poison"})
	if err != nil {
		t.Fatal(err)
	}
	var got *api.Scan
	for got == nil || got.State == api.ScanPending { // the dead letter is written after the delivery ended
		if got, err = h.client.Scan(t.Context(), asked.ID, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if got.State != api.ScanFailed || got.Reason != "dead_letter" || !strings.Contains(got.Detail, "deadletter show") {
		t.Errorf("poison = %+v", got)
	}
	letters, err := h.client.Letters(t.Context(), false)
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters = %+v, %v", letters, err)
	}
	if _, err := h.client.Drop(t.Context(), letters[0].ID, api.Resolve{}); !api.Is(err, api.InvalidInput) {
		t.Errorf("drop without a reason: %v", err)
	}
	l, err := h.client.Drop(t.Context(), letters[0].ID, api.Resolve{Actor: "ana", Reason: "a test file"})
	if err != nil || l.Resolved == nil || l.Resolved.Actor != "ana" {
		t.Errorf("drop = %+v, %v", l, err)
	}
	if _, err := h.client.Requeue(t.Context(), letters[0].ID, api.Resolve{}); !api.Is(err, api.Conflict) {
		t.Errorf("requeue of a dropped one: %v", err)
	}
	if _, err := h.client.Letter(t.Context(), 4711); !api.Is(err, api.NotFound) {
		t.Errorf("letter 4711: %v", err)
	}
}

func TestBadRequestsNameTheirCause(t *testing.T) {
	h := build(t)
	h.scanned(t, "/srv/app")
	for name, c := range map[string]struct {
		do   func() error
		kind string
		says string
	}{
		"relative path":    {func() error { return ask(h, api.ScanRequest{Path: "srv"}) }, api.InvalidInput, `"srv" is not absolute`},
		"missing path":     {func() error { return ask(h, api.ScanRequest{Path: "/missing"}) }, api.NoSuchPath, "/missing"},
		"bad name":         {func() error { return ask(h, api.ScanRequest{Path: "/a", Application: "No_Such"}) }, api.InvalidInput, "No_Such"},
		"organisation":     {func() error { return ask(h, api.ScanRequest{Path: "/a", Application: "_"}) }, api.InvalidInput, "organisation"},
		"credentials":      {func() error { return ask(h, api.ScanRequest{Path: "/a", IndexURL: "https://u:p@host/"}) }, api.InvalidInput, "credentials"},
		"unknown scan":     {func() error { _, err := h.client.Scan(t.Context(), 99, 0); return err }, api.NotFound, "no event 99"},
		"no scan":          {func() error { _, err := h.client.Scan(t.Context(), 1, 0); return err }, api.NotFound, "not a request"},
		"unknown app":      {func() error { _, err := h.client.Application(t.Context(), "nobody"); return err }, api.NotFound, "nobody"},
		"bad app":          {func() error { _, err := h.client.Application(t.Context(), "a.b"); return err }, api.InvalidInput, "a.b"},
		"bad digest":       {func() error { _, err := h.client.Evidence(t.Context(), "sha256:xyz"); return err }, api.InvalidInput, "64 hex"},
		"unknown evidence": {func() error { _, err := h.client.Evidence(t.Context(), "sha256:"+strings.Repeat("0", 64)); return err }, api.NotFound, "no evidence"},
		"no import here": {func() error {
			_, err := h.client.ImportDatabase(t.Context(), api.DatabaseImport{Path: "/x"})
			return err
		}, api.Unavailable, "no scanner runs here"},
		"unknown type": {func() error {
			_, err := h.client.Events(t.Context(), api.EventQuery{Type: "nothing.happened"}, func(bus.Record) error { return nil })
			return err
		}, api.InvalidInput, "nothing.happened"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.do()
			if !api.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error = %v; want a %s that says %q", err, c.kind, c.says)
			}
		})
	}
	if got := h.svc.deps.Folds.Apps(); len(got) > 2 {
		t.Errorf("asking for names made applications: %v", got)
	}
}

func ask(h *house, q api.ScanRequest) error {
	_, err := h.client.RequestScan(context.Background(), q)
	return err
}

func TestAnnounceOnlyWhatChanged(t *testing.T) {
	h := build(t)
	count := func() (n int) {
		_, _ = h.client.Events(t.Context(), api.EventQuery{App: events.Org}, func(bus.Record) error { n++; return nil })
		return n
	}
	h.loaded = []events.Database{{Name: "PyPI", Digest: "sha256:a", Fetched: &clock}}
	for _, c := range []struct {
		policy string
		digest string
		want   int
	}{{"one", "sha256:a", 2}, {"one", "sha256:a", 2}, {"two", "sha256:a", 3}, {"one", "sha256:a", 4}, {"one", "sha256:b", 5}} {
		h.loaded = []events.Database{{Name: "PyPI", Digest: c.digest, Fetched: &clock}}
		clock := h.svc.deps.Now()
		h.svc.deps.Now = func() time.Time { return clock.Add(time.Minute) }
		if err := h.svc.Announce(t.Context(), []byte(c.policy)); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != c.want {
			t.Errorf("after policy %q and database %s: %d events, want %d", c.policy, c.digest, got, c.want)
		}
	}
	// A list of exploitation is announced when it comes, changes and goes, and no package counts as changed for it.
	kev := func(digest string) []events.List { return []events.List{{Name: "kev", Digest: digest}} }
	for i, lists := range [][]events.List{kev("sha256:1"), kev("sha256:1"), kev("sha256:2"), nil, nil} {
		h.svc.deps.Lists, h.svc.deps.Diff = func() []events.List { return lists }, func(_, _ []events.Database) int { return 7 }
		clock := h.svc.deps.Now()
		h.svc.deps.Now = func() time.Time { return clock.Add(time.Minute) }
		if err := h.svc.Announce(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var last events.DatabaseUpdated
		_, _ = h.client.Events(t.Context(), api.EventQuery{App: events.Org, Type: "database.updated"}, func(r bus.Record) (err error) {
			last, err = events.Decode[events.DatabaseUpdated](r.Event)
			return err
		})
		if got, want := count(), []int{6, 6, 7, 8, 8}[i]; got != want || last.Changed != 0 || !slices.Equal(last.Lists, lists) {
			t.Errorf("lists %v: %d events, want %d; last %+v", lists, got, want, last)
		}
	}
}

func TestProblems(t *testing.T) {
	for want, err := range map[string]error{
		api.LogFull: bus.ErrFull, api.Unavailable: bus.ErrUnavailable, api.Conflict: bus.ErrConflict, api.InvalidInput: bus.ErrInvalid, api.Internal: errors.New("other"),
	} {
		if got := problem("try", err); !api.Is(got, want) {
			t.Errorf("problem(%v) = %v, want %s", err, got, want)
		}
	}
	if problem("try", nil) != nil || !errors.Is(problem("try", context.Canceled), context.Canceled) {
		t.Error("no error and the end of a request must stay what they are")
	}
}
