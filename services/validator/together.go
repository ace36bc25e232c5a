package validator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
)

// pipCheck asks whether what is installed has all that it requires. What was missing without the change, too, is
// told and not blamed on it: an application that runs all the same gets its fixes.
func (w *work) pipCheck(ctx context.Context, st *report.Step) error {
	built, err := w.together(ctx, w.main)
	if lerr := w.log(ctx, st, built.Log); lerr != nil {
		return lerr
	}
	if !unmet(err) {
		st.Detail = "what is installed goes together"
		return err
	}
	w.failed = err
	fresh, old, err := w.quarrels(ctx, built.Log, err)
	if err != nil {
		return err
	}
	if len(fresh) > 0 {
		h := rejected(events.RejectedInstall, "what it installs does not go together: %s", told(fresh))
		h.log = built.Log
		return h
	}
	st.Status, st.Detail = report.StepWarned, "what is installed does not go together, and did not without the change: "+told(old)
	return nil
}

func (w *work) together(ctx context.Context, t *trial) (pybuild.Built, error) {
	b, err := w.builder(ctx)
	if err != nil {
		return pybuild.Built{}, err
	}
	return b.Check(ctx, filepath.Join(t.dir, venvDir))
}

// quarrels are the requirements that are not met, by whether they were met without the change. Where that can't be
// told all of them are fresh; where the log has none that can be read, unmet is the error.
func (w *work) quarrels(ctx context.Context, log []byte, unmet error) (fresh, old []string, err error) {
	all := unmetIn(log)
	if len(all) == 0 {
		return nil, nil, unmet
	}
	if err := w.unmetBefore(ctx); err != nil {
		return nil, nil, err
	}
	for _, q := range all {
		if slices.ContainsFunc(w.unmet, func(b quarrel) bool { return b.requires == q.requires }) {
			old = append(old, q.text)
		} else {
			fresh = append(fresh, q.text)
		}
	}
	return fresh, old, nil
}

// told lists some of them.
func told(all []string) string {
	const most = 5
	if n := len(all); n > most {
		all = append(all[:most:most], fmt.Sprintf("and %d more", n-most))
	}
	return clean(strings.Join(all, "; "))
}

// unmetBefore asks the unchanged application, once.
func (w *work) unmetBefore(ctx context.Context) (err error) {
	if w.asked {
		return nil
	}
	if w.plain == nil {
		w.plain, err = w.unchanged(ctx)
	}
	if err == nil {
		err = w.built(ctx, w.plain)
	}
	var built pybuild.Built
	if err == nil {
		built, err = w.together(ctx, w.plain)
	}
	switch {
	case unmet(err):
		w.unmet = unmetIn(built.Log)
	case err != nil:
		if err := w.unknown(err); err != nil {
			return err
		}
	}
	w.asked = true
	return nil
}

// fits says whether a variant has all that it requires, as far as it had without the change.
func (w *work) fits(ctx context.Context, t *trial) error {
	built, err := w.together(ctx, t)
	if !unmet(err) {
		return err
	}
	fresh, _, qerr := w.quarrels(ctx, built.Log, err)
	if qerr != nil || len(fresh) == 0 {
		return qerr
	}
	return err
}

func unmet(err error) bool {
	var e *pybuild.Error
	return errors.As(err, &e) && e.Kind == pybuild.Unmet
}

// quarrel is one requirement that is not met.
type quarrel struct {
	requires string // "a requires b>=2"
	text     string // the same, and what is there instead
}

// notMet is what uv pip check says of each (uv, crates/uv-installer/src/site_packages.rs).
var notMet = regexp.MustCompile("(?m)^The package `([^`]+)` requires (?:`([^`]+)`|(.+?)), but (.+)$")

func unmetIn(log []byte) []quarrel {
	var out []quarrel
	for _, m := range notMet.FindAllStringSubmatch(string(log), -1) {
		q := quarrel{requires: m[1] + " requires " + m[2] + m[3]}
		q.text = q.requires + ", but " + strings.ReplaceAll(m[4], "`", "")
		out = append(out, q)
	}
	return out
}
