// Package isolation takes rights away from the current process, for good: the child that reads hostile files
// calls [Limit] and [Restrict] before it looks at the first byte.
//
// Never restrict a process that has work of its own to do. Under Landlock open files go on working while every
// new one fails, so an embedded JetStream would break hours later, at its next block file.
package isolation

import "fmt"

// Level is how strongly a process is confined. It is what was reached, never what was hoped for.
type Level string

// The levels, weakest first.
const (
	// None: reads outside the given roots are possible. On Linux without Landlock the seccomp list still
	// holds (no writes, sockets, programs), but it can't tell one path from another.
	None Level = "none"
	// Landlock: no file can be opened but for reading beneath the given roots, no TCP; chmod, utimes,
	// setxattr and UDP are still possible.
	Landlock Level = "landlock"
	// Full: Landlock, and the seccomp list closes what it leaves open. Left: stat(2), statfs(2) and
	// readlink(2) of any path.
	Full Level = "landlock+seccomp"
)

// ParseLevel reads a level as configuration writes it; empty means no least level is asked for.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case "", None, Landlock, Full:
		return l, nil
	}
	return "", fmt.Errorf("confinement %q: want none, landlock or landlock+seccomp", s)
}

// AtLeast reports whether l is as strong as least; an empty least is always met, one that is no level never.
func (l Level) AtLeast(least Level) bool {
	want, known := rank[least]
	return known && rank[l] >= want
}

var rank = map[Level]int{"": 0, None: 0, Landlock: 1, Full: 2}

// Limits bound what a process may use, set as soft and hard limits. Zero leaves a limit as it is.
type Limits struct {
	Data       uint64 // bytes of private memory (RLIMIT_DATA), above what the process has when it is set
	CPUSeconds uint64 // SIGXCPU, then SIGKILL a second later
	OpenFiles  uint64
}

// ErrTooWeak reports that the host can't give the least level asked for.
type ErrTooWeak struct {
	Reached, Minimum Level
	Cause            error
}

func (e *ErrTooWeak) Error() string {
	s := fmt.Sprintf("confinement %s is required, this host gives %s", e.Minimum, e.Reached)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *ErrTooWeak) Unwrap() error { return e.Cause }

// Restrict confines the whole process, all threads, for the rest of its life: files can only be opened for
// reading and only beneath readOnlyRoots (files or directories, which must exist), nothing can be written,
// created, removed or changed in mode, owner, time or attribute; no socket, no program, no process, no signal
// to another, no mount, no namespace. It returns the level reached. A mechanism the kernel lacks lowers the
// level; one that is there and refuses is an error, as is a level below minimum. After an error the process
// may be confined in part and must end.
func Restrict(readOnlyRoots []string, minimum Level) (Level, error) {
	reached, why, err := restrict(readOnlyRoots)
	if err != nil {
		return None, fmt.Errorf("confine the process: %w", err)
	}
	if !reached.AtLeast(minimum) {
		return reached, &ErrTooWeak{Reached: reached, Minimum: minimum, Cause: why}
	}
	return reached, nil
}

// Limit sets limits of the current process. Files can't grow and no core is dumped, whatever l says.
func Limit(l Limits) error {
	if err := limit(l); err != nil {
		return fmt.Errorf("limit the process: %w", err)
	}
	return nil
}
