package resolution

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// unblock looks for one withheld release with which the want could be had: of what blocks it first, the lowest, and
// rather one that waits than one that an advisory hits; never a malicious one.
func (x *explanation) unblock() string {
	away := x.distances()
	packs := slices.SortedFunc(maps.Keys(away), func(a, b *pack) int {
		return cmp.Or(-cmp.Compare(away[a], away[b]), byName(a, b))
	})
	var doubtful string
	for _, p := range packs {
		for _, w := range x.withheld(p) {
			if strings.Contains(w.Reason, "malicious") || strings.Contains(w.Reason, "MAL-") {
				continue // never a way out
			}
			bad := strings.Contains(w.Reason, "is hit by")
			if bad && doubtful != "" || !x.frees(p, w) {
				continue
			}
			text := p.name + " " + w.Version + ", which " + w.Reason
			if !bad {
				return text
			}
			doubtful = text
		}
	}
	return doubtful
}

// withheld are the releases of a package that may not be picked, also those that are of no use on the target.
func (x *explanation) withheld(p *pack) []Withheld {
	if p.held != "" || p.candErr != nil || p.nobody {
		return nil
	}
	list, err := x.r.b.offer.Withheld(x.r.b.ctx, p.name)
	if err != nil {
		return nil // there may be one: Unblock is then not known, and empty
	}
	list = append(slices.Clone(list), p.barred...)
	slices.SortStableFunc(list, func(a, b Withheld) int { return compareTexts(a.Version, b.Version) })
	return list[:min(len(list), maxUnblock)]
}

// frees says whether the want could be had if the release might be picked.
func (x *explanation) frees(p *pack, w Withheld) bool {
	v, err := pep440.Parse(w.Version)
	if err != nil || p.cur != nil && v.Compare(p.cur.v) <= 0 {
		return false
	}
	r := &release{of: p, version: w.Version, v: v, rank: len(p.cands) + 1}
	raw, err := x.r.b.offer.Metadata(x.r.b.ctx, p.name, w.Version)
	x.r.b.take(r, raw, err)
	if r.meta == nil {
		return false
	}
	if strings.HasPrefix(w.Reason, "requires Python") {
		r.err = nil // that is what it is withheld for
	}
	p.imagine, p.higher = true, []*release{r}
	defer func() { p.imagine, p.higher = false, nil }()
	s, _ := x.search(nil, nil)
	return s.best != nil
}

func compareTexts(a, b string) int {
	x, errX := pep440.Parse(a)
	y, errY := pep440.Parse(b)
	if errX != nil || errY != nil {
		return strings.Compare(a, b)
	}
	return x.Compare(y)
}
