package report

import "slices"

// Moves are the updates of the phases that use accepts, all at once: where a later phase moves a package on from
// where an earlier one put it, the two are one update from the first version to the last. They stand in the order
// of their first phase.
func (p *Plan) Moves(use func(Phase) bool) []Update {
	var out []Update
	for _, ph := range p.Phases {
		if !use(ph) {
			continue
		}
		for _, u := range ph.Updates {
			i := slices.IndexFunc(out, func(o Update) bool {
				return o.Ecosystem == u.Ecosystem && o.Package == u.Package && o.Source == u.Source && o.To == u.From && u.From != ""
			})
			if i < 0 {
				out = append(out, u)
				continue
			}
			u.From, u.Direct = out[i].From, out[i].Direct
			u.Fixes = slices.Concat(out[i].Fixes, u.Fixes)
			slices.Sort(u.Fixes)
			u.Fixes = slices.Compact(u.Fixes)
			out[i] = u
		}
	}
	return out
}
