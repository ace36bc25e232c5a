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
	r := w.known[report.StepTests]
	st.Cached = cached
	if r == nil {
		st.Status, st.Detail = report.StepSkipped, "the unchanged application could not be built, so it is not known what failed before"
		return nil
	}
	if err := w.log(ctx, st, r.Log); err != nil {
		return err
	}
	st.Tests = counts(*r, check.Verdict{})
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
	if r := w.recall(key); r != nil {
		w.known[name] = r
		return true, nil
	}
	if err := w.built(ctx, w.plain); err != nil {
		return false, w.unknown(err)
	}
	r, err := w.check(ctx, w.plain, name, c)
	if changed, ok := w.main.results[name]; err == nil && !r.OK() && (ok && !changed.OK() || r.Status == check.Killed) {
		var again bool
		if again, err = w.alone(ctx, w.plain, name, c); again && err == nil { // it would excuse the change, or leave it without an excuse
			r = w.plain.results[name]
		}
	}
	if err != nil {
		return false, w.unknown(err)
	}
	w.known[name] = &r
	if w.plain.aside[name] != nil && w.plain.again[name] == "" && !r.OK() {
		return false, nil // it may have been the others' doing: not for the next change
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

// kept is a result as it is kept for the next change.
type kept struct {
	Result check.Result `json:"result"`
	Log    []byte       `json:"log"`
}

func (w *work) baselines() string { return filepath.Join(w.s.cfg.Dir, "baselines") }

// recall reads a kept result; one that can't be read is none.
func (w *work) recall(key string) *check.Result {
	var k kept
	data, err := os.ReadFile(filepath.Join(w.baselines(), key+".json"))
	if key == "" || err != nil || json.Unmarshal(data, &k) != nil {
		return nil
	}
	k.Result.Log = k.Log
	return &k.Result
}

// remember keeps a result. A check that was stopped by a limit says something of this host's day, so it is not kept.
func (w *work) remember(key string, r check.Result) error {
	if key == "" || r.Status != check.Passed && r.Status != check.Failed && r.Status != check.LeftChildren {
		return nil
	}
	return w.store(key, kept{r, r.Log})
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

// fails says whether a variant can't be installed, or does not go together, as the change. What fails otherwise, such as
// a package that the unchanged application can't install either, tells nothing.
func (w *work) fails(ctx context.Context, t *trial) (bisect.Outcome, error) {
	err := w.built(ctx, t)
	if err == nil {
		err = w.fits(ctx, t)
	}
	switch {
	case err == nil:
		return bisect.Passes, nil
	case alike(err, w.failed):
		return bisect.Fails, nil
	case installFailed(err):
		return bisect.Unresolved, nil
	}
	return outcome(err)
}

// failsAs says whether a check fails in a variant, as it did in the change.
func (w *work) failsAs(name string, c application.Check) culprit {
	return func(ctx context.Context, t *trial) (bisect.Outcome, error) {
		if err := w.built(ctx, t); err != nil {
			if installFailed(err) {
				return bisect.Unresolved, nil
			}
			return outcome(err)
		}
		r, err := w.check(ctx, t, name, c)
		if err != nil {
			return outcome(err)
		}
		switch check.Judge(w.known[name], r).Status {
		case check.VerdictFailed:
			return bisect.Fails, nil
		case check.VerdictPassed, check.VerdictWarned:
			return bisect.Passes, nil
		}
		return bisect.Unresolved, nil
	}
}

// failsForTests says whether what the tests need can't be installed in a variant, as it could not in the change.
func (w *work) failsForTests(failed error) culprit {
	return func(ctx context.Context, t *trial) (bisect.Outcome, error) {
		err := w.built(ctx, t)
		if installFailed(err) {
			return bisect.Unresolved, nil
		}
		if err == nil {
			err = w.addTests(ctx, t)
		}
		switch {
		case err == nil:
			return bisect.Passes, nil
		case alike(err, failed):
			return bisect.Fails, nil
		case installFailed(err):
			return bisect.Unresolved, nil
		}
		return outcome(err)
	}
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
	began := time.Now()
	w.s.progress(ctx, w.v.Application, w.v.Change, &Progress{Step: st.Name, Detail: fmt.Sprintf("%d packages", len(groups)), N: len(steps), Of: len(steps), Since: st.Started, Worker: w.s.holder})
	limited, cancel := context.WithDeadline(ctx, earlier(began.Add(w.s.cfg.Limit/bisectShare), w.until))
	defer cancel()
	found, chance, err := smallest(limited, len(groups), func(ctx context.Context, subset []int) (bisect.Outcome, error) {
		var some []report.Update
		for _, i := range subset {
			some = append(some, groups[i]...)
		}
		return w.try(ctx, some)
	})
	if chance {
		w.v.Notes = append(w.v.Notes, "what was found to fail passes when it is tried once more: it comes and goes, and may be no update's fault")
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("find what fails in change %s: %w", w.v.Change, context.Cause(ctx))
	case err != nil && limited.Err() == nil && w.facts.Attempt < giveUp:
		return fmt.Errorf("find what fails in change %s: %w", w.v.Change, err)
	case err != nil:
		w.v.Notes = append(w.v.Notes, "not all sets could be tried: "+clean(err.Error()))
	}
	var names []string
	for _, i := range found.Minimal {
		w.v.Failing = append(w.v.Failing, groups[i]...)
		names = append(names, groups[i][0].Package+" "+groups[i][0].To)
	}
	w.v.Proved = found.Complete
	st.Seconds = seconds(time.Since(began))
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

// smallest is the smallest of n that fail, tried once more: what fails by chance (true) was found by chance, too, and
// nothing is proved of it. One alone is not tried: there is nobody else to blame.
func smallest(ctx context.Context, n int, try bisect.Trial) (found bisect.Found, chance bool, err error) {
	found, err = bisect.Smallest(ctx, n, try, bisect.Options{})
	if err != nil || !found.Complete || n == 1 {
		return found, false, err
	}
	found.Trials++
	out, err := try(ctx, slices.Clone(found.Minimal))
	if err != nil || out != bisect.Fails {
		found.Complete = false
	}
	return found, err == nil && out == bisect.Passes, err
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
