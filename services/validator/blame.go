package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// baseline runs the tests of the unchanged application: what fails there is not blamed on the change. The result
// is kept: a base is tested once, however many changes stand on it.
func (w *work) baseline(ctx context.Context, st *report.Step) error {
	c := w.eff.Checks.Tests
	if skip, err := w.skips(w.main, c); err != nil || skip != "" {
		st.Status, st.Detail = report.StepSkipped, skip
		return err
	}
	st.Command = c.Command.String()
	cached, err := w.askKnown(ctx, report.StepTests, *c)
	if err != nil {
		return err
	}
	st.Cached = cached
	if len(w.known[report.StepTests]) == 0 {
		st.Status, st.Detail = report.StepSkipped, "the unchanged application could not be built, so it is not known what failed before"
		return nil
	}
	r := w.known[report.StepTests][0]
	if err := w.log(ctx, st, r.Log); err != nil {
		return err
	}
	st.Tests = counts(r, check.Verdict{})
	st.Detail = "passes"
	if !r.OK() {
		st.Status, st.Detail = report.StepWarned, clean(r.Detail)
	}
	return nil
}

// ask has a check of the unchanged application run.
func (w *work) ask(ctx context.Context, name string, c application.Check) error {
	_, err := w.askKnown(ctx, name, c)
	return err
}

// askKnown is ask, and says whether the answer was known. An application that can't be built without the change, too,
// has none.
func (w *work) askKnown(ctx context.Context, name string, c application.Check) (cached bool, err error) {
	if w.plain == nil {
		w.plain, err = w.unchanged(ctx)
		if err != nil {
			return false, w.unknown(err)
		}
	}
	key := w.baselineKey(name, c)
	if runs := w.recall(key); len(runs) > 0 {
		w.known[name] = runs[:1:1]
		if len(runs) > 1 {
			w.second[name] = &runs[1]
		}
		return true, nil
	}
	if err := w.built(ctx, w.plain); err != nil {
		return false, w.unknown(err)
	}
	r, err := w.check(ctx, w.plain, name, c)
	if changed, ok := w.main.results[name]; err == nil && !r.OK() && (ok && !changed.OK() || r.Status == check.Killed) {
		var again bool
		if again, err = w.alone(ctx, w.plain, name, c); again && err == nil { // it came to no end, and would leave the change without an excuse
			r = w.plain.results[name]
		}
	}
	if err != nil {
		return false, w.unknown(err)
	}
	w.known[name] = []check.Result{r}
	if _, again := w.plain.again[name]; w.plain.aside[name] != nil && !again && !r.OK() {
		return false, nil // it may have been the others' doing: not for the next change, unless it is confirmed
	}
	return false, w.remember(key, r)
}

// unknown notes why nothing is known of the unchanged application. What may go away by itself is an error.
func (w *work) unknown(err error) error {
	h := judge(err)
	if h == nil && !installFailed(err) {
		return err
	}
	if note := "the unchanged application could not be tested: " + clean(err.Error()); !slices.Contains(w.v.Notes, note) {
		w.v.Notes = append(w.v.Notes, note)
	}
	return nil
}

// unchanged is the application as the base has it, not yet installed.
func (w *work) unchanged(ctx context.Context) (*trial, error) {
	dir, err := w.folder("base")
	if err != nil {
		return nil, err
	}
	t, err := w.variant(ctx, dir, nil)
	if err != nil {
		return nil, err
	}
	if err := w.choose(ctx, t); err != nil {
		return nil, err
	}
	return t, nil
}

// built installs a variant that is not installed yet.
func (w *work) built(ctx context.Context, t *trial) error {
	if _, err := os.Stat(filepath.Join(t.dir, venvDir)); err == nil {
		return nil
	}
	_, err := w.installed(ctx, t)
	return err
}

// baselineKey names what decides how a check of the unchanged application ends.
func (w *work) baselineKey(name string, c application.Check) string {
	var files []string
	all := slices.Concat(w.plain.ship, w.plain.tests)
	if slices.ContainsFunc(all, isSource) {
		all = append(all, w.tools...)
	}
	for _, x := range all {
		files = append(files, x.File.Name+" "+x.File.Hashes["sha256"])
	}
	slices.Sort(files)
	key, err := json.Marshal([]any{"baseline/v1", w.v.Application, w.v.Remote, w.app.Path, w.base.Commit, files, w.python, name, c, w.dock.Level(), w.v.Inputs.Installer, w.s.cfg.Memory})
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(digestOf(key), "sha256:")
}

// kept is a result as it is kept for the next change. Again is that of a second run of the unchanged application: without
// it what failed excuses nothing.
type kept struct {
	Result check.Result `json:"result"`
	Log    []byte       `json:"log"`
	Again  *kept        `json:"again,omitempty"`
}

func (k *kept) read() check.Result {
	k.Result.Log = k.Log
	return k.Result
}

func (w *work) baselines() string { return filepath.Join(w.s.cfg.Dir, "baselines") }

// recall reads kept results, those of one run or of two; what can't be read is none.
func (w *work) recall(key string) []check.Result {
	var k kept
	data, err := os.ReadFile(filepath.Join(w.baselines(), key+".json"))
	if key == "" || err != nil || json.Unmarshal(data, &k) != nil {
		return nil
	}
	runs := []check.Result{k.read()}
	if k.Again != nil {
		runs = append(runs, k.Again.read())
	}
	return runs
}

// remember keeps the results of one run or of two. A check that was stopped by a limit says something of this host's day,
// so it is not kept.
func (w *work) remember(key string, runs ...check.Result) error {
	var k *kept
	for _, r := range slices.Backward(runs) {
		if key == "" || r.Status != check.Passed && r.Status != check.Failed && r.Status != check.LeftChildren {
			return nil
		}
		k = &kept{r, r.Log, k}
	}
	return w.store(key, k)
}

// store writes what is kept from one validation to the next.
func (w *work) store(key string, v any) error {
	if err := os.MkdirAll(w.baselines(), 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(w.baselines(), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(w.baselines(), key+".json"))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// blame finds the smallest updates that fail, by trying fewer and fewer of them. What was not found out by then
// is said: all that is known to fail is named, and not proved.
func (w *work) blame(ctx context.Context, end *halt) error {
	if len(w.v.Failing) > 0 || end.kind == events.RejectedChanged {
		return nil
	}
	if w.blamed == nil {
		w.failing(w.updates)
		return nil
	}
	groups := byPackage(w.updates)
	st := report.Step{Name: report.StepBisect, Status: report.StepPassed, Started: w.s.now().UTC()}
	if end.vague != "" {
		st.Status = report.StepSkipped
		w.unpinned(st, end.vague)
		return nil
	}
	began := time.Now()
	w.s.progress(ctx, w.v.Application, w.v.Change, &Progress{Step: st.Name, Detail: fmt.Sprintf("%d packages", len(groups)), N: len(steps), Of: len(steps), Since: st.Started, Worker: w.s.holder})
	whole, leave := context.WithDeadline(ctx, w.until)
	defer leave()
	search, cancel := context.WithDeadline(whole, began.Add(w.s.cfg.Limit/bisectShare))
	defer cancel()
	found, pinned, err := smallest(search, whole, len(groups), func(ctx context.Context, subset []int) (bisect.Outcome, error) {
		var some []report.Update
		for _, i := range subset {
			some = append(some, groups[i]...)
		}
		return w.try(ctx, some)
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("find what fails in change %s: %w", w.v.Change, context.Cause(ctx))
	case err != nil && search.Err() == nil && w.facts.Attempt < giveUp:
		return fmt.Errorf("find what fails in change %s: %w", w.v.Change, err)
	case err != nil:
		w.v.Notes = append(w.v.Notes, "not all sets could be tried: "+clean(err.Error()))
	}
	st.Seconds = seconds(time.Since(began))
	if !pinned {
		st.Status = report.StepWarned
		why := "nothing smaller than the whole was found in the time there is"
		if err == nil {
			why = "what was found to fail does not fail when it is tried once more: it comes and goes, and may be no update's fault"
		} else if len(found.Minimal) < len(groups) {
			why = "what was found to fail could not be tried once more"
		}
		w.unpinned(st, fmt.Sprintf("%s; %d sets were tried", why, found.Trials))
		return nil
	}
	var names []string
	for _, i := range found.Minimal {
		w.v.Failing = append(w.v.Failing, groups[i]...)
		names = append(names, groups[i][0].Package+" "+groups[i][0].To)
	}
	w.v.Proved = found.Complete
	st.Detail = fmt.Sprintf("%s; %d sets were tried", joined(names), found.Trials)
	if !found.Complete {
		st.Status = report.StepWarned
		st.Detail += "; it may be fewer or others, the search came to no sure end"
	}
	w.v.Steps = append(w.v.Steps, st)
	w.v.Reason = clean(fmt.Sprintf("%s: %s", joined(names), w.v.Reason))
	w.crossed(st.Name)
	return nil
}

// unpinned names no update: a wrong one would be held back, and the right one let through with the next plan. What is
// named by none reaches the whole change (planner).
func (w *work) unpinned(st report.Step, why string) {
	st.Detail = why
	w.v.Steps = append(w.v.Steps, st)
	w.v.Notes = append(w.v.Notes, "no update can be named: "+why)
	w.v.Reason = clean("it failed, and could not be pinned on an update: " + w.v.Reason)
	w.crossed(st.Name)
}

// smallest is the smallest of n that fail, where that fails once more (pinned): what was found by chance is told of
// nobody. One alone is not tried: there is nobody else to blame. What the time for the search leaves of the whole is for
// the second try.
func smallest(search, whole context.Context, n int, try bisect.Trial) (found bisect.Found, pinned bool, err error) {
	found, err = bisect.Smallest(search, n, try, bisect.Options{})
	switch {
	case n == 1:
		return found, true, err
	case err != nil && (search.Err() == nil || len(found.Minimal) == n):
		return found, false, err
	}
	found.Trials++
	out, terr := try(whole, slices.Clone(found.Minimal))
	if terr != nil {
		return found, false, errors.Join(err, terr)
	}
	if pinned = out == bisect.Fails; !pinned {
		err = nil // it came to an end: nobody can be named
	}
	return found, pinned, err
}

// try builds a variant with some of the updates and asks whether it fails as the change did.
func (w *work) try(ctx context.Context, updates []report.Update) (out bisect.Outcome, err error) {
	dir, err := w.folder("try")
	if err != nil {
		return bisect.Unresolved, err
	}
	defer func() {
		err = errors.Join(err, artifact.Remove(dir), removeIfThere(filepath.Join(w.dir, "overlay-try")))
	}()
	t, err := w.variant(ctx, dir, updates)
	if err == nil {
		err = w.choose(ctx, t)
	}
	if err != nil {
		if ctx.Err() == nil && judge(err) == nil { // these updates do not go into the manifests without the others
			return bisect.Unresolved, nil
		}
		return outcome(err)
	}
	return w.blamed(ctx, t)
}

func removeIfThere(dir string) error {
	if _, err := os.Lstat(dir); missing(err) {
		return nil
	}
	return artifact.Remove(dir)
}

// byPackage puts the updates of a package together: it moves in all its files or in none.
func byPackage(updates []report.Update) [][]report.Update {
	at := map[string]int{}
	var out [][]report.Update
	for _, u := range updates {
		i, ok := at[u.Package]
		if !ok {
			i = len(out)
			at[u.Package] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], u)
	}
	return out
}

func sameVersion(a, b string) bool {
	va, erra := pep440.Parse(a)
	vb, errb := pep440.Parse(b)
	return a == b || erra == nil && errb == nil && va.Equal(vb)
}
