package wheel

import (
	"slices"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

// What a target is taken to have. Environment does not say; these are what the packages of today are built
// for, and a lower figure would call usable wheels unusable.
const (
	glibcMinor = 28 // glibc 2.28 (PEP 600): RHEL 8, Debian 10; and uv's own "linux"
	macOS      = 15 // macOS 15
)

// Supports says whether CPython in the environment can install the wheel with this file name. A name that is
// none is not supported. What is not known of the environment excludes nothing: without a Machine wheels for
// any machine are usable (x86_64 is not assumed), without a Platform those for any system, without a Python
// those for any CPython 3. A linux target has glibc up to 2.28, so musllinux wheels (PEP 656) are refused;
// a darwin target is macOS 15 or later. Free-threaded builds (cp313t), other implementations and Python 2 are
// refused.
func Supports(env pep508.Environment, filename string) bool {
	n, err := Parse(filename)
	return err == nil && n.Supports(env)
}

// Supports is [Supports] for a name that was read already.
func (n Name) Supports(env pep508.Environment) bool {
	anywhere, here := false, false
	for _, tag := range n.Platforms {
		anywhere = anywhere || tag == "any"
		here = here || tag != "any" && platform(env, tag)
	}
	if !anywhere && !here {
		return false
	}
	minor, known := minorOf(env.Python)
	for _, python := range n.Pythons {
		for _, abi := range n.ABIs {
			if usable(python, abi, minor, known, anywhere, here) {
				return true
			}
		}
	}
	return false
}

// Reaches says whether some system of the environment's kind could install the wheel, whatever its C library
// (PEP 656) and however new that or macOS is: [Supports] is about a target of modest age, and the machine in the end
// may be another, whose installer takes the wheel for its own system before any that Supports knows.
func Reaches(env pep508.Environment, filename string) bool {
	n, err := Parse(filename)
	if err != nil {
		return false
	}
	for _, tag := range slices.Clone(n.Platforms) {
		switch parts := strings.SplitN(tag, "_", 4); {
		case len(parts) < 4:
		case parts[0] == "manylinux" || parts[0] == "musllinux":
			n.Platforms = append(n.Platforms, "linux_"+parts[3])
		case parts[0] == "macosx":
			n.Platforms = append(n.Platforms, "macosx_11_0_"+parts[3])
		}
	}
	return n.Supports(env)
}

// minorOf is the second number of a Python 3; known is false where the Python is not known, minor -1 where it
// is another than 3.
func minorOf(python string) (minor int, known bool) {
	if python == "" || python == "3" {
		return 0, false
	}
	major, rest, _ := strings.Cut(python, ".")
	if rest, _, _ = strings.Cut(rest, "."); major != "3" {
		return -1, true
	}
	if i := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' }); i >= 0 {
		rest = rest[:i] // 3.14rc1
	}
	minor, ok := number(rest)
	if !ok {
		return -1, true
	}
	return minor, true
}

// usable follows packaging.tags: cpython_tags and compatible_tags. A wheel with an ABI of its own is for one
// platform; one without (none) may be for any.
func usable(python, abi string, minor int, known, anywhere, here bool) bool {
	implementation, tag, full := interpreter(python)
	switch {
	case tag < -1:
		return false
	case implementation == "cp" && abi == "none":
		return full && (!known || tag == minor) // for any platform as well as for one
	case implementation == "cp" && abi == "abi3":
		return here && full && tag >= 2 && (!known || tag <= minor)
	case implementation == "cp":
		return here && full && (!known || tag == minor) && own(abi, python, tag)
	case implementation == "py" && abi == "none":
		return !known || minor >= 0 && tag <= minor
	}
	return false
}

// own says whether abi is the usual one of python: cp311 of cp311, and to 3.7 cp37m.
func own(abi, python string, minor int) bool {
	if minor < 8 {
		return abi == python+"m"
	}
	return abi == python
}

// interpreter splits "cp311" into cp and 11, full; "py3" into py and -1. A minor below -1: none of Python 3.
func interpreter(python string) (implementation string, minor int, full bool) {
	if len(python) < 3 || python[2] != '3' {
		return "", -2, false
	}
	if len(python) == 3 {
		return python[:2], -1, false
	}
	minor, ok := number(python[3:])
	if !ok {
		return "", -2, false
	}
	return python[:2], minor, true
}

// platform says whether the environment takes a platform tag other than "any".
func platform(env pep508.Environment, tag string) bool {
	switch env.Platform {
	case "linux":
		return linux(env.Machine, tag)
	case "darwin":
		return darwin(env.Machine, tag)
	case "win32":
		return windows(env.Machine, tag)
	case "":
		return linux(env.Machine, tag) || darwin(env.Machine, tag) || windows(env.Machine, tag)
	}
	return false
}

// old are the manylinux tags from before PEP 600 with the glibc 2.x each stands for (PEP 513, 571, 599).
var old = map[string]int{"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}

func linux(machine, tag string) bool {
	if arch, ok := strings.CutPrefix(tag, "linux_"); ok {
		return linuxMachine(machine, arch)
	}
	head, arch, ok := strings.Cut(tag, "_")
	if !ok {
		return false
	}
	if _, ok := old[head]; ok {
		if head != "manylinux2014" && arch != "x86_64" && arch != "i686" {
			return false // neither is defined for others
		}
		return linuxMachine(machine, arch)
	}
	if head != "manylinux" {
		return false
	}
	major, rest, _ := strings.Cut(arch, "_")
	minorText, arch, _ := strings.Cut(rest, "_")
	minor, ok := number(minorText)
	return ok && major == "2" && minor >= oldestGlibc(arch) && minor <= glibcMinor && linuxMachine(machine, arch)
}

// oldestGlibc is what the first policy for a machine asked of glibc 2: installers look no further back.
func oldestGlibc(arch string) int {
	if arch == "x86_64" || arch == "i686" {
		return 5
	}
	return 17
}

// linuxMachines are those that have manylinux wheels.
var linuxMachines = map[string]bool{"x86_64": true, "i686": true, "aarch64": true, "armv7l": true, "ppc64": true,
	"ppc64le": true, "s390x": true, "riscv64": true, "loongarch64": true}

func linuxMachine(machine, arch string) bool {
	switch machine = strings.ToLower(machine); machine {
	case "":
		return linuxMachines[arch]
	case "amd64":
		machine = "x86_64"
	case "arm64":
		machine = "aarch64"
	}
	return machine == arch
}

// formats are the kinds of binaries that run on a machine, by distutils' names for them (fat32 is how releases
// of packaging misspelt fat3).
var formats = map[string]string{
	"arm64":  " arm64 universal2 ",
	"x86_64": " x86_64 universal2 intel fat64 fat3 fat32 universal ",
}

func darwin(machine, tag string) bool {
	rest, ok := strings.CutPrefix(tag, "macosx_")
	if !ok {
		return false
	}
	majorText, rest, _ := strings.Cut(rest, "_")
	minorText, format, _ := strings.Cut(rest, "_")
	major, ok1 := number(majorText)
	minor, ok2 := number(minorText)
	if !ok1 || !ok2 || format == "" {
		return false
	}
	switch strings.ToLower(machine) {
	case "":
		return mac("arm64", major, minor, format) || mac("x86_64", major, minor, format)
	case "arm64", "aarch64":
		return mac("arm64", major, minor, format)
	case "x86_64", "amd64":
		return mac("x86_64", major, minor, format)
	}
	return false
}

// mac: from macOS 11 on only the first number counts, the second is 0 in a tag; before, arm64 takes only what
// is for both machines.
func mac(machine string, major, minor int, format string) bool {
	if !strings.Contains(formats[machine], " "+format+" ") {
		return false
	}
	if major == 10 {
		return minor >= 4 && minor <= 16 && (machine == "x86_64" || format == "universal2")
	}
	return major >= 11 && major <= macOS && minor == 0
}

func windows(machine, tag string) bool {
	switch strings.ToLower(machine) {
	case "":
		return tag == "win_amd64" || tag == "win32" || tag == "win_arm64"
	case "amd64", "x86_64":
		return tag == "win_amd64"
	case "arm64", "aarch64":
		return tag == "win_arm64"
	case "x86", "i386", "i686":
		return tag == "win32"
	}
	return false
}

// number reads digits without a leading zero.
func number(s string) (int, bool) {
	if s == "" || len(s) > 4 || s[0] == '0' && s != "0" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && s[0] != '+' && s[0] != '-'
}
