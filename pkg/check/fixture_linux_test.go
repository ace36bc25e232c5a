package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/check/checktest"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/policy"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == dock.ChildArg {
		syscall.Exit(dock.ChildMain()) // os.Exit under the race detector waits for a second
	}
	os.Exit(m.Run())
}

// docks are those of this host.
func docks(t testing.TB) []dock.Dock {
	t.Helper()
	var out []dock.Dock
	for _, o := range dock.Offers(t.Context()) {
		if !o.Available {
			t.Logf("this host does not offer %s: %s", o.Level, o.Why)
			continue
		}
		d, err := dock.At(t.Context(), o.Level)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		t.Skip("this host offers no isolation")
	}
	return out
}

// interpreter is a real Python 3 of this host, past any shim; the system's where there is one, because every user
// gets to it, which not every level can do without.
func interpreter(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.Command(name, "-c", "import os, sys; print(os.path.realpath(sys.executable))").Output()
		if p := strings.TrimSpace(string(out)); err == nil && filepath.IsAbs(p) {
			return p
		}
	}
	t.Skip("this host has no Python 3")
	return ""
}

// openDir is a folder that every user gets to, which t.TempDir is not.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "check-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = artifact.Remove(dir) })
	return dir
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if os.MkdirAll(filepath.Dir(p), 0o755) != nil || os.WriteFile(p, []byte(text), mode) != nil {
			t.Fatalf("write %s", p)
		}
	}
}

// sealed is an artifact of a source, as artifact.Store keeps it: read-only.
func sealed(t testing.TB, python string, source map[string]string) string {
	t.Helper()
	root := openDir(t)
	if os.MkdirAll(filepath.Join(root, "venv/bin"), 0o755) != nil || os.Mkdir(filepath.Join(root, "src"), 0o755) != nil || os.Symlink(python, filepath.Join(root, "venv/bin/python")) != nil || os.Symlink("python", filepath.Join(root, "venv/bin/python3")) != nil {
		t.Fatal("make an environment")
	}
	write(t, filepath.Join(root, "venv"), map[string]string{"pyvenv.cfg": "home = " + filepath.Dir(python) + "\ninclude-system-site-packages = false\n", "bin/tool": "#!/nowhere/python\nimport sys; print('tool', sys.argv[1:], sys.prefix == sys.base_prefix)\n"})
	write(t, filepath.Join(root, "src"), source)
	_ = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err == nil {
			err = os.Chmod(p, info.Mode().Perm()&^0o222)
		}
		return err
	})
	return root
}

// overlay has a pytest of our own.
func overlay(t testing.TB) string {
	t.Helper()
	dir := openDir(t)
	write(t, dir, map[string]string{"pytest/__init__.py": "", "pytest/__main__.py": checktest.Pytest, "bin/pytest": "#!/build/venv/bin/python\nimport sys\nfrom pytest.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"})
	return dir
}

// bench is what most tests need: a runner at a level and the place of an application.
type bench struct {
	Runner
	place Place
}

func newBench(t testing.TB, d dock.Dock, source map[string]string) bench {
	t.Helper()
	python := interpreter(t)
	return bench{Runner{Dock: d, Interpreter: python, Work: t.TempDir(), Limits: dock.Limits{Time: patience, Memory: 512 << 20}}, Place{Root: sealed(t, python, source), Overlay: overlay(t)}}
}

// run runs a command that has a result, and looks for what it left in the runner's folder.
func (b bench) run(t testing.TB, c application.Check) Result {
	t.Helper()
	r, err := b.Run(t.Context(), "tests", c, b.place)
	if err != nil {
		t.Fatalf("%s: %v", b.Dock.Level(), err)
	}
	if left, _ := os.ReadDir(b.Work); len(left) > 0 {
		t.Errorf("%s: left %v", b.Dock.Level(), left)
	}
	if r.Run.Level != b.Dock.Level() || r.Name != "tests" || r.Started.IsZero() || r.Command != c.Command.String() {
		t.Errorf("%s: %+v", b.Dock.Level(), r)
	}
	return r
}

func command(words ...string) application.Check {
	return application.Check{Command: words, Timeout: policy.Duration(patience)}
}

// patience is what no command needs that is to end by itself.
const patience = 10 * time.Minute

func python(script string) application.Check { return command("python", "-c", script) }
