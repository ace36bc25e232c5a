package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ended is a result with tests written as "name outcome".
func ended(status Status, code int, tests ...string) *Result {
	r := &Result{Name: "tests", Status: status, ExitCode: code, Detail: "detail of " + string(status)}
	if status == Passed {
		r.Detail = ""
	}
	for _, t := range tests {
		name, outcome, _ := strings.Cut(t, " ")
		r.Tests = append(r.Tests, Test{Name: name, Outcome: outcome})
	}
	return r
}

func TestJudge(t *testing.T) {
	allPass := ended(Passed, 0, "m::a passed", "m::b passed", "m::c skipped")
	oneFails := ended(Failed, 1, "m::a failed", "m::b passed", "m::c skipped")
	for _, c := range []struct {
		name               string
		before, after      *Result
		status             string
		fresh, was, healed []string
		says               string
	}{
		{"passed, nothing to compare", nil, allPass, VerdictPassed, nil, nil, nil, "passed"},
		{"passed as before", allPass, allPass, VerdictPassed, nil, nil, nil, "passed"},
		{"passed, and left children", allPass, &Result{Status: LeftChildren, Tests: allPass.Tests, Detail: "2 processes were left"}, VerdictPassed, nil, nil, nil, "2 processes were left"},
		{"fixed", oneFails, allPass, VerdictPassed, nil, nil, []string{"m::a"}, "passed"},
		{"passed after a run without an end", ended(TimedOut, -1), allPass, VerdictPassed, nil, nil, nil, ""},
		{"passed, with a test less", allPass, ended(Passed, 0, "m::a passed"), VerdictWarned, nil, nil, nil, "no longer with one test that passed without the change: m::b"},
		{"passed, with a test skipped", allPass, ended(Passed, 0, "m::a passed", "m::b skipped", "m::c skipped"), VerdictWarned, nil, nil, nil, "m::b"},
		{"passed, without a report", allPass, ended(Passed, 0), VerdictWarned, nil, nil, nil, "reports no single tests any more, of which there were 3"},
		{"passed, and reports a failure", allPass, ended(Passed, 0, "m::a failed", "m::b passed"), VerdictWarned, []string{"m::a"}, nil, nil, "passed by its exit code, but by its report one test fails"},
		{"passed, and reports one as before", oneFails, ended(Passed, 0, "m::a failed", "m::b passed"), VerdictWarned, nil, []string{"m::a"}, nil, "by its report one test fails, and failed before the change too: m::a"},
		{"passed, and not one test was run", nil, ended(Passed, 0, "m::a skipped", "m::b skipped"), VerdictWarned, nil, nil, nil, "not one test was run: of 2 all are skipped"},
		{"and none before", ended(Passed, 0, "m::a skipped"), ended(Passed, 0, "m::a skipped"), VerdictWarned, nil, nil, nil, "not one test was run"},
		{"failed, though no test did, as before", ended(Failed, 2, "m::a passed"), ended(Failed, 2, "m::a passed"), VerdictWarned, nil, nil, nil, "detail of failed, and the same without the change"},
		{"a new failure", allPass, oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "one test fails newly: m::a"},
		{"failed before too", oneFails, oneFails, VerdictWarned, nil, []string{"m::a"}, nil, "one test fails, and failed before the change too"},
		{"one before, one new", oneFails, ended(Failed, 1, "m::a failed", "m::b error"), VerdictFailed, []string{"m::b"}, []string{"m::a"}, nil, "one test fails newly: m::b"},
		{"one fixed, one new", oneFails, ended(Failed, 1, "m::a passed", "m::b failed"), VerdictFailed, []string{"m::b"}, nil, []string{"m::a"}, ""},
		{"many new", allPass, ended(Failed, 1, "m::a failed", "m::b failed", "m::d failed", "m::e failed"), VerdictFailed, []string{"m::a", "m::b", "m::d", "m::e"}, nil, nil, "4 tests fail newly: m::a, m::b, m::d …"},
		{"a module that can't be imported", allPass, ended(Failed, 2, "m error", "n::x passed"), VerdictFailed, []string{"m", "m::a (no longer collected)", "m::b (no longer collected)"}, nil, nil, ""},
		{"vanished from a run that failed as before", oneFails, ended(Failed, 1, "m::a failed"), VerdictFailed, []string{"m::b (no longer collected)"}, []string{"m::a"}, nil, ""},
		{"all vanished", oneFails, ended(Failed, 1), VerdictFailed, []string{"m::b (no longer collected)"}, nil, nil, ""},
		{"a module that could not be imported before", ended(Failed, 2, "m error", "n::x passed"), ended(Failed, 1, "m::a failed", "n::x passed"), VerdictWarned, nil, []string{"m::a"}, nil, "one test fails, and failed"},
		{"a class of a module that could not be imported before", ended(Failed, 1, "m error"), ended(Failed, 1, "m.TestX::a failed"), VerdictWarned, nil, []string{"m.TestX::a"}, nil, ""},
		{"new, and not run before", ended(Failed, 2, "m error"), ended(Failed, 1, "m error", "n::x failed"), VerdictFailed, []string{"n::x"}, []string{"m"}, nil, "1 of them not run without the change, where it is not known whether they fail"},
		{"failed otherwise", oneFails, ended(Failed, 3, "m::a failed", "m::b passed"), VerdictFailed, nil, []string{"m::a"}, nil, "without the change it ended otherwise: detail of failed"},
		{"failed, and no test did", allPass, ended(Failed, 2, "m::a passed", "m::b passed", "m::c skipped"), VerdictFailed, nil, nil, nil, "it passed without the change"},
		{"killed on the way", allPass, ended(Killed, -1), VerdictFailed, nil, nil, nil, "detail of killed; it passed without the change"},
		{"too long after a failure", oneFails, ended(TimedOut, -1), VerdictFailed, nil, nil, nil, "without the change it ended otherwise"},
		{"no reports: passed before", ended(Passed, 0), ended(Failed, 1), VerdictFailed, nil, nil, nil, "it passed without the change"},
		{"no reports: failed before", ended(Failed, 1), ended(Failed, 1), VerdictWarned, nil, nil, nil, "not known whether for the same reason"},
		{"no reports: failed otherwise", ended(Failed, 1), ended(Failed, 2), VerdictFailed, nil, nil, nil, "ended otherwise"},
		{"no report before, which failed", ended(Failed, 4), oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "it is not known whether it failed before the change: the run without it ended before it reported any test"},
		{"no report before, which passed", ended(Passed, 0), oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "newly"},
		{"no run before", nil, oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "it is not known whether it failed before the change: there is no run without it"},
		{"the run before had no end", ended(TimedOut, -1), oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "not known whether it failed before the change: the run without it says nothing (timeout: detail of timeout)"},
		{"the command was missing before", ended(NotFound, 97), oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "not known whether"},
		{"neither has an end", ended(TimedOut, -1), ended(TimedOut, -1), VerdictUnknown, nil, nil, nil, "which says nothing of the change"},
		{"both killed", ended(Killed, -1), ended(Killed, -1), VerdictUnknown, nil, nil, nil, "ended the same way (killed)"},
		{"another end", ended(Killed, -1), ended(Limited, -1), VerdictFailed, nil, nil, nil, "says nothing (killed"},
		{"the command is missing", nil, ended(NotFound, 97), VerdictUnknown, nil, nil, nil, "detail of not-found"},
		{"and was", ended(NotFound, 97), ended(NotFound, 1), VerdictUnknown, nil, nil, nil, "detail of not-found"},
		{"the command went away", allPass, ended(NotFound, 97), VerdictFailed, nil, nil, nil, "detail of not-found; it passed"},
		{"no tests", nil, ended(NoTests, -1), VerdictUnknown, nil, nil, nil, "nothing is known of the change"},
		{"no tests, as before", ended(NoTests, 5), ended(NoTests, 5), VerdictUnknown, nil, nil, nil, "nothing is known"},
		{"no tests any more", allPass, ended(NoTests, 5), VerdictFailed, nil, nil, nil, "without the change 2 tests passed"},
		{"tests that fail where there were none", ended(NoTests, 5), oneFails, VerdictFailed, []string{"m::a"}, nil, nil, "not known whether"},
	} {
		v := Judge(c.before, *c.after)
		if v.Status != c.status || !slices.Equal(v.New, c.fresh) || !slices.Equal(v.Before, c.was) || !slices.Equal(v.Fixed, c.healed) || !strings.Contains(v.Detail, c.says) || v.Detail == "" {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestListsAreBounded(t *testing.T) {
	after := ended(Failed, 1)
	for i := range 5000 {
		after.Tests = append(after.Tests, Test{Name: fmt.Sprintf("m::%d", i), Outcome: TestFailed})
	}
	if v := Judge(ended(Passed, 0), *after); len(v.New) != maxListed || !strings.Contains(v.Detail, "5000 tests fail newly") || len(v.Detail) > maxDetail {
		t.Errorf("%d %s", len(v.New), v.Detail)
	}
}

// Whatever two runs say: a change that is passed passed; one that is warned of has no test that fails and did not;
// the same run twice is never held against the change; and judging changes neither.
func TestJudgeAnything(t *testing.T) {
	draw := func(t *rapid.T, label string) *Result {
		r := ended(rapid.SampledFrom([]Status{Passed, LeftChildren, Failed, NotFound, TimedOut, Killed, Limited, NoTests}).Draw(t, label), rapid.IntRange(0, 5).Draw(t, label+" code"))
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"m", "n", "m::a", "m::b", "m.C::c", "n::a", "::", ""}), rapid.ID[string]).Draw(t, label+" tests") {
			r.Tests = append(r.Tests, Test{Name: name, Outcome: rapid.SampledFrom([]string{TestPassed, TestFailed, TestError, TestSkipped}).Draw(t, name)})
		}
		return r
	}
	rapid.Check(t, func(t *rapid.T) {
		before, after := draw(t, "before"), draw(t, "after")
		if rapid.Bool().Draw(t, "none before") {
			before = nil
		}
		copied := *after
		copied.Tests = slices.Clone(after.Tests)
		v := Judge(before, *after)
		switch {
		case v.Status == VerdictPassed && !after.OK(), v.Status == VerdictFailed && after.OK(), v.Status == VerdictUnknown && after.OK():
			t.Fatalf("%s, and %s: %+v", after.Status, v.Status, v)
		case v.Status == VerdictWarned && !after.OK() && len(v.New) > 0, v.Status == VerdictPassed && len(v.New) > 0, v.Detail == "":
			t.Fatalf("%+v", v)
		case v.Status == VerdictWarned && !after.OK() && (before == nil || before.Status != Failed || after.Status != Failed):
			t.Fatalf("warned of what did not fail before: %+v", v)
		case !reflect.DeepEqual(copied, *after):
			t.Fatal("judging changed it")
		}
		if same := Judge(after, *after); same.Status == VerdictFailed && after.Status != NoTests || len(same.New)+len(same.Fixed) > 0 {
			t.Fatalf("the same run twice: %+v", same)
		}
	})
}
