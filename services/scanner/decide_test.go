package scanner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

const scopeA = "repository:requirements.txt"

func ptr[T any](v T) *T { return &v }

func pinned(scope, name, version string) inventory.Package {
	return inventory.Package{Package: name, Ecosystem: "PyPI", Version: version, Pin: inventory.Exact, Source: strings.TrimPrefix(scope, "repository:"), Scope: scope}
}

func inv(packages ...inventory.Package) *inventory.Inventory {
	return &inventory.Inventory{Packages: packages}
}

func hit(scope, name, version, vulnerability string, ids ...string) report.Finding {
	return report.Finding{Package: name, Ecosystem: "PyPI", Version: version, Source: strings.TrimPrefix(scope, "repository:"), Scope: scope, Kind: "vulnerability", Vulnerability: vulnerability,
		IDs: append([]string{vulnerability}, ids...), Severity: "high", Score: ptr(7.5)}
}

// known folds findings as if an earlier scan had opened them.
func known(closed string, list ...report.Finding) map[string]events.Finding {
	m := map[string]events.Finding{}
	for _, f := range list {
		id := events.FindingID("app", f.Scope, f.Ecosystem, f.Package, f.Vulnerability)
		m[id] = events.Finding{FindingOpened: opening(id, f, urgencyOf(f)), Open: closed == "", ClosedReason: closed}
	}
	return m
}

func say(v verdict) string {
	var out []string
	for _, c := range v.closed {
		out = append(out, strings.TrimSpace(fmt.Sprintf("closed %s %s", c.Reason, c.Version)))
	}
	for _, o := range v.opened {
		out = append(out, fmt.Sprintf("opened %s %s %s", o.Package, o.Version, o.Vulnerability))
	}
	for _, r := range v.reprioritized {
		out = append(out, fmt.Sprintf("reprioritized %s to %s", r.Before.Severity, r.After.Severity))
	}
	return strings.Join(out, "; ")
}

func TestDecide(t *testing.T) {
	flask := hit(scopeA, "flask", "2.2.2", "CVE-1", "GHSA-1")
	with := func(f report.Finding, change func(*report.Finding)) report.Finding { change(&f); return f }
	missing := func(reason, source string) []inventory.Incomplete {
		return []inventory.Incomplete{{Reason: reason, Source: source, Ecosystem: "PyPI"}}
	}
	before := inv(pinned(scopeA, "flask", "2.2.2"), pinned(scopeA, "x", "1"))
	unread := func(reason, source string, packages ...inventory.Package) *inventory.Inventory {
		i := inv(packages...)
		i.Incomplete = missing(reason, source)
		return i
	}
	other := "repository:other/requirements.txt"
	for _, c := range []struct {
		name  string
		known map[string]events.Finding
		now   seen
		want  string
	}{
		{"first", nil, seen{inventory: before, findings: []report.Finding{flask}}, "opened flask 2.2.2 CVE-1"},
		{"again", known("", flask), seen{inventory: before, previous: before, findings: []report.Finding{flask}}, ""},
		{"two pins, one finding", nil, seen{inventory: before, findings: []report.Finding{flask, with(flask, func(f *report.Finding) { f.Version = "2.2.3" })}}, "opened flask 2.2.2 CVE-1"},
		{"two scopes, two findings", nil, seen{inventory: before, findings: []report.Finding{flask, with(flask, func(f *report.Finding) { f.Scope = other })}}, "opened flask 2.2.2 CVE-1; opened flask 2.2.2 CVE-1"},
		{"updated", known("", flask), seen{inventory: inv(pinned(scopeA, "flask", "2.2.5")), previous: before}, "closed fixed 2.2.5"},
		{"removed", known("", flask), seen{inventory: inv(pinned(scopeA, "x", "1")), previous: before}, "closed removed"},
		{"manifest removed", known("", flask), seen{inventory: inv(pinned(other, "x", "1")), previous: before}, "closed removed"},
		{"withdrawn", known("", flask), seen{inventory: before, previous: before}, "closed withdrawn 2.2.2"},
		{"came back", known("fixed", flask), seen{inventory: before, previous: before, findings: []report.Finding{flask}}, "opened flask 2.2.2 CVE-1"},
		{"a CVE for what was a GHSA", known("", hit(scopeA, "flask", "2.2.2", "GHSA-1")), seen{inventory: before, previous: before, findings: []report.Finding{flask}}, ""},
		{"same id in another package", known("", with(flask, func(f *report.Finding) { f.Package = "x" })), seen{inventory: before, previous: before, findings: []report.Finding{flask}}, "closed fixed 1; opened flask 2.2.2 CVE-1"},
		{"worse", known("", flask), seen{inventory: before, previous: before, findings: []report.Finding{with(flask, func(f *report.Finding) { f.Severity, f.Score = "critical", ptr(9.8) })}}, "reprioritized high to critical"},
		{"exploited", known("", flask), seen{inventory: before, previous: before, findings: []report.Finding{with(flask, func(f *report.Finding) { f.KEV = ptr(true) })}}, "reprioritized high to high"},
		{"EPSS moves a little", known("", with(flask, func(f *report.Finding) { f.EPSS = ptr(0.5) })), seen{inventory: before, previous: before, findings: []report.Finding{with(flask, func(f *report.Finding) { f.EPSS = ptr(0.505) })}}, ""},
		{"EPSS moves", known("", with(flask, func(f *report.Finding) { f.EPSS = ptr(0.5) })), seen{inventory: before, previous: before, findings: []report.Finding{with(flask, func(f *report.Finding) { f.EPSS = ptr(0.7) })}}, "reprioritized high to high"},
		{"closed and still gone", known("fixed", flask), seen{inventory: before, previous: before}, ""},

		{"manifest unreadable", known("", flask), seen{inventory: unread(inventory.Unreadable, "requirements.txt"), previous: before}, ""},
		{"a line unparsed", known("", flask), seen{inventory: unread(inventory.Unparsed, "requirements.txt", pinned(scopeA, "flask", "2.2.5")), previous: before}, ""},
		{"another manifest unreadable", known("", flask), seen{inventory: unread(inventory.Unreadable, "other/requirements.txt", pinned(scopeA, "x", "1"), pinned(other, "y", "1")), previous: before}, "closed removed"},
		{"folder unreadable", known("", with(flask, func(f *report.Finding) { f.Scope = other })), seen{inventory: unread(inventory.Unreadable, "other", pinned(scopeA, "x", "1")), previous: inv(pinned(other, "flask", "2.2.2"))}, ""},
		{"something unreadable", known("", flask), seen{inventory: unread(inventory.Unreadable, "", pinned(scopeA, "x", "1")), previous: before}, ""},
		{"no source left", known("", flask), seen{inventory: unread(inventory.NoSource, ""), previous: before}, ""},
		{"no database", known("", flask), seen{inventory: inv(pinned(scopeA, "flask", "2.2.5")), previous: before, incomplete: missing(inventory.NoDatabase, "")}, ""},
		{"partial database, same version", known("", flask), seen{inventory: before, previous: before, incomplete: missing(inventory.PartialDatabase, "")}, ""},
		{"partial database, updated", known("", flask), seen{inventory: inv(pinned(scopeA, "flask", "2.2.5")), previous: before, incomplete: missing(inventory.PartialDatabase, "")}, "closed fixed 2.2.5"},
		{"unpinned now", known("", flask), seen{inventory: inv(inventory.Package{Package: "flask", Ecosystem: "PyPI", Pin: inventory.None, Source: "requirements.txt", Scope: scopeA}), previous: before}, ""},
		{"by URL now", known("", flask), seen{inventory: inv(inventory.Package{Package: "flask", Ecosystem: "PyPI", Pin: inventory.None, Reference: "https://x.test", Source: "requirements.txt", Scope: scopeA}), previous: before}, ""},
		{"version can't be judged", known("", flask), seen{inventory: inv(pinned(scopeA, "flask", "custom")), previous: before, incomplete: missing(inventory.Unparsed, "requirements.txt")}, ""},
		{"a target that never had the scope", known("", with(flask, func(f *report.Finding) { f.Scope = other })), seen{inventory: before, previous: before, findings: []report.Finding{}}, ""},
		{"environment beside a repository", known("", flask), seen{inventory: inv(pinned("environment:live", "x", "1")), previous: before}, ""},
		{"environment updated", known("", with(flask, func(f *report.Finding) { f.Scope = "environment:live" })), seen{inventory: inv(pinned("environment:live", "flask", "2.3")), previous: before}, "closed fixed 2.3"},
		{"environment with a broken neighbour", known("", with(flask, func(f *report.Finding) { f.Scope = "environment:live" })), seen{inventory: unread(inventory.Unparsed, "lib/x-1.dist-info", pinned("environment:live", "flask", "2.3")), previous: before}, "closed fixed 2.3"},
		{"environment with itself broken", known("", with(flask, func(f *report.Finding) { f.Scope = "environment:live" })), seen{inventory: unread(inventory.Unparsed, "lib/Flask-1.dist-info", pinned("environment:live", "y", "2.3")), previous: before}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.now.app = "app"
			if got := say(decide(c.known, c.now)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// The id of a finding stays when its name becomes a CVE.
func TestDecideKeepsTheIDOfAnAlias(t *testing.T) {
	old := known("fixed", hit(scopeA, "flask", "2.2.2", "GHSA-1"))
	v := decide(old, seen{app: "app", inventory: inv(pinned(scopeA, "flask", "2.2.2")), findings: []report.Finding{hit(scopeA, "flask", "2.2.2", "CVE-1", "GHSA-1")}})
	if len(v.opened) != 1 || old[v.opened[0].Finding].Package != "flask" {
		t.Errorf("%+v", v)
	}
}
