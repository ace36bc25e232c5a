package uv

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// script writes a program; the shell is the one thing it may use.
func script(t testing.TB, dir, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shell")
	}
	path := filepath.Join(dir, "uv")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const rightVersion = "echo 'uv 0.13.9 (x86_64-unknown-linux-gnu)'"

// heard collects what a Locator says.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) say(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}

// store is an Index of one wheel of uv, made up.
type store struct {
	wheel   []byte
	name    string
	err     error
	fetched int
	fetch   func(ctx context.Context, w io.Writer) error
	mu      sync.Mutex
}

func (s *store) Project(_ context.Context, name string) (*index.Project, error) {
	if s.err != nil || name != "uv" {
		return nil, errors.Join(s.err)
	}
	files := []index.File{{Name: "uv-0.13.9.tar.gz"}, {Name: s.name, URL: "https://user:s3cret@files.example/x/" + s.name, Size: int64(len(s.wheel)), Hashes: map[string]string{"sha256": "what the page says"}}}
	return &index.Project{Name: "uv", Releases: []index.Release{{Version: "0.13.8"}, {Version: Version, Files: files}}}, nil
}

func (s *store) Fetch(ctx context.Context, _ *index.Project, f index.File, w io.Writer) error {
	s.mu.Lock()
	s.fetched++
	s.mu.Unlock()
	if len(f.Hashes["sha256"]) != 64 {
		return errors.New("asked with the page's hash")
	}
	if s.fetch != nil {
		return s.fetch(ctx, w)
	}
	_, err := w.Write(s.wheel)
	return err
}

// made is a wheel with a program in it, and the row of the table that belongs to it.
func made(t testing.TB, program string) (*store, wheel) {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, m := range []struct{ name, text string }{{"uv/__init__.py", "x"}, {member(), program}} {
		w, err := z.Create(m.name)
		if err == nil {
			_, err = io.WriteString(w, m.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	digest := func(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }
	name := "uv-0.13.9-py3-none-any.whl"
	return &store{wheel: buf.Bytes(), name: name}, wheel{file: name, sha256: digest(buf.Bytes()), program: digest([]byte(program)), size: int64(len(program))}
}

// files lists what lies below a folder, without the remembered checks.
func files(t testing.TB, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err == nil && !d.IsDir() && !strings.HasPrefix(rel, "checked") || err == nil && strings.HasPrefix(rel, ".uv-") {
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestFakePrograms(t *testing.T) {
	for name, tc := range map[string]struct{ body, says string }{
		"another version": {"echo 'uv 0.9.1 (abc 2025-01-01)'", "not uv 0.13.9: it is 0.9.1"},
		"another program": {"echo 'ultraviolet 3'", `it says "ultraviolet 3`},
		"says nothing":    {"true", `it says ""`},
		"garbage":         {`printf 'uv \033[31m0.1\001\n'`, "it is [31m0.1"},
		"megabytes":       {"while :; do echo 'uv uv uv uv uv uv uv uv uv uv uv uv uv uv'; done", "no answer to --version within"},
		"hangs":           {"echo started; while :; do :; done", "no answer to --version within"},
		"leaves a child":  {"/bin/sleep 600 & exit 3", "ended with 3: it said nothing"},
		"fails":           {"echo 'no such thing' >&2; exit 7", "ended with 7: no such thing"},
		"crashes":         {"kill -SEGV $$", "ended by a signal (segmentation fault)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := script(t, t.TempDir(), tc.body)
			limit := unreached
			if strings.Contains(tc.says, "no answer") {
				limit = 300 * time.Millisecond
			}
			_, err := Locator{Path: path, patience: limit}.Find(t.Context())
			if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "name a uv 0.13.9, or leave --uv out") || strings.ContainsAny(err.Error(), "\x1b\x01") {
				t.Errorf("--uv: %v", err)
			}
			var h heard
			_, err = Locator{Lookup: []string{filepath.Dir(path)}, Say: h.say, patience: limit}.Find(t.Context())
			if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), install) || !strings.Contains(h.String(), "passed over "+path) || !strings.Contains(h.String(), tc.says) {
				t.Errorf("PATH: %v; said %s", err, h.String())
			}
		})
	}
}

func TestNamedPrograms(t *testing.T) {
	dir := t.TempDir()
	notRunnable := filepath.Join(dir, "text")
	if err := os.WriteFile(notRunnable, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	noInterpreter := filepath.Join(dir, "odd")
	if err := os.WriteFile(noInterpreter, []byte("\x7fELF nonsense"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		filepath.Join(dir, "none"): "no such file", notRunnable: "no program that can be run", dir: "no program that can be run", noInterpreter: "it can't be run",
	} {
		_, err := Locator{Path: path}.Find(t.Context())
		if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "named by --uv") {
			t.Errorf("%s: %v", path, err)
		}
	}
	good := script(t, dir, rightVersion)
	tool, err := Locator{Path: good, Dir: filepath.Join(dir, "tools")}.Find(t.Context())
	if err != nil || tool.Path != good || tool.Version != Version || len(tool.Digest) != 71 {
		t.Errorf("%+v, %v", tool, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Locator{Path: good}).Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func TestOrder(t *testing.T) {
	wrong, right, tools := t.TempDir(), t.TempDir(), t.TempDir()
	script(t, wrong, "echo uv 1.0.0")
	s, w := made(t, "#!/bin/sh\n"+rightVersion+"\n")
	var h heard
	l := Locator{Dir: tools, Lookup: []string{wrong, right, ".", ""}, Index: s, Say: h.say, wheels: []wheel{w}}
	tool, err := l.Find(t.Context())
	if err != nil || tool.Path != filepath.Join(tools, "uv-0.13.9", programName()) || s.fetched != 1 || tool.Digest != "sha256:"+w.program {
		t.Fatalf("fetched: %+v, %v, %s", tool, err, h.String())
	}
	if info, err := os.Stat(tool.Path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if !strings.Contains(h.String(), "it is 1.0.0") || !strings.Contains(h.String(), "fetching uv 0.13.9 from files.example") || strings.Contains(h.String(), "s3cret") {
		t.Errorf("said %s", h.String())
	}
	if _, err := l.Find(t.Context()); err != nil || s.fetched != 1 {
		t.Errorf("fetched %d times, %v", s.fetched, err)
	}
	mine := script(t, right, rightVersion)
	if tool, err := l.Find(t.Context()); err != nil || tool.Path != mine {
		t.Errorf("the one on PATH goes first: %+v, %v", tool, err)
	}
	if err := os.Remove(mine); err != nil {
		t.Fatal(err)
	}
	t.Chdir(right)
	script(t, right, "echo pwned > ran; "+rightVersion)
	l.Lookup = []string{".", ""}
	if tool, err := l.Find(t.Context()); err != nil || tool.Path != filepath.Join(tools, "uv-0.13.9", programName()) {
		t.Errorf("%+v, %v", tool, err)
	}
	if _, err := os.Stat(filepath.Join(right, "ran")); err == nil {
		t.Error("a program of the current folder was run")
	}
}

// TestChangedProgram: what was remembered of a program counts only while it is the same file.
func TestChangedProgram(t *testing.T) {
	tools := t.TempDir()
	s, w := made(t, "#!/bin/sh\n"+rightVersion+"\n")
	var h heard
	l := Locator{Dir: tools, Index: s, Say: h.say, wheels: []wheel{w}, settled: time.Hour}
	tool, err := l.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(tool.Path, filepath.Join(tools, "backup")); err != nil {
		t.Fatal(err)
	}
	if _, err := tool.Compile(t.Context(), Problem{}); errors.Is(err, ErrVersion) {
		t.Errorf("a hard link alone made it another program: %v", err)
	}
	if err := os.Remove(filepath.Join(tools, "backup")); err != nil {
		t.Fatal(err)
	}
	evil := bytes.Replace([]byte("#!/bin/sh\n"+rightVersion+"\n"), []byte("echo"), []byte("eval"), 1) // the same size
	if err := os.WriteFile(tool.Path, evil, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := tool.Compile(t.Context(), Problem{}); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "find it again") {
		t.Errorf("run though it changed: %v", err)
	}
	if _, err := l.Find(t.Context()); err != nil || s.fetched != 2 || !strings.Contains(h.String(), "its sha256 is not that of a uv 0.13.9") {
		t.Errorf("%v, fetched %d times, said %s", err, s.fetched, h.String())
	}
	if _, err := os.Stat(l.record(tool.Path)); err == nil {
		t.Error("a program that changed only now is remembered: the next change may have the same time")
	}
	if err := os.MkdirAll(filepath.Dir(l.record(tool.Path)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.record(tool.Path), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Find(t.Context()); err != nil || s.fetched != 2 {
		t.Errorf("a damaged record: %v, fetched %d times", err, s.fetched)
	}
	if os.Getuid() != 0 { // root reads everything
		_ = os.Chmod(tool.Path, 0o111)
		if _, err := l.Find(t.Context()); err != nil && !errors.Is(err, ErrMissing) {
			t.Error(err)
		}
	}
}

func TestFetchFails(t *testing.T) {
	program := "#!/bin/sh\n" + rightVersion + "\n"
	good, w := made(t, program)
	other, ow := made(t, program+"# other\n")
	bomb, bw := made(t, strings.Repeat(program, 1000))
	down := fmt.Errorf("look up uv: %w", index.ErrUnreachable)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		l    Locator
		says string
		is   error
	}{
		"no index":         {Locator{Dir: t.TempDir(), wheels: []wheel{w}}, "no index is asked", nil},
		"no folder":        {Locator{Index: good, wheels: []wheel{w}}, "no tools folder", nil},
		"folder is a file": {Locator{Index: good, Dir: file, wheels: []wheel{w}}, "the tools folder can't be written", nil},
		"unknown machine":  {Locator{Index: good, Dir: t.TempDir(), wheels: []wheel{}}, "none is known for " + runtime.GOOS, nil},
		"index down":       {Locator{Index: &store{err: down}, Dir: t.TempDir(), wheels: []wheel{w}}, "does not answer", index.ErrUnreachable},
		"not in the index": {Locator{Index: &store{name: "uv-0.13.9-py3-none-other.whl"}, Dir: t.TempDir(), wheels: []wheel{w}}, "the index has none for", nil},
		"another file":     {Locator{Index: other, Dir: t.TempDir(), wheels: []wheel{w}}, "it is not the published file", nil},
		"not the program": {Locator{Index: other, Dir: t.TempDir(), wheels: []wheel{{file: ow.file, sha256: ow.sha256, program: w.program, size: w.size}}},
			"not the published one", nil},
		"too large": {Locator{Index: bomb, Dir: t.TempDir(), wheels: []wheel{{file: bw.file, sha256: bw.sha256, program: bw.program, size: 10}}},
			"not the published one", nil},
		"not a wheel": {Locator{Index: &store{name: w.file, wheel: []byte("hello")}, Dir: t.TempDir(),
			wheels: []wheel{{file: w.file, sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}}, "unpack uv-", nil},
		"breaks off": {Locator{Index: &store{name: w.file, fetch: func(_ context.Context, w io.Writer) error {
			_, _ = w.Write([]byte("some"))
			return io.ErrUnexpectedEOF
		}}, Dir: t.TempDir(), wheels: []wheel{w}}, "unexpected EOF", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.l.Find(t.Context())
			if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), tc.says) || !strings.HasSuffix(err.Error(), install) || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v", err)
			}
			if dir := tc.l.Dir; dir != "" && dir != file && files(t, dir) != "" {
				t.Errorf("left %s", files(t, dir))
			}
		})
	}
}

func TestFetchGivenUp(t *testing.T) {
	_, w := made(t, "x")
	ctx, cancel := context.WithCancel(t.Context())
	s := &store{name: w.file, fetch: func(ctx context.Context, w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	dir := t.TempDir()
	if _, err := (Locator{Dir: dir, Index: s, wheels: []wheel{w}}).Find(ctx); !errors.Is(err, context.Canceled) || files(t, dir) != "" {
		t.Errorf("%v, left %s", err, files(t, dir))
	}
	old, young := filepath.Join(dir, ".uv-fetch-1"), filepath.Join(dir, ".uv-fetch-2")
	for _, d := range []string{old, young} {
		if err := os.MkdirAll(filepath.Join(d, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * stale)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	good, w := made(t, "#!/bin/sh\n")
	if _, err := (Locator{Dir: dir, Index: good, wheels: []wheel{w}}).Find(t.Context()); err != nil || files(t, dir) != ".uv-fetch-2 .uv-fetch-2/sub uv-0.13.9/uv" {
		t.Errorf("%v, left %s", err, files(t, dir))
	}
}

func TestTwoAtOnce(t *testing.T) {
	s, w := made(t, "#!/bin/sh\n"+rightVersion+"\n")
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			tool, err := Locator{Dir: dir, Index: s, wheels: []wheel{w}}.Find(t.Context())
			if err != nil || tool.Digest != "sha256:"+w.program {
				t.Errorf("%+v, %v", tool, err)
			}
		})
	}
	wg.Wait()
	if got := files(t, dir); got != "uv-0.13.9/uv" {
		t.Errorf("left %s", got)
	}
}

// TestTable: the rows are whole, and each name says what its key does.
func TestTable(t *testing.T) {
	words := map[string]string{"linux": "linux_", "darwin": "macosx_", "windows": "win_", "amd64": "64", "arm64": "64"}
	for key, rows := range wheels {
		system, machine, _ := strings.Cut(key, "/")
		for _, w := range rows {
			if len(w.sha256) != 64 || len(w.program) != 64 || w.size < 20_000_000 || !strings.HasPrefix(w.file, "uv-"+Version+"-py3-none-") ||
				!strings.Contains(w.file, words[system]) || !strings.Contains(w.file, words[machine]) {
				t.Errorf("%s: %+v", key, w)
			}
		}
	}
}
