// Package uv finds the resolver uv, or fetches it from the configured index
// into Drydock's tools folder, and has it resolve sets of requirements. uv sees
// no index but a loopback server of ours that offers what the caller allows,
// no file but those written here, and nothing of the caller's environment; it
// downloads and builds nothing. See docs/adr/0008.
package uv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

// Version is the release of uv that Drydock works with. Its command line, its preferences and the words of its
// explanations are relied on, and all three change between releases.
const Version = "0.13.9"

// Errors of finding and running uv. The text of each says what to do.
var (
	// ErrMissing: there is no uv of this version and it is not to be had.
	ErrMissing = errors.New("uv " + Version + " is not to be had")
	// ErrVersion: the program named is not uv, or another version of it.
	ErrVersion = errors.New("not uv " + Version)
	// ErrPython: uv needs some Python 3 to run, whatever the target's is, and there is none.
	ErrPython = errors.New("no Python 3 that uv could use")
	// ErrInput: something in a Problem can't be said to uv; nothing was run.
	ErrInput = errors.New("not to be given to uv")
	// ErrTimeout: uv took longer than the limit and was killed.
	ErrTimeout = errors.New("uv took too long")
	// ErrDied: uv crashed, was killed, or answered with what can't be read.
	ErrDied = errors.New("uv ended without an answer")
	// ErrOffer is wrapped around the error of an Offer.
	ErrOffer = errors.New("what uv asked for could not be answered")
	// ErrUnknown is what an Offer answers for a package that nobody offers.
	ErrUnknown = errors.New("nobody offers this package")
)

// Tool is a uv that was looked at. Finding one again costs next to nothing: do so for each plan.
type Tool struct {
	Path    string // absolute
	Version string
	Digest  string // sha256:… of the program

	lookup  []string        // folders searched for a Python
	seen    check           // what Path was when Find looked
	started func(*exec.Cmd) // for tests
	usual   time.Duration   // the limit of a Problem that sets none; 0 means defaultLimit
}

// Identity names the program by what it is, and the Python it would ask about itself: the same Problem has the same
// Answer wherever it is the same. Empty: not known, as for a Tool that was not looked at.
func (t *Tool) Identity() string {
	candidates, err := pythons(t.folders())
	if err != nil || t.Digest == "" {
		return ""
	}
	id := t.Digest
	for _, py := range candidates { // the next is taken where the first is of no use
		info, err := os.Stat(py.path)
		if err != nil {
			return ""
		}
		id += fmt.Sprintf(" %s %d %d", py.path, info.Size(), info.ModTime().UnixNano())
	}
	return id
}

// folders are those searched for a Python.
func (t *Tool) folders() []string {
	if t.lookup != nil {
		return t.lookup
	}
	return filepath.SplitList(os.Getenv("PATH"))
}

// Offered is one release that may be picked.
type Offered struct {
	Version        string // PEP 440, as the answer is to name it
	RequiresPython string // as the index says it; left out where it is no version specifier
}

// Offer says what may be picked. It is asked by several goroutines at once and must return when ctx ends.
type Offer interface {
	// Versions lists the releases of a package, whose name is normalised, in any order. An error that wraps
	// ErrUnknown means that nobody offers the package; any other ends the run and is returned by Compile.
	Versions(ctx context.Context, name string) ([]Offered, error)
	// Metadata returns the core metadata of a release that Versions listed. Only its name, version,
	// Requires-Dist, Requires-Python and Provides-Extra go to uv.
	Metadata(ctx context.Context, name, version string) ([]byte, error)
}

// Problem is a set of requirements to be resolved together, each as low as allowed.
type Problem struct {
	// Requirements are PEP 508 requirements, without URLs: each active pin as name[extras]>=current.
	Requirements []string
	// Constraints bound what is picked without asking for it: the floors that fixes need.
	Constraints []string
	// Preferences are versions that stay if they can, by name: the current pins.
	Preferences map[string]string
	// Env is the target. Python is required; an empty Platform counts as linux, an empty or unknown Machine as
	// the usual one of the platform.
	Env   pep508.Environment
	Offer Offer
	// Limit bounds the run, the Offer's answers included; 0 means 60 s.
	Limit time.Duration
}

// Answer is a resolution.
type Answer struct {
	// Pins are the versions picked, by normalised name, written as the Offer wrote them.
	Pins map[string]string
	// Via lists, for each pin, the picked packages that require it, sorted; none where only the input does.
	Via map[string][]string
	// Args are uv's arguments, with fixed words where the address of the server and the path of the Python
	// stood: the same problem has the same Args.
	Args []string
	// CPU is what uv and the Python it asked used, user and system.
	CPU time.Duration
}

// Conflict is an error: no set of the offered releases meets the requirements.
type Conflict struct {
	// Text is uv's explanation as one paragraph.
	Text string
	// Missing are packages that are required but that nobody offers, sorted.
	Missing []string
	// Unusable are releases that Text speaks of and whose metadata can't be used, "name version" to reason.
	Unusable map[string]string
}

func (c *Conflict) Error() string {
	if len(c.Missing) > 0 {
		return "resolve the requirements together: not offered by the index: " + strings.Join(c.Missing, ", ") + ": " + c.Text
	}
	return "resolve the requirements together: " + c.Text
}
