package pybuild

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == dock.ChildArg {
		syscall.Exit(dock.ChildMain()) // os.Exit under the race detector waits for a second
	}
	if ask := os.Getenv(childVariable); ask != "" {
		os.Exit(runChild(ask))
	}
	code := m.Run()
	if openUV.dir != "" {
		_ = os.RemoveAll(openUV.dir)
	}
	os.Exit(code)
}

// shop is an index on loopback, of distributions made on the spot.
type shop struct {
	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
	pages  map[string][]map[string]any // by package
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{t: t, files: map[string][]byte{}, pages: map[string][]map[string]any{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	return s
}

func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.files[strings.TrimPrefix(r.URL.Path, "/files/")]; ok {
		_, _ = w.Write(data)
		return
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
	if s.pages[name] == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "files": s.pages[name]})
}

func (s *shop) index() *index.Client {
	return index.NewClient(index.Config{URL: s.server.URL + "/simple/", Netrc: "-", Tries: 1})
}

// offer puts a distribution on the index.
func (s *shop) offer(name, file string, data []byte, more ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(data)
	entry := map[string]any{"filename": file, "url": s.server.URL + "/files/" + file, "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])}, "size": len(data)}
	for i := 0; i+1 < len(more); i += 2 {
		entry[more[i].(string)] = more[i+1]
	}
	s.files[file] = data
	s.pages[name] = append(s.pages[name], entry)
}

// wheel makes a wheel for everybody. files are by path; entry_points.txt may be one of those of its metadata, "+" in
// front of a name.
func (s *shop) wheel(name, version string, files map[string]string, requires ...string) {
	s.t.Helper()
	w := wheeltest.Wheel{Name: name, Version: version, Files: files, Requires: requires}
	s.offer(name, w.File(), w.Pack(s.t))
}

// source makes a source distribution.
func (s *shop) source(name, version string, files map[string]string) {
	s.t.Helper()
	dir := strings.ReplaceAll(name, "-", "_") + "-" + version
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	files = maps.Clone(files)
	files["PKG-INFO"] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: dir + "/" + p, Mode: 0o644, Size: int64(len(files[p]))})
		if err == nil {
			_, err = w.Write([]byte(files[p]))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.offer(name, dir+".tar.gz", b.Bytes())
}

// want are the newest distributions of the packages.
func (s *shop) want(names ...string) []wheelhouse.Wanted {
	s.t.Helper()
	var out []wheelhouse.Wanted
	for _, name := range names {
		p, err := s.index().Project(s.t.Context(), name)
		if err != nil {
			s.t.Fatal(err)
		}
		r := p.Releases[len(p.Releases)-1]
		out = append(out, wheelhouse.Wanted{Project: p, File: r.Files[0]})
	}
	return out
}

// openDir is a folder that everybody can get to.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pybuild-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = artifact.Remove(dir) })
	return dir
}

// offers are tried once.
var offers = func() func(context.Context) []dock.Offer {
	var once sync.Once
	var all []dock.Offer
	return func(ctx context.Context) []dock.Offer {
		once.Do(func() { all = dock.Offers(ctx) })
		return all
	}
}()

// docks are those this host offers, None too: it builds the same.
func docks(t testing.TB) []dock.Dock {
	t.Helper()
	var out []dock.Dock
	for _, o := range offers(t.Context()) {
		if !o.Available {
			continue
		}
		d, err := dock.At(t.Context(), o.Level)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

// python is a CPython that is open to the user the dock runs as at every level: one beneath a home folder is not.
func python(t testing.TB) artifact.Interpreter {
	t.Helper()
	for _, dirs := range [][]string{{"/usr/bin", "/usr/local/bin"}, filepath.SplitList(os.Getenv("PATH"))} {
		if i, err := Find(t.Context(), "", Search{Path: dirs}); err == nil {
			return i
		}
	}
	t.Skip("no CPython here: nothing is built")
	return artifact.Interpreter{}
}

func builder(t testing.TB, s *shop, d dock.Dock) Builder {
	t.Helper()
	house, err := wheelhouse.Open(filepath.Join(openDir(t), "house"))
	if err != nil {
		t.Fatal(err)
	}
	return Builder{Dock: d, House: house, Index: s.index(), UV: reachableUV(t), Interpreter: python(t), Work: openDir(t)}
}

// digest is that of the artifact that a folder becomes.
func digest(t testing.TB, b Builder, dir string) string {
	t.Helper()
	entries, err := artifact.Scan(t.Context(), dir, artifact.Outside{b.Interpreter.Path})
	if err != nil {
		t.Fatal(err)
	}
	m := artifact.Manifest{Schema: artifact.Schema, Application: "demo", Interpreter: b.Interpreter, Entries: entries}
	_, sum, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// nothingLeft holds a builder's folder to be empty.
func nothingLeft(t testing.TB, b Builder) {
	t.Helper()
	entries, err := os.ReadDir(b.Work)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in the folder to work in: %v %v", entries, err)
	}
}

func output(t testing.TB, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// nobody is an index that must not be asked for a file.
type nobody struct{ index.Fetcher }

func (nobody) Fetch(context.Context, *index.Project, index.File, io.Writer) error {
	return errors.New("fetched again")
}

// reachableUV is uv in a folder that is open to the user inside: the tree of these tests may lie in a private one. A copy, not a
// link: other tests watch the program's time of change. One for all tests: it has 40 MB.
func reachableUV(t testing.TB) string {
	t.Helper()
	if openUV.path != "" {
		return openUV.path
	}
	data, err := os.ReadFile(uvtest.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	if openUV.dir, err = os.MkdirTemp("", "pybuild-test-"); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(openUV.dir, "uv")
	if err := errors.Join(os.Chmod(openUV.dir, 0o755), os.WriteFile(at, data, 0o755), os.Chmod(at, 0o755)); err != nil {
		t.Fatal(err)
	}
	openUV.path = at
	return at
}

var openUV struct{ dir, path string }

// marked are the processes that have a variable of the environment of this value: those of one box.
func marked(mark string) []string {
	var out []string
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range all {
		data, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(data), "MARK="+mark) {
			out = append(out, p)
		}
	}
	return out
}
