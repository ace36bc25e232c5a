package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestJudgeAll: only what failed in all runs of the unchanged application excuses what fails with the change.
func TestJudgeAll(t *testing.T) {
	fine := ended(Passed, 0, "m::a passed", "m::b passed")
	aFails := ended(Failed, 1, "m::a failed", "m::b passed")
	bFails := ended(Failed, 1, "m::a passed", "m::b failed")
	both := ended(Failed, 1, "m::a failed", "m::b failed")
	for _, c := range []struct {
		name       string
		before     []*Result
		after      *Result
		status     string
		fresh, was string
		says       string
	}{
		{"no run", nil, aFails, VerdictFailed, "m::a", "", "there is no run without it"},
		{"failed in one of one", []*Result{aFails}, aFails, VerdictWarned, "", "m::a", "failed before the change too"},
		{"failed in both", []*Result{aFails, aFails}, aFails, VerdictWarned, "", "m::a", "one test fails, and failed before the change too"},
		{"failed, then passed", []*Result{aFails, fine}, aFails, VerdictFailed, "m::a", "", "one test fails newly: m::a"},
		{"passed, then failed", []*Result{fine, aFails}, aFails, VerdictFailed, "m::a", "", "one test fails newly: m::a"},
		{"another one each time", []*Result{aFails, bFails}, aFails, VerdictFailed, "m::a", "", "newly: m::a"},
		{"one of two always", []*Result{both, aFails}, both, VerdictFailed, "m::b", "m::a", "newly: m::b"},
		{"passes with the change", []*Result{aFails, fine}, fine, VerdictPassed, "", "", "passed"},
		{"not run once more", []*Result{aFails, ended(Failed, 1, "m::b passed")}, aFails, VerdictFailed, "m::a", "", "newly: m::a; 1 of them not run without the change"},
		{"skipped once more", []*Result{aFails, ended(Failed, 1, "m::a skipped", "m::b failed")}, aFails, VerdictFailed, "m::a", "", "newly: m::a"},
		{"with its module once more", []*Result{aFails, ended(Failed, 2, "m error")}, aFails, VerdictWarned, "", "m::a", "failed before the change too"},
		{"its module once, and passed", []*Result{ended(Failed, 2, "m error"), fine}, aFails, VerdictFailed, "m::a", "", "newly"},
		{"the module once, which fails with the change", []*Result{ended(Failed, 2, "m error"), aFails}, ended(Failed, 2, "m error"), VerdictFailed, "m m::b (no longer collected)", "", "newly"},
		{"no end once more", []*Result{aFails, ended(TimedOut, -1)}, aFails, VerdictFailed, "m::a", "", "m::a"},
		{"no report: failed in both", []*Result{ended(Failed, 1), ended(Failed, 1)}, ended(Failed, 1), VerdictWarned, "", "", "and the same without the change"},
		{"no report: failed, then passed", []*Result{ended(Failed, 1), ended(Passed, 0)}, ended(Failed, 1), VerdictFailed, "", "", "it passed without the change"},
		{"no report: failed otherwise", []*Result{ended(Failed, 1), ended(Failed, 2)}, ended(Failed, 1), VerdictFailed, "", "", "ended otherwise"},
		{"no report: killed once more", []*Result{ended(Failed, 1), ended(Killed, -1)}, ended(Failed, 1), VerdictFailed, "", "", "says nothing (killed"},
		{"neither has an end", []*Result{ended(TimedOut, -1), ended(TimedOut, -1)}, ended(TimedOut, -1), VerdictUnknown, "", "", "says nothing of the change"},
	} {
		var before []Result
		for _, b := range c.before {
			before = append(before, *b)
		}
		v := JudgeAll(before, *c.after)
		if v.Status != c.status || strings.Join(v.New, " ") != c.fresh || strings.Join(v.Before, " ") != c.was || !strings.Contains(v.Detail, c.says) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

// Whatever two runs of the unchanged application say: two that say the same are as one; a second one excuses nothing that
// the first did not; and their order makes no difference to the verdict.
func TestJudgeAllAnything(t *testing.T) {
	draw := func(t *rapid.T, label string) Result {
		r := ended(rapid.SampledFrom([]Status{Passed, LeftChildren, Failed, NotFound, TimedOut, Killed, NoTests}).Draw(t, label), rapid.IntRange(0, 3).Draw(t, label+" code"))
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"m", "n", "m::a", "m::b", "m.C::c", "n::a"}), rapid.ID[string]).Draw(t, label+" tests") {
			r.Tests = append(r.Tests, Test{Name: name, Outcome: rapid.SampledFrom([]string{TestPassed, TestFailed, TestError, TestSkipped}).Draw(t, name)})
		}
		return *r
	}
	rapid.Check(t, func(t *rapid.T) {
		one, two, after := draw(t, "one"), draw(t, "two"), draw(t, "after")
		alone := Judge(&one, after)
		if v := JudgeAll([]Result{one, one}, after); v.Status != alone.Status || !slices.Equal(v.New, alone.New) || !slices.Equal(v.Before, alone.Before) {
			t.Fatalf("the same twice: %+v, once: %+v", v, alone)
		}
		v, turned := JudgeAll([]Result{one, two}, after), JudgeAll([]Result{two, one}, after)
		if v.Status != turned.Status {
			t.Fatalf("%+v, the other way round %+v", v, turned)
		}
		if alone.Status == VerdictFailed && v.Status != VerdictFailed {
			t.Fatalf("%+v, excused by a second run: %+v", alone, v)
		}
		for _, name := range v.Before {
			if !slices.Contains(alone.Before, name) {
				t.Fatalf("%s is excused by the second run alone: %+v", name, v)
			}
		}
	})
}

func TestByChance(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []*Result
		want string
	}{
		{"one run", []*Result{ended(Failed, 1, "m::a failed")}, "[]"},
		{"always", []*Result{ended(Failed, 1, "m::a failed"), ended(Failed, 1, "m::a error")}, "[]"},
		{"one of two", []*Result{ended(Failed, 1, "m::b passed", "m::a failed"), ended(Passed, 0, "m::a passed", "m::b passed")}, "[{m::a 1 2}]"},
		{"each once", []*Result{ended(Failed, 1, "m::b passed", "m::a failed"), ended(Failed, 1, "m::a passed", "m::b failed")}, "[{m::a 1 2} {m::b 1 2}]"},
		{"skipped once more", []*Result{ended(Failed, 1, "m::a failed"), ended(Passed, 0, "m::a skipped")}, "[{ 1 2}]"},
		{"without a report", []*Result{ended(Failed, 1), ended(Passed, 0)}, "[{ 1 2}]"},
		{"without a report, always", []*Result{ended(Failed, 1), ended(Failed, 1)}, "[]"},
		{"no end", []*Result{ended(Failed, 1), ended(Killed, -1)}, "[]"},
	} {
		var runs []Result
		for _, r := range c.runs {
			runs = append(runs, *r)
		}
		if got := fmt.Sprint(ByChance(runs)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for name, want := range map[string][2]bool{"m::a": {true, true}, "m::b": {false, true}, "m::c": {false, false}, "m::d": {false, false}, "m::d (no longer collected)": {true, true}, "m::b (no longer collected)": {false, true}} {
		if fails, ran := Fails(*ended(Failed, 1, "m::a error", "m::b passed", "m::c skipped"), name); fails != want[0] || ran != want[1] {
			t.Errorf("%s: fails %t, ran %t", name, fails, ran)
		}
	}
}
