package pybuild

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// Kind says what kept an environment from being built.
type Kind string

// The kinds. Only Fetch and Box may go away by themselves; what Fetch wraps says more (errors of pkg/index and
// pkg/wheelhouse).
const (
	BadInput    Kind = "input"       // what was asked for can't be meant
	Fetch       Kind = "fetch"       // a distribution could not be had, or is not the one that is wanted
	Unfit       Kind = "interpreter" // the interpreter is not there, not the one that was found, or can't use a wheel
	Escapes     Kind = "escapes"     // a wheel writes where it must not
	BadWheel    Kind = "wheel"       // a wheel can't be read, or is not what its name says
	Install     Kind = "install"     // uv refuses
	SourceBuild Kind = "build"       // a source distribution could not be built
	Unmet       Kind = "unmet"       // what is installed lacks something it requires
	Full        Kind = "disk"        // the build needs more space than it may have
	OutOfTime   Kind = "time"
	OutOfMemory Kind = "memory"
	Box         Kind = "box" // the dock could not run it; wraps a *dock.Error
)

// Error is why there is no environment. Text names the cause and what to do, and holds no path of this host.
type Error struct {
	Kind    Kind
	Package string // that it is about, where it is about one
	Text    string
	Cause   error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return "build the environment: " + e.Text + ": " + e.Cause.Error()
	}
	return "build the environment: " + e.Text
}

func (e *Error) Unwrap() error { return e.Cause }

// scratch is where a level without mounts of its own keeps the writable places, numbered in their order.
var scratch = regexp.MustCompile(`(?:/[^\s/'"` + "`" + `]+)*/drydock-dock-[0-9A-Za-z]+/([0-9]+)`)

// places are the inside names of the writable places in the order in which the dock numbers them.
var places = []string{"/build", "/tmp", "/dock", "/dev/shm"}

// clean makes what a program printed fit for people and for evidence: no control characters, and the paths inside
// instead of those of this host. hosts are host path, inside path, host path …
func clean(text []byte, hosts ...string) string {
	s := strings.ToValidUTF8(string(text), "?")
	s = strings.NewReplacer(hosts...).Replace(s)
	tmp := []string{filepath.Clean(os.TempDir())}
	if real, err := filepath.EvalSymlinks(tmp[0]); err == nil {
		tmp = append(tmp, real)
	}
	for _, dir := range tmp { // it may have a space, where no pattern ends
		s = strings.ReplaceAll(s, dir+"/drydock-dock-", "/drydock-dock-")
	}
	s = scratch.ReplaceAllStringFunc(s, func(m string) string {
		n := m[len(m)-1] - '0'
		if int(n) < len(places) {
			return places[n]
		}
		return "/build"
	})
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return -1
		}
		return r
	}, s)
}

// lastLines is the end of a text, short enough for an error.
func lastLines(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, " \n")
		if line == "" {
			continue
		}
		if r := []rune(line); len(r) > maxLine {
			line = string(r[:maxLine]) + "…"
		}
		kept = append(kept, line)
	}
	if len(kept) > maxLines {
		kept = append([]string{"…"}, kept[len(kept)-maxLines+1:]...)
	}
	if len(kept) == 0 {
		return "it said nothing"
	}
	return strings.Join(kept, "\n")
}
