package planner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
)

const (
	emergencyPattern = "emergency/security-fix-{date}-{application}"
	today            = "emergency/security-fix-20261122-payments"
	yesterday        = "emergency/security-fix-20261121-payments"
)

func TestBranchName(t *testing.T) {
	for _, tc := range []struct {
		name    string
		b       branches
		pattern string
		taken   []string
		want    string
	}{
		{name: "the first", want: today},
		{name: "one is open", b: branches{Open: map[string]string{"emergency": yesterday}}, want: yesterday},
		{name: "one of its second try is open", b: branches{Open: map[string]string{"emergency": yesterday + "-2"}, Spent: []string{yesterday}}, want: yesterday + "-2"},
		{name: "one of another phase is open", b: branches{Open: map[string]string{"high": "feature/package-updates-20261120-payments-high"}}, want: today},
		{name: "spent", b: branches{Spent: []string{today}}, want: today + "-2"},
		{name: "spent twice", b: branches{Spent: []string{today, today + "-2"}}, want: today + "-3"},
		{name: "spent on another day", b: branches{Spent: []string{yesterday}}, want: today},
		{name: "the policy calls it otherwise now", b: branches{Open: map[string]string{"emergency": yesterday}}, pattern: "hotfix/{date}-{application}", want: "hotfix/20261122-payments"},
		{name: "a dot in a pattern is a dot", b: branches{Open: map[string]string{"emergency": "a/b-20261121-payments"}}, pattern: "a.b-{date}-{application}", want: "a.b-20261122-payments"},
		{name: "two phases of one pattern", taken: []string{today}, want: today + "-2"},
		{name: "another phase's change has it", b: branches{Open: map[string]string{"high": today}}, want: today + "-2"},
		{name: "another application's", b: branches{Open: map[string]string{"emergency": yesterday + "s"}}, want: today},
	} {
		if tc.pattern == "" {
			tc.pattern = emergencyPattern
		}
		taken := slices.Clone(tc.taken)
		if got := tc.b.name(tc.pattern, "payments", policy.Emergency, start, tc.taken); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if !slices.Equal(taken, tc.taken) {
			t.Errorf("%s: the names taken changed", tc.name)
		}
	}
}

// The names as the issue has them, from the built-in policy.
func TestBranchPatterns(t *testing.T) {
	for class, want := range map[policy.ClassName]string{
		policy.Emergency: "emergency/security-fix-20261122-payments", policy.Framework: "feature/package-updates-20261122-payments-framework",
		policy.High: "feature/package-updates-20261122-payments-high", policy.Domain: "feature/package-updates-20261122-payments-domain",
		policy.Regular: "feature/package-updates-20261122-payments-regular", policy.Feature: "feature/package-updates-20261122-payments-feature",
	} {
		if got := branch(policy.Default().Class(class).Branch, "payments", start); got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
}

// Which names have had their day.
func TestSpentBranches(t *testing.T) {
	change := func(terminal, by string) events.Change {
		return events.Change{ChangeOpened: events.ChangeOpened{Change: "c-1", Phase: "emergency", Branch: today}, Terminal: terminal, SupersededBy: by}
	}
	next := func(branch string) events.Change {
		return events.Change{ChangeOpened: events.ChangeOpened{Change: "c-2", Phase: "emergency", Branch: branch}, Sequence: 2}
	}
	merged := change("", "")
	merged.Merged = &events.ChangeMerged{}
	written := map[string]events.Branch{today: {Commits: []string{"1"}}}
	for _, tc := range []struct {
		name     string
		changes  []events.Change
		branches map[string]events.Branch
		spent    []string
		open     string
	}{
		{name: "open", changes: []events.Change{change("", "")}, branches: written, open: today},
		{name: "open, and its branch was closed", changes: []events.Change{change("", "")}, branches: map[string]events.Branch{today: {Closed: true}}, spent: []string{today}},
		{name: "carried on", changes: []events.Change{change("superseded", "c-2"), next(today)}, branches: written, open: today},
		{name: "carried on elsewhere", changes: []events.Change{change("superseded", "c-2"), next(today + "-2")}, branches: written, open: today + "-2", spent: []string{today}},
		{name: "nothing left to do", changes: []events.Change{change("superseded", "")}, branches: written, spent: []string{today}},
		{name: "nothing left to do, and never written", changes: []events.Change{change("superseded", "")}},
		{name: "rejected", changes: []events.Change{change("rejected", "")}, spent: []string{today}},
		{name: "rejected, and another came", changes: []events.Change{change("rejected", ""), next(yesterday)}, spent: []string{today}, open: yesterday},
		{name: "ended otherwise", changes: []events.Change{change("abandoned", "")}, spent: []string{today}},
		{name: "merged", changes: []events.Change{merged}, spent: []string{today}},
		{name: "two are open: the first", changes: []events.Change{next(today), change("", "")}, open: today},
		{name: "closed on another day", branches: map[string]events.Branch{yesterday: {Closed: true}}},
	} {
		s := events.NewState("payments")
		for _, c := range tc.changes {
			s.Changes[c.Change] = c
		}
		s.Branches = tc.branches
		b := branchesOf(s, &situation{App: "payments", Now: start, Policy: policy.Default()})
		if !slices.Equal(b.Spent, tc.spent) || b.Open["emergency"] != tc.open {
			t.Errorf("%s: %+v, want %q spent and %q open", tc.name, b, tc.spent, tc.open)
		}
	}
}

// A branch lives as long as something of it is open, whatever plans come and go, and never comes back.
func TestBranchesThroughTheDays(t *testing.T) {
	w := paymentsWorld(t, Config{})
	branchOf := func(phase, want string) {
		t.Helper()
		c := w.open(phase)
		if c.Branch != want {
			t.Errorf("%s on %s, want %s", phase, c.Branch, want)
		}
		for _, ph := range w.document().Phases {
			if ph.Phase == phase && ph.Branch != c.Branch {
				t.Errorf("the plan says %s, the change %s", ph.Branch, c.Branch)
			}
		}
		w.recomputes(w.document())
	}
	w.plan(w.scan(paymentsFiles))
	branchOf("regular", "feature/package-updates-20261122-payments-regular")
	w.now = w.now.AddDate(0, 0, 3)
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.5\nPyJWT==2.3.0\nlib==1.0\n"}))
	branchOf("emergency", today)
	branchOf("regular", "feature/package-updates-20261122-payments-regular")
	w.now = w.now.Add(time.Hour)
	w.plan(w.scan(paymentsFiles)) // its framework change had ended: a new one, a new day
	branchOf("framework", "feature/package-updates-20261125-payments-framework")
	branchOf("emergency", today)

	// Turned down, the phase begins again with a name of its own day, and on the same day with a number.
	for _, want := range []string{"emergency/security-fix-20261125-payments", "emergency/security-fix-20261125-payments-2", "emergency/security-fix-20261125-payments-3"} {
		c := w.open("emergency")
		w.plan(w.reject(events.ChangeRejected{Change: c.Change, Kind: events.RejectedDeleted, Reason: "gone"}, "pyjwt 2.3.0>2.4.0"))
		if got := moves(w.document()); got != "framework flask 2.2.2>2.2.5, regular lib 1.0>1.1" {
			t.Fatalf("after the rejection: %s", got)
		}
		w.asks()
		branchOf("emergency", want)
		branchOf("framework", "feature/package-updates-20261125-payments-framework")
	}
}

// asks is what `drydock update` asks for.
func (w *world) asks() {
	w.t.Helper()
	w.say("update", fmt.Sprint(w.seq), events.ScanRequested{Application: "payments", Target: "/src/payments", PlanOptions: events.PlanOptions{Again: true}})
	w.plan(w.scan(paymentsFiles))
}
