package test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the top of the checkout.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.work above the test: run it in the checkout")
		}
	}
}

// tracked lists the files of the checkout: what git knows, and what it would take. Without git (a source
// archive) it is every file outside the folders .gitignore names.
func tracked(t *testing.T) []string {
	t.Helper()
	top := root(t)
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = top
	out, err := cmd.Output()
	if err != nil {
		return walked(t, top)
	}
	var files []string
	for f := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if fi, err := os.Lstat(filepath.Join(top, f)); err == nil && fi.Mode().IsRegular() {
			files = append(files, f)
		}
	}
	return files
}

func walked(t *testing.T, top string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		switch rel {
		case ".git", "bin", "out", ".cache":
			return filepath.SkipDir
		}
		if d.Type().IsRegular() {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestSources holds every Go file to the rules of source.go.
func TestSources(t *testing.T) {
	top, docs := root(t), packageDocs{}
	for _, f := range tracked(t) {
		if !strings.HasSuffix(f, ".go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(top, f))
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue // removed while we looked
			}
			t.Fatal(err)
		}
		for _, p := range checkSource(f, data, docs) {
			t.Error(p)
		}
	}
	for _, p := range docs.missing() {
		t.Error(p)
	}
}

// TestImports holds every import of one of our packages to the table of layers.
func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "work")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list work: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		for _, problem := range checkImports(p.ImportPath, p.Imports, false) {
			t.Error(problem)
		}
		for _, problem := range checkImports(p.ImportPath, append(p.TestImports, p.XTestImports...), true) {
			t.Error(problem)
		}
	}
}

// TestModules: no replace in a go.mod, for it would make "go install …@version" refuse, and every module of
// ours that belongs to the build is in go.work.
func TestModules(t *testing.T) {
	top := root(t)
	work, err := os.ReadFile(filepath.Join(top, "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tracked(t) {
		if filepath.Base(f) != "go.mod" || strings.Contains(f, "testdata/") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(top, f))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range checkModule(f, data, work) {
			t.Error(p)
		}
	}
}

// TestPaths: nothing committed names a place on somebody's machine.
func TestPaths(t *testing.T) {
	top := root(t)
	for _, f := range tracked(t) {
		data, err := os.ReadFile(filepath.Join(top, f))
		if err != nil {
			continue
		}
		for _, p := range checkPaths(f, data) {
			t.Error(p)
		}
	}
}
