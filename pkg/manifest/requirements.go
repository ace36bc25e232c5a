package manifest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Requirements is pip's requirements files, with the constraints files and the .in files that go with them.
//
// A pin moves by its version and, where it carries hashes, by its whole set of hashes, of whatever algorithm the
// old ones were. A constraint that pins a package for the environment moves with it, and so does an exact pin in
// the .in file; ranges stay, the plan keeps within them. An added pin stands where pip-compile and uv would put
// it, in the file's own style, with "# via" and what requires it. Comments of that kind that were there before
// stay as they are, also where the change makes one true or false: the next compilation writes them anew.
type Requirements struct{}

// Name is for people.
func (Requirements) Name() string { return "requirements.txt" }

// Takes the kinds the scanner gives them.
func (Requirements) Takes(kind string) bool {
	return kind == requirementsKind || kind == inventory.Constraints || kind == inventory.Input
}

// Apply changes versions and hashes and adds pins.
func (Requirements) Apply(_ context.Context, s Set) (map[string][]byte, error) {
	out := map[string][]byte{}
	done, about := map[key]bool{}, aboutOf(s.Inventory)
	for _, path := range slices.Sorted(maps.Keys(s.Files)) {
		t := s.target(about, path)
		if len(t.own)+len(t.limited)+len(t.added) == 0 {
			continue
		}
		old := s.Files[path]
		doc := decode(old)
		text, err := t.rewrite(read(doc.text), done)
		if err != nil {
			return nil, fmt.Errorf("write %s back: %w; the file is left as it is and nothing was written", path, err)
		}
		if string(text) == string(doc.text) {
			continue
		}
		if out[path], err = doc.encode(old, text); err != nil {
			return nil, fmt.Errorf("write %s back: %w", path, err)
		}
	}
	for _, u := range s.Updates {
		if !done[keyOf(u)] {
			return nil, fmt.Errorf("write %s back: no pin %s==%s found in it; the file is left as it is and nothing was written", u.Source, u.Package, u.From)
		}
	}
	return out, nil
}

// key is an update of a set.
type key struct{ pkg, from, source string }

func keyOf(u report.Update) key { return key{u.Package, u.From, u.Source} }

// target is what may change in one file.
type target struct {
	path    string
	env     pep508.Environment
	own     []report.Update // of the pins it holds
	limited []report.Update // of pins in other files that it pins too, as constraints do
	along   []report.Update // as limited, of packages it holds too: what moves its own pin moves them
	added   []report.Update
	input   bool // a .in file: it follows whatever its compiled file says
}

func (s Set) target(a about, path string) target {
	t := target{path: path, env: s.Env, input: a.kind(path) == inventory.Input}
	for _, u := range s.Updates {
		switch {
		case u.Source == path && u.From == "":
			t.added = append(t.added, u)
		case u.Source == path:
			t.own = append(t.own, u)
		case u.From == "" || !a.limits(path, u.Source):
		case a.names[path][u.Package]:
			t.along = append(t.along, u)
		default:
			t.limited = append(t.limited, u)
		}
	}
	slices.SortStableFunc(t.added, func(a, b report.Update) int {
		return strings.Compare(pep440.Normalize(a.Package), pep440.Normalize(b.Package))
	})
	return t
}

// update is the one that moves a line, by what the line says; nil: none.
func (t target) update(l line) (*report.Update, error) {
	if l.pinned == "" || t.holds(l.marker) == pep508.Untrue {
		return nil, nil
	}
	var found *report.Update
	take := func(all []report.Update, any bool) error {
		for i := range all {
			u := &all[i]
			if pep440.Normalize(u.Package) != l.name || !any && !sameVersion(u.From, l.pinned) {
				continue
			}
			if found != nil && found.To != u.To {
				return fmt.Errorf("%s pins %s %s for what is to move to %s and to %s", place(t.path, l.number), l.name, l.pinned, found.To, u.To)
			}
			if found == nil {
				found = u
			}
		}
		return nil
	}
	if err := take(t.own, false); err != nil {
		return nil, err
	}
	if found == nil {
		if err := take(t.limited, t.input); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (t target) holds(marker string) pep508.Truth {
	m, err := pep508.ParseMarker(marker)
	if err != nil {
		return pep508.Unknown
	}
	return m.Holds(t.env, "")
}

// settle notes the updates that a moved line fulfils: a constraint moves its package for all that it limits.
func (t target) settle(l line, u report.Update, done map[key]bool) {
	if t.input { // what is installed stands in the compiled file
		return
	}
	done[keyOf(u)] = true
	for _, v := range slices.Concat(t.limited, t.along) {
		if pep440.Normalize(v.Package) == l.name && v.To == u.To && sameVersion(v.From, l.pinned) {
			done[keyOf(v)] = true
		}
	}
}

// rewrite makes the new text of a file.
func (t target) rewrite(lines []line, done map[key]bool) ([]byte, error) {
	out := make([][]byte, 0, len(lines))
	for _, l := range lines {
		u, err := t.update(l)
		if err != nil {
			return nil, err
		}
		raw := l.raw
		if u != nil {
			if raw, err = t.move(l, *u); err != nil {
				return nil, err
			}
			t.settle(l, *u, done)
		}
		out = append(out, raw)
	}
	style := styleOf(lines)
	blocks := map[int]string{}
	for _, u := range t.added {
		if style.hashed && len(u.Hashes) == 0 {
			return nil, fmt.Errorf("its requirements carry hashes, and %s %s comes without", u.Package, u.To)
		}
		i := style.place(lines, u.Package)
		blocks[i] += style.block(u)
		done[keyOf(u)] = true
	}
	return assemble(out, blocks, style.end, len(lines) > 0 && lines[len(lines)-1].open), nil
}

// assemble puts blocks before the lines of their numbers. open: the last line goes on, and nothing follows.
func assemble(lines [][]byte, blocks map[int]string, end string, open bool) []byte {
	var out []byte
	for i := range len(lines) + 1 {
		if block := blocks[i]; block != "" {
			last, _ := utf8.DecodeLastRune(out)
			ended := len(out) == 0 || strings.ContainsRune(breaks, last)
			switch {
			case i == len(lines) && open && !ended:
				block = end + end + block
			case i == len(lines) && open:
				block = end + block
			case !ended: // nor does the file, then
				block = end + strings.TrimSuffix(block, end)
			}
			out = append(out, block...)
		}
		if i < len(lines) {
			out = append(out, lines[i]...)
		}
	}
	return out
}

// move writes another version and, where there are hashes, the other release's. Old ones are never kept beside new
// ones.
func (t target) move(l line, u report.Update) ([]byte, error) {
	if len(l.hashes) > 0 && len(u.Hashes) == 0 {
		return nil, fmt.Errorf("%s carries hashes, and %s %s comes without", place(t.path, l.number), u.Package, u.To)
	}
	if l.hashWords() != len(l.hashes) {
		return nil, fmt.Errorf("%s has a --hash that can't be read; want ALGORITHM:HEX", place(t.path, l.number))
	}
	if len(l.others) > 0 {
		rest := strings.Join(l.others, ",")
		set, err := pep440.ParseSpecifiers(rest)
		v, verr := pep440.Parse(u.To)
		if err != nil || verr != nil || !set.Contains(v, true) {
			return nil, fmt.Errorf("%s asks for %s%s too, which %s is not", place(t.path, l.number), l.name, rest, u.To)
		}
	}
	var out []byte
	at := l.version.to
	out = append(out, l.raw[:l.version.from]...)
	out = append(out, u.To...)
	for i, h := range l.hashes {
		out = append(out, l.raw[at:h.at.from]...)
		at = h.at.to
		if i > 0 {
			continue
		}
		gap := h.gap
		for _, value := range u.Hashes {
			out = append(out, gap+h.join+value...)
			gap = l.hashes[min(1, len(l.hashes)-1)].gap
		}
	}
	return append(out, l.raw[at:]...), nil
}

// sameVersion compares as written first: an arbitrary version (===) has no order.
func sameVersion(a, b string) bool {
	if a == b {
		return true
	}
	va, erra := pep440.Parse(a)
	vb, errb := pep440.Parse(b)
	return erra == nil && errb == nil && va.Equal(vb)
}
