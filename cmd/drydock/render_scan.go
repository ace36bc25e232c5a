package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// severities from the least to the most urgent; unknown counts as high until someone looked (docs/formats.md).
var severityRank = map[string]int{"none": 0, "low": 1, "medium": 2, "high": 3, "unknown": 3, "critical": 4}

// scanExit is the exit code of a scan: findings at or above failOn, else incomplete, else clean.
func scanExit(s *report.Scan, failOn string) int {
	if failOn != "none" {
		for _, f := range s.Findings {
			if severityRank[f.Severity] >= severityRank[failOn] || f.Kind == events.KindMalicious {
				return report.ExitFindings
			}
		}
	}
	if !s.Complete {
		return report.ExitIncomplete
	}
	return report.ExitOK
}

// severityCell is a glyph, a word and a colour, in this order of reliability.
func severityCell(severity, kind string) cell {
	if kind == events.KindMalicious {
		return cell{"x malicious", strong}
	}
	switch severity {
	case "critical":
		return cell{"x critical", strong}
	case "high":
		return cell{"! high", red}
	case "medium":
		return cell{"~ medium", yellow}
	case "low":
		return cell{"- low", dim}
	}
	return cell{"? unknown", yellow}
}

// renderScan is the scan for people. path is what they typed, for the advice.
func renderScan(p *page, s *report.Scan, path string) {
	n := s.Summary
	p.wrapped(bold, "  ", "%s: %s in %s, %s", s.Application, count(n.Packages, "package"), count(len(s.Sources), "source"), count(n.Findings, "finding"))
	if words := severityWords(n); words != "" {
		p.line(plain, "%s", words)
	}
	renderFindings(p, s)
	renderOutdated(p, s)
	renderPackages(p, s)
	renderDifferences(p, s)
	renderNotes(p, s)
	renderIncomplete(p, s)
	p.gap()
	renderBasis(p, s)
	for _, hint := range scanHints(s, path) {
		p.wrapped(plain, "        ", "next    %s", hint)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func severityWords(n report.Summary) string {
	var words []string
	for _, v := range []struct {
		n    int
		word string
	}{{n.Malicious, "malicious"}, {n.Critical, "critical"}, {n.High, "high"}, {n.Medium, "medium"}, {n.Low, "low"}, {n.Unknown, "unknown"}, {n.Suppressed, "suppressed"}} {
		if v.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", v.n, v.word))
		}
	}
	return strings.Join(words, ", ")
}

// renderFindings is the table. With one source its name stands once, above.
func renderFindings(p *page, s *report.Scan) {
	if len(s.Findings) == 0 {
		return
	}
	p.gap()
	one := singleSource(s)
	columns := []column{{head: "SEVERITY"}, {head: "PACKAGE", shrink: true}, {head: "VERSION", shrink: true}, {head: "FIXED IN", shrink: true}, {head: "VULNERABILITY", shrink: true}, {head: "WHERE", shrink: true, path: true}}
	if one != "" {
		columns[5] = column{head: "LINE"}
		p.line(dim, "%s", one)
	}
	var rows [][]cell
	for _, f := range s.Findings {
		fixed := "see plan" // no listed fix is free of this vulnerability: another release may be
		if len(f.FixedIn) > 0 {
			fixed = f.FixedIn[0]
		}
		id := f.Vulnerability
		if f.KEV != nil && *f.KEV {
			id += " (exploited)"
		}
		where := place(f.Source, f.Line)
		if one != "" {
			where = strings.TrimPrefix(where, one)
			where = strings.TrimPrefix(where, ":")
		}
		rows = append(rows, []cell{severityCell(f.Severity, f.Kind), {f.Package, bold}, {f.Version, plain}, {fixed, plain}, {id, plain}, {where, dim}})
	}
	p.table(columns, rows)
}

// singleSource is the source of all findings, when it is one.
func singleSource(s *report.Scan) string {
	one := s.Findings[0].Source
	for _, f := range s.Findings {
		if f.Source != one {
			return ""
		}
	}
	return one
}

func place(source string, line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d", source, line)
	}
	return source
}

func renderOutdated(p *page, s *report.Scan) {
	if len(s.Outdated) == 0 {
		return
	}
	p.gap()
	p.line(bold, "%s outdated", count(len(s.Outdated), "package"))
	var rows [][]cell
	for _, o := range s.Outdated {
		released := ""
		if o.Released != nil {
			released = o.Released.UTC().Format("2006-01-02")
		}
		rows = append(rows, []cell{{o.Package, plain}, {o.Current, plain}, {o.LatestCompatible, plain}, {o.Latest, plain}, {released, dim}})
	}
	p.table([]column{{head: "PACKAGE", shrink: true}, {head: "CURRENT", shrink: true}, {head: "SAME MAJOR", shrink: true}, {head: "LATEST", shrink: true}, {head: "RELEASED"}}, rows)
}

func renderPackages(p *page, s *report.Scan) {
	if len(s.Packages) == 0 {
		return
	}
	p.gap()
	p.line(bold, "%s", count(len(s.Packages), "package entry"))
	var rows [][]cell
	for _, k := range s.Packages {
		version := k.Version
		if k.Pin != inventory.Exact {
			version = k.Specifier
		}
		rows = append(rows, []cell{{k.Package, plain}, {version, plain}, {string(k.Pin), plain}, {place(k.Source, k.Line), dim}})
	}
	p.table([]column{{head: "PACKAGE", shrink: true}, {head: "VERSION", shrink: true}, {head: "PIN"}, {head: "WHERE", shrink: true, path: true}}, rows)
}

func renderDifferences(p *page, s *report.Scan) {
	if len(s.Differences) == 0 {
		return
	}
	p.gap()
	p.line(bold, "%s between the engines", count(len(s.Differences), "difference"))
	for _, d := range s.Differences {
		why := d.Why
		if why == "" {
			why = "not explained"
		}
		p.wrapped(plain, "    ", "  only %s: %s %s (%s) %s: %s", d.OnlyIn, d.Package, d.Version, d.Source, strings.Join(d.IDs, " "), why)
	}
}

// renderNotes tells what the manifests ask for that Drydock reports and does not obey.
func renderNotes(p *page, s *report.Scan) {
	if len(s.Notes) == 0 {
		return
	}
	p.gap()
	for _, n := range s.Notes {
		p.wrapped(plain, "    ", "! %s", n)
	}
}

func renderIncomplete(p *page, s *report.Scan) {
	if len(s.Incomplete) == 0 {
		return
	}
	p.gap()
	if s.Complete {
		p.line(bold, "could not be looked up: %s", count(len(s.Incomplete), "thing"))
	} else {
		p.line(strong, "incomplete: %s could not be determined", count(len(s.Incomplete), "thing"))
	}
	for _, i := range s.Incomplete {
		renderGap(p, i)
	}
}

func renderGap(p *page, i inventory.Incomplete) {
	where := place(i.Source, i.Line)
	if where != "" {
		where += ": "
	}
	p.wrapped(plain, "    ", "? %s%s (%s)", where, strings.TrimPrefix(i.Detail, i.Source+": "), i.Reason) // some details begin with their place
}

// provenance says where a database comes from: how long ago it was fetched, and whether it is all of one.
func provenance(ageHours *float64, partial bool) string {
	says := "given by hand"
	if ageHours != nil {
		says = "fetched " + hours(*ageHours) + " ago"
	}
	if partial {
		says += ", only part of one"
	}
	return says
}

// renderBasis says what the result stands on.
func renderBasis(p *page, s *report.Scan) {
	for _, d := range s.Databases {
		p.line(dim, "against %s: %s, %s", d.Name, count(d.Records, "advisory"), provenance(d.AgeHours, d.Partial))
	}
	if len(s.Databases) == 0 {
		p.line(dim, "against nothing: no advisory database")
	}
	engine := ""
	if s.Engine != "" {
		engine = ", engine " + s.Engine
	}
	p.line(dim, "read    %s in %.0f ms, confined by %s%s", s.Source, s.Seconds*1000, s.Confinement, engine)
}

func hours(h float64) string {
	switch {
	case h < 1:
		return fmt.Sprintf("%.0f min", max(h, 0)*60)
	case h < 48:
		return fmt.Sprintf("%.0f h", h)
	}
	return fmt.Sprintf("%.0f days", h/24)
}

// gapHints is what makes an incomplete answer whole.
func gapHints(gaps []inventory.Incomplete) []string {
	has := func(reasons ...string) bool {
		return slices.ContainsFunc(gaps, func(i inventory.Incomplete) bool { return slices.Contains(reasons, i.Reason) })
	}
	var out []string
	if has(inventory.NoDatabase) {
		out = append(out, "drydock db update, or drydock db import DIR: there is no usable advisory database")
	}
	if has(inventory.StaleDatabase) {
		out = append(out, "drydock db update: the advisories are too old")
	}
	if has(inventory.Unpinned, inventory.RangedPin) {
		out = append(out, "pin exact versions (pip freeze, uv pip compile), or scan what is installed with --environment")
	}
	if has(inventory.NoSource) {
		out = append(out, "name the file with the requirements, or --environment for an installed application")
	}
	return out
}

// scanHints is what to do next.
func scanHints(s *report.Scan, path string) []string {
	out := gapHints(s.Incomplete)
	if len(s.Findings) > 0 {
		out = append(out, "drydock plan "+shellWord(path)+": which updates fix it")
	}
	if len(out) == 0 && s.Complete {
		out = append(out, "nothing: no known vulnerability in what was found")
	}
	return out
}

// shellWord quotes a path for a shell where it must be.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r == '/' || r == '.' || r == '-' || r == '_' || r == '+' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
