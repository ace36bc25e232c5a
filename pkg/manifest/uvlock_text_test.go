package manifest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/uvlock"
)

const smallLock = `version = 1
revision = 3
requires-python = ">=3.9"

[options]
fork-strategy = "fewest"

[[manifest.dependency-metadata]]
name = "x"

[[package]]
name = "app"
source = { editable = "." }
dependencies = [
    { name = "numpy", version = "2.0.2", source = { registry = "https://a.example/simple" }, marker = "python_full_version < '3.10'" },
]

[package.optional-dependencies]
x = [
    { name = "numpy", version = "2.0.2", source = { registry = "https://a.example/simple" } },
]

[package.dev-dependencies]
dev = [{ name = "numpy" }]

[package.metadata]
requires-dist = [{ name = "numpy", specifier = ">=2", index = "https://a.example/simple" }]
provides-extras = ["x"]

[package.metadata.requires-dev]
dev = [{ name = "numpy" }]

[[package]]
name = "numpy"
version = "2.0.2"
source = { registry = "https://a.example/simple" }
resolution-markers = [
    "python_full_version < '3.10'",
]
sdist = { url = "https://a.example/f/numpy-2.0.2.tar.gz#sha256=0", hash = "sha256:00", size = 1 }
wheels = [
    { url = "https://a.example/f/numpy-2.0.2%2Blocal-py3-none-any.whl", hash = "sha256:00", size = 1 },
]
`

func TestUVLockForUV(t *testing.T) {
	l, _, err := readLock([]byte(smallLock))
	if err != nil {
		t.Fatal(err)
	}
	text := string(l.forUV())
	for _, want := range []string{"[options]\nprerelease-mode = \"allow\"\nfork-strategy = \"fewest\"\n", "name = \"app\"\nversion = \"0\"\n", `registry = "` + uv.LockIndex + `"`, uv.LockFile("numpy", "numpy-2.0.2.tar.gz"), uv.LockFile("numpy", "numpy-2.0.2+local-py3-none-any.whl"), `{ name = "numpy", specifier = ">=2" }`} {
		if !strings.Contains(text, want) {
			t.Errorf("misses %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "a.example") || strings.Contains(text, "dependency-metadata") || strings.Count(text, "[options]") != 1 {
		t.Errorf("too much is left:\n%s", text)
	}
	for _, p := range l.Packages {
		block := strings.TrimRight(string(l.Block(p)), "\n") + "\n"
		parts, err := split(block)
		if err != nil || parts.text() != block {
			t.Errorf("%s: %v\n%s", p.Name, err, parts.text())
		}
	}
}

// The requirements of what nobody can read without building it come from the lock.
func TestUVLockTellsWhatAPackageNeeds(t *testing.T) {
	p := &uvlock.Package{Name: "a", Version: "1", Dependencies: []uvlock.Dependency{{Name: "b"}, {Name: "c", Extra: []string{"x", "y"}, Marker: "os_name == 'nt' or os_name == 'x'"}},
		OptionalDependencies: map[string][]uvlock.Dependency{"z": {{Name: "d", Marker: "os_name == 'nt'"}}}}
	want := "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b\nRequires-Dist: c[x,y] ; (os_name == 'nt' or os_name == 'x')\nProvides-Extra: z\nRequires-Dist: d ; (os_name == 'nt') and extra == 'z'\n\n"
	if got := string(fromLock(p)); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestUVLockSplitRefuses(t *testing.T) {
	for _, block := range []string{"[[package]]\nname = \"a\"\nwonder = 1\n", "[[package]]\ndependencies = [\n    { name = \"x\" },\n", "[[package]]\n[package.other]\n"} {
		if _, err := split(block); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%q: %v", block, err)
		}
	}
}

func FuzzUVLockText(f *testing.F) {
	f.Add([]byte(smallLock))
	f.Add(bytes.ReplaceAll([]byte(smallLock), []byte("\n"), []byte("\r\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, ends, err := readLock(data)
		if err != nil {
			return
		}
		text := l.forUV()
		if _, err := uvlock.Parse(text); err != nil {
			t.Errorf("what uv would see can't be read: %v\n%s", err, text)
		}
		if bytes.Contains(data, []byte("\r\n")) != ends.crlf {
			t.Error("line ends are lost")
		}
		for _, p := range l.Packages {
			if parts, err := split(string(l.Block(p))); err == nil {
				_ = parts.text()
			}
		}
	})
}
