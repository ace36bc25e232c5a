package frozen

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/wheel"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

// Wheels are the files of the frozen index. They are the real ones: each is fetched once from a real index,
// with the product's own client, and kept by the sha256 that the frozen page states; what has another is
// neither kept nor handed out.
type Wheels struct {
	dir     string // pages, as Index takes them
	scratch string
	house   *wheelhouse.House
	from    real
}

// OpenWheels keeps in cache what it fetches from an index. scratch is for what is handed out at the moment.
func OpenWheels(dir, cache, scratch string, from index.Fetcher) (*Wheels, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open the frozen index: %w", err)
	}
	house, err := wheelhouse.Open(cache)
	if err != nil {
		return nil, err
	}
	return &Wheels{dir: dir, scratch: scratch, house: house, from: real{from}}, nil
}

// Serve serves the index with its files, as the function Serve does without.
func (w *Wheels) Serve() (url string, stop func(), err error) { return listen(w) }

// ServeHTTP answers as Index does, and beside it GET /files/<wheel> with the wheel.
func (w *Wheels) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	folder, name, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	if folder != "files" || !strings.HasSuffix(name, ".whl") || r.Method != http.MethodGet {
		Index(w.dir).ServeHTTP(rw, r)
		return
	}
	data, err := w.read(r.Context(), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.NotFound(rw, r)
	case err != nil:
		http.Error(rw, err.Error(), http.StatusBadGateway)
	default:
		rw.Header().Set("Content-Type", "application/octet-stream")
		_, _ = rw.Write(data) // a client that went away has no use for an error
	}
}

// read is a wheel, verified.
func (w *Wheels) read(ctx context.Context, name string) ([]byte, error) {
	n, err := wheel.Parse(name)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	p, err := w.page(n.Distribution)
	if err != nil {
		return nil, err
	}
	for _, r := range p.Releases {
		if i := slices.IndexFunc(r.Files, func(f index.File) bool { return f.Name == name }); i >= 0 {
			into := filepath.Join(w.scratch, "wheel-"+rand.Text())
			if err := w.house.Gather(ctx, w.from, []wheelhouse.Wanted{{Project: p, File: r.Files[i]}}, into, nil); err != nil {
				return nil, err
			}
			data, err := os.ReadFile(filepath.Join(into, name))
			return data, errors.Join(err, os.RemoveAll(into))
		}
	}
	return nil, fs.ErrNotExist
}

func (w *Wheels) page(project string) (*index.Project, error) {
	data, err := os.ReadFile(filepath.Join(w.dir, project+".json"))
	if err != nil {
		return nil, err
	}
	return index.ReadDocument(project, data)
}

// Planned are the versions that the plan of the demo moves to: a function of what is frozen, which test/demo_test.go
// holds it to.
const Planned = `certifi==2024.7.4
flask==2.3.2
idna==3.7
jinja2==3.1.4
pyjwt==2.4.0
requests==2.32.2
urllib3==1.26.19
waitress==3.0.1
werkzeug==3.0.6
`

// Pins are requirements files with all that is ever installed in the demo, whose folder is app: what the application
// and its tests need, as it is and as it is planned.
func Pins(app string) ([][]byte, error) {
	all := [][]byte{[]byte(Planned)}
	for _, name := range []string{"requirements.txt", "requirements-dev.txt"} {
		data, err := os.ReadFile(filepath.Join(app, name))
		if err != nil {
			return nil, fmt.Errorf("read what the demo installs: %w", err)
		}
		all = append(all, data)
	}
	return all, nil
}

// Stock fetches what installing the pins of requirements files takes in an environment, so that from then on no
// network is needed. say is told once, if anything is fetched.
func (w *Wheels) Stock(ctx context.Context, env pep508.Environment, say func(string), files ...[]byte) error {
	wanted, err := w.wanted(env, files)
	if err != nil {
		return err
	}
	size := int64(0)
	for _, x := range wanted {
		size += x.File.Size
	}
	amount := fmt.Sprintf("%d wheels (%.1f MB)", len(wanted), float64(size)/1e6)
	var once sync.Once
	fetching := func(string, int64) {
		once.Do(func() {
			say("fetching what is not in the cache of the " + amount + " that the demo installs; each is held to its sha256")
		})
	}
	into := filepath.Join(w.scratch, "stock-"+rand.Text())
	err = w.house.Gather(ctx, w.from, wanted, into, fetching)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, index.ErrUnreachable):
		return fmt.Errorf("the demo installs %s from the package index the first time, and needs the network for that once (DRYDOCK_INDEX_URL names another index): %w", amount, err)
	case err != nil:
		return fmt.Errorf("fetch what the demo installs: %w", err)
	}
	return os.RemoveAll(into)
}

// wanted are the wheels of all pins that hold in the environment and that it can use.
func (w *Wheels) wanted(env pep508.Environment, files [][]byte) ([]wheelhouse.Wanted, error) {
	byName := map[string]wheelhouse.Wanted{}
	for _, text := range files {
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			q, err := pep508.Parse(line)
			version, pinned := strings.CutPrefix(q.Specifier, "==")
			if err != nil || !pinned {
				return nil, fmt.Errorf("read a pin of the demo, %q: not NAME==VERSION: %w", line, err)
			}
			if q.Marker.Holds(env, "") == pep508.Untrue {
				continue
			}
			p, err := w.page(q.Name)
			if err != nil {
				return nil, fmt.Errorf("look for %s in the demo's index: %w", q.Name, err)
			}
			found := false
			for _, f := range release(p, version) {
				if wheel.Supports(env, f.Name) {
					byName[f.Name], found = wheelhouse.Wanted{Project: p, File: f}, true
				}
			}
			if !found {
				return nil, fmt.Errorf("the demo's index has no wheel of %s %s for Python %s, %s, %s", q.Name, version, env.Python, env.Platform, env.Machine)
			}
		}
	}
	var all []wheelhouse.Wanted
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all, nil
}

// release is the files of a version.
func release(p *index.Project, version string) []index.File {
	for _, r := range p.Releases {
		if r.Version == version {
			return r.Files
		}
	}
	return nil
}

// real takes from a real index what a frozen page describes.
type real struct{ index.Fetcher }

// Fetch writes the file that has the frozen page's name and sha256, wherever the real index has it.
func (r real) Fetch(ctx context.Context, frozen *index.Project, f index.File, w io.Writer) error {
	p, err := r.Project(ctx, frozen.Name)
	if err != nil {
		return err
	}
	n, ok := index.VersionOf(frozen.Name, f.Name)
	if !ok {
		return fmt.Errorf("fetch %s: %w", f.Name, index.ErrUnreadable)
	}
	for _, have := range release(p, n.String()) {
		if have.Name == f.Name {
			have.Hashes, have.Size = f.Hashes, f.Size
			return r.Fetcher.Fetch(ctx, p, have, w)
		}
	}
	return fmt.Errorf("fetch %s: %w: %s does not offer it", f.Name, index.ErrGone, p.Index)
}
