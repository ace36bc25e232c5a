package dock

import (
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Command is one program to run, and all it may see. Every path inside the box is absolute and clean.
//
// Inside stand, made by the dock: the system's programs and libraries (/usr, /bin, /lib …, read-only), a minimal
// /etc that names one user, /proc of the box alone, /dev with null, zero, full, random and urandom, and three
// writable places besides Writable: /tmp, Home and /dev/shm.
//
// Landlock and None can't show a file under another path. What lies at an inside path is therefore written
// [Inside](path) in Path, Args, Dir and Env; each level puts there where that path is found.
type Command struct {
	Path string   // the program: an inside path, or a name looked for in PATH
	Args []string // its arguments, without its own name
	Dir  string   // where it starts; Home when empty
	// Env is the whole environment but for HOME, TMPDIR, LANG and PATH, which the dock sets unless given.
	// Nothing is taken over from this process.
	Env map[string]string
	// Interpreter is the host path of a Python interpreter (no shim), or of one in a virtual environment. Its
	// prefix, and that of the interpreter it links to, are shown at their own paths, read-only.
	Interpreter string
	Mounts      []Mount
	Writable    []Tmpfs
	Limits      Limits
	// Stdout and Stderr get at most Limits.Output bytes each; the rest is thrown away and said in the result.
	Stdout, Stderr io.Writer
	Results        []Copy // what is brought out once everything inside has ended
	Least          Level  // a dock that is weaker refuses; empty: whatever it was opened for

	probe bool // confine, and end
}

// Home is the home of the one user inside.
const Home = "/dock"

// Mount shows Host, a file or a folder of this host, at Inside, read-only with everything mounted beneath it.
type Mount struct{ Host, Inside string }

// Tmpfs is a writable place, empty at the start, in memory where the level has mounts of its own.
type Tmpfs struct {
	Path   string
	Size   int64 // bytes; 0: DefaultSize
	Inodes int64 // files and folders; 0: DefaultInodes
}

// Copy brings the folder From, in a writable place, out to To, a folder of this host that is empty or not there
// yet. Files keep their bytes and whether they can be run, links their targets; owners, times and
// other modes are not kept; devices, pipes and sockets stay behind.
type Copy struct {
	From, To string
	Bytes    int64 // of all files; 0: DefaultSize
	Files    int   // files, folders and links; 0: DefaultInodes
}

// Inside stands for where the inside path p is found at the level that runs the command.
func Inside(p string) string { return "@{" + p + "}" }

var insidePath = regexp.MustCompile(`@\{(/[^{}]*)\}`)

// locate replaces every Inside in s.
func locate(s string, find func(string) string) string {
	return insidePath.ReplaceAllStringFunc(s, func(m string) string { return find(m[2 : len(m)-1]) })
}

// checked is c with its defaults, or what is wrong with it.
func (c Command) checked() (Command, error) {
	if c.probe {
		c.Path = "probe"
	}
	bad := func(format string, args ...any) error {
		return &Error{Kind: BadCommand, Text: fmt.Sprintf(format, args...)}
	}
	if c.Path == "" {
		return c, bad("a command without a program: set Path")
	}
	for _, s := range append([]string{c.Path, c.Dir}, c.Args...) {
		if strings.ContainsRune(s, 0) {
			return c, bad("a path or an argument holds a zero byte")
		}
	}
	for k, v := range c.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(v, 0) {
			return c, bad("environment variable %q is not one: no =, no zero byte, no empty name", k)
		}
	}
	taken := map[string]bool{}
	for _, m := range c.Mounts {
		if !filepath.IsAbs(m.Host) || !clean(m.Inside) {
			return c, bad("mount of %q at %q: both must be absolute, the second clean and not /", m.Host, m.Inside)
		}
		if taken[m.Inside] {
			return c, bad("mount at %s: it is mounted twice", m.Inside)
		}
		taken[m.Inside] = true
	}
	given := c.Writable
	c.Writable = slices.Clone(given)
	for _, p := range []Tmpfs{{Path: "/tmp"}, {Path: Home}, {Path: "/dev/shm"}} {
		if !slices.ContainsFunc(given, func(w Tmpfs) bool { return w.Path == p.Path }) {
			c.Writable = append(c.Writable, p)
		}
	}
	for i, w := range c.Writable {
		if !clean(w.Path) || taken[w.Path] {
			return c, bad("writable place %q: it must be absolute, clean, not / and used once", w.Path)
		}
		taken[w.Path] = true
		if w.Size < 0 || w.Inodes < 0 {
			return c, bad("writable place %s: a negative limit", w.Path)
		}
		c.Writable[i].Size, c.Writable[i].Inodes = positive(w.Size, DefaultSize), positive(w.Inodes, DefaultInodes)
	}
	c.Results = slices.Clone(c.Results)
	for i, r := range c.Results {
		if !filepath.IsAbs(r.To) || !clean(r.From) || c.writableOf(r.From) < 0 {
			return c, bad("result %q to %q: the first must lie in a writable place, the second be absolute", r.From, r.To)
		}
		c.Results[i].Bytes, c.Results[i].Files = positive(r.Bytes, DefaultSize), positive(r.Files, DefaultInodes)
	}
	if c.Dir == "" {
		c.Dir = Inside(Home)
	}
	c.Limits = c.Limits.withDefaults()
	return c, nil
}

// writableOf is the index of the innermost writable place that p lies in, or -1.
func (c Command) writableOf(p string) int {
	best := -1
	for i, w := range c.Writable {
		if (p == w.Path || strings.HasPrefix(p, w.Path+"/")) && (best < 0 || len(w.Path) > len(c.Writable[best].Path)) {
			best = i
		}
	}
	return best
}

func clean(p string) bool {
	return len(p) > 1 && p[0] == '/' && path.Clean(p) == p && !strings.ContainsAny(p, "{}\x00\n")
}

func positive[T ~int | ~int64](n, otherwise T) T {
	if n > 0 {
		return n
	}
	return otherwise
}

// environment is the whole environment inside, in the form of exec.
func (c Command) environment(find func(string) string) []string {
	env := map[string]string{"HOME": Inside(Home), "TMPDIR": Inside("/tmp"), "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
	for k, v := range c.Env {
		env[k] = v
	}
	var out []string
	for k, v := range env {
		out = append(out, k+"="+locate(v, find))
	}
	slices.Sort(out)
	return out
}

// Result is how a command ended.
type Result struct {
	Level    Level `json:"level"`
	Ended    End   `json:"ended"`
	ExitCode int   `json:"exit_code"`        // of Exited; -1 else
	Signal   int   `json:"signal,omitempty"` // that ended the program itself
	TimedOut bool  `json:"timed_out,omitempty"`
	// Reached are the limits that were met, sorted; the one that ended the command is also Ended.
	Reached   []Limit       `json:"reached,omitempty"`
	Left      int           `json:"left,omitempty"` // processes still alive when the program ended; they were killed
	CPU       time.Duration `json:"cpu"`            // of all processes
	Wall      time.Duration `json:"wall"`
	Peak      int64         `json:"peak"`       // most bytes resident at once in all processes, as sampled
	OutputCut bool          `json:"output_cut"` // more than Limits.Output was printed
}

// End says what ended a command.
type End string

// The ends. A limit that stops everything is an end of its own.
const (
	Exited    End = "exited"    // by itself, with ExitCode
	Signalled End = "signalled" // by Signal, its own or that of a limit of single processes
	Stopped   End = "stopped"   // ctx ended
	OutOfTime End = "time"
	OutOfCPU  End = "cpu"
	OutOfMem  End = "memory"
	OutOfDisk End = "disk"
)

// OK reports whether the program ended by itself with 0.
func (r Result) OK() bool { return r.Ended == Exited && r.ExitCode == 0 }
