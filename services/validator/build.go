package validator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/preflight"
	"github.com/drydock-dev/drydock/pkg/pybuild"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// backups remembers the newest verification of each application's backup; a restart has them verified again.
type backups struct {
	mu   sync.Mutex
	last map[string]preflight.Result
}

func (b *backups) get(app string) (preflight.Result, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.last[app]
	return r, ok
}

func (b *backups) put(app string, r preflight.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = map[string]preflight.Result{}
	}
	if delete(b.last, app); r.Status == preflight.Passed {
		b.last[app] = r
	}
}

// log keeps what a step printed, also when its time is over.
func (w *work) log(ctx context.Context, st *report.Step, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if errors.Is(context.Cause(ctx), errLimit) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), keepTime)
		defer cancel()
	}
	d, err := w.facts.Evidence.Put(ctx, text)
	if err != nil {
		return fmt.Errorf("keep the log of %s: %w", st.Name, err)
	}
	st.Log = string(d)
	return nil
}

// fetch picks a distribution for each pin, and has them in the wheelhouse: outside, by their sha256.
func (w *work) fetch(ctx context.Context, st *report.Step) error {
	if err := w.choose(ctx, w.main); err != nil {
		return err
	}
	w.v.Notes = append(w.v.Notes, w.main.sets.Notes...)
	fetched, bytes := 0, int64(0)
	var mu sync.Mutex
	all := distinct(slices.Concat(w.main.ship, w.main.tests))
	sources := w.picked(all)
	if len(sources) > 0 {
		all = distinct(slices.Concat(all, w.tools))
	}
	dir := filepath.Join(w.dir, "wheels")
	err := w.s.wheels.Gather(ctx, w.s.deps.Index(), all, dir, func(_ string, size int64) {
		mu.Lock()
		defer mu.Unlock()
		fetched++
		bytes += size
	})
	if err != nil {
		return err
	}
	if err := artifact.Remove(dir); err != nil { // each build lays out its own
		return err
	}
	st.Detail = fmt.Sprintf("%d distributions, all of them kept from before", len(all))
	if fetched > 0 {
		st.Detail = fmt.Sprintf("%d distributions, %d of them fetched (%.1f MB)", len(all), fetched, float64(bytes)/1e6)
	}
	if len(sources) > 0 {
		st.Detail += fmt.Sprintf("; to be built from source: %s, with %s", joined(sources), joined(filesOf(w.tools)))
	}
	return nil
}

// distinct leaves out files that are there twice: a package that both halves pin alike.
func distinct(all []wheelhouse.Wanted) []wheelhouse.Wanted {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(w wheelhouse.Wanted) bool {
		was := seen[w.File.Name]
		seen[w.File.Name] = true
		return was
	})
}

// install makes the environment, in the dock and offline.
func (w *work) install(ctx context.Context, st *report.Step) error {
	w.blamed = w.fails // a set that does not install or go together is bisected, too
	built, err := w.installed(ctx, w.main)
	if lerr := w.log(ctx, st, built.Log); lerr != nil {
		return lerr
	}
	if err != nil {
		w.failed = err
		return w.blameless(ctx, err, w.built)
	}
	w.v.Notes = append(w.v.Notes, built.Notes...)
	w.noteBuilt(w.main.ship, true)
	if len(built.AtStart) > 0 {
		w.v.Notes = append(w.v.Notes, fmt.Sprintf("runs whenever Python starts: %s", joined(built.AtStart)))
	}
	st.Detail = fmt.Sprintf("%d packages, %s, without a network", len(w.main.ship), w.v.Isolation)
	return nil
}

// installed builds the environment of a variant.
func (w *work) installed(ctx context.Context, t *trial) (pybuild.Built, error) {
	b, err := w.builder(ctx)
	if err != nil {
		return pybuild.Built{}, err
	}
	built, err := b.Build(ctx, t.ship, filepath.Join(t.dir, venvDir))
	return built, hinted(err)
}

// seal names every file, and puts the artifact where it is kept.
func (w *work) seal(ctx context.Context, st *report.Step) error {
	m := &artifact.Manifest{Schema: artifact.Schema, Application: w.v.Application, Interpreter: w.python, Source: artifact.Source{Revision: w.base.Commit}}
	for _, u := range w.updates {
		m.Source.Updates = append(m.Source.Updates, fmt.Sprintf("%s %s %s", u.Package, orNone(u.From), u.To))
	}
	slices.Sort(m.Source.Updates)
	m.Source.Updates = slices.Compact(m.Source.Updates)
	digest, err := w.s.artifacts.Put(ctx, w.room, m, artifact.Outside{w.python.Path})
	if err != nil {
		return err
	}
	w.room = ""
	sealed, files, err := w.s.artifacts.Open(digest)
	if err != nil {
		return err
	}
	w.main.dir, w.v.Artifact = files, digest
	for _, e := range sealed.Entries {
		if e.Kind != artifact.Folder {
			w.v.Files++
			w.v.Bytes += e.Size
		}
	}
	text, _, err := sealed.Encode()
	if err != nil {
		return err
	}
	if _, err := w.facts.Evidence.Put(ctx, text); err != nil {
		return fmt.Errorf("keep the manifest of the artifact: %w", err)
	}
	st.Detail = fmt.Sprintf("%d files, %.1f MB, %s", w.v.Files, float64(w.v.Bytes)/1e6, digest)
	return nil
}

func orNone(version string) string {
	if version == "" {
		return "-"
	}
	return version
}

func digestOf(data []byte) string {
	if data == nil {
		return ""
	}
	return string(evidence.Of(data))
}

// joined lists some names.
func joined(names []string) string {
	const most = 8
	out := ""
	for i, n := range names {
		if i == most {
			return fmt.Sprintf("%s and %d more", out, len(names)-most)
		}
		if i > 0 {
			out += ", "
		}
		out += clean(n)
	}
	return out
}
