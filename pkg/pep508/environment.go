package pep508

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Truth is what is known of a marker. What is not known never counts as false.
type Truth int8

// The truths, in the order in which "and" takes the least and "or" the greatest.
const (
	Untrue  Truth = -1
	Unknown Truth = 0
	Certain Truth = 1
)

// String is for messages.
func (t Truth) String() string {
	switch t {
	case Untrue:
		return "untrue"
	case Certain:
		return "certain"
	}
	return "unknown"
}

func truth(b bool) Truth {
	if b {
		return Certain
	}
	return Untrue
}

// Environment is where packages will be installed, as far as it is known; an empty field is not.
type Environment struct {
	Python   string // "3.11" or "3.11.7"
	Platform string // sys.platform: linux, darwin or win32
	Machine  string // platform.machine(): x86_64, aarch64, arm64, AMD64; another system's word for the same counts too
}

// platforms gives the marker variables of each sys.platform.
var platforms = map[string]map[string]string{
	"linux":  {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
	"darwin": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
	"win32":  {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
}

// KnownPlatform says whether markers can be judged for this sys.platform: linux, darwin, win32.
func KnownPlatform(platform string) bool { return platforms[platform] != nil }

// machines gives the word platform.machine() has on a system for the architecture, however written.
var machines = map[string]map[string]string{
	"linux":  {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"},
	"darwin": {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"},
	"win32":  {"x86_64": "AMD64", "amd64": "AMD64", "aarch64": "ARM64", "arm64": "ARM64"},
}

// Holds judges the marker for the environment and one extra that was asked for ("": none), which is compared
// normalised (PEP 685). CPython is taken for granted: no other implementation is planned for. A Python of two
// parts stands for all its patch releases: python_full_version is then judged only where they agree. A
// comparison that PEP 508 leaves undefined is Unknown.
func (m Marker) Holds(env Environment, extra string) Truth {
	if m.root == nil {
		return Certain
	}
	return env.judge(m.root, pep440.Normalize(extra))
}

func (e Environment) judge(n *node, extra string) Truth {
	switch n.join {
	case "and":
		t := Certain
		for _, kid := range n.among {
			t = min(t, e.judge(kid, extra))
		}
		return t
	case "or":
		t := Untrue
		for _, kid := range n.among {
			t = max(t, e.judge(kid, extra))
		}
		return t
	}
	if n.left.variable == n.right.variable {
		return Unknown // two texts, or two variables: undefined
	}
	variable, other := n.left.text, n.right.text
	if n.right.variable {
		variable, other = other, variable
	}
	if variable == "extra" {
		return n.compare(extra, false)
	}
	values := e.values(variable, n.op, other)
	if len(values) == 0 {
		return Unknown
	}
	t := n.compare(values[0], versions(variable))
	for _, v := range values[1:] {
		if n.compare(v, versions(variable)) != t {
			return Unknown
		}
	}
	return t
}

func versions(variable string) bool {
	return variable == "python_version" || variable == "python_full_version" || variable == "implementation_version"
}

// values gives what a variable may be; nothing where that is not known.
func (e Environment) values(variable, op, other string) []string {
	if v, ok := platforms[e.Platform][variable]; ok {
		return []string{v}
	}
	switch variable {
	case "implementation_name":
		return []string{"cpython"}
	case "platform_python_implementation":
		return []string{"CPython"}
	case "platform_machine":
		if e.Machine == "" {
			return nil
		}
		if v, ok := machines[e.Platform][strings.ToLower(e.Machine)]; ok {
			return []string{v}
		}
		return []string{e.Machine}
	case "python_version":
		if major, minor, _, ok := e.python(); ok {
			return []string{major + "." + minor}
		}
	case "python_full_version", "implementation_version":
		major, minor, patch, ok := e.python()
		switch {
		case ok && patch != "":
			return []string{e.Python}
		case ok && !strings.HasSuffix(op, "in") && op != "===":
			return patches(major+"."+minor, other)
		}
	}
	return nil
}

// python splits "3.11" or "3.11.7" (patch is "" for the former).
func (e Environment) python() (major, minor, patch string, ok bool) {
	if len(e.Python) > maxPython {
		return "", "", "", false
	}
	parts := strings.SplitN(e.Python, ".", 3)
	if len(parts) < 2 || !digits(parts[0]) || !digits(parts[1]) {
		return "", "", "", false
	}
	if len(parts) == 2 {
		return parts[0], parts[1], "", true
	}
	_, err := pep440.Parse(e.Python)
	return parts[0], parts[1], parts[2], err == nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// patches gives releases of a Python that stand for all of them in a comparison with other: the first, a late
// one, and those around the one that other names, where alone the verdict can change.
func patches(python, other string) []string {
	out := []string{python + ".0", python + ".9999"}
	v, err := pep440.Parse(strings.TrimSuffix(strings.Trim(other, space), ".*"))
	if err != nil {
		return nil
	}
	parts := strings.SplitN(v.String(), ".", 4)
	if len(parts) < 3 {
		return out
	}
	end := strings.IndexFunc(parts[2], func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(parts[2])
	}
	n, err := strconv.Atoi(parts[2][:end])
	if err != nil {
		return out
	}
	for i := max(n-1, 0); i <= n+1; i++ {
		out = append(out, fmt.Sprintf("%s.%d", python, i))
	}
	return out
}

// compare puts value in the place of the variable: as versions where the variable is one and both sides are,
// else as text. Texts have no order: only whether they are equal is defined.
func (n *node) compare(value string, version bool) Truth {
	l, r := value, n.right.text
	if n.right.variable {
		l, r = n.left.text, value
	}
	switch n.op {
	case "in":
		return truth(strings.Contains(r, l))
	case "not in":
		return truth(!strings.Contains(r, l))
	}
	if version {
		v, verr := pep440.Parse(l)
		spec, serr := pep440.ParseSpecifiers(n.op + r)
		if verr == nil && serr == nil {
			return truth(spec.Contains(v, true))
		}
		if serr == nil {
			return Unknown // a text against a version: undefined
		}
	}
	switch n.op {
	case "==", "===":
		return truth(l == r)
	case "!=":
		return truth(l != r)
	case "<=", ">=":
		if l == r {
			return Certain
		}
	}
	return Unknown
}

// Fits reports whether a requires-python allows the environment. Where its Python is not known everything
// fits. A Python of two parts stands for its first patch release: what needs a later one is not promised. An
// error says that one of the two can't be read.
func (e Environment) Fits(requiresPython string) (bool, error) {
	if e.Python == "" || strings.TrimSpace(requiresPython) == "" {
		return true, nil
	}
	v, err := pep440.Parse(e.Python)
	if err != nil {
		return false, fmt.Errorf("target Python: %w", err)
	}
	spec, err := pep440.ParseSpecifiers(requiresPython)
	if err != nil {
		// ">=3.6.*" and the like were common before PEP 440 was enforced.
		if mended, again := pep440.ParseSpecifiers(mend(requiresPython)); again == nil && mended.String() != "" {
			spec, err = mended, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("requires-python: %w", err)
	}
	return spec.Contains(v, true), nil
}
