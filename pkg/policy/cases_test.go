package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func find(_, pkg, version string) ([]Found, error) {
	switch pkg + " " + version {
	case "flask 2.2.2":
		return []Found{
			{ID: "CVE-1", IDs: []string{"CVE-1", "GHSA-1"}, Facts: Facts{Package: pkg, Finding: true, Kind: "vulnerability", Severity: "medium"}},
			{ID: "CVE-2", Facts: Facts{Package: pkg, Finding: true, Kind: "vulnerability", Severity: "critical", KEV: &no}}}, nil
	case "broken 1":
		return nil, errors.New("no database")
	}
	return nil, nil
}

func TestCases(t *testing.T) {
	policy := mustParse(t, "applications: {payments: {classes: {framework: {deadline: {detected: 3d}, cooldown: 48h}}}}")
	for _, tc := range []struct{ name, text, want string }{ // want: the differences
		{"class", "package: flask, severity: medium, expect: {class: framework, rule: framework-critical, deadline: 7d, cooldown: 24h, approvals: {count: 1}, window: working-hours}", ""},
		{"of an application", "package: Flask, application: payments, severity: low, expect: {deadline: 3d, cooldown: 2d}", ""},
		{"unknown severity", "package: x, expect: {class: high}", ""},
		{"unknown severity said", "package: x, severity: unknown, expect: {class: high}", ""},
		{"exploited", "package: x, severity: high, kev: true, expect: {class: emergency, cooldown: 0h, approvals: {count: 2, from: [security]}}", ""},
		{"malicious", "package: x, kind: malicious, expect: {rule: malicious-package}", ""},
		{"update", "package: x, step: major, expect: {class: feature, cooldown: 7d}", ""},
		{"update said", "package: x, finding: false, expect: {class: regular}", ""},
		{"step of a fix", "package: x, step: major, severity: low, expect: {class: regular, rule: other-finding}", ""},
		{"moment", "package: x, severity: high, detected: 2026-11-22T08:00:00Z, fix_published: 2026-11-25, expect: {deadline: 2026-12-09}", ""},
		{"duration after detection", "package: x, severity: high, detected: 2026-11-22, expect: {deadline: 14d}", ""},
		{"otherwise", "package: x, severity: high, expect: {class: emergency, rule: known-exploited, deadline: 24h, cooldown: 0h, approvals: {count: 2}, window: any}",
			"class emergency high, rule known-exploited high-severity, deadline 24h 14d, cooldown 0m 24h, approvals 2 approvals 1 approval, window any weekly"},
		{"another moment", "package: x, severity: high, detected: 2026-11-22, expect: {deadline: 2026-12-07}", "deadline 2026-12-07T00:00:00Z 2026-12-06T00:00:00Z"},
		{"inventory", "inventory: ['flask[async]==2.2.2', idna==3.7], expect: {class: emergency, rule: critical-severity, findings: 2}", ""},
		{"one of an inventory", "inventory: [flask==2.2.2], vulnerability: ghsa-1, expect: {class: framework, findings: 1}", ""},
		{"clean inventory", "inventory: [idna@3.7], expect: {findings: 0}", ""},
		{"clean, but expected otherwise", "inventory: [idna==3.7], expect: {class: high}", "findings at least 1 0"},
		{"more than expected", "inventory: [flask==2.2.2], expect: {findings: 1}", "findings 1 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cases, err := ReadCases("c.yaml", []byte("cases: [{name: it, "+tc.text+"}]"))
			if err != nil {
				t.Fatal(err)
			}
			results, err := cases.Run(policy, find)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range results[0].Differences {
				got = append(got, fmt.Sprintf("%s %s %s", d.Field, d.Expected, d.Found))
			}
			if text := strings.Join(got, ", "); text != tc.want || results[0].Passed != (tc.want == "") {
				t.Errorf("got  %s\nwant %s", text, tc.want)
			}
		})
	}
	cases, err := ReadCases("c.yaml", []byte("cases: [{name: it, inventory: [broken==1], expect: {findings: 0}}]"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cases.Run(policy, find); err == nil || err.Error() != `case "it": no database` {
		t.Errorf("what can't be looked up: %v", err)
	}
}

func TestReadCasesTellsWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "c.yaml: cases: there are none"},
		{"schema: drydock.policy/v1\ncases: [{name: a, package: x, expect: {class: high}}]", "c.yaml:1: schema: \"drydock.policy/v1\" is not a schema this Drydock reads; allowed: drydock.policy-cases/v1"},
		{"cases:\n- name: a\n  package: x\n  serverity: high\n  expect: {class: high}\n", `c.yaml:4: cases[0].serverity: unknown key, did you mean "severity"?`},
		{"cases:\n- name: a\n  package: x\n  expect:\n    clas: high\n", `c.yaml:5: cases[0].expect.clas: unknown key, did you mean "class"?; allowed: class, rule, deadline, cooldown, approvals, window, findings`},
		{"cases: [{name: a, package: x, expect: {class: urgent}}]", `cases[0].expect.class: "urgent" is not known`},
		{"cases: [{package: x, expect: {class: high}}]", "cases[0].name: a case needs a name"},
		{"cases: [{name: a, package: x, expect: {class: high}}, {name: a, package: x, expect: {class: high}}]", `cases[1].name: "a" is the name of another case`},
		{"cases: [{name: a, package: x}]", "cases[0].expect: it expects nothing"},
		{"cases: [{name: a, expect: {class: high}}]", "cases[0].package: \"\" can't be the name of a package; a case needs a package or an inventory"},
		{"cases: [{name: a, package: x, inventory: [a==1], expect: {class: high}}]", "cases[0].inventory: what is found in an inventory comes from the advisory database"},
		{"cases: [{name: a, inventory: ['a>=1'], expect: {class: high}}]", `cases[0].inventory[0]: "a>=1" is not a pin such as flask==2.2.2`},
		{"cases: [{name: a, package: x, vulnerability: CVE-1, expect: {class: high}}]", "cases[0]: vulnerability, ecosystem and expect.findings go with an inventory"},
		{"cases: [{name: a, package: x, epss: 3, expect: {class: high}}]", "cases[0].epss: 3: want a probability from 0 to 1"},
		{"cases: [{name: a, package: x, application: 'a*', expect: {class: high}}]", `cases[0].application: "a*" can't be the name of an application`},
		{"cases: [{name: a, package: x, fix_published: 2026-01-01, expect: {class: high}}]", "cases[0].detected: say when it was detected"},
		{"cases: [{name: a, package: x, expect: {deadline: soon}}]", `cases[0].expect.deadline: "soon" is neither a duration such as 7d nor a time`},
	} {
		_, err := ReadCases("c.yaml", []byte(tc.text))
		var e *Errors
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}
