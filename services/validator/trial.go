package validator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/check"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// trial is one variant of the application as it is built: the changed one, the unchanged one, or one with some of
// the updates.
type trial struct {
	dir     string // src and venv
	overlay string // what only tests need
	inv     *inventory.Inventory
	sets    pybuild.Sets
	ship    []wheelhouse.Wanted
	tests   []wheelhouse.Wanted
	files   []string // of src, for telling whether there are tests

	results map[string]check.Result // of checks that were run, by name
	aside   map[string]*aside       // of those that ran beside others
	again   map[string]check.Result // of those that were run once more: how they ended first
	unfit   error                   // what its tests need can't be installed
}

func newTrial(dir string) *trial {
	return &trial{dir: dir, results: map[string]check.Result{}, aside: map[string]*aside{}, again: map[string]check.Result{}}
}

const (
	srcDir  = "src"
	venvDir = "venv"
)

// appDir is the folder of the application in a variant.
func (w *work) appDir(t *trial) string {
	return filepath.Join(t.dir, srcDir, filepath.FromSlash(w.app.Path))
}

// variant writes out the base with some updates in it, and reads what its manifests say.
func (w *work) variant(ctx context.Context, dir string, updates []report.Update) (*trial, error) {
	t := newTrial(dir)
	if _, err := w.repo.Checkout(ctx, w.base.Commit, filepath.Join(dir, srcDir)); err != nil {
		return nil, err
	}
	changed, err := w.rewrite(ctx, t, updates)
	if err != nil {
		return nil, err
	}
	if err := w.write(t, changed); err != nil {
		return nil, err
	}
	return t, w.scan(ctx, t)
}

// scan reads the manifests of a variant.
func (w *work) scan(ctx context.Context, t *trial) (err error) {
	req := events.ScanRequested{Application: w.v.Application, Target: w.appDir(t), Given: w.v.Remote}
	if _, t.inv, err = w.s.deps.Scan(ctx, req, w.s.now()); err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	return nil
}

// rewrite is what updates make of the manifests of the base, by path below the application's; nothing is written.
func (w *work) rewrite(ctx context.Context, t *trial, updates []report.Update) (map[string][]byte, error) {
	if len(updates) == 0 {
		return nil, nil
	}
	set := manifest.Set{Files: map[string][]byte{}, Inventory: w.before, Updates: updates, Env: w.target}
	root, err := os.OpenRoot(w.appDir(t))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing is written through it
	for _, f := range manifest.Touched(w.before, updates) {
		if f.Size > maxManifest {
			return nil, parked(events.ParkedSetup, "make the file smaller", "%s has %d bytes, more than the %d a manifest may have", f.Path, f.Size, maxManifest)
		}
		if set.Files[f.Path], err = root.ReadFile(filepath.FromSlash(f.Path)); err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	return manifest.Rewrite(ctx, set, manifest.Formats(w.s.deps.Formats(w.plan)...))
}

// write puts changed manifests in their places. The files are new ones, never written through a link.
func (w *work) write(t *trial, changed map[string][]byte) error {
	root, err := os.OpenRoot(w.appDir(t))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // what counts is checked file by file
	for name, data := range changed {
		at := filepath.FromSlash(name)
		mode := os.FileMode(0o644)
		if info, err := root.Lstat(at); err == nil {
			if !info.Mode().IsRegular() {
				return parked(events.ParkedSetup, "make it a plain file", "%s is no plain file, so no update is written to it", name)
			}
			mode = info.Mode().Perm()
			if err := root.Remove(at); err != nil {
				return err
			}
		}
		f, err := root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// choose picks the distributions of a variant.
func (w *work) choose(ctx context.Context, t *trial) error {
	inv := w.counted(t.inv)
	var problems []pybuild.Problem
	t.sets, problems = pybuild.Split(inv, w.target)
	if err := w.unbuildable(t, problems); err != nil {
		return err
	}
	if globs := w.eff.Own.Manifests; len(t.sets.Ship) == 0 && len(globs) > 0 {
		return parked(events.ParkedSetup, "correct manifests: in "+application.RepositoryFile, "of the manifests that %s lets count (%s) none has anything that ships", application.RepositoryFile, joined(globs))
	}
	if len(t.sets.Ship) == 0 {
		return parked(events.ParkedSetup, "name the manifests under manifests: in .drydock.yaml, or the application's path: in applications.yaml",
			"nothing that the application installs stands in a manifest that ships")
	}
	ix := w.s.deps.Index()
	for _, half := range []struct {
		pins []pybuild.Pin
		into *[]wheelhouse.Wanted
	}{{t.sets.Ship, &t.ship}, {t.sets.Tests, &t.tests}} {
		wanted, problems, err := pybuild.Pick(ctx, ix, half.pins, w.target, w.eff.Policy.BuildsSources())
		if err != nil {
			return err
		}
		if gone := w.withdrawn(problems); len(gone) > 0 {
			return parked(events.ParkedStale, "drydock update plans anew with what the index has now", "what was planned can't be had any more: %s", told(gone))
		}
		if err := w.unbuildable(t, problems); err != nil {
			return err
		}
		*half.into = wanted
	}
	return w.equip(ctx, t)
}

// withdrawn are the problems with releases that the change moves to: nobody but a new plan can mend them.
func (w *work) withdrawn(problems []pybuild.Problem) []string {
	var out []string
	for _, p := range problems {
		if (p.Kind == pybuild.Gone || p.Kind == pybuild.NoDistribution) && slices.ContainsFunc(w.updates, func(u report.Update) bool { return u.Package == p.Package }) {
			out = append(out, p.Detail)
		}
	}
	return out
}

// counted leaves out the sources that the repository's own file does not count.
func (w *work) counted(inv *inventory.Inventory) *inventory.Inventory {
	out := *inv
	out.Sources, out.Packages = nil, nil
	for _, s := range inv.Sources {
		if w.eff.Own.Counts(s.Path) {
			out.Sources = append(out.Sources, s)
		}
	}
	for _, p := range inv.Packages {
		if w.eff.Own.Counts(p.Source) {
			out.Packages = append(out.Packages, p)
		}
	}
	return &out
}

// unbuildable says all that keeps an environment from being built; nil: nothing does. What is only to be known
// becomes a note.
func (w *work) unbuildable(t *trial, problems []pybuild.Problem) error {
	var says, does []string
	comesBack := false
	for _, p := range problems {
		if p.Note {
			t.sets.Notes = append(t.sets.Notes, p.String())
			continue
		}
		do := p.Do
		p.Do = ""
		if len(says) == maxNames {
			says[maxNames-1] = "and more"
			continue
		}
		says = append(says, p.String())
		if do != "" && !slices.Contains(does, do) {
			does = append(does, do)
		}
		comesBack = comesBack || p.Kind == pybuild.Gone || p.Kind == pybuild.NoDistribution
	}
	if len(says) == 0 {
		return nil
	}
	h := parked(events.ParkedSetup, strings.Join(does, "; "), "the environment can't be built from hashes: %s", strings.Join(says, "; "))
	h.asks = !comesBack
	return h
}

func (w *work) builder(ctx context.Context) (pybuild.Builder, error) {
	tool, err := w.s.deps.UV(ctx)
	if err != nil {
		return pybuild.Builder{}, err
	}
	dir, err := w.folder("build")
	if err != nil {
		return pybuild.Builder{}, err
	}
	return pybuild.Builder{Dock: w.dock, House: w.s.wheels, Index: w.s.deps.Index(), UV: tool.Path, Interpreter: w.python,
		Limits: w.limits(), Space: w.s.cfg.Disk, Work: dir, BuildWith: w.tools}, nil
}

func (w *work) limits() dock.Limits { return dock.Limits{Memory: w.s.cfg.Memory} }

// addTests installs what only tests need beside a variant. What can't be installed is not tried for each check.
func (w *work) addTests(ctx context.Context, t *trial) error {
	if len(t.tests) == 0 || t.overlay != "" || t.unfit != nil {
		return t.unfit
	}
	b, err := w.builder(ctx)
	if err != nil {
		return err
	}
	to := filepath.Join(w.dir, "overlay-"+filepath.Base(t.dir))
	if _, err := b.Overlay(ctx, filepath.Join(t.dir, venvDir), t.tests, to); err != nil {
		err = fmt.Errorf("install what the tests need: %w", hinted(err))
		if installFailed(err) {
			t.unfit = err
		}
		return err
	}
	t.overlay = to
	if t == w.main {
		w.noteBuilt(t.tests, false)
	}
	return nil
}

// list fills in the files of the application, as HasTests wants them.
func (w *work) list(t *trial) error {
	if t.files != nil {
		return nil
	}
	root := w.appDir(t)
	t.files = []string{}
	return filepath.WalkDir(root, func(at string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, at)
		t.files = append(t.files, path.Clean(filepath.ToSlash(rel)))
		return err
	})
}
