package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/forge/gitforge"
	"github.com/drydock-dev/drydock/pkg/index"
)

func newDemo(t *testing.T) (*demo, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	return &demo{minor: 11, drydock: script(t, "exit 0"), app: filepath.Join("..", "..", "deploy", "demo"), dir: t.TempDir(), stdout: &said, stderr: &said}, &said
}

// script is a program in a folder of its own.
func script(t *testing.T, body string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(at, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return at
}

// The repository is the application and nothing else, the same commit each time, whatever the person's git is
// configured to do; and the server's file names it.
func TestPrepare(t *testing.T) {
	home := t.TempDir()
	hook := filepath.Join(home, "hooks", "pre-commit")
	if err := errors.Join(os.Mkdir(filepath.Dir(hook), 0o700), os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o700),
		os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[core]\n\thooksPath = "+filepath.Dir(hook)+"\n[commit]\n\tgpgSign = true\n[init]\n\tdefaultBranch = trunk\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_DIR", filepath.Join(home, "elsewhere"))
	var commits []string
	for range 2 {
		d, said := newDemo(t)
		if lacks, err := d.lacking(t.Context()); err != nil || len(lacks) > 0 {
			t.Skip(lacks, err)
		}
		if err := d.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		f, err := gitforge.New(t.Context(), gitforge.Config{Remote: "file://" + d.bare(), Dir: filepath.Join(t.TempDir(), "cache")})
		if err != nil {
			t.Fatal(err)
		}
		base, err := f.Base(t.Context())
		if err != nil || base.Branch != "main" {
			t.Fatalf("base %+v, %v", base, err)
		}
		commits = append(commits, base.Commit)
		out := filepath.Join(t.TempDir(), "out")
		if _, err := f.Checkout(t.Context(), base.Commit, out); err != nil {
			t.Fatal(err)
		}
		names := []string{}
		if top, err := fs.ReadDir(os.DirFS(out), "."); err != nil {
			t.Fatal(err)
		} else {
			for _, e := range top {
				names = append(names, e.Name())
			}
		}
		if !slices.Equal(names, parts) {
			t.Errorf("in the repository: %v", names)
		}
		checkDeclared(t, d)
		if !strings.Contains(said.String(), "owners: [payments-team]") || !strings.Contains(string(d.config()), d.applications) {
			t.Errorf("said %s, configured %s", said, d.config())
		}
	}
	if commits[0] != commits[1] {
		t.Errorf("two commits: %v", commits)
	}
}

func checkDeclared(t *testing.T, d *demo) {
	t.Helper()
	data, err := os.ReadFile(d.applications)
	if err != nil {
		t.Fatal(err)
	}
	set, err := application.ParseSet("applications.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := set.Get("payments"); !ok || a.Repository != d.bare() || len(set.Warnings()) > 0 || bytes.Count(data, []byte("\n")) != 5 {
		t.Errorf("%+v, %v:\n%s", a, set.Warnings(), data)
	}
}

// Where something is missing the demo says what, and scans its own folder.
func TestPrepareWithout(t *testing.T) {
	path := os.Getenv("PATH")
	for name, c := range map[string]struct {
		path, isolation string
		minor           int
		want            string
	}{
		"git":       {t.TempDir(), "exit 0", 11, "no usable git"},
		"old":       {path, "exit 0", 9, "Python 3.9, for which the demo's index has no wheels; install Python 3.10 to 3.14"},
		"new":       {path, "exit 0", 15, "the plan is made for 3.11"},
		"isolation": {path, "exit 1", 11, "no isolation is offered"},
	} {
		d, said := newDemo(t)
		d.drydock, d.minor = script(t, c.isolation), c.minor
		t.Setenv("PATH", c.path)
		if err := d.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{c.want, "ends with the plan"} {
			if !strings.Contains(said.String(), want) {
				t.Errorf("%s: %s does not say %q", name, said, want)
			}
		}
		if d.source != d.app || d.applications != "" || strings.Contains(string(d.config()), "applications") {
			t.Errorf("%s: scans %s, applications %q", name, d.source, d.applications)
		}
	}
}

// The wheels are fetched first: without network the demo says how much it would fetch from where; what is there is
// enough; and an index that hands out something else is an error.
func TestPrepareStocks(t *testing.T) {
	var down atomic.Bool // requests that were given up may still be served
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	t.Setenv("DRYDOCK_INDEX_URL", server.URL+"/simple/")
	prepare := func() (*demo, string, error) {
		d, said := newDemo(t)
		d.wheels = t.TempDir()
		var err error
		if d.shop, err = d.openShop(); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath("git"); err != nil {
			t.Skip(err)
		}
		err = d.prepare(t.Context())
		return d, said.String(), err
	}
	if _, _, err := prepare(); !errors.Is(err, index.ErrUnknownProject) {
		t.Errorf("an index without these packages: %v", err)
	}
	down.Store(true)
	d, said, err := prepare()
	if err != nil || d.source != d.app {
		t.Errorf("without network: %v, scans %s", err, d.source)
	}
	for _, want := range []string{"29 wheels (", "needs the network", server.URL, "ends with the plan"} {
		if !strings.Contains(said, want) {
			t.Errorf("%s does not say %q", said, want)
		}
	}
	if err := d.stockOnly(t.Context()); err == nil {
		t.Error("-stock without network succeeded")
	}
}

// Without a Python that uv can use nothing can be planned: the demo does not begin.
func TestFindPython(t *testing.T) {
	for body, want := range map[string]string{"": "there is no python3 on PATH; the demo plans and installs with Python 3.10 to 3.14", "exit 7": "exit status 7", "echo 3.7": `is Python "3.7"`, "echo 2.7": `"2.7"`, "echo hello": `"hello"`, "echo 3.9": "", "echo 3.15": ""} {
		dir := t.TempDir()
		if body != "" {
			dir = filepath.Dir(script(t, body))
		}
		t.Setenv("PATH", dir)
		d, _ := newDemo(t)
		err := d.findPython(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
}
