// Package dock runs what may be hostile: the installation and the tests of a change. A [Dock] confines one
// command at a time, at a [Level] that is tried on this very host before it is offered, never assumed.
//
// What the command may see and use is what its [Command] lists and nothing else; what it leaves behind ends
// with it; its results come out through a pipe, bounded. The table [Properties] says which property each level
// holds; docs/isolation.md shows it, and a hostile program of the tests tries each.
//
// A program that uses this package must begin with
//
//	if len(os.Args) > 1 && os.Args[1] == dock.ChildArg {
//		os.Exit(dock.ChildMain())
//	}
//
// because the box is set up, watched and taken down by children of the same executable.
package dock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Level is how strongly a command is confined. A result names the one that was reached, never what was hoped for.
type Level string

// The levels, weakest first.
const (
	// None confines nothing: limits of single processes, and everything is stopped at the end. It is used
	// only where it is asked for by name.
	None Level = "none"
	// Landlock: files by Landlock, sockets and system calls by seccomp, disk and memory by looking.
	Landlock Level = "landlock"
	// Namespaces: own users, mounts, processes, network, IPC, host name and control groups, made by clone
	// flags, and seccomp.
	Namespaces Level = "namespaces"
	// Bubblewrap: the same, made by bwrap, which some distributions let do what they forbid everybody else.
	Bubblewrap Level = "bubblewrap"
)

// Levels are all levels, weakest first.
func Levels() []Level { return []Level{None, Landlock, Namespaces, Bubblewrap} }

// ParseLevel reads a level as configuration writes it; empty stays empty.
func ParseLevel(s string) (Level, error) {
	if s != "" && !slices.Contains(Levels(), Level(s)) {
		return "", fmt.Errorf("isolation %q: want none, landlock, namespaces or bubblewrap", s)
	}
	return Level(s), nil
}

// AtLeast reports whether l is as strong as least. Namespaces and Bubblewrap hold the same properties, so
// either meets the other; an empty least asks for Landlock; what is no level meets none and is met by none.
func (l Level) AtLeast(least Level) bool {
	have, known := rank[l]
	want, asked := rank[least]
	return known && asked && l != "" && have >= want
}

var rank = map[Level]int{None: 0, "": 1, Landlock: 1, Namespaces: 2, Bubblewrap: 2}

// Dock runs commands at one level.
type Dock interface {
	// Level is what every Run of this dock reaches.
	Level() Level
	// Run runs one command and returns when it and everything it started is gone, whether it ended by itself,
	// met a limit, or ctx ended. A command that ran has a Result and no error, however it ended; an error
	// is a *Error: it did not run, or what it left could not be brought out. Safe for concurrent use.
	Run(ctx context.Context, c Command) (Result, error)
}

// Offer is what this host gives at a level.
type Offer struct {
	Level     Level  `json:"level"`
	Available bool   `json:"available"`
	Why       string `json:"why,omitempty"` // why it is not there
	Do        string `json:"do,omitempty"`  // what would change that
}

// Offers tries every level, strongest first.
func Offers(ctx context.Context) []Offer {
	var out []Offer
	for _, l := range slices.Backward(Levels()) {
		out = append(out, offer(ctx, l))
	}
	return out
}

func offer(ctx context.Context, l Level) Offer {
	d, err := at(ctx, l)
	if err != nil {
		return refused(l, err)
	}
	return tried(ctx, d, Command{probe: true, Least: l})
}

// tried is an offer only where the probe came to its end.
func tried(ctx context.Context, d Dock, probe Command) Offer {
	r, err := d.Run(ctx, probe)
	if err == nil && !r.OK() {
		err = &LevelError{Missing: fmt.Sprintf("the trial did not come to its end: %s (it is given %s)", r.Ended, probeTime)}
	}
	if err != nil {
		return refused(d.Level(), err)
	}
	return Offer{Level: d.Level(), Available: true}
}

func refused(l Level, err error) Offer {
	o := Offer{Level: l, Why: err.Error(), Do: remedy[l]}
	if missing := (*LevelError)(nil); errors.As(err, &missing) {
		o.Why = missing.Missing
	}
	return o
}

// Open gives the strongest level that this host has, or a *LevelError when that is weaker than least. An empty
// least asks for Landlock: None is never given but to who asks for it.
func Open(ctx context.Context, least Level) (Dock, error) {
	if _, ok := rank[least]; !ok {
		return nil, &LevelError{Level: least, Missing: "there is no such level", Do: "use none, landlock, namespaces or bubblewrap"}
	}
	var why []string
	for _, l := range slices.Backward(Levels()) {
		if !l.AtLeast(least) {
			continue
		}
		o := offer(ctx, l)
		if o.Available {
			return at(ctx, l)
		}
		if err := ctx.Err(); err != nil {
			return nil, &Error{Kind: Canceled, Text: "look which isolation this host offers", Cause: err}
		}
		why = append(why, string(l)+": "+o.Why)
	}
	if least == "" {
		least = Landlock
	}
	return nil, &LevelError{Level: least, Missing: strings.Join(why, "; "), Do: remedy[least]}
}

// At gives exactly the level l, or a *LevelError.
func At(ctx context.Context, l Level) (Dock, error) {
	if l == "" || !slices.Contains(Levels(), l) {
		return nil, &LevelError{Level: l, Missing: "there is no such level", Do: "use none, landlock, namespaces or bubblewrap"}
	}
	if o := offer(ctx, l); !o.Available {
		return nil, &LevelError{Level: l, Missing: o.Why, Do: o.Do}
	}
	return at(ctx, l)
}

// remedy is what to do where a level is not there.
var remedy = map[Level]string{
	None:       "run Drydock on Linux",
	Landlock:   "run a Linux kernel 6.12 or newer with Landlock among its security modules (lsm=landlock,…)",
	Namespaces: "allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; in a container: its seccomp profile and an unmasked /proc)",
	Bubblewrap: "install bubblewrap 0.8 or newer so that bwrap is on the PATH, and allow it user namespaces",
}

// LevelError reports that this host does not give the level that is asked for.
type LevelError struct {
	Level   Level
	Missing string
	Do      string
}

func (e *LevelError) Error() string {
	return fmt.Sprintf("isolation %s is required and this host does not give it: %s; %s", e.Level, e.Missing, e.Do)
}
