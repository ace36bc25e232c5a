package pep440

import "strings"

// Compare orders versions as PEP 440 asks: -1, 0 or 1. It is a total order; the local label counts.
func (v Version) Compare(w Version) int {
	if c := compareDigits(v.epoch, w.epoch); c != 0 {
		return c
	}
	if c := compareRelease(v.release, w.release); c != 0 {
		return c
	}
	if c := int(v.phase()) - int(w.phase()); c != 0 {
		return sign(c)
	}
	if c := compareDigits(v.pre, w.pre); c != 0 {
		return c
	}
	if v.hasPost != w.hasPost {
		return boolOrder(v.hasPost)
	}
	if c := compareDigits(v.post, w.post); c != 0 {
		return c
	}
	if v.hasDev != w.hasDev {
		return boolOrder(!v.hasDev)
	}
	if c := compareDigits(v.dev, w.dev); c != 0 {
		return c
	}
	return compareLocal(v.local, w.local)
}

// Equal says whether both are the same version, however written.
func (v Version) Equal(w Version) bool { return v.Compare(w) == 0 }

// Compare orders two versions, for slices.SortFunc.
func Compare(a, b Version) int { return a.Compare(b) }

// phase ranks what comes before the release itself: 1.0.dev1 < 1.0a1 < 1.0b1 < 1.0rc1 < 1.0 = 1.0.post1.
func (v Version) phase() preKind {
	switch {
	case v.release == "": // the zero Version
		return 0
	case v.kind != preNone:
		return v.kind + 1
	case v.hasDev && !v.hasPost:
		return 1
	default:
		return preRC + 2
	}
}

// compareRelease compares dotted digits, the shorter padded with zeros.
func compareRelease(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareDigits(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareDigits compares decimal numbers of any length; "" is 0.
func compareDigits(a, b string) int {
	a, b = stripZeros(a), stripZeros(b)
	if len(a) != len(b) {
		return sign(len(a) - len(b))
	}
	return strings.Compare(a, b)
}

// compareLocal: none before any; number after text; then the longer after the shorter.
func compareLocal(a, b string) int {
	if a == "" || b == "" {
		return sign(len(a) - len(b))
	}
	for a != "" && b != "" {
		var x, y string
		x, a = cutLocal(a)
		y, b = cutLocal(b)
		numberX, numberY := isNumber(x), isNumber(y)
		if numberX != numberY {
			return boolOrder(numberX)
		}
		c := strings.Compare(x, y)
		if numberX {
			c = compareDigits(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b))
}

func cutLocal(s string) (segment, rest string) {
	if i := strings.IndexAny(s, "-_."); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func localText(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		var segment string
		segment, rest = cutLocal(rest)
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if isNumber(segment) {
			segment = digits(segment)
		}
		b.WriteString(segment)
	}
	return b.String()
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func stripZeros(s string) string {
	for s != "" && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// digits writes a number without leading zeros; none is "0".
func digits(s string) string {
	if s = stripZeros(s); s == "" {
		return "0"
	}
	return s
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}

func boolOrder(greater bool) int {
	if greater {
		return 1
	}
	return -1
}

// Widths of the parts of a Key, from the front: epoch and three release numbers.
const (
	epochBits   = 4
	releaseBits = 20
)

// Key packs epoch and the first three release numbers into a number that sorts as the versions do: when two
// keys differ, they order the versions; when they are equal, Compare must be asked.
func (v Version) Key() uint64 {
	number, fits := saturate(v.epoch, epochBits)
	key := number << (3 * releaseBits)
	for i, rest := 2, v.release; i >= 0 && fits && rest != ""; i-- {
		var part string
		part, rest, _ = strings.Cut(rest, ".")
		number, fits = saturate(part, releaseBits)
		key |= number << (i * releaseBits)
	}
	return key
}

// saturate reads a number of at most so many bits; a larger one is the largest, and what comes after it must
// not count.
func saturate(s string, bits uint) (n uint64, fits bool) {
	largest := uint64(1)<<bits - 1
	for i := 0; i < len(s); i++ {
		if n = n*10 + uint64(s[i]-'0'); n >= largest {
			return largest, false
		}
	}
	return n, true
}
