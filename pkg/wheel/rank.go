package wheel

import (
	"cmp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

// Rank orders the wheels of one release for CPython in the environment as its installer does (PEP 425; the order is
// that of packaging.tags): of two that are usable the one with the smaller rank is taken, of two with the same rank
// the one with the higher build tag, see [Compare]. ok is [Supports]. Where the environment's Python is not known the
// order between wheels for different ones means nothing.
func (n Name) Rank(env pep508.Environment) (rank int, ok bool) {
	minor, known := minorOf(env.Python)
	for _, python := range n.Pythons {
		for _, abi := range n.ABIs {
			for _, tag := range n.Platforms {
				one := Name{Pythons: []string{python}, ABIs: []string{abi}, Platforms: []string{tag}}
				if !one.Supports(env) {
					continue
				}
				r := tier(python, abi, tag, minor, known)<<rankBits | platformOrder(env.Platform, tag)
				if !ok || r < rank {
					rank, ok = r, true
				}
			}
		}
	}
	return rank, ok
}

// rankBits are those of the order of platforms.
const rankBits = 16

// tier orders what a wheel asks of the interpreter: built for exactly it, for its stable ABI, for it without an ABI,
// for the stable ABI of older ones from new to old, then what any implementation runs, the nearest version first;
// last what is for any platform.
func tier(python, abi, platform string, minor int, known bool) int {
	const older, generic, anywhere = 10, 2000, 4000
	implementation, tag, _ := interpreter(python)
	if !known {
		minor = max(tag, 0)
	}
	distance := 1 // of py3: after py311, before py310
	switch {
	case tag >= 0 && tag == minor:
		distance = 0
	case tag >= 0:
		distance = 1 + minor - tag
	}
	switch {
	case platform == "any" && implementation == "cp":
		return anywhere
	case platform == "any":
		return anywhere + 1 + distance
	case implementation == "py":
		return generic + distance
	case abi == "abi3" && tag == minor:
		return 1
	case abi == "abi3":
		return older + minor - tag
	case abi == "none":
		return 2
	}
	return 0
}

// platformOrder is newest first: a wheel for a newer system uses more of it.
func platformOrder(system, tag string) int {
	switch {
	case tag == "any":
		return 0
	case strings.HasPrefix(tag, "linux_"):
		return 1000
	case strings.HasPrefix(tag, "manylinux"):
		head, rest, _ := strings.Cut(tag, "_")
		if glibc, ok := old[head]; ok {
			return 2*(glibcMinor-glibc) + 1
		}
		_, rest, _ = strings.Cut(rest, "_")
		minorText, _, _ := strings.Cut(rest, "_")
		glibc, _ := number(minorText)
		return 2 * (glibcMinor - glibc)
	case system == "darwin" || strings.HasPrefix(tag, "macosx_"):
		rest, _ := strings.CutPrefix(tag, "macosx_")
		majorText, rest, _ := strings.Cut(rest, "_")
		minorText, format, _ := strings.Cut(rest, "_")
		major, _ := number(majorText)
		minor, _ := number(minorText)
		place := len(macFormats)
		for i, f := range macFormats {
			if f == format {
				place = i
			}
		}
		if major > 10 {
			return (macOS-major)*20 + place
		}
		return (macOS-10+20-minor)*20 + place
	}
	return 0
}

// macFormats in the order of mac_platforms.
var macFormats = []string{"arm64", "x86_64", "intel", "fat64", "fat3", "fat32", "universal2", "universal"}

// Compare is for sorting the wheels of one release, best first, by their file names. Those that the environment
// can't use come last. Between two that are equal in all else the name decides, so that the order never depends on
// that of the index.
func Compare(env pep508.Environment, a, b string) int {
	n, errA := Parse(a)
	m, errB := Parse(b)
	ra, okA := n.Rank(env)
	rb, okB := m.Rank(env)
	okA, okB = okA && errA == nil, okB && errB == nil
	switch {
	case okA != okB && okA:
		return -1
	case okA != okB:
		return 1
	case !okA:
		return cmp.Compare(a, b)
	}
	numberA, restA := build(n.Build)
	numberB, restB := build(m.Build)
	return cmp.Or(cmp.Compare(ra, rb), cmp.Compare(numberB, numberA), cmp.Compare(restB, restA), cmp.Compare(a, b))
}

// build splits a build tag as PEP 427 sorts it: its number, then the rest. None comes before all.
func build(tag string) (int, string) {
	end := strings.IndexFunc(tag, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(tag)
	}
	digits := strings.TrimLeft(tag[:end], "0")
	if tag == "" {
		return -1, ""
	}
	if len(digits) > 9 { // no builder counts so far
		return 1 << 30, tag[end:]
	}
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n, tag[end:]
}
