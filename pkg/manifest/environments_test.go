package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

var linux = pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}

// found makes an inventory: one word for a file "path:kind[scope]<include,include", then its pins "name version; marker".
func found(files ...[]string) *inventory.Inventory {
	inv := &inventory.Inventory{}
	for _, f := range files {
		head, includes, _ := strings.Cut(f[0], "<")
		head, scope, _ := strings.Cut(head, "[")
		source, kind, _ := strings.Cut(head, ":")
		if scope = strings.TrimSuffix(scope, "]"); scope == "" {
			scope = "repository:" + source
		}
		if kind == "" {
			kind = "requirements"
		}
		s := inventory.Source{Path: source, Kind: kind, Ecosystem: "PyPI"}
		if includes != "" {
			s.Includes = strings.Split(includes, ",")
		}
		inv.Sources = append(inv.Sources, s)
		for i, line := range f[1:] {
			pinned, marker, _ := strings.Cut(line, "; ")
			name, version, _ := strings.Cut(pinned, " ")
			p := inventory.Package{Package: name, Ecosystem: "PyPI", Version: version, Pin: inventory.Exact, Source: source, Line: i + 1, Marker: marker, Scope: scope,
				Dev: strings.Contains(source, "dev")}
			if version == "" {
				p.Pin = inventory.None
			}
			inv.Packages = append(inv.Packages, p)
		}
	}
	return inv
}

func TestEnvironments(t *testing.T) {
	type files [][]string
	for _, tc := range []struct {
		name  string
		files files
		want  string // name: sources | shared
		says  []string
	}{
		{"one file", files{{"requirements.txt", "a 1"}}, "requirements.txt: requirements.txt", nil},
		{"nothing", nil, "", nil},
		{"a file without packages", files{{"requirements.txt"}}, "requirements.txt: requirements.txt", nil},
		{"two files of a folder", files{{"requirements-dev.txt", "b 1"}, {"requirements.txt", "a 1"}}, "requirements.txt: requirements-dev.txt requirements.txt", nil},
		{"two folders", files{{"a/requirements.txt", "x 1"}, {"b/requirements.txt", "x 2"}}, "a/requirements.txt: a/requirements.txt\nb/requirements.txt: b/requirements.txt", nil},
		{"two files that contradict", files{{"requirements-dev.txt", "b 1", "x 2.0"}, {"requirements.txt", "a 1", "x 1.0"}, {"requirements-docs.txt", "d 1"}},
			"requirements-dev.txt: requirements-dev.txt\nrequirements.txt: requirements-docs.txt requirements.txt",
			[]string{"requirements.txt:2 pins x 1.0, requirements-dev.txt:2 pins x 2.0: they can't be installed together; each is planned by itself"}},
		{"the same version written another way", files{{"requirements-dev.txt", "x 1.0"}, {"requirements.txt", "x 1"}}, "requirements.txt: requirements-dev.txt requirements.txt", nil},
		{"a contradiction that does not hold here", files{{"requirements-dev.txt", "x 2; sys_platform == 'win32'"}, {"requirements.txt", "x 1"}}, "requirements.txt: requirements-dev.txt requirements.txt", nil},
		{"what -r includes", files{{"requirements-dev.txt<requirements.txt", "b 1"}, {"requirements.txt[repository:requirements-dev.txt]", "a 1"}}, "requirements.txt: requirements-dev.txt requirements.txt", nil},
		{"an include without packages", files{{"dev.txt<x/none.txt", "b 1"}, {"x/none.txt"}}, "dev.txt: dev.txt x/none.txt", nil},
		{"an include of two folders joins them", files{{"a/requirements.txt<base.txt", "x 1"}, {"b/requirements.txt<base.txt", "y 1"}, {"base.txt[repository:a/requirements.txt]", "z 1"}},
			"a/requirements.txt: a/requirements.txt b/requirements.txt base.txt", nil},
		{"an include of two folders that contradict", files{{"a/requirements.txt<base.txt", "x 1"}, {"b/requirements.txt<base.txt", "x 2"}, {"base.txt[repository:a/requirements.txt]", "z 1"}},
			"a/requirements.txt: a/requirements.txt base.txt\nb/requirements.txt: b/requirements.txt | base.txt",
			[]string{"a/requirements.txt:1 pins x 1, b/requirements.txt:1 pins x 2: they can't be installed together; each is planned by itself; base.txt, which it includes, is planned with a/requirements.txt"}},
		{"an include of an include", files{{"a/requirements.txt<m.txt", "x 1"}, {"m.txt[repository:a/requirements.txt]<base.txt", "y 1"}, {"b/requirements.txt<base.txt", "x 1"}, {"base.txt[repository:a/requirements.txt]", "z 1"}},
			"a/requirements.txt: a/requirements.txt b/requirements.txt base.txt m.txt", nil},
		{"a lock file beside", files{{"requirements.txt", "a 1"}, {"uv.lock:uv", "a 2"}}, "requirements.txt: requirements.txt\nuv.lock: uv.lock", nil},
		{"what is installed", files{{"requirements.txt", "a 1"}, {"lib/site-packages:environment[environment:production]", "a 2"}}, "production: lib/site-packages\nrequirements.txt: requirements.txt", nil},
		{"two installed at the same place", files{{"site-packages:environment[environment:production]", "a 1"}, {"site-packages:environment[environment:staging]", "a 2"}}, "production: site-packages\nstaging: site-packages", nil},
		{"a file that contradicts itself", files{{"requirements.txt", "a 1", "a 2"}}, "requirements.txt: requirements.txt",
			[]string{"requirements.txt:1 pins a 1, requirements.txt:2 pins a 2: no installer takes them together; remove one"}},
		{"a lock for extras that exclude each other", files{{"uv.lock:uv", "a 1", "a 2"}}, "uv.lock: uv.lock",
			[]string{"uv.lock:1 pins a 1, uv.lock:2 pins a 2: which of them uv installs depends on the extras and groups asked for; a plan moves neither"}},
		{"a file for two platforms", files{{"requirements.txt", "a 1; sys_platform == 'win32'", "a 2; sys_platform != 'win32'", "b 1; platform_release == 'x'", "b 2; platform_release == 'y'"}}, "requirements.txt: requirements.txt", nil},
		{"without versions", files{{"requirements-x.txt", "a"}, {"requirements.txt", "a 1"}}, "requirements.txt: requirements-x.txt requirements.txt", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got, says []string
			for _, e := range Environments(found(tc.files...), linux) {
				line := e.Name + ": " + strings.Join(e.Sources, " ")
				if len(e.Shared) > 0 {
					line += " | " + strings.Join(e.Shared, " ")
				}
				got, says = append(got, line), append(append(says, e.Conflicts...), e.Broken...)
			}
			if g := strings.Join(got, "\n"); g != tc.want {
				t.Errorf("got\n%s\nwant\n%s", g, tc.want)
			}
			for _, want := range tc.says {
				if !strings.Contains(strings.Join(says, "\n"), want) {
					t.Errorf("no %q in\n%s", want, strings.Join(says, "\n"))
				}
			}
			if len(tc.says) == 0 && len(says) > 0 {
				t.Errorf("says %q", says)
			}
		})
	}
}

// Every scope is planned in exactly one environment, whatever includes what.
func TestEnvironmentsCoverEverything(t *testing.T) {
	var files [][]string
	for i := range 40 {
		name := fmt.Sprintf("d%d/f%d.txt<d%d/f%d.txt,d%d/f%d.txt", i%5, i, (i*7)%5, (i*7)%40, i%3, (i*3)%40)
		files = append(files, []string{name, fmt.Sprintf("p%d %d", i%6, i%2)})
	}
	inv := found(files...)
	count := map[string]int{}
	for _, e := range Environments(inv, linux) {
		for _, s := range e.Scopes {
			count[s]++
		}
	}
	for _, p := range inv.Packages {
		if count[p.Scope] != 1 {
			t.Errorf("%s is in %d environments", p.Scope, count[p.Scope])
		}
	}
}
