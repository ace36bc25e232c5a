package scanner

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
)

var (
	extraName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	urlScheme = regexp.MustCompile(`^(?:(?:git|hg|svn|bzr)\+)?[A-Za-z][A-Za-z0-9.-]*://|^file:|^(?:git|hg|svn|bzr)\+[a-z]+:`)
	archive   = regexp.MustCompile(`(?i)\.(zip|whl|tar\.gz|tgz|tar|tar\.bz2|tbz|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)$`)
	variable  = regexp.MustCompile(`\$\{[A-Z0-9_]+\}`)
	wheelName = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-[^-]+(-[^-]+)?-[^-]+-[^-]+-[^-]+\.whl$`)
)

// parseRequirement reads what stands before the options of a line, in the order pip tries it: URL, path or
// archive, PEP 508. An empty name with a Reference is a requirement pip would have to open to name.
func parseRequirement(text string) (inventory.Package, error) {
	if isURL(text) {
		ref, marker := cutMarker(text, "; ")
		return reference(ref, "", marker)
	}
	if body, marker := cutMarker(text, ";"); looksLikePath(body) {
		bare, _, _ := strings.Cut(body, "[")
		return reference(bare, "", marker)
	}
	p, err := parsePEP508(text)
	if err == nil && p.Reference == "" && p.Pin == inventory.None && archive.MatchString(text) {
		return reference(text, "", "") // "package.zip" is a file for pip
	}
	return p, err
}

func isURL(s string) bool { return strings.Contains(s, ":") && urlScheme.MatchString(s) }

func cutMarker(s, sep string) (string, string) {
	body, marker, _ := strings.Cut(s, sep)
	return strings.TrimSpace(body), strings.TrimSpace(marker)
}

// looksLikePath is pip's test: a separator or a leading dot; a PEP 508 URL has "@" before its first slash.
func looksLikePath(s string) bool {
	if strings.HasPrefix(s, ".") {
		return true
	}
	i := strings.IndexAny(s, `/\`)
	if i < 0 {
		return false
	}
	return !strings.Contains(s[:i], "@")
}

// reference is a requirement by URL, version control or path.
func reference(ref, name, marker string) (inventory.Package, error) {
	if err := checkMarker(marker); err != nil {
		return inventory.Package{}, err
	}
	p := inventory.Package{Pin: inventory.None, Marker: marker, Reference: cleanReference(ref)}
	if p.Reference == "" {
		return inventory.Package{}, errors.New("it names no path or address")
	}
	if name == "" {
		name = nameOfReference(ref)
	}
	p.Package = pep440.Normalize(name)
	return p, nil
}

// nameOfReference is what pip takes the name from without opening anything: #egg= or a wheel's file name.
func nameOfReference(ref string) string {
	body, fragment, _ := strings.Cut(ref, "#")
	for part := range strings.SplitSeq(fragment, "&") {
		if egg, ok := strings.CutPrefix(part, "egg="); ok {
			if name, _, _ := cutName(egg); name != "" {
				return name
			}
		}
	}
	body, _, _ = strings.Cut(body, "?")
	if m := wheelName.FindStringSubmatch(path.Base(strings.ReplaceAll(body, `\`, "/"))); m != nil {
		return m[1]
	}
	return ""
}

// cleanReference takes what may be secret out of a reference: user, password, query.
func cleanReference(ref string) string {
	if !strings.Contains(ref, "://") {
		return ref
	}
	scheme, rest, _ := strings.Cut(ref, "://")
	rest = withoutUserinfo(rest)
	body, fragment, hasFragment := strings.Cut(rest, "#")
	body, _, _ = strings.Cut(body, "?")
	host, tail, hasPath := strings.Cut(body, "/")
	out := scheme + "://" + host
	if hasPath {
		out += "/" + tail
	}
	if hasFragment {
		var kept []string
		for part := range strings.SplitSeq(fragment, "&") {
			if key, _, _ := strings.Cut(part, "="); key == "egg" || key == "subdirectory" || hashName(key) {
				kept = append(kept, part)
			}
		}
		if len(kept) > 0 {
			out += "#" + strings.Join(kept, "&")
		}
	}
	return out
}

// withoutUserinfo drops user and password from what follows "://", also from what is no proper URL because the
// password holds one of /?# as it is.
func withoutUserinfo(rest string) string {
	authority, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return rest[at+1:]
	}
	if _, port, ok := strings.Cut(authority, ":"); ok && authority[0] != '[' && strings.Trim(port, "0123456789") != "" {
		return rest[strings.LastIndexByte(rest, '@')+1:]
	}
	return rest
}

func hashName(s string) bool {
	switch s {
	case "md5", "sha1", "sha224", "sha256", "sha384", "sha512":
		return true
	}
	return false
}

// parsePEP508 reads name [extras] (versions | @ url) [; marker].
func parsePEP508(text string) (inventory.Package, error) {
	var p inventory.Package
	name, extras, rest := cutName(text)
	if name == "" {
		return p, fmt.Errorf("%.80q does not begin with a package name", text)
	}
	if len(name) > 200 {
		return p, fmt.Errorf("a package name of %d characters", len(name))
	}
	p.Package, p.Pin = pep440.Normalize(name), inventory.None
	if strings.TrimSpace(extras) != "" {
		for extra := range strings.SplitSeq(extras, ",") {
			if extra = strings.TrimSpace(extra); !extraName.MatchString(extra) {
				return p, fmt.Errorf("%.80q is no extra", extra)
			}
			p.Extras = append(p.Extras, pep440.Normalize(extra))
		}
	}
	if ref, ok := strings.CutPrefix(rest, "@"); ok {
		ref, marker := cutMarker(ref, " ;")
		if _, err := url.Parse(variable.ReplaceAllString(ref, "x")); err != nil || ref == "" || strings.ContainsAny(ref, " \t") {
			return p, fmt.Errorf("%.80q is no URL", cleanReference(ref))
		}
		named, err := reference(ref, name, marker)
		named.Extras = p.Extras
		return named, err
	}
	spec, marker, hasMarker := strings.Cut(rest, ";")
	if p.Marker = strings.TrimSpace(marker); hasMarker {
		if p.Marker == "" {
			return p, errors.New("nothing stands after ';'")
		}
		if err := checkMarker(p.Marker); err != nil {
			return p, err
		}
	}
	return p, parseVersions(strings.TrimSpace(spec), &p)
}

// cutName takes a name and the extras that may follow off the front (PEP 508, "Names", "Extras").
func cutName(text string) (name, extras, rest string) {
	end := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if isAlphanumeric(c) {
			end = i + 1
		} else if i == 0 || c != '.' && c != '-' && c != '_' {
			break
		}
	}
	name, rest = text[:end], strings.TrimLeft(text[end:], pythonSpace)
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		if body, after, closed := strings.Cut(inner, "]"); closed {
			extras, rest = body, strings.TrimLeft(after, pythonSpace)
		}
	}
	return name, extras, rest
}

const pythonSpace = " \t\n\r\f\v"

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// parseVersions fills in Pin, Version and Specifier.
func parseVersions(spec string, p *inventory.Package) error {
	if inner, ok := strings.CutPrefix(spec, "("); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); !ok {
			return fmt.Errorf("%.80q has no closing parenthesis", spec)
		}
		spec = strings.TrimSpace(inner)
	}
	if spec == "" {
		return nil
	}
	if strings.Contains(spec, "${") && variable.MatchString(spec) {
		return fmt.Errorf("%.80q takes its version from an environment variable, which is not known here", spec)
	}
	for i, clause := range strings.Split(spec, ",") {
		if strings.TrimSpace(clause) == "" && (i == 0 || !strings.HasSuffix(strings.TrimSpace(spec), ",")) {
			return fmt.Errorf("%.80q has an empty clause", spec)
		}
	}
	set, err := pep440.ParseSpecifiers(spec)
	if err != nil {
		return err
	}
	p.Specifier = set.String()
	p.Pin = inventory.Ranged
	if version, ok := exact(set); ok {
		p.Pin, p.Version = inventory.Exact, version
	}
	if p.Version != "" && !isWord(p.Version) {
		return fmt.Errorf("%.80q is no version", p.Version)
	}
	return nil
}

// exact is the one version a set names: an == or === clause that the others do not contradict.
func exact(set pep440.Specifiers) (string, bool) {
	version := ""
	for _, clause := range set.All() {
		if clause.Wildcard || clause.Op != "==" && clause.Op != "===" {
			continue
		}
		if version != "" && version != clause.Version {
			return "", false
		}
		version = clause.Version
	}
	if version == "" {
		return "", false
	}
	if len(set.All()) > 1 {
		if v, err := pep440.Parse(version); err != nil || !set.Contains(v, true) {
			return "", false
		}
	}
	return version, true
}
