package planner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// start is when the story of each test begins.
var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// store is evidence in memory.
type store struct {
	mu   sync.Mutex
	docs map[evidence.Digest][]byte
}

func (s *store) Put(_ context.Context, data []byte) (evidence.Digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs == nil {
		s.docs = map[evidence.Digest][]byte{}
	}
	s.docs[evidence.Of(data)] = data
	return evidence.Of(data), nil
}

func (s *store) Get(_ context.Context, d evidence.Digest) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.docs[d]
	if !ok {
		return nil, evidence.ErrNotFound
	}
	if evidence.Of(data) != d {
		return nil, evidence.ErrCorrupt
	}
	return data, nil
}

// advisories are ranges by package: "CVE-1 >=1.0,<2.0 critical".
type advisories map[string][]string

func (a advisories) Match(ecosystem, name, version string) ([]advisory.Hit, error) {
	if ecosystem != pypi {
		return nil, advisory.ErrNoDatabase
	}
	v, err := pep440.Parse(version)
	if err != nil {
		return nil, advisory.ErrVersion
	}
	var out []advisory.Hit
	for _, line := range a[name] {
		f := strings.Fields(line)
		spec, err := pep440.ParseSpecifiers(f[1])
		if err != nil {
			panic(err)
		}
		if !spec.Contains(v, true) {
			continue
		}
		h := advisory.Hit{ID: f[0], IDs: []string{f[0]}, Kind: events.KindVulnerability, Severity: f[2]}
		if f[2] == "malicious" {
			h.Kind, h.Severity = events.KindMalicious, "critical"
		}
		if len(f) > 3 {
			kev := f[3] == "kev"
			h.KEV = &kev
		}
		out = append(out, h)
	}
	return out, nil
}
func (a advisories) Databases() []advisory.Database { return nil }
func (a advisories) Digest() string                 { return "sha256:advisories" }

// named are advisories with a digest of their own.
type named struct {
	advisories
	digest string
}

func (n named) Digest() string { return cmp.Or(n.digest, n.advisories.Digest()) }

// world is an application with everything around it, without a bus.
type world struct {
	t          testing.TB
	store      *store
	state      *events.State
	org        *events.OrgState
	now        time.Time
	seq        uint64
	advisories advisories
	shelf      *shelf
	policy     *policy.Policy
	service    *Service
	uv         *engine
	options    events.PlanOptions
	complete   bool
	said       []events.Event // by other services
	digest     string         // of the advisories
	together   bool           // all files are one environment
	bounds     []inventory.Bound
	arbitrary  string // "name version" whose version has no order: pinned by ===
}

func newWorld(t testing.TB, cfg Config, a advisories, releases map[string][]string) *world {
	t.Helper()
	w := &world{t: t, store: &store{}, state: events.NewState("payments"), org: &events.OrgState{}, now: start,
		advisories: a, uv: &engine{}, shelf: &shelf{releases: releases, pinned: map[string]map[string]bool{}}, policy: policy.Default(), complete: true}
	var err error
	w.service, err = New(cfg, Deps{Matcher: func() advisory.Matcher { return named{w.advisories, w.digest} }, Policy: func() *policy.Policy { return w.policy },
		Index: func(string) index.Source { return w.shelf }, Engine: w.engine(), Tool: report.Tool{Name: "drydock", Version: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) put(v any) string {
	w.t.Helper()
	data, ok := v.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(v); err != nil {
			w.t.Fatal(err)
		}
	}
	d, _ := w.store.Put(w.t.Context(), data)
	return string(d)
}

// say appends an event of another service to the log.
func (w *world) say(cause, key string, payload any) events.Event {
	w.t.Helper()
	e, err := events.New(events.Meta{App: "payments", Cause: cause, Key: key, Time: w.now}, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	w.append(e)
	w.said = append(w.said, e)
	return e
}

func (w *world) append(evs ...events.Event) {
	w.t.Helper()
	for _, e := range evs {
		w.seq++
		if err := w.state.Apply(events.Record{Sequence: w.seq, Time: w.now, Event: e}); err != nil {
			w.t.Fatal(err)
		}
	}
}

var testLine = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?(?:(==)([^\s;\\]+)|([<>~!][^\s;]*)?)(?: ; ([^\\\n]*))?`)

// inventoryOf reads requirements as far as the tests need.
func (w *world) inventoryOf(files map[string]string) *inventory.Inventory {
	w.t.Helper()
	inv := &inventory.Inventory{Incomplete: []inventory.Incomplete{}}
	for path, text := range files {
		inv.Files = append(inv.Files, inventory.File{Path: path, Digest: evidence.Digest(w.put([]byte(text))), Size: int64(len(text))})
		if strings.HasSuffix(path, "constraints.txt") {
			continue
		}
		inv.Sources = append(inv.Sources, inventory.Source{Path: path, Kind: "requirements", Ecosystem: pypi})
		for _, block := range testBlock.FindAllString(text, -1) {
			m := testLine.FindStringSubmatch(block)
			if m == nil {
				continue
			}
			p := inventory.Package{Package: pep440.Normalize(m[1]), Ecosystem: pypi, Version: m[4], Source: path, Line: 1 + strings.Count(text[:strings.Index(text, block)], "\n"),
				Marker: strings.TrimSpace(m[6]), Pin: inventory.None, Specifier: cmp.Or(m[3]+m[4], m[5]), Direct: true, Scope: "repository:" + path}
			if m[2] != "" {
				p.Extras = strings.Split(m[2], ",")
			}
			if m[4] != "" {
				p.Pin = inventory.Exact
			} else if m[5] != "" {
				p.Pin = inventory.Ranged
			}
			for _, h := range testHash.FindAllStringSubmatch(block, -1) {
				p.Hashes = append(p.Hashes, h[1])
			}
			inv.Packages = append(inv.Packages, p)
		}
	}
	inv.Bounds = w.bounds
	for i := range inv.Packages {
		if w.together {
			inv.Packages[i].Scope = "repository:requirements.txt"
		}
		if name, version, _ := strings.Cut(w.arbitrary, " "); inv.Packages[i].Package == name {
			inv.Packages[i].Version, inv.Packages[i].Specifier, inv.Packages[i].Pin = version, "==="+version, inventory.Exact
		}
	}
	return inv
}

// scan appends what the scanner would say of the files and returns its closing event.
func (w *world) scan(files map[string]string) events.Event {
	return w.scanInventory(w.inventoryOf(files))
}

func (w *world) scanInventory(inv *inventory.Inventory) events.Event {
	w.t.Helper()
	for _, p := range inv.Packages { // what is pinned is on the index, too
		if w.shelf.pinned[p.Package] == nil {
			w.shelf.pinned[p.Package] = map[string]bool{}
		}
		if _, err := pep440.Parse(p.Version); err == nil && !strings.Contains(p.Version, "+") {
			w.shelf.pinned[p.Package][p.Version] = true
		}
	}
	data, digest, err := inv.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(data)
	cause := fmt.Sprintf("request-%d", w.seq)
	rep := report.Scan{Schema: report.SchemaScan, Application: "payments", Inventory: string(digest), Complete: w.complete, Incomplete: inv.Incomplete}
	open := map[string]bool{}
	for _, p := range inv.Packages {
		hits, err := w.advisories.Match(p.Ecosystem, p.Package, p.Version)
		if err != nil && p.Ecosystem == pypi {
			continue
		}
		if p.Ecosystem != pypi {
			hits = []advisory.Hit{{ID: "CVE-OTHER", IDs: []string{"CVE-OTHER"}, Kind: events.KindVulnerability, Severity: "high"}}
		}
		for _, h := range hits {
			rep.Findings = append(rep.Findings, report.Finding{Package: p.Package, Ecosystem: p.Ecosystem, Version: p.Version, Source: p.Source, Line: p.Line, Scope: p.Scope,
				Kind: h.Kind, Vulnerability: h.ID, IDs: h.IDs, Severity: h.Severity, KEV: h.KEV})
			id := events.FindingID("payments", p.Scope, p.Ecosystem, p.Package, h.ID)
			open[id] = true
			if !w.state.Findings[id].Open {
				w.say(cause, id, events.FindingOpened{Finding: id, Scope: p.Scope, Package: p.Package, Ecosystem: p.Ecosystem, Version: p.Version, Source: p.Source,
					Kind: h.Kind, Vulnerability: h.ID, IDs: h.IDs, Urgency: events.Urgency{Severity: h.Severity, KEV: h.KEV}})
			}
		}
	}
	for id, f := range w.state.Findings {
		if f.Open && !open[id] && w.complete {
			w.say(cause, id, events.FindingClosed{Finding: id, Reason: events.ClosedFixed})
		}
	}
	return w.say(cause, "", events.ScanCompleted{Application: "payments", Trigger: events.TriggerRequest, Target: "/src/payments", Inventory: string(digest),
		Report: w.put(rep), Complete: w.complete, PlanOptions: w.options})
}

func (w *world) facts(cause string) worker.Facts {
	return worker.NewFacts(w.state.Clone(), w.org, w.now, w.store, events.Meta{Cause: cause})
}

// plan hands the event to the planner, appends what it says and returns that by name.
func (w *world) plan(e events.Event) []events.Event {
	w.t.Helper()
	out, err := w.service.handle(w.t.Context(), e, w.facts(e.ID()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.append(out...)
	return out
}

// due fires a timer.
func (w *world) due(tm bus.Timer) ([]events.Event, error) {
	out, err := w.service.onDue(w.t.Context(), tm, w.facts("due-"+tm.Key+tm.At.String()))
	w.append(out...)
	return out, err
}

// document is the plan in force.
func (w *world) document() *report.Plan {
	w.t.Helper()
	if w.state.Plan == nil {
		w.t.Fatal("no plan is in force")
	}
	data, err := w.store.Get(w.t.Context(), evidence.Digest(w.state.Plan.Document))
	if err != nil {
		w.t.Fatal(err)
	}
	p := &report.Plan{}
	if err := json.Unmarshal(data, p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func names(evs []events.Event) string {
	var out []string
	for _, e := range evs {
		row, _ := events.Lookup(e.Type())
		out = append(out, row.Name())
	}
	return strings.Join(out, " ")
}

// moves lists the updates of a plan: "emergency flask 2.2.2>2.2.5".
func moves(p *report.Plan) string {
	var out []string
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			out = append(out, fmt.Sprintf("%s %s %s>%s", ph.Phase, u.Package, u.From, u.To))
		}
	}
	return strings.Join(out, ", ")
}

// outcome finds the outcome of a vulnerability.
func outcome(t *testing.T, p *report.Plan, vulnerability string) report.Outcome {
	t.Helper()
	var found []report.Outcome
	for _, o := range p.Outcomes {
		if o.Vulnerability == vulnerability {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d outcomes in %+v, want exactly one", vulnerability, len(found), p.Outcomes)
	}
	return found[0]
}
