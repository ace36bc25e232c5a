package vex

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// purl is a package URL (ECMA-427): pkg:type/namespace/name@version?qualifiers#subpath.
type purl struct {
	kind       string // lower case
	name       string // with its namespace, normalised for pypi (PEP 503)
	version    string // "" is every version
	qualifiers map[string]string
	subpath    string
}

var kindForm = regexp.MustCompile(`^[a-z][a-z0-9.+-]*$`)

// isPURL says whether a text means to be a package URL.
func isPURL(text string) bool { return len(text) >= 4 && strings.EqualFold(text[:4], "pkg:") }

func parsePURL(text string) (purl, error) {
	bad := func(why string) (purl, error) {
		return purl{}, fmt.Errorf("%q is not a package URL (%s), such as pkg:pypi/jinja2@3.1.4", clip(text), why)
	}
	if !isPURL(text) {
		return bad("it does not begin with pkg:")
	}
	rest, subpath, _ := cutLast(text[4:], "#")
	rest, query, _ := cutLast(rest, "?")
	kind, rest, ok := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	p := purl{kind: strings.ToLower(kind), subpath: strings.Trim(subpath, "/")}
	if !ok || !kindForm.MatchString(p.kind) {
		return bad("no type")
	}
	rest = strings.Trim(rest, "/")
	// The version stands in the last segment; npm's scopes are often written with a plain @ in the first.
	last := strings.LastIndex(rest, "/") + 1
	if at := strings.LastIndex(rest[last:], "@"); at > 0 {
		version, err := url.PathUnescape(rest[last+at+1:])
		if err != nil || version == "" {
			return bad("version")
		}
		p.version, rest = version, rest[:last+at]
	}
	var err error
	if p.name, err = url.PathUnescape(rest); err != nil || p.name == "" || rest[last:] == "" || last == 0 && rest[0] == '@' || strings.HasSuffix(rest, "@") || strings.ContainsAny(rest, " *") {
		return bad("name")
	}
	if p.kind == "pypi" {
		p.name = pep440.Normalize(p.name)
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value)
		if pair != "" && (!ok || key == "" || err != nil) {
			return bad("qualifiers")
		}
		if value == "" {
			continue // the specification drops them
		}
		if p.qualifiers == nil {
			p.qualifiers = map[string]string{}
		}
		p.qualifiers[strings.ToLower(key)] = value
	}
	return p, nil
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// sameName says whether both are releases of one package.
func (p purl) sameName(q purl) bool { return p.kind == q.kind && p.name == q.name }

// covers says whether what p says holds for the release q: each of version, qualifiers and subpath that p
// names must be q's.
func (p purl) covers(q purl) bool {
	if !p.sameName(q) || p.version != "" && !sameVersion(p.kind, p.version, q.version) || p.subpath != "" && p.subpath != q.subpath {
		return false
	}
	for key, value := range p.qualifiers {
		if q.qualifiers[key] != value {
			return false
		}
	}
	return true
}

// sameVersion compares as the ecosystem does: for Python 1.0 and 1.0.0 are one release, 1.0+cu117 is another.
func sameVersion(kind, a, b string) bool {
	if a == b {
		return true
	}
	if kind != "pypi" {
		return false
	}
	v, err := pep440.Parse(a)
	w, err2 := pep440.Parse(b)
	return err == nil && err2 == nil && v.Equal(w)
}
