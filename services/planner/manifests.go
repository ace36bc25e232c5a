package planner

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// manifests writes the changed manifests back, with the updates of all phases, by their name below the output
// directory. A file whose text is not kept because it holds a secret is not written, nor is one whose path two targets
// of the application have for different texts.
func manifests(ctx context.Context, p *report.Plan, inv *inventory.Inventory, ev evidence.Store, formats []manifest.Format) (map[string][]byte, error) {
	set := manifest.Set{Files: map[string][]byte{}, Inventory: inv, Updates: manifest.Composed(p.Phases, inv), Env: targetOf(p)}
	digests := map[string]evidence.Digest{}
	twice := map[string]bool{}
	for _, f := range inv.Files {
		twice[f.Path] = twice[f.Path] || digests[f.Path] != "" && digests[f.Path] != f.Digest
		digests[f.Path] = f.Digest
	}
	for _, f := range manifest.Touched(inv, set.Updates) {
		if twice[f.Path] {
			continue
		}
		if f.Size > maxManifest {
			return nil, fmt.Errorf("write %s back: %d bytes are more than %d", f.Path, f.Size, maxManifest)
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return nil, fmt.Errorf("write %q back: its path leads out of the application", printable(f.Path))
		}
		text, err := ev.Get(ctx, f.Digest)
		if err != nil {
			return nil, fmt.Errorf("write %s back: read what it was: %w", f.Path, err)
		}
		set.Files[f.Path] = text
	}
	changed, err := manifest.Rewrite(ctx, set, formats)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for name, text := range changed {
		out[path.Join(updatedDir, name)] = text
	}
	return out, nil
}

// targetOf is the target of a plan.
func targetOf(p *report.Plan) pep508.Environment {
	return pep508.Environment{Python: p.Inputs.Python, Platform: p.Inputs.Platform, Machine: p.Inputs.Machine}
}

// sameVersion compares as written first: an arbitrary version (===) has no order.
func sameVersion(a, b string) bool {
	va, erra := pep440.Parse(a)
	vb, errb := pep440.Parse(b)
	return a == b || erra == nil && errb == nil && va.Equal(vb)
}

// unlocked is why a pin that stands in a pyproject.toml stays: what is installed from it is a lock file's, or a compiled
// file's, to say.
const unlocked = "pinned in %s, which is never written, and in no uv.lock beside it: lock the project (uv lock), or compile a requirements.txt from it (uv pip compile), and plan that"

// unwritable are the projects and lock files that no update could be written to, with what stands in the way: it is known
// before anything is planned.
func unwritable(ctx context.Context, inv *inventory.Inventory, ev evidence.Store) (map[string]string, error) {
	out := map[string]string{}
	lock := manifest.UVLock{}
	for _, src := range inv.Sources {
		if src.Kind == "pyproject" {
			out[src.Path] = fmt.Sprintf(unlocked, printable(src.Path))
		}
		if src.Kind != "uv-lock" {
			continue
		}
		set := manifest.Set{Files: map[string][]byte{}, Inventory: inv}
		for _, f := range manifest.Touched(inv, []report.Update{{Source: src.Path}}) {
			if f.Size > maxManifest {
				continue
			}
			text, err := ev.Get(ctx, f.Digest)
			if err != nil {
				return nil, storeError(fmt.Errorf("read %s: %w", f.Path, err))
			}
			set.Files[f.Path] = text
		}
		if err := lock.Supports(set, src.Path); err != nil {
			out[src.Path] = printable(err.Error())
		}
	}
	return out, nil
}

// MayAdd lists the releases that a lock file may hold besides the plan's own: what an environment other than the
// plan's needs when its packages move. They are judged as every newly picked release is: by the advisories, yanks,
// pre-releases, the routine cooldown and the rejections that hold, wherever they reach. m may be nil: then nothing may be added.
func MayAdd(ix index.Source, m advisory.Matcher, p *report.Plan, cooldown time.Duration) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, name string) ([]string, error) {
		if m == nil {
			return nil, nil
		}
		project, err := ix.Project(ctx, name)
		if err != nil {
			return nil, err
		}
		var out []string
		for _, r := range project.Releases {
			v, err := pep440.Parse(r.Version)
			young := func(f index.File) bool { // a lock names every file, for whichever system
				return f.Uploaded == nil || f.Uploaded.Add(cooldown).After(p.Inputs.Now) || p.Inputs.ExcludeNewer != nil && f.Uploaded.After(*p.Inputs.ExcludeNewer)
			}
			held := slices.ContainsFunc(p.Inputs.Rejections, func(x report.Rejection) bool { return x.Package == name && !below(r.Version, x.Version) })
			if err != nil || held || v.IsPrerelease() || v.Local() != "" || r.Yanked || slices.ContainsFunc(r.Files, young) {
				continue
			}
			hits, err := m.Match(pypi, name, r.Version)
			if err != nil {
				return nil, err
			}
			if len(hits) == 0 {
				out = append(out, r.Version)
			}
		}
		return out, nil
	}
}
