package pyproject

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// ErrUnsupported is wrapped by the errors of a project that can't be resolved from what its file says.
var ErrUnsupported = errors.New("not supported")

// Place says where a project stands in its workspace.
type Place struct {
	Package bool     // it is installed, as opposed to a set of dependencies only (uv: editable, virtual)
	Members []string // of the root: the folders of the others
	Names   []string // the names of all members: a dependency on one of them is on the workspace's
}

// Resolvable writes a pyproject.toml of our own making that asks for the same packages: name, version,
// requires-python, dependencies, extras, groups, and of [tool.uv] what bounds a resolution. Neither a build
// system nor an index nor a source is in it, so whoever resolves it runs nothing and asks nobody else. The
// error wraps ErrUnsupported and names what stands in the way.
func (f *File) Resolvable(at Place) ([]byte, error) {
	w := writer{names: map[string]bool{}}
	out := map[string]any{}
	if f.Project != nil {
		project, err := w.project(f.Project)
		if err != nil {
			return nil, err
		}
		out["project"] = project
	}
	if len(f.Groups) > 0 {
		groups, err := w.groups(f.Groups)
		if err != nil {
			return nil, err
		}
		out["dependency-groups"] = groups
	}
	uv, err := w.uv(f.Tool.UV)
	if err != nil {
		return nil, err
	}
	uv["package"] = at.Package
	if at.Members != nil {
		uv["workspace"] = map[string]any{"members": at.Members}
	}
	sources := map[string]any{}
	for name := range w.names {
		if slices.Contains(at.Names, name) {
			sources[name] = map[string]any{"workspace": true}
		}
	}
	if len(sources) > 0 {
		uv["sources"] = sources
	}
	out["tool"] = map[string]any{"uv": uv}
	data, err := toml.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write a pyproject.toml: %w", err)
	}
	return data, nil
}

type writer struct {
	names map[string]bool // of all that is asked for
}

func (w writer) project(p *Project) (map[string]any, error) {
	for _, field := range []string{"dependencies", "optional-dependencies", "requires-python", "name"} {
		if slices.Contains(p.Dynamic, field) {
			return nil, fmt.Errorf("its %s are dynamic: the build backend computes them, and nothing is built here: %w", field, ErrUnsupported)
		}
	}
	if p.Name == "" {
		return nil, fmt.Errorf("it has no project.name: %w", ErrUnsupported)
	}
	out := map[string]any{"name": p.Name, "version": "0"} // computed when built; nothing depends on it
	if p.Version != "" {
		out["version"] = p.Version
	}
	if p.RequiresPython != "" {
		out["requires-python"] = p.RequiresPython
	}
	list, err := w.requirements("project.dependencies", p.Dependencies)
	if err != nil {
		return nil, err
	}
	out["dependencies"] = list
	if len(p.Optional) > 0 {
		optional := map[string]any{}
		for extra, texts := range p.Optional {
			if optional[extra], err = w.requirements("project.optional-dependencies."+extra, texts); err != nil {
				return nil, err
			}
		}
		out["optional-dependencies"] = optional
	}
	return out, nil
}

func (w writer) groups(groups map[string][]any) (map[string]any, error) {
	out := map[string]any{}
	for group, items := range groups {
		list := []any{}
		for _, item := range items {
			switch v := item.(type) {
			case string:
				if _, err := w.requirements("dependency-groups."+group, []string{v}); err != nil {
					return nil, err
				}
				list = append(list, v)
			case map[string]any:
				name, ok := v["include-group"].(string)
				if !ok || len(v) != 1 {
					return nil, fmt.Errorf("dependency-groups.%s has an entry of an unknown kind: %w", group, ErrUnsupported)
				}
				list = append(list, map[string]any{"include-group": name})
			default:
				return nil, fmt.Errorf("dependency-groups.%s has an entry of an unknown kind: %w", group, ErrUnsupported)
			}
		}
		out[group] = list
	}
	return out, nil
}

// requirements refuses what would lead uv anywhere but to the index.
func (w writer) requirements(key string, texts []string) ([]string, error) {
	for _, text := range texts {
		r, err := pep508.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: a requirement can't be read: %w: %w", key, err, ErrUnsupported)
		}
		if r.URL != "" {
			return nil, fmt.Errorf("%s: %s is asked for by URL: %w", key, r.Name, ErrUnsupported)
		}
		w.names[r.Name] = true
	}
	return append([]string{}, texts...), nil
}

func (w writer) uv(uv UV) (map[string]any, error) {
	out := map[string]any{}
	for key, list := range map[string][]any{
		"constraint-dependencies": anys(uv.Constraints), "dev-dependencies": anys(uv.Dev), "override-dependencies": uv.Overrides,
		"exclude-dependencies": uv.Excludes, "build-constraint-dependencies": uv.BuildConstraints,
	} {
		if len(list) == 0 {
			continue
		}
		all := texts(list)
		if len(all) != len(list) {
			return nil, fmt.Errorf("tool.uv.%s has an entry that is no string: %w", key, ErrUnsupported)
		}
		checked, err := w.requirements("tool.uv."+key, all)
		if err != nil {
			return nil, err
		}
		out[key] = checked
	}
	for key, value := range map[string]any{"environments": uv.Environments, "required-environments": uv.RequiredEnvironments} {
		switch v := value.(type) {
		case nil:
		case string:
			out[key] = v
		case []any:
			if len(texts(v)) != len(v) {
				return nil, fmt.Errorf("tool.uv.%s has an entry that is no string: %w", key, ErrUnsupported)
			}
			out[key] = v
		default:
			return nil, fmt.Errorf("tool.uv.%s is no list of strings: %w", key, ErrUnsupported)
		}
	}
	if len(uv.Conflicts) > 0 {
		if !plain(uv.Conflicts, 4) {
			return nil, fmt.Errorf("tool.uv.conflicts is not as uv documents it: %w", ErrUnsupported)
		}
		out["conflicts"] = uv.Conflicts
	}
	groups := map[string]any{}
	for name, value := range uv.Groups {
		table, _ := value.(map[string]any)
		python, ok := table["requires-python"].(string)
		if !ok || len(table) != 1 {
			return nil, fmt.Errorf("tool.uv.dependency-groups.%s has a setting of an unknown kind: %w", name, ErrUnsupported)
		}
		groups[name] = map[string]any{"requires-python": python}
	}
	if len(groups) > 0 {
		out["dependency-groups"] = groups
	}
	return out, nil
}

// plain reports whether a value holds names only: lists, and tables of package, extra and group.
func plain(value any, depth int) bool {
	if depth == 0 {
		return false
	}
	switch v := value.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool { return !plain(one, depth-1) })
	case map[string]any:
		for key, one := range v {
			name, ok := one.(string)
			if key != "package" && key != "extra" && key != "group" || !ok || pep440.Normalize(name) == "" {
				return false
			}
		}
		return true
	}
	return false
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// texts are the strings of a list.
func texts(list []any) []string {
	var out []string
	for _, one := range list {
		if s, ok := one.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
