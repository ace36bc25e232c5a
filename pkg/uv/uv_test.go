package uv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/pep508"
)

// unreached is a limit that is not met on any machine.
const unreached = time.Hour

// realTool is the uv of $DRYDOCK_UV, else the one `make uv` fetched.
func realTool(t testing.TB) *Tool {
	t.Helper()
	path := os.Getenv("DRYDOCK_UV")
	if path == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for path == "" && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
			if p := filepath.Join(dir, ".cache", "tools", "uv-"+Version, programName()); isProgram(p) {
				path = p
			}
		}
	}
	if path == "" {
		t.Skip("no uv " + Version + ": run `make uv`, or set DRYDOCK_UV")
	}
	tool, err := Locator{Path: path, Dir: t.TempDir()}.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3, which uv needs to run")
	}
	tool.usual = unreached
	return tool
}

// shop is an Offer of releases written as name -> version -> lines of metadata.
type shop struct {
	stock map[string]map[string]string
	mu    sync.Mutex
	asked []string
	fail  func(question string) error
	raw   func(name, version string) ([]byte, error) // in place of stock's metadata
}

func (s *shop) question(q string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if s.fail != nil {
		return s.fail(q)
	}
	return nil
}

func (s *shop) Versions(_ context.Context, name string) ([]Offered, error) {
	if err := s.question(name); err != nil {
		return nil, err
	}
	releases, ok := s.stock[name]
	if !ok {
		return nil, fmt.Errorf("look up %s: %w", name, ErrUnknown)
	}
	var out []Offered
	for v, lines := range releases {
		o := Offered{Version: v}
		for line := range strings.Lines(lines) {
			if rp, ok := strings.CutPrefix(line, "Requires-Python: "); ok {
				o.RequiresPython = strings.TrimSpace(rp)
			}
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *shop) Metadata(_ context.Context, name, version string) ([]byte, error) {
	if err := s.question(name + " " + version); err != nil {
		return nil, err
	}
	if s.raw != nil {
		return s.raw(name, version)
	}
	return []byte("Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n" + s.stock[name][version] + "\n"), nil
}

func flasks() *shop {
	return &shop{stock: map[string]map[string]string{
		"flask":      {"2.2.2": "Requires-Dist: Werkzeug (>=2.2.0)\n", "2.2.5": "Requires-Dist: werkzeug>=2.2.2\n", "3.0.0": "Requires-Dist: werkzeug>=3.0.0\nRequires-Dist: blinker>=1.6\n"},
		"werkzeug":   {"2.2.2": "", "2.2.3": "", "3.0.6": "Requires-Dist: markupsafe>=2.1\n"},
		"markupsafe": {"2.1.1": ""}, "blinker": {"1.6": "", "1.7": ""},
	}}
}

var linux311 = pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}

// TestIdentity: a program is another one when its bytes are, or the Python that it would ask.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	python := filepath.Join(dir, "python3")
	if err := os.WriteFile(python, []byte("one"), 0o755); err != nil {
		t.Fatal(err)
	}
	id := func(digest, folder string) string {
		return (&Tool{Digest: digest, lookup: []string{folder}}).Identity()
	}
	first := id("sha256:1", dir)
	if first == "" || id("sha256:1", dir) != first {
		t.Errorf("%q, then %q", first, id("sha256:1", dir))
	}
	if other := id("sha256:2", dir); other == first || other == "" {
		t.Errorf("another program: %q", other)
	}
	if err := os.WriteFile(python, []byte("another"), 0o755); err != nil {
		t.Fatal(err)
	}
	if other := id("sha256:1", dir); other == first || other == "" {
		t.Errorf("another Python: %q", other)
	}
	if got := id("", dir) + id("sha256:1", t.TempDir()); got != "" {
		t.Errorf("without a digest, or a Python: %q", got)
	}
}
