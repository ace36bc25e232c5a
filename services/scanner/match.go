package scanner

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// matched is what the advisories say of an inventory.
type matched struct {
	findings   []report.Finding // ordered by severity, package, vulnerability
	incomplete []inventory.Incomplete
	databases  []advisory.Database
}

// lookup answers for one package version; the native matcher or another engine.
type lookup func(ecosystem, name, version string) ([]advisory.Hit, error)

// match asks for every exactly pinned package and says where an answer can't be had.
func match(inv *inventory.Inventory, databases func() []advisory.Database, ask lookup, maxAge time.Duration, now time.Time) matched {
	m := matched{findings: []report.Finding{}}
	type key struct{ name, version, source, vulnerability string }
	seen := map[key]bool{}
	for _, p := range inv.Packages {
		if p.Pin != inventory.Exact || p.Reference != "" {
			continue
		}
		hits, err := ask(p.Ecosystem, p.Package, p.Version)
		switch {
		case errors.Is(err, advisory.ErrNoDatabase):
			m.noDatabase(p.Ecosystem)
			continue
		case err != nil:
			m.incomplete = append(m.incomplete, inventory.Incomplete{Reason: inventory.Unparsed, Source: p.Source, Line: p.Line, Ecosystem: p.Ecosystem,
				Detail: cleanText(fmt.Sprintf("%s %s is not matched: %v", p.Package, p.Version, err))})
			// Go on: advisories that name a version nobody can read by its very text hit it all the same.
		}
		for _, h := range hits {
			if k := (key{p.Package, p.Version, p.Source, h.ID}); !seen[k] {
				seen[k] = true
				m.findings = append(m.findings, finding(p, h))
			}
		}
	}
	m.databases = databases() // what is wrong with one, and its newest record, is known once it was asked
	for _, i := range checkDatabases(inv, m.databases, maxAge, now) {
		if i.Reason != inventory.NoDatabase || !m.knownMissing(i.Ecosystem) {
			m.incomplete = append(m.incomplete, i)
		}
	}
	slices.SortStableFunc(m.findings, func(a, b report.Finding) int {
		return cmp.Or(cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)), cmp.Compare(a.Package, b.Package),
			cmp.Compare(a.Vulnerability, b.Vulnerability), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Version, b.Version))
	})
	return m
}

func (m *matched) noDatabase(ecosystem string) {
	if !m.knownMissing(ecosystem) {
		m.incomplete = append(m.incomplete, inventory.Incomplete{Reason: inventory.NoDatabase, Ecosystem: ecosystem,
			Detail: fmt.Sprintf("there are no advisories for %s; run drydock db update, or name a folder with --db", ecosystem)})
	}
}

func (m *matched) knownMissing(ecosystem string) bool {
	return slices.ContainsFunc(m.incomplete, func(i inventory.Incomplete) bool {
		return i.Reason == inventory.NoDatabase && i.Ecosystem == ecosystem
	})
}

// checkDatabases reports what makes an empty answer worthless: no database, an empty, a stale or a partial one.
func checkDatabases(inv *inventory.Inventory, databases []advisory.Database, maxAge time.Duration, now time.Time) []inventory.Incomplete {
	var out []inventory.Incomplete
	add := func(reason, ecosystem, detail string) {
		out = append(out, inventory.Incomplete{Reason: reason, Ecosystem: ecosystem, Detail: detail})
	}
	for _, eco := range ecosystems(inv) {
		i := slices.IndexFunc(databases, func(d advisory.Database) bool { return d.Name == eco })
		switch {
		case i < 0:
			add(inventory.NoDatabase, eco, fmt.Sprintf("there are no advisories for %s; run drydock db update, or name a folder with --db", eco))
			continue
		case databases[i].Records == 0:
			add(inventory.NoDatabase, eco, fmt.Sprintf("the advisory database of %s is empty; run drydock db update", eco))
			continue
		}
		d := databases[i]
		if d.Fetched != nil && now.Sub(*d.Fetched) > maxAge {
			add(inventory.StaleDatabase, eco, fmt.Sprintf("the advisories of %s were fetched %s ago, more than %s; run drydock db update",
				eco, now.Sub(*d.Fetched).Round(time.Hour), maxAge))
		}
		switch {
		case d.Refused > 0:
			add(inventory.PartialDatabase, eco, unreadRecords(d))
		case d.Partial:
			add(inventory.PartialDatabase, eco, fmt.Sprintf("the advisory database of %s says that it is only a part", eco))
		}
	}
	return out
}

// unreadRecords says which records of a database could not be read, and why: they may be of what was scanned.
func unreadRecords(d advisory.Database) string {
	what := "1 record"
	if d.Refused > 1 {
		what = fmt.Sprintf("%d records", d.Refused)
	}
	s := fmt.Sprintf("%s of the advisory database of %s could not be read, so that only a part is known", what, d.Name)
	if len(d.RefusedWhy) > 0 {
		s += ": " + strings.Join(d.RefusedWhy, "; ")
	}
	if more := d.Refused - len(d.RefusedWhy); more > 0 && len(d.RefusedWhy) > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return cleanText(s + "; run drydock db update, or mend what was given")
}

// ecosystems are those of packages that are to be matched, sorted.
func ecosystems(inv *inventory.Inventory) []string {
	var out []string
	for _, s := range inv.Sources {
		if s.Ecosystem != "" && !slices.Contains(out, s.Ecosystem) {
			out = append(out, s.Ecosystem)
		}
	}
	slices.Sort(out)
	return out
}

func finding(p inventory.Package, h advisory.Hit) report.Finding {
	f := report.Finding{Package: p.Package, Ecosystem: p.Ecosystem, Version: p.Version, PURL: p.PURL, Source: p.Source, Line: p.Line, Scope: p.Scope,
		Kind: h.Kind, Vulnerability: h.ID, IDs: h.IDs, Title: cleanText(h.Title), URL: cleanText(h.URL), Severity: h.Severity, Score: h.Score, Vector: h.Vector,
		SeverityFrom: h.SeverityFrom, KEV: h.KEV, EPSS: h.EPSS, FixedIn: h.FixedIn, Published: h.Published}
	if f.Severity == "" {
		f.Severity = "unknown"
	}
	if f.Kind == "" {
		f.Kind = events.KindVulnerability
	}
	return f
}

// severityRank orders severities for people: what may be bad and is not known stands after low.
func severityRank(s string) int {
	if i := slices.Index([]string{"critical", "high", "medium", "low"}, s); i >= 0 {
		return i
	}
	return 4
}

func summarize(packages int, findings []report.Finding) report.Summary {
	s := report.Summary{Packages: packages, Findings: len(findings)}
	for _, f := range findings {
		switch f.Severity {
		case "critical":
			s.Critical++
		case "high":
			s.High++
		case "medium":
			s.Medium++
		case "low":
			s.Low++
		default:
			s.Unknown++
		}
		if f.Kind == events.KindMalicious {
			s.Malicious++
		}
	}
	return s
}
