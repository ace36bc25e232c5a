package planner

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/report"
)

func (w *world) known() Side {
	w.t.Helper()
	s, err := Known(w.t.Context(), w.store, w.document())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// differing is an application before any of the changes.
func differing(t *testing.T) (w *world, pins string) {
	t.Helper()
	w = newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}, "app": {"CVE-2 <1.1 critical"}},
		map[string][]string{"lib": {"1.1 needs=dep>=1.0 py>=3", "1.2 at=2026-11-22 py>=3", "1.3 py>=3"}, "app": {"1.1 py>=3", "1.2 py>=3"}, "dep": {"1.0"}})
	return w, "lib==1.0 app==1.0 dep==1.0"
}

// Every input that can make two plans differ is named as the cause of what it changed, and of nothing else.
func TestDiffNamesTheCause(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(w *world) (pins string)
		inputs  string
		changes []string // "what package: cause"
	}{
		{"nothing", func(*world) string { return "" }, "", nil},
		{"the clock alone", func(w *world) string { w.now = w.now.Add(time.Hour); return "" }, "", nil},
		{"inventory", func(*world) string { return "lib==1.0 app==1.1 dep==1.0" }, "inventory", []string{
			"outcome app: inventory: app is pinned otherwise", "update app: inventory: app is pinned otherwise"}},
		{"advisories", func(w *world) string {
			w.digest, w.advisories["lib"] = "sha256:newer", []string{"CVE-1 <1.2 low", "CVE-3 <1.1 low"}
			return ""
		}, "advisories", []string{"outcome lib: advisories: the database changed and the pin did not", "update lib: advisories: what hits lib changed"}},
		{"a page", func(w *world) string {
			w.shelf.releases["lib"] = []string{"1.1 yanked", "1.2 at=2026-11-22", "1.3"}
			return ""
		}, "index", []string{"update lib: index: the page of lib changed"}},
		{"a page of the company", func(w *world) string {
			w.shelf.releases["dep"] = []string{"1.0 needs=lib>=1.2,<2", "1.1"}
			return ""
		}, "index", []string{"update lib: index: the page of dep changed"}},
		{"the page of one and the policy", func(w *world) string {
			w.shelf.releases["lib"] = append(w.shelf.releases["lib"], "1.4")
			w.policy = policyOf(w.t, "lists: {framework: [lib]}")
			return ""
		}, "index policy", []string{"outcome lib: index: the page of lib changed, or policy", "update lib: index: the page of lib changed, or policy"}},
		{"policy", func(w *world) string { w.policy = policyOf(w.t, "lists: {framework: [lib]}"); return "" }, "policy", []string{
			"outcome lib: policy", "update lib: policy"}},
		{"a deadline by policy", func(w *world) string {
			w.policy = policyOf(w.t, "classes: {regular: {deadline: {detected: 20d}}}")
			return ""
		}, "policy", []string{"deadline regular: policy"}},
		{"python", func(w *world) string { w.options.Python = "2.7"; return "" }, "python", []string{"outcome app: python", "outcome lib: python", "update app: python", "update lib: python"}},
		{"exclude_newer", func(w *world) string {
			at := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
			w.options.ExcludeNewer = &at
			return ""
		}, "exclude_newer", []string{"outcome app: exclude_newer", "outcome lib: exclude_newer", "update app: exclude_newer", "update lib: exclude_newer"}},
		{"a rejection", func(w *world) string { w.refuse(failed("c-1"), "lib 1.0>1.1"); return "" }, "rejections", []string{
			"outcome lib: rejections: lib was rejected, or is no longer", "update lib: rejections: lib was rejected, or is no longer"}},
		{"full", func(w *world) string { w.options.Full = true; return "" }, "full", []string{"update app: full"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, pins := differing(t)
			w.plan(w.scan(trial{pins: pins}.inventory()))
			a := w.known()
			w.now = w.now.Add(time.Hour)
			if other := tc.change(w); other != "" {
				pins = other
			}
			w.plan(w.scan(trial{pins: pins}.inventory()))
			d := Compare(a, w.known())
			var inputs, changes []string
			for _, i := range d.Inputs {
				if i.Input != "now" {
					inputs = append(inputs, i.Input)
				}
			}
			if got := strings.Join(inputs, " "); got != tc.inputs {
				t.Errorf("inputs %q, want %q", got, tc.inputs)
			}
			for _, c := range d.Changes {
				changes = append(changes, strings.TrimSpace(c.What+" "+c.Phase+c.Package)+": "+c.Cause)
			}
			if got, want := strings.Join(changes, "\n"), strings.Join(tc.changes, "\n"); got != want {
				t.Errorf("changes\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Plans that are files have no record: what can't be known is not claimed.
func TestDiffWithoutRecords(t *testing.T) {
	w, pins := differing(t)
	w.plan(w.scan(trial{pins: pins}.inventory()))
	a := w.document()
	w.shelf.releases["lib"] = []string{"1.1 yanked", "1.3"}
	w.plan(w.scan(trial{pins: pins + " other==1.0"}.inventory()))
	d := Compare(Side{Plan: a}, Side{Plan: w.document()})
	if len(d.Changes) != 1 || d.Changes[0].Cause != "inventory, or index" {
		t.Errorf("%+v", d.Changes)
	}
	if d := Compare(Side{Plan: a}, Side{Plan: a}); len(d.Changes)+len(d.Inputs) != 0 {
		t.Errorf("a plan differs from itself: %+v", d)
	}
	// What is not in the store any more is left out, and is no error.
	p := w.document()
	p.Inputs.Record, p.Inputs.Inventory = "sha256:gone", "sha256:gone"
	if s, err := Known(t.Context(), w.store, p); err != nil || s.Pages != nil || s.Inventory != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestGoldenDiff(t *testing.T) {
	w, pins := differing(t)
	w.plan(w.scan(trial{pins: pins}.inventory()))
	a := w.known()
	w.now = w.now.Add(48 * time.Hour)
	w.shelf.releases["lib"] = []string{"1.1 yanked", "1.2 at=2026-11-22", "1.3"}
	w.digest, w.advisories["app"] = "sha256:newer", append(w.advisories["app"], "CVE-4 ==1.1 high")
	w.policy = policyOf(t, "classes: {regular: {deadline: {detected: 20d}}}")
	w.plan(w.scan(trial{pins: pins}.inventory()))
	d := Compare(a, w.known())
	d.Tool = report.Tool{Name: "drydock", Version: "test"}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.json", string(text)+"\n")
}
