package scanner

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// What a reader reports is checked as if the target itself had written it: a parser that was taken over must
// not get more into the log than a false inventory.

var (
	pythonName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	wordForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+!*-]{0,127}$`)
	hashForm     = regexp.MustCompile(`^(md5|sha1|sha224|sha256|sha384|sha512):[0-9a-fA-F]{32,128}$`)
	pythonNumber = regexp.MustCompile(`^[0-9]{1,2}(\.[0-9]{1,3}){0,2}$`)
)

func checkGit(g gitFacts) gitFacts {
	if !objectID.MatchString(g.Revision) {
		g.Revision = ""
	}
	if g.Remote != "" {
		g.Remote = cleanRemote(g.Remote)
	}
	return g
}

func checkFound(f found) found {
	if !pythonNumber.MatchString(f.Python) {
		f.Python = ""
	}
	f.Incomplete = checkIncomplete(f.Incomplete)
	return f
}

func checkManifest(m manifest) manifest {
	m.Path, m.Site = cleanPath(m.Path), cleanPath(m.Site)
	if !wordForm.MatchString(m.Kind) {
		m.Kind = "unknown"
	}
	m.Ecosystem = cleanText(m.Ecosystem)
	kept := m.Packages[:0]
	for _, p := range m.Packages {
		if why := checkPackage(p); why != "" {
			m.incomplete(inventory.Unparsed, p.Line, why)
			continue
		}
		kept = append(kept, p)
	}
	m.Packages = kept
	for i := range m.Includes {
		m.Includes[i].Path = cleanPath(m.Includes[i].Path)
	}
	m.Incomplete = checkIncomplete(m.Incomplete)
	for i, n := range m.Notes {
		m.Notes[i] = cleanText(n)
	}
	return m
}

// checkPackage reports why p can't stand in an inventory; empty when it can.
func checkPackage(p inventory.Package) string {
	switch {
	case !pythonName.MatchString(p.Package) || len(p.Package) > 200 || pep440.Normalize(p.Package) != p.Package:
		return fmt.Sprintf("%.100q is no package name", p.Package)
	case p.Pin != inventory.Exact && p.Pin != inventory.Ranged && p.Pin != inventory.None:
		return fmt.Sprintf("%s: pin %.20q is none", p.Package, p.Pin)
	case (p.Version != "") != (p.Pin == inventory.Exact), p.Version != "" && !wordForm.MatchString(p.Version):
		return fmt.Sprintf("%s: %.100q is no version", p.Package, p.Version)
	}
	for _, s := range append([]string{p.Specifier, p.Marker, p.Reference}, p.Extras...) {
		if !printable(s) {
			return fmt.Sprintf("%s: %.100q holds control characters", p.Package, s)
		}
	}
	for _, h := range p.Hashes {
		if !hashForm.MatchString(h) {
			return fmt.Sprintf("%s: %.100q is no hash", p.Package, h)
		}
	}
	return ""
}

var reasons = map[string]bool{inventory.Unpinned: true, inventory.RangedPin: true, inventory.Unreadable: true, inventory.Unparsed: true,
	inventory.NoSource: true, inventory.NotCovered: true, inventory.UnsupportedEcosystem: true}

func checkIncomplete(list []inventory.Incomplete) []inventory.Incomplete {
	for i := range list {
		if !reasons[list[i].Reason] {
			list[i].Reason = inventory.Unparsed
		}
		list[i].Source, list[i].Detail, list[i].Ecosystem = cleanText(list[i].Source), cleanText(list[i].Detail), cleanText(list[i].Ecosystem)
	}
	return list
}

func cleanPath(p string) string {
	if p == "" {
		return ""
	}
	p = path.Clean(strings.TrimLeft(p, "/"))
	if p == ".." || strings.HasPrefix(p, "../") {
		p = "invalid"
	}
	return cleanText(p)
}

// cleanText makes s printable: quoted where it was not.
func cleanText(s string) string {
	if len(s) > 4096 {
		s = s[:4096]
	}
	if printable(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}
