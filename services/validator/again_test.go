package validator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/report"
)

// ran is a run of which tests fail: "a b" those, "-" none; with "!" it tells of no single test. Of all there are a, b and c.
func ran(says string) check.Result {
	r := check.Result{Status: check.Failed, ExitCode: 1, Detail: "exit code 1"}
	switch says {
	case "timeout":
		return check.Result{Status: check.TimedOut, ExitCode: -1, Detail: "not done"}
	case "-", "!-":
		r = check.Result{Status: check.Passed}
	}
	if strings.HasPrefix(says, "!") {
		return r
	}
	for _, name := range []string{"a", "b", "c"} {
		t := check.Test{Name: "m::" + name, Outcome: check.TestPassed}
		if strings.Contains(says, name) {
			t.Outcome = check.TestFailed
		}
		r.Tests = append(r.Tests, t)
	}
	return r
}

// runsFrom takes what decide asks for from what the runs would say, and ends where it wants no more, or there is none.
func runsFrom(before, with string) (v check.Verdict, b, a []check.Result) {
	befores, withs := strings.Split(before, ", "), strings.Split(with, ", ")
	next := func(from *[]string, to *[]check.Result) {
		if len(*from) > 0 && (*from)[0] != "" {
			*to, *from = append(*to, ran((*from)[0])), (*from)[1:]
		}
	}
	next(&withs, &a)
	if !a[0].OK() {
		next(&befores, &b)
	}
	for t := (tried{}); ; {
		var more once
		switch v, more = decide(b, a, t); more {
		case nobody:
			return v, b, a
		case theChanged:
			t.changed = true
			next(&withs, &a)
		case thePlain:
			t.unchanged = true
			next(&befores, &b)
		}
	}
}

// TestDecide is the table of what runs say of a change, with as many runs as that takes. One test of a suite, and a check
// of whose tests nobody tells.
func TestDecide(t *testing.T) {
	for _, c := range []struct {
		before, with string // what its runs would say, one after the other
		want         string
		b, a         int // how many runs that takes
		steady       string
	}{
		{"-, -", "-, -", check.VerdictPassed, 0, 1, ""},
		{"-, -", "a, -", check.VerdictWarned, 1, 2, ""},
		{"-, -", "a, a", check.VerdictFailed, 2, 2, "m::a"},
		{"a, a", "-, -", check.VerdictPassed, 0, 1, ""},
		{"a, a", "ab, -", check.VerdictWarned, 1, 2, ""},
		{"a, a", "ab, a", check.VerdictWarned, 2, 2, ""},
		{"a, a", "a, a", check.VerdictWarned, 2, 1, ""},
		{"a, -", "-, -", check.VerdictPassed, 0, 1, ""},
		{"a, -", "a, -", check.VerdictWarned, 2, 2, ""},
		{"a, -", "a, a", check.VerdictFailed, 2, 2, "none"},
		{"-, a", "a, a", check.VerdictFailed, 2, 2, "none"},
		{"-, a", "a, -", check.VerdictWarned, 1, 2, ""},
		{"", "-, -", check.VerdictPassed, 0, 1, ""},
		{"", "a, -", check.VerdictWarned, 0, 2, ""},
		{"", "a, a", check.VerdictFailed, 0, 2, "m::a"},

		{"!-, !-", "!-, !-", check.VerdictPassed, 0, 1, ""},
		{"!-, !-", "!a, !-", check.VerdictWarned, 1, 2, ""},
		{"!-, !-", "!a, !a", check.VerdictFailed, 2, 2, "all"},
		{"!a, !a", "!-, !-", check.VerdictPassed, 0, 1, ""},
		{"!a, !a", "!a, !-", check.VerdictWarned, 2, 1, ""},
		{"!a, !a", "!a, !a", check.VerdictWarned, 2, 1, ""},
		{"!a, !-", "!-, !-", check.VerdictPassed, 0, 1, ""},
		{"!a, !-", "!a, !-", check.VerdictWarned, 2, 2, ""},
		{"!a, !-", "!a, !a", check.VerdictFailed, 2, 2, "none"},
		{"!-, !a", "!a, !a", check.VerdictFailed, 2, 2, "none"},

		{"a", "a, a", check.VerdictFailed, 1, 2, "none"}, // it can't be run once more: that excuses nothing
		{"a", "a", check.VerdictFailed, 1, 1, "none"},    // neither can
		{"a", "a, -", check.VerdictWarned, 1, 2, ""},     //
		{"a, timeout", "a, a", check.VerdictFailed, 2, 2, "none"},
		{"timeout", "a, a", check.VerdictFailed, 1, 2, "m::a"}, // nothing is known without it
		{"timeout", "timeout", check.VerdictUnknown, 1, 1, "all"},
		{"a, b", "a, a", check.VerdictFailed, 2, 2, "none"},   // another one each time
		{"a, a", "ab, ab", check.VerdictFailed, 2, 2, "m::b"}, // one that was so, one that is new
		{"a, -", "ab, ab", check.VerdictFailed, 2, 2, "m::b"}, // and one that comes and goes
		{"-, -", "a, b", check.VerdictFailed, 2, 2, "none"},   // the later run counts, and it did not pass
		{"-, -", "ab, b", check.VerdictFailed, 2, 2, "m::b"},  //
		{"a, a", "b, a", check.VerdictWarned, 2, 2, ""},       // asked once more as late as it would excuse
		{"a, -", "b, a", check.VerdictFailed, 2, 2, "none"},   //
	} {
		v, b, a := runsFrom(c.before, c.with)
		if v.Status != c.want || len(b) != c.b || len(a) != c.a {
			t.Errorf("without it %s; with it %s: %s (%s) after %d and %d runs, want %s after %d and %d", c.before, c.with, v.Status, v.Detail, len(b), len(a), c.want, c.b, c.a)
		}
		if c.steady == "" {
			continue
		}
		names, ok := steady(b, a, v)
		got := strings.Join(names, " ")
		switch {
		case !ok:
			got = "none"
		case got == "":
			got = "all"
		}
		if got != c.steady {
			t.Errorf("without it %s; with it %s: by %s a culprit is looked for, want %s", c.before, c.with, got, c.steady)
		}
	}
}

// TestNeverExcused: whatever the runs say, at most two of each are asked for, and no test that passed in one run without
// the change, and failed in all runs with it, is let through.
func TestNeverExcused(t *testing.T) {
	says := []string{"-", "a", "b", "ab", "timeout"}
	for _, b1 := range says {
		for _, b2 := range says {
			for _, a1 := range says {
				for _, a2 := range says {
					v, b, a := runsFrom(b1+", "+b2, a1+", "+a2)
					if len(b) > 2 || len(a) > 2 {
						t.Fatalf("%d and %d runs", len(b), len(a))
					}
					for _, name := range []string{"m::a", "m::b"} {
						before, after := check.Count(b, name), check.Count(a, name)
						if excused := v.Status == check.VerdictPassed || v.Status == check.VerdictWarned; excused && after.Failed == len(a) && before.Failed < 2 {
							t.Errorf("without it %s, %s; with it %s, %s: %s is let through: %s", b1, b2, a1, a2, name, v.Detail)
						}
					}
				}
			}
		}
	}
}

func TestFlakyIsCounted(t *testing.T) {
	all := func(says ...string) (out []check.Result) {
		for _, s := range says {
			out = append(out, ran(s))
		}
		return out
	}
	for _, c := range []struct {
		before, with []check.Result
		want         []report.Flaky
		told         string
	}{
		{all("a"), all("a"), nil, "[]"},
		{all("a", "-"), all("a", "a"), []report.Flaky{{Test: "m::a", Before: report.Runs{Failed: 1, Of: 2}, After: report.Runs{Failed: 2, Of: 2}}}, "[m::a (failed in 1 of 2 runs without the change, in 2 of 2 runs with it)]"},
		{all("-"), all("b", "-"), []report.Flaky{{Test: "m::b", Before: report.Runs{Of: 1}, After: report.Runs{Failed: 1, Of: 2}}}, "[m::b (failed in 0 of 1 run without the change, in 1 of 2 runs with it)]"},
		{all("!a", "!-"), all("!a", "!a"), []report.Flaky{{Before: report.Runs{Failed: 1, Of: 2}, After: report.Runs{Failed: 2, Of: 2}}}, "[the check itself (failed in 1 of 2 runs without the change, in 2 of 2 runs with it)]"},
	} {
		got := flaky(c.before, c.with)
		if fmt.Sprint(got) != fmt.Sprint(c.want) || fmt.Sprint(chances(got)) != c.told {
			t.Errorf("%+v, %v, want %+v, %s", got, chances(got), c.want, c.told)
		}
	}
}

// TestSameFault: a variant fails as the change did where a test fails that failed there; another one tells nothing of it.
func TestSameFault(t *testing.T) {
	before := []check.Result{ran("c"), ran("c")}
	for _, c := range []struct {
		run   check.Result
		tests []string
		want  bisect.Outcome
	}{
		{ran("a"), []string{"m::a"}, bisect.Fails},
		{ran("ab"), []string{"m::b"}, bisect.Fails},
		{ran("-"), []string{"m::a"}, bisect.Passes},
		{ran("c"), []string{"m::a"}, bisect.Passes},
		{ran("b"), []string{"m::a"}, bisect.Passes},
		{ran("timeout"), []string{"m::a"}, bisect.Unresolved},
		{ran("!a"), []string{"m::a"}, bisect.Unresolved},
		{ran("b"), []string{"m::a", "m::d (no longer collected)"}, bisect.Fails},
		{ran("a"), nil, bisect.Fails},
		{ran("c"), nil, bisect.Passes},
		{ran("timeout"), nil, bisect.Fails},
	} {
		if got := sameFault(before, c.run, c.tests); got != c.want {
			t.Errorf("%+v by %v: %s, want %s", c.run, c.tests, got, c.want)
		}
	}
}
