package resolution

import (
	"maps"
	"slices"
)

// group is wants that have to be looked at together. The searches of two groups that never meet the same package can't
// do better together: whatever change serves both would have been met by both. So the work grows with what hangs
// together, not with the number of wants.
type group struct {
	wants    []*pack // in order of importance
	accepted []*pack
	refused  []refusal
	best     choice
	met      map[*pack]bool
	whole    bool // all was compared
}

// find returns the wants that can be had together, the more important first, and the best way to have them.
func (r *run) find(wants []*pack) (accepted []*pack, best choice, refused []refusal) {
	groups := make([]*group, len(wants))
	for i, w := range wants {
		groups[i] = r.group([]*pack{w}, wants)
	}
	for {
		i, j, clash := r.clash(groups)
		if !clash {
			break
		}
		both := slices.Concat(groups[i].wants, groups[j].wants)
		groups = slices.Delete(groups, j, j+1)
		groups[i] = r.group(both, wants)
	}
	r.groups = groups
	best, r.sol.Exhaustive = choice{}, len(groups) > 0
	for _, g := range groups {
		accepted = append(accepted, g.accepted...)
		refused = append(refused, g.refused...)
		maps.Copy(best, g.best)
		r.sol.Exhaustive = r.sol.Exhaustive && g.whole
	}
	inOrder(accepted, wants)
	slices.SortStableFunc(refused, func(a, b refusal) int {
		return slices.Index(wants, a.want) - slices.Index(wants, b.want)
	})
	if !r.sol.Exhaustive {
		want(accepted, true) // what was not compared may have met other groups
		best = (&state{b: r.b, deep: r.deep}).shrink(best)
		want(accepted, false)
	}
	r.sol.Exhaustive = r.sol.Exhaustive && len(accepted) > 0
	return accepted, best, refused
}

func inOrder(ps, wants []*pack) {
	slices.SortFunc(ps, func(a, b *pack) int { return slices.Index(wants, a) - slices.Index(wants, b) })
}

// group searches for the wants together; of those that exclude one another the more important are had.
func (r *run) group(ps, order []*pack) *group {
	g := &group{wants: ps, met: map[*pack]bool{}, whole: true}
	inOrder(g.wants, order)
	c, err := r.search(g, g.wants, false)
	if c != nil {
		g.accepted, g.best = g.wants, c
		return g
	}
	if len(g.wants) == 1 {
		g.refused = []refusal{{want: g.wants[0], err: err}}
		return g
	}
	for _, w := range g.wants {
		next := append(slices.Clone(g.accepted), w)
		c, err := r.search(g, next, true)
		if c == nil {
			g.refused = append(g.refused, refusal{w, g.accepted, err})
			continue
		}
		g.accepted, g.best = next, c
	}
	if len(g.accepted) == 0 {
		return g
	}
	if c, _ := r.search(g, g.accepted, false); c != nil {
		g.best = c
		return g
	}
	want(g.accepted, true)
	defer want(g.accepted, false)
	g.whole, g.best = false, (&state{b: r.b, deep: r.deep}).shrink(g.best)
	return g
}

// clash finds two groups that have to be looked at together: their searches met, or their answers do not hold beside
// each other.
func (r *run) clash(groups []*group) (i, j int, found bool) {
	for i := range groups {
		for j := i + 1; j < len(groups); j++ {
			for p := range groups[i].met {
				if groups[j].met[p] {
					return i, j, true
				}
			}
		}
	}
	if r.together(groups...) {
		return 0, 0, false
	}
	for i := range groups {
		for j := i + 1; j < len(groups); j++ {
			if !r.together(groups[i], groups[j]) {
				return i, j, true
			}
		}
	}
	return 0, 1, len(groups) > 1
}

func (r *run) together(groups ...*group) bool {
	all := choice{}
	for _, g := range groups {
		want(g.accepted, true)
		defer want(g.accepted, false)
		maps.Copy(all, g.best)
	}
	return (&state{b: r.b, deep: r.deep}).sound(all)
}
