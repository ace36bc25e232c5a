package pybuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheel"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Pick chooses one distribution for each pin from what the index offers: the wheel that the target's installer would
// take first, among those whose hash the pin allows; where sources is true and there is none, the source distribution.
// What it can't choose is a Problem. An index that does not answer, or answers with what can't be used, is an error:
// nothing is known then. The result is sorted by package.
func Pick(ctx context.Context, ix index.Source, pins []Pin, target pep508.Environment, sources bool) ([]wheelhouse.Wanted, []Problem, error) {
	names := make([]string, 0, len(pins))
	for _, p := range pins {
		names = append(names, p.Package)
	}
	answers := index.Prefetch(ctx, ix, names, 0)
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	var wanted []wheelhouse.Wanted
	var problems []Problem
	for _, p := range slices.SortedFunc(slices.Values(pins), func(a, b Pin) int { return cmp.Compare(a.Package, b.Package) }) {
		a := answers[p.Package]
		c := choice{pin: p, target: target, sources: sources}
		switch {
		case errors.Is(a.Err, index.ErrUnknownProject):
			c.problem(Gone, "the index does not know "+p.Package, "correct its name, or configure the index that has it")
		case a.Err != nil:
			return nil, nil, fmt.Errorf("look for a distribution of %s: %w", p.Package, a.Err)
		default:
			if f := c.pick(a.Project); f != nil {
				wanted = append(wanted, wheelhouse.Wanted{Project: a.Project, File: *f})
			}
		}
		problems = append(problems, c.problems...)
	}
	return wanted, problems, nil
}

// choice is that of one pin.
type choice struct {
	pin      Pin
	target   pep508.Environment
	sources  bool
	problems []Problem
}

func (c *choice) problem(kind, detail, do string) {
	p := c.pin
	c.problems = append(c.problems, Problem{Kind: kind, Package: p.Package, Source: p.Source, Line: p.Line, Detail: detail, Do: do, Note: kind == Yanked})
}

func (c *choice) pick(project *index.Project) *index.File {
	p := c.pin
	r := release(project, p.Version)
	what := p.Package + " " + p.Version
	if r == nil {
		c.problem(Gone, "the index has no "+what+" any more", "pin a version that it has; a copy of the old one on an index of yours would do as well")
		return nil
	}
	usable, sdist, why := c.usable(r)
	if f := c.allowed(usable); f != nil {
		return c.taken(f, r)
	}
	source := c.allowed(sdist)
	switch {
	case source != nil && c.sources:
		return c.taken(source, r)
	case source != nil && len(usable) > 0:
		c.problem(NoWheel, "the manifest has hashes only of the source distribution of "+what+", which has wheels", "write the hashes of all its distributions, or have the policy allow that it is built in the dock (source_builds: allow)")
	case len(usable) > 0 || source == nil && len(sdist) > 0 && c.sources:
		c.refused(what, slices.Concat(usable, sdist))
	case source != nil || len(sdist) > 0:
		c.problem(NoWheel, fmt.Sprintf("%s has no wheel for Python %s on %s, only a source distribution%s", what, c.target.Python, cmp.Or(c.target.Machine, "this machine"), why),
			"pin a version with a wheel, put a wheel of it on an index of yours, or have the policy allow that it is built in the dock (source_builds: allow)")
	default:
		c.problem(NoDistribution, fmt.Sprintf("%s has no distribution for Python %s on %s%s", what, c.target.Python, cmp.Or(c.target.Machine, "this machine"), why), "pin a version that has one, or set the application's python")
	}
	return nil
}

func (c *choice) taken(f *index.File, r *index.Release) *index.File {
	if f.Yanked {
		reason := ""
		if r.YankedReason != "" {
			reason = fmt.Sprintf(" (%.200s)", clean([]byte(strings.ReplaceAll(r.YankedReason, "\n", " "))))
		}
		c.problem(Yanked, fmt.Sprintf("%s %s was withdrawn by its authors%s and is installed because it is pinned (PEP 592)", c.pin.Package, c.pin.Version, reason), "plan an update")
	}
	return f
}

// release is the one of a version; where the pin has no local part, and only releases with one are there, the highest
// (PEP 440, "Version matching").
func release(project *index.Project, version string) *index.Release {
	v, err := pep440.Parse(version)
	if err != nil {
		i := slices.IndexFunc(project.Releases, func(r index.Release) bool { return r.Version == version })
		if i < 0 {
			return nil
		}
		return &project.Releases[i]
	}
	var local *index.Release
	for i := range project.Releases {
		r := &project.Releases[i]
		w, err := pep440.Parse(r.Version)
		switch {
		case err != nil:
		case w.Equal(v):
			return r
		case v.Local() == "" && w.Public().Equal(v):
			local = r // they are ascending
		}
	}
	return local
}

// usable are the wheels for the target, best first, and the source distributions; why says what excludes others.
func (c *choice) usable(r *index.Release) (wheels, sdists []index.File, why string) {
	for _, f := range r.Files {
		if ok, err := c.target.Fits(f.RequiresPython); err == nil && !ok {
			why = fmt.Sprintf(" (it requires Python %.80s)", f.RequiresPython)
			continue
		}
		switch {
		case wheel.Supports(c.target, f.Name):
			wheels = append(wheels, f)
		case strings.HasSuffix(f.Name, ".tar.gz") || strings.HasSuffix(f.Name, ".zip"):
			sdists = append(sdists, f)
		}
	}
	slices.SortFunc(wheels, func(a, b index.File) int { return wheel.Compare(c.target, a.Name, b.Name) })
	slices.SortFunc(sdists, func(a, b index.File) int { return cmp.Compare(a.Name, b.Name) }) // .tar.gz before .zip
	return wheels, sdists, why
}

// strong are the algorithms that installers take for hashes.
var strong = []string{"sha256", "sha384", "sha512"}

// allowed is the first of files that the pin's hashes allow. Without a sha256 of the index nothing is: it could not be
// told what was fetched.
func (c *choice) allowed(files []index.File) *index.File {
	for i, f := range files {
		if f.Hashes["sha256"] == "" {
			continue
		}
		if len(c.pin.Hashes) == 0 {
			return &files[i]
		}
		for _, h := range c.pin.Hashes {
			algorithm, digest, _ := strings.Cut(h, ":")
			if slices.Contains(strong, algorithm) && digest != "" && strings.EqualFold(f.Hashes[algorithm], digest) {
				return &files[i]
			}
		}
	}
	return nil
}

// refused says why none of the files that would do may be installed.
func (c *choice) refused(what string, files []index.File) {
	if !slices.ContainsFunc(files, func(f index.File) bool { return f.Hashes["sha256"] != "" }) {
		c.problem(WrongHash, "the index states no sha256 of "+what+", so what it holds can't be verified", "ask whoever runs the index to state it, or use another")
		return
	}
	if !slices.ContainsFunc(c.pin.Hashes, func(h string) bool {
		algorithm, _, _ := strings.Cut(h, ":")
		return slices.Contains(strong, algorithm)
	}) {
		c.problem(WrongHash, "the manifest has hashes of "+what+" that no installer takes any more", "write them again, as sha256")
		return
	}
	none := "the hash that the manifest has for %s is not"
	if n := len(c.pin.Hashes); n > 1 {
		none = fmt.Sprintf("none of the %d hashes that the manifest has for %%s is", n)
	}
	c.problem(WrongHash, fmt.Sprintf(none, what)+fmt.Sprintf(" of a distribution that fits here (the index has %s)", describe(files)),
		"if the file on the index was changed, do not install it and ask its authors; else write the hashes of all distributions again")
}

func describe(files []index.File) string {
	var out []string
	for _, f := range files[:min(3, len(files))] {
		out = append(out, fmt.Sprintf("%.100s sha256:%.12s…", f.Name, f.Hashes["sha256"]))
	}
	if len(files) > 3 {
		out = append(out, fmt.Sprintf("and %d more", len(files)-3))
	}
	return strings.Join(out, ", ")
}
