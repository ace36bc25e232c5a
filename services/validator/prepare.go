package validator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/preflight"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// health asks whether the system is healthy: no update begins on one that is not (seed "Pre-Update Validation").
func (w *work) health(ctx context.Context, st *report.Step) error {
	r, err := preflight.Health(ctx, w.app.BeforeUpdate)
	if err != nil {
		return err
	}
	if err := w.commandStep(ctx, st, r); err != nil {
		return err
	}
	w.checkedHealth = r
	return w.preflight(ctx, r, preflight.Result{}, false)
}

// backup has the newest backup verified, or takes a verification that still counts.
func (w *work) backup(ctx context.Context, st *report.Step) error {
	s, check := w.s, w.app.BeforeUpdate.Backup
	r, ok := s.backups.get(w.v.Application)
	want, err := w.demanded(ctx)
	if err != nil {
		return err
	}
	if fresh, _ := want.Counts(r.Started); ok && fresh && check != nil && r.Command == check.Command.String() {
		st.Cached = true
	} else {
		if r, err = preflight.Backup(ctx, w.app.BeforeUpdate); err != nil {
			return err
		}
		s.backups.put(w.v.Application, r)
	}
	if err := w.commandStep(ctx, st, r); err != nil {
		return err
	}
	w.backupLog = st.Log
	return w.preflight(ctx, w.checkedHealth, r, true)
}

// commandStep is a step that ran a command of the server's.
func (w *work) commandStep(ctx context.Context, st *report.Step, r preflight.Result) error {
	st.Command, st.Detail = r.Command, clean(r.Detail)
	switch r.Status {
	case preflight.Passed:
	case preflight.None:
		st.Status = report.StepSkipped
	default:
		st.Status = report.StepFailed
	}
	if r.ExitCode >= 0 {
		code := r.ExitCode
		st.ExitCode = &code
	}
	return w.log(ctx, st, r.Log)
}

// demanded is what the policy and the application ask of the two results.
func (w *work) demanded(ctx context.Context) (preflight.Want, error) {
	pol, err := w.s.policyInForce(ctx, w.facts)
	if err != nil {
		return preflight.Want{}, err
	}
	return preflight.Want{Stage: preflight.Validation, Backup: pol.For(w.v.Application).BackupFor(policy.ClassName(w.change.Class)), Check: w.app.BeforeUpdate.Backup, Now: w.s.now().UTC()}, nil
}

// preflight decides whether the change goes on.
func (w *work) preflight(ctx context.Context, health, backup preflight.Result, both bool) error {
	want, err := w.demanded(ctx)
	if err != nil {
		return err
	}
	d := preflight.Decide(health, backup, want)
	if d.Hold {
		return parked(events.ParkedHealth, d.Do, "%s", d.Reason)
	}
	if both {
		w.v.Notes = append(w.v.Notes, d.Notes...)
		if !d.BackupGoodUntil.IsZero() {
			w.v.Backup = &report.Backup{Verified: backup.Started.UTC(), Until: d.BackupGoodUntil.UTC(), Log: w.backupLog}
		}
	}
	return nil
}

// checkout writes out the newest commit of the base branch.
func (w *work) checkout(ctx context.Context, st *report.Step) (err error) {
	if w.repo, err = w.s.deps.Forge(ctx, w.app); err != nil {
		return err
	}
	if w.base, err = w.repo.Base(ctx); err != nil {
		return err
	}
	w.v.Branch, w.v.Base = w.base.Branch, w.base.Commit
	if w.room, err = w.s.artifacts.Room(); err != nil {
		return err
	}
	w.main = newTrial(w.room)
	if w.tree, err = w.repo.Checkout(ctx, w.base.Commit, filepath.Join(w.room, srcDir)); err != nil {
		return err
	}
	remarks := slices.Concat(w.tree.Left, w.tree.Kept)
	for i, r := range remarks {
		if i == maxNames {
			w.v.Left = append(w.v.Left, report.Remark{Path: fmt.Sprintf("%d more", len(remarks)-i), Why: "not listed: a repository can have any number"})
			break
		}
		w.v.Left = append(w.v.Left, report.Remark{Path: clean(r.Path), Why: clean(r.Why)})
	}
	st.Detail = fmt.Sprintf("%s at %s, %d files", w.base.Branch, short(w.base.Commit), w.tree.Files)
	if info, err := os.Stat(w.appDir(w.main)); err != nil || !info.IsDir() {
		return parked(events.ParkedSetup, "correct path: of the application in applications.yaml", "the repository has no folder %s at %s", w.app.Path, short(w.base.Commit))
	}
	return nil
}

// readBase reads what the repository says of itself, and what its manifests hold.
func (w *work) readBase(ctx context.Context, st *report.Step) error {
	own, err := w.ownFile()
	if err != nil {
		return err
	}
	pol, err := w.s.policyInForce(ctx, w.facts)
	if err != nil {
		return err
	}
	eff, problems := application.Compose(w.app, own, pol.For(w.v.Application))
	if len(problems) > 0 {
		h := parked(events.ParkedSetup, "correct "+application.RepositoryFile+" on "+w.base.Branch+": it can only tighten what the server says", "%s", tellProblems(problems))
		return h
	}
	w.eff = eff
	w.v.Approvals = eff.ApprovalsFor(policy.ClassName(w.change.Class), "production").String()
	w.v.Merge = string(eff.Merge)
	for _, k := range eff.Policy.Class(policy.ClassName(w.change.Class)).AtStaging() {
		w.v.NotRun = append(w.v.NotRun, string(k))
	}
	for text, into := range map[string]*string{string(w.app.Text()): &w.v.Inputs.Application, string(own.Text()): &w.v.Inputs.Repository, string(pol.Text()): &w.v.Inputs.Policy} {
		if text == "" {
			continue
		}
		d, err := w.facts.Evidence.Put(ctx, []byte(text))
		if err != nil {
			return err
		}
		*into = string(d)
	}
	if err := w.surroundings(ctx); err != nil {
		return err
	}
	if err := w.scan(ctx, w.main); err != nil {
		return err
	}
	w.before = w.main.inv
	st.Detail = fmt.Sprintf("%d packages in %d manifests", len(w.before.Packages), len(w.before.Sources))
	if own.File == "" {
		st.Detail += "; no " + application.RepositoryFile
	}
	return nil
}

// ownFile is the repository's own file at the application's path.
func (w *work) ownFile() (application.Repository, error) {
	name := path.Join(w.app.Path, application.RepositoryFile)
	root, err := os.OpenRoot(w.appDir(w.main))
	if err != nil {
		return application.Repository{}, err
	}
	defer func() { _ = root.Close() }() // it is only read
	info, err := root.Lstat(application.RepositoryFile)
	if errors.Is(err, fs.ErrNotExist) {
		if i := slices.IndexFunc(w.tree.Left, func(r forge.Remark) bool { return r.Path == name }); i >= 0 { // it is there, and not used
			return application.Repository{}, parked(events.ParkedSetup, "make it a plain file", "%s is left out of the checkout: %s", name, clean(w.tree.Left[i].Why))
		}
		return application.Repository{}, nil
	}
	switch {
	case err != nil:
		return application.Repository{}, err
	case !info.Mode().IsRegular():
		return application.Repository{}, parked(events.ParkedSetup, "make it a plain file", "%s is no plain file", name)
	case info.Size() > maxOwnFile:
		return application.Repository{}, parked(events.ParkedSetup, "make it smaller", "%s has %d bytes, more than the %d it may have", name, info.Size(), maxOwnFile)
	}
	data, err := root.ReadFile(application.RepositoryFile)
	if err != nil {
		return application.Repository{}, err
	}
	own, err := application.ParseRepository(name, data)
	if err != nil {
		return own, parked(events.ParkedSetup, "correct it on "+w.base.Branch+"; drydock app validate says the same", "%s", tellAll(err))
	}
	return own, nil
}

// tellAll is an error of a file in one line.
func tellAll(err error) string {
	var all *strictyaml.Errors
	if errors.As(err, &all) {
		return tellProblems(all.Problems)
	}
	return err.Error()
}

func tellProblems(problems []strictyaml.Problem) string {
	all := make([]string, len(problems))
	for i, p := range problems {
		all[i] = p.String()
	}
	return strings.Join(all, "; ")
}

// surroundings finds the dock, the interpreter and the target.
func (w *work) surroundings(ctx context.Context) (err error) {
	in := w.plan.Inputs
	if w.dock, err = dock.Open(ctx, dock.Level(w.eff.Isolation)); err != nil {
		return err
	}
	w.v.Isolation = string(w.dock.Level())
	if w.python, err = pybuild.Find(ctx, in.Python, pybuild.Search{Named: w.s.cfg.Pythons, Path: w.s.deps.Path}); err != nil {
		return err
	}
	w.v.Interpreter = &report.Interpreter{Path: w.python.Path, Version: w.python.Version, Digest: w.python.Digest}
	if in.Python == "" {
		w.v.Notes = append(w.v.Notes, "the target's version of Python is not declared; it was built for "+w.python.Version)
	}
	w.target = pep508.Environment{Python: w.python.Version, Platform: in.Platform, Machine: in.Machine}
	here := pybuild.Here(w.python.Version)
	if in.Platform != "" && in.Platform != here.Platform || in.Machine != "" && in.Machine != here.Machine {
		return parked(events.ParkedSetup, "run the role validator on such a machine, or correct planner.platform and planner.machine",
			"the target is %s on %s, this host is %s on %s: what is built here would not run there", in.Platform, in.Machine, here.Platform, here.Machine)
	}
	tool, err := w.s.deps.UV(ctx)
	if err != nil {
		return err
	}
	w.v.Inputs.Installer = "uv " + tool.Version
	if w.s.deps.Matcher != nil {
		if m := w.s.deps.Matcher(); m != nil {
			w.v.Inputs.Advisories = m.Digest()
		}
	}
	return nil
}

// missingIn are the updates that a base does not have yet: of the files that are there, without those whose release
// somebody put in meanwhile, as the merge of an earlier phase does.
func missingIn(base *inventory.Inventory, updates []report.Update) []report.Update {
	sources := map[string]bool{}
	for _, s := range base.Sources {
		sources[s.Path] = true
	}
	var out []report.Update
	for _, u := range updates {
		from, to := false, false
		for _, p := range base.Packages {
			if p.Package == u.Package && p.Source == u.Source {
				from, to = from || u.From != "" && sameVersion(p.Version, u.From), to || sameVersion(p.Version, u.To)
			}
		}
		if sources[u.Source] && (from || !to) {
			out = append(out, u)
		}
	}
	return out
}

// manifests writes the updates of this phase, and of those it stands on, into the manifests of the base.
func (w *work) manifests(ctx context.Context, st *report.Step) error {
	w.updates = missingIn(w.before, manifest.Composed(w.phases, w.before))
	w.v.Updates = append(w.v.Updates, w.updates...)
	stale := func(format string, args ...any) *halt {
		return parked(events.ParkedStale, "drydock update "+w.v.Application+" scans and plans anew", "%s is not what was planned for: %s", w.base.Branch, fmt.Sprintf(format, args...))
	}
	if len(w.updates) == 0 {
		return stale("it has the updates already, or no longer the files that they are for")
	}
	changed, err := w.rewrite(ctx, w.main, w.updates)
	var h *halt
	switch {
	case ctx.Err() != nil, errors.As(err, &h):
		return err
	case err != nil:
		return stale("%s", err)
	case len(changed) == 0:
		return stale("it has the updates already")
	}
	for name, data := range changed {
		before, err := os.ReadFile(filepath.Join(w.appDir(w.main), filepath.FromSlash(name)))
		if err != nil && !missing(err) {
			return err
		}
		d, err := w.facts.Evidence.Put(ctx, data)
		if err != nil {
			return err
		}
		w.v.Manifests = append(w.v.Manifests, report.Manifest{Path: path.Join(w.app.Path, name), Before: digestOf(before), After: string(d)})
	}
	slices.SortFunc(w.v.Manifests, func(a, b report.Manifest) int { return strings.Compare(a.Path, b.Path) })
	if err := w.write(w.main, changed); err != nil {
		return err
	}
	st.Detail = numbered(len(w.updates), "update") + " in " + numbered(len(changed), "file")
	return w.scan(ctx, w.main)
}

func numbered(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func short(commit string) string { return commit[:min(12, len(commit))] }
