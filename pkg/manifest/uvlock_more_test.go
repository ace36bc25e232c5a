package manifest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
)

var forkShop = shop{
	"numpy 2.0.2": {"Requires-Python: >=3.9"}, "numpy 2.0.3": {"Requires-Python: >=3.9"},
	"numpy 2.2.6": {"Requires-Python: >=3.10"}, "numpy 2.2.7": {"Requires-Python: >=3.10"},
	"pandas 2.1": {"Requires-Dist: numpy>=2", "Requires-Dist: tzdata ; sys_platform == 'win32'"},
	"tomli 2.0":  {}, "tomli 2.1": {}, "tzdata 2023.1": {}, "tzdata 2024.1": {},
}

const forkFile = "[project]\nname = \"science\"\ndynamic = [\"version\"]\nrequires-python = \">=3.9\"\ndependencies = [\"pandas\", \"tomli ; python_version < '3.11'\",\n  \"numpy<2.1 ; python_version < '3.10'\", \"numpy>=2.1 ; python_version >= '3.10'\"]\n"

// Two versions of one package, each under its marker: one moves, the other stays.
func TestUVLockWithTwoVersions(t *testing.T) {
	static := strings.Replace(forkFile, "dynamic = [\"version\"]", "version = \"3\"", 1)
	p := newProject(t, forkShop, map[string]string{"pyproject.toml": static}, "numpy 2.0.3", "numpy 2.2.7", "tomli 2.1", "tzdata 2024.1")
	if n := strings.Count(string(p.files["uv.lock"]), "name = \"numpy\"\nversion"); n != 2 {
		t.Fatalf("%d versions of numpy:\n%s", n, p.files["uv.lock"])
	}
	for _, which := range []string{"static", "dynamic"} {
		if which == "dynamic" { // the version of the project, which its build backend computes
			p.files["pyproject.toml"] = []byte(forkFile)
			p.files["uv.lock"] = []byte(strings.Replace(string(p.files["uv.lock"]), "name = \"science\"\nversion = \"3\"\n", "name = \"science\"\n", 1))
		}
		for updates, want := range map[string]string{
			"tomli 2.0 2.1":                       move(forkShop, "tomli", "2.0", "2.1"),
			"tzdata 2023.1 2024.1":                move(forkShop, "tzdata", "2023.1", "2024.1"),
			"numpy 2.0.2 2.0.3":                   move(forkShop, "numpy", "2.0.2", "2.0.3"),
			"numpy 2.2.6 2.2.7":                   move(forkShop, "numpy", "2.2.6", "2.2.7"),
			"numpy 2.0.2 2.0.3,numpy 2.2.6 2.2.7": move(forkShop, "numpy", "2.0.2", "2.0.3") + move(forkShop, "numpy", "2.2.6", "2.2.7"),
		} {
			got, err := p.rewrite(strings.Split(updates, ",")...)
			for _, line := range []string{"2.0.2", "2.0.3", "2.2.6", "2.2.7"} { // edges name the version
				for _, sign := range []string{"+", "-"} {
					for _, marker := range []string{"python_full_version < '3.10'", "python_full_version >= '3.10'"} {
						got = strings.ReplaceAll(got, sign+"    { name = \"numpy\", version = \""+line+"\", source = { registry = \""+shopURL+"\" }, marker = \""+marker+"\" },\n", "")
					}
				}
			}
			if err != nil || got != want {
				t.Errorf("%s, %s: %v\n%s\nwant\n%s", which, updates, err, got, want)
			}
		}
	}
}

// A workspace is locked as a whole, its members where they are.
func TestUVLockOfAWorkspace(t *testing.T) {
	files := map[string]string{
		"pyproject.toml":               "[project]\nname = \"top\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"core\", \"click\"]\n[tool.uv.workspace]\nmembers = [\"packages/*\"]\n[tool.uv.sources]\ncore = { workspace = true }\n",
		"packages/core/pyproject.toml": "[project]\nname = \"core\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"werkzeug<3\"]\n[tool.uv]\npackage = true\n",
	}
	s := flaskShop
	p := newProject(t, s, files, "werkzeug 2.2.3", "werkzeug 2.3.8", "werkzeug 3.0.1", "click 8.1")
	for updates, want := range map[string]string{
		"werkzeug 2.2.2 2.2.3":               move(s, "werkzeug", "2.2.2", "2.2.3"),
		"click 8.0 8.1,werkzeug 2.2.2 2.3.8": move(s, "click", "8.0", "8.1") + move(s, "werkzeug", "2.2.2", "2.3.8"),
	} {
		if got, err := p.rewrite(strings.Split(updates, ",")...); err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", updates, err, got, want)
		}
	}
	delete(p.files, "packages/core/pyproject.toml")
	if _, err := p.rewrite("werkzeug 2.2.2 2.2.3"); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "packages/core/pyproject.toml is not there") {
		t.Errorf("without a member's file: %v", err)
	}
	p.files["uv.lock"] = []byte(strings.ReplaceAll(string(p.files["uv.lock"]), `"packages/core"`, `"../core"`))
	if _, err := p.rewrite("werkzeug 2.2.2 2.2.3"); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "outside of the project") {
		t.Errorf("a member outside: %v", err)
	}
}

// What no platform of the project takes is locked without any file: it stays, and keeps nothing from moving.
func TestUVLockOfWhatNobodyInstalls(t *testing.T) {
	s := shop{"click 8.0": {}, "click 8.1": {}, "torch 1.0": {"wheels cp311-cp311-win_amd64", "no sdist"}}
	files := map[string]string{"pyproject.toml": "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"click\", \"torch ; sys_platform == 'never'\"]\n"}
	p := newProject(t, s, files, "click 8.1")
	if lock := string(p.files["uv.lock"]); !strings.Contains(lock, "name = \"torch\"") || strings.Contains(lock, "torch-1.0") {
		t.Fatalf("the lock names files of what nobody installs:\n%s", lock)
	}
	if got, err := p.rewrite("click 8.0 8.1"); err != nil || got != move(s, "click", "8.0", "8.1") {
		t.Errorf("%v\n%s", err, got)
	}
}

// For another environment a lock may need more than the plan's has: what is allowed is added.
func TestUVLockAddsForOtherEnvironments(t *testing.T) {
	p := flaskApp(t)
	f := p.format()
	asked := ""
	f.Allowed = func(_ context.Context, name string) ([]string, error) {
		asked += name
		return map[string][]string{"blinker": {"1.6"}}[name], nil
	}
	out, err := Rewrite(t.Context(), p.set("werkzeug 2.2.2 2.3.8", "flask 2.2.2 2.3.2"), Formats(f))
	if err != nil || asked != "blinker" || !strings.Contains(string(out["uv.lock"]), "name = \"blinker\"\nversion = \"1.6\"\n") {
		t.Errorf("%v, asked for %s", err, asked)
	}
}

// Nothing of a project runs, and nobody is asked whom it names.
func TestUVLockOfAHostileProject(t *testing.T) {
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); http.NotFound(w, r) }))
	defer other.Close()
	p := flaskApp(t)
	clean := p.files["pyproject.toml"]
	ran := filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	if err := os.MkdirAll(evil, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"setup.py": "open(%q, 'w')", "backend.py": "open(%q, 'w')", "pyproject.toml": "[project]\nname = \"flask\"\nversion = \"9\" # %s\n"} {
		if err := os.WriteFile(filepath.Join(evil, name), fmt.Appendf(nil, text, ran), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("UV_INDEX_URL", other.URL+"/environment/simple")
	t.Setenv("UV_CONFIG_FILE", filepath.Join(evil, "uv.toml"))
	p.files["pyproject.toml"] = []byte("build-system = { requires = [\"evil @ " + other.URL + "/evil.zip\"], build-backend = \"backend\", backend-path = [\"" + evil + "\"] }\n" +
		strings.Replace(string(clean), "[tool.uv]", "[tool.uv.sources]\nflask = { path = \""+evil+"\" }\nwerkzeug = { git = \""+other.URL+"/werkzeug\" }\n\n[[tool.uv.index]]\nurl = \""+other.URL+"/one/simple\"\ndefault = true\n\n[tool.uv]\nindex-url = \""+other.URL+"/two/simple\"\nextra-index-url = [\""+other.URL+"/three\"]\nfind-links = [\""+other.URL+"/four\"]\nrequired-version = \"==0.0.1\"\ndependency-metadata = [{ name = \"flask\", requires-dist = [\"evil\"] }]", 1))
	if err := p.format().Supports(p.set(), "uv.lock"); err != nil {
		t.Error(err)
	}
	got, err := p.rewrite("werkzeug 2.2.2 2.2.3")
	if err != nil || got != move(flaskShop, "werkzeug", "2.2.2", "2.2.3") {
		t.Errorf("%v\n%s", err, got)
	}
	lock := string(p.files["uv.lock"])
	for what, tc := range map[string][3]string{
		"a dynamic project":          {strings.Replace(string(clean), "dependencies = [\"flask", "dynamic = [\"dependencies\"]\n#", 1), lock, "its dependencies are dynamic"},
		"a dependency by URL":        {strings.Replace(string(clean), "\"flask[async]>=2.2,<3\"", "\"flask @ "+other.URL+"/flask.zip\"", 1), lock, "flask is asked for by URL"},
		"a group by URL":             {strings.Replace(string(clean), "\"pytest>=7,<8\"", "\"pytest @ "+other.URL+"/p.zip\"", 1), lock, "pytest is asked for by URL"},
		"a group of another kind":    {strings.Replace(string(clean), "{include-group = \"lint\"}", "{path = \"..\"}", 1), lock, "entry of an unknown kind"},
		"conflicts of another kind":  {string(clean) + "conflicts = [[{ path = \"x\" }]]\n", lock, "tool.uv.conflicts is not as uv documents it"},
		"a project that is none":     {"[project", lock, "pyproject.toml: line 1"},
		"a lock with a git source":   {string(clean), strings.Replace(lock, "name = \"click\"\nversion = \"8.0\"\nsource = { registry = \""+shopURL+"\" }", "name = \"click\"\nversion = \"8.0\"\nsource = { git = \""+strings.Replace(other.URL, "//", "//u:s3cret@", 1)+"/click?t=s3cret#0\" }", 1), "click comes from git"},
		"a lock of another layout":   {string(clean), strings.Replace(lock, "source = { registry = \""+shopURL+"\" }", "source = {registry=\""+other.URL+"/simple\"}", 1), "is not laid out as uv writes it"},
		"a lock with other files":    {string(clean), strings.Replace(lock, "wheels = [\n    { url = \"", "wheels = [\n    { url=\""+other.URL+"/x", 1), "is not laid out as uv writes it"},
		"a lock with a folder":       {string(clean), strings.Replace(lock, "{ registry = \""+shopURL+"\" }", "{ registry = \"../wheels\" }", 1), "comes from a folder of files"},
		"a lock that is none":        {string(clean), "version = 9", "it is of version 9"},
		"a lock that is out of date": {strings.Replace(string(clean), "\"pytest>=7,<8\"", "\"pytest>=7,<9\"", 1), lock, "even without the updates: run uv lock first"},
	} {
		if tc[0] == string(clean) && tc[1] == lock {
			t.Errorf("%s: is none", what)
		}
		p.files["pyproject.toml"], p.files["uv.lock"] = []byte(tc[0]), []byte(tc[1])
		if err := p.format().Supports(p.set(), "uv.lock"); what != "a lock that is out of date" && (err == nil || !strings.Contains(err.Error(), tc[2])) {
			t.Errorf("%s: told before: %v", what, err)
		}
		got, err := p.rewrite("werkzeug 2.2.2 2.2.3")
		if err == nil || !strings.Contains(err.Error(), tc[2]) || strings.Contains(err.Error(), "s3cret") || !errors.Is(err, ErrUnsupported) && !strings.HasSuffix(what, "that is none") {
			t.Errorf("%s: %v, want %q\n%s", what, err, tc[2], got)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("another server was asked %d times", n)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("something of it ran")
	}
}

// Without uv, or with an index that fails, nothing is written.
func TestUVLockWithoutHelp(t *testing.T) {
	p := flaskApp(t)
	p.tool = func(context.Context) (*uv.Tool, error) { return nil, uv.ErrMissing }
	if _, err := p.rewrite("werkzeug 2.2.2 2.2.3"); !errors.Is(err, uv.ErrMissing) {
		t.Errorf("%v", err)
	}
	p.tool = realUV(t)
	f := p.format()
	for what, ix := range map[string]index.Source{"page": broken{shop: p.shop, page: true}, "metadata": broken{shop: p.shop}} {
		f.Index = ix
		out, err := Rewrite(t.Context(), p.set("werkzeug 2.2.2 2.2.3"), Formats(f))
		if !errors.Is(err, index.ErrUnreachable) || len(out) > 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// broken is an index that fails.
type broken struct {
	shop
	page bool
}

func (b broken) Project(ctx context.Context, name string) (*index.Project, error) {
	if b.page {
		return nil, index.ErrUnreachable
	}
	return b.shop.Project(ctx, name)
}

func (b broken) Metadata(context.Context, *index.Project, index.File) ([]byte, error) {
	return nil, index.ErrUnreachable
}

// What a scan says of a project is what writing its lock reads.
func TestUVLockTouchesTheProject(t *testing.T) {
	inv := &inventory.Inventory{
		Sources:  []inventory.Source{{Path: "a/uv.lock", Kind: uvLockKind}, {Path: "b/requirements.txt", Kind: "requirements"}},
		Packages: []inventory.Package{{Package: "flask", Version: "2.2.2", Source: "a/uv.lock", Scope: "repository:a/uv.lock"}, {Package: "flask", Version: "2.2.2", Source: "b/requirements.txt", Scope: "repository:b/requirements.txt"}},
		Files:    []inventory.File{{Path: "a/pyproject.toml", Kind: pyprojectKind, Scopes: []string{"repository:a/uv.lock"}}, {Path: "a/uv.lock"}, {Path: "b/pyproject.toml", Kind: pyprojectKind, Scopes: []string{"repository:b/requirements.txt"}}, {Path: "b/requirements.txt"}},
	}
	var got []string
	for _, f := range Touched(inv, []report.Update{{Package: "flask", From: "2.2.2", To: "2.2.5", Source: "a/uv.lock"}}) {
		got = append(got, f.Path)
	}
	if strings.Join(got, " ") != "a/pyproject.toml a/uv.lock" {
		t.Errorf("%v", got)
	}
	// A requirements file that a pyproject.toml bounds needs no uv, and the pyproject.toml is not written.
	s := Set{Files: map[string][]byte{"b/pyproject.toml": []byte("[project]\nname='b'\ndependencies=['flask']\n"), "b/requirements.txt": []byte("flask==2.2.2\n")}, Inventory: inv,
		Updates: []report.Update{{Package: "flask", From: "2.2.2", To: "2.2.5", Source: "b/requirements.txt"}}}
	out, err := Rewrite(t.Context(), s, Formats(UVLock{}))
	if err != nil || len(out) != 1 || string(out["b/requirements.txt"]) != "flask==2.2.5\n" {
		t.Errorf("%q %v", out, err)
	}
	s.Updates = []report.Update{{Package: "flask", From: "2.2.2", To: "2.2.5", Source: "b/pyproject.toml"}}
	if _, err := Rewrite(t.Context(), s, Formats(UVLock{})); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// A release whose needs only a build would tell stays where it is: nothing is built, so it can't be moved to.
func TestUVLockBuildsNothing(t *testing.T) {
	p := newProject(t, flaskShop, map[string]string{"pyproject.toml": "[project]\nname = \"a\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"old-and-slow\", \"click\"]\n"}, "old-and-slow 1.1", "click 8.1")
	if got, err := p.rewrite("click 8.0 8.1"); err != nil || got != move(flaskShop, "click", "8.0", "8.1") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := p.rewrite("old-and-slow 1.0 1.1"); err == nil || !strings.Contains(err.Error(), "what old_and_slow-1.1.tar.gz needs is known only once it is built") {
		t.Errorf("%v", err)
	}
}
