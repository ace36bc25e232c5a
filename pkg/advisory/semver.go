package advisory

import (
	"cmp"
	"strings"
)

// semver is a version by semver.org 2.0.0, build metadata dropped. A leading "v" and missing minor and patch
// numbers are accepted: advisories and lock files carry both.
type semver struct {
	major, minor, patch string // digits
	pre                 string // dotted identifiers; "" is a release
}

func parseSemver(text string) (semver, bool) {
	s := semver{}
	text = strings.TrimPrefix(strings.TrimSpace(text), "v")
	text, build, hasBuild := strings.Cut(text, "+")
	if hasBuild && !isIdentifiers(build, false) {
		return s, false
	}
	text, pre, hasPre := strings.Cut(text, "-")
	if hasPre && !isIdentifiers(pre, true) {
		return s, false
	}
	s.pre = pre
	parts := [3]*string{&s.major, &s.minor, &s.patch}
	for i := 0; ; i++ {
		if i == len(parts) {
			return s, false
		}
		number, rest, more := strings.Cut(text, ".")
		if !isNumeric(number) {
			return s, false
		}
		*parts[i] = number
		if text = rest; !more {
			return s, true
		}
	}
}

// isIdentifiers checks dotted [0-9A-Za-z-]+; leading zeros, which SemVer forbids, do no harm.
func isIdentifiers(s string, pre bool) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" && pre {
			return false
		}
		for i := 0; i < len(part); i++ {
			c := part[i]
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return true
}

func (s *semver) compare(t *semver) int {
	if c := compareNumbers(s.major, t.major); c != 0 {
		return c
	}
	if c := compareNumbers(s.minor, t.minor); c != 0 {
		return c
	}
	if c := compareNumbers(s.patch, t.patch); c != 0 {
		return c
	}
	if s.pre == "" || t.pre == "" {
		return cmp.Compare(order(s.pre == ""), order(t.pre == ""))
	}
	a, b := s.pre, t.pre
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareIdentifiers(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// key is as pep440.Version.Key.
func (s *semver) key() uint64 {
	const bits, largest = 20, 1<<20 - 1
	key := uint64(0)
	for i, part := range [...]string{s.major, s.minor, s.patch} {
		n := uint64(0)
		for j := 0; j < len(part) && n < largest; j++ {
			n = n*10 + uint64(part[j]-'0')
		}
		key |= min(n, largest) << (bits * (2 - i))
		if n >= largest {
			break
		}
	}
	return key
}

// compareIdentifiers: numbers before words.
func compareIdentifiers(x, y string) int {
	numberX, numberY := isNumeric(x), isNumeric(y)
	switch {
	case numberX && numberY:
		return compareNumbers(x, y)
	case numberX != numberY:
		return cmp.Compare(order(!numberX), order(!numberY))
	default:
		return strings.Compare(x, y)
	}
}

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

func isNumeric(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// goRelease turns the name of a Go release into the SemVer that Go's vulnerability database uses:
// go1.21rc2 is 1.21.0-rc.2.
func goRelease(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "go")
	text, _, _ = strings.Cut(text, " ") // "1.22.1 X:nocoverageredesign"
	for _, word := range [...]string{"beta", "rc"} {
		if base, number, ok := strings.Cut(text, word); ok && isNumeric(number) && isNumeric(strings.ReplaceAll(base, ".", "")) {
			if strings.Count(base, ".") == 1 {
				base += ".0"
			}
			return base + "-" + word + "." + number
		}
	}
	return text
}
