package planner

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheel"
)

// wishes hold for every release that is picked.
type wishes struct {
	Target       pep508.Environment `json:"target"`
	ExcludeNewer *time.Time         `json:"exclude_newer,omitempty"` // no distribution published later
	Full         bool               `json:"full,omitempty"`          // updates that fix nothing known too
	IndexURL     string             `json:"index_url,omitempty"`     // without credentials; empty: the configured ones
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
	whyWheel      why = "wheel"
	whySource     why = "source"
	whyYoung      why = "young"
	whyRejected   why = "rejected"
)

// rejection is a release that may not be picked, with all its reasons.
type rejection struct {
	Version  string         `json:"version"`
	Whys     []why          `json:"whys,omitempty"`
	Hits     []advisory.Hit `json:"hits,omitempty"`
	Requires string         `json:"requires,omitempty"` // Python
	Yanked   string         `json:"yanked,omitempty"`   // reason of the yank
	Released *time.Time     `json:"released,omitempty"`
	Held     *hold          `json:"held,omitempty"` // the rejection that reaches it
	Ripe     *time.Time     `json:"ripe,omitempty"` // when it is old enough; nil with whyYoung: nobody knows
}

func (r *rejection) add(w why) { r.Whys = append(r.Whys, w) }

// is reports whether the release is refused for that reason.
func (r rejection) is(w why) bool { return slices.Contains(r.Whys, w) }

// candidate is a release of an index page, judged: rejection has what speaks against it whatever the clock.
type candidate struct {
	rejection
	version pep440.Version
	release index.Release // its files are those that count for its hashes
	newest  *time.Time    // upload of the youngest distribution that the target could install; nil: not known
	source  bool          // has no usable wheel, and neither has the pin: its source distribution decides
}

// judged is what an index offers of a package, seen from a pin.
type judged struct {
	name       string
	project    *index.Project
	from       pep440.Version
	pinned     bool           // there is a pin; else every release is a candidate
	current    *index.Release // the release that is pinned; nil: not on the index
	wheelless  bool           // no wheel of the pinned release can be used on the target
	candidates []candidate    // above the pin, ascending
	labelled   bool           // the pin has a local label that the index does not know
}

// asked is one package to judge.
type asked struct {
	Package, Version string // no version: not pinned
	Hashed           bool
}

// judgePage looks at every release of a page above the pin. It never looks below: there are no downgrades.
// What hits each candidate counts, not only what hits the pinned version: the first fixed version may itself
// be vulnerable. An error means that the pinned version can't be ordered (PEP 440), or that no database can judge.
func judgePage(a asked, p *index.Project, match func(version string) ([]advisory.Hit, error), w wishes) (*judged, error) {
	j := &judged{name: a.Package, project: p, pinned: a.Version != ""}
	if j.pinned {
		var err error
		if j.from, err = pep440.Parse(a.Version); err != nil {
			return nil, err
		}
	}
	label := ""
	if j.pinned {
		label = j.from.Local()
	}
	offered := label == ""
	for i := range p.Releases {
		r := p.Releases[i]
		v, err := pep440.Parse(r.Version)
		if err != nil || v.Local() != label {
			continue // another build variant, from another index
		}
		offered = true
		if j.pinned && v.Equal(j.from) {
			j.current = &r
			j.wheelless = !hasWheel(r.Files, w.Target)
		}
		if j.pinned && v.Compare(j.from) <= 0 {
			continue
		}
		j.candidates = append(j.candidates, candidate{version: v, release: r})
	}
	j.labelled = !offered
	for i := range j.candidates {
		c := &j.candidates[i]
		c.judge(a, j, match, w)
		if c.is(whyUnjudged) {
			if _, err := match(c.release.Version); errors.Is(err, advisory.ErrNoDatabase) {
				return nil, err
			}
		}
	}
	return j, nil
}

// judge looks at one candidate and narrows its files to those whose hashes count.
func (c *candidate) judge(a asked, j *judged, match func(string) ([]advisory.Hit, error), w wishes) {
	r := &c.release
	c.rejection = rejection{Version: r.Version, Requires: r.RequiresPython, Yanked: r.YankedReason, Released: r.Released}
	found, err := match(r.Version)
	c.Hits = found
	switch {
	case err != nil:
		c.add(whyUnjudged)
	case slices.ContainsFunc(found, func(h advisory.Hit) bool { return h.Kind == events.KindMalicious }):
		c.add(whyMalicious)
	case len(found) > 0:
		c.add(whyHit)
	}
	if c.version.IsPrerelease() && !(j.pinned && j.from.IsPrerelease()) {
		c.add(whyPrerelease)
	}
	r.Files = slices.Clone(r.Files)
	c.narrow(whyYanked, func(f index.File) bool { return !f.Yanked })
	last, fits := "", true // what the files of a release ask for is mostly one and the same
	c.narrow(whyPython, func(f index.File) bool {
		if asked := cmp.Or(f.RequiresPython, r.RequiresPython); asked != last {
			ok, err := w.Target.Fits(asked)
			last, fits = asked, ok && err == nil
		}
		return fits
	})
	if t := w.ExcludeNewer; t != nil {
		c.narrow(whyUndated, func(f index.File) bool { return f.Uploaded != nil })
		c.narrow(whyNewer, func(f index.File) bool { return f.Uploaded == nil || !f.Uploaded.After(*t) })
	}
	if a.Hashed && slices.ContainsFunc(r.Files, func(f index.File) bool { return f.Hashes["sha256"] == "" }) {
		c.add(whyUnhashed)
	}
	if !hasWheel(r.Files, w.Target) {
		if c.source = j.wheelless && slices.ContainsFunc(r.Files, isSource); !c.source {
			c.add(whyWheel)
		}
	}
	c.newest = youngest(r.Files, w.Target, a.Hashed)
}

// narrow keeps the files that pass; when none does, that is a reason, and the files stay for the next question.
func (c *candidate) narrow(w why, keep func(index.File) bool) {
	var kept []index.File
	for _, f := range c.release.Files {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		c.add(w)
		return
	}
	c.release.Files = kept
}

// seen adds what depends on the clock: a release is as old as the youngest of its distributions that the
// target could install, since that may be the one that is installed. One published after the plan's clock is
// not there yet, whatever the cooldown; an unknown date counts as too young.
func (c candidate) seen(cooldown time.Duration, now time.Time) rejection {
	r := c.rejection
	r.Whys = slices.Clone(r.Whys)
	switch {
	case c.newest == nil && cooldown > 0:
		r.add(whyYoung)
	case c.newest != nil && c.newest.Add(cooldown).After(now):
		ripe := c.newest.Add(cooldown)
		r.Ripe = &ripe
		r.add(whyYoung)
	}
	return r
}

func isWheel(f index.File) bool  { return strings.HasSuffix(f.Name, ".whl") }
func isSource(f index.File) bool { return !isWheel(f) }

func hasWheel(files []index.File, t pep508.Environment) bool {
	return slices.ContainsFunc(files, func(f index.File) bool { return isWheel(f) && wheel.Supports(t, f.Name) })
}

// youngest is the latest upload among the distributions the target could install, of whichever C library and release
// its system is; nil when one of them has no date. A wheel added later to an old release makes it young again. Where the
// manifest names every distribution by its hash, all count: each may be installed from it, somewhere.
func youngest(files []index.File, t pep508.Environment, all bool) *time.Time {
	wheels := hasWheel(files, t)
	var out *time.Time
	for _, f := range files {
		if !all && (isWheel(f) && !wheel.Reaches(t, f.Name) || isSource(f) && wheels) {
			continue
		}
		if f.Uploaded == nil {
			return nil
		}
		if out == nil || f.Uploaded.After(*out) {
			out = f.Uploaded
		}
	}
	return out
}

// describing is the distribution whose metadata speaks for a release on the target: a wheel it can use, best
// one whose metadata stands on the index by itself, else the source distribution; ok is false without either.
func describing(files []index.File, t pep508.Environment) (f index.File, ok bool) {
	rank := func(f index.File) int {
		switch {
		case isWheel(f) && !wheel.Supports(t, f.Name):
			return 4
		case isWheel(f) && f.Metadata != nil:
			return 0
		case isWheel(f):
			return 1
		case strings.HasSuffix(f.Name, ".tar.gz"):
			return 2
		}
		return 3
	}
	best := 4
	for _, g := range files {
		if r := rank(g); r < best || r == best && ok && g.Name < f.Name {
			f, best, ok = g, r, r < 4
		}
	}
	return f, ok
}

// metadataOf reads the requirements of a release. Those of a source distribution count only where it says
// that building can't change them (PEP 643).
func metadataOf(ctx context.Context, w outside, p *index.Project, r *index.Release, t pep508.Environment) ([]byte, error) {
	f, ok := describing(r.Files, t)
	if !ok {
		return nil, errUndescribed
	}
	text, err := w.Metadata(ctx, p, f)
	if err != nil || isWheel(f) {
		return text, err
	}
	m, err := coremeta.Parse(text)
	if err != nil {
		return nil, errors.Join(errUndescribed, err)
	}
	if !m.Static() || len(m.Unread) > 0 {
		return nil, errUndescribed
	}
	return text, nil
}

// errUndescribed says that nobody can tell the requirements of a release without building it.
var errUndescribed = errors.New("it has no wheel for the target, and its source distribution does not say what it requires without being built")

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

// allows reports whether a specifier admits a version; one that can't be read admits nothing.
func allows(specifier string, v pep440.Version) bool {
	if specifier == "" {
		return true
	}
	s, err := pep440.ParseSpecifiers(specifier)
	return err == nil && s.Contains(v, true)
}

// sameVulnerability matches a finding with a hit by any of their ids: the name of a group may have changed
// with the database.
func sameVulnerability(vulnerability string, ids []string, h advisory.Hit) bool {
	return h.ID == vulnerability || slices.Contains(h.IDs, vulnerability) ||
		slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(h.IDs, id) })
}
