package policy

import (
	"testing"
	"time"
)

const day = 24 * time.Hour

func TestCooldown(t *testing.T) {
	vuln := func(pkg, severity string, kev *bool) Facts {
		return Facts{Package: pkg, Finding: true, Kind: "vulnerability", Severity: severity, KEV: kev}
	}
	own := mustParse(t, `
classes:
  high: {cooldown: 72h}
rules:
  trusted: {class: high, finding: true, severity: high, list: ours, cooldown: 1h}
  careful: {class: framework, finding: true, list: watched, cooldown: 14d}
lists: {ours: [our-lib], watched: [left-pad]}
`)
	patient := mustParse(t, "rules: {all: {cooldown: 14d}}")
	for _, tc := range []struct {
		name   string
		policy *Policy
		facts  Facts
		want   time.Duration
		rule   string
	}{
		{"critical", Default(), vuln("x", "critical", nil), day, "critical-severity"},
		{"critical, not exploited", Default(), vuln("x", "critical", &no), day, "critical-severity"},
		{"critical, known exploited", Default(), vuln("x", "critical", &yes), 0, "exploited-fix"},
		{"high, known exploited", Default(), vuln("x", "high", &yes), 0, "exploited-fix"},
		{"medium, known exploited", Default(), vuln("x", "medium", &yes), 0, "exploited-fix"},
		{"framework, low, known exploited", Default(), vuln("flask", "low", &yes), 0, "exploited-fix"},
		{"malicious", Default(), Facts{Package: "x", Finding: true, Kind: "malicious"}, day, "malicious-package"},
		{"framework", Default(), vuln("flask", "medium", nil), day, "framework-critical"},
		{"high", Default(), vuln("x", "high", nil), day, "high-severity"},
		{"unknown severity", Default(), vuln("x", "", nil), day, "high-severity"},
		{"domain", Default(), vuln("stripe", "medium", nil), day, "domain-critical"},
		{"low", Default(), vuln("x", "low", nil), day, "other-finding"},
		{"routine update", Default(), Facts{Package: "x", Step: "patch"}, 7 * day, "routine-update"},
		{"update of a domain package", Default(), Facts{Package: "stripe", Step: "patch"}, 7 * day, "domain-update"},
		{"major update", Default(), Facts{Package: "x", Step: "major"}, 7 * day, "major-update"},
		{"unknown step", Default(), Facts{Package: "x"}, 7 * day, ""},
		{"longer in the class: no rule of a lesser class shortens it", own, vuln("x", "high", nil), 3 * day, "high-severity"},
		{"two rules of the class: the shorter", own, vuln("our-lib", "high", nil), time.Hour, "trusted"},
		{"the class of another rule is more urgent", own, vuln("our-lib", "critical", nil), day, "critical-severity"},
		{"no rule gives a class: its own cooldown counts", patient, Facts{Package: "x"}, 7 * day, ""},
		{"a rule without a class only shortens", patient, Facts{Package: "x", Step: "patch"}, 7 * day, "routine-update"},
		{"longer by a rule", own, vuln("left-pad", "low", nil), 14 * day, "careful"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, rule := tc.policy.CooldownFor(tc.facts); got != tc.want || rule != tc.rule {
				t.Errorf("%s by %q, want %s by %q", got, rule, tc.want, tc.rule)
			}
		})
	}
	for class, want := range map[ClassName]time.Duration{Emergency: day, Framework: day, High: day, Domain: 7 * day, Regular: 7 * day, Feature: 7 * day} {
		if got := Default().Cooldown(class); got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
	if got := Default().RoutineCooldown(); got != 7*day {
		t.Errorf("routine: %s", got)
	}
}

// A rule without a class decides none, and counts in each.
func TestRuleWithoutClass(t *testing.T) {
	p := mustParse(t, "rules: {bod-22-01: {finding: true, kev: true, deadline: {detected: 3d}}}\n")
	f := Facts{Package: "x", Finding: true, Severity: "low", KEV: &yes}
	if d := p.Classify(f); d.Class != Regular || d.Rule != "other-finding" {
		t.Errorf("%s by %s", d.Class, d.Rule)
	}
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	if d := p.Deadline(f, Clocks{Detected: at}); !d.At.Equal(at.Add(3*day)) || d.Rule != "regular: 3d from first detection (bod-22-01)" {
		t.Errorf("%s by %s", d.At, d.Rule)
	}
}

func mustParse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
