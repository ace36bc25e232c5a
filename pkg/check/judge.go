package check

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what a check says of a change. The lists name at most 100 tests each; the detail counts all.
type Verdict struct {
	Status string   `json:"status"`           // passed, warned, failed or unknown
	New    []string `json:"new,omitempty"`    // tests that fail, and are not known to have failed before
	Before []string `json:"before,omitempty"` // tests that fail, and failed before
	Fixed  []string `json:"fixed,omitempty"`  // tests that failed before and pass now
	Detail string   `json:"detail"`           // the reason, in a sentence
}

// The statuses of a verdict.
const (
	VerdictPassed  = "passed"
	VerdictWarned  = "warned"  // nothing speaks against the change, and somebody should look
	VerdictFailed  = "failed"  // the change is to blame, or not known to be innocent
	VerdictUnknown = "unknown" // nothing is known of the change: there are no tests, or they say nothing without it either
)

// Judge compares the check of a changed application with that of the unchanged one; nil: there is none.
//
//	after                    before                   verdict
//	passed                   whatever                 passed; warned if tests that passed are not run any more, if its
//	                                                  own report says that tests fail, or that not one was run
//	no tests                 tests that passed        failed; else unknown
//	not found                none, not found          unknown: what the check names is wrong, not the change
//	timeout, killed, limit   the same                 unknown: it says nothing of either
//	not passed               none, or not to its end  failed, and not known whether it failed before
//	failed                   failed                   by test: failed if one fails that did not; else warned.
//	                                                  without a report: warned if the exit code is the same, else failed
//	not passed               passed                   failed
//
// A test that passed and is not there any more fails newly when the run failed: what holds it can't be imported.
func Judge(before *Result, after Result) Verdict {
	v := verdict(before, after)
	v.New, v.Before, v.Fixed = first(v.New), first(v.Before), first(v.Fixed)
	v.Detail = word(v.Detail, maxDetail)
	return v
}

func verdict(before *Result, after Result) Verdict {
	c := compare(before, after)
	v := Verdict{New: c.fresh, Before: c.before, Fixed: c.fixed}
	give := func(status, format string, args ...any) Verdict {
		v.Status, v.Detail = status, fmt.Sprintf(format, args...)
		return v
	}
	unknown := "it is not known whether it failed before the change"
	ended := before != nil && (before.OK() || before.Status == Failed)
	switch {
	case after.Status == NoTests:
		if c.passed > 0 {
			return give(VerdictFailed, "%s; without the change %s passed", after.Detail, tests(c.passed))
		}
		return give(VerdictUnknown, "%s: nothing is known of the change", after.Detail)
	case after.OK():
		return passed(v, c, before, after)
	case after.Status == NotFound && (before == nil || before.Status == NotFound):
		return give(VerdictUnknown, "%s", after.Detail)
	case before == nil:
		return give(VerdictFailed, "%s; %s: there is no run without it", after.Detail, unknown)
	case !ended && before.Status == after.Status:
		return give(VerdictUnknown, "%s; without the change it ended the same way (%s), which says nothing of the change", after.Detail, before.Status)
	case !ended:
		return give(VerdictFailed, "%s; %s: the run without it says nothing (%s: %s)", after.Detail, unknown, before.Status, before.Detail)
	case before.Status == Failed && len(before.Tests) == 0 && len(after.Tests) > 0:
		return give(VerdictFailed, "%s; %s: the run without it ended before it reported any test (%s)", after.Detail, unknown, before.Detail)
	case len(c.fresh) > 0:
		text := fmt.Sprintf("%s newly: %s", fail(len(c.fresh)), strings.Join(c.fresh[:min(len(c.fresh), 3)], ", "))
		if len(c.fresh) > 3 {
			text += " …"
		}
		if c.unseen > 0 && !before.OK() {
			text += fmt.Sprintf("; %d of them not run without the change, where it is not known whether they fail", c.unseen)
		}
		return give(VerdictFailed, "%s; %s", text, after.Detail)
	case before.OK():
		return give(VerdictFailed, "%s; it passed without the change", after.Detail)
	case after.Status != Failed || after.ExitCode != before.ExitCode && (len(c.before) == 0 || !ofTests(after) || !ofTests(*before)):
		return give(VerdictFailed, "%s; without the change it ended otherwise: %s", after.Detail, before.Detail)
	case len(c.before) > 0:
		return give(VerdictWarned, "%s, and failed before the change too", fail(len(c.before)))
	case len(before.Tests) > 0 && len(after.Tests) > 0:
		return give(VerdictWarned, "%s, and the same without the change", after.Detail)
	}
	return give(VerdictWarned, "%s, and the same without the change; without a report of single tests it is not known whether for the same reason", after.Detail)
}

// ofTests reports whether the exit code is one that tests that fail explain: pytest's 1, or 2 where a module can't be
// imported.
func ofTests(r Result) bool { return r.ExitCode == 1 || r.ExitCode == 2 }

// passed is the verdict of a check that passed: warned if it says less than it did.
func passed(v Verdict, c comparison, before *Result, after Result) Verdict {
	v.Status, v.Detail = VerdictPassed, strings.TrimSpace("passed "+note(after.Detail))
	ran := func(t Test) bool { return t.Outcome != TestSkipped }
	switch {
	case len(after.Tests) > 0 && !slices.ContainsFunc(after.Tests, ran): // pytest ends with 0
		v.Status, v.Detail = VerdictWarned, fmt.Sprintf("passed by its exit code, but not one test was run: of %d all are skipped", len(after.Tests))
	case len(c.fresh) > 0: // pytest || true
		v.Status, v.Detail = VerdictWarned, fmt.Sprintf("passed by its exit code, but by its report %s, not known to have failed before: %s", fail(len(c.fresh)), strings.Join(c.fresh[:min(len(c.fresh), 10)], ", "))
	case len(c.before) > 0:
		v.Status, v.Detail = VerdictWarned, fmt.Sprintf("passed by its exit code, but by its report %s, and failed before the change too: %s", fail(len(c.before)), strings.Join(c.before[:min(len(c.before), 10)], ", "))
	case before == nil:
	case len(before.Tests) > 0 && len(after.Tests) == 0:
		v.Status, v.Detail = VerdictWarned, fmt.Sprintf("passed, but it reports no single tests any more, of which there were %d", len(before.Tests))
	case len(c.gone) > 0:
		v.Status, v.Detail = VerdictWarned, fmt.Sprintf("passed, but no longer with %s that passed without the change: %s", tests(len(c.gone)), strings.Join(c.gone[:min(len(c.gone), 10)], ", "))
	}
	return v
}

func note(detail string) string {
	if detail == "" {
		return ""
	}
	return "(" + detail + ")"
}

// comparison is of single tests.
type comparison struct {
	fresh, before, fixed []string // as in Verdict
	gone                 []string // that passed, and are not run now
	passed               int      // without the change
	unseen               int      // fail, and were not run without the change
}

// noLonger is added to the name of a test that passed, and is not there in a run that failed.
const noLonger = " (no longer collected)"

func compare(before *Result, after Result) comparison {
	var c comparison
	old, now := map[string]string{}, map[string]string{}
	if before != nil {
		for _, t := range before.Tests {
			old[t.Name] = t.Outcome
		}
	}
	for _, t := range after.Tests {
		now[t.Name] = t.Outcome
		was, seen := old[t.Name]
		switch failed := was == TestFailed || was == TestError; {
		case failing(t) && (failed || !seen && moduleFailed(old, t.Name)):
			c.before = append(c.before, t.Name)
		case failing(t):
			c.fresh = append(c.fresh, t.Name)
			if !seen {
				c.unseen++
			}
		case failed && t.Outcome == TestPassed:
			c.fixed = append(c.fixed, t.Name)
		}
	}
	if before == nil {
		return c
	}
	for _, t := range before.Tests {
		if t.Outcome != TestPassed {
			continue
		}
		c.passed++
		is, there := now[t.Name]
		if !there && (after.Status == Failed || !after.OK() && len(now) > 0) { // who is killed writes no report at all
			c.fresh = append(c.fresh, t.Name+noLonger)
		}
		if !there || is == TestSkipped {
			c.gone = append(c.gone, t.Name)
		}
	}
	return c
}

// moduleFailed reports whether what holds a test could not be collected: pytest reports that as a test named like
// the module.
func moduleFailed(old map[string]string, name string) bool {
	class, _, _ := strings.Cut(name, "::")
	for class != "" {
		if was := old[class]; was == TestError || was == TestFailed {
			return true
		}
		at := strings.LastIndexByte(class, '.')
		class = class[:max(at, 0)]
	}
	return false
}

func first(names []string) []string { return names[:min(len(names), maxListed)] }

func tests(n int) string {
	if n == 1 {
		return "one test"
	}
	return fmt.Sprintf("%d tests", n)
}

func fail(n int) string {
	if n == 1 {
		return "one test fails"
	}
	return tests(n) + " fail"
}
