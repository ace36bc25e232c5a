package proposal

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

func ptr[T any](v T) *T { return &v }

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

func hex(s string) string { return "sha256:" + strings.Repeat(s, 64/len(s)) }

var neverDo = []string{
	"NEVER run pip install --upgrade on live production",
	"NEVER update packages directly on running application",
	"NEVER skip testing phases for security updates",
	"NEVER deploy without proper validation",
	"NEVER ignore security vulnerabilities",
	"NEVER bypass CI/CD pipelines for convenience",
}

// emergency are the facts of a validated emergency: three updates, one of them exploited.
func emergency() Facts {
	updates := []report.Update{
		{Package: "flask", Ecosystem: "PyPI", From: "2.2.2", To: "2.2.5", Source: "requirements.txt", Direct: true, Step: "patch", Released: ptr(at("2023-05-02 14:42:36")),
			Fixes: []string{"CVE-2023-30861"}, Reason: "the lowest version no advisory hits", Page: "https://index.example/project/flask/"},
		{Package: "jinja2", Ecosystem: "PyPI", From: "3.0.3", To: "3.1.4", Source: "requirements.txt", Step: "minor", Released: ptr(at("2024-05-05 23:41:00")), Through: []string{"flask"},
			Fixes: []string{"CVE-2024-34064", "CVE-2024-22195"}, Reason: "the lowest version no advisory hits; passed over: jinja2 3.1.3 is hit by CVE-2024-34064"},
		{Package: "markupsafe", Ecosystem: "PyPI", From: "2.0.1", To: "2.1.5", Source: "requirements.txt", Step: "minor", Released: ptr(at("2024-02-02 16:31:00")), Through: []string{"jinja2"},
			Fixes: []string{}, Reason: "jinja2 3.1.4 requires markupsafe>=2.0"},
	}
	f := Facts{
		Change: events.ChangeOpened{Change: "c-7f3a91d2c0e4", Plan: hex("4d25"), Phase: "emergency", Class: "emergency", Branch: "emergency/security-fix-20261122-payments",
			Findings: []string{"f-1", "f-2", "f-3"}, Opened: at("2026-11-22 08:00:00"), Deadline: at("2026-11-23 08:00:00"), DeadlineRule: "emergency: 24h from first detection (known-exploited)"},
		Plan: &report.Plan{Schema: report.SchemaPlan, Plan: hex("4d25"), Application: "payments", Timestamp: at("2026-11-22 08:02:11"), Resolution: "joint", Vulnerabilities: 4,
			Inputs: report.Inputs{Python: "3.11", Platform: "linux"},
			Phases: []report.Phase{{Phase: "emergency", Class: "emergency", Timeline: "immediate", Method: "emergency_cicd_pipeline", Branch: "emergency/security-fix-20261122-payments", Updates: updates}},
			Outcomes: []report.Outcome{
				{Package: "flask", Version: "2.2.2", Source: "requirements.txt", Vulnerability: "CVE-2023-30861", Outcome: report.Planned, Phase: "emergency"},
				{Package: "jinja2", Version: "3.0.3", Source: "requirements.txt", Vulnerability: "CVE-2024-34064", Outcome: report.Planned, Phase: "emergency"},
				{Package: "jinja2", Version: "3.0.3", Source: "requirements.txt", Vulnerability: "CVE-2024-22195", Outcome: report.Planned, Phase: "emergency"},
				{Package: "botocore", Version: "1.27.59", Source: "requirements.txt", Vulnerability: "CVE-2024-5555", Outcome: report.Blocked, Detail: "a fix exists and can't be installed",
					Chain: []string{"aiobotocore 2.4.2 requires botocore>=1.27.59,<1.27.60"}},
			},
			Recommendations: report.Recommendations{NeverDo: slices.Clone(neverDo)},
		},
		Findings: []report.Finding{
			{Package: "flask", Ecosystem: "PyPI", Version: "2.2.2", Source: "requirements.txt", Kind: "vulnerability", Vulnerability: "CVE-2023-30861", IDs: []string{"CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq"},
				Title: "Flask vulnerable to possible disclosure of permanent session cookie due to missing Vary: Cookie header", URL: "https://advisories.example/CVE-2023-30861",
				Severity: "high", Score: ptr(7.5), KEV: ptr(true), EPSS: ptr(0.4312), FixedIn: []string{"2.2.5", "2.3.2"}},
			{Package: "jinja2", Ecosystem: "PyPI", Version: "3.0.3", Source: "requirements.txt", Kind: "vulnerability", Vulnerability: "CVE-2024-34064", IDs: []string{"CVE-2024-34064"},
				Title: "Jinja vulnerable to HTML attribute injection when passing user input as keys to xmlattr filter", URL: "https://advisories.example/CVE-2024-34064",
				Severity: "medium", Score: ptr(5.4), KEV: ptr(false), EPSS: ptr(0.0007), FixedIn: []string{"3.1.4"}},
			{Package: "jinja2", Ecosystem: "PyPI", Version: "3.0.3", Source: "requirements.txt", Kind: "vulnerability", Vulnerability: "CVE-2024-22195", IDs: []string{"CVE-2024-22195"},
				Title: "Jinja vulnerable to HTML attribute injection", URL: "https://advisories.example/CVE-2024-22195",
				Severity: "medium", Score: ptr(5.4), KEV: ptr(false), EPSS: ptr(0.0012), FixedIn: []string{"3.1.3"}},
		},
		Approvals: "2 approvals, one of security", Merge: "person", Evidence: hex("e1"),
	}
	f.Validation = validation(updates)
	return f
}

// validation is one in which everything passed.
func validation(updates []report.Update) *report.Validation {
	v := &report.Validation{Schema: report.SchemaValidation, Application: "payments", Change: "c-7f3a91d2c0e4", Plan: hex("4d25"), Phase: "emergency", Result: report.Validated,
		Started: at("2026-11-22 08:04:11"), Seconds: 71.2, Remote: "https://git.example/bank/payments", Branch: "main", Base: strings.Repeat("9f3c", 10), Isolation: "bubblewrap",
		Interpreter: &report.Interpreter{Path: "/usr/bin/python3.11", Version: "3.11.7", Digest: hex("3b")},
		Updates:     updates, Manifests: []report.Manifest{{Path: "requirements.txt", Before: hex("0b"), After: hex("0a")}},
		Artifact: hex("a7"), Files: 1831, Bytes: 24_311_870, Bill: hex("b1"), Tested: hex("7e"),
		Rescan: &report.Rescan{Report: hex("5c"), Inventory: hex("1d"), Packages: 31, Findings: 1, Complete: true},
		Inputs: report.DockInput{Application: hex("ab"), Policy: hex("9c"), Advisories: hex("d5"), Installer: "uv 0.13.9"},
		Backup: &report.Backup{Verified: at("2026-11-22 03:10:00"), Until: at("2026-11-23 03:10:00")},
	}
	clock := v.Started
	add := func(s report.Step) {
		s.Started = clock
		clock = clock.Add(time.Duration(s.Seconds * float64(time.Second)))
		v.Steps = append(v.Steps, s)
	}
	passed := report.StepPassed
	add(report.Step{Name: report.StepHealth, Status: passed, Command: "bin/health --all", Seconds: 1.4, ExitCode: ptr(0)})
	add(report.Step{Name: report.StepBackup, Status: passed, Detail: "verified 2026-11-22 03:10Z, which counts until 2026-11-23 03:10Z", Cached: true})
	add(report.Step{Name: report.StepCheckout, Status: passed, Detail: "214 files, 1.2 MB", Seconds: 0.31})
	add(report.Step{Name: report.StepRead, Status: passed, Detail: "31 packages in requirements.txt", Seconds: 0.09})
	add(report.Step{Name: report.StepManifests, Status: passed, Detail: "3 updates written to requirements.txt", Seconds: 0.01})
	add(report.Step{Name: report.StepFetch, Status: passed, Detail: "31 wheels, 28 of them kept from before", Seconds: 0.8})
	add(report.Step{Name: report.StepInstall, Status: passed, Seconds: 2.3})
	add(report.Step{Name: report.StepPipCheck, Status: passed, Seconds: 0.2})
	add(report.Step{Name: report.StepSeal, Status: passed, Detail: "1831 files", Seconds: 0.4})
	add(report.Step{Name: report.StepRescan, Status: passed, Detail: "31 packages as planned, 1 finding left, none in what the change moves to", Seconds: 0.12})
	add(report.Step{Name: report.StepBaseline, Status: passed, Cached: true, Tests: &report.Tests{Passed: 214, Skipped: 3}})
	add(report.Step{Name: report.StepTests, Status: passed, Command: "pytest -q", Seconds: 61.2, ExitCode: ptr(0), Log: hex("10"), Tests: &report.Tests{Passed: 214, Skipped: 3}})
	add(report.Step{Name: report.StepSecurity, Status: passed, Command: "python scripts/check_security.py", Seconds: 2.1, ExitCode: ptr(0)})
	add(report.Step{Name: report.StepSmoke, Status: passed, Command: "python -m payments --check", Seconds: 1.2, ExitCode: ptr(0)})
	add(report.Step{Name: report.StepVerify, Status: passed, Seconds: 0.3})
	return v
}

// step changes a step of a validation.
func step(f Facts, name string, change func(*report.Step)) {
	change(f.Validation.Step(name))
}

// many are thirty updates that fix sixty vulnerabilities.
func many() Facts {
	f := emergency()
	ph := &f.Plan.Phases[0]
	f.Change.Phase, f.Change.Class, f.Change.Branch = "high", "high", "feature/package-updates-20261122-payments-high"
	f.Change.Deadline, f.Change.DeadlineRule = at("2026-12-06 08:00:00"), "high: 14d from first detection (high-severity)"
	ph.Phase, ph.Class, ph.Timeline, ph.Method, ph.Updates = "high", "high", "within 2 weeks", "standard_cicd_pipeline", nil
	f.Findings = nil
	f.Plan.Outcomes = f.Plan.Outcomes[3:]
	severities := []string{"high", "medium", "high", "low", "unknown"}
	for i := range 30 {
		name := fmt.Sprintf("package-%02d", i)
		u := report.Update{Package: name, Ecosystem: "PyPI", From: fmt.Sprintf("1.%d.0", i), To: fmt.Sprintf("1.%d.3", i), Source: "requirements/base.txt", Direct: i%3 == 0, Step: "patch",
			Released: ptr(at("2026-11-20 10:00:00").AddDate(0, 0, -13*i)), Reason: "the lowest version no advisory hits", Page: "https://index.example/project/" + name + "/"}
		if i%3 != 0 {
			u.Through = []string{fmt.Sprintf("package-%02d", i-i%3)}
		}
		if i%7 == 0 {
			u.To, u.Step = fmt.Sprintf("%d.0.0", i+2), "major"
		}
		for j := range 2 {
			id := fmt.Sprintf("CVE-2026-%d", 10000+2*i+j)
			u.Fixes = append(u.Fixes, id)
			sev := severities[(2*i+j)%len(severities)]
			g := report.Finding{Package: name, Ecosystem: "PyPI", Version: u.From, Source: u.Source, Kind: "vulnerability", Vulnerability: id, IDs: []string{id}, Title: "A flaw of the kind that packages have",
				URL: "https://advisories.example/" + id, Severity: sev, KEV: ptr(false), EPSS: ptr(float64(i) / 1000), FixedIn: []string{u.To}}
			if sev != "unknown" {
				g.Score = ptr(map[string]float64{"high": 7.5, "medium": 5.3, "low": 3.1}[sev])
			}
			f.Findings = append(f.Findings, g)
		}
		ph.Updates = append(ph.Updates, u)
	}
	f.Validation = validation(append([]report.Update{{Package: "flask", From: "2.2.2", To: "2.2.5", Source: "requirements/base.txt"}}, ph.Updates...))
	f.Validation.Earlier = []string{"emergency"}
	f.Validation.Manifests[0].Path = "requirements/base.txt"
	return f
}

func noTests() Facts {
	f := emergency()
	step(f, report.StepTests, func(s *report.Step) {
		*s = report.Step{Name: s.Name, Status: report.StepSkipped, Started: s.Started, Detail: "there is no test_*.py or *_test.py, and .drydock.yaml names no tests"}
	})
	step(f, report.StepBaseline, func(s *report.Step) {
		*s = report.Step{Name: s.Name, Status: report.StepSkipped, Started: s.Started, Detail: "there are no tests"}
	})
	step(f, report.StepSecurity, func(s *report.Step) {
		*s = report.Step{Name: s.Name, Status: report.StepSkipped, Started: s.Started, Detail: ".drydock.yaml names no security check"}
	})
	step(f, report.StepHealth, func(s *report.Step) {
		*s = report.Step{Name: s.Name, Status: report.StepSkipped, Started: s.Started, Detail: "no before_update.health is configured: nobody looked whether the system is healthy"}
	})
	f.Validation.Isolation, f.Validation.Tested = "none", ""
	f.Validation.Left = []report.Remark{{Path: "vendor/ledger", Why: "submodule: not fetched"}, {Path: "tests/data/big.bin", Why: "Git LFS pointer: the file itself is not fetched"}}
	f.Plan.Resolution = "per-package"
	f.Plan.Incomplete = []inventory.Incomplete{{Reason: "ranged", Source: "requirements-dev.txt", Line: 7, Detail: "pytest>=7 has no exact version"}}
	f.Approvals = ""
	return f
}

func warned() Facts {
	f := emergency()
	before := []string{"tests.test_ledger::test_rounding", "tests.test_ledger::test_leap_second"}
	step(f, report.StepBaseline, func(s *report.Step) {
		s.Status, s.Tests = report.StepWarned, &report.Tests{Passed: 211, Failed: 3, Skipped: 3}
	})
	step(f, report.StepTests, func(s *report.Step) {
		s.Status, s.ExitCode, s.Detail = report.StepWarned, ptr(1), "2 tests fail, and failed before the change too"
		s.Tests = &report.Tests{Passed: 212, Failed: 2, Skipped: 3, Before: before, Fixed: []string{"tests.test_api.TestCookies::test_vary_header"}}
	})
	f.Validation.Notes = []string{"the smoke check left processes behind, which were stopped"}
	f.Merge = "automatic"
	return f
}

// flaky is one with a test that failed before and fails, and others that come and go.
func flaky() Facts {
	f := warned()
	f.Merge = "person"
	detail := "one test fails, and failed before the change too; fails by chance: tests.test_api::test_login[a|b] (failed in 0 of 2 runs without the change, in 1 of 2 runs with it)"
	step(f, report.StepTests, func(s *report.Step) {
		s.Detail, s.Tests = detail, &report.Tests{Passed: 213, Failed: 1, Skipped: 3, Before: []string{"tests.test_ledger::test_rounding"}}
		s.Flaky = []report.Flaky{{Test: "tests.test_api::test_login[a|b]", Before: report.Runs{Of: 2}, After: report.Runs{Failed: 1, Of: 2}}}
	})
	step(f, report.StepSmoke, func(s *report.Step) {
		s.Status, s.ExitCode, s.Detail = report.StepWarned, ptr(0), "passed; it failed when it ran first; fails by chance: the check itself (failed in 0 of 1 run without the change, in 1 of 2 runs with it)"
		s.Flaky = []report.Flaky{{Before: report.Runs{Of: 1}, After: report.Runs{Failed: 1, Of: 2}}}
	})
	at := slices.IndexFunc(f.Validation.Steps, func(s report.Step) bool { return s.Name == report.StepTests })
	again := f.Validation.Steps[at-1]
	again.Name, again.Status, again.Cached, again.Detail = report.StepConfirm, report.StepWarned, false, "tests of the unchanged application: exit code 1; 1 test failed"
	again.Tests = &report.Tests{Passed: 213, Failed: 1, Skipped: 3}
	f.Validation.Steps = slices.Insert(slices.Clone(f.Validation.Steps), at, again)
	return f
}

func notValidated() Facts {
	f := emergency()
	f.Validation, f.Evidence = nil, ""
	return f
}

func parked() Facts {
	f := emergency()
	f.Validation.Result, f.Validation.Kind = report.Parked, events.ParkedSetup
	f.Validation.Reason = "the interpreter that requires-python asks for is not there: the application asks for Python >=3.12, this host has 3.11.7"
	f.Validation.Do = "install Python 3.12 on this host, or lower requires-python"
	f.Validation.Steps = f.Validation.Steps[:4]
	f.Validation.Artifact, f.Validation.Files, f.Validation.Bytes, f.Validation.Bill, f.Validation.Tested, f.Validation.Rescan, f.Validation.Interpreter = "", 0, 0, "", "", nil, nil
	f.State = &events.Change{ChangeOpened: f.Change}
	f.State.Parked = &events.ChangeParked{Change: f.Change.Change, Kind: f.Validation.Kind, Reason: f.Validation.Reason, Do: f.Validation.Do, Step: report.StepRead, Retry: at("2026-11-22 09:15:00")}
	f.State.ParkedAt = at("2026-11-22 08:04:15")
	return f
}

func rejected() Facts {
	f := emergency()
	v := f.Validation
	v.Result, v.Kind, v.Reason = report.Rejected, events.RejectedTests, "4 tests fail that pass without the change"
	v.Failing, v.Proved, v.Log = []report.Update{f.Plan.Phases[0].Updates[1], f.Plan.Phases[0].Updates[2]}, true, hex("fa")
	var names []string
	for i := range 4 {
		names = append(names, fmt.Sprintf("tests.test_templates.TestInvoice::test_escaping[case-%d]", i))
	}
	step(f, report.StepTests, func(s *report.Step) {
		s.Status, s.ExitCode, s.Tests = report.StepFailed, ptr(1), &report.Tests{Passed: 210, Failed: 4, Skipped: 3, New: names}
	})
	v.Steps = append(v.Steps[:12:12], report.Step{Name: report.StepBisect, Status: report.StepPassed, Detail: "7 sets tried", Started: at("2026-11-22 08:05:30"), Seconds: 312})
	f.State = &events.Change{ChangeOpened: f.Change, Terminal: "rejected"}
	f.State.Rejected = &events.ChangeRejected{Change: f.Change.Change, Kind: v.Kind, Reason: v.Reason, Proved: true, Log: v.Log, Until: at("2026-12-22 08:10:00"),
		Failing: []events.Update{{Package: "jinja2", From: "3.0.3", To: "3.1.4"}, {Package: "markupsafe", From: "2.0.1", To: "2.1.5"}}}
	return f
}

// noEPSS is a fix of which nobody knows how likely it is exploited, or whether it is.
func noEPSS() Facts {
	f := emergency()
	for i := range f.Findings {
		f.Findings[i].EPSS, f.Findings[i].KEV = nil, nil
	}
	f.Findings = f.Findings[:2] // the scan tells nothing of the third
	f.Plan.Phases[0].Updates[1].Released = nil
	f.Plan.Inputs.Python = ""
	f.Validation.Rescan.Findings, f.Validation.Rescan.Complete = 0, true
	f.Plan.Outcomes = f.Plan.Outcomes[:3]
	return f
}

// hostile is one whose every text was written by somebody who wants to be more than text.
func hostile() Facts {
	f := rejected()
	k := 0
	fill(reflect.ValueOf(&f), true, func(string) string { k++; return attacks[k%27] }, "")
	return f
}

// merged is one that arrived in the base with something else.
func merged() Facts {
	f := emergency()
	f.State = &events.Change{ChangeOpened: f.Change}
	f.State.Proposed = &events.ChangeProposed{Branch: f.Change.Branch, Commit: strings.Repeat("c0de", 10), Base: events.Base{Branch: "main", Commit: f.Validation.Base}}
	f.State.ProposedAt = at("2026-11-22 08:06:00")
	f.State.Merged = &events.ChangeMerged{Commit: strings.Repeat("c0de", 10), Base: events.Base{Branch: "main", Commit: strings.Repeat("beef", 10)}, How: "content"}
	f.State.MergedAt = at("2026-11-22 09:30:00")
	return f
}

// voided is one whose base moved after it was validated.
func voided() Facts {
	f := emergency()
	f.State = &events.Change{ChangeOpened: f.Change}
	f.State.Voided = &events.ArtifactVoided{Artifact: hex("a7"), Reason: "main moved to beefbeef", Base: events.Base{Branch: "main", Commit: strings.Repeat("beef", 10)}}
	return f
}

func superseded() Facts {
	f := notValidated()
	f.State = &events.Change{ChangeOpened: f.Change, Terminal: "superseded", SupersededBy: "c-0c0ffee0", Reason: "a newer plan moves flask to 2.3.2"}
	return f
}
