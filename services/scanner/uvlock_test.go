package scanner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
)

const (
	flaskProject = `[project]
name = "payments"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["flask>=2.2,<3", "tomli>=2 ; python_version < '3.11'", "shop"]

[project.optional-dependencies]
async = ["gevent>=22"]

[dependency-groups]
dev = ["pytest>=7"]

[tool.uv]
index-url = "https://user:s3cret@index.example/simple"
constraint-dependencies = ["werkzeug<3"]

[tool.uv.sources]
shop = { git = "https://git.example/shop" }
`
	flaskLock = `version = 1
revision = 3
requires-python = ">=3.9"

[[package]]
name = "flask"
version = "2.2.2"
source = { registry = "https://index.example/simple" }
dependencies = [
    { name = "werkzeug" },
]
sdist = { url = "https://index.example/Flask-2.2.2.tar.gz", hash = "sha256:642c450d19c4ad482f96729bd2a8f6d32554aa1e231f4f6b4e7e5264b16cca2b", size = 697599 }
wheels = [
    { url = "https://index.example/Flask-2.2.2-py3-none-any.whl", hash = "sha256:b9c46cc36662a7949f34b52d8ec7bb59c0d74ba08ba6cb9ce9adc1d8676d9526", size = 101475 },
]

[[package]]
name = "payments"
version = "1.0"
source = { editable = "." }
dependencies = [
    { name = "flask" },
    { name = "shop" },
    { name = "tomli", marker = "python_full_version < '3.11'" },
]

[package.dev-dependencies]
dev = [
    { name = "pytest" },
]

[[package]]
name = "pytest"
version = "7.2.2"
source = { registry = "https://index.example/simple" }

[[package]]
name = "shop"
version = "3.0"
source = { git = "https://user:s3cret@git.example/shop?rev=main#0123456" }

[[package]]
name = "tomli"
version = "2.0.1"
source = { registry = "https://index.example/simple" }

[[package]]
name = "werkzeug"
version = "2.2.2"
source = { registry = "https://index.example/simple" }
`
)

func TestUVLock(t *testing.T) {
	r, inv := read(t, write(t, map[string]string{"pyproject.toml": flaskProject, "uv.lock": flaskLock}))
	var got []string
	for _, p := range inv.Packages {
		got = append(got, fmt.Sprintf("%s:%d %s %s %s direct=%v dev=%v hashes=%d %s%s", p.Source, p.Line, p.Package, p.Version, p.Pin, p.Direct, p.Dev, len(p.Hashes), p.Marker, p.Reference))
	}
	want := []string{
		"uv.lock:5 flask 2.2.2 exact direct=true dev=false hashes=2 ",
		"uv.lock:32 pytest 7.2.2 exact direct=true dev=true hashes=0 ",
		"uv.lock:37 shop  none direct=true dev=false hashes=0 https://git.example/shop",
		"uv.lock:42 tomli 2.0.1 exact direct=true dev=false hashes=0 python_full_version < '3.11'",
		"uv.lock:47 werkzeug 2.2.2 exact direct=false dev=false hashes=0 ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if len(inv.Sources) != 1 || inv.Sources[0].Kind != "uv-lock" || inv.Sources[0].Packages != 5 || inv.Sources[0].Pinned != 4 || inv.Sources[0].NotCovered != 1 {
		t.Errorf("sources %+v", inv.Sources)
	}
	if len(inv.Incomplete) != 1 || inv.Incomplete[0].Reason != inventory.NotCovered || inv.Incomplete[0].Line != 37 {
		t.Errorf("incomplete %+v", inv.Incomplete)
	}
	got = nil
	for _, b := range inv.Bounds {
		got = append(got, fmt.Sprintf("%s:%d %s%s %s %s", b.Source, b.Line, b.Package, b.Specifier, b.Marker, b.Scope))
	}
	want = []string{"pyproject.toml:0 werkzeug<3  repository:uv.lock", "pyproject.toml:5 flask>=2.2,<3  repository:uv.lock", "pyproject.toml:5 shop  repository:uv.lock",
		"pyproject.toml:5 tomli>=2 python_version < '3.11' repository:uv.lock", "pyproject.toml:8 gevent>=22  repository:uv.lock", "pyproject.toml:11 pytest>=7  repository:uv.lock"}
	if !slices.Equal(got, want) {
		t.Errorf("bounds\n%s", strings.Join(got, "\n"))
	}
	if inv.Python != "3.9" {
		t.Errorf("python %q", inv.Python)
	}
	var notes []string
	for _, m := range r.manifests {
		notes = append(notes, m.Notes...)
		if strings.Contains(string(m.Content), "s3cret") {
			t.Errorf("%s is kept with its password", m.Path)
		}
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{"tool.uv.index-url is not obeyed: https://index.example/simple", "tool.uv.sources.shop is not obeyed", "pyproject.toml: holds a password", "uv.lock: holds a password"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not told:\n%s", want, all)
		}
	}
	if strings.Contains(all+fmt.Sprint(inv), "s3cret") {
		t.Errorf("the password is told: %s %v", all, inv)
	}
}

// Members of a workspace are not packages, and the lock answers for their files.
func TestUVWorkspace(t *testing.T) {
	lock := `version = 1
[manifest]
members = ["core", "shop"]
[[package]]
name = "core"
version = "1"
source = { editable = "packages/core" }
dependencies = [{ name = "flask" }, { name = "other" }]
[[package]]
name = "flask"
version = "2.2.2"
source = { registry = "https://index.example/simple" }
[[package]]
name = "other"
version = "1"
source = { directory = "../other" }
[[package]]
name = "shop"
version = "1"
source = { virtual = "packages/shop" }
`
	project := "[project]\nname = \"%s\"\ndependencies = [\"flask>=2\"]\n"
	_, inv := read(t, write(t, map[string]string{"app/uv.lock": lock, "app/pyproject.toml": "[tool.uv.workspace]\nmembers = [\"packages/*\"]\n", "app/packages/core/pyproject.toml": fmt.Sprintf(project, "core"),
		"app/packages/shop/pyproject.toml": fmt.Sprintf(project, "shop"), "app/stray/pyproject.toml": fmt.Sprintf(project, "stray")}))
	if got, want := entries(inv), "app/stray/pyproject.toml:3 flask  app/stray/pyproject.toml\napp/uv.lock:9 flask 2.2.2 app/uv.lock\napp/uv.lock:13 other  app/uv.lock"; got != want {
		t.Errorf("got\n%s", got)
	}
	if find(inv, inventory.RangedPin, "app/stray/pyproject.toml") == "" || find(inv, inventory.NotCovered, "app/uv.lock") == "" || len(inv.Incomplete) != 2 || len(inv.Bounds) != 2 {
		t.Errorf("%+v %+v", inv.Incomplete, inv.Bounds)
	}
	var files []string
	for _, f := range inv.Files {
		files = append(files, fmt.Sprint(f.Path, f.Kind, f.Scopes))
	}
	if got, want := strings.Join(files, " "), "app/packages/core/pyproject.tomlpyproject[repository:app/uv.lock] app/packages/shop/pyproject.tomlpyproject[repository:app/uv.lock] app/pyproject.tomlpyproject[repository:app/uv.lock] app/stray/pyproject.tomlpyproject[] app/uv.lock[]"; got != want {
		t.Errorf("files %s", got)
	}
}

func TestPyprojectAlone(t *testing.T) {
	project := "[project]\nname = \"a\"\ndependencies = [\"flask>=2\", \"six\", \"x @ https://x.example/x.zip\", \"?\", \"a[b]\"]\n"
	for _, tc := range []struct {
		what, packages, incomplete string
		bounds                     int
		files                      map[string]string
	}{
		{"alone", "flask , six , x ", "not_covered 3, ranged 3, unparsed 3, unpinned 3", 0, map[string]string{"pyproject.toml": project}},
		{"compiled", "six , x , flask 2.2.2", "not_covered 3, unparsed 3, unpinned 3", 1, map[string]string{"pyproject.toml": project, "requirements.txt": "flask==2.2.2\n"}},
		{"compiled, but not from this", "flask , six , x , flask 1.0", "not_covered 3, ranged 3, unparsed 3, unpinned 3", 0, map[string]string{"pyproject.toml": project, "requirements.txt": "flask==1.0\n"}},
		{"elsewhere", "flask 2.2.2, flask , six , x ", "not_covered 3, ranged 3, unparsed 3, unpinned 3", 0, map[string]string{"pyproject.toml": project, "docs/requirements.txt": "flask==2.2.2\n"}},
		{"other lock", "", "not_covered 0, unparsed 3", 0, map[string]string{"pyproject.toml": project, "poetry.lock": ""}},
		{"dynamic", "", "not_covered 0", 0, map[string]string{"pyproject.toml": "[project]\nname=\"a\"\ndynamic=[\"dependencies\"]\n"}},
		{"poetry", "", "not_covered 0", 0, map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\nflask=\"^2\"\n"}},
		{"tools only", "", "no_source 0", 0, map[string]string{"pyproject.toml": "[tool.ruff]\nselect=[]\n"}},
		{"no dependencies", "", "", 0, map[string]string{"pyproject.toml": "[project]\nname=\"a\"\n"}},
		{"broken", "", "unparsed 0", 0, map[string]string{"pyproject.toml": "[project\n"}},
		{"broken lock", "", "unparsed 3, unparsed 0", 0, map[string]string{"pyproject.toml": project, "uv.lock": "version = 3"}},
	} {
		_, inv := read(t, write(t, tc.files))
		var incomplete []string
		for _, i := range inv.Incomplete {
			incomplete = append(incomplete, fmt.Sprintf("%s %d", i.Reason, i.Line))
		}
		bounds := len(inv.Bounds)
		if tc.what == "broken lock" { // it would be the one that pins them
			bounds = 0
		}
		if got := strings.Join(incomplete, ", "); names(inv) != tc.packages || got != tc.incomplete || bounds != tc.bounds {
			t.Errorf("%s: packages %s\nincomplete %s\nbounds %+v", tc.what, names(inv), got, inv.Bounds)
		}
	}
}

// A lock is judged as the requirements file it would be exported to.
func TestUVLockFindsWhatAnExportFinds(t *testing.T) {
	b := newBook()
	b.hits = map[string][]advisory.Hit{}
	for name, v := range map[string]string{"flask 2.2.2": "CVE-1", "tomli 2.0.1": "CVE-2", "pytest 7.2.2": "CVE-3", "shop 3.0": "CVE-4"} {
		b.hits[name] = []advisory.Hit{{ID: v, Severity: "high", IDs: []string{v}}}
	}
	found := func(files map[string]string) string {
		s := newService(t, Config{}, Deps{Matcher: func() advisory.Matcher { return b }})
		report, _, err := s.Once(t.Context(), events.ScanRequested{Target: write(t, files)}, epoch)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range report.Findings {
			out = append(out, f.Package+" "+f.Version+" "+f.Vulnerability)
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	locked := found(map[string]string{"pyproject.toml": flaskProject, "uv.lock": flaskLock})
	exported := found(map[string]string{"requirements.txt": "flask==2.2.2 \\\n    --hash=sha256:642c450d19c4ad482f96729bd2a8f6d32554aa1e231f4f6b4e7e5264b16cca2b\npytest==7.2.2\nshop @ git+https://git.example/shop@0123456\ntomli==2.0.1 ; python_full_version < '3.11'\nwerkzeug==2.2.2\n"})
	if locked != exported || locked != "flask 2.2.2 CVE-1, pytest 7.2.2 CVE-3, tomli 2.0.1 CVE-2" {
		t.Errorf("locked   %s\nexported %s", locked, exported)
	}
}

// A project whose build would run code, beside files that tools run, is read and nothing else.
func TestNothingOfAProjectRuns(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	code := fmt.Sprintf("open(%q, 'w')\n", ran)
	dir := write(t, map[string]string{"setup.py": code, "backend.py": code, "conftest.py": code, "uv.toml": "index-url = \"http://127.0.0.1:1/\"\n", "uv.lock": flaskLock,
		"pyproject.toml": "build-system = { requires = [], build-backend = \"backend\", backend-path = [\".\"] }\n" + flaskProject})
	if _, inv := read(t, dir); len(inv.Packages) != 5 {
		t.Errorf("%s", names(inv))
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("something ran")
	}
}

func FuzzUVLock(f *testing.F) {
	f.Add([]byte(flaskLock), []byte(flaskProject))
	f.Fuzz(func(t *testing.T, lock, project []byte) {
		l := manifest{Kind: "uv-lock", Path: "uv.lock", Ecosystem: "PyPI", Content: lock, Covers: []string{"."}}
		parseUVLock(lock, &l)
		p := manifest{Kind: "pyproject", Path: "pyproject.toml", Ecosystem: "PyPI", Content: project}
		parseProject(project, &p)
		for _, m := range []manifest{l, p} {
			if m.Unread && len(m.Packages) > 0 {
				t.Errorf("%s is unread and has packages", m.Path)
			}
		}
		inv := assemble(&reading{manifests: []manifest{checkManifest(l), checkManifest(p)}}, "")
		if _, _, err := inv.Encode(); err != nil {
			t.Error(err)
		}
	})
}
