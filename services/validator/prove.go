package validator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/attest"
	"github.com/drydock-dev/drydock/pkg/bisect"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// rescan scans what is installed: nothing else than what was planned is there, and no release that the change
// brings has a finding.
func (w *work) rescan(ctx context.Context, st *report.Step) error {
	scan, inv, err := w.s.deps.Scan(ctx, events.ScanRequested{Application: w.v.Application, Target: filepath.Join(w.main.dir, venvDir), Given: "/app/" + venvDir, Environment: true}, w.s.now())
	if err != nil {
		return fmt.Errorf("scan what is installed: %w", err)
	}
	r := &report.Rescan{Packages: scan.Summary.Packages, Findings: scan.Summary.Findings, Complete: scan.Complete}
	if r.Report, err = keep(ctx, w.facts.Evidence, scan); err != nil {
		return err
	}
	data, digest, err := inv.Encode()
	if err != nil {
		return err
	}
	if _, err := w.facts.Evidence.Put(ctx, data); err != nil {
		return err
	}
	r.Inventory = string(digest)
	w.v.Rescan = r
	if w.v.Bill, err = w.bill(ctx, inv); err != nil {
		return err
	}
	if wrong := differences(w.main, inv); len(wrong) > 0 {
		w.failing(w.updates)
		return rejected(events.RejectedInstall, "what is installed is not what was planned: %s", joined(wrong))
	}
	if bad := unforeseen(scan.Findings, w.updates); len(bad) > 0 {
		return w.vulnerable(bad)
	}
	st.Detail = fmt.Sprintf("%d packages as planned, %d findings left, none in what the change moves to", r.Packages, r.Findings)
	if !scan.Complete {
		st.Detail += "; not everything could be determined"
		for _, i := range scan.Incomplete {
			w.v.Notes = append(w.v.Notes, "the scan of what is installed: "+clean(i.Detail))
		}
	}
	return nil
}

// sums are the digests of distributions, by package.
func sums(all []wheelhouse.Wanted) map[string]string {
	out := map[string]string{}
	for _, one := range all {
		out[one.Project.Name] = "sha256:" + one.File.Hashes["sha256"]
	}
	return out
}

// vulnerable rejects releases that an advisory hits which was not known when the plan was made.
func (w *work) vulnerable(bad []report.Finding) error {
	var names, packages []string
	for _, f := range bad {
		names = append(names, fmt.Sprintf("%s %s has %s", f.Package, f.Version, f.Vulnerability))
		packages = append(packages, f.Package)
	}
	var failing []report.Update
	for _, u := range w.updates {
		if slices.Contains(packages, u.Package) {
			failing = append(failing, u)
		}
	}
	w.failing(failing)
	w.v.Proved = true
	return rejected(events.RejectedVulnerable, "what it would install is vulnerable itself: %s", joined(names[:min(len(names), maxFindings)]))
}

// differences are the packages that were picked and are not installed, or the other way round.
func differences(t *trial, inv *inventory.Inventory) []string {
	want, have := map[string]string{}, map[string]string{}
	for _, p := range t.sets.Ship {
		want[p.Package] = p.Version
	}
	var out []string
	for _, p := range inv.Packages {
		have[p.Package] = p.Version
		switch v, ok := want[p.Package]; {
		case !ok:
			out = append(out, p.Package+" "+p.Version+" is installed, and nothing pins it")
		case !sameVersion(v, p.Version):
			out = append(out, fmt.Sprintf("%s %s is installed instead of %s", p.Package, p.Version, v))
		}
	}
	for _, p := range t.sets.Ship {
		if have[p.Package] == "" {
			out = append(out, p.Package+" "+p.Version+" is not installed")
		}
	}
	return out
}

func (w *work) failing(updates []report.Update) { w.v.Failing = slices.Clone(updates) }

// Judgement of one check.
func (w *work) tests(ctx context.Context, st *report.Step) error {
	return w.prove(ctx, st, report.StepTests, w.eff.Checks.Tests)
}

func (w *work) security(ctx context.Context, st *report.Step) error {
	return w.prove(ctx, st, report.StepSecurity, w.eff.Checks.Security)
}

func (w *work) smoke(ctx context.Context, st *report.Step) error {
	return w.prove(ctx, st, report.StepSmoke, w.eff.Checks.Smoke)
}

// prove runs a check on the sealed artifact and judges it beside the unchanged application, which is asked only
// where something failed and nobody asked before.
func (w *work) prove(ctx context.Context, st *report.Step, name string, c *application.Check) error {
	if skip, err := w.skips(w.main, c); err != nil || skip != "" {
		st.Status, st.Detail = report.StepSkipped, skip
		return err
	}
	st.Command = c.Command.String()
	after, v, err := w.settled(ctx, st, name, *c)
	if err != nil {
		return err
	}
	before := w.known[name]
	if after.Status == check.NotFound && (len(before) == 0 || before[0].Status == check.NotFound) { // else the change took it away
		h := parked(events.ParkedSetup, "correct checks."+name+" in "+application.RepositoryFile+", or add what it needs to the manifests of the tests", "%s: %s", name, after.Detail)
		h.asks = true
		return h
	}
	st.Tests = counts(after, v)
	st.Detail = clean(v.Detail)
	switch v.Status {
	case check.VerdictPassed:
		return nil
	case check.VerdictWarned:
		if mute(*c, before, after) {
			h := parked(events.ParkedSetup, "pin what the tests need, with all that it requires, in the manifests of the tests; or correct checks."+name+" in "+application.RepositoryFile,
				"%s: pytest comes to no test, with and without the change, so it tells nothing: %s", name, lastLine(after.Log))
			h.asks = true
			return h
		}
		st.Status = report.StepWarned
		return nil
	case check.VerdictUnknown:
		if after.Status == check.NoTests {
			st.Status = report.StepSkipped
			return nil
		}
		h := parked(events.ParkedSetup, "mend checks."+name+" so that it comes to its end without the change, too", "%s tells nothing of the change: %s", name, v.Detail)
		h.asks = true
		return h
	}
	h := rejected(events.RejectedTests, "%s: %s", name, v.Detail)
	steadily, ok := steady(before, w.main.runs(name), v)
	if h.log, h.blame = after.Log, w.failsAs(name, *c, steadily); !ok {
		h.vague = "all that fails in " + name + " with it comes and goes, without it or with it"
	}
	return h
}

// said keeps what a check said of itself, in the place of what it said before.
func (w *work) said(ctx context.Context, st *report.Step, r check.Result) error {
	st.Log = ""
	if st.ExitCode = nil; r.ExitCode >= 0 {
		st.ExitCode = &r.ExitCode
	}
	return w.log(ctx, st, r.Log)
}

// untestable is what becomes of a change whose tests need something that can't be installed.
func (w *work) untestable(ctx context.Context, failed error) error {
	err := w.blameless(ctx, failed, w.builtForTests)
	var h *halt
	if errors.As(err, &h) || !installFailed(err) {
		return err
	}
	h = rejected(events.RejectedInstall, "%s", failed)
	h.cause, h.blame = failed, w.failsForTests(failed)
	return h
}

// mute reports whether pytest never came to a test, in all runs: it lacks something it requires, or can't start.
func mute(c application.Check, before []check.Result, after check.Result) bool {
	says := func(r check.Result) bool { return r.OK() || len(r.Tests) > 0 }
	return strings.Contains(c.Command.String(), "pytest") && len(before) > 0 && !slices.ContainsFunc(before, says) && !says(after)
}

// lastLine is what a program said last.
func lastLine(log []byte) string {
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return clean(lines[len(lines)-1])
}

// skips says why a check is not run; empty: it is.
func (w *work) skips(t *trial, c *application.Check) (string, error) {
	if c == nil {
		return "no command is named", nil
	}
	if !c.IfTests {
		return "", nil
	}
	if err := w.list(t); err != nil {
		return "", err
	}
	if !application.HasTests(t.files) {
		return "the application has no tests", nil
	}
	return "", nil
}

// check runs a check on a variant, once.
func (w *work) check(ctx context.Context, t *trial, name string, c application.Check) (check.Result, error) {
	if r, ok := t.results[name]; ok {
		return r, nil
	}
	if a := t.aside[name]; a != nil && a.err != nil {
		err := a.err
		a.err = nil
		return check.Result{}, err
	}
	if err := w.addTests(ctx, t); err != nil {
		return check.Result{}, err
	}
	r, err := w.box(ctx, t, name, c)
	if err == nil {
		t.results[name] = r
	}
	return r, err
}

// cut is a check that was stopped before its end, with what it had printed.
type cut struct {
	error
	log []byte
}

func (c *cut) Unwrap() error { return c.error }

// box runs a check on a variant that is ready for it, and keeps nothing: several may run at the same time.
func (w *work) box(ctx context.Context, t *trial, name string, c application.Check) (check.Result, error) {
	dir := filepath.Join(w.dir, "check")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return check.Result{}, err
	}
	run := check.Runner{Dock: w.dock, Interpreter: w.python.Path, Limits: w.limits(), Work: dir}
	r, err := run.Run(ctx, name, c, check.Place{Root: t.dir, Overlay: t.overlay, Dir: w.app.Path})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil && len(r.Log) > 0 {
		err = &cut{err, r.Log}
	}
	return r, err
}

// counts sums up single tests.
func counts(r check.Result, v check.Verdict) *report.Tests {
	if len(r.Tests) == 0 {
		return nil
	}
	t := &report.Tests{New: few(v.New), Before: few(v.Before), Fixed: few(v.Fixed)}
	for _, one := range r.Tests {
		switch one.Outcome {
		case check.TestPassed:
			t.Passed++
		case check.TestSkipped:
			t.Skipped++
		default:
			t.Failed++
		}
	}
	return t
}

func few(names []string) []string { return names[:min(len(names), maxNames)] }

// verify holds the artifact to its manifest once more: what ran in the dock may be hostile.
func (w *work) verify(ctx context.Context, st *report.Step) error {
	_, err := w.s.artifacts.Verify(ctx, w.v.Artifact)
	if sealedError(err) {
		w.failing(w.updates)
		return rejected(events.RejectedChanged, "what was sealed was changed while the checks ran: %s", err)
	}
	if err == nil {
		st.Detail = fmt.Sprintf("%d files are as they were sealed", w.v.Files)
	}
	return err
}

// attest keeps what the tests said of the artifact (in-toto).
func (w *work) attest(ctx context.Context) error {
	r := attest.TestResult{Result: attest.Passed}
	ran := false
	for _, name := range []string{report.StepTests, report.StepSecurity, report.StepSmoke} {
		st := w.v.Step(name)
		if st == nil || st.Status == report.StepSkipped {
			continue
		}
		ran = true
		res := w.main.results[name]
		chance := map[string]bool{}
		for _, f := range st.Flaky {
			chance[f.Test] = true
		}
		for _, t := range res.Tests {
			full := name + "/" + t.Name
			switch {
			case t.Outcome == check.TestPassed && !chance[t.Name]:
				r.Passed = append(r.Passed, full)
			case t.Outcome != check.TestSkipped:
				r.Warned = append(r.Warned, full)
			}
		}
		if len(res.Tests) > 0 && chance[""] { // the check itself
			r.Warned = append(r.Warned, name)
		}
		if len(res.Tests) == 0 {
			if st.Status == report.StepWarned {
				r.Warned = append(r.Warned, name)
			} else {
				r.Passed = append(r.Passed, name)
			}
		}
	}
	if !ran {
		return nil
	}
	slices.Sort(r.Passed)
	slices.Sort(r.Warned)
	if len(r.Warned) > 0 {
		r.Result = attest.Warned
	}
	for _, in := range []struct{ name, digest string }{{"application", w.v.Inputs.Application}, {"repository", w.v.Inputs.Repository}, {"policy", w.v.Inputs.Policy}, {"plan", w.v.Plan}} {
		if in.digest == "" {
			continue
		}
		c, err := attest.SHA256(in.name, in.digest)
		if err != nil {
			return err
		}
		r.Configuration = append(r.Configuration, c)
	}
	subject, err := attest.SHA256(w.v.Application, w.v.Artifact)
	if err != nil {
		return err
	}
	text, err := attest.Tests(subject, r)
	if err != nil {
		return fmt.Errorf("state what the tests said: %w", err)
	}
	d, err := w.facts.Evidence.Put(ctx, text)
	w.v.Tested = string(d)
	return err
}

// outcome of a variant for the search of the culprit.
func outcome(err error) (bisect.Outcome, error) {
	var h *halt
	if errors.As(judgeOr(err), &h) {
		return bisect.Unresolved, nil
	}
	return bisect.Unresolved, err
}

func judgeOr(err error) error {
	if h := judge(err); h != nil {
		return h
	}
	return err
}
