package planner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// stated are the hashes a line gives for its pin.
type stated struct {
	At     string   `json:"at"`
	Hashes []string `json:"hashes"` // "sha256:…", sorted
}

// statedOn reads the hashes of the lines a pin stands on. Those of other algorithms can't be compared: the index
// speaks in sha256.
func statedOn(lines []inventory.Package) []stated {
	var out []stated
	for _, l := range lines {
		s := stated{At: where(l.Source, l.Line)}
		for _, h := range l.Hashes {
			if h = strings.ToLower(h); strings.HasPrefix(h, "sha256:") {
				s.Hashes = append(s.Hashes, h)
			}
		}
		slices.Sort(s.Hashes)
		if s.Hashes = slices.Compact(s.Hashes); len(s.Hashes) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// compareHashes holds the pins that stay to the index: their lines are not touched, but one with a hash of nothing
// the index has can't be installed, whatever else is planned.
func (s *solver) compareHashes(ctx context.Context) {
	for _, p := range s.task.Pins {
		if s.at[p.Package] != "" || len(p.Stated) == 0 {
			continue
		}
		j, err := s.book.judged(ctx, p.Package)
		if err != nil || j.current == nil {
			continue // said elsewhere
		}
		have := hashes(j.current)
		if len(have) == 0 {
			continue // an index without digests
		}
		for _, line := range p.Stated {
			foreign := slices.DeleteFunc(slices.Clone(line.Hashes), func(h string) bool { return slices.Contains(have, h) })
			if len(foreign) == 0 {
				continue
			}
			what := fmt.Sprintf("%s states %s of %s %s that the index does not have (%s…)", line.At, count(len(foreign), "hash", "hashes"), p.Package, printable(p.Version), foreign[0][:19])
			if len(foreign) == len(line.Hashes) {
				what += ", and no other: nothing can be installed by them"
			}
			s.out.Foreign = append(s.out.Foreign, what)
		}
	}
}
