package policy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var yes, no = true, false

func TestClassOfDesign(t *testing.T) {
	vuln := func(pkg, severity string, kev *bool) Facts {
		return Facts{Package: pkg, Finding: true, Kind: "vulnerability", Severity: severity, KEV: kev}
	}
	for _, tc := range []struct {
		name  string
		facts Facts
		class ClassName
		rule  string
	}{
		{"malicious package", Facts{Package: "x", Finding: true, Kind: "malicious", Severity: "low"}, Emergency, "malicious-package"},
		{"critical, no KEV list", vuln("x", "critical", nil), Emergency, "critical-severity"},
		{"critical, known exploited", vuln("x", "critical", &yes), Emergency, "critical-severity"},
		{"high, known exploited", vuln("x", "high", &yes), Emergency, "known-exploited"},
		{"unknown severity, known exploited", vuln("x", "unknown", &yes), Emergency, "known-exploited"},
		{"high, not exploited", vuln("x", "high", &no), High, "high-severity"},
		{"high, no KEV list", vuln("x", "high", nil), High, "high-severity"},
		{"medium, known exploited", vuln("x", "medium", &yes), Regular, "other-finding"},
		{"severity unknown", vuln("x", "unknown", nil), High, "high-severity"},
		{"severity absent", vuln("x", "", nil), High, "high-severity"},
		{"framework package, low", vuln("Flask", "low", nil), Framework, "framework-critical"},
		{"framework package, high", vuln("jinja2", "high", nil), Framework, "framework-critical"},
		{"framework package, critical", vuln("werkzeug", "critical", nil), Emergency, "critical-severity"},
		{"name written another way", vuln("Flask_Login", "low", nil), Framework, "framework-critical"},
		{"domain package, medium", vuln("cryptography", "medium", nil), Domain, "domain-critical"},
		{"domain package, high", vuln("PyJWT", "high", nil), High, "high-severity"},
		{"other, medium", vuln("x", "medium", nil), Regular, "other-finding"},
		{"other, low", vuln("x", "low", nil), Regular, "other-finding"},
		{"major update", Facts{Package: "x", Step: "major"}, Feature, "major-update"},
		{"minor update", Facts{Package: "x", Step: "minor"}, Regular, "routine-update"},
		{"finding with a major fix", Facts{Package: "x", Finding: true, Severity: "low", Step: "major"}, Regular, "other-finding"},
		{"patch update of a framework", Facts{Package: "flask", Step: "patch"}, Regular, "routine-update"},
		{"update of a domain package", Facts{Package: "stripe", Step: "major"}, Domain, "domain-update"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := Default().Classify(tc.facts)
			if d.Class != tc.class || d.Rule != tc.rule {
				t.Errorf("class %s by %s, want %s by %s", d.Class, d.Rule, tc.class, tc.rule)
			}
			if len(d.Trace) != len(Default().Rules) {
				t.Errorf("trace of %d rules, want all %d", len(d.Trace), len(Default().Rules))
			}
		})
	}
}

func TestNumbersOfDesign(t *testing.T) {
	p := Default()
	for _, tc := range []struct {
		class             ClassName
		deadline          string
		staging, prod     string
		approvals, groups int
	}{
		{Emergency, "24h", "5m", "15m", 2, 1}, {Framework, "7d", "30m", "1h", 1, 0}, {High, "14d", "30m", "1h", 1, 0},
		{Domain, "30d", "24h", "2h", 2, 1}, {Regular, "30d", "1h", "1h", 1, 0}, {Feature, "90d", "24h", "2h", 1, 0},
	} {
		c := p.Class(tc.class)
		if c.Deadline.Detected.String() != tc.deadline || c.Soak.Staging.String() != tc.staging || c.Soak.Production.String() != tc.prod ||
			c.Approvals.Count != tc.approvals || len(c.Approvals.From) != tc.groups {
			t.Errorf("%s: %+v", tc.class, c)
		}
	}
	// "all, in parallel; nothing skipped": the most urgent class is not the least tested one.
	if c := p.Class(Emergency); !c.Parallel || len(c.Checks) != len(Check("").Allowed()) {
		t.Errorf("checks of emergency: %v, parallel %v", c.Checks, c.Parallel)
	}
}

func TestDeadlineRunsOnTwoClocks(t *testing.T) {
	detected := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	at := func(days int) *time.Time { t := detected.AddDate(0, 0, days); return &t }
	high := Facts{Package: "x", Finding: true, Severity: "high"}
	strict, err := Parse("strict.yaml", []byte("classes: {high: {deadline: {fix_published: 30d}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		policy *Policy
		facts  Facts
		fix    *time.Time
		want   time.Time
		rule   string
	}{
		{"fix older than the detection", Default(), high, at(-700), *at(14), "high: 14d from first detection (high-severity)"},
		{"fix published later", Default(), high, at(3), *at(17), "high: 14d from publication of the fix (high-severity)"},
		{"fix without a date", Default(), high, nil, *at(14), "high: 14d from first detection (high-severity)"},
		{"limit on the fix's age", strict, high, at(-25), *at(5), "high: 30d from publication of the fix (high-severity)"},
		{"limit passed long ago", strict, high, at(-100), *at(-70), "high: 30d from publication of the fix (high-severity)"},
		{"earliest of several rules", Default(), Facts{Package: "flask", Finding: true, Severity: "critical"}, nil, *at(1), "emergency: 24h from first detection (critical-severity)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := tc.policy.Deadline(tc.facts, Clocks{Detected: detected, FixPublished: tc.fix})
			if !d.At.Equal(tc.want) || d.Rule != tc.rule {
				t.Errorf("%s by %q, want %s by %q", d.At, d.Rule, tc.want, tc.rule)
			}
		})
	}
}

// Knowing more never loosens: neither class nor deadline.
func TestKnowingMoreNeverLoosens(t *testing.T) {
	detected := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	rank := []string{"low", "medium", "high", "critical"}
	rapid.Check(t, func(t *rapid.T) {
		epss := rapid.Float64Range(0, 1).Draw(t, "rule epss")
		p, err := Parse("p.yaml", []byte(`rules: {likely: {class: framework, finding: true, epss_at_least: `+
			strings.TrimRight(strings.TrimRight(formatFloat(epss), "0"), ".")+`, deadline: {detected: `+rapid.SampledFrom([]string{"1h", "3d", "40d"}).Draw(t, "limit")+`}}}`))
		if err != nil {
			t.Fatal(err)
		}
		before := Facts{Finding: true, Package: rapid.SampledFrom([]string{"x", "flask", "stripe"}).Draw(t, "package"),
			Kind: "vulnerability", Severity: rapid.SampledFrom(rank).Draw(t, "severity")}
		if rapid.Bool().Draw(t, "has epss") {
			v := rapid.Float64Range(0, 1).Draw(t, "epss")
			before.EPSS = &v
		}
		after := before
		switch rapid.IntRange(0, 4).Draw(t, "news") {
		case 0:
			after.KEV = &yes
		case 1:
			after.Kind = "malicious"
		case 2:
			for i, s := range rank {
				if s == before.Severity {
					after.Severity = rank[rapid.IntRange(i, 3).Draw(t, "raised")]
				}
			}
		case 3:
			low := 0.0
			if before.EPSS != nil {
				low = *before.EPSS
			}
			v := rapid.Float64Range(low, 1).Draw(t, "more epss")
			after.EPSS = &v
		case 4:
			if before.Package == "x" {
				after.Package = "django" // now on a list
			}
		}
		fix := detected.Add(-time.Duration(rapid.IntRange(0, 1000).Draw(t, "fix age")) * time.Hour)
		clocks := Clocks{Detected: detected, FixPublished: &fix}
		b, a := p.Deadline(before, clocks), p.Deadline(after, clocks)
		if a.At.After(b.At) {
			t.Fatalf("%+v due %s, with more known %+v due %s", before, b.At, after, a.At)
		}
		if cb, ca := p.Classify(before).Class, p.Classify(after).Class; Rank(ca) > Rank(cb) {
			t.Fatalf("%+v is %s, with more known %+v is %s", before, cb, after, ca)
		}
		if got := Tighten(b, p.Deadline(before, Clocks{Detected: detected.Add(time.Hour * 999), FixPublished: &fix})); got.At.After(b.At) {
			t.Fatalf("tighten loosened %s to %s", b.At, got.At)
		}
	})
}

func formatFloat(f float64) string { return strings.TrimSpace(strings.ToLower(fmt.Sprintf("%.6f", f))) }

func TestDigestIsOfTheMeaning(t *testing.T) {
	p := Default()
	again, err := Parse("again.yaml", p.Text())
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != p.Digest() || !bytes.Equal(again.Text(), p.Text()) {
		t.Error("the text of a policy is not the policy")
	}
	same, err := Parse("same.yaml", []byte("# a comment\nclasses:\n  framework: {deadline: {detected: 1w}}\n"))
	if err != nil || same.Digest() != p.Digest() {
		t.Errorf("another spelling of the same policy has another digest (%v)", err)
	}
	other, err := Parse("other.yaml", []byte("lists: {framework: [flask]}\n"))
	if err != nil || other.Digest() == p.Digest() {
		t.Errorf("another policy has the same digest (%v)", err)
	}
	if len(p.Lists["framework"]) < 10 {
		t.Error("loading a file changed the built-in policy")
	}
	if other.OnList("framework", "django") || !other.OnList("domain", "stripe") {
		t.Error("a list that is named replaces the built-in one, the others stay")
	}
	empty, err := Parse("empty.yaml", nil)
	if err != nil || empty.Digest() != p.Digest() {
		t.Errorf("an empty file is not the default (%v)", err)
	}
}

func TestLoadTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ name, text, want string }{
		{"typo in a key", "classes:\n  emergency:\n    soka:\n      staging: 5m\n",
			`p.yaml:3: classes.emergency.soka: unknown key, did you mean "soak"?; allowed: deadline, cooldown, timeline, method, branch, cycle, checks, parallel, soak, approvals, backup, window`},
		{"typo in a class", "classes: {emergancy: {}}", `p.yaml:1: classes.emergancy: unknown key, did you mean "emergency"?; allowed: emergency, framework, high, domain, regular, feature`},
		{"typo in a value", "rules:\n  mine:\n    class: high\n    severity: hihg\n", `p.yaml:4: rules.mine.severity: "hihg" is not known, did you mean "high"?; allowed: critical, high, medium, low`},
		{"unknown list", "rules:\n  mine: {class: high, list: banking}\n", `p.yaml:2: rules.mine.list: "banking" is not under lists; allowed: domain, framework`},
		{"unknown window", "classes: {high: {window: weekyl}}", `p.yaml:1: classes.high.window: "weekyl" is not under windows; allowed: any, maintenance, monthly, quarterly, weekly, working-hours`},
		{"no duration", "classes:\n  high:\n    deadline:\n      detected: two weeks\n", `p.yaml:4: classes.high.deadline.detected: "two weeks" is not a duration`},
		{"zero deadline", "classes: {high: {deadline: {detected: 0h}}}", `classes.high.deadline.detected: a class needs a time above zero`},
		{"number where a list belongs", "warn_at: 75", `p.yaml:1: warn_at: want a list, found "75"`},
		{"falling warnings", "warn_at: [90, 75]", `p.yaml:1: warn_at[1]: 75: want rising numbers from 1 to 99`},
		{"no boolean", "rules: {mine: {class: high, kev: maybe}}", `rules.mine.kev: want true or false, found "maybe"; allowed: true, false`},
		{"asking for the absence", "rules: {mine: {class: high, kev: false}}", `rules.mine.kev: a rule can ask for known exploitation, not for its absence`},
		{"EPSS of 2", "rules: {mine: {class: high, epss_at_least: 2}}", `rules.mine.epss_at_least: 2: want a probability from 0 to 1`},
		{"rule without class", "rules: {mine: {severity: low}}", `rules.mine.class: a rule needs a class, or a deadline or cooldown that counts in every class; allowed: emergency, framework, high, domain, regular, feature`},
		{"branch git refuses", "classes: {high: {branch: 'x..y {date} {application}'}}", `does not make a branch name git accepts`},
		{"branch without a date", "classes: {high: {branch: 'fix-{application}'}}", `want {date} and {application} in it`},
		{"more groups than people", "classes: {high: {approvals: {count: 0, from: [security]}}}", `1 groups need at least as many approvals, count is 0`},
		{"bad window", "windows: {any: {zone: Mars/Base, from: \"25:00\", to: \"26:00\"}}", `windows.any.zone: "Mars/Base" is not a time zone`},
		{"another schema", "schema: drydock.policy/v2", `p.yaml:1: schema: "drydock.policy/v2" is not a schema this Drydock reads; allowed: drydock.policy/v1`},
		{"not YAML", "classes: [", `p.yaml:1: not YAML`},
		{"a list at the top", "- a\n- b\n", `want a mapping (key: value), found a list`},
		{"an anchor", "lists: {framework: &a [x]}", `anchors, aliases and tags are not read here`},
		{"a key without value", "classes:\n  high:\n", `p.yaml:2: classes.high: no value: leave the key out to keep the default`},
		{"a key twice", "warn_at: [1]\nwarn_at: [2]\n", `p.yaml:2: not YAML`},
		{"a name no package has", "lists: {framework: ['a b']}", `lists.framework[0]: "a b" can't be the name of a package`},
		{"two documents", "warn_at: [1]\n---\nwarn_at: [2]\n", `the file is one YAML document`},
		{"a document behind an empty one", "---\n# ours\n---\nwarn_at: [2]\n", `p.yaml:4: the file is one YAML document`},
		{"a step of findings", "rules: {mine: {class: high, finding: true, step: [major]}}", `p.yaml:1: rules.mine.step: the class of a finding is known before its fix is`},
		{"a limit of nothing", "classes:\n  high: {deadline: {fix_published: 0h}}\n", `p.yaml:2: classes.high.deadline.fix_published: 0 would be no limit at all`},
		{"a rule's limit of nothing", "rules: {mine: {class: high, deadline: {detected: 0d}}}", `p.yaml:1: rules.mine.deadline.detected: 0 would be no limit at all`},
		{"a backup of no age", "classes: {high: {backup: {max_age: 0h}}}", `p.yaml:1: classes.high.backup.max_age: 0 would be no limit at all`},
		{"a limit of nothing for one", "applications:\n  payments:\n    rules: {mine: {class: emergency, kind: malicious, deadline: {fix_published: 0h}}}\n", `p.yaml:3: applications.payments.rules.mine.deadline.fix_published: 0 would be no limit at all`},
		{"a rule of two lines", "rules: {\"mine\\n# ours\": {class: high}}", `want a name of letters, digits, '.', '_' and '-'`},
		{"a rule without a name", "rules: {\"\": {class: high}}", `p.yaml:1: rules.: "": want a name`},
		{"a list with an escape", "lists: {\"\\e[31m\": [flask]}", `p.yaml:1: lists.`},
		{"a window with a space", "windows: {sunday night: {zone: UTC}}", `p.yaml:1: windows.sunday night: "sunday night": want a name`},
		{"a group without a name", "classes: {emergency: {approvals: {from: [\"\"]}}}", `p.yaml:1: classes.emergency.approvals.from[0]: "": want a group of people`},
		{"a group twice", "classes: {emergency: {approvals: {from: [security, security]}}}", `p.yaml:1: classes.emergency.approvals.from[1]: "security" is from[0] already`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(dir, "p.yaml")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			var e *Errors
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if _, err := Load(filepath.Join(dir, "missing.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Parse("big.yaml", bytes.Repeat([]byte("#"), maxSize+1)); err == nil || !strings.Contains(err.Error(), "more than a policy may have") {
		t.Errorf("too large: %v", err)
	}
}

func TestEveryProblemIsTold(t *testing.T) {
	_, err := Parse("p.yaml", []byte("clases: {}\nwarn_at: [0]\nrules: {x: {clas: high}}\n"))
	var e *Errors
	if !errors.As(err, &e) || len(e.Problems) != 4 || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("want four problems in as many lines, got %v", err)
	}
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]string{"24h": "24h", "1d": "24h", "48h": "48h", "7d": "7d", "1w": "7d", "168h": "7d", "1d12h": "36h", "90m": "1h30m", "0h": "0m", "3d1h": "3d1h"} {
		d, err := ParseDuration(in)
		if err != nil || d.String() != want {
			t.Errorf("%s: %s, %v; want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"", "7", "d", "7 d", "-7d", "1h1d", "1h1h", "9999999d", "1.5h", "7D", "3661d", "5000d", "1s"} {
		if d, err := ParseDuration(in); err == nil {
			t.Errorf("%q read as %s", in, d)
		}
	}
}

func TestExplain(t *testing.T) {
	e := Default().Explain("Flask")
	if len(e.Lists) != 1 || e.Lists[0] != "framework" || len(e.Answers) != 10 {
		t.Fatalf("%+v", e)
	}
	text := e.Text()
	for _, want := range []string{"flask is on the list framework", "critical", "24h from first detection (critical-severity)", "7d from first detection (framework-critical)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	one := Default().Explain("left-pad", Facts{Finding: true, Severity: "low"}).Text()
	for _, want := range []string{"left-pad is on no list", "+ other-finding", "- critical-severity    emergency  severity low, below critical", "- framework-critical   framework  not on the list framework"} {
		if !strings.Contains(one, want) {
			t.Errorf("no %q in\n%s", want, one)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(defaultText)
	f.Add([]byte("classes: {high: {deadline: {detected: 7d}}}"))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte(payments))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("f.yaml", data)
		if err != nil {
			return
		}
		again, err := Parse("g.yaml", p.Text())
		if err != nil || again.Digest() != p.Digest() {
			t.Fatalf("text of an accepted policy: %v", err)
		}
	})
}
