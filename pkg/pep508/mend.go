package pep508

import (
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// ParsePublished reads a requirement out of published metadata, which nobody can correct any more: what Parse
// refuses is read as the installers that accepted it meant it. uv mends the same: a comma that is missing
// (>=1.0<2) or too many, quotes that stray, a ".*" after an order (>=1.9.*) or without its dot (!=3.0*), "!=~1.0",
// ">dev", and ".0" after a pre-release (>=9.0a1.0). An error is that of Parse.
func ParsePublished(text string) (Requirement, error) {
	r, err := Parse(text)
	if err == nil || len(text) > maxRequirement {
		return r, err
	}
	head, marker, marked := strings.Cut(text, ";")
	name, rest := cutName(strings.Trim(head, space+`'"`))
	var mended Requirement
	rest, again := mended.readExtras(strings.TrimLeft(rest, space+`'"`))
	if name == "" || again != nil || strings.Contains(rest, "@") {
		return r, err
	}
	mended.Name, mended.Specifier = name, mend(strings.Trim(rest, space+`'"`))
	front := mended.String()
	if marked {
		front += ";" + marker
	}
	if read, again := Parse(front); again == nil && read.Name == pep440.Normalize(name) && read.Specifier != "" {
		return read, nil
	}
	return r, err
}

// mend writes version specifiers as they were meant; empty where there is nothing to go by.
func mend(spec string) string {
	spec = strings.NewReplacer(`'`, "", `"`, "").Replace(spec)
	if inner, ok := strings.CutPrefix(spec, "("); ok {
		spec = strings.TrimSuffix(strings.TrimRight(inner, space), ")")
	}
	var clauses []string
	for spec = strings.Trim(spec, space+","); spec != ""; spec = strings.TrimLeft(spec, space+",") {
		bare := strings.TrimLeft(spec, "<>=!~")
		op, n := spec[:len(spec)-len(bare)], 0
		if op == "" {
			return ""
		}
		for n < len(bare) && strings.IndexByte("<>=~,", bare[n]) < 0 && !strings.HasPrefix(bare[n:], "!=") { // a lone "!" is an epoch's
			n++
		}
		clauses, spec = append(clauses, mendClause(op, strings.Trim(bare[:n], space))), bare[n:]
	}
	return strings.Join(clauses, ",")
}

func mendClause(op, version string) string {
	bare, star := strings.CutSuffix(version, "*")
	bare = strings.TrimSuffix(bare, ".")
	switch {
	case op == "!=~":
		return "!=" + bare + ".*"
	case star && (op == "==" || op == "!="):
		return op + bare + ".*"
	case star && op != "===" && op != "~=":
		return op + bare
	case op == ">" && version == "dev":
		return ">0.0.0.dev0"
	case strings.ContainsAny(version, "abcdefghijklmnopqrstuvwxyz") && !strings.Contains(version, "+"):
		return op + strings.TrimSuffix(version, ".0")
	}
	return op + version
}
