package proposal

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestSays changes one thing of the emergency and looks for what the text must, or must not, say.
func TestSays(t *testing.T) {
	tests := func(change func(*report.Step)) func(*Facts) {
		return func(f *Facts) { step(*f, report.StepTests, change) }
	}
	for name, c := range map[string]struct {
		change   func(*Facts)
		says     []string
		saysNone []string
	}{
		"no plan": {func(f *Facts) {
			f.Plan = nil
			f.Change.Updates = []events.Update{{Package: "flask", From: "2.2.2", To: "2.2.5", Source: "requirements.txt"}}
		}, []string{"3 findings of the scan; the plan that names them is not at hand", "| 2.2.2 → 2.2.5 | not known", "1 step of a size not known", "what the plan says: its document is not at hand"},
			[]string{"fixes no known"}},
		"nothing known fixed": {func(f *Facts) {
			f.Change.Class, f.Change.Findings, f.Change.Deadline = "feature", nil, time.Time{}
			for i := range f.Plan.Phases[0].Updates {
				f.Plan.Phases[0].Updates[i].Fixes = nil
			}
		}, []string{"**Why**: It fixes no known vulnerability.", "**Due**: no deadline", "None: it fixes nothing known."}, []string{"exploited"}},
		"a report of failures behind a good exit code": {tests(func(s *report.Step) {
			s.Status, s.Detail = report.StepWarned, "passed by its exit code, but 1 test fails by its report"
			s.Tests = &report.Tests{Passed: 213, Failed: 1, New: []string{"tests.test_api::test_login"}}
		}), []string{"**warned**: passed by its exit code", "1 test fails with this change only", "[ ] 2. Test in development environment", "**Fail with this change only**: `tests.test_api::test_login`"}, []string{"with and without"}},
		"no single tests": {tests(func(s *report.Step) { s.Tests = nil }), []string{"their number is not known", "[x] 2."}, nil},
		"not one test":    {tests(func(s *report.Step) { s.Tests = &report.Tests{Skipped: 9} }), []string{"**not one ran**", "not one test ran", "[ ] 2."}, []string{"[x]"}},
		"more than are named fail before": {tests(func(s *report.Step) {
			s.Status, s.Tests = report.StepWarned, &report.Tests{Passed: 1, Failed: 250, Before: []string{"a"}}
		}), []string{"250 tests fail with and without this change"}, nil},
		"tests of the base not known": {func(f *Facts) {
			step(*f, report.StepBaseline, func(s *report.Step) {
				*s = report.Step{Name: s.Name, Status: report.StepSkipped, Detail: "it could not be built"}
			})
		}, []string{"skipped (Proof says why): tests before the change"}, nil},
		"backup not verified": {func(f *Facts) {
			f.Validation.Backup = nil
			step(*f, report.StepBackup, func(s *report.Step) { s.Status, s.Detail, s.Cached = report.StepFailed, "exit code 2", false })
		}, []string{"**Not proved**: backup verification failed: exit code 2.", "Data: no verified backup is known of."}, nil},
		"landlock":       {func(f *Facts) { f.Validation.Isolation = "landlock" }, []string{"isolation landlock", "at `landlock` disk, files and processes are bounded by looking"}, nil},
		"partial scan":   {func(f *Facts) { f.Validation.Rescan.Complete = false }, []string{"it could not determine everything", "that no other vulnerability is left"}, nil},
		"other Python":   {func(f *Facts) { f.Plan.Inputs.Python = "3.12" }, []string{"that it works with Python 3.12, for which it was planned: it was tested with 3.11.7"}, nil},
		"young release":  {func(f *Facts) { f.Plan.Phases[0].Updates[0].Released = ptr(at("2026-11-20 08:00:00")) }, []string{"flask 2.2.5, published 2026-11-20, **2 days** before"}, nil},
		"malicious":      {func(f *Facts) { f.Findings[1].Kind = events.KindMalicious }, []string{"a **malicious package** among them", "| **malicious package** |"}, nil},
		"unknown beside": {func(f *Facts) { f.Findings[1].Severity, f.Findings[1].Score = "unknown", nil }, []string{"the worst high (7.5), 1 of a severity not known"}, nil},
		"some not known": {func(f *Facts) { f.Findings[0].KEV = nil }, []string{"whether exploited is not known", "Exploited, not known: no list of known exploited vulnerabilities at hand"}, []string{"known to be exploited**"}},
		"none listed":    {func(f *Facts) { f.Findings[0].KEV = ptr(false) }, []string{"none on CISA's list"}, []string{"not known"}},
		"automatic":      {func(f *Facts) { f.Merge = ""; f.Validation.Merge = "automatic" }, []string{"Drydock merges it by fast-forward", "Nobody needs to merge"}, []string{"A person merges"}},
		"who merges":     {func(f *Facts) { f.Merge = "" }, []string{"who merges it is not known here"}, nil},
		"approvals":      {func(f *Facts) { f.Approvals = ""; f.Validation.Approvals = "1 approval" }, []string{"production needs 1 approval."}, nil},
		"no approvals":   {func(f *Facts) { f.Approvals = "0 approvals" }, []string{"production needs no approval."}, nil},
		"provisional":    {func(f *Facts) { f.Plan.Phases[0].Provisional = true }, []string{"Provisional: without a log"}, nil},
		"own rollback":   {func(f *Facts) { f.Rollback = "kubectl rollout undo\n\nCheck health" }, []string{"- kubectl rollout undo.\n- Check health.\n"}, []string{"git revert"}},
		"touched": {func(f *Facts) {
			f.State = &events.Change{}
			f.State.Parked = &events.ChangeParked{Kind: events.ParkedTouched, Reason: "somebody pushed", Do: "merge or close it", Tip: "abc123", By: "Ana"}
		}, []string{"somebody pushed to its branch, which is left alone", "The branch shows `abc123` (Ana)", "Not tried again before somebody asks"}, nil},
		"checks of staging": {func(f *Facts) { f.Validation.NotRun = []string{"integration", "performance"} },
			[]string{"**Not proved**: what integration, performance checks would show: the policy asks for them", "**Nothing ran them.**", "see Risk"}, []string{"nothing was left out"}},
		"not found out": {func(f *Facts) {
			f.Validation.Result, f.Validation.Kind, f.Validation.Failing = report.Rejected, events.RejectedTests, f.Plan.Phases[0].Updates
		}, []string{"whether fewer would fail, too, was not found out"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := emergency()
			c.change(&f)
			s := Text(f)
			for _, want := range c.says {
				if !strings.Contains(s, want) {
					t.Errorf("it does not say %q:\n%s", want, s)
				}
			}
			for _, no := range c.saysNone {
				if strings.Contains(s, no) {
					t.Errorf("it says %q:\n%s", no, s)
				}
			}
		})
	}
}

// TestPinnedOnNobody: a rejection that names no update says so, and what failed by chance with how often.
func TestPinnedOnNobody(t *testing.T) {
	f := emergency()
	f.Validation.Result, f.Validation.Kind, f.Validation.Reason = report.Rejected, events.RejectedTests, "it failed, and could not be pinned on an update: tests: one test fails newly: a"
	step(f, report.StepTests, func(s *report.Step) {
		s.Status, s.Flaky = report.StepFailed, []report.Flaky{{Test: "a", Before: report.Runs{Failed: 1, Of: 2}, After: report.Runs{Failed: 2, Of: 2}}}
	})
	s := Text(f)
	for _, want := range []string{"could not be pinned on an update: tests: one test fails newly: a.", "**No update can be named**",
		"**Fails by chance**, tests with the change: `a` (failed in 1 of 2 runs without this change, in 2 of 2 runs with it)."} {
		if !strings.Contains(s, want) {
			t.Errorf("it does not say %q:\n%s", want, s)
		}
	}
	if strings.Contains(s, "smallest failing set") {
		t.Errorf("it names updates:\n%s", s)
	}
}

func TestTitle(t *testing.T) {
	for want, change := range map[string]func(*Facts){
		"Security: flask 2.2.5 and 2 more (emergency, 3 vulnerabilities)": func(*Facts) {},
		"Security: flask 2.2.5 (emergency, 1 vulnerability)":              func(f *Facts) { f.Plan.Phases[0].Updates = f.Plan.Phases[0].Updates[:1] },
		"Update: markupsafe 2.1.5 (feature)": func(f *Facts) {
			f.Plan.Phases[0].Updates, f.Change.Class = f.Plan.Phases[0].Updates[2:], "feature"
		},
		"Update: nothing to change (emergency)": func(f *Facts) { f.Plan.Phases[0].Updates = nil },
		"Security: opentelemetry… 2.2.5 and 2 more (emergency, 3 vulnerabilities)": func(f *Facts) {
			f.Plan.Phases[0].Updates[0].Package = "opentelemetry-instrumentation-sqlalchemy"
		},
	} {
		f := emergency()
		change(&f)
		if got := Title(f); got != want {
			t.Errorf("the title is %q, not %q", got, want)
		}
	}
}

// TestCommit: a commit is the same whatever became of its change, and is dated by the plan.
func TestCommit(t *testing.T) {
	f := emergency()
	before := Commit(f)
	f.State = merged().State
	if Commit(f) != before {
		t.Error("the message depends on how far the change has come")
	}
	if f.State == nil {
		t.Error("the facts were changed")
	}
	shown := emergency()
	shown.State = &events.Change{ChangeOpened: f.Change, Dock: events.Dock{Validated: &events.ChangeValidated{Artifact: hex("a7")}}}
	if Text(shown) != Text(emergency()) {
		t.Error("what is shown of a validated change is not what is proposed")
	}
	if !strings.HasPrefix(before, Title(f)+"\n\n- **Why**") || !strings.HasSuffix(before, "\n\nDrydock-Application: payments\nDrydock-Change: c-7f3a91d2c0e4\nDrydock-Plan: "+hex("4d25")+
		"\nDrydock-Artifact: "+hex("a7")+"\nDrydock-Validation: "+hex("e1")+"\n") {
		t.Errorf("the message is\n%s", before)
	}
	f.Plan.Timestamp = time.Date(2026, 11, 22, 9, 2, 11, 987, time.FixedZone("CET", 3600))
	if got := Date(f).Format(time.RFC3339Nano); got != "2026-11-22T08:02:11Z" {
		t.Errorf("dated %s", got)
	}
	f.Plan = nil
	if got := Date(f).Format(time.RFC3339Nano); got != "2026-11-22T08:00:00Z" {
		t.Errorf("without a plan dated %s", got)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"flask 2.2.2":                   "flask 2.2.2",
		"flask>=2,<3, !=2.5 ~=2.2":      `flask>=2,<3, !=2.5 \~=2.2`,
		"snake_case and __init__":       `snake_case and \_\_init\_\_`,
		"1. one":                        `1\. one`,
		"1.5 of it":                     "1.5 of it",
		"- item":                        `\- item`,
		"a <b> c < d <3":                `a \<b> c < d <3`,
		"Fixes #12, @team":              "Fixes # 12, @ team",
		"&#64;team":                     "& # 64;team",
		"https://ana:pw@host.example/x": "https:/ /host.example/x",
		"a///b":                         "a/ / /b",
		"see www.host.example":          "see www. host.example",
		"two\nlines\r\n\tand a tab":     "two lines and a tab",
		"\x1b[1mbold\u202e\u200b":       `\[1mbold`,
		"[x](y) ![z]":                   `\[x\](y) !\[z\]`,
		`a\|b`:                          `a\\\|b`,
		"12345678901234567890123456789012345678901": "123456789012345678901234567890123456789…",
	} {
		if got := string(text(in, 40)); got != want {
			t.Errorf("%q is written %q, not %q", in, got, want)
		}
	}
	if got := code("a`b|c\nd @x", 40); got != "`a'b¦c d @ x`" {
		t.Errorf("code is written %q", got)
	}
}

func TestWebAddress(t *testing.T) {
	for in, want := range map[string]string{
		"https://host.example/a?b=c#section":            "https://host.example/a?b=c#section",
		"https://ana:pw@host.example/a":                 "https://host.example/a",
		"https://host.example/a#1":                      "https://host.example/a",
		"https://host.example/@team/(x)|<y>":            "https://host.example/%40team/%28x%29%7C%3Cy%3E",
		"javascript:alert(1)":                           "",
		"/relative":                                     "",
		"ftp://host.example":                            "",
		"https://":                                      "",
		"https://host.example/\n[x]: evil":              "",
		"https://h.example/" + strings.Repeat("x", 300): "",
	} {
		if got := webAddress(in); got != want {
			t.Errorf("%q leads to %q, not %q", in, got, want)
		}
	}
}
