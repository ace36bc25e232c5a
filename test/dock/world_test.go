// Package dock proves the way of a change through the dock on the real parts: scanner, planner and validator, a real
// git repository, a real Python environment, the real confinement.
package dock

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/forge/gitforge"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/planner"
	"github.com/drydock-dev/drydock/services/planner/resolution"
	"github.com/drydock-dev/drydock/services/scanner"
	"github.com/drydock-dev/drydock/services/validator"
	"github.com/drydock-dev/drydock/test/yard"
)

// TestMain lets the test binary be its own children.
func TestMain(m *testing.M) {
	bustest.ServerMain()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case scanner.ReaderArg:
			os.Exit(scanner.ReaderMain())
		case dock.ChildArg:
			os.Exit(dock.ChildMain())
		}
	}
	os.Exit(m.Run())
}

// app is the name of the application of these tests.
const app = "payments"

// files are those of the usual application: two libraries, one of them vulnerable, and tests that pass.
func files() map[string]string {
	return map[string]string{
		"requirements.txt":     "lib==1.0\nother==1.0\n",
		"requirements-dev.txt": "pytest==8.0.0\n",
		"pay.py":               "import lib, other\n\n\ndef versions():\n    return lib.__version__, other.__version__\n",
		"tests/test_pay.py":    "import pay\n\n\ndef test_versions():\n    assert len(pay.versions()) == 2\n",
	}
}

// plain is that application without tests, where they are not what is asked.
func plain() map[string]string {
	return map[string]string{"requirements.txt": "lib==1.0\nother==1.0\n", "pay.py": files()["pay.py"]}
}

// world is everything around one application.
type world struct {
	t     testing.TB
	dir   string
	index *yard.Index
	repo  *yard.Repository
	db    string // folder of the advisories
	decl  string // of the application, below its name in applications.yaml
	cfg   validator.Config
	tool  *uv.Tool

	python string // version of this host's

	crossed func(change, step string)
	matcher atomic.Pointer[advisory.DB] // in use; those of db from the start
	adjust  func(*validator.Deps)       // before the validator is made; nil: nothing

	mu        sync.Mutex    // of what tests change while it runs
	served    string        // address of the repository, if it is not its path
	authority string        // file of the certificate it is served with
	absent    bool          // it is not declared
	ahead     time.Duration // of the clock
	limits    gitforge.Limits
	sweep     time.Duration     // between two looks at all timers
	formats   []manifest.Format // beside requirements files
	plans     planner.Config    // Python: w.python, where it says nothing

	b     bus.Bus
	folds *worker.Folds
	svc   *validator.Service
	stop  func()
}

func newWorld(t testing.TB, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, dir: yard.TempDir(t), index: yard.NewIndex(t), tool: uvtest.Tool(t)}
	python, err := pybuild.Find(t.Context(), "", pybuild.Search{Path: filepath.SplitList(os.Getenv("PATH"))})
	if err != nil {
		t.Skip(err)
	}
	w.python = python.Version
	w.index.Pytest()
	for _, v := range []string{"1.0", "1.1", "1.2"} {
		w.index.Library("lib", v, "")
		w.index.Library("other", v, "")
	}
	w.repo = yard.NewRepository(t, files)
	w.db = yard.Advisories(t, yard.Advisory{ID: "GHSA-0000-0000-0001", Package: "lib", Fixed: "1.1"})
	w.cfg = validator.Config{Dir: filepath.Join(w.dir, "dock"), Poll: time.Hour, Revalidate: time.Nanosecond}
	if w.set() == nil {
		t.FailNow() // TMPDIR is below a folder whose name no repository may have
	}
	return w
}

func (w *world) set() *application.Set {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("applications:\n  %s:\n    repository: %s\n%s", app, cmp.Or(w.served, w.repo.Path), w.decl)
	if w.absent {
		text = "applications: {}\n"
	}
	set, err := application.ParseSet("applications.yaml", []byte(text))
	if err != nil {
		w.t.Error(err)
	}
	return set
}

// declare changes what is said of the application below its name; absent: it is not declared.
func (w *world) declare(decl string, absent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decl, w.absent = decl, absent
}

// now is the clock of all services.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// clock sets it ahead of the real one.
func (w *world) clock(ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead = ahead
}

func (w *world) forge(ctx context.Context, a application.Application) (forge.Forge, error) {
	dir := filepath.Join(w.dir, "git")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return gitforge.New(ctx, gitforge.Config{Remote: remote(a), Branch: a.Base, Dir: dir, Limits: w.limits, CAFile: w.authority})
}

func remote(a application.Application) string {
	if filepath.IsAbs(a.Repository) {
		return "file://" + a.Repository
	}
	return a.Repository
}

// checkout is what the scanner reads.
func (w *world) checkout(ctx context.Context, name string) (string, string, func() error, error) {
	a, _ := w.set().Get(name)
	repo, err := w.forge(ctx, a)
	if err != nil {
		return "", "", nil, err
	}
	if w.svc != nil {
		w.svc.LookAt(ctx, name)
	}
	base, err := repo.Base(ctx)
	if err != nil {
		return "", "", nil, err
	}
	top, err := os.MkdirTemp(w.dir, "scan-")
	if err != nil {
		return "", "", nil, err
	}
	_, err = repo.Checkout(ctx, base.Commit, filepath.Join(top, "src"))
	return filepath.Join(top, "src", filepath.FromSlash(a.Path)), base.Commit, func() error { return os.RemoveAll(top) }, err
}

// stages are those of all services on a bus.
func (w *world) stages(b bus.Bus, folds *worker.Folds) []worker.Stage {
	db, err := advisory.Open(w.db, advisory.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.matcher.Store(db)
	matcher := func() advisory.Matcher { return w.matcher.Load() }
	tool := report.Tool{Name: "drydock", Version: "v0.1.0"}
	pages := index.NewClient(index.Config{URL: w.index.URL(), Netrc: "-", Tries: 1, MaxAge: -1})
	scan, err := scanner.New(scanner.Default(), scanner.Deps{Matcher: matcher, Index: func(string) index.Index { return pages }, Checkout: w.checkout, Tool: tool})
	if err != nil {
		w.t.Fatal(err)
	}
	plans := w.plans
	plans.Python = cmp.Or(plans.Python, w.python)
	plan, err := planner.New(plans, planner.Deps{Matcher: matcher, Index: func(string) index.Source { return pages }, Tool: tool,
		Engine: func(context.Context) (resolution.Engine, error) { return w.tool, nil }})
	if err != nil {
		w.t.Fatal(err)
	}
	deps := validator.Deps{Bus: b, Folds: folds, Applications: w.set, Matcher: matcher, Forge: w.forge, Remote: remote,
		Scan: scan.Once, Formats: func(*report.Plan) []manifest.Format { return w.formats }, Index: func() index.Fetcher { return pages },
		UV: func(context.Context) (*uv.Tool, error) { return w.tool, nil }, Path: filepath.SplitList(os.Getenv("PATH")), Tool: tool, Log: quiet(), Now: w.now, Crossed: w.crossed}
	if w.adjust != nil {
		w.adjust(&deps)
	}
	w.svc, err = validator.New(w.cfg, deps)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.Concat(scan.Routes(), plan.Routes(), w.svc.Routes())
}

// quiet is where services write; DOCK_LOG has it shown.
func quiet() *slog.Logger {
	if os.Getenv("DOCK_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return slog.New(slog.DiscardHandler)
}

// start runs all workers on a bus until the test ends, or stop is called.
func (w *world) start(b bus.Bus) {
	w.t.Helper()
	w.b, w.folds = b, worker.NewFolds(b)
	log := quiet()
	run := worker.New(b, w.stages(b, w.folds), worker.Options{Folds: w.folds, Log: log, Now: w.now, Sweep: w.sweep, Drain: time.Second, Backoff: func(int) time.Duration { return 50 * time.Millisecond }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx) }()
	w.stop = func() {
		cancel()
		<-ended
		w.stop = func() {}
	}
	w.t.Cleanup(func() { w.stop() })
	select {
	case <-run.Ready():
	case err := <-ended:
		w.t.Fatal(err)
	}
}

// update asks for an update, as `drydock update` does.
func (w *world) update(key string) {
	w.t.Helper()
	w.request(key, events.Routine)
}

func (w *world) request(key string, lane events.Lane) {
	w.t.Helper()
	w.appendIn(lane, key, events.ScanRequested{Application: app, Target: cmp.Or(w.served, "file://"+w.repo.Path), Repository: true, PlanOptions: events.PlanOptions{Again: true}})
}

func (w *world) append(key string, payload any) {
	w.t.Helper()
	w.appendIn(events.Routine, key, payload)
}

func (w *world) appendIn(lane events.Lane, key string, payload any) {
	w.t.Helper()
	e, err := events.New(events.Meta{App: app, Lane: lane, Cause: key, Key: key, Time: w.now().UTC()}, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := worker.Decide(w.t.Context(), w.b, w.folds, app, func(*events.State, *events.OrgState) ([]events.Event, error) { return []events.Event{e}, nil }); err != nil {
		w.t.Fatal(err)
	}
}

// patience bounds every wait; nothing is asserted about how long things take.
const patience = 10 * time.Minute

// state is the application as the log has it now.
func (w *world) state() *events.State {
	w.t.Helper()
	at, err := w.b.LastSequence(w.t.Context(), app)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := w.folds.App(w.t.Context(), app, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// until waits for a state of the application.
func (w *world) until(what string, ok func(*events.State) bool) *events.State {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s := w.state()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within %s; %s", what, patience, w.told(s))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stage waits until some change is at a stage, and returns it.
func (w *world) stage(stage string) events.Change {
	w.t.Helper()
	var found events.Change
	w.until(stage, func(s *events.State) bool {
		for _, c := range s.Changes {
			if c.Stage() == stage {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// told is what the log says of changes, for a failed test.
func (w *world) told(s *events.State) string {
	var b strings.Builder
	for _, c := range s.Changes {
		fmt.Fprintf(&b, "\n%s %s %s", c.Change, c.Phase, c.Stage())
		if c.Parked != nil {
			fmt.Fprintf(&b, " (%s: %s; %s)", c.Parked.Kind, c.Parked.Reason, c.Parked.Do)
		}
		if c.Terminal != "" {
			fmt.Fprintf(&b, " (%s)", c.Reason)
		}
	}
	if s.Plan != nil {
		fmt.Fprintf(&b, "\nplan %v", s.Plan.Outcomes)
	}
	if letters, err := w.b.Letters(context.Background(), true); err == nil {
		for _, l := range letters {
			fmt.Fprintf(&b, "\ndead letter: %+v", l)
		}
	}
	return b.String()
}

// validation reads the document of one.
func (w *world) validation(digest string) *report.Validation {
	w.t.Helper()
	v := &report.Validation{}
	if err := json.Unmarshal(w.evidence(digest), v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) evidence(digest string) []byte {
	w.t.Helper()
	data, err := w.b.Evidence().Get(w.t.Context(), evidence.Digest(digest))
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}
