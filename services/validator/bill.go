package validator

import (
	"context"
	"path"
	"slices"

	"github.com/drydock-dev/drydock/pkg/attest"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pybuild"
)

// bill keeps the bill of materials of what is sealed: what is installed, and what requires what of it.
func (w *work) bill(ctx context.Context, inv *inventory.Inventory) (digest string, err error) {
	sealed, files, err := w.s.artifacts.Open(w.v.Artifact)
	if err != nil {
		return "", err
	}
	var sites []string
	for _, p := range inv.Packages {
		if site := path.Join(venvDir, p.Source); !slices.Contains(sites, site) {
			sites = append(sites, site)
		}
	}
	s := attest.Subject{Application: w.v.Application, Revision: w.base.Commit, Digest: w.v.Artifact, Tool: w.s.deps.Tool.Version, Distributions: sums(w.main.ship),
		Environment: pybuild.Here(w.python.Version), Direct: direct(w.main.sets.Ship)}
	if s.Installed, err = attest.Installed(files, sealed, sites); err != nil {
		return "", err
	}
	bill, err := attest.Bill(s, inv)
	if err != nil {
		return "", err
	}
	d, err := w.facts.Evidence.Put(ctx, bill)
	return string(d), err
}

// direct are the packages that manifests name for their own sake, with the extras that are asked for.
func direct(pins []pybuild.Pin) map[string][]string {
	out := map[string][]string{}
	for _, p := range pins {
		if p.Direct {
			out[p.Package] = p.Extras
		}
	}
	return out
}
