// Package frozen holds what the demo knows of the world, as it was at one moment:
// advisories, packed the way OSV publishes them, and a package index on loopback.
package frozen

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
// page for each project: what the index said at the time the demo plays. Each
// page's wheels have core metadata (PEP 658), out of the folder's metadata/:
// what stands there of a release holds for all its wheels. It is the head of
// the real metadata, as far as a resolver reads it, and has the hash that the
// page states; the wheel has its own. The files themselves are those of Wheels.
func Index(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data []byte
		var err error
		kind := simpleJSON
		switch folder, name, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/"); {
		case r.Method != http.MethodGet || strings.ContainsAny(name, `/\`):
			err = fs.ErrNotExist
		case folder == "simple" && name == "":
			list(w, dir)
			return
		case folder == "simple":
			data, err = offer(dir, name)
		case folder == "files" && strings.HasSuffix(name, ".whl.metadata"):
			kind = "text/plain"
			data, err = metadataOf(dir, strings.TrimSuffix(name, ".metadata"))
		default:
			err = fs.ErrNotExist
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			http.NotFound(w, r)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(data) // a client that went away has no use for an error
		}
	})
}

// offer is the page of a project, with the sha256 of each wheel's metadata.
func offer(dir, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err != nil {
		return nil, err
	}
	var page map[string]any
	if err := json.Unmarshal(data, &page); err != nil {
		return nil, fmt.Errorf("read the page of %s: %w", name, err)
	}
	files, _ := page["files"].([]any)
	for _, f := range files {
		file, _ := f.(map[string]any)
		filename, _ := file["filename"].(string)
		meta, err := metadataOf(dir, filename)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(meta)
		file["core-metadata"] = map[string]string{"sha256": hex.EncodeToString(sum[:])}
	}
	return json.Marshal(page)
}

// metadataOf is the core metadata of a wheel: the paragraph of its release.
func metadataOf(dir, wheel string) ([]byte, error) {
	name, rest, ok := strings.Cut(wheel, "-")
	version, _, ok2 := strings.Cut(rest, "-")
	if !ok || !ok2 || !strings.HasSuffix(wheel, ".whl") {
		return nil, fs.ErrNotExist
	}
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-") // PEP 503, as far as these names need it
	data, err := os.ReadFile(filepath.Join(dir, "metadata", name+".txt"))
	if err != nil {
		return nil, err
	}
	for p := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		if strings.Contains(p+"\n", "\nVersion: "+version+"\n") {
			return []byte(p + "\n"), nil
		}
	}
	return nil, fs.ErrNotExist
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

// Serve serves the frozen index, without the files, on a free loopback port and
// returns its address and how to stop it.
func Serve(dir string) (url string, stop func(), err error) {
	if _, err := os.Stat(dir); err != nil {
		return "", nil, fmt.Errorf("open the frozen index: %w", err)
	}
	return listen(Index(dir))
}

func listen(h http.Handler) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("serve the frozen index: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
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
