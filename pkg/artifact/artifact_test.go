package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tree writes files: "bin/python -> /usr/bin/python3", "bin/run*" (executable), "lib/" (a folder), else "path=content".
func tree(t testing.TB, dir string, lines ...string) string {
	t.Helper()
	for _, line := range lines {
		var err error
		if at, target, ok := strings.Cut(line, " -> "); ok {
			at = filepath.Join(dir, at)
			if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
				err = os.Symlink(target, at)
			}
		} else if strings.HasSuffix(line, "/") {
			err = os.MkdirAll(filepath.Join(dir, line), 0o755)
		} else {
			at, content, _ := strings.Cut(line, "=")
			mode := os.FileMode(0o644)
			if strings.HasSuffix(at, "*") {
				at, mode = strings.TrimSuffix(at, "*"), 0o755
			}
			at = filepath.Join(dir, at)
			if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
				err = os.WriteFile(at, []byte(content), mode)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var environment = []string{"bin/python -> /usr/bin/python3", "bin/run*=#!/bin/sh", "lib/site/flask/__init__.py=flask", "lib/site/empty.py=", "lib/lib64 -> site", "share/"}

func seal(t testing.TB, s *Store, lines ...string) string {
	t.Helper()
	room, err := s.Room()
	if err != nil {
		t.Fatal(err)
	}
	tree(t, room, lines...)
	digest, err := s.Put(t.Context(), room, &Manifest{Application: "payments", Source: Source{Revision: "abc"}}, Outside{"/usr/bin/python3"})
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func open(t testing.TB) *Store {
	t.Helper()
	s, err := OpenStore(filepath.Join(t.TempDir(), "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Remove(s.dir) }) // read-only folders stop the test's own removal
	return s
}

func TestTheSameTwiceIsOneArtifact(t *testing.T) {
	a, b := open(t), open(t)
	first := seal(t, a, environment...)
	time.Sleep(time.Millisecond) // another time of change
	second := seal(t, b, slices.Concat(environment[3:], environment[:3])...)
	if first != second {
		t.Fatalf("built twice, at two places, in another order: %s and %s", first, second)
	}
	if again := seal(t, a, environment...); again != first {
		t.Fatal("another digest")
	}
	all, err := a.List()
	if err != nil || !slices.Equal(all, []string{first}) {
		t.Errorf("%v %v", all, err)
	}
	left, _ := os.ReadDir(a.dir)
	if len(left) != 2 { // and the lock
		t.Errorf("left behind: %v", left)
	}
	for _, other := range [][]string{{"bin/run=#!/bin/sh"}, {"bin/run*=#!/bin/bash"}, {"x/"}, {"lib/lib64 -> site/flask"}, {"y=1"}} {
		lines := slices.Clone(environment)
		name, _, _ := strings.Cut(strings.TrimRight(strings.Split(other[0], "=")[0], "*"), " ")
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, name) })
		if seal(t, a, append(lines, other...)...) == first {
			t.Errorf("%s makes no difference", other)
		}
	}
}

func TestVerify(t *testing.T) {
	s := open(t)
	digest := seal(t, s, environment...)
	files, err := s.Verify(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := s.Open(digest)
	if err != nil || m.Application != "payments" || len(m.Entries) != 10 {
		t.Fatalf("%+v %v", m, err)
	}
	for what, change := range map[string]func() error{
		"lib/site/flask/__init__.py has other content": func() error {
			at := filepath.Join(files, "lib/site/flask/__init__.py")
			_ = os.Chmod(at, 0o600)
			return os.WriteFile(at, []byte("evil!"), 0o600)
		},
		"new.py is new":     func() error { return os.WriteFile(filepath.Join(files, "new.py"), nil, 0o600) },
		"share is gone":     func() error { return os.Remove(filepath.Join(files, "share")) },
		"became executable": func() error { return os.Chmod(filepath.Join(files, "lib/site/empty.py"), 0o555) },
		"is a link to": func() error {
			at := filepath.Join(files, "lib/lib64")
			_ = os.Remove(at)
			return os.Symlink("site/flask", at)
		},
		"is a link, was a file": func() error {
			at := filepath.Join(files, "lib/site/empty.py")
			_ = os.Remove(at)
			return os.Symlink("flask", at)
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := open(t)
			digest := seal(t, s, environment...)
			var err error
			if files, err = s.Verify(t.Context(), digest); err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{"", "lib", "lib/site", "lib/site/flask"} {
				if err := os.Chmod(filepath.Join(files, dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Verify(t.Context(), digest); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), what) {
				t.Errorf("%v", err)
			}
		})
	}
	if err := os.Chmod(filepath.Join(s.place(digest), "manifest.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.place(digest), "manifest.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), digest); !errors.Is(err, ErrManifest) {
		t.Errorf("another manifest: %v", err)
	}
	if _, err := s.Verify(t.Context(), "sha256:"+strings.Repeat("0", 64)); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	if _, _, err := s.Open("../../etc"); err == nil {
		t.Error("a path passes for a digest")
	}
}

func TestWhatCannotBeSealed(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(dir string) error
		want error
	}{
		{"absolute link", func(d string) error { return os.Symlink("/etc/passwd", filepath.Join(d, "x")) }, ErrEscapes},
		{"link up", func(d string) error { return os.Symlink("../../x", filepath.Join(d, "x")) }, ErrEscapes},
		{"link through itself", func(d string) error { return os.Symlink("a/../../x", filepath.Join(d, "x")) }, ErrEscapes},
		{"pipe", func(d string) error { return syscall.Mkfifo(filepath.Join(d, "x"), 0o600) }, ErrSpecial},
		{"set-user-id", func(d string) error {
			return errors.Join(os.WriteFile(filepath.Join(d, "x"), nil, 0o755), os.Chmod(filepath.Join(d, "x"), 0o755|os.ModeSetuid))
		}, ErrMode},
	} {
		dir := t.TempDir()
		if err := tc.make(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(t.Context(), dir, Outside{"/usr/bin/python3"}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := Scan(t.Context(), filepath.Join(t.TempDir(), "missing"), nil); err == nil {
		t.Error("a folder that is not there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(ctx, tree(t, t.TempDir(), "a=1"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s := open(t)
	if _, err := s.Put(t.Context(), t.TempDir(), &Manifest{}, nil); err == nil {
		t.Error("a folder of somebody else was taken in")
	}
}

func TestManifestsThatAreNone(t *testing.T) {
	file := Entry{Path: "a", Kind: File, Digest: "sha256:1"}
	for name, m := range map[string]*Manifest{
		"schema":   {Schema: "x"},
		"up":       {Schema: Schema, Entries: []Entry{{Path: "../a", Kind: Folder}}},
		"absolute": {Schema: Schema, Entries: []Entry{{Path: "/a", Kind: Folder}}},
		"unclean":  {Schema: Schema, Entries: []Entry{{Path: "a/./b", Kind: Folder}}},
		"twice":    {Schema: Schema, Entries: []Entry{file, file}},
		"order":    {Schema: Schema, Entries: []Entry{{Path: "b", Kind: Folder}, file}},
		"kind":     {Schema: Schema, Entries: []Entry{{Path: "a", Kind: "device"}}},
		"no hash":  {Schema: Schema, Entries: []Entry{{Path: "a", Kind: File}}},
		"target":   {Schema: Schema, Entries: []Entry{{Path: "a", Kind: File, Digest: "sha256:1", Target: "b"}}},
	} {
		if _, _, err := m.Encode(); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCollect(t *testing.T) {
	s := open(t)
	keep, drop := seal(t, s, environment...), seal(t, s, "a=1", "b/c=2")
	half := tree(t, filepath.Join(s.dir, ".new-HALF"), "x/y=1") // of a file system without locks
	tree(t, filepath.Join(s.dir, ".new-YOUNG"), "x/y=1")
	mine, err := s.Room()
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(half, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removed, err := s.Collect(func(d string) bool { return d == keep }, time.Now())
	if err != nil || !slices.Equal(removed, []string{drop}) {
		t.Fatalf("%v %v", removed, err)
	}
	if _, err := s.Verify(t.Context(), keep); err != nil {
		t.Error(err)
	}
	left, _ := os.ReadDir(s.dir)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	want := []string{".new-YOUNG", lockName, filepath.Base(mine), filepath.Base(mine) + ".lock", strings.TrimPrefix(keep, "sha256:"), "README"}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("left %v, want %v", names, want)
	}
}

// Several validators seal the same at once: one artifact, whole, and nothing else stays.
func TestPutAtOnce(t *testing.T) {
	s := open(t)
	digests := make(chan string, 8)
	for range cap(digests) {
		go func() {
			room, err := s.Room()
			if err != nil {
				digests <- err.Error()
				return
			}
			for i := range 20 {
				if err := os.WriteFile(filepath.Join(room, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
					digests <- err.Error()
					return
				}
			}
			d, err := s.Put(context.Background(), room, &Manifest{}, nil)
			digests <- fmt.Sprint(d, err)
		}()
	}
	first := <-digests
	for range cap(digests) - 1 {
		if d := <-digests; d != first {
			t.Errorf("%s and %s", first, d)
		}
	}
	if left, _ := os.ReadDir(s.dir); len(left) != 2 { // and the lock
		t.Errorf("left %v", left)
	}
}

// BenchmarkSealAndVerify seals and verifies 5,000 files of some 8 kB, as a middling environment has, beside reading
// them once and taking their sha256, one after another: "ratio" is what both take by what that takes.
func BenchmarkSealAndVerify(b *testing.B) {
	content := strings.Repeat("import this\n", 700)
	var ours, plain time.Duration
	for b.Loop() {
		b.StopTimer()
		s := open(b)
		room, err := s.Room()
		if err != nil {
			b.Fatal(err)
		}
		for i := range 5000 {
			tree(b, room, fmt.Sprintf("lib/p%d/m%d.py=%s%d", i%100, i, content, i))
		}
		began := time.Now()
		hashAll(b, room)
		plain += time.Since(began)
		b.StartTimer()
		began = time.Now()
		digest, err := s.Put(b.Context(), room, &Manifest{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Verify(b.Context(), digest); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(ours.Seconds()/plain.Seconds(), "ratio")
}

func hashAll(b *testing.B, dir string) {
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		sink = sha256.Sum256(data)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

var sink [sha256.Size]byte
