package world

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// errUnknown says that the real index has no such thing.
var errUnknown = errors.New("the index does not know it")

// Mirror reads the real index and keeps what it read for ever: pages by name, files by their sha256. What is
// cut away at a date does not change any more, but for releases yanked later.
type Mirror struct {
	Upstream string // root of the simple API
	Dir      string // where it keeps what it read
	Offline  bool   // answer from Dir alone

	once   sync.Once
	slots  chan struct{}
	client *http.Client
	mu     sync.Mutex
	pages  map[string][]File
}

// File is one distribution as PEP 691 describes it.
type File struct {
	Name           string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	Size           int64             `json:"size,omitempty"`
	Uploaded       time.Time         `json:"upload-time"`
	Yanked         any               `json:"yanked,omitempty"`        // false, true, or the reason
	Metadata       any               `json:"core-metadata,omitempty"` // PEP 714

	own *built // of an overlay; nil for what the real index has
}

// IsYanked says whether the file is yanked (PEP 592).
func (f File) IsYanked() bool {
	s, isText := f.Yanked.(string)
	b, _ := f.Yanked.(bool)
	return b || isText && s != ""
}

func (m *Mirror) start() {
	m.once.Do(func() {
		m.slots = make(chan struct{}, parallel)
		m.client = &http.Client{Timeout: requestTimeout}
		m.pages = map[string][]File{}
	})
}

// page lists all files of a project; an error wraps errUnknown where the real index has none.
func (m *Mirror) page(ctx context.Context, name string) ([]File, error) {
	m.start()
	name = pep440.Normalize(name)
	m.mu.Lock()
	files, ok := m.pages[name]
	m.mu.Unlock()
	if ok {
		if files == nil {
			return nil, fmt.Errorf("%s: %w", name, errUnknown)
		}
		return files, nil
	}
	at, err := url.JoinPath(m.Upstream, name, "/")
	if err != nil {
		return nil, fmt.Errorf("make the address of %s: %w", name, err)
	}
	data, err := m.kept(ctx, filepath.Join(m.Dir, "pages", name+".json"), at, "application/vnd.pypi.simple.v1+json", maxPage, "")
	if err != nil && !errors.Is(err, errUnknown) {
		return nil, err
	}
	if err == nil {
		var pg struct{ Files []File }
		if err := json.Unmarshal(data, &pg); err != nil {
			return nil, fmt.Errorf("read the page of %s: %w", name, err)
		}
		files = append(make([]File, 0, len(pg.Files)), pg.Files...)
	}
	m.mu.Lock()
	m.pages[name] = files
	m.mu.Unlock()
	return files, err
}

// file returns the content of a distribution.
func (m *Mirror) file(ctx context.Context, f File) ([]byte, error) {
	sum := f.Hashes["sha256"]
	return m.kept(ctx, filepath.Join(m.Dir, "files", sum[:2], sum), f.URL, "", maxFile, sum)
}

// metadata returns the core metadata of a wheel: what the index has (PEP 658), else what is in the wheel.
func (m *Mirror) metadata(ctx context.Context, f File) ([]byte, error) {
	sum := f.Hashes["sha256"]
	path := filepath.Join(m.Dir, "metadata", sum[:2], sum)
	data, err := m.kept(ctx, path, f.URL+".metadata", "", maxFile, "")
	if !errors.Is(err, errUnknown) || m.Offline {
		return data, err
	}
	if data, err = m.fromWheel(ctx, f); err != nil {
		return nil, fmt.Errorf("metadata of %s: %w", f.Name, err)
	}
	return data, keep(path, data)
}

// kept answers from the file at path, or asks and keeps. An unknown thing is kept as an empty file.
func (m *Mirror) kept(ctx context.Context, path, from, accept string, limit int64, sum string) ([]byte, error) {
	m.start()
	data, err := os.ReadFile(path)
	if err == nil && len(data) == 0 {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), errUnknown)
	}
	if err == nil {
		return data, nil
	}
	if m.Offline {
		return nil, fmt.Errorf("%s is not in the mirror, and it may not ask: %w", filepath.Base(path), err)
	}
	m.slots <- struct{}{}
	defer func() { <-m.slots }()
	for try := 1; ; try++ {
		data, err = m.ask(ctx, from, accept, limit)
		if err == nil || errors.Is(err, errUnknown) || try == tries || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Duration(try) * time.Second)
	}
	if err != nil && !errors.Is(err, errUnknown) {
		return nil, err
	}
	if got := sha256.Sum256(data); err == nil && sum != "" && hex.EncodeToString(got[:]) != sum {
		return nil, fmt.Errorf("ask for %s: what came has another sha256", filepath.Base(from))
	}
	return data, errors.Join(err, keep(path, data))
}

func (m *Mirror) ask(ctx context.Context, from, accept string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", from, err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	req.Header.Set("User-Agent", "drydock-plannerbench")
	res, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", from, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("ask for %s: %w", from, errUnknown)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for %s: status %s", from, res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: more than %d bytes", from, limit)
	}
	return data, nil
}

// keep writes a file whole or not at all.
func keep(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	return nil
}

// version is the version in a distribution's name, "" where it has none.
func version(project, filename string) string {
	base, isWheel := strings.CutSuffix(filename, ".whl")
	if isWheel {
		if parts := strings.Split(base, "-"); len(parts) > 1 {
			return parts[1]
		}
		return ""
	}
	for _, end := range []string{".tar.gz", ".zip", ".tar.bz2", ".tgz"} {
		if b, ok := strings.CutSuffix(filename, end); ok {
			// The name may hold dashes itself: what follows as many of them is the version.
			parts := strings.SplitN(b, "-", strings.Count(pep440.Normalize(project), "-")+2)
			if len(parts) > 1 && pep440.Normalize(strings.Join(parts[:len(parts)-1], "-")) == pep440.Normalize(project) {
				return parts[len(parts)-1]
			}
			if i := strings.LastIndexByte(b, '-'); i > 0 {
				return b[i+1:]
			}
		}
	}
	return ""
}

// project is the name at the front of a distribution's file name.
func project(filename string) string {
	cut := strings.IndexByte(filename, '-')
	if !strings.HasSuffix(filename, ".whl") {
		cut = strings.LastIndexByte(filename, '-')
	}
	return filename[:max(cut, 0)]
}
