package planner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/index"
)

// resolver picks the releases that packages with findings move to. Every subject gets an answer, so that one
// that can't be resolved never hides another. A resolver reads the index and the advisories and nothing else,
// and gives the same answer for the same of both. perPackage judges each subject alone; a resolver that
// proves the whole set to install together takes its place behind this port.
type resolver interface {
	Resolve(ctx context.Context, subjects []subject, w wishes) resolution
}

// subject is a package at a version, wherever it stands.
type subject struct {
	Ecosystem, Package, Version string
	Hashed                      bool
	Within                      string // what the lines allow whose version a constraints file pins; empty: anything
}

// resolution is what a resolver found out.
type resolution struct {
	Kind     string // "per-package" | "joint": what every rendering says
	Resolver string // for the inputs of the plan
	Answers  map[subject]answer
	Index    string // sha256:… of what the index said; empty when it was not asked
}

// answer is the choice for one subject, or why there is none.
type answer struct {
	choice
	Err         error // the index or the database gave no answer, or the version can't be read
	Unreachable bool  // the index may answer later
	Unknown     bool  // the index does not know the package
	Kept        bool  // picked by the plan in force; the index does not answer now
}

const perPackageKind = "per-package"

// perPackage is the resolver of the first cut: the lowest safe release of each package by itself.
type perPackage struct {
	matcher func() advisory.Matcher
	index   func() index.Index
}

func (r perPackage) Resolve(ctx context.Context, subjects []subject, w wishes) resolution {
	out := resolution{Kind: perPackageKind, Resolver: "drydock per-package", Answers: make(map[subject]answer, len(subjects))}
	ix, matcher := r.index(), r.matcher()
	names := map[string]bool{}
	for _, s := range subjects {
		names[s.Package] = true
	}
	pages := map[string]index.Answer{}
	if ix != nil {
		pages = index.Prefetch(ctx, ix, slices.Sorted(maps.Keys(names)), 0)
	}
	for _, s := range subjects {
		page := pages[s.Package]
		switch {
		case matcher == nil:
			out.Answers[s] = answer{Err: errNoMatcher}
		case ix == nil:
			out.Answers[s] = answer{Err: errors.New("no package index is configured")}
		case errors.Is(page.Err, index.ErrUnknownProject):
			out.Answers[s] = answer{Err: page.Err, Unknown: true}
		case page.Err != nil:
			out.Answers[s] = answer{Err: page.Err, Unreachable: true}
		default:
			out.Answers[s] = pick(s, page.Project, matcher, w)
		}
	}
	out.Index = indexDigest(pages)
	return out
}

func pick(s subject, p *index.Project, m advisory.Matcher, w wishes) answer {
	var missing error
	w.Hashed, w.Within = s.Hashed, s.Within
	c, err := choose(s.Version, p.Releases, func(version string) ([]advisory.Hit, error) {
		hits, err := m.Match(s.Ecosystem, s.Package, version)
		if errors.Is(err, advisory.ErrNoDatabase) {
			missing = err
		}
		return hits, err
	}, w)
	if missing != nil {
		return answer{Err: fmt.Errorf("judge the releases of %s: %w", s.Package, missing)}
	}
	return answer{choice: c, Err: err}
}

// indexDigest names what the index said of all packages together.
func indexDigest(pages map[string]index.Answer) string {
	digests := map[string]string{}
	for name, a := range pages {
		if a.Err == nil {
			digests[name] = a.Project.Digest
		}
	}
	if len(digests) == 0 {
		return ""
	}
	data, err := json.Marshal(digests) // a map of strings: keys come out sorted, nothing can fail
	if err != nil {
		return ""
	}
	return string(evidence.Of(data))
}
