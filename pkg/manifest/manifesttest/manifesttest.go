// Package manifesttest is for tests: tiny distributions made on the spot, an index on loopback that serves them, and
// the real pip to say whether a requirements file installs.
package manifesttest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
)

// pipTime bounds one run of pip, which starts an interpreter and reads a few small files.
const pipTime = 2 * time.Minute

// House has releases of packages and serves them.
type House struct {
	t      testing.TB
	python string
	server *httptest.Server
	files  map[string][]byte              // by file name
	hashes map[string]map[string][]string // package → version → "sha256:…", sorted
	names  map[string][]string            // package → its files
}

// New serves an empty house until the test ends. The test is skipped where python3 has no pip.
func New(t testing.TB) *House {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), python, "-I", "-m", "pip", "install", "--help").Run()
	}
	if err != nil {
		t.Skipf("no python3 with pip here (%v): whether the files install is not tried", err)
	}
	h := &House{t: t, python: python, files: map[string][]byte{}, hashes: map[string]map[string][]string{}, names: map[string][]string{}}
	h.server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.server.Close)
	return h
}

// Add makes a release: a wheel and a source distribution that nothing can build. requires are its Requires-Dist.
func (h *House) Add(name, version string, requires ...string) {
	h.t.Helper()
	w := wheeltest.Wheel{Name: name, Version: version, Requires: requires}
	stem := strings.ReplaceAll(name, "-", "_") + "-" + version
	for base, data := range map[string][]byte{
		w.File():         w.Pack(h.t),
		stem + ".tar.gz": h.sdist(stem+"/", w.Metadata()),
	} {
		h.files[base] = data
		h.names[name] = append(h.names[name], base)
		sum := sha256.Sum256(data)
		if h.hashes[name] == nil {
			h.hashes[name] = map[string][]string{}
		}
		h.hashes[name][version] = append(h.hashes[name][version], "sha256:"+hex.EncodeToString(sum[:]))
		slices.Sort(h.hashes[name][version])
	}
}

func (h *House) write(w interface{ Write([]byte) (int, error) }, err error) func(string) {
	return func(text string) {
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *House) sdist(dir, metadata string) []byte {
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for name, text := range map[string]string{"PKG-INFO": metadata, "setup.py": "raise SystemExit('nothing is built')\n"} {
		if err := w.WriteHeader(&tar.Header{Name: dir + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			h.t.Fatal(err)
		}
		h.write(w, nil)(text)
	}
	if err := w.Close(); err != nil {
		h.t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		h.t.Fatal(err)
	}
	return b.Bytes()
}

// Hashes are those of all distributions of a release, sorted.
func (h *House) Hashes(name, version string) []string { return h.hashes[name][version] }

func (h *House) serve(w http.ResponseWriter, r *http.Request) {
	if data, ok := h.files[strings.TrimPrefix(r.URL.Path, "/files/")]; ok {
		_, _ = w.Write(data)
		return
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
	if h.names[name] == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	for _, file := range h.names[name] {
		fmt.Fprintf(w, "<a href=\"/files/%s\">%s</a>\n", file, file)
	}
}

// Installs asks pip whether the file called name of files installs, and returns what it would install, as
// "name-version name-version". It writes nothing outside of the test's folder and asks no other index.
func (h *House) Installs(files map[string][]byte, name string, options ...string) (string, error) {
	h.t.Helper()
	dir := h.t.TempDir()
	for path, data := range files {
		at := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), pipTime)
	defer cancel()
	args := append([]string{"-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir", "install", "--dry-run", "--ignore-installed",
		"--only-binary", ":all:", "--index-url", h.server.URL + "/simple/", "-r", name}, options...)
	cmd := exec.CommandContext(ctx, h.python, args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NO_PROXY=127.0.0.1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pip install -r %s: %w\n%s", name, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if set, ok := strings.CutPrefix(line, "Would install "); ok {
			return strings.Join(slices.Sorted(slices.Values(strings.Fields(set))), " "), nil
		}
	}
	return "", nil
}
