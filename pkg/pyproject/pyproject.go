// Package pyproject reads what a pyproject.toml declares of its dependencies (PEP 621, PEP 735) and what it
// tells uv. It reads bytes: nothing is opened, built or asked.
package pyproject

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxBytes bounds a pyproject.toml: the largest real ones have some 100 kB.
const maxBytes = 1 << 20

// File is one pyproject.toml.
type File struct {
	Project *Project         `toml:"project"` // nil: it configures tools only
	Groups  map[string][]any `toml:"dependency-groups"`
	Build   map[string]any   `toml:"build-system"`
	Tool    Tool             `toml:"tool"`

	text []byte
}

// Project is the [project] table (PEP 621), as far as dependencies go.
type Project struct {
	Name           string              `toml:"name"`
	Version        string              `toml:"version"`
	RequiresPython string              `toml:"requires-python"`
	Dependencies   []string            `toml:"dependencies"`
	Optional       map[string][]string `toml:"optional-dependencies"`
	Dynamic        []string            `toml:"dynamic"` // what the build backend computes
}

// Tool holds the tables of the tools that manage dependencies.
type Tool struct {
	UV     UV             `toml:"uv"`
	Poetry map[string]any `toml:"poetry"`
	PDM    map[string]any `toml:"pdm"`
}

// UV is [tool.uv]. What would lead uv to another index or to files is known only to be named (Redirects).
type UV struct {
	Constraints          []string         `toml:"constraint-dependencies"`
	Overrides            []any            `toml:"override-dependencies"` // strings; tables in newer versions
	Excludes             []any            `toml:"exclude-dependencies"`
	BuildConstraints     []any            `toml:"build-constraint-dependencies"`
	Dev                  []string         `toml:"dev-dependencies"` // from before PEP 735
	Environments         any              `toml:"environments"`     // a string or several
	RequiredEnvironments any              `toml:"required-environments"`
	Conflicts            []any            `toml:"conflicts"`
	Groups               map[string]any   `toml:"dependency-groups"` // requires-python of groups
	Package              *bool            `toml:"package"`
	Managed              *bool            `toml:"managed"`
	Workspace            map[string]any   `toml:"workspace"`
	Sources              map[string]any   `toml:"sources"`
	Metadata             []map[string]any `toml:"dependency-metadata"`
	Index                []map[string]any `toml:"index"`
	IndexURL             string           `toml:"index-url"`
	ExtraIndexURL        any              `toml:"extra-index-url"`
	FindLinks            any              `toml:"find-links"`
	Pip                  map[string]any   `toml:"pip"`
}

// Dependency is one requirement as written.
type Dependency struct {
	Text  string // PEP 508
	Extra string // the optional set it belongs to, if any
	Group string // the dependency group it belongs to, if any
	Line  int    // from 1; 0: not known
}

// Parse reads a file. Errors name the line where there is one.
func Parse(data []byte) (*File, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than the limit of %d for a pyproject.toml", len(data), maxBytes)
	}
	f := &File{text: data}
	if err := toml.Unmarshal(data, f); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		return nil, err
	}
	return f, nil
}

// Dependencies lists what the project, its extras and its groups ask for, in that order. Groups that include
// others are not resolved: each requirement stands once.
func (f *File) Dependencies() []Dependency {
	var out []Dependency
	if f.Project != nil {
		for _, text := range f.Project.Dependencies {
			out = append(out, Dependency{Text: text})
		}
		for _, extra := range sorted(f.Project.Optional) {
			for _, text := range f.Project.Optional[extra] {
				out = append(out, Dependency{Text: text, Extra: extra})
			}
		}
	}
	for _, group := range sorted(f.Groups) {
		for _, item := range f.Groups[group] {
			if text, ok := item.(string); ok {
				out = append(out, Dependency{Text: text, Group: group})
			}
		}
	}
	for _, text := range f.Tool.UV.Dev {
		out = append(out, Dependency{Text: text, Group: "dev"})
	}
	f.locate(out)
	return out
}

// locate finds the line of each requirement: the next one that holds it as a string, for strings that stand
// more than once.
func (f *File) locate(list []Dependency) {
	lines := bytes.Split(f.text, []byte("\n"))
	used := map[string]int{}
	for i := range list {
		d := &list[i]
		for n := used[d.Text]; n < len(lines); n++ {
			line := lines[n]
			if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
				continue
			}
			if bytes.Contains(line, []byte(`"`+strings.ReplaceAll(d.Text, `"`, `\"`)+`"`)) || bytes.Contains(line, []byte("'"+d.Text+"'")) {
				d.Line, used[d.Text] = n+1, n+1
				break
			}
		}
	}
}

// Dynamic reports whether the build backend computes a field, so that the file does not tell it.
func (f *File) Dynamic(field string) bool {
	return f.Project != nil && slices.Contains(f.Project.Dynamic, field)
}

// Setting is one key that would lead a tool elsewhere.
type Setting struct {
	Key   string // as in "tool.uv.index-url"
	Value string // an address or path, as written: it may hold a secret
}

// Redirects lists what would lead uv or Poetry to another index or to files: it is reported, never obeyed.
func (f *File) Redirects() []Setting {
	uv := f.Tool.UV
	var out []Setting
	add := func(key string, value any) {
		switch v := value.(type) {
		case nil:
		case string:
			if v != "" {
				out = append(out, Setting{key, v})
			}
		case []any:
			for _, one := range v {
				text, _ := one.(string)
				out = append(out, Setting{key, text})
			}
		default:
			out = append(out, Setting{Key: key})
		}
	}
	add("tool.uv.index-url", uv.IndexURL)
	add("tool.uv.extra-index-url", uv.ExtraIndexURL)
	add("tool.uv.find-links", uv.FindLinks)
	for _, index := range uv.Index {
		url, _ := index["url"].(string)
		out = append(out, Setting{"tool.uv.index", url})
	}
	for _, name := range sorted(uv.Sources) {
		if source, _ := uv.Sources[name].(map[string]any); source["workspace"] == true {
			continue // it leads nowhere else
		}
		out = append(out, Setting{Key: "tool.uv.sources." + name})
	}
	for _, key := range []string{"index-url", "extra-index-url", "find-links"} {
		add("tool.uv.pip."+key, uv.Pip[key])
	}
	if sources, ok := f.Tool.Poetry["source"].([]any); ok {
		for _, s := range sources {
			table, _ := s.(map[string]any)
			url, _ := table["url"].(string)
			out = append(out, Setting{"tool.poetry.source", url})
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
