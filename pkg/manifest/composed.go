package manifest

import (
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Composed are the updates of phases that build on one another, each from where the application stands: what one
// phase moves to 2.2.5 and the next from there to 2.3.3 is one update to 2.3.3. phases are those of a plan in
// their order, from the first up to the one that is meant: each was proved to install after the ones before it, and
// on its own as well. inv is the inventory the plan was made for; it tells a package that stands at several versions from
// one that moves twice. Neither is changed.
func Composed(phases []report.Phase, inv *inventory.Inventory) []report.Update {
	type place struct{ pkg, source string }
	type standing struct{ pkg, version, source string }
	pinned := map[standing]bool{}
	for _, p := range inv.Packages {
		pinned[standing{p.Package, p.Version, p.Source}] = true
	}
	var out []report.Update
	at := map[place][]int{}
	for _, ph := range phases {
		for _, u := range ph.Updates {
			k := place{u.Package, u.Source}
			i := -1
			for _, j := range at[k] {
				next := u.From != "" && !pinned[standing{u.Package, u.From, u.Source}] && sameVersion(u.From, out[j].To)
				if u.From == out[j].From || next {
					i = j
				}
			}
			if i < 0 {
				at[k] = append(at[k], len(out))
				out = append(out, u)
				continue
			}
			u.From = out[i].From
			if len(u.Through) == 0 {
				u.Through = out[i].Through
			}
			out[i] = u
		}
	}
	return out
}
