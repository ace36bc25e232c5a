package uv

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// LockFile is the address of a file in the locks that go to uv and come from it.
func LockFile(name, filename string) string {
	return lockBase + "f/" + name + "/" + url.PathEscape(filename)
}

// SplitLockFile takes such an address apart.
func SplitLockFile(address string) (name, filename string, ok bool) {
	rest, ok := strings.CutPrefix(address, lockBase+"f/")
	name, escaped, cut := strings.Cut(rest, "/")
	filename, err := url.PathUnescape(escaped)
	return name, filename, ok && cut && err == nil
}

// lockServer is the index that uv sees while it locks: pages with the real files of each release that may be
// locked, and their metadata. The files themselves can't be had.
type lockServer struct {
	*server
	files LockOffer
}

func serveLock(ctx context.Context, o LockOffer) (*lockServer, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on the loopback interface, where uv asks: %w", err)
	}
	s := &lockServer{files: o, server: &server{token: rand.Text(), addr: ln.Addr().String(), listener: ln,
		shelves: map[string]*shelf{}, unusable: map[string]string{}, byURL: map[string]string{}}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.http = &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: headerTime}
	go func() { _ = s.http.Serve(ln) }() // ends with close
	return s, nil
}

// base begins every address of the server.
func (s *lockServer) base() string { return "http://" + s.addr + "/" + s.token + "/" }

// ServeHTTP answers TOKEN/simple/NAME/ and TOKEN/f/NAME/FILE.metadata, and nothing else.
func (s *lockServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		return
	}
	defer s.served.Done()
	if s.refused(w, r) {
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method != http.MethodGet && r.Method != http.MethodHead || len(parts) != 4 ||
		subtle.ConstantTimeCompare([]byte(parts[0]), []byte(s.token)) != 1 || !isName(parts[2]) {
		http.NotFound(w, r)
		return
	}
	body, kind, err := s.answer(parts[1], parts[2], parts[3])
	respond(w, r, body, kind, err, s.fail)
}

func (s *lockServer) answer(what, name, file string) (body []byte, kind string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	file, metadata := strings.CutSuffix(file, ".metadata")
	if what != "simple" && (what != "f" || !metadata) {
		return nil, "", ErrUnknown
	}
	p, err := s.files.Project(s.ctx, name)
	if errors.Is(err, ErrUnknown) {
		s.mu.Lock()
		s.shelves[name] = &shelf{err: ErrUnknown} // for the explanation of a conflict
		s.mu.Unlock()
		return nil, "", err
	}
	if err != nil {
		return nil, "", fmt.Errorf("releases of %s: %w", name, err)
	}
	if what == "simple" {
		body, err = s.lockPage(name, p)
		return body, "application/vnd.pypi.simple.v1+json", err
	}
	body, err = s.lockMetadata(name, file, p)
	return body, "application/octet-stream", err
}

type lockFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	Size           int64             `json:"size,omitempty"`
	UploadTime     string            `json:"upload-time,omitempty"`
	CoreMetadata   bool              `json:"core-metadata"`
}

func (s *lockServer) lockPage(name string, p *index.Project) ([]byte, error) {
	files := []lockFile{}
	for _, r := range p.Releases {
		for _, f := range r.Files {
			files = append(files, s.listed(name, f))
		}
		if stands, ok := standIn(name, r); ok {
			files = append(files, s.listed(name, stands))
		}
	}
	return json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "files": files})
}

func (s *lockServer) listed(name string, f index.File) lockFile {
	out := lockFile{Filename: f.Name, URL: strings.Replace(LockFile(name, f.Name), lockBase, s.base(), 1), Hashes: f.Hashes,
		RequiresPython: f.RequiresPython, Size: f.Size, CoreMetadata: isWheel(f)}
	if out.Hashes == nil {
		out.Hashes = map[string]string{}
	}
	if f.Uploaded != nil {
		out.UploadTime = f.Uploaded.UTC().Format(time.RFC3339Nano)
	}
	return out
}

func isWheel(f index.File) bool { return strings.HasSuffix(f.Name, ".whl") }

// standIn is the wheel that stands for what would be built of a release's source distribution: uv may build
// nothing, and the lock is for machines that may.
func standIn(name string, r index.Release) (index.File, bool) {
	stands := index.File{Name: strings.ReplaceAll(name, "-", "_") + "-" + r.Version + "-py3-none-any.whl", RequiresPython: r.RequiresPython}
	built := false
	for _, f := range r.Files {
		if strings.HasSuffix(f.Name, "-none-any.whl") && strings.Contains(f.Name, "py3") {
			return stands, false // what there is serves everywhere
		}
		built = built || !isWheel(f)
	}
	return stands, built
}

// lockMetadata is that of a file, or of the first wheel, else the source distribution, for what stands for it.
func (s *lockServer) lockMetadata(name, file string, p *index.Project) ([]byte, error) {
	for _, r := range p.Releases {
		var from *index.File
		for i := range r.Files {
			if r.Files[i].Name == file {
				from = &r.Files[i]
			}
		}
		if stands, ok := standIn(name, r); ok && stands.Name == file {
			from = &r.Files[0]
			for i := range r.Files {
				if isWheel(r.Files[i]) {
					from = &r.Files[i]
					break
				}
			}
		}
		if from == nil {
			continue
		}
		data, err := s.files.Metadata(s.ctx, name, *from)
		if err != nil {
			return nil, fmt.Errorf("metadata of %s: %w", from.Name, opaque{err})
		}
		body, byURL, err := minimal(data, name, r.Version, false)
		s.mu.Lock()
		defer s.mu.Unlock()
		for word, stands := range byURL {
			s.byURL[word] = stands
		}
		if err != nil {
			s.unusable[name+" "+r.Version] = err.Error()
			return []byte("Metadata-Version: 2.1\n\n"), nil
		}
		return body, nil
	}
	return nil, ErrUnknown
}
