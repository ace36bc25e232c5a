package advisory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// scheme says how an ecosystem's versions are read and ordered.
type scheme uint8

const (
	schemeNone scheme = iota
	schemePEP440
	schemeSemVer
	schemeGo // SemVer, and the names of Go releases ("go1.21rc2")
)

// schemes is the table of supported ecosystems.
var schemes = map[string]scheme{
	"PyPI":      schemePEP440,
	"Go":        schemeGo,
	"crates.io": schemeSemVer,
	"npm":       schemeSemVer,
}

func schemeOf(ecosystem string) scheme { return schemes[ecosystem] }

// Ecosystems lists the ecosystems whose versions can be judged, sorted.
func Ecosystems() []string {
	names := make([]string, 0, len(schemes))
	for name := range schemes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// baseEcosystem drops the release a database is for: "Debian:12" is of the ecosystem "Debian".
func baseEcosystem(e string) string {
	base, _, _ := strings.Cut(e, ":")
	return base
}

// normalName writes a name the way advisories are indexed: PEP 503 for PyPI, as it is elsewhere.
func normalName(ecosystem, name string) string {
	if ecosystem == "PyPI" {
		return pep440.Normalize(strings.TrimSpace(name))
	}
	return name
}

// version is a parsed version of either scheme.
type version struct {
	key uint64 // orders most versions at once (pep440.Version.Key)
	py  pep440.Version
	sem semver
}

func (s scheme) parse(text string) (version, error) {
	switch s {
	case schemePEP440:
		py, err := pep440.Parse(text)
		if err != nil {
			return version{}, fmt.Errorf("%w: %w", ErrVersion, err)
		}
		return version{key: py.Key(), py: py}, nil
	case schemeSemVer, schemeGo:
		if s == schemeGo {
			text = goRelease(text)
		}
		sem, ok := parseSemver(text)
		if !ok {
			return version{}, fmt.Errorf("%w: not a semantic version: %q", ErrVersion, clip(text, 80))
		}
		return version{key: sem.key(), sem: sem}, nil
	default:
		return version{}, errors.New("no version scheme")
	}
}

func (s scheme) compare(a, b *version) int {
	switch {
	case a.key != b.key:
		return cmp.Compare(a.key, b.key)
	case s == schemePEP440:
		return a.py.Compare(b.py)
	default:
		return a.sem.compare(&b.sem)
	}
}

func order(later bool) int {
	if later {
		return 1
	}
	return 0
}

// public is what an advisory speaks of: torch 1.12.0+cu117 is judged as 1.12.0.
func (v version) public() version {
	v.py = v.py.Public()
	return v
}

// eventKind is the kind of an event in a range, in the order in which ties are walked.
type eventKind uint8

const (
	introduced eventKind = iota
	fixed
	lastAffected
	limit
)

// event is a point at which being affected begins or ends. Its version is parsed only where the key does not
// decide: a database holds many thousands.
type event struct {
	kind  eventKind
	first bool // introduced "0": before every version
	key   uint64
	text  string
}

// compare orders a version against an event.
func (e *event) compare(s scheme, v *version) int {
	if e.first {
		return 1
	}
	if v.key != e.key {
		return cmp.Compare(v.key, e.key)
	}
	at, err := s.parse(e.text)
	if err != nil {
		return 0 // add has read it before
	}
	return s.compare(v, &at)
}

// order orders two events; ties are equal.
func (e *event) order(s scheme, f *event) int {
	if c := cmp.Compare(order(!e.first), order(!f.first)); c != 0 || e.first {
		return c
	}
	at, err := s.parse(e.text)
	if err != nil {
		return 0 // add has read it before
	}
	return f.compare(s, &at)
}

// versionRange is one range of an advisory, its events in ascending order, limits apart.
type versionRange struct {
	events []event
	limits []event
}

// add takes one event as written. One that can't be read never makes a package look safe: it counts by its
// longest readable beginning ("0.2.0-n653" is something after 0.2.0: versions up to 0.2.0 stay affected), and
// without one a start is from the beginning and an end does not end.
func (r *versionRange) add(s scheme, kind eventKind, text string) {
	if text = strings.TrimSpace(text); text == "" || kind == limit && text == "*" {
		return
	}
	if kind == introduced && text == "0" {
		r.events = append(r.events, event{kind: kind, first: true, text: text})
		return
	}
	at, err := s.parse(text)
	if err != nil {
		var ok bool
		text, at, ok = s.beginning(text)
		switch {
		case kind == introduced && !ok:
			r.events = append(r.events, event{kind: kind, first: true})
			return
		case kind == limit || !ok:
			return
		case kind == fixed:
			kind = lastAffected
		}
	}
	e := event{kind: kind, key: at.key, text: text}
	if kind == limit {
		r.limits = append(r.limits, e)
	} else {
		r.events = append(r.events, e)
	}
}

// beginning is the longest part of a text, from its start, that is a version.
func (s scheme) beginning(text string) (string, version, bool) {
	text = clip(text, 100)
	for n := len(text) - 1; n > 0; n-- {
		if v, err := s.parse(text[:n]); err == nil {
			return text[:n], v, true
		}
	}
	return "", version{}, false
}

// sort puts the events in order. Ties stay as written, so that introduced 2, fixed 2 is an empty interval, with
// two exceptions: what ends an interval that is open comes before what begins the next at the same version, in
// whatever order the intervals were written; and last_affected comes after both.
func (r *versionRange) sort(s scheme) {
	slices.SortStableFunc(r.events, func(a, b event) int {
		return cmp.Or(a.order(s, &b), cmp.Compare(order(a.kind == lastAffected), order(b.kind == lastAffected)))
	})
	open := false
	for tie := r.events; len(tie) > 0; {
		n := 1
		for n < len(tie) && tie[0].order(s, &tie[n]) == 0 {
			n++
		}
		if open {
			slices.SortStableFunc(tie[:n], func(a, b event) int {
				return cmp.Compare(order(a.kind != fixed), order(b.kind != fixed))
			})
		}
		open = tie[n-1].kind == introduced
		tie = tie[n:]
	}
}

// covers is the evaluation algorithm of the OSV schema for one range with sorted events.
func (r *versionRange) covers(s scheme, v *version) bool {
	if !r.beforeLimits(s, v) {
		return false
	}
	vulnerable := false
	for i := range r.events {
		e := &r.events[i]
		c := e.compare(s, v)
		if c < 0 {
			break
		}
		switch e.kind {
		case introduced:
			vulnerable = true
		case fixed:
			vulnerable = false
		case lastAffected:
			vulnerable = vulnerable && c == 0
		}
	}
	return vulnerable
}

func (r *versionRange) beforeLimits(s scheme, v *version) bool {
	for i := range r.limits {
		if r.limits[i].compare(s, v) < 0 {
			return true
		}
	}
	return len(r.limits) == 0
}

func covered(s scheme, ranges []versionRange, v version) bool {
	for i := range ranges {
		if ranges[i].covers(s, &v) {
			return true
		}
	}
	return false
}
