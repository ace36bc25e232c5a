package planner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/report"
)

// recorded application with everything a plan can rest on: two environments, several targets, every kind of answer.
func recordedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical", "CVE-9 ==1.2 low"}, "late": {"CVE-2 <1.1 low"}, "away": {"CVE-3 <2 low"}, "gone": {"CVE-4 >=0 low"},
		"old": {"CVE-5 <2 low"}, "young": {"CVE-6 <2 low"}, "yank": {"CVE-7 <2 low"}},
		map[string][]string{"lib": {"1.1 needs=dep>=1.1", "1.2"}, "dep": {"1.1 at=2026-11-18"}, "late": {"1.1"}, "away": {"2"}, "old": {"2 py>=3.12"}, "young": {"2 at=2026-11-22"}, "yank": {"2 yanked"}})
	w.shelf.broken = map[string]error{"away": fmt.Errorf("%w: 500", index.ErrUnreachable)}
	w.shelf.mute = map[string]error{"late 1.0": fmt.Errorf("read late: %w: %w", index.ErrUnreadable, index.ErrMismatch)}
	w.plan(w.scan(map[string]string{"a/requirements.txt": "lib==1.0\ndep==1.0\naway==1.0\ngone==1.0\n", "b/requirements.txt": "late==1.0\nold==1.0\nyoung==1.0\nyank==1.0\n"}))
	return w
}

func (w *world) recompute() (*report.Plan, error) {
	return Recompute(w.t.Context(), w.store, w.state.Plan.Document, w.offline(), report.Tool{Name: "drydock", Version: "test"})
}

func TestRecomputeWithTheWorldOff(t *testing.T) {
	w := recordedWorld(t)
	w.shelf, w.advisories, w.policy = nil, nil, nil
	p, err := w.recompute()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil || string(evidence.Of(data)) != w.state.Plan.Document {
		t.Errorf("other bytes than those stored (%v)", err)
	}
	if w.state.Plan.Retry == nil || len(p.Phases) != 1 {
		t.Errorf("the world of this test is not what it should be: %s", moves(p))
	}
}

// A later plan rests on the one in force: on the deadlines it told, and where the index is away on what it picked.
func TestRecomputeLaterPlans(t *testing.T) {
	files := map[string]string{"requirements.txt": "lib==1.0\nlate==1.0\n"}
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}, "late": {"CVE-2 <1.1 low"}}, map[string][]string{"lib": {"1.1"}, "late": {"1.1"}})
	for _, change := range []func(){
		func() {},
		func() { w.shelf.releases["late"] = []string{"1.1 yanked", "1.2 at=2026-11-10"} },
		func() { w.shelf.down = true; w.advisories["lib"] = append(w.advisories["lib"], "CVE-3 <1.1 low") },
		func() { w.advisories["lib"] = append(w.advisories["lib"], "CVE-4 <1.2 low") },
		func() { w.shelf.down = false },
		func() { w.policy = policyOf(t, "lists: {framework: [late]}") },
		func() { w.options.Full = true },
		func() { w.options.Python = "3.9" },
		func() { w.refuse(failed("c-1"), "lib 1.0>1.1") },
		func() { w.now = ends },
	} {
		w.now = w.now.AddDate(0, 0, 1)
		change()
		w.plan(w.scan(files))
		w.recomputes(w.document())
	}
}

// A plan that rests on a remembered answer has the world it was made from, at another time.
func TestRecomputeOfARememberedAnswer(t *testing.T) {
	w := rememberedWorld(t, t.TempDir())
	w.again()
	other := rememberedWorld(t, w.service.answers.dir)
	other.now = other.now.AddDate(0, 0, 1)
	if other.again() != 0 {
		t.Fatal("not remembered")
	}
	other.shelf = nil
	other.recomputes(other.document())
}

// What is not as it was is named.
func TestDivergenceNamesTheInput(t *testing.T) {
	lost := func(name func(r planRecord, p *report.Plan) string) func(*world, planRecord, *report.Plan) {
		return func(w *world, r planRecord, p *report.Plan) { delete(w.store.docs, evidence.Digest(name(r, p))) }
	}
	changed := func(name func(r planRecord, p *report.Plan) string) func(*world, planRecord, *report.Plan) {
		return func(w *world, r planRecord, p *report.Plan) { w.store.docs[evidence.Digest(name(r, p))] = []byte("{}") }
	}
	inputs := map[string]func(r planRecord, p *report.Plan) string{
		"record":        func(_ planRecord, p *report.Plan) string { return p.Inputs.Record },
		"inventory":     func(r planRecord, _ *report.Plan) string { return r.Inventory },
		"policy":        func(r planRecord, _ *report.Plan) string { return r.Policy },
		"index":         func(r planRecord, _ *report.Plan) string { return r.Worlds[1].Tape },
		"plan in force": func(r planRecord, _ *report.Plan) string { return r.InForce },
	}
	for input, name := range inputs {
		for how, spoil := range map[string]func(*world, planRecord, *report.Plan){"lost": lost(name), "changed": changed(name)} {
			w := recordedWorld(t)
			w.now = w.now.AddDate(0, 0, 1)
			w.plan(w.scan(map[string]string{"a/requirements.txt": "lib==1.0\ndep==1.0\n", "b/requirements.txt": "late==1.0\n"}))
			p, r := w.document(), planRecord{}
			if err := readEvidence(t.Context(), w.store, p.Inputs.Record, &r); err != nil {
				t.Fatal(err)
			}
			spoil(w, r, p)
			_, err := w.recompute()
			var d *Divergence
			if !errors.As(err, &d) || d.Input != input || !strings.Contains(err.Error(), input) {
				t.Errorf("%s %s: %v", input, how, err)
			}
		}
	}
}

// The record itself may be rewritten by whoever can write the store; what it then says differs from the plan.
func TestDivergenceOfARewrittenRecord(t *testing.T) {
	for input, rewrite := range map[string]func(w *world, r *planRecord){
		"resolver": func(_ *world, r *planRecord) { r.Resolver = "uv 0.1" },
		"drydock":  func(_ *world, r *planRecord) { r.Tool.Version = "other" },
		"the decision itself: every input is the same; first difference: vulnerability_count": func(_ *world, r *planRecord) { r.Findings = r.Findings[1:] },
		"the decision itself: every input is the same; first difference: inputs": func(_ *world, r *planRecord) {
			r.Refused = []refusal{{Change: "c-1", Kind: "tests", Reason: "x", Failing: []events.Update{readUpdate("lib 1.0>1.1 a/requirements.txt")}, Until: ends}}
		},
		"the decision itself: every input is the same; first difference: deployment_phases": func(_ *world, r *planRecord) { r.Branches.Spent = []string{today} },
		"index differs: the index page of away was not asked": func(w *world, r *planRecord) {
			for i := range r.Worlds {
				empty, err := newTape().pack(nil, newPress())
				if err != nil {
					w.t.Fatal(err)
				}
				r.Worlds[i].Tape = w.put(empty)
			}
		},
		"inventory differs: 2 environments were planned": func(w *world, r *planRecord) {
			inv := w.inventoryOf(map[string]string{"requirements.txt": "lib==1.0\n"})
			data, _, err := inv.Encode()
			if err != nil {
				w.t.Fatal(err)
			}
			r.Inventory = w.put(data)
		},
	} {
		w := recordedWorld(t)
		p, r := w.document(), planRecord{}
		if err := readEvidence(t.Context(), w.store, p.Inputs.Record, &r); err != nil {
			t.Fatal(err)
		}
		rewrite(w, &r)
		p.Inputs.Record = w.put(r)
		_, err := Recompute(t.Context(), w.store, w.put(p), w.offline(), report.Tool{Name: "drydock", Version: "test"})
		var d *Divergence
		if said := strings.Replace(input, "the decision itself:", "the decision itself differs:", 1); !errors.As(err, &d) || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v", input, err)
		}
	}
}

func TestWhatCannotBeRecomputed(t *testing.T) {
	w := recordedWorld(t)
	p := w.document()
	p.Inputs.Record = ""
	for name, digest := range map[string]string{"no plan document": w.put([]byte("{}")), "without a record of its inputs": w.put(p), evidence.ErrNotFound.Error(): string(evidence.Of([]byte("none")))} {
		if _, err := Recompute(t.Context(), w.store, digest, w.offline(), report.Tool{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Recompute(ctx, w.store, w.state.Plan.Document, w.offline(), report.Tool{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A tape gives back every kind of answer as it was.
func TestTapeRoundTrip(t *testing.T) {
	w := recordedWorld(t)
	w.shelf.releases["lib"] = []string{"1.0", "1.1 yanked undated", "1.2 py>=3.9 unhashed", "2.0 sdist", "3.0 foreign at=2026-01-01"}
	r := record(live{index: w.shelf, matcher: w.advisories})
	for _, name := range []string{"lib", "away", "gone"} {
		p, _ := r.Project(t.Context(), name)
		for i := 0; p != nil && i < len(p.Releases); i++ {
			_, _ = r.Metadata(t.Context(), p, p.Releases[i].Files[0])
			_, _ = r.Match(pypi, name, p.Releases[i].Version)
		}
		_, _ = r.Match("npm", name, "1")
		_, _ = r.Match(pypi, name, "bananas")
	}
	data, err := r.said().pack(nil, newPress())
	if err != nil {
		t.Fatal(err)
	}
	back, err := unpackTape(data)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := back.pack(nil, newPress())
	if err != nil || string(twice) != string(data) {
		t.Errorf("read and written again it differs (%v)", err)
	}
	a, errA := r.Project(t.Context(), "away")
	b, errB := replaying(back).Project(t.Context(), "away")
	if a != nil || b != nil || errA.Error() != errB.Error() || !errors.Is(errB, index.ErrUnreachable) {
		t.Errorf("%v is not %v", errB, errA)
	}
	if _, err := replaying(back).Project(t.Context(), "never"); !errors.Is(err, errNotOnTape) {
		t.Errorf("never asked: %v", err)
	}
	for _, bad := range [][]byte{nil, []byte("x"), data[:len(data)/2]} {
		if _, err := unpackTape(bad); err == nil {
			t.Errorf("%d bytes are a tape", len(bad))
		}
	}
}
