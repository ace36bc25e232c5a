// Command generate writes what follows from the catalogue: docs/events.md and the JSON Schemas of all
// payloads. Run it from anywhere in the repository:
//
//	go run ./pkg/events/generate          write
//	go run ./pkg/events/generate -check   only report what has drifted; exit status 1 if anything has
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

func main() {
	check := flag.Bool("check", false, "write nothing; list files that differ from the catalogue")
	flag.Parse()
	if err := run(*check, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// Paths below the repository's root.
const (
	eventsDir  = "pkg/events"
	schemasDir = "pkg/events/schemas"
	docsFile   = "docs/events.md"
)

func run(check bool, out io.Writer) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	want, err := render(root)
	if err != nil {
		return err
	}
	drifted, err := drift(root, want)
	if err != nil {
		return err
	}
	if check {
		for _, name := range drifted {
			fmt.Fprintln(out, name)
		}
		if len(drifted) > 0 {
			return fmt.Errorf("%d generated files differ from the catalogue; run: go run ./pkg/events/generate", len(drifted))
		}
		return nil
	}
	for _, name := range drifted {
		file := filepath.Join(root, filepath.FromSlash(name))
		data, ok := want[name]
		if !ok {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("remove a schema that has no event: %w", err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", name)
	}
	return nil
}

// findRoot walks up to the directory that holds the catalogue.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(eventsDir), "catalog.go")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no directory above this one holds pkg/events/catalog.go; run it inside the repository")
		}
		dir = parent
	}
}

// render makes every generated file, by its path below root.
func render(root string) (map[string][]byte, error) {
	doc, err := readComments(filepath.Join(root, filepath.FromSlash(eventsDir)))
	if err != nil {
		return nil, err
	}
	files, err := schemas(doc)
	if err != nil {
		return nil, err
	}
	files[docsFile], err = markdown(doc)
	return files, err
}

// drift lists, sorted, the files of want that differ below root, and schemas there that want lacks.
func drift(root string, want map[string][]byte) ([]string, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || !bytes.Equal(have, want[name]) {
			names = append(names, name)
		}
	}
	present, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(schemasDir)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range present {
		if name := path.Join(schemasDir, f.Name()); want[name] == nil {
			names = append(names, name)
		}
	}
	return names, nil
}
