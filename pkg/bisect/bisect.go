// Package bisect finds which updates of a set make it fail: a smallest failing subset, by delta debugging (ddmin;
// Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on Software
// Engineering 28(2), 2002). It knows nothing of updates: it asks a Trial about subsets of 0 … n-1.
package bisect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Outcome is what a trial of a subset gave.
type Outcome string

// The outcomes.
const (
	Fails      Outcome = "fails"
	Passes     Outcome = "passes"
	Unresolved Outcome = "unresolved" // it could not be installed or judged, and tells nothing
)

// Trial tries one subset, given as sorted indices that are its own to keep. An error ends the search.
type Trial func(ctx context.Context, subset []int) (Outcome, error)

// Options bound a search.
type Options struct {
	// Trials is how many may be made; 0: 64. What Known answers is none.
	Trials int
	// Known are outcomes by Key, of an earlier search that did not come to its end. They are believed.
	Known map[string]Outcome
}

// Key names a subset, whatever its order: "0,3,5".
func Key(subset []int) string {
	c := slices.Clone(subset)
	slices.Sort(c)
	words := make([]string, len(c))
	for i, n := range c {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ",")
}

// Found is the result of a search.
type Found struct {
	// Minimal is the smallest subset known to fail, sorted: at worst all elements.
	Minimal []int
	// Trials is how many were made; Unresolved how many of them told nothing.
	Trials, Unresolved int
	// Complete: each subset of Minimal with one element fewer was tried, and none is known to fail (1-minimal).
	// One that is unresolved does not count as failing.
	Complete bool
	// Alone: Minimal is one element.
	Alone bool
}

// Smallest looks for a smallest failing subset of 0 … n-1, of which all together are known to fail and none at all
// to pass. The order of trials is a function of n and the outcomes, and no subset is tried twice. When the budget is
// spent, what is known so far is returned with Complete false; when ctx ends or a trial gives an error, the same
// beside that error.
//
// With one culprit it makes about 2·log₂ n trials, at worst n²+4n.
func Smallest(ctx context.Context, n int, try Trial, o Options) (Found, error) {
	if n < 1 {
		return Found{}, fmt.Errorf("bisect a set of %d: there must be something that fails", n)
	}
	s := &search{n: n, try: try, budget: o.Trials, known: map[string]Outcome{}}
	if s.budget <= 0 {
		s.budget = defaultTrials
	}
	for key, outcome := range o.Known {
		s.known[key] = outcome
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	s.known[Key(all)], s.known[""] = Fails, Passes
	s.best = all
	err := s.run(ctx)
	if errors.Is(err, errSpent) {
		err = nil
	}
	return Found{Minimal: s.best, Trials: s.trials, Unresolved: s.unresolved, Complete: s.complete, Alone: len(s.best) == 1}, err
}

var errSpent = errors.New("the budget is spent")

// search is one under way. best is what ddmin calls c: it fails, and only gets smaller.
type search struct {
	n, budget, trials, unresolved int

	try      Trial
	known    map[string]Outcome
	best     []int
	complete bool
}

func (s *search) run(ctx context.Context) error {
	if s.n <= smallSet && s.n > 1 {
		chunks := split(s.best, s.n)
		if at, err := s.firstThatFails(ctx, chunks); err != nil || at >= 0 {
			if at >= 0 {
				s.best, s.complete = chunks[at], true
			}
			return err
		}
	}
	return s.ddmin(ctx)
}

// ddmin is the algorithm of the paper's figure 5: parts first, then what is left without each part, then finer parts.
func (s *search) ddmin(ctx context.Context) error {
	parts := 2
	for len(s.best) > 1 {
		parts = min(parts, len(s.best))
		chunks := split(s.best, parts)
		at, err := s.firstThatFails(ctx, chunks)
		if err != nil {
			return err
		}
		if at >= 0 {
			s.best, parts = chunks[at], 2
			continue
		}
		rests := make([][]int, len(chunks))
		for i := range chunks {
			rests[i] = slices.Concat(slices.Concat(chunks[:i]...), slices.Concat(chunks[i+1:]...))
		}
		at, err = s.firstThatFails(ctx, rests)
		if err != nil {
			return err
		}
		switch {
		case at >= 0:
			s.best, parts = rests[at], max(parts-1, 2)
		case parts == len(s.best):
			s.complete = true // the rests were those with one element fewer
			return nil
		default:
			parts *= 2
		}
	}
	s.complete = true // without it nothing is left, which passes
	return nil
}

// split cuts a set into parts of nearly the same size, none of them empty.
func split(set []int, parts int) [][]int {
	out := make([][]int, 0, parts)
	for i := range parts {
		out = append(out, set[i*len(set)/parts:(i+1)*len(set)/parts])
	}
	return out
}

// firstThatFails is the index of the first set that fails, or -1.
func (s *search) firstThatFails(ctx context.Context, sets [][]int) (int, error) {
	for i, set := range sets {
		outcome, err := s.outcome(ctx, set)
		if err != nil {
			return -1, err
		}
		if outcome == Fails {
			return i, nil
		}
	}
	return -1, nil
}

func (s *search) outcome(ctx context.Context, set []int) (Outcome, error) {
	key := Key(set)
	if known, ok := s.known[key]; ok {
		return known, nil
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("bisect, after %d trials: %w", s.trials, context.Cause(ctx))
	}
	if s.trials >= s.budget {
		return "", errSpent
	}
	s.trials++
	outcome, err := s.try(ctx, slices.Clone(set))
	if err != nil {
		return "", fmt.Errorf("bisect, trial %d, of %s: %w", s.trials, key, err)
	}
	switch outcome {
	case Fails, Passes:
	case Unresolved:
		s.unresolved++
	default:
		return "", fmt.Errorf("bisect, trial %d, of %s: the outcome %q is none of fails, passes and unresolved", s.trials, key, outcome)
	}
	s.known[key] = outcome
	return outcome, nil
}
