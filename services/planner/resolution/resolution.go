// Package resolution answers which pins of an application have to move, and to what, so that wanted fixes are in
// and the whole set still installs. It searches the metadata of the releases that may be picked for the smallest
// change, and has uv judge what it found: an answer counts only if both agree. What can't be had is explained as
// a chain of requirements, each of which can be looked up. See docs/adr/0008.
package resolution

import (
	"context"
	"errors"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/uv"
)

// ErrNoMetadata is what an Offer answers for a release whose requirements can't be known without building it.
var ErrNoMetadata = errors.New("its requirements are not known: no wheel, and no static metadata in its source distribution")

// ErrTime is the error of wants that were not settled when the time was over.
var ErrTime = errors.New("the time for the resolution is over")

// ErrSearch is the error of wants whose search was given up: more releases would have to be compared than the
// limits allow, and uv has no answer either.
var ErrSearch = errors.New("the search for releases that fit together was given up")

// ErrDisagree is the error where uv and the check of the metadata do not come to the same result. Neither is
// believed then.
var ErrDisagree = errors.New("uv and the metadata disagree")

// Offer says what may be picked. Names are normalised (PEP 503). It is asked by several goroutines at once, must
// return when ctx ends, and has to give the same answers for as long as a Solve runs.
type Offer interface {
	// Candidates are the releases that may newly be picked, ascending (PEP 440); for a pinned package only those
	// above its pin. An error that wraps index.ErrUnknownProject: nobody offers the package.
	Candidates(ctx context.Context, name string) ([]Candidate, error)
	// Withheld are the releases above the pin that may not be picked, ascending. They appear in explanations only.
	Withheld(ctx context.Context, name string) ([]Withheld, error)
	// Metadata is the core metadata of a candidate, a pinned version or, for explanations, a withheld release. An
	// error that wraps ErrNoMetadata: its requirements are not known.
	Metadata(ctx context.Context, name, version string) ([]byte, error)
}

// Candidate is a release that may be picked. Pre-releases count only where the pin is one, a file names one, or
// nothing else is offered (PEP 440).
type Candidate struct{ Version, RequiresPython string }

// Withheld is a release that may not be picked, with the reason as the end of a sentence that begins with the
// release: "is hit by CVE-2023-30861", "requires Python >=3.10, target is 3.9".
type Withheld struct{ Version, Reason string }

// Pin is a package of the set at its version.
type Pin struct {
	Package, Version string
	Extras           []string
	Held             string  // why its requirements are not known: it stays, and uv is told that it has none
	Allowed          []Bound // what the files allow
}

// Bound is a specifier by which a line of a file bounds a package.
type Bound struct {
	Specifier string // ">=2.0,<2.3"
	By        string // "requirements.in:3", "constraints.txt:1"
}

// Problem is a set of pins and what is wanted of it.
type Problem struct {
	Pins     []Pin
	Floating []pep508.Requirement // required without a pin; what their markers exclude is left out by the caller
	Wants    []string             // packages that must leave their version for a candidate, the most important first
	Complete bool                 // the pins are a full lock: a newly required package becomes a pin
	Env      pep508.Environment
	Limit    time.Duration // of the whole; 0 means none of its own
	Verdicts *Verdicts     // what an engine with an Identity() string found before; nil: everything is asked
}

// Engine is the judge: a *uv.Tool.
type Engine interface {
	Compile(ctx context.Context, p uv.Problem) (uv.Answer, error)
}

// Move is a changed or added pin.
type Move struct {
	Package  string
	From, To string   // From is empty for an added pin
	Step     string   // pep440.Patch, Minor or Major; empty for an added pin
	Via      []string // packages of the result that require it, sorted
	Because  string   // empty for a wanted one; else the requirement that needs it: "flask 3.0.0 requires werkzeug>=3.0.0"
}

// Block is why a wanted package stays.
type Block struct {
	// Chain leads from what blocks to what is blocked, in sentences that can each be looked up:
	// "aiobotocore 2.4.2 requires botocore>=1.27.59,<1.27.60".
	Chain []string
	// Unblock is a withheld release that would free it, and why it is withheld: "aiobotocore 2.5.0, which is
	// younger than 7d". Empty where none is known.
	Unblock     string
	Explanation string // uv's
	Err         error  // it could not be determined: index, time, uv; then there is no chain
}

// Bare is a requirement without a pin that only releases meet which may not be picked, or that nobody offers: an
// installation takes one of them all the same, or fails.
type Bare struct{ By, Text string } // By is the package that requires it; empty: the files do

// Solution is the answer. Moves hold together whatever is blocked.
type Solution struct {
	Moves      []Move           // by package
	Blocked    map[string]Block // by wanted package
	Broken     []string         // requirements that the pins violate before any change, as sentences
	Bare       []Bare           // requirements without a pin of which nothing may be picked, before any change
	Unknown    []string         // pins whose requirements are not known, with why
	Runs       int              // of the engine
	Args       []string         // of uv, in the last run that judged this, now or before
	Exhaustive bool             // no answer has fewer changed pins, or as many and smaller steps: all were compared
}

// Solve finds the smallest change of the pins by which the wanted packages leave their versions. Everything that
// pins and moves require holds among them, except what the pins violate already and no move touches (Broken, Bare); no
// pin goes down or goes away. Of wants that exclude one another the more important ones are had. Smallest means:
// the fewest changed pins, then the fewest major and minor steps, then the lowest versions. An added pin takes the newest
// release that fits, as there is nothing it could stay close to, and how many are added counts last: a package more is
// no reason for a larger step, nor one less for a release that is years old. The answer depends on what is
// offered and not on the order of pins. An error is ctx's, or that of a Problem that can't be read; what keeps a
// want from being settled stands in its Block.
func Solve(ctx context.Context, p Problem, o Offer, e Engine) (Solution, error) {
	return solve(ctx, p, o, e, usual)
}
