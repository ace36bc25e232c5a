package scanner

import (
	"regexp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

var leading = regexp.MustCompile(`^[0-9]{1,2}(\.[0-9]{1,3}){0,2}`)

// leadingVersion is the number a version begins with, empty when it does not.
func leadingVersion(s string) string { return leading.FindString(strings.TrimSpace(s)) }

// declaredPython is the interpreter the application declares at its root: .python-version, runtime.txt, else
// the lowest that requires-python of pyproject.toml allows (docs/formats.md). Empty: none.
func declaredPython(t *tree) string {
	if data, err := t.read(".python-version", maxGitFile); err == nil {
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			if v := leadingVersion(strings.TrimPrefix(strings.TrimPrefix(line, "cpython-"), "cpython@")); v != "" {
				return v
			}
			break // pypy, a name of a virtual environment
		}
	}
	if data, err := t.read("runtime.txt", maxGitFile); err == nil {
		if v, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "python-"); ok && leadingVersion(v) != "" {
			return leadingVersion(v)
		}
	}
	if data, err := t.read("pyproject.toml", maxFile); err == nil {
		return lowestPython(requiresPython(string(data)))
	}
	return ""
}

var requiresLine = regexp.MustCompile(`^\s*requires-python\s*=\s*(?:"([^"]*)"|'([^']*)')`)

// requiresPython finds the key of the [project] table; it is a string on one line wherever tools write it.
func requiresPython(toml string) string {
	table := ""
	for line := range strings.Lines(toml) {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "[") {
			table, _, _ = strings.Cut(strings.TrimPrefix(trimmed, "["), "]")
			table = strings.TrimSpace(table)
			continue
		}
		if m := requiresLine.FindStringSubmatch(line); m != nil && table == "project" {
			return m[1] + m[2]
		}
	}
	return ""
}

// lowestPython is the lowest version a specifier states: its highest lower bound.
func lowestPython(spec string) string {
	set, err := pep440.ParseSpecifiers(spec)
	if err != nil {
		return ""
	}
	lowest := ""
	var bound pep440.Version
	for _, clause := range set.All() {
		switch clause.Op {
		case ">=", "~=", "==", ">":
			v, err := pep440.Parse(clause.Version)
			if err == nil && (lowest == "" || v.Compare(bound) > 0) && pythonNumber.MatchString(clause.Version) {
				lowest, bound = clause.Version, v
			}
		}
	}
	return lowest
}
