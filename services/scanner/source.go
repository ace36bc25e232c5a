package scanner

import (
	"github.com/drydock-dev/drydock/pkg/inventory"
)

// Source is one kind of place packages are read from. It runs in the reader only.
type Source interface {
	// Kind is the `kind` of its sources in a report.
	Kind() string
	// Takes reports whether discovery gives it the file at path (relative, '/').
	Takes(path string) bool
	// Read reads one file. What it can't read it says in Incomplete: it has no other way to fail.
	Read(t *tree, path string) manifest
}

// sources is the table: a new kind of source is a file and a row. The first that takes a path reads it.
var sources = []Source{
	uvLock{},
	projects{},
	lockFiles{},
	requirements{},
}

// sourceOf finds the row that reads a file: by its name, or, for a file that was asked for, requirements
// whatever its name.
func sourceOf(path string, asked bool) Source {
	for _, s := range sources {
		if s.Takes(path) {
			return s
		}
	}
	if asked {
		return requirements{}
	}
	return nil
}

func sourceKind(kind string) Source {
	for _, s := range append(sources, distributions{}) {
		if s.Kind() == kind {
			return s
		}
	}
	return nil
}

// incomplete adds one thing that could not be determined.
func (m *manifest) incomplete(reason string, line int, detail string) {
	if len(m.Incomplete) == maxIncomplete {
		m.Incomplete = append(m.Incomplete, inventory.Incomplete{Reason: reason, Source: m.Path, Ecosystem: m.Ecosystem, Detail: "more of the same: not all is listed"})
	}
	if len(m.Incomplete) > maxIncomplete {
		return
	}
	m.Incomplete = append(m.Incomplete, inventory.Incomplete{Reason: reason, Source: m.Path, Line: line, Ecosystem: m.Ecosystem, Detail: detail})
}
