package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/drydock-dev/drydock/scripts/plannerbench/world"
)

// frozenAt is the moment all situations play at that do not say otherwise.
const frozenAt = "2024-11-15T09:00:00Z"

// situation is one folder: situation.yaml, the application in app/, records of our own beside it.
type situation struct {
	name, dir string

	Title string    `yaml:"title"`
	Ours  string    `yaml:"ours"` // what is not nature's: releases, records; empty: nothing
	Now   time.Time `yaml:"now"`
	// Files are what is installed and given to pip-audit, each with -r.
	Files  []string `yaml:"files"`
	Hashed bool     `yaml:"hashed"` // install with --require-hashes
	Lock   bool     `yaml:"lock"`   // a project with uv.lock; Files is empty
	Alone  string   `yaml:"alone"`  // why the other planner is not asked

	Advisories []string        `yaml:"advisories"` // OSV records, relative to the folder
	Releases   []world.Release `yaml:"releases"`
	Yanks      []world.Yank    `yaml:"yanks"`

	Expect struct {
		// Changes are the pins Drydock is to change: name → version, "-" for one to go.
		Changes map[string]string `yaml:"changes"`
		// Leaves are the vulnerabilities it is to leave, with the outcome it is to give.
		Leaves map[string]string `yaml:"leaves"`
		// Broken: the application can't be installed as it is, nor does anybody mend it.
		Broken bool `yaml:"broken"`
	} `yaml:"expect"`
}

func readSituations(dir string, only []string) ([]*situation, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the situations: %w", err)
	}
	var out []*situation
	for _, e := range entries {
		if !e.IsDir() || !wanted(e.Name(), only) {
			continue
		}
		s, err := readSituation(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no situation in %s goes by %s", dir, strings.Join(only, ", "))
	}
	return out, nil
}

func wanted(name string, only []string) bool {
	for _, o := range only {
		if strings.Contains(name, o) {
			return true
		}
	}
	return len(only) == 0
}

func readSituation(dir string) (*situation, error) {
	s := &situation{name: filepath.Base(dir), dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, "situation.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read a situation: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(data, s, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	if s.Now.IsZero() {
		if s.Now, err = time.Parse(time.RFC3339, frozenAt); err != nil {
			return nil, err
		}
	}
	for i, a := range s.Advisories {
		s.Advisories[i] = filepath.Join(dir, a)
	}
	if s.Title == "" || len(s.Files) == 0 && !s.Lock {
		return nil, fmt.Errorf("read %s: it needs a title, and files or lock", s.name)
	}
	return s, nil
}

// copyApp copies the application to a new folder; {{root}} in its files becomes the address of the scene.
func (s *situation) copyApp(to, root string) error {
	from := filepath.Join(s.dir, "app")
	return filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), []byte(strings.ReplaceAll(string(data), "{{root}}", root)), 0o644)
	})
}

// overlay copies the files beneath from over those beneath to.
func overlay(from, to string) error {
	err := filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755), os.WriteFile(filepath.Join(to, rel), data, 0o644))
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
