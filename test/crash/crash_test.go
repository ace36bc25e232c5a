// Package crash proves that the real flow, from a scan request to a plan and its deadlines, survives the
// death of its process at every single point.
package crash

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
	"github.com/drydock-dev/drydock/services/planner"
	"github.com/drydock-dev/drydock/services/planner/resolution"
	"github.com/drydock-dev/drydock/services/scanner"
)

// TestMain lets the test binary be its own reader.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == scanner.ReaderArg {
		os.Exit(scanner.ReaderMain())
	}
	os.Exit(m.Run())
}

const requirements = "flask==2.3.2\nwerkzeug==2.3.4\njinja2==3.1.2\nrequests==2.31.0\nurllib3==1.26.15\ncertifi==2023.5.7\nidna==3.4\n"

// TestFlow kills the process before and after every write and every acknowledgement. Between deliveries the
// advisories are swapped and the program is another version of itself.
func TestFlow(t *testing.T) {
	target := t.TempDir()
	write(t, filepath.Join(target, "requirements.txt"), requirements)
	before, after := databases(t)
	w := world{before: before, after: after}
	every := 1
	if testing.Short() {
		every = 7
	}
	runs := workertest.CrashProof(t, workertest.Case{
		Stages: func(generation int, b bus.Bus) []worker.Stage { return w.stages(t, generation, b) },
		Given: []events.Event{
			event(t, "payments", "declared", events.ApplicationDeclared{Application: "payments", Target: target}),
			event(t, "payments", "asked", events.ScanRequested{Application: "payments", Target: target}),
		},
		Then: []events.Event{
			event(t, events.Org, "update", events.DatabaseUpdated{Databases: []events.Database{{Name: "PyPI", Digest: "sha256:" + strings.Repeat("a", 64), Records: 1}}, Changed: 1}),
			event(t, "payments", "again", events.ScanRequested{Application: "payments", Target: target}),
		},
		Settle: 20 * time.Hour, // 75 % of an emergency's day is over at 18 h
		Dump:   dump,
		Every:  every,
	})
	t.Logf("%d runs ended in the same state", runs)
}

// world is what lies outside the processes: folders of advisories.
type world struct{ before, after string }

func (w world) stages(t *testing.T, generation int, b bus.Bus) []worker.Stage {
	tool := report.Tool{Name: "drydock", Version: "v0.1." + strconv.Itoa(generation)}
	before, after, pages := open(t, w.before), open(t, w.after), frozenIndex(t)
	matcher := func() advisory.Matcher {
		if last, err := b.LastSequence(context.Background(), events.Org); err == nil && last > 0 {
			return after // the swap happens with the event that tells of it
		}
		return before
	}
	resolver := uvtest.Tool(t)
	s, err := scanner.New(scanner.Default(), scanner.Deps{Matcher: matcher, Index: func(string) index.Index { return pages }, Tool: tool})
	if err != nil {
		t.Fatal(err)
	}
	p, err := planner.New(planner.Config{Python: "3.11"}, planner.Deps{Matcher: matcher, Index: func(string) index.Source { return pages }, Tool: tool,
		Engine: func(context.Context) (resolution.Engine, error) { return resolver, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return append(s.Routes(), p.Routes()...)
}

// versioned are the digests of documents that carry times and the program's version; what they stand for is
// in the dump itself.
var versioned = regexp.MustCompile(`"(report|document|scan|Event)": "[^"]*"`)

func dump(ctx context.Context, b bus.Bus) (string, error) {
	s, err := workertest.Dump(ctx, b)
	return versioned.ReplaceAllString(s, `"$1": "…"`), err
}

// databases are the demo's advisories without those of certifi, and all of them.
func databases(t *testing.T) (before, after string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("..", "..", "deploy", "demo", "advisories", "PyPI", "*.json"))
	if err != nil || len(all) == 0 {
		t.Fatal("the demo's advisories are not there", err)
	}
	certifi := regexp.MustCompile(`"certifi"`)
	some, every := t.TempDir(), t.TempDir()
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(every, "PyPI", filepath.Base(path)), string(data))
		if !certifi.Match(data) {
			write(t, filepath.Join(some, "PyPI", filepath.Base(path)), string(data))
		}
	}
	return pack(t, some), pack(t, every)
}

func pack(t *testing.T, records string) string {
	t.Helper()
	write(t, filepath.Join(records, "PARTIAL"), "for a test\n")
	dir := t.TempDir()
	if err := frozen.Pack(records, filepath.Join(dir, "PyPI", "all.zip")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open is done by each process anew: nothing may be shared between them but the bus. Without a cache folder
// there is nothing to close.
func open(t *testing.T, dir string) *advisory.DB {
	t.Helper()
	db, err := advisory.Open(dir, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// frozenIndex answers out of the demo's pages, without a connection.
func frozenIndex(t *testing.T) index.Source {
	t.Helper()
	return index.NewClient(index.Config{URL: "http://127.0.0.1/simple/", Netrc: "-",
		Transport: inProcess{frozen.Index(filepath.Join("..", "..", "deploy", "demo", "index"))}})
}

type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r // as a real transport does
	return res, nil
}

func event(t *testing.T, app, key string, payload any) events.Event {
	t.Helper()
	e, err := events.New(events.Meta{App: app, Cause: key, Key: key, Time: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
