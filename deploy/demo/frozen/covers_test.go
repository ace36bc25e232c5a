package frozen

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/pybuild"
)

// pins are all that is ever installed in the demo.
func pins(t *testing.T) [][]byte {
	t.Helper()
	all, err := Pins("..")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The demo can be installed wherever Drydock runs: each pin, the tests' too, has a wheel.
func TestEveryPinHasAWheel(t *testing.T) {
	w := &Wheels{dir: filepath.Join("..", "index")}
	for minor := 10; minor <= 14; minor++ {
		for _, on := range []struct{ platform, machine string }{{"linux", "x86_64"}, {"linux", "aarch64"}, {"darwin", "x86_64"}, {"darwin", "arm64"}} {
			env := pep508.Environment{Python: fmt.Sprintf("3.%d", minor), Platform: on.platform, Machine: on.machine}
			all, err := w.wanted(env, pins(t))
			if err != nil {
				t.Errorf("%v: %v", env, err)
				continue
			}
			var size int64
			pytest := false
			for _, x := range all {
				size += x.File.Size
				pytest = pytest || strings.HasPrefix(x.File.Name, "pytest-7.4.3-")
			}
			if !pytest || size == 0 || size > 10e6 {
				t.Errorf("%v: %d wheels, %d bytes, pytest: %v", env, len(all), size, pytest)
			}
		}
	}
}

// DRYDOCK_E2E: what the frozen pages and metadata say is what the real wheels are. Of pages everything is compared
// that both have; metadata of what is installed on a machine like this one, field by field.
func TestFrozenIsReal(t *testing.T) {
	if os.Getenv("DRYDOCK_E2E") == "" {
		t.Skip("DRYDOCK_E2E is not set: this asks the package index")
	}
	client := index.NewClient(index.Config{URL: os.Getenv("DRYDOCK_INDEX_URL")})
	w, err := OpenWheels(filepath.Join("..", "index"), filepath.Join("..", "..", "..", ".cache", "demo-files"), t.TempDir(), client)
	if err != nil {
		t.Fatal(err)
	}
	pages, _ := filepath.Glob(filepath.Join("..", "index", "*.json")) // the pattern is well formed
	for _, path := range pages {
		samePage(t, w, client, strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	for minor := 10; minor <= 14; minor++ {
		env := pybuild.Here(fmt.Sprintf("3.%d", minor))
		if err := w.Stock(t.Context(), env, func(line string) { t.Log(env.Python, line) }, pins(t)...); err != nil {
			t.Fatal(err)
		}
		all, err := w.wanted(env, pins(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			sameMetadata(t, w, x.File)
		}
	}
}

func samePage(t *testing.T, w *Wheels, client *index.Client, name string) {
	t.Helper()
	ours, err := w.page(name)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := client.Project(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ours.Releases {
		for _, f := range r.Files {
			have := release(theirs, r.Version)
			i := slices.IndexFunc(have, func(h index.File) bool { return h.Name == f.Name })
			if i < 0 {
				t.Errorf("%s is not on the index", f.Name)
				continue
			}
			h := have[i]
			if h.Hashes["sha256"] != f.Hashes["sha256"] || h.Size != f.Size || h.RequiresPython != f.RequiresPython || h.Yanked != f.Yanked || !h.Uploaded.Equal(*f.Uploaded) {
				t.Errorf("%s: %+v, the index says %+v", f.Name, f, h)
			}
		}
	}
}

// sameMetadata compares what the frozen index says of a wheel with METADATA in it.
func sameMetadata(t *testing.T, w *Wheels, f index.File) {
	t.Helper()
	data, err := w.read(t.Context(), f.Name)
	if err != nil {
		t.Error(err)
		return
	}
	frozen, err := metadataOf(w.dir, f.Name)
	if err != nil {
		t.Error(err)
		return
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Error(err)
		return
	}
	at := slices.IndexFunc(z.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, ".dist-info/METADATA") })
	if at < 0 {
		t.Errorf("%s has no METADATA", f.Name)
		return
	}
	real, err := fs.ReadFile(z, z.File[at].Name)
	if err != nil {
		t.Error(err)
		return
	}
	if a, b := stated(t, frozen), stated(t, real); a != b {
		t.Errorf("%s: frozen\n%s\nreal\n%s", f.Name, a, b)
	}
}

// stated is what a resolver reads of metadata.
func stated(t *testing.T, data []byte) string {
	t.Helper()
	m, err := coremeta.Parse(data)
	if err != nil {
		t.Error(err)
		return ""
	}
	all := []string{m.Version, m.Name, m.Release, m.RequiresPython, fmt.Sprint(m.Extras, m.Dynamic, m.Unread)}
	for _, q := range m.Requires {
		all = append(all, q.String())
	}
	return strings.Join(all, "\n")
}
