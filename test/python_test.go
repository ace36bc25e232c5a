package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDemoInstalls: the demo's requirements as they are, and each requirements file of its plan, install
// together from the real index, and the service's tests pass with them.
func TestDemoInstalls(t *testing.T) {
	if os.Getenv("DRYDOCK_E2E") != "1" {
		t.Skip("installs from the package index: make e2e runs it")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	out, app := t.TempDir(), filepath.Join(root(t), "deploy", "demo")
	playDemo(t, t.TempDir(), "OUT="+out)
	files, err := filepath.Glob(filepath.Join(out, "plan", "requirements_*.txt"))
	if err != nil || len(files) != 3 {
		t.Fatalf("the plan wrote %v, want three requirements files (%v)", files, err)
	}
	for _, file := range append(files, filepath.Join(app, "requirements.txt")) {
		env := t.TempDir()
		bin := filepath.Join(env, "bin", "python")
		for _, cmd := range []*exec.Cmd{
			exec.Command(python, "-m", "venv", env),
			exec.Command(bin, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", file, "-r", filepath.Join(app, "requirements-dev.txt")),
			exec.Command(bin, "-m", "pip", "check"),
			exec.Command(bin, "-m", "pytest", "-q"),
		} {
			cmd.Dir, cmd.Env = app, append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %v\n%s", filepath.Base(file), cmd.Args, err, out)
			}
		}
	}
}
