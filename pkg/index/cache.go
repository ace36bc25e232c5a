package index

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// disk keeps pages as files: a header line, then the canonical form, whose digest the header names, so that a
// damaged or half-written file is not believed. Everything that fails is as if there were no cache.
type disk struct {
	dir, index string
	auth       bool // the index is asked with credentials
}

type header struct {
	Format   int       `json:"format"`
	Name     string    `json:"name"`
	Index    string    `json:"index"`
	Unknown  bool      `json:"unknown,omitempty"` // the index does not know the package; there is no digest then
	Auth     bool      `json:"with_credentials,omitempty"`
	Digest   string    `json:"digest,omitempty"`
	Fetched  time.Time `json:"fetched"`
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"last_modified,omitempty"`
}

// pageFormat is raised when pages are kept that say more than before: older ones are then read anew.
const pageFormat = 2

// newDisk gives each index a folder of its own, named by digest: two indexes never answer for each other.
func newDisk(dir, index string, auth bool) disk {
	if dir == "" {
		return disk{}
	}
	id := strings.TrimPrefix(string(evidence.Of([]byte(index))), "sha256:")
	return disk{dir: filepath.Join(dir, id[:16]), index: index, auth: auth}
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

// glance reads the header alone: what is known of a page without reading it.
func (d disk) glance(name string) (h header, ok bool) {
	if d.dir == "" {
		return h, false
	}
	f, err := os.Open(d.path(name))
	if err != nil {
		return h, false
	}
	defer f.Close()
	line := make([]byte, maxHeader)
	n, _ := io.ReadFull(f, line) // most pages are longer, the record of an unknown package is shorter
	return d.parse(name, line[:n])
}

func (d disk) parse(name string, data []byte) (h header, ok bool) {
	first, _, ok := bytes.Cut(data, []byte("\n"))
	// Some indexes hide what they have from whoever comes without credentials: who has them now asks again.
	ok = ok && json.Unmarshal(first, &h) == nil && h.Format == pageFormat && h.Name == name && h.Index == d.index && (!h.Unknown || h.Auth == d.auth)
	return h, ok
}

func (d disk) read(name string) *entry {
	if d.dir == "" {
		return nil
	}
	data, err := os.ReadFile(d.path(name))
	if err != nil {
		return nil
	}
	h, ok := d.parse(name, data)
	if !ok {
		return nil
	}
	if h.Unknown {
		return &entry{fetched: h.Fetched}
	}
	_, body, _ := bytes.Cut(data, []byte("\n"))
	if string(evidence.Of(body)) != h.Digest {
		return nil
	}
	p, err := parsePage(name, body, &url.URL{})
	if err != nil {
		return nil
	}
	p.Digest, p.Fetched = h.Digest, h.Fetched
	return &entry{project: p, body: body, fetched: h.Fetched, etag: h.ETag, modified: h.Modified}
}

func (d disk) write(name string, e *entry) {
	if d.dir == "" {
		return
	}
	h := header{Format: pageFormat, Name: name, Index: d.index, Unknown: e.project == nil, Auth: d.auth, Fetched: e.fetched, ETag: e.etag, Modified: e.modified}
	if e.project != nil {
		h.Digest = e.project.Digest
	}
	first, err := json.Marshal(h)
	if err != nil || len(first) >= maxHeader {
		return
	}
	keep(d.path(name), first, []byte("\n"), e.body)
}
