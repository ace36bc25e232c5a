// Package frozen holds what the demo knows of the world, as it was at one moment:
// advisories, packed the way OSV publishes them, and a package index on loopback.
package frozen

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Now is the moment.
const Now = "2024-11-15T09:00:00Z"

// The content type of PEP 691.
const simpleJSON = "application/vnd.pypi.simple.v1+json"

// Index answers like a package index, out of a folder with one PEP 691
// page for each project: what the index said at the time the demo plays. It
// offers no files: nothing of the demo installs anything.
func Index(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/simple/") || strings.ContainsAny(name, `/\`) {
			http.NotFound(w, r)
			return
		}
		if name == "" {
			list(w, dir)
			return
		}
		data, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", simpleJSON)
		_, _ = w.Write(data) // a client that went away has no use for an error
	})
}

// list is the index's first page: the projects it knows.
func list(w http.ResponseWriter, dir string) {
	type project struct {
		Name string `json:"name"`
	}
	page := struct {
		Meta     map[string]string `json:"meta"`
		Projects []project         `json:"projects"`
	}{map[string]string{"api-version": "1.1"}, []project{}}
	pages, _ := filepath.Glob(filepath.Join(dir, "*.json")) // the pattern is well formed
	for _, p := range pages {
		page.Projects = append(page.Projects, project{strings.TrimSuffix(filepath.Base(p), ".json")})
	}
	w.Header().Set("Content-Type", simpleJSON)
	_ = json.NewEncoder(w).Encode(page)
}

// Serve serves the frozen index on a free loopback port and returns its
// address and how to stop it.
func Serve(dir string) (url string, stop func(), err error) {
	if _, err := os.Stat(dir); err != nil {
		return "", nil, fmt.Errorf("open the frozen index: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("serve the frozen index: %w", err)
	}
	server := &http.Server{Handler: Index(dir), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	return "http://" + l.Addr().String() + "/simple/", func() { _ = server.Close() }, nil
}

// Pack makes an archive, as OSV publishes one for each ecosystem, of the records
// in dir.
func Pack(dir, archive string) (err error) {
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return err
	}
	f, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	records, _ := filepath.Glob(filepath.Join(dir, "PyPI", "*.json")) // the pattern is well formed
	if len(records) == 0 {
		return fmt.Errorf("no advisory in %s", dir)
	}
	for _, path := range append(records, filepath.Join(dir, "PARTIAL")) {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(filepath.Base(path))
		if err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return z.Close()
}
