package advisory

import (
	"slices"
	"strings"
)

// PackageName names a package of an ecosystem, normalised.
type PackageName struct {
	Ecosystem string
	Name      string
}

// Diff lists the packages of which two databases differ, by ecosystem and name: what must be matched again.
// An ecosystem that only one of them has, or that can't be read in one of them, counts with all its packages.
// Both are read whole, from snapshots where there are some.
func Diff(before, after *DB) []PackageName {
	var names []string
	for _, db := range []*DB{before, after} {
		for _, e := range db.ecosystems {
			names = append(names, e.place.ecosystem)
		}
	}
	slices.Sort(names)
	var changed []PackageName
	for _, name := range slices.Compact(names) {
		old, now := before.find(name), after.find(name)
		if old != nil && now != nil && old.digest == now.digest {
			continue
		}
		changed = diffSnapshots(changed, name, contents(old), contents(now))
	}
	return changed
}

// contents is an empty snapshot where there is none.
func contents(e *ecosystem) *snapshot {
	if e == nil {
		return &snapshot{}
	}
	s, err := e.snapshot()
	if err != nil {
		return &snapshot{}
	}
	return s
}

// diffSnapshots walks both sorted lists of names.
func diffSnapshots(changed []PackageName, ecosystem string, a, b *snapshot) []PackageName {
	i, j := 0, 0
	for i < a.len() || j < b.len() {
		order := 0
		switch {
		case i == a.len():
			order = 1
		case j == b.len():
			order = -1
		default:
			order = strings.Compare(a.name(i), b.name(j))
		}
		switch {
		case order < 0:
			changed = append(changed, PackageName{ecosystem, a.name(i)})
			i++
		case order > 0:
			changed = append(changed, PackageName{ecosystem, b.name(j)})
			j++
		default:
			if !a.sameBlock(i, b, j) {
				changed = append(changed, PackageName{ecosystem, a.name(i)})
			}
			i, j = i+1, j+1
		}
	}
	return changed
}
