package uv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// lockShop offers the releases of a shop with files: a source distribution and a wheel for everything, or
// the source distribution alone for releases whose metadata says so.
type lockShop struct{ *shop }

func (s lockShop) Project(ctx context.Context, name string) (*index.Project, error) {
	offered, err := s.Versions(ctx, name)
	if err != nil {
		return nil, err
	}
	at := time.Date(2023, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	p := &index.Project{Name: name}
	for _, o := range offered {
		stem := strings.ReplaceAll(name, "-", "_") + "-" + o.Version
		r := index.Release{Version: o.Version, RequiresPython: o.RequiresPython}
		for _, file := range []string{stem + ".tar.gz", stem + "-py3-none-any.whl"} {
			if strings.HasSuffix(file, ".gz") || !strings.Contains(s.stock[name][o.Version], "Keywords: sdist") {
				r.Files = append(r.Files, index.File{Name: file, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}, Size: 7, Uploaded: &at, RequiresPython: o.RequiresPython})
			}
		}
		p.Releases = append(p.Releases, r)
	}
	return p, nil
}

func (s lockShop) Metadata(ctx context.Context, name string, f index.File) ([]byte, error) {
	v, ok := index.VersionOf(name, f.Name)
	if !ok {
		return nil, fmt.Errorf("no version in %s", f.Name)
	}
	return s.shop.Metadata(ctx, name, v.String())
}

const lockProject = "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.8\"\ndependencies = [\"flask<3\"]\n[tool.uv.workspace]\nmembers = []\n"

func TestLock(t *testing.T) {
	tool, s := realTool(t), flasks()
	s.stock["werkzeug"]["2.2.3"] = "Keywords: sdist\n"
	s.stock["werkzeug"]["3.0.6"] = "Keywords: sdist\n"
	p := LockProblem{Projects: map[string][]byte{".": []byte(lockProject)}, Offer: lockShop{s}}
	first, err := tool.Lock(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	text := string(first.Lock)
	for _, want := range []string{"name = \"flask\"\nversion = \"2.2.5\"\nsource = { registry = \"" + LockIndex + "\" }", `{ url = "` + LockFile("flask", "flask-2.2.5-py3-none-any.whl") + `", hash = "sha256:` + strings.Repeat("ab", 32) + `", size = 7, upload-time = "2023-01-02T03:04:05.678Z" }`,
		"name = \"werkzeug\"\nversion = \"3.0.6\"", LockFile("werkzeug", "werkzeug-3.0.6.tar.gz"), LockFile("werkzeug", "werkzeug-3.0.6-py3-none-any.whl")} {
		if !strings.Contains(text, want) {
			t.Errorf("misses %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "127.0.0.1") || strings.Contains(strings.Join(first.Args, " "), "/tmp") {
		t.Errorf("what belongs to one run is in it: %v\n%s", first.Args, text)
	}
	p.Lock = first.Lock
	if err := tool.CheckLock(t.Context(), p); err != nil {
		t.Errorf("check of what it wrote: %v", err)
	}
	p.Upgrade = []string{"werkzeug==2.2.3"}
	second, err := tool.Lock(t.Context(), p)
	if err != nil || !strings.Contains(string(second.Lock), "name = \"werkzeug\"\nversion = \"2.2.3\"") || !strings.Contains(string(second.Lock), "name = \"flask\"\nversion = \"2.2.5\"") {
		t.Errorf("%v\n%s", err, second.Lock)
	}
	p.Projects["."] = []byte(strings.Replace(lockProject, "flask<3", "flask<2.2.5", 1))
	if err := tool.CheckLock(t.Context(), p); !errors.Is(err, ErrStale) {
		t.Errorf("another project: %v", err)
	}
	if name, file, ok := SplitLockFile(LockFile("a", "a-1+b.whl")); name != "a" || file != "a-1+b.whl" || !ok {
		t.Errorf("%s %s", name, file)
	}
}

func TestLockErrors(t *testing.T) {
	tool, tmp := realTool(t), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	problem := func() LockProblem {
		return LockProblem{Projects: map[string][]byte{".": []byte(lockProject)}, Offer: lockShop{flasks()}}
	}
	for what, tc := range map[string]struct {
		change func(*LockProblem)
		want   error
		says   string
	}{
		"no offer":       {func(p *LockProblem) { p.Offer = nil }, ErrInput, "nothing is offered"},
		"no root":        {func(p *LockProblem) { delete(p.Projects, ".") }, ErrInput, "the root has no project"},
		"a way out":      {func(p *LockProblem) { p.Projects["../x"] = nil }, ErrInput, "is no folder below"},
		"an option":      {func(p *LockProblem) { p.Upgrade = []string{"--index-url=x"} }, ErrInput, "is no name==version"},
		"a URL":          {func(p *LockProblem) { p.Upgrade = []string{"flask==2 @ http://x"} }, ErrInput, "is no name==version"},
		"another Python": {func(p *LockProblem) { p.Projects["."] = []byte(strings.Replace(lockProject, ">=3.8", ">=3.99", 1)) }, ErrPython, "install one that the project's requires-python allows"},
		"no project":     {func(p *LockProblem) { p.Projects["."] = []byte("[project") }, ErrDied, ""},
		"an offer that fails": {func(p *LockProblem) {
			s := flasks()
			s.fail = func(q string) error { return fmt.Errorf("the index is away: %w", errGone) }
			p.Offer = lockShop{s}
		}, errGone, "releases of flask"},
		"metadata that fails": {func(p *LockProblem) {
			s := flasks()
			s.raw = func(string, string) ([]byte, error) { return nil, ErrUnknown }
			p.Offer = lockShop{s}
		}, ErrOffer, "metadata of flask-2.2.5-py3-none-any.whl"},
		"an offer that panics": {func(p *LockProblem) {
			s := flasks()
			s.fail = func(string) error { panic("out of order") }
			p.Offer = lockShop{s}
		}, ErrOffer, "out of order"},
		"too slow": {func(p *LockProblem) { p.Limit = time.Nanosecond }, ErrTimeout, "raise the limit"},
		"a dependency by URL": {func(p *LockProblem) {
			p.Projects["."] = []byte(strings.Replace(lockProject, "flask<3", "flask @ https://elsewhere.invalid/flask.zip", 1))
		}, ErrDied, ""},
	} {
		p := problem()
		tc.change(&p)
		_, err := tool.Lock(t.Context(), p)
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) || !strings.HasPrefix(err.Error(), "lock the project with uv: ") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := problem()
	p.Projects["."] = []byte(strings.Replace(lockProject, "flask<3", "flask>=4\", \"gone", 1))
	_, err := tool.Lock(t.Context(), p)
	var c *Conflict
	if !errors.As(err, &c) || strings.Contains(c.Text, "Using CPython") || strings.Contains(c.Text, "hint") {
		t.Errorf("%v", err)
	}
	none := &Tool{Path: tool.Path, lookup: []string{t.TempDir()}}
	if _, err := none.Lock(t.Context(), problem()); !errors.Is(err, ErrPython) {
		t.Errorf("without a Python: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 1 { // the folder that t made
		t.Errorf("left behind: %v", left)
	}
}

var errGone = errors.New("gone")

func TestLockServer(t *testing.T) {
	s, err := serveLock(t.Context(), lockShop{flasks()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	root := "http://" + s.addr + "/"
	for _, path := range []string{"", "simple/flask/", "x/simple/flask/", s.token + "/simple/Flask/", s.token + "/simple/gone/", s.token + "/f/flask/flask-2.2.5-py3-none-any.whl", s.token + "/f/flask/flask-9-py3-none-any.whl.metadata", s.token + "/x/flask/y.metadata"} {
		if status, _ := get(t, http.MethodGet, root+path); status != http.StatusNotFound {
			t.Errorf("%q: %d", path, status)
		}
	}
	for _, path := range []string{"simple/flask/", "f/flask/flask-2.2.5-py3-none-any.whl.metadata"} {
		if status, body := get(t, http.MethodGet, s.base()+path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := s.failure(); err != nil {
		t.Error(err)
	}
}
