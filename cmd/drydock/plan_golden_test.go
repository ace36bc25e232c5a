package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

var updateGolden = flag.Bool("update", false, "write the golden screens anew")

// golden compares a screen with testdata/<name>, and holds it to 80 columns without escapes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it anew); got\n%s", path, got)
	}
	for _, line := range strings.Split(got, "\n") {
		if len([]rune(line)) > 80 || strings.Contains(line, "\x1b") {
			t.Errorf("a line that does not fit: %q", line)
		}
	}
}

func at(day, hour int) *time.Time {
	t := time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC)
	return &t
}

// screenPlan has everything a plan can say.
func screenPlan() *report.Plan {
	out := func(pkg, version, cve, outcome, detail string, chain ...string) report.Outcome {
		return report.Outcome{Package: pkg, Version: version, Source: "requirements.txt", Vulnerability: cve, Outcome: outcome, Detail: detail, Chain: chain}
	}
	return &report.Plan{Schema: report.SchemaPlan, Application: "payments", Plan: "sha256:" + strings.Repeat("a1", 32), Resolution: "joint", Vulnerabilities: 9,
		Notes: []string{"requirements.txt: markupsafe 2.1.1: it has no wheel for the target, and its source distribution does not say what it requires without being built"},
		Inputs: report.Inputs{Inventory: "sha256:" + strings.Repeat("b2", 32), Advisories: "sha256:" + strings.Repeat("c3", 32), Policy: "sha256:" + strings.Repeat("d4", 32),
			Python: "3.11", Platform: "linux", Resolver: "uv 0.13.9"},
		Phases: []report.Phase{
			{Phase: "emergency", Class: "emergency", Timeline: "immediate", Method: "emergency_cicd_pipeline", Branch: "emergency/security-fix-20261122-payments",
				Deadline: at(23, 8), DeadlineRule: "emergency: 24h from first detection (critical-severity)",
				Updates: []report.Update{
					{Package: "blinker", To: "1.6.2", Source: "requirements.txt", Through: []string{"flask"}, Reason: "because flask 3.0.0 requires blinker>=1.6.2", Fixes: []string{}},
					{Package: "flask", From: "2.2.2", To: "3.0.0", Source: "requirements.txt", Direct: true, Step: "major", Fixes: []string{"CVE-2026-1"}, Reason: "the lowest version no advisory hits"},
					{Package: "werkzeug", From: "2.2.2", To: "3.0.6", Source: "requirements.txt", Step: "major", Through: []string{"flask"}, Fixes: []string{"CVE-2026-2", "CVE-2026-3"}, Reason: "because flask 3.0.0 requires werkzeug>=3.0.0"}}},
			{Phase: "feature", Class: "feature", Timeline: "quarterly", Method: "scheduled_maintenance", Branch: "feature/package-updates-20261122-payments-feature",
				Updates: []report.Update{{Package: "click", From: "8.1.3", To: "9.0.0", Source: "requirements.txt", Direct: true, Step: "major", Fixes: []string{},
					Reason: "the newest major update that installs with the rest; it fixes nothing known"}}}},
		Outcomes: []report.Outcome{
			out("flask", "2.2.2", "CVE-2026-1", report.Planned, "x"), out("gone", "1", "CVE-2026-0", report.Fixed, "x"),
			out("botocore", "1.27.59", "CVE-2026-4", report.Blocked, "botocore 1.27.60 fixes it and can't be installed with the rest", "aiobotocore 2.4.2 requires botocore>=1.27.59,<1.27.60"),
			out("nofix", "1.0", "CVE-2026-5", report.NoFixPublished, "1.0 is the newest release the index offers"),
			out("young", "1.0", "CVE-2026-6", report.CoolingDown, "young 1.1 fixes it and is younger than the 24h that other-finding asks for; planned again 2026-11-23 08:00Z"),
			out("held", "1.0", "CVE-2026-7", report.Frozen, "held 1.0 to 1.1, the lowest version no advisory hits; held by the freeze year-end"),
			out("idna", "2.10", "CVE-2026-8", report.AcceptedUntil, "accepted until 2027-01-02 00:00Z by waiver w1"),
			out("lxml", "4", "CVE-2026-9", report.NotAffected, "VEX: not_affected: vulnerable_code_not_in_execute_path"),
			out("docopt", "0.6.2", "CVE-2026-10", report.Unsupported, "stays at 0.6.2, because what it requires is unknown"),
			out("late", "1", "CVE-2026-11", report.OutcomeError, "look up late in the index: the index does not answer")},
		Incomplete: []inventory.Incomplete{{Reason: inventory.RangedPin, Source: "requirements.txt", Line: 8, Detail: "loose>=2 has no exact version"}}}
}

func TestGoldenPlanScreen(t *testing.T) {
	p := &page{width: 80}
	renderPlan(p, planScreen{plan: screenPlan(), now: *at(22, 8), files: []string{"plan.md", "requirements_updated.txt"}, dir: "out", path: "app"})
	golden(t, "plan.golden", p.b.String())
}

// With --explain each update says since when its release is out, and who asks for it; what is not known
// is said, too, and what holds for two files once.
func TestGoldenPlanExplained(t *testing.T) {
	plan := screenPlan()
	plan.Notes, plan.Outcomes = nil, nil
	updates := plan.Phases[0].Updates
	updates[1].Released, updates[1].Page = at(2, 8), "https://user:secret@pypi.example/project/flask/3.0.0/"
	updates[2].Released, updates[2].Through, updates[2].Page = at(3, 8), []string{"flask", "flask-login", "flask-security-too", "flask-sqlalchemy"}, "javascript:alert(1)"
	plan.Phases[1].Updates[0].Direct = false
	other := plan.Phases[1].Updates[0]
	other.Source = "worker/requirements.txt"
	plan.Phases[1].Updates = append(plan.Phases[1].Updates, other)
	p := &page{width: 80}
	renderPlan(p, planScreen{plan: plan, complete: true, explain: true, now: *at(22, 8), path: "app"})
	golden(t, "plan_explained.golden", p.b.String())
}

func TestGoldenPlanDiffScreen(t *testing.T) {
	d := &report.PlanDiff{Application: "payments", A: "sha256:" + strings.Repeat("a1", 32), B: "sha256:" + strings.Repeat("b2", 32),
		Inputs: []report.InputChange{{Input: "index", Before: "sha256:" + strings.Repeat("c3", 32), After: "sha256:" + strings.Repeat("d4", 32)}, {Input: "now", Before: "2026-11-22T08:00:00Z", After: "2026-11-23T08:00:00Z"}},
		Changes: []report.PlanChange{
			{What: "deadline", Phase: "emergency", Before: "2026-11-24T08:00:00Z (rule)", After: "2026-11-23T08:00:00Z (rule)", Cause: "policy"},
			{What: "outcome", Package: "flask", Version: "2.2.2", Source: "requirements.txt", Vulnerability: "CVE-2026-1", Before: "blocked: flask-login 0.6.2 requires flask<2.3", After: "planned in framework", Cause: "index: the page of flask changed"},
			{What: "update", Package: "flask", Source: "requirements.txt", After: "2.2.2 to 2.3.3 in framework", Cause: "index: the page of flask changed"}}}
	golden(t, "plan_diff.golden", renderDiff(&page{width: 80}, d))
	golden(t, "plan_same.golden", renderDiff(&page{width: 80}, &report.PlanDiff{Application: "payments"}))
}
