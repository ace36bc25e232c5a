// Package world serves, on loopback, the package index and the advisories as they were at one moment, so that
// two planners can be compared on the same facts: real releases through a mirror of the real index, cut at
// their upload times, and own releases and records laid over them.
//
// Beneath the address, each scene has a folder of its own:
//
//	/SCENE/simple/NAME/          PEP 691 JSON, or PEP 503 HTML for whoever asks for it
//	/SCENE/files/SHA256/FILE     the distribution; FILE.metadata its core metadata (PEP 658)
//	/SCENE/v1/query              the OSV API: query, querybatch, vulns/ID
package world

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Scene is one moment of the world.
type Scene struct {
	Name     string // a folder's name
	Now      time.Time
	Releases []Release
	Yanks    []Yank
	Advice   *Advice       // nil: the OSV API answers 404
	Delay    time.Duration // before each answer: how far away the index is
}

// World serves scenes. Add all scenes before it is asked about them.
type World struct {
	mirror *Mirror
	scenes map[string]*scene
	server *http.Server
	root   string

	Requests atomic.Int64 // answered so far
}

type scene struct {
	Scene
	own map[string][]File // by normalised name

	mu     sync.Mutex
	pages  map[string][]File // by normalised name
	byFile map[string]File   // by sha256/name
	bodies map[string][]byte // pages as JSON: an index answers from a cache, too
}

// Serve starts a world on a free loopback port; Close ends it.
func Serve(m *Mirror) (*World, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the world: %w", err)
	}
	w := &World{mirror: m, scenes: map[string]*scene{}, root: "http://" + l.Addr().String() + "/"}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(l) }() // ends with Close
	return w, nil
}

// Close ends the world.
func (w *World) Close() error { return w.server.Close() }

// Add makes a scene known and returns its address.
func (w *World) Add(s Scene) (string, error) {
	sc := &scene{Scene: s, own: map[string][]File{}, pages: map[string][]File{}, byFile: map[string]File{}, bodies: map[string][]byte{}}
	for _, r := range s.Releases {
		f, err := build(r)
		if err != nil {
			return "", err
		}
		name := pep440.Normalize(r.Name)
		sc.own[name] = append(sc.own[name], f)
	}
	w.scenes[s.Name] = sc
	return w.root + s.Name + "/", nil
}

// Files lists what the index of a scene says of a project, nil where it does not know it.
func (w *World) Files(ctx context.Context, scene, project string) ([]File, error) {
	sc := w.scenes[scene]
	if sc == nil {
		return nil, fmt.Errorf("no scene %q", scene)
	}
	return w.files(ctx, sc, pep440.Normalize(project))
}

func (w *World) files(ctx context.Context, sc *scene, name string) ([]File, error) {
	sc.mu.Lock()
	files, ok := sc.pages[name]
	sc.mu.Unlock()
	if ok {
		return files, nil
	}
	all, err := w.mirror.page(ctx, name)
	if err != nil && !errors.Is(err, errUnknown) {
		return nil, err
	}
	for _, f := range slices.Concat(all, sc.own[name]) {
		if f.Uploaded.After(sc.Now) || len(f.Hashes["sha256"]) != 64 {
			continue
		}
		if !f.IsYanked() {
			f.Yanked = nil
		}
		for _, y := range sc.Yanks {
			if pep440.Normalize(y.Name) == name && y.Version == version(name, f.Name) {
				f.Yanked = y.Reason
			}
		}
		if strings.HasSuffix(f.Name, ".whl") {
			f.Metadata = true
		}
		files = append(files, f)
	}
	sc.mu.Lock()
	sc.pages[name] = files
	for _, f := range files {
		sc.byFile[f.Hashes["sha256"]+"/"+f.Name] = f
	}
	sc.mu.Unlock()
	return files, nil
}

// Version is the version in the name of one of a project's distributions, "" where it has none.
func Version(project string, f File) string { return version(project, f.Name) }

func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.Requests.Add(1)
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	sc := w.scenes[name]
	if sc == nil {
		http.NotFound(rw, r)
		return
	}
	time.Sleep(sc.Delay)
	kind, rest, _ := strings.Cut(rest, "/")
	var err error
	switch kind {
	case "simple":
		err = w.simple(rw, r, sc, pep440.Normalize(strings.Trim(rest, "/")))
	case "files":
		err = w.file(rw, r, sc, rest)
	case "v1":
		if sc.Advice == nil {
			err = errUnknown
		} else {
			err = sc.Advice.serve(rw, r, rest)
		}
	default:
		err = errUnknown
	}
	if errors.Is(err, errUnknown) {
		http.NotFound(rw, r)
	} else if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
	}
}

func (w *World) simple(rw http.ResponseWriter, r *http.Request, sc *scene, name string) error {
	if name == "" || strings.ContainsAny(name, `/\`) {
		return errUnknown
	}
	files, err := w.files(r.Context(), sc, name)
	if err != nil {
		return err
	}
	if files == nil {
		return errUnknown
	}
	if accept := r.Header.Get("Accept"); !strings.Contains(accept, "json") && accept != "*/*" {
		return hypertext(rw, name, files)
	}
	body, err := sc.body(name, files)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	rw.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		rw.WriteHeader(http.StatusNotModified)
		return nil
	}
	rw.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	_, _ = rw.Write(body) // a client that went away has no use for an error
	return nil
}

// body is a page as PEP 691 has it.
func (sc *scene) body(name string, files []File) ([]byte, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if body := sc.bodies[name]; body != nil {
		return body, nil
	}
	versions := []string{}
	out := make([]File, len(files))
	for i, f := range files {
		f.URL = address(f)
		out[i] = f
		if v := version(name, f.Name); v != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	body, err := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "versions": versions, "files": out})
	if err != nil {
		return nil, fmt.Errorf("write the page of %s: %w", name, err)
	}
	sc.bodies[name] = body
	return body, nil
}

// address is where a file lies, as seen from its project's page.
func address(f File) string { return "../../files/" + f.Hashes["sha256"] + "/" + f.Name }

// hypertext is the page of PEP 503, with the attributes of PEP 592, 658 and 714.
func hypertext(rw http.ResponseWriter, name string, files []File) error {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(rw, "<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.1\"><title>%s</title></head><body>\n", html.EscapeString(name))
	for _, f := range files {
		fmt.Fprintf(rw, `<a href="%s#sha256=%s"`, html.EscapeString(address(f)), f.Hashes["sha256"])
		if f.RequiresPython != "" {
			fmt.Fprintf(rw, ` data-requires-python="%s"`, html.EscapeString(f.RequiresPython))
		}
		if f.IsYanked() {
			fmt.Fprintf(rw, ` data-yanked="%s"`, html.EscapeString(fmt.Sprint(f.Yanked)))
		}
		if f.Metadata != nil {
			fmt.Fprint(rw, ` data-core-metadata="true" data-dist-info-metadata="true"`)
		}
		fmt.Fprintf(rw, ">%s</a><br>\n", html.EscapeString(f.Name))
	}
	fmt.Fprint(rw, "</body></html>\n")
	return nil
}

// file serves a distribution or its metadata; only what a page of this scene has named is served.
func (w *World) file(rw http.ResponseWriter, r *http.Request, sc *scene, rest string) error {
	sum, name, _ := strings.Cut(rest, "/")
	name, isMetadata := strings.CutSuffix(name, ".metadata")
	f, ok := sc.named(sum, name)
	if !ok { // a lock file names files without asking for their page
		if _, err := w.files(r.Context(), sc, pep440.Normalize(project(name))); err != nil {
			return err
		}
		if f, ok = sc.named(sum, name); !ok {
			return errUnknown
		}
	}
	var data []byte
	var err error
	switch {
	case f.own != nil && isMetadata:
		data = f.own.metadata
	case f.own != nil:
		data = f.own.wheel
	case isMetadata:
		data, err = w.mirror.metadata(r.Context(), f)
	default:
		data, err = w.mirror.file(r.Context(), f)
	}
	if err != nil {
		return err
	}
	rw.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(rw, r, "", time.Time{}, strings.NewReader(string(data)))
	return nil
}

func (sc *scene) named(sum, name string) (File, bool) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	f, ok := sc.byFile[sum+"/"+name]
	return f, ok
}
