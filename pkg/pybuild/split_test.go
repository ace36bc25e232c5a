package pybuild

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

var target = pep508.Environment{Python: "3.11.7", Platform: "linux", Machine: "x86_64"}

// inv reads "source[<scope]: name==version [; marker] [#hash,hash] [!dev]" lines; "source:" alone is one without packages.
func inv(lines ...string) *inventory.Inventory {
	out := &inventory.Inventory{}
	seen := map[string]int{}
	for _, line := range lines {
		source, text, _ := strings.Cut(line, ": ")
		source, scope, ok := strings.Cut(source, "<")
		if !ok {
			scope = source
		}
		if !strings.Contains(scope, ":") {
			scope = "repository:" + scope
		}
		kind := "requirements"
		if strings.HasSuffix(source, "uv.lock") {
			kind = "uv-lock"
		}
		if _, ok := seen[source]; !ok {
			out.Sources = append(out.Sources, inventory.Source{Path: source, Kind: kind, Ecosystem: "PyPI"})
		}
		seen[source]++
		if text == "" {
			continue
		}
		p := inventory.Package{Ecosystem: "PyPI", Source: source, Scope: scope, Line: seen[source], Pin: inventory.None}
		text, p.Dev = strings.CutSuffix(text, " !dev")
		text, hashes, _ := strings.Cut(text, " #")
		if hashes != "" {
			p.Hashes = strings.Split(hashes, ",")
		}
		text, p.Marker, _ = strings.Cut(text, " ; ")
		if name, ref, ok := strings.Cut(text, " @ "); ok {
			p.Package, p.Reference = name, ref
		} else if name, v, ok := strings.Cut(text, "=="); ok {
			p.Package, p.Version, p.Pin, p.Specifier = name, v, inventory.Exact, "=="+v
		} else if name, v, ok := strings.Cut(text, ">="); ok {
			p.Package, p.Pin, p.Specifier = name, inventory.Ranged, ">="+v
		} else {
			p.Package = text
		}
		out.Packages = append(out.Packages, p)
	}
	return out
}

func names(pins []Pin) string {
	var out []string
	for _, p := range pins {
		s := p.Package + "==" + p.Version
		if len(p.Hashes) > 0 {
			s += "#" + strings.Join(p.Hashes, ",")
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name        string
		lines       []string
		ship, tests string
		problems    []string // kind package, and "tests" or "note"
		note        string
	}{
		{"one file", []string{"requirements.txt: flask==2.2.2", "requirements.txt: click==8"}, "click==8 flask==2.2.2", "", nil, ""},
		{"nothing", nil, "", "", nil, ""},
		{"a marker that is false", []string{"requirements.txt: a==1", "requirements.txt: b==1 ; sys_platform == 'win32'", "requirements.txt: c ; python_version < '3'"}, "a==1", "", nil, ""},
		{"a marker that can't be judged", []string{"requirements.txt: a==1 ; platform_release == '6'"}, "a==1", "", nil, ""},
		{"a file for development", []string{"requirements.txt: a==1", "requirements-dev.txt: pytest==8 !dev", "requirements-dev.txt: a==1 !dev"}, "a==1", "pytest==8", nil, ""},
		{"it contradicts what ships", []string{"requirements.txt: a==1", "requirements-dev.txt: a==2 !dev", "requirements-dev.txt: pytest==8 !dev"}, "a==1", "pytest==8", nil, "wants a 2 for development, 1 ships"},
		{"two contradict each other", []string{"requirements.txt: a==1", "dev-requirements.txt: x==1 !dev", "test-requirements.txt: x==2 !dev"}, "a==1", "x==2", nil, "tests run with the first"},
		{"it includes what ships", []string{"requirements.txt<requirements-dev.txt: a==1", "requirements-dev.txt: pytest==8 !dev"}, "a==1", "pytest==8", nil, ""},
		{"a group of a lock", []string{"uv.lock: a==1", "uv.lock: pytest==8 !dev"}, "a==1", "pytest==8", nil, ""},
		{"a requirements.txt and a lock", []string{"uv.lock: a==1", "requirements.txt: a==2"}, "a==2", "", nil, "requirements.txt ships; uv.lock is left out"},
		{"another name at the root", []string{"requirements-prod.txt: a==1", "docs/requirements.txt: sphinx==7"}, "a==1", "", nil, ""},
		{"elsewhere", []string{"requirements/base.txt<requirements/prod.txt: a==1", "requirements/prod.txt: b==1", "requirements/dev.txt: c==1 !dev"}, "a==1 b==1", "c==1", nil, ""},
		{"several elsewhere", []string{"api/requirements.txt: a==1", "web/requirements.txt: b==1"}, "", "", []string{"several-environments "}, ""},
		{"the root before others", []string{"requirements.txt: z==1", "api/requirements.txt: a==1"}, "z==1", "", nil, "api/requirements.txt is left out"},
		{"a folder of tests", []string{"requirements.txt: a==1", "tests/requirements.txt: pytest==8"}, "a==1", "pytest==8", nil, ""},
		{"only development", []string{"requirements-dev.txt: pytest==8 !dev"}, "", "pytest==8", nil, ""},
		{"only in folders for development", []string{"docs/requirements.txt: sphinx==7", "tests/requirements.txt: pytest==8"}, "", "", []string{"no-environment "}, ""},
		{"a folder that only sounds so", []string{"dev-portal/requirements.txt: a==7"}, "a==7", "", nil, ""},
		{"an installed environment", []string{"requirements.txt: a==1", ".venv/x<environment:.venv: b==1"}, "a==1", "", nil, ""},
		{"not pinned", []string{"requirements.txt: a", "requirements.txt: b>=1", "requirements.txt: c @ git+https://x.test/c", "requirements-dev.txt: pytest !dev"}, "", "",
			[]string{"unpinned a", "ranged b", "reference c", "unpinned pytest tests"}, ""},
		{"twice", []string{"requirements.txt: a==1", "requirements.txt: a==2", "requirements.txt: a==1.0"}, "a==1", "", []string{"twice a"}, ""},
		{"by two markers", []string{"requirements.txt: a==1 ; python_version < '3.11'", "requirements.txt: a==2 ; python_version >= '3.11'"}, "a==2", "", nil, ""},
		{"hashes of two files", []string{"requirements.txt: a==1 #sha256:x,sha256:y", "more.txt<requirements.txt: a==1 #sha256:y,sha256:z"}, "a==1#sha256:y", "", nil, ""},
		{"hashes that exclude each other", []string{"requirements.txt: a==1 #sha256:x", "more.txt<requirements.txt: a==1 #sha256:z"}, "a==1#sha256:x", "", []string{"hash a"}, ""},
	} {
		sets, problems := Split(inv(c.lines...), target)
		var got []string
		for _, p := range problems {
			s := p.Kind + " " + p.Package
			if p.Tests {
				s += " tests"
			}
			got = append(got, s)
			if p.Do == "" || p.Detail == "" || p.Source == "" {
				t.Errorf("%s: a problem that says too little: %+v", c.name, p)
			}
		}
		if names(sets.Ship) != c.ship || names(sets.Tests) != c.tests || !slices.Equal(got, c.problems) {
			t.Errorf("%s: ship %q tests %q problems %q %v", c.name, names(sets.Ship), names(sets.Tests), got, problems)
		}
		if n := strings.Join(sets.Notes, "\n"); !strings.Contains(n, c.note) {
			t.Errorf("%s: notes %q", c.name, n)
		}
	}
}

// What is direct, and the extras that are asked for: by lines that name a package for its own sake, and by the file that
// such a one was compiled from, where that counts on the target and ships.
func TestSplitTellsWhatIsDirect(t *testing.T) {
	i := inv("requirements.txt: celery==5", "requirements.txt: kombu==5", "more.txt<requirements.txt: celery==5", "requirements.txt: redis==5", "requirements-dev.txt: pytest==8 !dev")
	at := func(source, name string) *inventory.Package {
		n := slices.IndexFunc(i.Packages, func(p inventory.Package) bool { return p.Source == source && p.Package == name })
		return &i.Packages[n]
	}
	at("requirements.txt", "celery").Extras = []string{"sqs"} // as others require it: they say so themselves
	at("more.txt", "celery").Direct, at("more.txt", "celery").Extras = true, []string{"yaml", "redis"}
	at("requirements.txt", "redis").Direct = true
	for _, b := range []inventory.Bound{
		{Package: "celery", Extras: []string{"redis", "auth"}, Source: "requirements.in"},
		{Package: "celery", Extras: []string{"couchdb"}, Source: "requirements.in", Marker: "sys_platform == 'win32'"},
		{Package: "celery", Extras: []string{"tests"}, Source: "requirements-dev.in"},
		{Package: "celery", Extras: []string{"other"}, Source: "other.in", Scope: "repository:other.txt"},
		{Package: "kombu", Extras: []string{"sqs"}, Source: "requirements.in"},
		{Package: "gone", Extras: []string{"x"}, Source: "requirements.in"},
	} {
		if b.Scope == "" {
			b.Scope = "repository:requirements.txt"
		}
		i.Bounds = append(i.Bounds, b)
	}
	sets, problems := Split(i, target)
	var got []string
	for _, p := range sets.Ship {
		got = append(got, fmt.Sprintf("%s %v %v", p.Package, p.Direct, p.Extras))
	}
	if want := []string{"celery true [auth redis yaml]", "kombu false []", "redis true []"}; len(problems) > 0 || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, problems)
	}
}

// What could not be read is a problem, wherever it may ship, and never an environment without it.
func TestSplitOfWhatCouldNotBeRead(t *testing.T) {
	i := inv("requirements.txt: a==1")
	i.Incomplete = []inventory.Incomplete{{Reason: inventory.Unparsed, Source: "requirements.txt", Line: 7, Detail: "no requirement"}, {Reason: inventory.StaleDatabase, Source: "requirements.txt"},
		{Reason: inventory.Unparsed, Source: "web/package.json", Ecosystem: "npm"}, {Reason: inventory.Unreadable, Source: "docs/requirements.txt", Detail: "x"}}
	_, problems := Split(i, target)
	if len(problems) != 1 || fmt.Sprint(problems[0].Kind, problems[0].Line) != "incomplete7" {
		t.Error(problems)
	}
	lost := inv("requirements.txt:")
	lost.Incomplete = []inventory.Incomplete{{Reason: inventory.Unreadable, Source: "requirements.txt", Detail: "it is a link out of the repository"}}
	if sets, problems := Split(lost, target); len(problems) != 1 || len(sets.Ship) > 0 {
		t.Error(sets, problems)
	}
	foreign := inv("poetry.lock:")
	foreign.Incomplete = []inventory.Incomplete{{Reason: inventory.NotCovered, Source: "poetry.lock", Detail: "export it"}}
	if _, problems := Split(foreign, target); len(problems) != 1 || !strings.Contains(problems[0].String(), "poetry.lock: export it; ") {
		t.Error(problems)
	}
}
