package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Verify reads again what was written.
func (Requirements) Verify(_ context.Context, s Set, changed map[string][]byte) error {
	for _, path := range slices.Sorted(maps.Keys(changed)) {
		if _, ok := s.Files[path]; !ok {
			return fmt.Errorf("%q is no file of the set", path)
		}
	}
	done, about := map[key]bool{}, aboutOf(s.Inventory)
	for _, path := range slices.Sorted(maps.Keys(s.Files)) {
		now, ok := changed[path]
		if !ok {
			now = s.Files[path]
		}
		c := &check{target: s.target(about, path), done: done, pending: map[string]report.Update{}}
		for _, u := range c.added {
			if _, twice := c.pending[pep440.Normalize(u.Package)]; twice {
				return fmt.Errorf("%s: %s is to be added twice", path, u.Package)
			}
			c.pending[pep440.Normalize(u.Package)] = u
		}
		if err := c.file(s.Files[path], now); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, u := range s.Updates {
		if !done[keyOf(u)] {
			return fmt.Errorf("%s: %s %s to %s is not in it", u.Source, u.Package, u.From, u.To)
		}
	}
	return nil
}

// check compares a file with what became of it.
type check struct {
	target
	done    map[key]bool
	pending map[string]report.Update // pins not found yet, by name
	hashed  bool
}

func (c *check) file(before, after []byte) error {
	was, is := decode(before), decode(after)
	if !bytes.Equal(was.mark, is.mark) || was.order != is.order {
		return errors.New("its encoding changed")
	}
	if again, err := is.encode(after, is.text); !bytes.Equal(before, after) && (err != nil || !bytes.Equal(again, after)) {
		return errors.New("what was written can't be read again")
	}
	old, now := read(was.text), read(is.text)
	c.hashed = slices.ContainsFunc(old, func(l line) bool { return len(l.hashes) > 0 })
	for len(now) > 0 {
		switch {
		case same(old, now, whole):
			if u, err := c.update(old[0]); err != nil || u != nil && !sameVersion(u.To, old[0].pinned) {
				return fmt.Errorf("line %d still pins %s %s", now[0].number, old[0].name, old[0].pinned)
			}
			old, now = old[1:], now[1:]
		case same(old, now, frame):
			if err := c.moved(old[0], now[0]); err != nil {
				return fmt.Errorf("line %d: %w", now[0].number, err)
			}
			old, now = old[1:], now[1:]
		default:
			left, err := c.insertion(now)
			if err != nil {
				return fmt.Errorf("line %d: %w", now[0].number, err)
			}
			now = left
		}
	}
	if len(old) > 0 {
		return fmt.Errorf("line %d as it was is gone", old[0].number)
	}
	for _, u := range c.pending {
		return fmt.Errorf("%s %s was not added", u.Package, u.To)
	}
	return nil
}

// same compares two lines; the last may have got the line end it lacked, for what was added below it.
func same(old, now []line, as func(line) string) bool {
	if len(old) == 0 {
		return false
	}
	a, b := as(old[0]), as(now[0])
	return a == b || len(old) == 1 && len(now) > 1 && strings.HasPrefix(b, a) && strings.Trim(b[len(a):], "\r\n") == ""
}

func whole(l line) string { return string(l.raw) }

// frame is a line without the version and the hashes of its pin.
func frame(l line) string {
	if l.pinned == "" {
		return string(l.raw)
	}
	var b strings.Builder
	b.Write(l.raw[:l.version.from])
	b.WriteString("\x00version")
	at := l.version.to
	for i, h := range l.hashes {
		b.Write(l.raw[at:h.at.from])
		if i == 0 {
			b.WriteString("\x00hashes")
		}
		at = h.at.to
	}
	b.Write(l.raw[at:])
	return b.String()
}

// moved checks a pin whose version or hashes changed.
func (c *check) moved(old, now line) error {
	u, err := c.update(old)
	if err != nil {
		return err
	}
	if u == nil {
		return fmt.Errorf("%s %s changed and no update says so", old.name, old.pinned)
	}
	if err := pins(now, *u); err != nil {
		return err
	}
	was, errWas := pep508.Parse(old.args)
	is, errIs := pep508.Parse(now.args)
	switch {
	case errIs != nil && errWas == nil:
		return fmt.Errorf("it can't be read again: %w", errIs)
	case errWas == nil && (was.Name != is.Name || !slices.Equal(was.Extras, is.Extras) || was.Marker.String() != is.Marker.String()):
		return fmt.Errorf("more than the version of %s changed", was.Name)
	}
	if err := hashes(now, *u, len(old.hashes) > 0); err != nil {
		return err
	}
	c.settle(old, *u, c.done)
	return nil
}

// pins checks that a line pins what an update says, by a reading that knows nothing of how it was written.
func pins(l line, u report.Update) error {
	if l.name != pep440.Normalize(u.Package) || !sameVersion(l.pinned, u.To) {
		return fmt.Errorf("pins %s %s; the update is %s %s", l.name, l.pinned, u.Package, u.To)
	}
	r, err := pep508.Parse(l.args)
	if err != nil {
		return nil // an old form of writing that pip knows and PEP 508 does not
	}
	set, err := pep440.ParseSpecifiers(r.Specifier)
	if err != nil {
		return fmt.Errorf("its version can't be read again: %w", err)
	}
	exact := slices.ContainsFunc(set.All(), func(s pep440.Specifier) bool {
		return !s.Wildcard && (s.Op == "==" || s.Op == "===") && sameVersion(s.Version, u.To)
	})
	if r.Name != pep440.Normalize(u.Package) || !exact {
		return fmt.Errorf("reads as %s%s; the update is %s %s", r.Name, r.Specifier, u.Package, u.To)
	}
	return nil
}

// hashes checks the set of hashes of a line.
func hashes(l line, u report.Update, hashed bool) error {
	var have []string
	for _, h := range l.hashes {
		have = append(have, h.value)
	}
	words := l.hashWords()
	want := slices.Sorted(slices.Values(u.Hashes))
	if !hashed {
		want = nil
	}
	slices.Sort(have)
	if !slices.Equal(have, want) || words != len(want) {
		return fmt.Errorf("%s %s has %d hashes, not exactly the %d of the update", u.Package, u.To, max(words, len(have)), len(want))
	}
	return nil
}

// insertion checks an added pin and the comment below it, and returns what follows.
func (c *check) insertion(now []line) ([]line, error) {
	l := now[0]
	u, ok := c.pending[l.name]
	if !ok || l.name == "" {
		return nil, errors.New("it is neither as it was nor an update")
	}
	if err := pins(l, u); err != nil {
		return nil, err
	}
	if l.marker != "" || l.extras != "" || len(l.others) > 0 {
		return nil, fmt.Errorf("%s was added with more than its version", u.Package)
	}
	if err := hashes(l, u, c.hashed); err != nil {
		return nil, err
	}
	delete(c.pending, l.name)
	c.done[keyOf(u)] = true
	want := slices.Sorted(slices.Values(u.Through))
	told := through(l.comment, true)
	rest := now[1:]
	for len(rest) > 0 && len(told) < len(want) && rest[0].alone && rest[0].comment != "" {
		told = append(told, through(rest[0].comment, strings.HasPrefix(rest[0].comment, "# via") && len(told) == 0)...)
		rest = rest[1:]
	}
	if !slices.Equal(told, want) {
		return nil, fmt.Errorf("%s says it comes through %q, not %q", u.Package, told, want)
	}
	return rest, nil
}

// through are the names in a comment of pip-compile's; the first line of one begins with via.
func through(comment string, first bool) []string {
	body := strings.TrimSpace(strings.TrimPrefix(comment, "#"))
	if first {
		body = strings.TrimPrefix(body, "via")
	}
	var names []string
	for name := range strings.SplitSeq(body, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
