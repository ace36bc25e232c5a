package planner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

const (
	aWaiver = `schema: drydock.waivers/v1
waivers:
  - {id: W-1, application: payments, package: lib, vulnerability: CVE-1, owner: ana@bank.example, justification: templates are our own, control: no network,
     approved_by: ben@bank.example, granted: 2026-11-01, expires: 2026-11-30}
`
	aFreeze = `schema: drydock.freezes/v1
freezes:
- {name: closing, reason: books, owner: a@b.example, classes: [regular], from: 2026-11-20, until: 2026-11-29}
`
	aStatement = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x.example/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,
"statements":[{"vulnerability":{"name":"CVE-3"},"products":[{"@id":"payments"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`
)

// exceptedWorld has a finding that is accepted, one that a freeze holds, one that a statement silences, and one that
// nobody decided on.
func exceptedWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{Python: "3.11", Waivers: filepath.Join(dir, "waivers.yaml"), Freezes: filepath.Join(dir, "freezes.yaml"), VEX: []string{filepath.Join(dir, "vex.json")}}
	for path, text := range map[string]string{cfg.Waivers: aWaiver, cfg.Freezes: aFreeze, cfg.VEX[0]: aStatement} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return newWorld(t, cfg, advisories{"lib": {"CVE-1 <1.1 low"}, "held": {"CVE-2 <1.1 low"}, "silent": {"CVE-3 <1.1 high"}, "free": {"CVE-4 <1.1 high"}},
		map[string][]string{"lib": {"1.1"}, "held": {"1.1"}, "silent": {"1.1"}, "free": {"1.1"}})
}

var exceptedFiles = map[string]string{"requirements.txt": "lib==1.0\nheld==1.0\nsilent==1.0\nfree==1.0\n"}

// What people decided stands in the plan and in its record, ends by itself, and moves nothing meanwhile.
func TestExceptionsEndByThemselves(t *testing.T) {
	w := exceptedWorld(t)
	w.plan(w.scan(exceptedFiles))
	trial{moves: "high free 1.0>1.1, regular held 1.0>1.1", exit: 1, outcomes: map[string]string{"CVE-1": "accepted-until: by waiver W-1", "CVE-2": "frozen: held by the freeze closing",
		"CVE-3": "not-affected: VEX: ", "CVE-4": "planned: 1.1"}}.judge(t, w.document())
	w.recomputes(w.document())
	for _, want := range []struct {
		day      string
		outcomes map[string]string
		moves    string
		exit     int
	}{
		{"2026-11-30", map[string]string{"CVE-1": "accepted-until: by waiver W-1", "CVE-2": "planned: 1.1"}, "high free 1.0>1.1, regular held 1.0>1.1", 0},
		{"2026-12-01", map[string]string{"CVE-1": "planned: was accepted until 2026-12-01", "CVE-2": "planned: 1.1"}, "high free 1.0>1.1, regular held 1.0>1.1, regular lib 1.0>1.1", 0},
	} {
		at := w.state.Plan.Revisit
		if at == nil || at.Format(time.DateOnly) != want.day {
			t.Fatalf("looked at again %v, want %s", at, want.day)
		}
		for _, tm := range w.service.timers(w.state) {
			if tm.Key != revisitKey {
				continue
			}
			w.now = tm.At
			if _, err := w.due(tm); err != nil {
				t.Fatal(err)
			}
		}
		trial{moves: want.moves, outcomes: want.outcomes, exit: want.exit}.judge(t, w.document())
		w.recomputes(w.document())
	}
}

func TestDivergenceNamesTheException(t *testing.T) {
	for what, text := range map[string]string{"waivers": aWaiver, "freezes": aFreeze, "vex": aStatement} {
		for how, spoil := range map[string]func(w *world, d evidence.Digest){
			"lost":    func(w *world, d evidence.Digest) { delete(w.store.docs, d) },
			"changed": func(w *world, d evidence.Digest) { w.store.docs[d] = []byte("{}") },
		} {
			w := exceptedWorld(t)
			w.plan(w.scan(exceptedFiles))
			spoil(w, evidence.Of([]byte(text)))
			_, err := w.recompute()
			var d *Divergence
			if !errors.As(err, &d) || d.Input != what {
				t.Errorf("%s %s: %v", what, how, err)
			}
		}
	}
}

// A file that is wrong, or gone, plans nothing and waits for a person, who is told the line.
func TestWrongExceptions(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(path string) error
		says  string
	}{
		"without an owner": {func(path string) error {
			return os.WriteFile(path, []byte(strings.Replace(aWaiver, "owner: ana@bank.example,", "", 1)), 0o600)
		}, "waivers[0].owner"},
		"gone": {os.Remove, "waivers.yaml"},
	} {
		w := exceptedWorld(t)
		e := w.scan(exceptedFiles)
		if err := tc.spoil(w.service.cfg.Waivers); err != nil {
			t.Fatal(err)
		}
		evs, err := w.service.handle(t.Context(), e, w.facts(e.ID()))
		if err == nil || len(evs) != 0 || !strings.Contains(err.Error(), tc.says) || worker.Kind(err) == "transient" {
			t.Errorf("%s: %v (%s), %s", name, err, worker.Kind(err), names(evs))
		}
	}
}

// A plan that came with exceptions differs from one without by them.
func TestDiffNamesTheException(t *testing.T) {
	w := exceptedWorld(t)
	w.plan(w.scan(exceptedFiles))
	a := w.known()
	w.service.cfg.Waivers = ""
	w.plan(w.say("later", "", w.state.Scans["/src/payments"].Scan))
	d := Compare(a, w.known())
	if len(d.Changes) != 2 || d.Changes[0].Cause != "waivers: the risk of lib is accepted, no longer, or until another time" || d.Changes[0].Version != "1.0" || d.Changes[0].Package != "lib" || d.Changes[0].Before == "" || !strings.HasPrefix(d.Changes[0].Before, report.AcceptedUntil) {
		t.Errorf("%+v", d.Changes)
	}
}

// One that was given more time, and one that came to its end, are differences too.
func TestDiffNamesTheEnd(t *testing.T) {
	w := exceptedWorld(t)
	w.plan(w.scan(exceptedFiles))
	a := w.known()
	if err := os.WriteFile(w.service.cfg.Waivers, []byte(strings.Replace(aWaiver, "expires: 2026-11-30", "expires: 2027-01-30", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(x, y Side) string {
		var out []string
		for _, c := range Compare(x, y).Changes {
			out = append(out, strings.Join([]string{c.What, c.Package + c.Phase, c.Before, c.After, c.Cause}, " | "))
		}
		return strings.Join(out, "\n")
	}
	d, err := w.service.make(t.Context(), w.facts("more"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := said(a, Side{Plan: d.plan}), "outcome | lib | accepted-until until 2026-12-01 00:00Z | accepted-until until 2027-01-31 00:00Z | waivers: the risk of lib is accepted, no longer, or until another time"; got != want {
		t.Errorf("given more time:\n%s\nwant\n%s", got, want)
	}
	w.now = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if err := os.WriteFile(w.service.cfg.Waivers, []byte(aWaiver), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err = w.service.make(t.Context(), w.facts("over")); err != nil {
		t.Fatal(err)
	}
	if got, want := said(a, Side{Plan: d.plan, Inventory: a.Inventory}), "outcome | held | frozen in regular until 2026-11-30 00:00Z | planned in regular | now: what held until 2026-11-30 00:00Z is over"; got != want {
		t.Errorf("over:\n%s\nwant\n%s", got, want)
	}
}
