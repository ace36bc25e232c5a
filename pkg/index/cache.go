package index

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// disk keeps pages as files: a header line, then the canonical form, whose digest the header names, so that a
// damaged or half-written file is not believed. Everything that fails is as if there were no cache.
type disk struct{ dir string }

type header struct {
	Name     string    `json:"name"`
	Index    string    `json:"index"`
	Digest   string    `json:"digest"`
	Fetched  time.Time `json:"fetched"`
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"last_modified,omitempty"`
}

// newDisk gives each index a folder of its own, named by digest: two indexes never answer for each other.
func newDisk(dir, index string) disk {
	if dir == "" {
		return disk{}
	}
	id := strings.TrimPrefix(string(evidence.Of([]byte(index))), "sha256:")
	return disk{dir: filepath.Join(dir, id[:16])}
}

// temporary is a file whose name is already gone, where the system allows that.
func (d disk) temporary() (*os.File, error) {
	dir := d.dir
	if dir == "" || os.MkdirAll(dir, 0o700) != nil {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, ".file-*")
	if err == nil {
		_ = os.Remove(f.Name())
	}
	return f, err
}

func (d disk) path(name string) string { return filepath.Join(d.dir, name+".json") }

func (d disk) read(name string) *entry {
	if d.dir == "" {
		return nil
	}
	data, err := os.ReadFile(d.path(name))
	if err != nil {
		return nil
	}
	first, body, ok := bytes.Cut(data, []byte("\n"))
	var h header
	if !ok || json.Unmarshal(first, &h) != nil || h.Name != name || string(evidence.Of(body)) != h.Digest {
		return nil
	}
	p, err := parsePage(name, body, &url.URL{})
	if err != nil {
		return nil
	}
	p.Digest, p.Fetched = h.Digest, h.Fetched
	return &entry{project: p, etag: h.ETag, modified: h.Modified}
}

func (d disk) write(name string, e *entry) {
	if d.dir == "" {
		return
	}
	body, err := e.project.canonical()
	if err != nil {
		return
	}
	first, err := json.Marshal(header{Name: name, Digest: e.project.Digest, Fetched: e.project.Fetched, ETag: e.etag, Modified: e.modified})
	if err != nil {
		return
	}
	keep(d.path(name), first, []byte("\n"), body)
}
