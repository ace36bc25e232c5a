// Package pep508 reads dependency specifiers and environment markers (PEP 508, with the older spellings that
// installers still take) and judges markers for an environment of which not everything need be known.
package pep508

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// ErrRequirement is wrapped by every error about a text that is no requirement.
var ErrRequirement = errors.New("not a PEP 508 requirement")

// Requirement is what one package asks of another.
type Requirement struct {
	Name      string   // normalised (PEP 503)
	Extras    []string // normalised (PEP 685), sorted, each once
	Specifier string   // ">=1.0,<2", as pep440 writes it; empty: any version
	URL       string   // of "name @ URL", as written: it may hold a password, String leaves that out
	Marker    Marker

	set     pep440.Specifiers // Specifier, read
	setText string            // what set was read from: Specifier may have been replaced since
}

// Parse reads "name [extras] (specifiers | @ URL) [; marker]". The parentheses of older metadata
// ("foo (>=1.0)") and a comma after the last clause are accepted, as installers do. An error wraps
// ErrRequirement and never quotes a URL.
func Parse(text string) (Requirement, error) {
	r, err := parse(text)
	if err != nil {
		return Requirement{}, fmt.Errorf("%w: %s: %w", ErrRequirement, shown(text), err)
	}
	return r, nil
}

func parse(text string) (Requirement, error) {
	var r Requirement
	if len(text) > maxRequirement {
		return r, fmt.Errorf("%d bytes long, at most %d", len(text), maxRequirement)
	}
	if err := printable(text); err != nil {
		return r, err
	}
	name, rest := cutName(strings.TrimLeft(text, space))
	if name == "" {
		return r, errors.New("it does not begin with a package name")
	}
	if len(name) > maxName {
		return r, fmt.Errorf("a package name of %d bytes, at most %d", len(name), maxName)
	}
	r.Name = pep440.Normalize(name)
	rest, err := r.readExtras(rest)
	if err != nil {
		return r, err
	}
	if ref, ok := strings.CutPrefix(rest, "@"); ok {
		return r, r.readURL(strings.Trim(ref, space))
	}
	spec, marker, marked := strings.Cut(rest, ";")
	if err := r.readSpecifier(strings.Trim(spec, space)); err != nil {
		return r, err
	}
	return r, r.readMarker(marker, marked)
}

const space = " \t\n\r\f\v"

// cutName takes a name off the front: letters, digits, and within them ".", "-" and "_".
func cutName(s string) (name, rest string) {
	end := 0
	for i := 0; i < len(s); i++ {
		if alphanumeric(s[i]) {
			end = i + 1
		} else if i == 0 || s[i] != '.' && s[i] != '-' && s[i] != '_' {
			break
		}
	}
	return s[:end], strings.TrimLeft(s[end:], space)
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (r *Requirement) readExtras(rest string) (string, error) {
	inner, ok := strings.CutPrefix(rest, "[")
	if !ok {
		return rest, nil
	}
	body, rest, closed := strings.Cut(inner, "]")
	if !closed {
		return "", errors.New("the list of extras is not closed")
	}
	if strings.Trim(body, space) == "" {
		return strings.TrimLeft(rest, space), nil
	}
	for extra := range strings.SplitSeq(body, ",") {
		extra = strings.Trim(extra, space)
		if name, more := cutName(extra); name == "" || more != "" || len(name) > maxName {
			return "", fmt.Errorf("%s is no name of an extra", shown(extra))
		}
		r.Extras = append(r.Extras, pep440.Normalize(extra))
	}
	slices.Sort(r.Extras)
	r.Extras = slices.Compact(r.Extras)
	return strings.TrimLeft(rest, space), nil
}

// variable is what pip fills in from the environment, in requirements files only.
var variable = regexp.MustCompile(`\$\{[A-Z0-9_]+\}`)

// readURL reads what follows "@". White space must stand before a marker's ";", which else is part of the URL.
func (r *Requirement) readURL(rest string) error {
	if rest == "" {
		return errors.New("nothing stands after '@'")
	}
	end := strings.IndexAny(rest, space)
	if end < 0 {
		end = len(rest)
	}
	r.URL = rest[:end]
	if _, err := url.Parse(variable.ReplaceAllString(r.URL, "x")); err != nil {
		return errors.New("what stands after '@' is no URL") // the error of url.Parse quotes it
	}
	rest = strings.TrimLeft(rest[end:], space)
	if rest == "" {
		return nil
	}
	marker, ok := strings.CutPrefix(rest, ";")
	if !ok {
		return errors.New("only a marker may stand after the URL")
	}
	return r.readMarker(marker, true)
}

func (r *Requirement) readSpecifier(spec string) error {
	if inner, ok := strings.CutPrefix(spec, "("); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); !ok {
			return errors.New("the parenthesis before the versions is not closed")
		}
		spec = strings.Trim(inner, space)
	}
	if spec == "" {
		return nil
	}
	clauses := strings.Split(spec, ",")
	for i, clause := range clauses {
		if strings.Trim(clause, space) == "" && (i == 0 || i < len(clauses)-1) {
			return errors.New("an empty clause among the versions")
		}
	}
	if strings.Contains(spec, "://") || strings.Contains(spec, "@") {
		return errors.New("an address stands where the versions should: \"name @ URL\" is the form for one")
	}
	set, err := pep440.ParseSpecifiers(spec)
	if err != nil {
		return err
	}
	r.set, r.Specifier = set, set.String()
	r.setText = r.Specifier
	return nil
}

func (r *Requirement) readMarker(text string, marked bool) error {
	if !marked {
		return nil
	}
	if strings.Trim(text, space) == "" {
		return errors.New("nothing stands after ';'")
	}
	m, err := ParseMarker(text)
	r.Marker = m
	return err
}

// Allows says whether v satisfies the specifier. A pre-release is judged by its number alone: whether one
// may be picked at all is for the caller to say. What a URL offers is not known, so it allows everything;
// a Specifier that was put there and can't be read allows nothing.
func (r Requirement) Allows(v pep440.Version) bool {
	if r.setText == r.Specifier {
		return r.set.Contains(v, true)
	}
	set, err := pep440.ParseSpecifiers(r.Specifier)
	return err == nil && set.Contains(v, true)
}

// String writes the requirement in normal form, which Parse reads back. User, password and query of a URL
// are left out.
func (r Requirement) String() string {
	var b strings.Builder
	b.WriteString(r.Name)
	if len(r.Extras) > 0 {
		b.WriteString("[" + strings.Join(r.Extras, ",") + "]")
	}
	if r.URL != "" {
		b.WriteString(" @ " + withoutSecrets(r.URL))
	} else {
		b.WriteString(r.Specifier)
	}
	if !r.Marker.IsZero() {
		b.WriteString(" ; " + r.Marker.String())
	}
	return b.String()
}

// withoutSecrets drops user, password and query. A password that holds one of /?# as it is makes no proper
// URL: then all to the last "@" goes.
func withoutSecrets(ref string) string {
	scheme, rest, ok := strings.Cut(ref, "://")
	if !ok {
		scheme, rest = "", ref
	}
	authority, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		rest = rest[i+1:]
	} else if _, port, has := strings.Cut(authority, ":"); has && !strings.HasPrefix(authority, "[") && strings.Trim(port, "0123456789") != "" {
		rest = rest[strings.LastIndexByte(rest, '@')+1:]
	}
	body, fragment, hasFragment := strings.Cut(rest, "#")
	body, _, _ = strings.Cut(body, "?")
	if hasFragment {
		body += "#" + fragment
	}
	if ok {
		return scheme + "://" + body
	}
	return body
}

// printable refuses control characters, which would reach a terminal or forge a line, and what is no UTF-8.
func printable(s string) error {
	for i, c := range s {
		if c == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return errors.New("it is not UTF-8")
		}
		if !unicode.IsPrint(c) && !strings.ContainsRune(space, c) {
			return errors.New("it holds control characters")
		}
	}
	return nil
}

// shown quotes the front of a text for an error, up to where an address and its secrets may begin.
func shown(s string) string {
	if i := strings.Index(s, "://"); i >= 0 {
		s = s[:i] + "://…"
	}
	if i := strings.IndexByte(s, '@'); i >= 0 {
		s = s[:i] + "@ …"
	}
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
