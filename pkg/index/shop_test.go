package index

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const facts10 = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: other>=2\n\nWords.\n"

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// wheelOf packs files, in order: names and contents in turn.
func wheelOf(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: map[bool]uint16{true: zip.Store, false: zip.Deflate}[strings.HasSuffix(files[i], ".bin")]})
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func sdistOf(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o600, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		body := files[i+1]
		if to, ok := strings.CutPrefix(body, "->"); ok {
			h.Typeflag, h.Linkname, h.Size, body = tar.TypeSymlink, to, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := g.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// offered is a file as a page names it.
type offered struct {
	Filename string            `json:"filename"`
	URL      string            `json:"url"`
	Hashes   map[string]string `json:"hashes"`
	Size     int               `json:"size,omitempty"`
	Metadata any               `json:"core-metadata,omitempty"`
	Older    any               `json:"data-dist-info-metadata,omitempty"`
}

func pageOf(name string, files ...offered) string {
	if files == nil {
		files = []offered{}
	}
	data, err := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "files": files})
	if err != nil {
		panic(err)
	}
	return string(data)
}

// shop is an index with files: pages by package, files by path, and an answer of one's own for any path.
type shop struct {
	root string
	mu   sync.Mutex
	page map[string]string
	file map[string][]byte
	own  map[string]http.HandlerFunc
	log  []string // method, path, range
	auth []string // host, user, password of every request
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{page: map[string]string{}, file: map[string][]byte{}, own: map[string]http.HandlerFunc{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.root = srv.URL
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	if user, password, ok := r.BasicAuth(); ok {
		s.auth = append(s.auth, r.URL.Path+" "+user+" "+password)
	}
	own, page, file := s.own[r.URL.Path], s.page[r.URL.Path], s.file[r.URL.Path]
	s.mu.Unlock()
	switch {
	case own != nil:
		own(w, r)
	case page != "":
		answerJSON(w, page)
	case file != nil:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	default:
		http.NotFound(w, r)
	}
}

func (s *shop) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.log...)
}

// sell offers one file of demo 1.0 and returns its project and file as the client reads them.
func (s *shop) sell(t *testing.T, c *Client, o offered, data []byte) (*Project, File) {
	t.Helper()
	if o.URL == "" {
		o.URL = "/files/" + o.Filename
	}
	s.mu.Lock()
	s.file["/files/"+o.Filename] = data
	s.page["/simple/demo/"] = pageOf("demo", o)
	s.mu.Unlock()
	p, err := c.Project(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Releases) != 1 || len(p.Releases[0].Files) != 1 {
		t.Fatalf("the page comes to %+v", p.Releases)
	}
	return p, p.Releases[0].Files[0]
}

func (s *shop) client() *Client { return client(s.root + "/simple/") }

func hashed(data []byte) map[string]string { return map[string]string{"sha256": sum(data)} }

func noise(n int) string { // does not compress
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		h := sha256.Sum256(fmt.Append(nil, i))
		b.Write(h[:])
	}
	return b.String()[:n]
}
