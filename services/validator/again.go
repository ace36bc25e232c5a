package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/report"
)

// One run of a test that fails by chance says nothing, and what says nothing neither holds a change back nor lets it
// through. So what fails with the change is run once more before it counts against it, and what failed without the
// change is run once more before it excuses it. Whoever passes is believed at once: an application whose tests pass
// pays nothing.

// once is which run is to be made once more before anything is decided.
type once string

const (
	nobody     once = ""
	theChanged once = "changed"
	thePlain   once = "unchanged"
)

// tried are the runs that were asked for once more, whether or not they came to a result.
type tried struct{ changed, unchanged bool }

// decide is what the runs of a check say of the change, or which run has to be made once more before that can be said;
// at most one of each is. By test, with what failed with the change and what did without it:
//
//	without it        passes     fails, then passes   fails twice
//	passes            passed     warned               failed
//	fails twice       passed     warned               warned
//	fails by chance   passed     warned               failed
//	not known         passed     warned               failed
//
// Of two runs with the change the later one counts, whole: a run must pass, but for what failed twice without the change.
// What fails by chance without the change and twice with it may have been broken for good or not. Two runs can't tell, and
// ten could not for sure: who runs a bank's payments would rather look at one test too many than ship one that broke, so
// it fails, and says that the test fails by chance.
func decide(before, with []check.Result, t tried) (check.Verdict, once) {
	after := with[len(with)-1]
	v := check.JudgeAll(before, after)
	alone := len(before) == 1 && (before[0].OK() || before[0].Status == check.Failed)
	if after.OK() {
		if len(with) > 1 && v.Status == check.VerdictPassed {
			v.Status = check.VerdictWarned
		}
		if len(with) > 1 {
			v.Detail += "; it failed when it ran first"
		}
		return v, nobody
	}
	if v.Status == check.VerdictWarned && len(before) == 1 {
		if !t.unchanged {
			return v, thePlain
		}
		v.Status = check.VerdictFailed
		v.Detail += "; there it failed once, which excuses nothing, and it could not be run once more"
	}
	switch {
	case v.Status == check.VerdictWarned:
		return v, nobody
	case !t.changed:
		return v, theChanged
	case v.Status == check.VerdictFailed && after.Status == check.Failed && alone && !t.unchanged: // nobody is blamed for what comes and goes
		return v, thePlain
	}
	return v, nobody
}

// settled is what a check of the changed application says, and what that says of the change: with the unchanged one asked
// where it is to be compared with that, and each once more where decide wants it.
func (w *work) settled(ctx context.Context, st *report.Step, name string, c application.Check) (check.Result, check.Verdict, error) {
	after, err := w.proved(ctx, st, name, c)
	if installFailed(err) {
		return after, check.Verdict{}, w.untestable(ctx, err)
	}
	if err == nil {
		err = w.said(ctx, st, after)
	}
	if err == nil && !after.OK() && w.known[name] == nil {
		err = w.ask(ctx, name, c)
	}
	var t tried
	for err == nil {
		v, more := decide(w.known[name], w.main.runs(name), t)
		switch more {
		case nobody:
			st.Flaky = flaky(w.known[name], w.main.runs(name))
			if all := chances(st.Flaky); len(all) > 0 {
				v.Detail += "; fails by chance: " + told(all)
			}
			return after, v, nil
		case theChanged:
			t.changed = true
			again := false
			if again, err = w.alone(ctx, w.main, name, c); again && err == nil {
				after = w.main.results[name]
				err = w.said(ctx, st, after)
			}
		case thePlain:
			t.unchanged = true
			if err = w.confirm(ctx, name, c); v.Status == check.VerdictFailed && errors.Is(context.Cause(ctx), errLimit) {
				err = nil // it fails either way
			}
		}
	}
	return after, check.Verdict{}, err
}

// confirm runs a check of the unchanged application once more, or remembers how it ended then. It is a step of its own, by
// itself.
func (w *work) confirm(ctx context.Context, name string, c application.Check) error {
	st := report.Step{Name: report.StepConfirm, Status: report.StepPassed, Command: c.Command.String(), Started: w.s.now().UTC()}
	now := w.doing
	now.Detail, now.Since = "the unchanged application once more", st.Started
	w.s.progress(ctx, w.v.Application, w.v.Change, &now)
	began := time.Now()
	r := w.second[name]
	if st.Cached = r != nil; !st.Cached {
		made, err := w.plainAgain(ctx, name, c)
		if err != nil {
			return w.unknown(err)
		}
		r = &made
	}
	w.known[name] = append(slices.Clip(w.known[name]), *r)
	st.Seconds = seconds(time.Since(began))
	if r.ExitCode >= 0 {
		st.ExitCode = &r.ExitCode
	}
	st.Tests = counts(*r, check.Verdict{})
	st.Detail = name + " of the unchanged application: " + cmp.Or(clean(r.Detail), "passes")
	if !r.OK() {
		st.Status = report.StepWarned
	}
	if err := w.log(ctx, &st, r.Log); err != nil {
		return err
	}
	w.v.Steps = append(w.v.Steps, st)
	w.crossed(st.Name)
	return nil
}

// plainAgain makes the second run of the unchanged application, and keeps it beside the first for the next change.
func (w *work) plainAgain(ctx context.Context, name string, c application.Check) (check.Result, error) {
	if err := w.built(ctx, w.plain); err != nil {
		return check.Result{}, err
	}
	delete(w.plain.results, name)
	r, err := w.check(ctx, w.plain, name, c)
	if err == nil && r.Status == check.Killed {
		if _, err = w.alone(ctx, w.plain, name, c); err == nil {
			r = w.plain.results[name]
		}
	}
	if err != nil {
		return r, err
	}
	return r, w.remember(w.baselineKey(name, c), w.known[name][0], r)
}

// runs are those of a check of a variant that count, in their order. What failed beside others and passes by itself was
// their doing.
func (t *trial) runs(name string) []check.Result {
	now := t.results[name]
	first, again := t.again[name]
	if !again || first.Status != check.Failed || t.aside[name] != nil && now.OK() {
		return []check.Result{now}
	}
	return []check.Result{first, now}
}

// flaky are the tests that came to different ends with nothing changed in between, without the change or with it.
func flaky(before, with []check.Result) []report.Flaky {
	var names []string
	for _, t := range slices.Concat(check.ByChance(before), check.ByChance(with)) {
		if !slices.Contains(names, t.Name) && len(names) < maxNames {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	var out []report.Flaky
	for _, name := range names {
		b, a := check.Count(before, name), check.Count(with, name)
		out = append(out, report.Flaky{Test: name, Before: report.Runs{Failed: b.Failed, Of: b.Runs}, After: report.Runs{Failed: a.Failed, Of: a.Runs}})
	}
	return out
}

// chances says of each how often it failed.
func chances(all []report.Flaky) []string {
	var out []string
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s (failed in %s without the change, in %s with it)", cmp.Or(f.Test, "the check itself"), runsOf(f.Before), runsOf(f.After)))
	}
	return out
}

func runsOf(r report.Runs) string {
	if r.Of == 1 {
		return fmt.Sprintf("%d of 1 run", r.Failed)
	}
	return fmt.Sprintf("%d of %d runs", r.Failed, r.Of)
}

// steady are the tests of a verdict that fail whenever they run with the change and never without it: by them a culprit can
// be looked for. Some of New, and none of them steady: what fails comes and goes, so it tells no update from another.
func steady(before, with []check.Result, v check.Verdict) (names []string, ok bool) {
	if len(v.New) == 0 {
		whole := check.Count(before, "")
		return nil, whole.Failed == 0 || whole.Failed > 1 && whole.Failed == whole.Runs
	}
	for _, name := range v.New {
		always := !slices.ContainsFunc(with, func(r check.Result) bool { fails, _ := check.Fails(r, name); return !fails })
		if always && check.Count(before, name).Failed == 0 {
			names = append(names, name)
		}
	}
	return names, len(names) > 0
}
