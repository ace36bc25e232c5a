package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTightening(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{ // want "": accepted
		{"nothing", "", ""},
		{"shorter deadline", "classes: {high: {deadline: {detected: 7d}}}", ""},
		{"longer deadline", "classes:\n  high:\n    deadline: {detected: 15d}\n", "c.yaml:3: classes.high.deadline.detected: found 15d, the parent has 14d: it may only get shorter"},
		{"a second clock", "classes: {high: {deadline: {fix_published: 30d}}}", ""},
		{"longer cooldown", "classes: {high: {cooldown: 3d}}", ""},
		{"shorter cooldown", "classes: {high: {cooldown: 1h}}", "classes.high.cooldown: found 1h, the parent has 24h: it may only get longer"},
		{"longer soak", "classes: {high: {soak: {staging: 1h}}}", ""},
		{"shorter soak", "classes: {high: {soak: {production: 1m}}}", "classes.high.soak.production: found 1m, the parent has 1h: it may only get longer"},
		{"more approvals", "classes: {high: {approvals: {count: 2, from: [security]}}}", ""},
		{"fewer approvals", "classes: {high: {approvals: {count: 0}}}", "classes.high.approvals.count: found 0, the parent has 1: it may only grow"},
		{"other groups", "classes: {emergency: {approvals: {from: [friends]}}}", "classes.emergency.approvals.from: security missing, which the parent asks for: groups may only be added"},
		{"more checks", "classes: {high: {checks: [suite, integration]}}", ""},
		{"fewer checks", "classes: {emergency: {checks: [suite]}}", "classes.emergency.checks: integration, performance missing"},
		{"another branch", "classes: {high: {branch: 'x/{date}-{application}'}}", `which pipeline runs a change is not a matter of strictness`},
		{"gathered more often", "classes: {regular: {cycle: weekly}}", ""},
		{"gathered more seldom", "classes: {high: {cycle: monthly}}", "classes.high.cycle: found monthly, the parent has weekly: it may only get shorter"},
		{"more warnings", "warn_at: [50, 75, 90]", ""},
		{"other warnings", "warn_at: [80, 90]", "warn_at: found [80 90], the parent has [75 90]: 75 is missing"},
		{"narrower window", "windows: {weekly: {from: \"10:00\"}}", ""},
		{"fewer days", "windows: {working-hours: {days: [mon]}}", ""},
		{"wider window", "windows: {weekly: {days: [tue, wed]}}", "c.yaml:1: windows.weekly: found tue, wed 09:00–15:00 UTC, the parent has tue 09:00–15:00 UTC for high: it may only get narrower"},
		{"over midnight", "windows: {maintenance: {from: \"23:00\", to: \"03:00\"}}", "windows.maintenance: found sun 23:00–03:00 UTC"},
		{"more often", "windows: {quarterly: {every: month}}", "it may only open as seldom"},
		{"another window", "classes: {high: {window: any}}", "classes.high.window: found any time, the parent has tue 09:00–15:00 UTC for high"},
		{"a window of any time narrowed", "windows: {any: {zone: Europe/Zurich, days: [mon]}}", ""},
		{"another zone", "windows: {weekly: {zone: Europe/Zurich}}", "windows of two time zones can't be compared"},
		{"another day of the month", "windows: {monthly: {days: [mon]}}", "the first such day of a month is another one"},
		{"a list gains", "lists: {framework: [our-lib]}", ""},
		{"a list gains what others guard better", "lists:\n  framework:\n  - stripe\n", "c.yaml:3: lists.framework: stripe: moves what is domain (by domain-critical), with 2 approvals, one of domain-owner, to framework, with 1 approval: raise classes.framework.approvals"},
		{"more urgent", "rules: {other-finding: {class: domain}}", ""},
		{"more urgent than what others guard better", "rules: {other-finding: {class: high}}", "rules.other-finding: moves what is domain (by domain-critical), with 2 approvals"},
		{"less urgent", "rules: {critical-severity: {class: high}}", "rules.critical-severity.class: found high, the parent has emergency: a rule may only move things to a more urgent class"},
		{"wider", "rules: {critical-severity: {severity: high}}", ""},
		{"wider than what others guard better", "rules: {critical-severity: {severity: medium}}", "rules.critical-severity: moves what is domain"},
		{"narrower rule", "rules: {high-severity: {kev: true}}", "rules.high-severity: it no longer takes all that the parent's rule takes"},
		{"rule's own deadline shorter", "rules: {other-finding: {deadline: {detected: 10d}}}", ""},
		{"rule's own cooldown shorter", "rules: {other-finding: {cooldown: 1h}}", "rules.other-finding.cooldown: found 1h, the parent has 24h"},
		{"rule's own cooldown longer", "rules: {exploited-fix: {cooldown: 1h}}", ""},
		{"a rule for a list", "rules: {core: {class: high, finding: true, list: core}}\nlists: {core: [our-lib]}", ""},
		{"likely to be exploited", "rules: {likely: {class: emergency, finding: true, severity: high, epss_at_least: 0.5}}", ""},
		{"exploited, at once", "rules: {all: {class: emergency, finding: true, severity: high, kev: true, cooldown: 0h}}", ""},
		{"at once", "rules: {all: {class: emergency, finding: true, severity: high, cooldown: 0h}}", "rules.all: a cooldown of 0m for what had 24h (emergency, by critical-severity)"},
		{"a rule over what others guard better", "rules: {all: {class: high, finding: true}}", "rules.all: moves what is domain (by domain-critical)"},
		{"guarded as well", "classes: {high: {approvals: {count: 2, from: [domain-owner]}, checks: [suite, integration, performance]}}\nrules: {all: {class: high, finding: true}}", ""},
		{"routine updates made urgent", "rules: {all: {class: high, finding: false, step: [patch]}}", "a cooldown of 24h for what had 7d (domain, by domain-update)"},
		{"cooldown in every class", "rules: {all: {finding: true, cooldown: 1h}}", "rules.all: a cooldown of 1h for what had 24h"},
		{"deadline in every class", "rules: {bod: {finding: true, kev: true, deadline: {detected: 3d}}}", ""},
		{"unsound", "classes: {high: {approvals: {from: [a, b]}}}", "2 groups need at least as many approvals"},
		{"typo", "clases: {}", `did you mean "classes"?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Default().Tightened("c.yaml", []byte(tc.text))
			var e *Errors
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (!errors.As(err, &e) || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got  %v\nwant %s", err, tc.want)
			case tc.want == "" && len(Tightens(Default(), p)) > 0:
				t.Errorf("composed, but looser: %v", Tightens(Default(), p))
			}
		})
	}
}

func TestTightensSeesWhatIsGone(t *testing.T) {
	parent := mustParse(t, "rules: {mine: {class: high, finding: true}}\nlists: {mine: [a, b]}\n")
	child := mustParse(t, "lists: {mine: [a]}\n")
	found := fmt.Sprint(Tightens(parent, child))
	for _, want := range []string{"rules: mine is missing", "lists.mine: b is missing"} {
		if !strings.Contains(found, want) {
			t.Errorf("no %q in %s", want, found)
		}
	}
}

// Whatever a composition accepts is never less strict, for any facts.
func TestCompositionOnlyTightens(t *testing.T) {
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		base := drawPolicy(t, "parent", 5)
		parent, err := Parse("parent.yaml", []byte(base))
		if err != nil {
			t.Skip("no policy")
		}
		text := drawPolicy(t, "child", 15)
		child, err := parent.Tightened("child.yaml", []byte(text))
		if err != nil {
			refused++
			return
		}
		accepted++
		t.Logf("parent:\n%schild:\n%s", base, text)
		for range 40 {
			holdsAsStrict(t, parent, child, drawFacts(t))
		}
		again, err := Parse("again.yaml", child.Text())
		if err != nil || again.Digest() != child.Digest() {
			t.Fatalf("text of a composed policy: %v", err)
		}
	})
	t.Logf("%d accepted, %d refused", accepted, refused)
}

func holdsAsStrict(t *rapid.T, parent, child *Policy, f Facts) {
	was, is := parent.Classify(f), child.Classify(f)
	if Rank(is.Class) > Rank(was.Class) {
		t.Fatalf("%+v was %s, is %s", f, was.Class, is.Class)
	}
	detected := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	fix := detected.Add(-100 * time.Hour)
	for _, c := range []Clocks{{Detected: detected}, {Detected: detected, FixPublished: &fix}} {
		if was, is := parent.Deadline(f, c), child.Deadline(f, c); !was.At.IsZero() && (is.At.IsZero() || is.At.After(was.At)) {
			t.Fatalf("%+v was due %s (%s), is due %s (%s)", f, was.At, was.Rule, is.At, is.Rule)
		}
	}
	a, by := parent.CooldownFor(f)
	b, rule := child.CooldownFor(f)
	if b < a {
		t.Fatalf("%+v waited %s (%s, %s), waits %s (%s, %s)", f, a, was.Class, by, b, is.Class, rule)
	}
	had, gets := parent.Class(was.Class), child.Class(is.Class)
	if gets.Approvals.Count < had.Approvals.Count || len(without(had.Approvals.From, gets.Approvals.From)) > 0 || len(without(had.Checks, gets.Checks)) > 0 || gets.Backup.weaker(had.Backup) {
		t.Fatalf("%+v was %s with %+v, is %s with %+v", f, was.Class, had, is.Class, gets)
	}
}

// drawPolicy draws a file that changes a few things; the more others, the fewer.
func drawPolicy(t *rapid.T, who string, others int) string {
	var b strings.Builder
	pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, who+" "+what) }
	b.WriteString("classes:\n")
	for _, n := range Names {
		switch rapid.IntRange(0, others).Draw(t, who+" "+string(n)) {
		case 0:
			fmt.Fprintf(&b, "  %s: {deadline: {detected: %s}}\n", n, pick("deadline", "6h", "2d", "8d", "20d"))
		case 1:
			fmt.Fprintf(&b, "  %s: {cooldown: %s}\n", n, pick("cooldown", "0h", "24h", "3d", "7d", "14d"))
		case 2:
			fmt.Fprintf(&b, "  %s: {approvals: {count: 3, from: [security, domain-owner]}, checks: [suite, integration, performance], backup: {required: true, max_age: 6h}}\n", n)
		case 4:
			fmt.Fprintf(&b, "  %s: {backup: {%s}}\n", n, pick("backup", "required: false", "required: true", "required: true, max_age: 6h", "required: true, max_age: 48h"))
		case 3:
			fmt.Fprintf(&b, "  %s: {deadline: {fix_published: %s}}\n", n, pick("fix", "10d", "60d"))
		}
	}
	text := strings.TrimSuffix(b.String(), "classes:\n")
	b.Reset()
	b.WriteString(text + "rules:\n  exploited-fix: {finding: true}\n")
	for i := range rapid.IntRange(0, 18/others).Draw(t, who+" rules") {
		name := pick("rule", "other-finding", "high-severity", "domain-critical", "routine-update", "major-update", fmt.Sprintf("%s-%d", who, i), fmt.Sprintf("%s-%d", who, i), fmt.Sprintf("%s-%d", who, i))
		if strings.Contains(b.String(), "  "+name+":") {
			continue
		}
		finding := pick("finding", "true", "true", "false")
		fmt.Fprintf(&b, "  %s: {finding: %s", name, finding)
		for _, condition := range [][]string{{"class", "emergency", "framework", "high", "domain", "regular"}, {"cooldown", "0h", "24h", "7d", "14d"}, {"severity", "low", "medium", "high", "critical"},
			{"kev", "true"}, {"epss_at_least", "0.1", "0.5"}, {"list", "framework", "domain", "extra"}, {"step", "[patch]", "[patch, minor]", "[major]"}, {"deadline", "{detected: 1h}", "{detected: 40d}"}} {
			key, values := condition[0], condition[1:]
			if key == "step" && finding == "true" {
				continue // which no policy may ask for
			}
			if rapid.IntRange(0, 2).Draw(t, who+" "+key) == 0 || key == "class" && rapid.IntRange(0, 3).Draw(t, who+" class") > 0 {
				fmt.Fprintf(&b, ", %s: %s", key, pick(key, values...))
			}
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "lists: {extra: [%s], %s: [%s]}\n", pick("extra", "a", "a, b"), pick("list", "framework", "domain", "domain"), pick("gains", "a", "c", "c", "stripe, a"))
	return b.String()
}

func drawFacts(t *rapid.T) Facts {
	f := Facts{Package: rapid.SampledFrom([]string{"a", "b", "c", "x", "flask", "stripe"}).Draw(t, "package"), Finding: rapid.Bool().Draw(t, "finding")}
	f.Step = rapid.SampledFrom([]string{"", "patch", "minor", "major"}).Draw(t, "step")
	if !f.Finding {
		return f
	}
	f.Kind = rapid.SampledFrom([]string{"vulnerability", "vulnerability", "malicious"}).Draw(t, "kind")
	f.Severity = rapid.SampledFrom([]string{"", "low", "medium", "high", "critical"}).Draw(t, "severity")
	switch rapid.IntRange(0, 2).Draw(t, "kev") {
	case 0:
		f.KEV = &yes
	case 1:
		f.KEV = &no
	}
	if rapid.Bool().Draw(t, "has epss") {
		v := rapid.SampledFrom([]float64{0, 0.1, 0.3, 0.5, 1}).Draw(t, "epss")
		f.EPSS = &v
	}
	return f
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
