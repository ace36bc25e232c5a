package planner

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// wishes hold for every release that is picked.
type wishes struct {
	Target       pep508.Environment
	ExcludeNewer *time.Time // no distribution published later
	Hashed       bool       // the pin carries hashes, so the release needs them
	Within       string     // versions the requirement itself allows
}

// why is one reason not to pick a release.
type why string

const (
	whyHit        why = "hit"
	whyMalicious  why = "malicious"
	whyYanked     why = "yanked"
	whyPrerelease why = "pre-release"
	whyPython     why = "python"
	whyNewer      why = "newer"
	whyUndated    why = "undated"
	whyUnhashed   why = "unhashed"
	whyUnjudged   why = "unjudged"
	whyRange      why = "range"
)

// rejection is a release that was not picked, with all its reasons.
type rejection struct {
	Version string
	Whys    []why
	Hits    []advisory.Hit
	Requires,
	Yanked string // reason of the yank
	Released *time.Time
}

// choice is the answer for one package at one version.
type choice struct {
	To       *index.Release // nil: none can be picked
	Step     string
	Rejected []rejection // releases above the current one that were looked at, ascending
	Labelled bool        // the pin has a local label that the index does not know
}

// hitFunc asks the advisory database.
type hitFunc func(version string) ([]advisory.Hit, error)

// choose picks the lowest release above current that no advisory hits and that the wishes allow. It looks at
// what hits each candidate, not only at what hits the current version: the first fixed version may itself be
// vulnerable. It never goes down. An error means that the current version can't be ordered.
func choose(current string, releases []index.Release, hits hitFunc, w wishes) (choice, error) {
	from, err := pep440.Parse(current)
	if err != nil {
		return choice{}, err
	}
	var c choice
	label := from.Local()
	offered := label == ""
	for i := range releases {
		r := releases[i]
		v, err := pep440.Parse(r.Version)
		if err != nil || v.Local() != label {
			continue // another build variant, from another index
		}
		offered = true
		if v.Compare(from) <= 0 {
			continue
		}
		rej := judge(&r, v, from, hits, w)
		if len(rej.Whys) > 0 {
			c.Rejected = append(c.Rejected, rej)
			continue
		}
		c.To, c.Step = &r, pep440.Step(from, v)
		break
	}
	c.Labelled = !offered
	return c, nil
}

// judge looks at one candidate and narrows its files to those that may be picked.
func judge(r *index.Release, v, from pep440.Version, hits hitFunc, w wishes) rejection {
	rej := rejection{Version: r.Version, Requires: r.RequiresPython, Yanked: r.YankedReason, Released: r.Released}
	found, err := hits(r.Version)
	rej.Hits = found
	switch {
	case err != nil:
		rej.add(whyUnjudged)
	case slices.ContainsFunc(found, func(h advisory.Hit) bool { return h.Kind == events.KindMalicious }):
		rej.add(whyMalicious)
	case len(found) > 0:
		rej.add(whyHit)
	}
	if v.IsPrerelease() && !from.IsPrerelease() {
		rej.add(whyPrerelease)
	}
	if !allows(w.Within, v) {
		rej.add(whyRange)
	}
	r.Files = slices.Clone(r.Files)
	rej.narrow(r, whyYanked, func(f index.File) bool { return !f.Yanked })
	rej.narrow(r, whyPython, func(f index.File) bool {
		ok, err := w.Target.Fits(cmp.Or(f.RequiresPython, r.RequiresPython))
		return ok && err == nil
	})
	if t := w.ExcludeNewer; t != nil {
		rej.narrow(r, whyUndated, func(f index.File) bool { return f.Uploaded != nil })
		rej.narrow(r, whyNewer, func(f index.File) bool { return f.Uploaded == nil || !f.Uploaded.After(*t) })
	}
	if w.Hashed && slices.ContainsFunc(r.Files, func(f index.File) bool { return f.Hashes["sha256"] == "" }) {
		rej.add(whyUnhashed)
	}
	return rej
}

// allows reports whether a specifier admits a version; one that can't be read admits nothing.
func allows(specifier string, v pep440.Version) bool {
	if specifier == "" {
		return true
	}
	s, err := pep440.ParseSpecifiers(specifier)
	return err == nil && s.Contains(v, true)
}

func (r *rejection) add(w why) { r.Whys = append(r.Whys, w) }

// narrow keeps the files that pass; when none does, that is a reason, and the files stay for the next question.
func (r *rejection) narrow(rel *index.Release, w why, keep func(index.File) bool) {
	var kept []index.File
	for _, f := range rel.Files {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		r.add(w)
		return
	}
	rel.Files = kept
}

// hashes are those of all distributions of a release, sorted.
func hashes(r *index.Release) []string {
	var out []string
	for _, f := range r.Files {
		if h := f.Hashes["sha256"]; h != "" {
			out = append(out, "sha256:"+strings.ToLower(h))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sameVulnerability matches a finding with a hit by any of their ids: the name of a group may have changed
// with the database.
func sameVulnerability(vulnerability string, ids []string, h advisory.Hit) bool {
	return h.ID == vulnerability || slices.Contains(h.IDs, vulnerability) ||
		slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(h.IDs, id) })
}

// tell says in words why a release, or several for the same reasons, was not picked.
func (r rejection) tell(t pep508.Environment, several bool) string {
	is, need, pre := "is", "requires", "a pre-release"
	if several {
		is, need, pre = "are", "require", "pre-releases"
	}
	var parts []string
	for _, w := range r.Whys {
		switch w {
		case whyHit:
			parts = append(parts, is+" hit by "+hitNames(r.Hits))
		case whyMalicious:
			parts = append(parts, is+" malicious ("+hitNames(r.Hits)+")")
		case whyYanked:
			parts = append(parts, is+" yanked"+inBrackets(r.Yanked))
		case whyPrerelease:
			parts = append(parts, is+" "+pre)
		case whyPython:
			parts = append(parts, fmt.Sprintf("%s Python %s, target is %s", need, printable(r.Requires), t.Python))
		case whyNewer:
			parts = append(parts, is+" published after the time allowed")
		case whyUndated:
			parts = append(parts, is+" without a date of publication")
		case whyUnhashed:
			parts = append(parts, is+" without sha256 on the index")
		case whyRange:
			parts = append(parts, is+" outside what the requirement allows")
		case whyUnjudged:
			parts = append(parts, is+" not judged by the advisory database")
		}
	}
	return strings.ReplaceAll(strings.Join(parts, " and "), " and "+is, " and")
}

// tellAll tells of several releases, neighbours with the same reasons together.
func tellAll(rs []rejection, pkg string, t pep508.Environment) string {
	var parts []string
	for i := 0; i < len(rs); {
		n := 1
		for i+n < len(rs) && rs[i+n].tell(t, true) == rs[i].tell(t, true) {
			n++
		}
		if len(parts) == maxTold {
			parts = append(parts, fmt.Sprintf("and %d more", len(rs)-i))
			break
		}
		span := rs[i].Version
		switch {
		case n == 2:
			span += " and " + rs[i+1].Version
		case n > 2:
			span += " to " + rs[i+n-1].Version
		}
		parts = append(parts, pkg+" "+span+" "+rs[i].tell(t, n > 1))
		i += n
	}
	return strings.Join(parts, "; ")
}

func inBrackets(s string) string {
	if s = printable(s); s == "" {
		return ""
	}
	return " (" + s + ")"
}

func hitNames(hits []advisory.Hit) string {
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > maxTold {
		ids = append(ids[:maxTold:maxTold], fmt.Sprintf("%d more", len(ids)-maxTold))
	}
	return strings.Join(ids, ", ")
}

// errNoMatcher stands for a database that is not there.
var errNoMatcher = errors.New("no advisory database is loaded")
