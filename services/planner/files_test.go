package planner

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

func (w *world) inventory() *inventory.Inventory {
	w.t.Helper()
	data, err := w.store.Get(w.t.Context(), evidence.Digest(w.state.Plan.Inventory))
	if err != nil {
		w.t.Fatal(err)
	}
	inv := &inventory.Inventory{}
	if err := json.Unmarshal(data, inv); err != nil {
		w.t.Fatal(err)
	}
	return inv
}

func (w *world) write(dir string) []string {
	w.t.Helper()
	files, err := WriteFiles(w.t.Context(), dir, w.document(), w.inventory(), w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

func text(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// lines drops comments and empty lines.
func lines(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "|")
}

func TestWriteFiles(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(map[string]string{"requirements.txt": "flask[async]==2.2.2\nPyJWT==2.3.0\nlib==1.0\nother>=1,<2\nold==1 ; python_version < '3'\n", "tools/requirements-dev.txt": "pytest==8.0\nflask==2.2.2\nlib==0.9\n"}))
	dir := filepath.Join(t.TempDir(), "new", "out")
	files := w.write(dir)
	want := []string{"deployment_plan_20261122_080000.json", "plan.md", "requirements_critical_20261122_080000.txt",
		"requirements_high_priority_20261122_080000.txt", "requirements_updated.txt", "updated/requirements.txt", "updated/tools/requirements-dev.txt"}
	if !slices.Equal(files, want) {
		t.Fatalf("files %v", files)
	}
	for name, want := range map[string]string{
		want[2]: "flask[async]==2.2.2|pyjwt==2.4.0|lib==1.0|other>=1,<2|old==1 ; python_version < '3'|pytest==8.0",
		want[3]: "flask[async]==2.2.5|pyjwt==2.4.0|lib==1.0|other>=1,<2|old==1 ; python_version < '3'|pytest==8.0",
		want[4]: "flask[async]==2.2.5|pyjwt==2.4.0|lib==1.1|other>=1,<2|old==1 ; python_version < '3'|pytest==8.0",
	} {
		if got := text(t, dir, name); lines(got) != want {
			t.Errorf("%s:\n%s\nwant %s", name, got, want)
		}
	}
	if got := text(t, dir, "updated", "requirements.txt"); got != "flask[async]==2.2.5\nPyJWT==2.4.0\nlib==1.1\nother>=1,<2\nold==1 ; python_version < '3'\n" {
		t.Errorf("written back:\n%s", got)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(text(t, dir, want[0])), &doc); err != nil {
		t.Fatal(err)
	}
	// What the customer's scripts read (seeds: "Example Output").
	if doc["analysis_mode"] != "read_only_safe" || doc["vulnerability_count"] != 5.0 || doc["timestamp"] != "2026-11-22T08:00:00Z" {
		t.Errorf("%v %v %v", doc["analysis_mode"], doc["vulnerability_count"], doc["timestamp"])
	}
	first := doc["deployment_phases"].([]any)[0].(map[string]any)
	if first["phase"] != "emergency" || first["timeline"] != "immediate" || first["deployment_method"] != "emergency_cicd_pipeline" || first["packages"].([]any)[0] != "pyjwt" {
		t.Errorf("%v", first)
	}
	never := doc["cicd_recommendations"].(map[string]any)["never_do"].([]any)
	if never[0] != "NEVER run pip install --upgrade on live production" || never[1] != "NEVER update packages directly on running application" {
		t.Errorf("%v", never)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".drydock-[0-9]*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpdatedHoldsOnlyWhatChanges(t *testing.T) {
	w := paymentsWorld(t, Config{})
	dir := t.TempDir()
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.2\n", "more/requirements.txt": "lib==1.0\n", "same/requirements.txt": "ok==1\n"}))
	w.write(dir)
	if err := os.WriteFile(filepath.Join(dir, "updated", "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "updated", "same")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file that does not change was written")
	}
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.2\n", "more/requirements.txt": "lib==1.1\n"}))
	w.write(dir)
	if _, err := os.Stat(filepath.Join(dir, "updated", "more")); !errors.Is(err, os.ErrNotExist) {
		t.Error("what an earlier plan changed and this one does not is still there")
	}
	if text(t, dir, "updated", "notes.txt") != "mine" {
		t.Error("somebody's file was touched")
	}
	clean := t.TempDir()
	w.plan(w.scan(map[string]string{"requirements.txt": "flask==2.2.5\n"}))
	if files := w.write(clean); !slices.Equal(files, []string{"deployment_plan_20261122_080000.json", "plan.md", "requirements_updated.txt"}) {
		t.Errorf("nothing changes: %v", files)
	}
	if _, err := os.Stat(filepath.Join(clean, "updated")); !errors.Is(err, os.ErrNotExist) {
		t.Error("updated/ is there although nothing changes")
	}
}

func TestNothingHalfWritten(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	check := func(name, dir, says string, before []string) {
		t.Helper()
		_, err := WriteFiles(t.Context(), dir, w.document(), w.inventory(), w.store)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
		var after []string
		_ = filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error { after = append(after, p); return err })
		if len(after) != len(before)+1 {
			t.Errorf("%s: left behind %v", name, after)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("a file in the place of the directory", file, "make the directory: not a directory", nil)
	taken := t.TempDir()
	if err := os.Mkdir(filepath.Join(taken, "requirements_updated.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	check("a directory in the place of a file", taken, "requirements_updated.txt: a directory is in its place", []string{"requirements_updated.txt"})
	if os.Getuid() != 0 { // root writes everywhere
		ro := t.TempDir()
		if err := os.Chmod(ro, 0o500); err != nil {
			t.Fatal(err)
		}
		check("read-only", ro, "permission denied", nil)
	}
	if dir := readOnly(t); dir != "" {
		check("a read-only file system", dir, "read-only file system", nil)
	}
	if dir := fullDisk(t); dir != "" {
		check("a full disk", dir, "no space left on device", nil)
	}
}

func TestManifestThatCannotBeWrittenBack(t *testing.T) {
	w := paymentsWorld(t, Config{})
	w.plan(w.scan(paymentsFiles))
	p, dir := w.document(), t.TempDir()
	for name, tc := range map[string]struct {
		change func(*inventory.Inventory)
		says   string
	}{
		"evidence lost":  {func(inv *inventory.Inventory) { inv.Files[0].Digest = evidence.Of([]byte("lost")) }, "write requirements.txt back: read what it was: evidence not found"},
		"another text":   {func(inv *inventory.Inventory) { inv.Files[0].Digest = evidence.Digest(w.put([]byte("nothing\n"))) }, "write requirements.txt back: no pin "},
		"path leads out": {func(inv *inventory.Inventory) { inv.Files[0].Path = "../../etc/x" }, "leads out of the application"},
	} {
		inv := w.inventory()
		tc.change(inv)
		if _, err := WriteFiles(t.Context(), dir, p, inv, w.store); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("something was written: %v", entries)
	}
}

func TestHashedApplication(t *testing.T) {
	hash := func(s string) string { return "--hash=sha256:" + sum(s) }
	old := "# by pip-compile\r\nlib[x]==1.0 ; python_version >= \"3.8\" \\\r\n    " + hash("old") + " \\\r\n    " + hash("older") + "\r\n    # via -r requirements.in\r\nother==1 \\\r\n    " + hash("other") + "\r\n"
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.2 low"}}, map[string][]string{"lib": {"1.2 unhashed", "1.3"}})
	w.plan(w.scan(map[string]string{"requirements.txt": old}))
	p := w.document()
	if got := moves(p); got != "regular lib 1.0>1.3" || len(p.Phases[0].Updates[0].Hashes) != 2 || !strings.Contains(p.Phases[0].Updates[0].Reason, "lib 1.2 is without sha256 on the index") {
		t.Fatalf("%s %+v", got, p.Phases[0].Updates)
	}
	dir := t.TempDir()
	w.write(dir)
	got := text(t, dir, "updated", "requirements.txt")
	for _, want := range []string{"# by pip-compile\r\nlib[x]==1.3 ; python_version >= \"3.8\" \\\r\n    --hash", hash("lib1.3"), hash("wheel lib1.3"), "\r\n    # via -r requirements.in\r\nother==1 \\\r\n    " + hash("other") + "\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, sum("old")) || strings.Contains(got, sum("older")) || strings.Count(got, "\r\n") != strings.Count(got, "\n") {
		t.Errorf("an old hash stayed, or a line end changed:\n%q", got)
	}
	all := text(t, dir, "requirements_updated.txt")
	if !strings.Contains(all, "--require-hashes") || strings.Count(all, "--hash=") != 3 || strings.Contains(all, sum("old")) {
		t.Errorf("requirements_updated.txt:\n%s", all)
	}
}

// What runs in production may be older than what the repository asks for: only the latter is installed next.
func TestRequirementsAreOfTheRepository(t *testing.T) {
	inv := &inventory.Inventory{Packages: []inventory.Package{
		{Package: "werkzeug", Ecosystem: pypi, Version: "2.2.2", Pin: inventory.Exact, Source: "site-packages", Scope: "environment:production"},
	}}
	p := &report.Plan{Application: "x", Resolution: "per-package"}
	if got := lines(string(requirements(p, inv, "Requirements", anyPhase))); got != "werkzeug==2.2.2" {
		t.Errorf("an environment alone: %s", got)
	}
	inv.Packages = append(inv.Packages, inventory.Package{Package: "flask", Ecosystem: pypi, Version: "3.1.0", Pin: inventory.Exact, Source: "requirements.txt", Scope: "repository:requirements.txt"})
	if got := lines(string(requirements(p, inv, "Requirements", anyPhase))); got != "flask==3.1.0" {
		t.Errorf("beside a repository: %s", got)
	}
}

func TestRequirementsOfOddSources(t *testing.T) {
	inv := &inventory.Inventory{}
	add := func(p inventory.Package) {
		p.Ecosystem, p.Scope = pypi, "repository:"+p.Source
		inv.Packages = append(inv.Packages, p)
	}
	add(inventory.Package{Package: "a", Version: "1", Pin: inventory.Exact, Source: "dev-requirements.txt", Dev: true})
	add(inventory.Package{Package: "a", Version: "2", Pin: inventory.Exact, Source: "requirements.txt"})
	add(inventory.Package{Package: "b", Pin: inventory.None, Source: "requirements.txt", Reference: "https://host/b.whl"})
	add(inventory.Package{Reference: "./lib", Pin: inventory.None, Source: "requirements.txt"})
	add(inventory.Package{Package: "c", Version: "1.dev", Specifier: "===1.dev", Pin: inventory.Exact, Source: "requirements.txt", Extras: []string{"x", "y"}})
	add(inventory.Package{Package: "d", Version: "1", Pin: inventory.Exact, Source: "locked.txt", Hashes: []string{"sha256:aa"}})
	inv.Sources = []inventory.Source{{Path: "requirements.txt", Kind: "requirements"}}
	inv.Files = []inventory.File{{Path: "requirements.txt"}, {Path: "more.txt"}, {Path: "pins.txt"}}
	inv.Incomplete = []inventory.Incomplete{
		{Reason: inventory.NotCovered, Source: "requirements.txt", Line: 7, Ecosystem: pypi, Detail: "https://host/c.zip is not matched"},
		{Reason: inventory.Unparsed, Source: "requirements.txt", Line: 9, Ecosystem: pypi, Detail: "want a version"},
		{Reason: inventory.Unreadable, Source: "more.txt", Detail: "no such file"},
		{Reason: inventory.RangedPin, Source: "requirements.txt", Line: 8, Detail: "stands below"},
		{Reason: inventory.NotCovered, Source: "go.mod", Ecosystem: "Go", Detail: "nothing of Python"},
	}
	got := string(requirements(&report.Plan{Application: "x", Resolution: "per-package"}, inv, "Requirements", anyPhase))
	want := "a==2|b @ https://host/b.whl|c[x,y]===1.dev|d==1"
	if lines(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, says := range []string{"# left out: a==1 of dev-requirements.txt, another stands above", "# left out: ./lib, a path", "# Written without the hashes of locked.txt: other sources have none", "no updates",
		"# left out: requirements.txt:7 (not_covered): https://host/c.zip", "# left out: requirements.txt:9 (unparsed): want", "# left out: more.txt (unreadable): no such file",
		"install with -c pins.txt, or"} {
		if !strings.Contains(got, says) {
			t.Errorf("no %q in\n%s", says, got)
		}
	}
	if strings.Contains(got, "--hash") || strings.Contains(got, "--require-hashes") || strings.Contains(got, "-c requirements.txt") || strings.Contains(got, "-c more.txt") || strings.Contains(got, "stands below") || strings.Contains(got, "nothing of Python") {
		t.Errorf("told without reason:\n%s", got)
	}
}
