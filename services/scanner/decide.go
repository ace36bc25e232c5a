package scanner

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// seen is what a scan saw, and what the scan before it saw.
type seen struct {
	app        string
	inventory  *inventory.Inventory
	previous   *inventory.Inventory   // of the last scan of this target; nil: the first
	findings   []report.Finding       // now
	incomplete []inventory.Incomplete // of the matching; the inventory has its own
}

// verdict is what changes: the payloads in the order of finding ids, each with its natural key.
type verdict struct {
	opened        []events.FindingOpened
	reprioritized []events.FindingReprioritized
	closed        []events.FindingClosed
}

func (v verdict) empty() bool { return len(v.opened)+len(v.reprioritized)+len(v.closed) == 0 }

// apply brings findings to what they are after v.
func (v verdict) apply(findings map[string]events.Finding) {
	for _, p := range v.opened {
		findings[p.Finding] = events.Finding{FindingOpened: p, Open: true}
	}
	for _, p := range v.reprioritized {
		f := findings[p.Finding]
		f.Urgency = p.After
		findings[p.Finding] = f
	}
	for _, p := range v.closed {
		f := findings[p.Finding]
		f.Open = false
		findings[p.Finding] = f
	}
}

// decide compares what a scan saw with the findings known. Two findings are the same when they are in one scope
// and package and share an id: a CVE assigned later does not open a second one. What could not be determined
// closes nothing.
func decide(known map[string]events.Finding, now seen) verdict {
	var v verdict
	ids := slices.Sorted(func(yield func(string) bool) {
		for id := range known {
			if !yield(id) {
				return
			}
		}
	})
	present := map[string]bool{} // ids of known findings that are still there
	opened := map[string]bool{}
	for _, f := range now.findings {
		id, old := sameFinding(known, ids, now.app, f)
		urgency := urgencyOf(f)
		switch {
		case present[id] || opened[id]: // another pin of the same package
		case old != nil && old.Open:
			if present[id] = true; moved(old.Urgency, urgency) {
				v.reprioritized = append(v.reprioritized, events.FindingReprioritized{Finding: id, Before: old.Urgency, After: urgency})
			}
		default:
			opened[id] = true
			v.opened = append(v.opened, opening(id, f, urgency))
		}
	}
	eyes := newSight(now)
	for _, id := range ids {
		if f := known[id]; f.Open && !present[id] {
			if reason, version, ok := eyes.gone(f); ok {
				v.closed = append(v.closed, events.FindingClosed{Finding: id, Reason: reason, Version: version})
			}
		}
	}
	slices.SortFunc(v.opened, func(a, b events.FindingOpened) int { return cmp.Compare(a.Finding, b.Finding) })
	slices.SortFunc(v.reprioritized, func(a, b events.FindingReprioritized) int { return cmp.Compare(a.Finding, b.Finding) })
	return v
}

// sameFinding returns the id f has or gets, and the finding already known under it.
func sameFinding(known map[string]events.Finding, ids []string, app string, f report.Finding) (string, *events.Finding) {
	fresh := events.FindingID(app, f.Scope, f.Ecosystem, f.Package, f.Vulnerability)
	if old, ok := known[fresh]; ok {
		return fresh, &old
	}
	best := ""
	for _, id := range ids {
		old := known[id]
		if old.Scope == f.Scope && old.Ecosystem == f.Ecosystem && old.Package == f.Package && intersect(old.IDs, f.IDs) && (best == "" || old.Open && !known[best].Open) {
			best = id
		}
	}
	if best == "" {
		return fresh, nil
	}
	old := known[best]
	return best, &old
}

func intersect(a, b []string) bool {
	for _, x := range a {
		if slices.Contains(b, x) {
			return true
		}
	}
	return false
}

func urgencyOf(f report.Finding) events.Urgency {
	return events.Urgency{Severity: f.Severity, Score: f.Score, Vector: f.Vector, SeverityFrom: f.SeverityFrom, KEV: f.KEV, EPSS: f.EPSS}
}

// moved reports whether an urgency changed enough to say so.
func moved(a, b events.Urgency) bool {
	same := a.Severity == b.Severity && a.Vector == b.Vector && equal(a.Score, b.Score) && equal(a.KEV, b.KEV)
	if !same || (a.EPSS == nil) != (b.EPSS == nil) {
		return true
	}
	return a.EPSS != nil && math.Abs(*a.EPSS-*b.EPSS) >= epssStep
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func opening(id string, f report.Finding, u events.Urgency) events.FindingOpened {
	return events.FindingOpened{Finding: id, Scope: f.Scope, Package: f.Package, Ecosystem: f.Ecosystem, Version: f.Version, Source: f.Source, Line: f.Line,
		Kind: f.Kind, Vulnerability: f.Vulnerability, IDs: f.IDs, Title: f.Title, FixedIn: f.FixedIn, Published: f.Published, Urgency: u}
}

// sight is what a scan can vouch for.
type sight struct {
	scopes   map[string]bool     // scopes this target has or had
	blind    map[string]bool     // scopes of which something was not read
	allBlind bool                // what was not read may belong to any scope
	dark     map[string]bool     // ecosystems without an answer
	partial  map[string]bool     // ecosystems of which only a part is known
	unsure   map[string]bool     // scope, package: present without a version that can be judged
	versions map[string][]string // scope, package → versions present
}

func newSight(now seen) *sight {
	s := &sight{scopes: map[string]bool{}, blind: map[string]bool{}, dark: map[string]bool{}, partial: map[string]bool{}, unsure: map[string]bool{}, versions: map[string][]string{}}
	owners := map[string][]string{} // source → scopes
	environment := false
	for _, inv := range []*inventory.Inventory{now.previous, now.inventory} {
		if inv == nil {
			continue
		}
		for _, p := range inv.Packages {
			if s.scopes[p.Scope] = true; !slices.Contains(owners[p.Source], p.Scope) {
				owners[p.Source] = append(owners[p.Source], p.Scope)
			}
			if inv == now.inventory {
				environment = environment || strings.HasPrefix(p.Scope, "environment:")
			}
		}
	}
	for _, p := range now.inventory.Packages {
		key := p.Scope + "\x00" + p.Package
		if p.Pin != inventory.Exact || p.Reference != "" {
			s.unsure[key] = true
			continue
		}
		s.versions[key] = append(s.versions[key], p.Version)
	}
	for scope := range s.scopes {
		// An installation and its repository may share a path: neither closes what the other found.
		if strings.HasPrefix(scope, "environment:") != environment {
			delete(s.scopes, scope)
		}
	}
	for _, i := range slices.Concat(now.inventory.Incomplete, now.incomplete) {
		s.note(i, owners)
	}
	return s
}

// note takes account of one thing that could not be determined.
func (s *sight) note(i inventory.Incomplete, owners map[string][]string) {
	switch i.Reason {
	case inventory.NoSource:
		s.allBlind = true
	case inventory.NoDatabase:
		s.dark[i.Ecosystem] = true
	case inventory.PartialDatabase, inventory.StaleDatabase:
		s.partial[i.Ecosystem] = true
	case inventory.Unreadable, inventory.Unparsed:
		if name, ok := brokenDistribution(i.Source); ok { // its folder names the package: the others are known
			for scope := range s.scopes {
				s.unsure[scope+"\x00"+name] = true
			}
			return
		}
		mine := owners[i.Source]
		for scope := range s.scopes { // a folder that could not be listed, or a file of an environment's folder
			if root := strings.TrimPrefix(scope, "repository:"); i.Source != "" && strings.HasPrefix(root+"/", i.Source+"/") {
				mine = append(mine, scope)
			}
		}
		if len(mine) == 0 {
			s.allBlind = true
		}
		for _, scope := range mine {
			s.blind[scope] = true
		}
	}
}

// brokenDistribution takes the package's name from the folder of an installed distribution
// (PyPA, "Recording installed projects").
func brokenDistribution(source string) (string, bool) {
	base := path.Base(source)
	if !isDistribution(base) {
		return "", false
	}
	name, _, _ := strings.Cut(strings.TrimSuffix(base, path.Ext(base)), "-")
	return pep440.Normalize(name), true
}

// gone reports whether an open finding that was not seen again is really no longer there, why, and the
// version now present.
func (s *sight) gone(f events.Finding) (reason, version string, ok bool) {
	key := f.Scope + "\x00" + f.Package
	if !s.scopes[f.Scope] || s.allBlind || s.blind[f.Scope] || s.dark[f.Ecosystem] || s.unsure[key] {
		return "", "", false
	}
	versions := s.versions[key]
	switch {
	case len(versions) == 0:
		return events.ClosedRemoved, "", true
	case !slices.Contains(versions, f.Version):
		return events.ClosedFixed, versions[0], true
	case s.partial[f.Ecosystem]: // the record may only be missing
		return "", "", false
	}
	return events.ClosedWithdrawn, f.Version, true
}
