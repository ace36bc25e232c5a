package planner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// drawRules is a policy of rules of every kind, some of them of the application alone.
func drawRules(rt *rapid.T) string {
	pick := func(what string, values ...string) string { return rapid.SampledFrom(values).Draw(rt, what) }
	var rules strings.Builder
	for i := range rapid.IntRange(0, 4).Draw(rt, "rules") {
		fmt.Fprintf(&rules, "  r%d: {class: %s", i, pick("class", "emergency", "framework", "high", "domain", "regular", "feature"))
		for _, condition := range []string{pick("finding", "", "finding: true"), pick("severity", "", "severity: low", "severity: high"), pick("kev", "", "kev: true"), pick("list", "", "list: framework"),
			pick("step", "", "", "step: [major]", "step: [patch, minor]"), pick("deadline", "", "deadline: {detected: 2h}", "deadline: {fix_published: 20d}"), pick("cooldown", "", "cooldown: 3d", "cooldown: 0h")} {
			if condition != "" {
				rules.WriteString(", " + condition)
			}
		}
		rules.WriteString("}\n")
	}
	text := "lists: {framework: [p0, p3]}\n"
	if rules.Len() > 0 {
		text += "rules:\n" + rules.String()
	}
	if rapid.Bool().Draw(rt, "of the application") {
		text += "applications:\n  payments:\n    lists: {framework: [p1]}\n    classes: {framework: {deadline: {detected: 1d}}, regular: {deadline: {detected: 10d, fix_published: 60d}}}\n"
	}
	return text
}

// What `policy explain` says of a finding is what the plan decides, whatever the policy: the class, the deadline with
// its rule, and how old a release must be to be picked. An earlier phase may fix it on the way; a later one never does.
func TestExplainedIsPlanned(t *testing.T) {
	planned := 0
	rapid.Check(t, func(rt *rapid.T) {
		whole, err := policy.Parse("p.yaml", []byte(drawRules(rt)))
		if err != nil {
			rt.Skip(err)
		}
		r := drawWorld(t, rt)
		r.policy = whole
		r.plan(r.scan(r.files))
		p, mine := r.document(), whole.For("payments")
		byClass, earliest := map[policy.ClassName]bool{}, map[string]time.Time{}
		wait := map[string]time.Duration{}
		for _, o := range p.Outcomes {
			if o.Outcome != report.Planned {
				continue
			}
			planned++
			f, detected := r.factsOf(rt, o)
			u := fixOf(rt, p, o)
			d, due := mine.Classify(f), mine.Deadline(f, policy.Clocks{Detected: detected, FixPublished: u.Released})
			if o.Deadline == nil || !o.Deadline.Equal(due.At) || o.DeadlineRule != due.Rule {
				rt.Fatalf("%+v explained as due %s by %q", o, due.At, due.Rule)
			}
			if policy.Rank(policy.ClassName(o.Phase)) > policy.Rank(d.Class) {
				rt.Fatalf("%+v explained as %s by %s", o, d.Class, d.Rule)
			}
			byClass[d.Class] = true
			if at, ok := earliest[o.Phase]; !ok || due.At.Before(at) {
				earliest[o.Phase] = due.At
			}
			cooldown, _ := mine.CooldownFor(f)
			if have, ok := wait[o.Package]; !ok || cooldown < have {
				wait[o.Package] = cooldown
			}
		}
		for _, ph := range p.Phases {
			full := r.options.Full // an update that fixes nothing may have brought it to its phase
			if at, ok := earliest[ph.Phase]; ok && (!full && !byClass[policy.ClassName(ph.Phase)] || !ph.Deadline.Equal(at)) {
				rt.Fatalf("phase %s due %s, explained as %v, %s", ph.Phase, ph.Deadline, byClass, at)
			}
			for _, u := range ph.Updates {
				if len(u.Fixes) > 0 && strings.Contains(u.Reason, "fixes nothing known") {
					rt.Fatalf("%+v", u)
				}
				young := u.Released == nil || u.Released.Add(wait[u.Package]).After(r.now)
				if young && wait[u.Package] > 0 && len(u.Fixes) > 0 && !strings.Contains(u.Reason, "its own cooldown of ") { // of a more urgent fix that needs it
					rt.Fatalf("%+v is picked before its %s", u, wait[u.Package])
				}
			}
		}
	})
	if planned == 0 {
		t.Error("nothing was planned in any world")
	}
}

// factsOf are what is known of the finding of an outcome, from the log.
func (r *randomWorld) factsOf(rt *rapid.T, o report.Outcome) (policy.Facts, time.Time) {
	for _, f := range r.state.Findings {
		if f.Open && f.Package == o.Package && f.Vulnerability == o.Vulnerability {
			return policy.Facts{Package: f.Package, Ecosystem: f.Ecosystem, Finding: true, Kind: f.Kind, Severity: f.Urgency.Severity, KEV: f.Urgency.KEV, EPSS: f.Urgency.EPSS}, r.now
		}
	}
	rt.Fatalf("no finding of %+v", o)
	return policy.Facts{}, time.Time{}
}

// fixOf is the update that fixes the finding of an outcome.
func fixOf(rt *rapid.T, p *report.Plan, o report.Outcome) report.Update {
	for _, ph := range p.Phases {
		for _, u := range ph.Updates {
			if ph.Phase == o.Phase && u.Package == o.Package && slices.Contains(u.Fixes, o.Vulnerability) {
				return u
			}
		}
	}
	rt.Fatalf("no update for %+v", o)
	return report.Update{}
}

// An application that asks to be warned sooner is, and no other.
func TestWarningsOfAnApplication(t *testing.T) {
	for name, first := range map[string]time.Duration{"payments": 12 * time.Hour, "ledger": 18 * time.Hour} {
		w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 critical"}}, map[string][]string{"lib": {"1.1"}})
		var err error
		if w.policy, err = policy.Parse("p.yaml", []byte("applications: {"+name+": {warn_at: [50, 75, 90]}}")); err != nil {
			t.Fatal(err)
		}
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0\n"}))
		tm := w.service.timers(w.state)[0]
		if !tm.At.Equal(start.Add(first)) {
			t.Errorf("%s: first warning %s after the start, want %s", name, tm.At.Sub(start), first)
		}
		w.now = tm.At
		if evs, err := w.due(tm); err != nil || names(evs) != "deadline.approaching" {
			t.Errorf("%s: %s, %v", name, names(evs), err)
		}
	}
}
