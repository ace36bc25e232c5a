package test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

// opinion is what two engines say of one package, and who says it alone.
type opinion struct{ pkg, version, id, only string }

// TestSecondOpinion holds our matching against google/osv-scanner on the demo application and a dozen
// files. Each difference needs an explanation that is checked on the advisory itself.
func TestSecondOpinion(t *testing.T) {
	osv := osvScanner(t)
	drydock := binary(t)
	demo := t.TempDir()
	if err := frozen.Pack(filepath.Join(root(t), "deploy/demo/advisories"), filepath.Join(demo, "PyPI", "all.zip")); err != nil {
		t.Fatal(err)
	}
	t.Run("demo", func(t *testing.T) {
		compare(t, drydock, osv, demo, filepath.Join(root(t), "deploy/demo/requirements.txt"))
	})
	db := advisories(t)
	compareOn := func(name, file string) {
		t.Run(name, func(t *testing.T) { compare(t, drydock, osv, db, file) })
	}
	compareOn("demo on a whole database", filepath.Join(root(t), "deploy/demo/requirements.txt"))
	files, err := filepath.Glob("testdata/opinion/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files to compare on, want a dozen (%v)", len(files), err)
	}
	for _, f := range files {
		compareOn(strings.TrimSuffix(filepath.Base(f), ".txt"), f)
	}
}

// advisories is the frozen OSV database beside the project, or the test is skipped.
func advisories(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(root(t), "..", "shared", "advisories")
	if _, err := os.Stat(filepath.Join(dir, "osv-scalibr", "PyPI", "all.zip")); err != nil {
		t.Skip("the frozen OSV database (../shared/advisories) is not beside the project")
	}
	return dir
}

// osvScanner is the program to compare with, or the test is skipped.
func osvScanner(t testing.TB) string {
	t.Helper()
	path := os.Getenv("DRYDOCK_OSV_SCANNER")
	if path == "" {
		path = filepath.Join(root(t), "bin", "drydock-osv-scanner")
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("drydock-osv-scanner is not built: make osv-scanner builds it (2.5 minutes and 1 GB the first time), make e2e does both")
	}
	return path
}

func compare(t *testing.T, drydock, osv, db, file string) {
	t.Helper()
	ours, packages := askOurs(t, drydock, db, file)
	theirs := askTheirs(t, osv, db, packages)
	if len(packages) == 0 {
		t.Fatalf("nothing is pinned in %s", file)
	}
	records := readRecords(t, db)
	differences := 0
	for _, o := range differ(ours, theirs) {
		differences++
		if why := explain(o, records); why == "" {
			t.Errorf("%s %s: %s says %s alone, and no explanation holds", o.pkg, o.version, o.only, o.id)
		} else {
			t.Logf("%s %s: %s says %s alone: %s", o.pkg, o.version, o.only, o.id, why)
		}
	}
	t.Logf("%d packages, %d differences", len(packages), differences)
}

// verdicts are by package and version: groups of ids that name one vulnerability.
type verdicts map[[2]string][][]string

type pinned struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Ecosystem string `json:"ecosystem"`
}

func askOurs(t *testing.T, drydock, db, file string) (verdicts, []pinned) {
	t.Helper()
	cmd := exec.Command(drydock, "scan", file, "--db", db, "--packages", "--format", "json", "--quiet")
	cmd.Env = cleanEnv(t)
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 2 {
		t.Fatalf("drydock scan %s: exit %d, %v", file, code, err)
	}
	var doc struct {
		Findings []struct {
			Package, Version string
			IDs              []string
		}
		Packages []struct{ Package, Version, Ecosystem, Pin string }
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("read our answer: %v", err)
	}
	v, packages := verdicts{}, []pinned(nil)
	for _, p := range doc.Packages {
		if k := [2]string{p.Package, p.Version}; p.Pin == "exact" && v[k] == nil {
			v[k] = [][]string{}
			packages = append(packages, pinned{p.Package, p.Version, p.Ecosystem})
		}
	}
	for _, f := range doc.Findings {
		k := [2]string{f.Package, f.Version}
		v[k] = append(v[k], f.IDs)
	}
	return v, packages
}

func askTheirs(t *testing.T, osv, db string, packages []pinned) verdicts {
	t.Helper()
	question, err := json.Marshal(map[string]any{"db": db, "packages": packages})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(osv)
	cmd.Stdin = bytes.NewReader(question)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("drydock-osv-scanner: %v: %s", err, out)
	}
	var doc struct {
		Results []struct {
			pinned
			IDs []string
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("read their answer: %v", err)
	}
	v := verdicts{}
	for _, r := range doc.Results {
		k := [2]string{r.Name, r.Version}
		for _, id := range r.IDs {
			v[k] = append(v[k], []string{id})
		}
	}
	return v
}

// differ lists what one of them says alone: a group of ours none of whose ids they name, an id of theirs in
// no group of ours.
func differ(ours, theirs verdicts) []opinion {
	var out []opinion
	alone := func(a, b verdicts, who string) {
		for k, groups := range a {
			all := slices.Concat(b[k]...)
			for _, g := range groups {
				if !slices.ContainsFunc(g, func(id string) bool { return slices.Contains(all, id) }) {
					out = append(out, opinion{k[0], k[1], strings.Join(g, " "), who})
				}
			}
		}
	}
	alone(ours, theirs, "drydock")
	alone(theirs, ours, "osv-scanner")
	slices.SortFunc(out, func(a, b opinion) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

// record is what an explanation looks at.
type record struct {
	ID       string
	Aliases  []string
	Affected []struct {
		Package  struct{ Name, Ecosystem string }
		Versions []string
		Ranges   []struct {
			Type   string
			Events []map[string]string
		}
	}
}

func readRecords(t *testing.T, db string) map[string]record {
	t.Helper()
	path := filepath.Join(db, "osv-scalibr", "PyPI", "all.zip")
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(db, "PyPI", "all.zip")
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	records := map[string]record{}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var rec record
		if err := json.Unmarshal(data, &rec); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		records[rec.ID] = rec
	}
	return records
}

// explain names the reason of a difference if it holds for the advisory, else "".
func explain(o opinion, records map[string]record) string {
	for id := range strings.FieldsSeq(o.id) {
		rec, ok := records[id]
		if !ok {
			continue
		}
		for _, a := range rec.Affected {
			if o.only == "drydock" && len(a.Ranges) > 0 && a.Ranges[0].Type == "GIT" && !slices.Contains(a.Versions, o.version) {
				return "its first range is of type GIT, after which osv-scanner looks at no version range"
			}
			if o.only == "drydock" && a.Package.Name != o.pkg && normalized(a.Package.Name) == o.pkg {
				return "it spells the package " + a.Package.Name + ", which osv-scanner does not normalise"
			}
		}
	}
	return ""
}

func normalized(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
}
