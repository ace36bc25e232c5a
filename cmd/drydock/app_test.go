package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestAppAddAtOnce: many that add at the same time lose nothing, and leave nothing behind.
func TestAppAddAtOnce(t *testing.T) {
	const many = 20
	dir := t.TempDir()
	file := filepath.Join(dir, "applications.yaml")
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := errors.Join(os.WriteFile(file, []byte("# mine\napplications: {}\n"), 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range many {
		wait.Go(func() {
			var out bytes.Buffer
			name := []string{file, link}[i%2]
			m := &Main{Args: []string{"app", "add", fmt.Sprintf("app-%d", i), "--repository", "/srv/x", "--applications", name}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &out}
			if code := m.Run(context.Background()); code != 0 {
				t.Errorf("exit %d: %s", code, out.String())
			}
		})
	}
	wait.Wait()
	set, err := application.Load(file)
	if err != nil || len(set.Names()) != many {
		t.Fatalf("%v, %v", set, err)
	}
	entries, err := os.ReadDir(dir)
	info, statErr := os.Lstat(link)
	if err != nil || statErr != nil || len(entries) != 1 || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("left behind: %v, %v, %v", entries, err, statErr)
	}
	if data, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(data), "# mine\n") {
		t.Errorf("%v\n%s", err, data)
	}
	if kept, err := os.Stat(file); err != nil || kept.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the file is another: %v, %v", kept.Mode(), err)
	}
}

// TestAppAddInterrupted: Ctrl-C while somebody else writes, and while the change is being made, leaves the
// file as it was and nothing beside it.
func TestAppAddInterrupted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "applications.yaml")
	const text = "applications: {}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	whole := func(when string) {
		t.Helper()
		data, err := os.ReadFile(file)
		entries, _ := os.ReadDir(dir)
		if err != nil || string(data) != text || len(entries) != 1 {
			t.Errorf("%s: %q, %v, %v", when, data, entries, err)
		}
	}
	unlock, err := lockFolder(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	m := &Main{Args: []string{"app", "add", "a", "--repository", "/srv/a", "--applications", file}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Signals: signals}
	if code := m.Run(context.Background()); code != report.ExitInterrupted {
		t.Errorf("exit %d, want 130", code)
	}
	whole("while another has the lock")
	unlock()
	ctx, cancel := context.WithCancelCause(context.Background())
	err = changeFile(ctx, file, func([]byte) ([]byte, error) {
		cancel(interrupted{syscall.SIGINT})
		return []byte("applications: {a: {repository: /srv/a}}\n"), nil
	})
	if by := (interrupted{}); !errors.As(err, &by) {
		t.Errorf("interrupted between reading and writing: %v", err)
	}
	whole("between reading and writing")
	if err := changeFile(context.Background(), file, func([]byte) ([]byte, error) { return nil, errors.New("no") }); exitCode(err) != report.ExitUsage {
		t.Errorf("a change that fails: %v", err)
	}
	whole("after a change that fails")
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }()
	if os.Geteuid() != 0 { // whom no mode stops
		if err := changeFile(context.Background(), file, func(b []byte) ([]byte, error) { return b, nil }); exitCode(err) != report.ExitEnvironment {
			t.Errorf("a folder that can't be written: %v", err)
		}
	}
	whole("in a folder that can't be written")
}

func TestOfRepository(t *testing.T) {
	for _, tc := range []struct {
		file, text string
		want       bool
	}{
		{"a/.drydock.yaml", "applications: {}", true}, {"a/applications.yaml", "checks: {}", false}, {"x.yaml", "checks: {}", true}, {"x.yaml", "# a\nmanifests: [a]", true},
		{"x.yaml", "applications:\n  a: {}\n", false}, {"x.yaml", "", false}, {"x.yaml", "schema: drydock.repository/v1\n", true}, {"x.yaml", "applications: {}\nchecks: {}", false},
	} {
		if got := ofRepository(tc.file, []byte(tc.text)); got != tc.want {
			t.Errorf("%s %q: %v", tc.file, tc.text, got)
		}
	}
}
