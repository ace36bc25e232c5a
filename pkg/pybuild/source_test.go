package pybuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backend is a build backend (PEP 517) of some lines, as a wheel: the real ones are not made on the spot.
const backend = `import os, sys, zipfile
sys.path.insert(0, os.getcwd())
def build_wheel(to, config_settings=None, metadata_directory=None):
    import build_me
    name = "sourced-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(to, name), "w") as z:
        def put(p, text): z.writestr(zipfile.ZipInfo(p, (1980, 1, 1, 0, 0, 0)), text)
        put("sourced.py", "EPOCH = %r\nWHERE = %r\n" % (os.environ["SOURCE_DATE_EPOCH"], build_me.where()))
        put("sourced-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sourced\nVersion: 1.0\n")
        put("sourced-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        put("sourced-1.0.dist-info/RECORD", "sourced.py,,\nsourced-1.0.dist-info/METADATA,,\nsourced-1.0.dist-info/WHEEL,,\nsourced-1.0.dist-info/RECORD,,\n")
    return name
`

// A source distribution is built inside, offline, by what is given for it, and comes out the same everywhere.
func TestBuildOfSource(t *testing.T) {
	s := newShop(t)
	s.wheel("backend", "1.0", map[string]string{"backend.py": backend})
	project := "[build-system]\nrequires = ['backend']\nbuild-backend = 'backend'\n"
	s.source("sourced", "1.0", map[string]string{"pyproject.toml": project, "build_me.py": "def where(): return 'inside'\n"})
	s.source("fails", "1.0", map[string]string{"pyproject.toml": project})
	s.source("other", "1.0", map[string]string{"pyproject.toml": project, "build_me.py": "def where(): return 'x'\n"})
	sums := map[string]string{}
	for _, d := range docks(t) {
		b := builder(t, s, d)
		to := filepath.Join(openDir(t), "venv")
		var e *Error
		if _, err := b.Build(t.Context(), s.want("sourced"), to); !errors.As(err, &e) || e.Kind != SourceBuild || e.Package != "sourced" || !strings.Contains(err.Error(), "nothing is given to build it with") {
			t.Errorf("%s: with nothing to build with: %v", d.Level(), err)
		}
		b.BuildWith = s.want("backend")
		for _, c := range []struct{ name, says string }{{"fails", "No module named 'build_me'"}, {"other", "but the wheel declares name sourced"}} {
			if _, err := b.Build(t.Context(), s.want(c.name), to); !errors.As(err, &e) || e.Kind != SourceBuild || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), os.TempDir()+"/") {
				t.Errorf("%s at %s: %v", c.name, d.Level(), err)
			}
		}
		built, err := b.Build(t.Context(), s.want("sourced"), to)
		if err != nil {
			t.Errorf("%s: %v\n%s", d.Level(), err, built.Log)
			continue
		}
		if len(built.Installed) != 1 || built.Installed[0].Hashes[0] != "sha256:"+s.want("sourced")[0].File.Hashes["sha256"] {
			t.Errorf("%s: %+v", d.Level(), built.Installed)
		}
		sums[digest(t, b, to)] = to
		if got := output(t, nil, filepath.Join(to, "bin", "python"), "-B", "-c", "import sourced; print(sourced.EPOCH, sourced.WHERE)"); got != epoch+" inside\n" {
			t.Errorf("%s: %q", d.Level(), got)
		}
		if _, err := os.Stat(filepath.Join(to, sitePath(b.Interpreter.Version), "backend.py")); err == nil {
			t.Errorf("%s: what it is built with ships", d.Level())
		}
		nothingLeft(t, b)
	}
	if len(sums) != 1 {
		t.Errorf("%d different environments", len(sums))
		compare(t, sums)
	}
}
