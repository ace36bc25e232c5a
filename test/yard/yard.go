// Package yard is for tests: a small world in which a change can go all its way on the real parts. It has an index
// on loopback with wheels made on the spot, advisories about them, and an application in a bare git repository.
package yard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/check/checktest"
	"github.com/drydock-dev/drydock/pkg/wheel/wheeltest"
)

// Index is a package index on loopback.
type Index struct {
	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
	pages  map[string][]map[string]any // by package
	broken map[string]string           // files that are answered otherwise: "gone", "changed"
}

// NewIndex serves an empty index until the test ends.
func NewIndex(t testing.TB) *Index {
	t.Helper()
	x := &Index{t: t, files: map[string][]byte{}, pages: map[string][]map[string]any{}, broken: map[string]string{}}
	x.server = httptest.NewServer(http.HandlerFunc(x.serve))
	t.Cleanup(x.server.Close)
	return x
}

// IndexAt is the index that another process serves at a URL.
func IndexAt(t testing.TB, url string) *Index {
	return &Index{t: t, server: &httptest.Server{URL: strings.TrimSuffix(url, "/simple/")}}
}

// URL is its simple API.
func (x *Index) URL() string { return x.server.URL + "/simple/" }

func (x *Index) serve(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if name, ok := strings.CutPrefix(r.URL.Path, "/files/"); ok {
		data, ok := x.files[name]
		switch {
		case !ok || x.broken[name] == "gone":
			http.NotFound(w, r)
		case x.broken[name] == "changed":
			_, _ = w.Write(append([]byte("x"), data[1:]...))
		default:
			_, _ = w.Write(data)
		}
		return
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
	if x.pages[name] == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "files": x.pages[name]})
}

// Break has the wheel of a release answered otherwise: "gone" or "changed"; "" as it is.
func (x *Index) Break(name, version, how string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.broken[wheeltest.Wheel{Name: name, Version: version}.File()] = how
}

// Hash is the sha256 of a release's wheel.
func (x *Index) Hash(name, version string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	sum := sha256.Sum256(x.files[wheeltest.Wheel{Name: name, Version: version}.File()])
	return hex.EncodeToString(sum[:])
}

// Wheel offers a release: a wheel for everybody with the files given, by path. requires are its Requires-Dist.
func (x *Index) Wheel(name, version string, files map[string]string, requires ...string) {
	x.t.Helper()
	w := wheeltest.Wheel{Name: name, Version: version, Files: files, Requires: requires}
	x.File(name, w.File(), w.Pack(x.t))
}

// File offers a file as it is.
func (x *Index) File(name, file string, data []byte) {
	sum := sha256.Sum256(data)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.files[file] = data
	x.pages[name] = append(x.pages[name], map[string]any{"filename": file, "url": x.server.URL + "/files/" + file, "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])},
		"size": len(data), "upload-time": "2023-05-01T00:00:00Z", "requires-python": ">=3.8"})
}

// Save writes all files into a folder.
func (x *Index) Save(dir string) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, data := range x.files {
		write(x.t, filepath.Join(dir, name), string(data))
	}
}

// Library offers a release of a package that says its version and, where it is given, has more to say: the text of
// its only module.
func (x *Index) Library(name, version, more string, requires ...string) {
	module := strings.ReplaceAll(name, "-", "_")
	x.Wheel(name, version, map[string]string{module + "/__init__.py": fmt.Sprintf("__version__ = %q\n%s\n", version, more)}, requires...)
}

// Pytest offers a pytest that collects and runs as little as these tests need, and reports as the real one does.
func (x *Index) Pytest() {
	x.Wheel("pytest", "8.0.0", map[string]string{"pytest/__init__.py": "", "pytest/__main__.py": checktest.Pytest,
		"pytest-8.0.0.dist-info/entry_points.txt": "[console_scripts]\npytest = pytest.__main__:console\n"})
}

// Advisory is one record of the database.
type Advisory struct {
	ID, Package, Fixed string
	Severity           string // a CVSS vector; "" is critical
}

// Advisories writes a database as OSV packs one, and returns its folder.
func Advisories(t testing.TB, all ...Advisory) string {
	t.Helper()
	records := t.TempDir()
	for _, a := range all {
		if a.Severity == "" {
			a.Severity = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
		}
		data, err := json.Marshal(map[string]any{"schema_version": "1.6.0", "id": a.ID, "modified": "2024-01-01T00:00:00Z", "published": "2024-01-01T00:00:00Z", "summary": "A hole in " + a.Package,
			"severity": []any{map[string]string{"type": "CVSS_V3", "score": a.Severity}},
			"affected": []any{map[string]any{"package": map[string]string{"ecosystem": "PyPI", "name": a.Package},
				"ranges": []any{map[string]any{"type": "ECOSYSTEM", "events": []any{map[string]string{"introduced": "0"}, map[string]string{"fixed": a.Fixed}}}}}}})
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(records, "PyPI", a.ID+".json"), string(data))
	}
	write(t, filepath.Join(records, "PARTIAL"), "for a test\n")
	dir := t.TempDir()
	if err := frozen.Pack(records, filepath.Join(dir, "PyPI", "all.zip")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TempDir is a folder for a test in which a dock works, and goes with its end: what is sealed there lets nobody but
// root remove it.
func TempDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o700)
			}
			return err // told by what removes the folder
		})
	})
	return dir
}

// Repository is a bare git repository with a clone in which a person works.
type Repository struct {
	t    testing.TB
	Path string // of the bare repository
	work string
}

// NewRepository makes one whose main branch has the files.
func NewRepository(t testing.TB, files map[string]string) *Repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	r := &Repository{t: t, Path: filepath.Join(t.TempDir(), "app.git"), work: t.TempDir()}
	r.git("", "init", "-q", "--bare", "-b", "main", r.Path)
	r.git("", "init", "-q", "-b", "main", r.work)
	r.git(r.work, "remote", "add", "origin", r.Path)
	r.Push("main", "the application", files)
	return r
}

// RepositoryAt is the bare repository that another process made.
func RepositoryAt(t testing.TB, path string) *Repository { return &Repository{t: t, Path: path} }

// Push commits files (a nil content removes one: "\x00") to a branch as a person does, and returns the commit.
func (r *Repository) Push(branch, message string, files map[string]string) string {
	r.t.Helper()
	for name, text := range files {
		if text == "\x00" {
			if err := os.Remove(filepath.Join(r.work, filepath.FromSlash(name))); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		write(r.t, filepath.Join(r.work, filepath.FromSlash(name)), text)
	}
	r.git(r.work, "add", "-A")
	r.git(r.work, "commit", "-q", "--allow-empty", "-m", message)
	r.git(r.work, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
	return r.Git("rev-parse", "refs/heads/"+branch)
}

// Git runs git on the bare repository and returns what it printed, trimmed.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	return r.git("", append([]string{"--git-dir", r.Path}, args...)...)
}

// Branches lists the branches.
func (r *Repository) Branches() []string {
	r.t.Helper()
	return strings.Fields(r.Git("for-each-ref", "--format=%(refname:short)", "refs/heads"))
}

func (r *Repository) git(dir string, args ...string) string {
	r.t.Helper()
	return r.run(dir, "", args...)
}

// feed is Git with something to read.
func (r *Repository) feed(in string, args ...string) string {
	r.t.Helper()
	return r.run("", in, append([]string{"--git-dir", r.Path}, args...)...)
}

func (r *Repository) run(dir, in string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@bank.example",
		"GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@bank.example", "GIT_AUTHOR_DATE=2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2024-01-01T00:00:00Z"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
