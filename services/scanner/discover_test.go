package scanner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// entries lists packages as path:line name version scope.
func entries(inv *inventory.Inventory) string {
	var out []string
	for _, p := range inv.Packages {
		out = append(out, fmt.Sprintf("%s:%d %s %s %s", p.Source, p.Line, p.Package, p.Version, strings.TrimPrefix(p.Scope, "repository:")))
	}
	return strings.Join(out, "\n")
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func TestDiscoverySkipsWhatIsInstalled(t *testing.T) {
	in := map[string]string{"requirements.txt": "a==1", "svc/dev-requirements.txt": "b==1", "svc/requirements/base.txt": "c==1", "notes.txt": "x==1"}
	for _, skip := range []string{".git", "venv", "lib/site-packages", "node_modules/x", "__pycache__", ".tox/py"} {
		in[skip+"/requirements.txt"] = "skipped==1"
	}
	in["venv/pyvenv.cfg"] = ""
	_, inv := read(t, write(t, in))
	if got, want := entries(inv), "requirements.txt:1 a 1 requirements.txt\nsvc/dev-requirements.txt:1 b 1 svc/dev-requirements.txt\nsvc/requirements/base.txt:1 c 1 svc/requirements/base.txt"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(inv.Incomplete) != 0 || len(inv.Sources) != 3 || len(inv.Files) != 3 {
		t.Errorf("%+v", inv)
	}
}

func TestIncludesBelongToTheirIncluder(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{
		"requirements-dev.txt": "-r requirements.txt\n-r deps/extra.in\npytest==7\n", "requirements.txt": "-r requirements-dev.txt\nflask==2\n",
		"deps/extra.in": "-r ../requirements.txt\nx==1\n", "other/requirements.txt": "-r ../requirements.txt\ny==1", "deps/requirements.txt": "-r gone.txt\n",
	}))
	want := `deps/extra.in:2 x 1 other/requirements.txt
other/requirements.txt:2 y 1 other/requirements.txt
requirements-dev.txt:3 pytest 7 other/requirements.txt
requirements.txt:2 flask 2 other/requirements.txt`
	if got := entries(inv); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := find(inv, inventory.Unreadable, "deps/requirements.txt"); got != `deps/requirements.txt:1: include "gone.txt" can't be read: no such file` {
		t.Errorf("include that is missing: %q", got)
	}
}

func TestCircleOfIncludesIsReadOnce(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{"requirements.txt": "-r requirements-b.txt\na==1", "requirements-b.txt": "-r requirements.txt\n-r requirements-b.txt\nb==1"}))
	if got, want := entries(inv), "requirements-b.txt:3 b 1 requirements-b.txt\nrequirements.txt:2 a 1 requirements-b.txt"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// In a circle the file that would be found by its name owns the environment, and a constraints file stays one.
func TestCircleWithConstraints(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{"requirements.txt": "-r loop.txt\n-c c.txt\na==1", "loop.txt": "-r requirements.txt\nb==1", "c.txt": "django==3.2.0"}))
	if got, want := entries(inv), "c.txt:1 django 3.2.0 requirements.txt\nloop.txt:2 b 1 requirements.txt\nrequirements.txt:3 a 1 requirements.txt"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, inv = read(t, write(t, map[string]string{"requirements-a.txt": "-c requirements-b.txt\na==1", "requirements-b.txt": "-c requirements-a.txt\nb==1"}))
	if got, want := entries(inv), "requirements-a.txt:2 a 1 requirements-a.txt\nrequirements-b.txt:2 b 1 requirements-b.txt"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, inv = read(t, write(t, map[string]string{"requirements/base.txt": "-c pins.txt\na==1", "requirements/pins.txt": "-c base.txt\nb==1"}))
	if got, want := entries(inv), "requirements/base.txt:2 a 1 requirements/base.txt\nrequirements/pins.txt:2 b 1 requirements/base.txt"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestConstraintsPin(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{
		"requirements.txt": "-c constraints.txt\nflask\njinja2>=3\nwerkzeug>=3\nclick\nx @ https://example.test/x.whl\n", "constraints.txt": "-c more.txt\nflask==2.2.2\njinja2==3.1\nwerkzeug==2.0\nx==9\nunused==1\nclick==8.1",
		"more.txt": "click==8.0",
	}))
	want := "constraints.txt:6 unused 1 requirements.txt\nrequirements.txt:2 flask 2.2.2 requirements.txt\nrequirements.txt:3 jinja2 3.1 requirements.txt\nrequirements.txt:4 werkzeug  requirements.txt\nrequirements.txt:5 click  requirements.txt\nrequirements.txt:6 x  requirements.txt"
	if got := entries(inv); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s := inv.Sources[0]
	if s.Packages != 5 || s.Pinned != 2 || s.Ranged != 1 || s.Unpinned != 1 || s.NotCovered != 1 {
		t.Errorf("%+v", s)
	}
	if find(inv, inventory.RangedPin, "requirements.txt") != "werkzeug>=3 has no exact version" || find(inv, inventory.Unpinned, "requirements.txt") != "click has no version" {
		t.Errorf("%+v", inv.Incomplete)
	}
	if len(inv.Files) != 3 {
		t.Errorf("files %+v", inv.Files)
	}
}

func TestSourcesCountDistinctVersions(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{"requirements.txt": "a==1\na==1 ; os_name == 'nt'\na==2\nb\nb\n"}))
	if s := inv.Sources[0]; s.Packages != 3 || s.Pinned != 2 || s.Unpinned != 1 || len(inv.Packages) != 5 {
		t.Errorf("%+v, %d packages", s, len(inv.Packages))
	}
	if inv.Packages[0].PURL != "pkg:pypi/a@1" {
		t.Errorf("purl %s", inv.Packages[0].PURL)
	}
}

func TestLinks(t *testing.T) {
	outside := write(t, map[string]string{"requirements.txt": "secret==1", "x.txt": "secret==1"})
	dir := write(t, map[string]string{"real/base.txt": "a==1", "requirements.txt": "-r out.txt\n-r loop.txt\n-r in.txt\nb==1", "reqs/c.txt": "c==1", "reqs/d.md": ""})
	link(t, filepath.Join(outside, "x.txt"), filepath.Join(dir, "out.txt"))
	link(t, "loop.txt", filepath.Join(dir, "loop.txt"))
	link(t, "real/base.txt", filepath.Join(dir, "in.txt"))
	link(t, outside, filepath.Join(dir, "elsewhere"))
	link(t, filepath.Join(outside, "requirements.txt"), filepath.Join(dir, "dev-requirements.txt"))
	link(t, "nothing", filepath.Join(dir, "gone-requirements.txt"))
	link(t, ".", filepath.Join(dir, "self"))
	link(t, "reqs", filepath.Join(dir, "requirements"))
	link(t, "requirements.txt", filepath.Join(dir, "requirements-copy.txt"))
	link(t, filepath.Join(dir, "real", "base.txt"), filepath.Join(dir, "abs-requirements.txt"))
	_, inv := read(t, dir)
	want := "real/base.txt:1 a 1 requirements.txt\nreqs/c.txt:1 c 1 reqs/c.txt\nrequirements.txt:4 b 1 requirements.txt"
	if got := entries(inv); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for source, want := range map[string]string{"dev-requirements.txt": "link leads out of the target, not followed", "gone-requirements.txt": "link no such file",
		"requirements.txt": "requirements.txt:1: include \"out.txt\" can't be read: leads out of the target, not followed\nrequirements.txt:2: include \"loop.txt\" can't be read: is a loop of links"} {
		if got := find(inv, inventory.Unreadable, source); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	if strings.Contains(entries(inv), "secret") {
		t.Error("read outside of the target")
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := write(t, map[string]string{"requirements.txt": "a==1", "latin/requirements.txt": "b==1 # \xe9"})
	big, err := os.Create(filepath.Join(dir, "big-requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := big.Truncate(200 << 20); err != nil {
		t.Fatal(err)
	}
	big.Close()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe-requirements.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"big-requirements.txt":   "big-requirements.txt: 209715200 bytes are more than the limit of 10 MB for one file",
		"pipe-requirements.txt":  "pipe-requirements.txt: is a named pipe, not a file",
		"latin/requirements.txt": "latin/requirements.txt: line 1 is not UTF-8 text; save the file as UTF-8",
	}
	if os.Getuid() != 0 {
		for name, mode := range map[string]os.FileMode{"locked-requirements.txt": 0, "closed": os.ModeDir} {
			if mode.IsDir() {
				err = os.Mkdir(filepath.Join(dir, name), 0)
			} else {
				err = os.WriteFile(filepath.Join(dir, name), nil, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		want["locked-requirements.txt"], want["closed"] = "locked-requirements.txt: permission denied", "folder can't be listed: permission denied"
	}
	_, inv := read(t, dir)
	if names(inv) != "a 1" {
		t.Errorf("packages %s", names(inv))
	}
	for source, detail := range want {
		if got := find(inv, inventory.Unreadable, source); got != detail {
			t.Errorf("%s: %q, want %q", source, got, detail)
		}
	}
}

func TestNamesThatCantBeShown(t *testing.T) {
	dir := write(t, map[string]string{"requirements.txt": "a==1", "x\x1b[2Jrequirements.txt": "b==1", "bad\xffrequirements.txt": "c==1"})
	_, inv := read(t, dir)
	if names(inv) != "a 1" || len(inv.Incomplete) != 2 {
		t.Errorf("%s %+v", names(inv), inv.Incomplete)
	}
	for _, i := range inv.Incomplete {
		if !printable(i.Source) || i.Reason != inventory.Unreadable {
			t.Errorf("%q", fmt.Sprint(i))
		}
	}
}

func TestDepthAndNothing(t *testing.T) {
	deep := strings.Repeat("d/", maxDepth+3)
	_, inv := read(t, write(t, map[string]string{deep + "requirements.txt": "a==1"}))
	if len(inv.Incomplete) != 2 || !strings.Contains(inv.Incomplete[1].Detail, "nested more than 40 deep") {
		t.Errorf("%+v", inv.Incomplete)
	}
	_, inv = read(t, t.TempDir())
	if len(inv.Incomplete) != 1 || inv.Incomplete[0].Reason != inventory.NoSource {
		t.Errorf("%+v", inv.Incomplete)
	}
}

func TestLockFilesNeverLookClean(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{"requirements.txt": "a==1", "poetry.lock": "", "ui/package-lock.json": "{}", "go.mod": "module x"}))
	for source, reason := range map[string]string{"poetry.lock": inventory.NotCovered, "ui/package-lock.json": inventory.UnsupportedEcosystem, "go.mod": inventory.UnsupportedEcosystem} {
		if find(inv, reason, source) == "" {
			t.Errorf("%s is not reported: %+v", source, inv.Incomplete)
		}
	}
	if len(inv.Sources) != 1 {
		t.Errorf("sources %+v", inv.Sources)
	}
}

func TestOtherToolsAreNamed(t *testing.T) {
	_, inv := read(t, write(t, map[string]string{"a/poetry.lock": "", "b/pdm.lock": "", "c/Pipfile": "", "c/Pipfile.lock": "{}", "d/Pipfile": "", "e/pylock.toml": "",
		"f/pyproject.toml": "[tool.poetry]\nname = \"x\"\n[tool.poetry.dependencies]\npython = \"^3.9\"\nflask = \"^2\"\n"}))
	for source, says := range map[string]string{"a/poetry.lock": "Poetry's lock file is not read by this version; export it: poetry export", "b/pdm.lock": "export it: pdm export -o requirements.txt",
		"c/Pipfile.lock": "pipenv requirements --hash > requirements.txt; then scan that file", "d/Pipfile": "pipenv lock && pipenv requirements", "e/pylock.toml": "PEP 751", "f/pyproject.toml": "Poetry"} {
		if got := find(inv, inventory.NotCovered, source); !strings.Contains(got, says) {
			t.Errorf("%s: %q, want %q", source, got, says)
		}
	}
	if got := find(inv, inventory.NotCovered, "c/Pipfile"); got != "" {
		t.Errorf("a Pipfile beside its lock: %s", got)
	}
}

func TestOneFileWhateverItsName(t *testing.T) {
	dir := write(t, map[string]string{"deps.in": "-r base.txt\na==1", "base.txt": "b==1", "requirements.txt": "c==1"})
	r, err := newService(t, Config{}, Deps{}).readTarget(t.Context(), request{Root: dir, File: "deps.in"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := entries(assemble(r, "")), "base.txt:1 b 1 deps.in\ndeps.in:2 a 1 deps.in"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestDeclaredPython(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{".python-version", "# mine\n3.11.4\n", "3.11.4"}, {".python-version", "pypy3.9-7.3", ""}, {"runtime.txt", "python-3.10.2\n", "3.10.2"}, {"runtime.txt", "3.10", ""},
		{"pyproject.toml", "[tool.x]\nrequires-python = \">=2\"\n[project]\nname = \"x\"\nrequires-python = \">=3.9,<4\" # why\n", "3.9"},
		{"pyproject.toml", "[project]\nrequires-python = '~=3.10'\n", "3.10"}, {"pyproject.toml", "[project]\nrequires-python = \"<4\"\n", ""}, {"pyproject.toml", "[project", ""},
	} {
		_, inv := read(t, write(t, map[string]string{c.file: c.text, "requirements.txt": ""}))
		if inv.Python != c.want {
			t.Errorf("%s %q: %q, want %q", c.file, c.text, inv.Python, c.want)
		}
	}
}
