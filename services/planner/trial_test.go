package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// trial is an application planned once, and what must come of it.
type trial struct {
	name     string
	python   string // default 3.11
	policy   string // laid over the built-in one
	now      string // a day, or a moment (RFC 3339)
	newer    string // --exclude-newer, a day
	full     bool
	files    map[string]string
	pins     string // of requirements.txt, space separated, where there are no files
	db       advisories
	releases map[string][]string
	prepare  func(w *world)

	moves    string
	outcomes map[string]string   // vulnerability → "outcome: words of its detail or chain"
	says     map[string][]string // package → words of the reason of its update; "!word" must not be there
	notes    []string            // words of the notes
	exit     int
	check    func(t *testing.T, w *world, p *report.Plan)
}

func (tc trial) world(t *testing.T) *world {
	t.Helper()
	python := tc.python
	if python == "" {
		python = "3.11"
	}
	w := newWorld(t, Config{Python: python}, tc.db, tc.releases)
	if tc.policy != "" {
		w.policy = policyOf(t, tc.policy)
	}
	if tc.now != "" {
		w.now = dayOf(t, tc.now)
	}
	if tc.newer != "" {
		at := dayOf(t, tc.newer)
		w.options.ExcludeNewer = &at
	}
	w.options.Full = tc.full
	if tc.prepare != nil {
		tc.prepare(w)
	}
	return w
}

func (tc trial) inventory() map[string]string {
	if tc.files != nil {
		return tc.files
	}
	return map[string]string{"requirements.txt": strings.Join(strings.Fields(tc.pins), "\n") + "\n"}
}

func policyOf(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func dayOf(t testing.TB, s string) time.Time {
	t.Helper()
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	t.Fatalf("%q is no time", s)
	return time.Time{}
}

func tryAll(t *testing.T, all []trial) {
	t.Helper()
	for _, tc := range all {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.world(t)
			w.plan(w.scan(tc.inventory()))
			p := w.document()
			tc.judge(t, p)
			if tc.check != nil {
				tc.check(t, w, p)
			}
			w.recomputes(p)
		})
	}
}

func (tc trial) judge(t *testing.T, p *report.Plan) {
	t.Helper()
	if got := moves(p); got != tc.moves {
		t.Errorf("moves\n%q, want\n%q", got, tc.moves)
	}
	for id, want := range tc.outcomes {
		kind, words, _ := strings.Cut(want, ": ")
		o := outcome(t, p, id)
		if told := o.Detail + " " + strings.Join(o.Chain, "; "); o.Outcome != kind || !strings.Contains(told, words) {
			t.Errorf("%s is %s: %s\nwant %s", id, o.Outcome, told, want)
		}
	}
	for pkg, words := range tc.says {
		for _, word := range words {
			if word, not := strings.CutPrefix(word, "!"); strings.Contains(reasonOf(p, pkg), word) == not {
				t.Errorf("%s: reason %q, want (%v) %q", pkg, reasonOf(p, pkg), !not, word)
			}
		}
	}
	for _, n := range tc.notes {
		if !strings.Contains(strings.Join(p.Notes, "\n"), n) {
			t.Errorf("notes %q do not say %q", p.Notes, n)
		}
	}
	if p.ExitCode != tc.exit {
		t.Errorf("exit code %d, want %d", p.ExitCode, tc.exit)
	}
}

// reasonOf is why a package is updated, in all phases.
func reasonOf(p *report.Plan, pkg string) string {
	var out []string
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			if u.Package == pkg {
				out = append(out, u.Reason)
			}
		}
	}
	return strings.Join(out, " / ")
}

// recomputes makes the plan in force again with the world switched off.
func (w *world) recomputes(want *report.Plan) {
	w.t.Helper()
	again, err := Recompute(w.t.Context(), w.store, w.state.Plan.Document, w.offline(), report.Tool{Name: "drydock", Version: "test"})
	if err != nil || again.Plan != want.Plan {
		w.t.Errorf("the plan made again from its record: %v", err)
	}
}
