package scanner

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/isolation"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

// What a reader reports is checked as if the target itself had written it: a parser that was taken over must
// not get more into the log than a false inventory.

var pythonNumber = regexp.MustCompile(`^[0-9]{1,2}(\.[0-9]{1,3}){0,2}$`)

// checkLevel takes a level that is none of the levels for none.
func checkLevel(s string) isolation.Level {
	if l, err := isolation.ParseLevel(s); err == nil {
		return l
	}
	return isolation.None
}

// checkFailed keeps to the reasons a reader has.
func checkFailed(e readError) *readError {
	if e.Reason != "confinement" && e.Reason != "unreadable" {
		e.Reason = "crashed"
	}
	return &readError{Reason: e.Reason, Detail: cleanText(e.Detail)}
}

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
	if !isWord(m.Kind) {
		m.Kind = "unknown"
	}
	m.Ecosystem = cleanText(m.Ecosystem)
	m.Packages, m.Limits = m.checked(m.Packages), m.checked(m.Limits)
	for i := range m.Covers {
		m.Covers[i] = cleanPath(m.Covers[i])
	}
	for i := range m.Includes {
		m.Includes[i].Path = cleanPath(m.Includes[i].Path)
	}
	m.Incomplete = checkIncomplete(m.Incomplete)
	for i, n := range m.Notes {
		m.Notes[i] = cleanText(n)
	}
	return m
}

// checked keeps what can stand in an inventory and says what can't.
func (m *manifest) checked(list []inventory.Package) []inventory.Package {
	kept := list[:0]
	for _, p := range list {
		if why := checkPackage(p); why != "" {
			m.incomplete(inventory.Unparsed, p.Line, why)
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// checkPackage reports why p can't stand in an inventory; empty when it can.
func checkPackage(p inventory.Package) string {
	switch {
	case !isName(p.Package) || len(p.Package) > 200 || pep440.Normalize(p.Package) != p.Package:
		return fmt.Sprintf("%.100q is no package name", p.Package)
	case p.Ecosystem != "" && !isWord(p.Ecosystem):
		return fmt.Sprintf("%s: %.100q is no ecosystem", p.Package, p.Ecosystem)
	case p.Pin != inventory.Exact && p.Pin != inventory.Ranged && p.Pin != inventory.None:
		return fmt.Sprintf("%s: pin %.20q is none", p.Package, p.Pin)
	case (p.Version != "") != (p.Pin == inventory.Exact), p.Version != "" && !isWord(p.Version):
		return fmt.Sprintf("%s: %.100q is no version", p.Package, p.Version)
	}
	for _, s := range append([]string{p.Specifier, p.Marker, p.Reference}, p.Extras...) {
		if !printable(s) {
			return fmt.Sprintf("%s: %.100q holds control characters", p.Package, s)
		}
	}
	for _, h := range p.Hashes {
		if !isHash(h) {
			return fmt.Sprintf("%s: %.100q is no hash", p.Package, h)
		}
	}
	return ""
}

// isName reports whether s is a normalised package name (PEP 503). Like the next two it is no regular
// expression: they run for each line of each manifest.
func isName(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) || !isAlphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (!isAlphanumeric(c) || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// isWord reports whether s may stand as a version: short, of letters, digits and ._+!*-
func isWord(s string) bool {
	if s == "" || len(s) > 128 || !isAlphanumeric(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte("._+!*-", c) < 0 {
			return false
		}
	}
	return true
}

// isHash reports whether h is ALGORITHM:HEX.
func isHash(h string) bool {
	algorithm, digits, ok := strings.Cut(h, ":")
	if !ok || !hashName(algorithm) || len(digits) < 32 || len(digits) > 128 {
		return false
	}
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
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
