package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Source distributions are built in the dock where the policy of the application allows it (source_builds), with what
// validator.build_with pins.

// packageForm is a name of a package (PEP 508).
var packageForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// buildPins reads validator.build_with: exact versions only, since what is built with them is sealed.
func buildPins(pins []string) ([]pybuild.Pin, error) {
	if len(pins) > maxBackends {
		return nil, fmt.Errorf("validator.build_with: %d pins; want at most %d", len(pins), maxBackends)
	}
	var out []pybuild.Pin
	seen := map[string]bool{}
	for i, text := range pins {
		path := fmt.Sprintf("validator.build_with[%d]", i)
		name, version, ok := strings.Cut(text, "==")
		name, version = strings.TrimSpace(name), strings.TrimSpace(version)
		if !ok || !packageForm.MatchString(name) {
			return nil, fmt.Errorf("%s: %q is no exact pin; want one such as setuptools==75.3.0", path, text)
		}
		if _, err := pep440.Parse(version); err != nil {
			return nil, fmt.Errorf("%s: %q is no exact pin: %q is no version (PEP 440); want one such as setuptools==75.3.0", path, text, version)
		}
		name = pep440.Normalize(name)
		if seen[name] {
			return nil, fmt.Errorf("%s: %s is pinned twice; leave one out", path, name)
		}
		seen[name] = true
		out = append(out, pybuild.Pin{Package: name, Version: version, Source: path})
	}
	return out, nil
}

func isSource(x wheelhouse.Wanted) bool { return !strings.HasSuffix(x.File.Name, ".whl") }

// equip picks what the source distributions of a variant are built with, once: wheels, whatever the policy says.
func (w *work) equip(ctx context.Context, t *trial) error {
	var sources []string
	for _, x := range distinct(slices.Concat(t.ship, t.tests)) {
		if isSource(x) {
			sources = append(sources, x.File.Name)
		}
	}
	if len(sources) == 0 || w.tools != nil {
		return nil
	}
	pins, err := buildPins(w.s.cfg.BuildWith)
	if err != nil {
		return err
	}
	if len(pins) == 0 {
		h := parked(events.ParkedSetup, "name them there, such as [setuptools==75.3.0, wheel==0.44.0], or pin versions that have wheels",
			"source_builds is allowed, but validator.build_with names no build backend to build %s with", joined(sources))
		h.asks = true
		return h
	}
	tools, problems, err := pybuild.Pick(ctx, w.s.deps.Index(), pins, w.target, false)
	if err != nil {
		return err
	}
	var wrong []string
	for _, p := range problems {
		if p.Note {
			w.v.Notes = append(w.v.Notes, clean(p.Source+": "+p.Detail))
			continue
		}
		wrong = append(wrong, p.Source+": "+p.Detail)
	}
	if len(wrong) > 0 {
		h := parked(events.ParkedSetup, "correct validator.build_with: exact versions that have a wheel for this Python",
			"there is nothing to build %s with: %s", joined(sources), strings.Join(wrong, "; "))
		h.asks = true
		return h
	}
	w.tools = tools
	return nil
}

// picked records the source distributions among what is fetched, and names their files.
func (w *work) picked(all []wheelhouse.Wanted) []string {
	var with []string
	for _, x := range w.tools {
		with = append(with, x.File.Name+" sha256:"+x.File.Hashes["sha256"])
	}
	var out []string
	for _, x := range all {
		if isSource(x) {
			w.v.Sources = append(w.v.Sources, report.Source{Package: x.Project.Name, File: x.File.Name, Digest: "sha256:" + x.File.Hashes["sha256"], With: with})
			out = append(out, x.File.Name)
		}
	}
	return out
}

func filesOf(all []wheelhouse.Wanted) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = x.File.Name
	}
	return out
}

// noteBuilt says of each distribution that was built from source that it was: nobody else has seen what came of it.
func (w *work) noteBuilt(all []wheelhouse.Wanted, ships bool) {
	for _, x := range all {
		if !isSource(x) {
			continue
		}
		became := "what it made is part of the artifact"
		if !ships {
			became = "only the tests use what it made"
		}
		w.v.Notes = append(w.v.Notes, fmt.Sprintf("%s was built from source, by its own code in the dock (%s, sha256:%.12s…, with %s): %s",
			clean(x.Project.Name), clean(x.File.Name), x.File.Hashes["sha256"], joined(filesOf(w.tools)), became))
	}
}

// hinted adds to what can't be built what its operator can do.
func hinted(err error) error {
	var e *pybuild.Error
	if !errors.As(err, &e) || e.Kind != pybuild.SourceBuild {
		return err
	}
	told := *e
	told.Text = cmp.Or(e.Package, "a package") + ": " + e.Text + "\n(where a build backend is missing: pin it under validator.build_with)"
	return &told
}

// blameless turns an installation that failed into a parked change where the unchanged application fails in the same
// way: nobody can tell then what the change does. again tries it.
func (w *work) blameless(ctx context.Context, err error, again func(context.Context, *trial) error) error {
	if !installFailed(err) {
		return err
	}
	var berr error
	if w.plain == nil {
		w.plain, berr = w.unchanged(ctx)
	}
	if berr == nil {
		berr = again(ctx, w.plain)
	}
	switch {
	case berr == nil:
		return err
	case judge(berr) == nil: // it may go away by itself
		return berr
	case !alike(berr, err):
		return err
	}
	h := parked(events.ParkedSetup, "mend that first: the change can't be proved before the application can be installed without it", "the unchanged application can't be installed either: %s", berr)
	h.asks, h.cause = true, berr
	return h
}

// alike says whether two installations failed in the same way, of the same package.
func alike(a, b error) bool {
	var x, y *pybuild.Error
	return installFailed(a) && installFailed(b) && errors.As(a, &x) && errors.As(b, &y) && x.Kind == y.Kind && x.Package == y.Package
}

// builtForTests installs a variant and what its tests need.
func (w *work) builtForTests(ctx context.Context, t *trial) error {
	if err := w.built(ctx, t); err != nil {
		return err
	}
	return w.addTests(ctx, t)
}
