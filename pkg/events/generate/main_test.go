package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNoDrift fails when the catalogue or a comment changed and the generated files did not.
func TestNoDrift(t *testing.T) {
	var out bytes.Buffer
	if err := run(true, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}

// TestWritesOnlyWhatDrifted works on a copy of the sources: it changes, loses and adds a file.
func TestWritesOnlyWhatDrifted(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	for _, dir := range []string{eventsDir, schemasDir} {
		if err := os.CopyFS(filepath.Join(copied, dir), onlyFiles{os.DirFS(filepath.Join(root, dir))}); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(copied, eventsDir)) // found from below, too
	stray := filepath.Join(copied, schemasDir, "ghost.seen.v1.json")
	lost := filepath.Join(copied, schemasDir, "scan.completed.v1.json")
	if err := os.WriteFile(stray, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = run(true, &out)
	if err == nil || !strings.Contains(err.Error(), "3 generated files differ") || !strings.Contains(err.Error(), "go run ./pkg/events/generate") {
		t.Errorf("check says %v", err)
	}
	if got := out.String(); got != "docs/events.md\npkg/events/schemas/scan.completed.v1.json\npkg/events/schemas/ghost.seen.v1.json\n" {
		t.Errorf("check lists %q", got)
	}
	if _, err := os.Stat(lost); err == nil {
		t.Error("-check wrote a file")
	}
	if err := run(false, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stray); err == nil {
		t.Error("a schema without an event stayed")
	}
	if err := run(true, &out); err != nil {
		t.Errorf("after writing: %v", err)
	}
}

func TestOutsideTheRepository(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := run(true, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "inside the repository") {
		t.Errorf("got %v", err)
	}
}

// onlyFiles hides directories, so that a copy is of one level.
type onlyFiles struct{ fs.FS }

func (f onlyFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, fs.DirEntry.IsDir), err
}

// TestEveryMemberIsExplained: docs/events.md has no empty meaning.
func TestEveryMemberIsExplained(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readComments(filepath.Join(root, eventsDir))
	if err != nil {
		t.Fatal(err)
	}
	text, err := markdown(doc)
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
		}
		if strings.HasSuffix(line, "|  |\n") {
			t.Errorf("%s: a member without a comment beside it: %s", section, line)
		}
	}
}
