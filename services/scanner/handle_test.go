package scanner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// shelf is an evidence store in memory; full makes Put fail.
type shelf struct {
	mu   sync.Mutex
	data map[evidence.Digest][]byte
	full bool
}

func (s *shelf) Put(_ context.Context, data []byte) (evidence.Digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return "", errors.New("no room")
	}
	if s.data == nil {
		s.data = map[evidence.Digest][]byte{}
	}
	s.data[evidence.Of(data)] = data
	return evidence.Of(data), nil
}

func (s *shelf) Get(_ context.Context, d evidence.Digest) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.data[d]; ok {
		return data, nil
	}
	return nil, evidence.ErrNotFound
}

// book is a matcher: "name version" → hits.
type book struct {
	hits map[string][]advisory.Hit
	db   advisory.Database
}

func (b *book) Match(ecosystem, name, version string) ([]advisory.Hit, error) {
	if ecosystem != "PyPI" {
		return nil, advisory.ErrNoDatabase
	}
	if strings.Contains(version, "custom") {
		return nil, fmt.Errorf("%w: %q", advisory.ErrVersion, version)
	}
	return b.hits[name+" "+version], nil
}
func (b *book) Databases() []advisory.Database { return []advisory.Database{b.db} }
func (b *book) Digest() string                 { return b.db.Digest }

func newBook() *book {
	return &book{db: advisory.Database{Name: "PyPI", Digest: "sha256:" + strings.Repeat("0", 64), Records: 3}, hits: map[string][]advisory.Hit{
		"flask 2.2.2": {{ID: "CVE-2023-30861", IDs: []string{"CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq"}, Severity: "high", Score: ptr(7.5), FixedIn: []string{"2.2.5"}}},
		"jinja2 3.0":  {{ID: "CVE-2024-22195", IDs: []string{"CVE-2024-22195"}, Severity: "medium"}, {ID: "MAL-1", IDs: []string{"MAL-1"}, Kind: "malicious"}},
	}}
}

// world runs the scanner's stage on the events of one application.
type world struct {
	t       *testing.T
	service *Service
	book    *book
	shelf   *shelf
	state   *events.State
	now     time.Time
}

func newWorld(t *testing.T, cfg Config) *world {
	w := &world{t: t, book: newBook(), shelf: &shelf{}, state: events.NewState("app"), now: epoch}
	w.service = newService(t, cfg, Deps{Matcher: func() advisory.Matcher { return w.book }, Tool: report.Tool{Name: "drydock", Version: "test"}})
	return w
}

// handle gives one event to the stage and folds what comes out.
func (w *world) handle(payload any, app string) []events.Event {
	w.t.Helper()
	out, err := w.try(payload, app)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range out {
		if err := events.Check(e); err != nil {
			w.t.Fatal(err)
		}
		if err := w.state.Apply(events.Record{Sequence: w.state.Sequence + 1, Time: w.now, Event: e}); err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

func (w *world) try(payload any, app string) ([]events.Event, error) {
	w.t.Helper()
	w.now = w.now.Add(time.Minute)
	e, err := events.New(events.Meta{App: app, Cause: w.now.String(), Time: w.now}, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	stage := w.service.Routes()[0]
	return stage.Handle(w.t.Context(), e, worker.NewFacts(w.state, &events.OrgState{}, w.now, w.shelf, events.Meta{Cause: e.ID(), Lane: events.Routine}))
}

func (w *world) scan(dir string) []events.Event {
	w.t.Helper()
	return w.handle(events.ScanRequested{Application: "app", Target: dir, Given: "./app"}, "app")
}

func kinds(evs []events.Event) string {
	var out []string
	for _, e := range evs {
		row, _ := events.Lookup(e.Type())
		out = append(out, row.Name())
	}
	return strings.Join(out, " ")
}

func (w *world) completed(evs []events.Event) (events.ScanCompleted, report.Scan) {
	w.t.Helper()
	done, err := events.Decode[events.ScanCompleted](evs[len(evs)-1])
	if err != nil {
		w.t.Fatal(err)
	}
	var r report.Scan
	if err := load(w.t.Context(), w.shelf, done.Report, &r); err != nil {
		w.t.Fatal(err)
	}
	return done, r
}

func TestScanFromRequestToEvents(t *testing.T) {
	w := newWorld(t, Config{})
	dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\n", "dev/requirements.txt": "jinja2==3.0\nx==1\n", ".git/HEAD": commitA})
	out := w.scan(dir)
	if got, want := kinds(out), "finding.opened finding.opened finding.opened scan.completed"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	done, r := w.completed(out)
	if !done.Complete || done.Packages != 3 || done.Trigger != "request" || done.Revision != commitA || done.Engine != "native" || done.Summary.Findings != 3 || done.Summary.Malicious != 1 || done.Summary.Unknown != 1 {
		t.Errorf("%+v", done)
	}
	if r.Schema != report.SchemaScan || r.Source != "./app" || r.ExitCode != 0 || len(r.Sources) != 2 || len(r.Databases) != 1 || r.Databases[0].AgeHours != nil || r.Inventory != done.Inventory || r.Confinement != done.Confinement {
		t.Errorf("%+v", r)
	}
	var order []string
	for _, f := range r.Findings {
		order = append(order, f.Severity+" "+f.Package+" "+f.Vulnerability)
	}
	if got := strings.Join(order, ", "); got != "high flask CVE-2023-30861, medium jinja2 CVE-2024-22195, unknown jinja2 MAL-1" {
		t.Errorf("findings in the order %s", got)
	}
	for _, list := range []string{`"incomplete":[]`, `"findings":[`, `"sources":[`, `"databases":[`} {
		if raw, _ := json.Marshal(r); !strings.Contains(string(raw), list) {
			t.Errorf("%s is not in %s", list, raw)
		}
	}
	stored := &inventory.Inventory{}
	if err := load(t.Context(), w.shelf, done.Inventory, stored); err != nil || len(stored.Files) != 2 {
		t.Fatalf("%+v %v", stored, err)
	}
	for _, f := range stored.Files {
		if _, err := w.shelf.Get(t.Context(), f.Digest); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
	}

	if got := kinds(w.scan(dir)); got != "scan.completed" {
		t.Errorf("an unchanged application: %s", got)
	}
	rewrite(t, filepath.Join(dir, "requirements.txt"), "flask==2.2.5\n")
	if got := kinds(w.scan(dir)); got != "finding.closed scan.completed" {
		t.Errorf("an update: %s", got)
	}
	rewrite(t, filepath.Join(dir, "dev", "requirements.txt"), "???\n")
	out = w.scan(dir)
	if done, r := w.completed(out); kinds(out) != "scan.completed" || done.Complete || done.Incomplete != 1 || r.ExitCode != report.ExitIncomplete {
		t.Errorf("a line that does not parse: %s %+v", kinds(out), done)
	}
}

func TestScanThatFails(t *testing.T) {
	w := newWorld(t, Config{})
	out := w.handle(events.ScanRequested{Application: "app", Target: filepath.Join(t.TempDir(), "nothing")}, "app")
	failed, err := events.Decode[events.ScanFailed](out[0])
	if err != nil || len(out) != 1 || failed.Reason != "no_such_path" || !strings.HasSuffix(failed.Detail, "does not exist; check the path") {
		t.Errorf("%+v %v", failed, err)
	}
	if len(w.state.Failed) != 1 {
		t.Errorf("state %+v", w.state.Failed)
	}
	if _, err := w.try(events.ScanRequested{Application: "other", Target: "/"}, "app"); worker.Kind(err) != "permanent" {
		t.Errorf("a request in the wrong log: %v", err)
	}
	w.shelf.full = true
	if _, err := w.try(events.ScanRequested{Application: "app", Target: write(t, map[string]string{"requirements.txt": "flask==1"})}, "app"); err == nil || worker.Kind(err) != "transient" || !strings.Contains(err.Error(), "no room") {
		t.Errorf("no room for evidence: %v", err)
	}
}

func TestDatabaseUpdatedMatchesWhatIsKnown(t *testing.T) {
	w := newWorld(t, Config{})
	update := events.DatabaseUpdated{Databases: []events.Database{{Name: "PyPI"}}}
	if got := w.handle(update, events.Org); len(got) != 0 {
		t.Errorf("nothing was scanned: %s", kinds(got))
	}
	dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\nx==1\n"})
	w.scan(dir)
	if got := w.handle(update, events.Org); len(got) != 0 {
		t.Errorf("nothing differs: %s", kinds(got))
	}
	rewrite(t, filepath.Join(dir, "requirements.txt"), "this is not read again")
	w.book = newBook()
	w.book.hits["x 1"] = []advisory.Hit{{ID: "CVE-2026-1", IDs: []string{"CVE-2026-1"}, Severity: "critical"}}
	out := w.handle(update, events.Org)
	if done, r := w.completed(out); kinds(out) != "finding.opened scan.completed" || done.Trigger != "database" || len(r.Findings) != 2 || r.Source != "./app" {
		t.Errorf("%s %+v", kinds(out), done)
	}
	w.book = newBook()
	w.book.hits = nil
	if got := kinds(w.handle(update, events.Org)); got != "finding.closed finding.closed scan.completed" {
		t.Errorf("everything withdrawn: %s", got)
	}
	w.book.hits = map[string][]advisory.Hit{}
	w.book.db.Partial = true
	out = w.handle(update, events.Org)
	if done, _ := w.completed(out); done.Complete || kinds(out) != "scan.completed" {
		t.Errorf("a partial database: %s", kinds(out))
	}
}

// Missing knowledge is never clean (I11).
func TestDatabasesThatCantVouch(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*book)
		want   string
	}{
		"none": {func(b *book) { b.db.Name = "Go" }, "no_database"}, "empty": {func(b *book) { b.db.Records = 0 }, "no_database"}, "partial": {func(b *book) { b.db.Partial = true }, "partial_database"},
		"stale": {func(b *book) { b.db.Fetched = ptr(epoch.Add(-73 * time.Hour)) }, "stale_database"}, "fresh": {func(b *book) { b.db.Fetched = ptr(epoch.Add(-71 * time.Hour)) }, ""}, "given by hand": {func(*book) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			c.change(w.book)
			done, r := w.completed(w.scan(write(t, map[string]string{"requirements.txt": "flask==2.2.2\n"})))
			got := ""
			if len(r.Incomplete) > 0 {
				got = r.Incomplete[0].Reason
				if r.Incomplete[0].Ecosystem != "PyPI" {
					t.Errorf("%+v", r.Incomplete)
				}
			}
			if got != c.want || done.Complete != (c.want == "") || (r.ExitCode == 2) != (c.want != "") {
				t.Errorf("%q complete %v exit %d, want %q", got, done.Complete, r.ExitCode, c.want)
			}
		})
	}
	s := newService(t, Config{}, Deps{})
	r, _, err := s.Once(t.Context(), events.ScanRequested{Application: "app", Target: write(t, map[string]string{"requirements.txt": "flask==2.2.2\n"})}, epoch)
	if err != nil || r.Complete || len(r.Incomplete) != 1 || r.Incomplete[0].Reason != inventory.NoDatabase {
		t.Errorf("no matcher at all: %+v %v", r.Incomplete, err)
	}
}

// Two checkouts of one repository are one scope: the newest speaks for it, and nothing is opened twice.
func TestTwoCheckoutsAreOneRepository(t *testing.T) {
	w := newWorld(t, Config{})
	for range 2 {
		w.scan(write(t, map[string]string{"requirements.txt": "x==1\n"}))
	}
	w.book = newBook()
	w.book.hits["x 1"] = []advisory.Hit{{ID: "CVE-2026-1", IDs: []string{"CVE-2026-1"}, Severity: "critical"}}
	if got := kinds(w.handle(events.DatabaseUpdated{Databases: []events.Database{{Name: "PyPI"}}}, events.Org)); got != "finding.opened scan.completed" {
		t.Errorf("%s", got)
	}
}

// What a manifest asks for and does not get is told, without the password, in the scan and in each look after.
func TestIndexOptionsAreReported(t *testing.T) {
	w := newWorld(t, Config{})
	dir := write(t, map[string]string{"requirements.txt": "--extra-index-url https://u:secret@evil.test/simple\nflask==2.2.2\n"})
	_, first := w.completed(w.scan(dir))
	want := []string{secretNote, "requirements.txt:1: --extra-index-url https://evil.test/simple is not obeyed"}
	if !slices.Equal(first.Notes, want) {
		t.Errorf("notes %q, want %q", first.Notes, want)
	}
}

func TestVersionThatCantBeJudged(t *testing.T) {
	w := newWorld(t, Config{})
	_, r := w.completed(w.scan(write(t, map[string]string{"requirements.txt": "flask===custom\n"})))
	if r.Complete || len(r.Incomplete) != 1 || r.Incomplete[0].Reason != inventory.Unparsed || r.Incomplete[0].Line != 1 {
		t.Errorf("%+v", r.Incomplete)
	}
}

func TestConfig(t *testing.T) {
	for text, c := range map[string]Config{"scanner.confinement: confinement \"much\": want none, landlock or landlock+seccomp": {Confinement: "much"}, "scanner.max_db_age: -1s is negative; want a duration such as 72h": {MaxDBAge: -time.Second}} {
		if _, err := New(c, Deps{}); err == nil || err.Error() != text {
			t.Errorf("%v, want %s", err, text)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

// A manifest with a password in it is read, but nobody else reads it.
func TestManifestWithASecretIsNotKept(t *testing.T) {
	for text, kept := range map[string]bool{
		"--index-url https://user:hunter2@index.test/simple\nflask==2.2.2\n":  false,
		"--index-url https://hunter2@index.test/simple\nflask==2.2.2\n":       false,
		"--index-url https://${U}:${P}@index.test/simple\nflask==2.2.2\n":     true,
		"x @ git+ssh://git@host.test/org/x.git@v1.0\nflask==2.2.2\n":          true,
		"x @ git+https://host.test/org/x@v1.0\nflask==2.2.2\n":                true,
		"# see mailto:hunter2@host.test or https://host.test\nflask==2.2.2\n": true,
	} {
		w := newWorld(t, Config{})
		_, r := w.completed(w.scan(write(t, map[string]string{"requirements.txt": text})))
		leaked := false
		for _, doc := range w.shelf.data {
			leaked = leaked || !kept && strings.Contains(string(doc), "hunter2")
		}
		noted := slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "not kept as evidence") })
		if leaked || noted == kept || len(r.Packages) == 0 {
			t.Errorf("%q: leaked %v, noted %v, notes %q", text, leaked, noted, r.Notes)
		}
	}
}
