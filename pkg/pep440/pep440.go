// Package pep440 reads and orders Python versions (PEP 440), judges version
// specifiers against them, and normalises project names (PEP 503).
package pep440

import (
	"errors"
	"fmt"
	"strings"
)

// ErrVersion is wrapped by every error about a text that is no PEP 440 version.
var ErrVersion = errors.New("not a PEP 440 version")

// maxLength bounds what Parse looks at: the longest version on the public index has under 100 characters.
const maxLength = 1024

// Version is a parsed version. The zero value sorts before every parsed one. Parts are substrings of the
// text, so parsing the usual forms allocates nothing. Two equal versions may be written differently: use
// Compare or Equal, not ==.
type Version struct {
	epoch   string // digits; "" is 0
	release string // dotted digits
	pre     string // digits
	post    string // digits
	dev     string // digits
	local   string // lower case, separators as written
	kind    preKind
	hasPost bool
	hasDev  bool
}

// preKind is the pre-release phase, in the order in which phases sort.
type preKind uint8

const (
	preNone preKind = iota
	preAlpha
	preBeta
	preRC
)

// Parse reads a version in any of the spellings PEP 440 accepts ("1.0-RC.1", "v2.0", "1!3.0.post4").
// An error wraps ErrVersion.
func Parse(s string) (Version, error) {
	text := strings.TrimSpace(s)
	if len(text) > maxLength {
		return Version{}, fmt.Errorf("%w: %d characters, at most %d", ErrVersion, len(text), maxLength)
	}
	p := parser{rest: lower(text)}
	v, ok := p.version()
	if !ok || p.rest != "" {
		return Version{}, fmt.Errorf("%w: %q", ErrVersion, clip(s))
	}
	return v, nil
}

// IsPrerelease says whether v is a pre-release or a developmental release.
func (v Version) IsPrerelease() bool { return v.kind != preNone || v.hasDev }

// IsPostrelease says whether v is a post-release.
func (v Version) IsPostrelease() bool { return v.hasPost }

// Local returns the local label ("cu117" of 1.12.0+cu117), normalised; empty when there is none.
func (v Version) Local() string { return localText(v.local) }

// Public returns v without its local label: what advisories and the index speak of.
func (v Version) Public() Version {
	v.local = ""
	return v
}

// String returns the normal form: "v1.0-RC.1" is "1.0rc1". Trailing zeros of the release stay.
func (v Version) String() string {
	if v.release == "" {
		return ""
	}
	var b strings.Builder
	b.Grow(len(v.release) + 16)
	if e := stripZeros(v.epoch); e != "" {
		b.WriteString(e)
		b.WriteByte('!')
	}
	for rest, first := v.release, true; rest != ""; first = false {
		var segment string
		segment, rest, _ = strings.Cut(rest, ".")
		if !first {
			b.WriteByte('.')
		}
		b.WriteString(digits(segment))
	}
	if v.kind != preNone {
		b.WriteString([...]string{preAlpha: "a", preBeta: "b", preRC: "rc"}[v.kind])
		b.WriteString(digits(v.pre))
	}
	if v.hasPost {
		b.WriteString(".post")
		b.WriteString(digits(v.post))
	}
	if v.hasDev {
		b.WriteString(".dev")
		b.WriteString(digits(v.dev))
	}
	if v.local != "" {
		b.WriteByte('+')
		b.WriteString(localText(v.local))
	}
	return b.String()
}

// Sizes of a step.
const (
	Patch = "patch"
	Minor = "minor"
	Major = "major"
)

// Step names the size of the change between two versions: Major when the epoch or the first part of the
// release differs, Minor when the second does, else Patch.
func Step(from, to Version) string {
	if compareDigits(from.epoch, to.epoch) != 0 {
		return Major
	}
	a, restA, _ := strings.Cut(from.release, ".")
	b, restB, _ := strings.Cut(to.release, ".")
	if compareDigits(a, b) != 0 {
		return Major
	}
	a, _, _ = strings.Cut(restA, ".")
	b, _, _ = strings.Cut(restB, ".")
	if compareDigits(a, b) != 0 {
		return Minor
	}
	return Patch
}

// Normalize returns a project name as PEP 503 asks: lower case, runs of '-', '_' and '.' as one '-'.
// A name that is already normal is returned as it is.
func Normalize(name string) string {
	if isNormal(name) {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '-' || c == '_' || c == '.':
			if i > 0 && isSeparator(name[i-1]) {
				continue
			}
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b)
}

func isNormal(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '_' || c == '.' || 'A' <= c && c <= 'Z' || c == '-' && i > 0 && name[i-1] == '-' {
			return false
		}
	}
	return true
}
