package check

import (
	"slices"
	"strings"
)

// JudgeAll is Judge beside several runs of the unchanged application: only what failed in all of them excuses. What
// failed in one and passed in another fails by chance, and so counts as what passed. Without a run it is Judge(nil, after).
func JudgeAll(before []Result, after Result) Verdict {
	if len(before) == 0 {
		return Judge(nil, after)
	}
	var v Verdict
	common := inAll(before)
	for i, b := range before {
		b.Tests = common
		if one := Judge(&b, after); i == 0 || severity(one.Status) > severity(v.Status) {
			v = one
		}
	}
	return v
}

func severity(status string) int {
	return slices.Index([]string{VerdictPassed, VerdictWarned, VerdictUnknown, VerdictFailed}, status)
}

// inAll are tests as several runs of the same agree on them: passed in one is passed, failed is what failed in each,
// itself or with the module that holds it. A test that failed in some runs and was not run in the others is left out:
// nobody knows.
func inAll(runs []Result) []Test {
	if len(runs) == 1 {
		return runs[0].Tests
	}
	all := make([]map[string]string, len(runs))
	for i, r := range runs {
		all[i] = make(map[string]string, len(r.Tests))
		for _, t := range r.Tests {
			all[i][t.Name] = t.Outcome
		}
	}
	var out []Test
	seen := map[string]bool{}
	for _, r := range runs {
		for _, t := range r.Tests {
			if seen[t.Name] {
				continue
			}
			seen[t.Name] = true
			if t.Outcome = agreed(all, t.Name); t.Outcome != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// agreed is how a test ended in all runs; empty: that can't be said.
func agreed(runs []map[string]string, name string) string {
	failed, skipped := 0, false
	for _, run := range runs {
		switch was, there := run[name]; {
		case was == TestPassed:
			return TestPassed
		case was == TestSkipped:
			skipped = true
		case there || moduleFailed(run, name):
			failed++
		}
	}
	switch {
	case failed == len(runs):
		return TestFailed
	case skipped:
		return TestSkipped
	}
	return ""
}

// Tally counts how a test ended in several runs of the same. Name is empty for the check as a whole.
type Tally struct {
	Name   string
	Failed int // runs in which it failed
	Runs   int // in which it came to an end
}

// Count is the tally of a test, named as in a report or as in a verdict, or (name is empty) of the check as a whole. A
// test whose module fails has failed.
func Count(runs []Result, name string) Tally {
	name = strings.TrimSuffix(name, noLonger)
	t := Tally{Name: name}
	for _, r := range runs {
		ran, failed := r.OK() || r.Status == Failed, !r.OK()
		if name != "" {
			was := map[string]string{}
			for _, x := range r.Tests {
				was[x.Name] = x.Outcome
			}
			outcome, there := was[name]
			failed = outcome == TestFailed || outcome == TestError || !there && moduleFailed(was, name)
			ran = failed || outcome == TestPassed
		}
		if ran {
			t.Runs++
		}
		if ran && failed {
			t.Failed++
		}
	}
	return t
}

// ByChance are the tests that failed in some of several runs of the same and passed in others, sorted by name. Where no
// single test explains it, and the check as a whole did so, it is that.
func ByChance(runs []Result) []Tally {
	var out []Tally
	seen := map[string]bool{}
	for _, r := range runs {
		for _, t := range r.Tests {
			if seen[t.Name] || !failing(t) {
				continue
			}
			seen[t.Name] = true
			if n := Count(runs, t.Name); n.Failed < n.Runs {
				out = append(out, n)
			}
		}
	}
	slices.SortFunc(out, func(a, b Tally) int { return strings.Compare(a.Name, b.Name) })
	if whole := Count(runs, ""); len(out) == 0 && whole.Failed > 0 && whole.Failed < whole.Runs {
		out = append(out, whole)
	}
	return out
}

// Fails reports whether a test that a verdict names under New fails in a run, too; ran: whether that run tells of it.
func Fails(r Result, name string) (fails, ran bool) {
	name, gone := strings.CutSuffix(name, noLonger)
	for _, t := range r.Tests {
		if t.Name == name {
			return failing(t), t.Outcome != TestSkipped
		}
	}
	return gone && r.Status == Failed, gone && r.Status == Failed
}
