package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/index"
)

// TestDemoInstalls: the demo's requirements as they are, and each requirements file of its plan, install
// together from the demo's index, whose files are those of the real one, and the service's tests pass with them.
func TestDemoInstalls(t *testing.T) {
	if os.Getenv("DRYDOCK_E2E") != "1" {
		t.Skip("fetches from the package index: make e2e runs it")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	out, app, uv := t.TempDir(), filepath.Join(root(t), "deploy", "demo"), uvTool(t)
	playDemo(t, t.TempDir(), "OUT="+out)
	files, err := filepath.Glob(filepath.Join(out, "plan", "requirements_*.txt"))
	if err != nil || len(files) != 3 {
		t.Fatalf("the plan wrote %v, want three requirements files (%v)", files, err)
	}
	real := index.NewClient(index.Config{URL: os.Getenv("DRYDOCK_INDEX_URL")})
	wheels, err := frozen.OpenWheels(filepath.Join(app, "index"), filepath.Join(root(t), ".cache", "demo-files"), t.TempDir(), real)
	if err != nil {
		t.Fatal(err)
	}
	url, stop, err := wheels.Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	cache := t.TempDir()
	for _, file := range append(files, filepath.Join(app, "requirements.txt")) {
		env := filepath.Join(t.TempDir(), "env")
		bin := filepath.Join(env, "bin", "python")
		for _, cmd := range []*exec.Cmd{
			exec.Command(uv, "venv", "--no-config", "--python", python, env),
			exec.Command(uv, "pip", "install", "--no-config", "--python", bin, "--default-index", url, "--only-binary", ":all:", "-r", file, "-r", filepath.Join(app, "requirements-dev.txt")),
			exec.Command(uv, "pip", "check", "--no-config", "--python", bin),
			exec.Command(bin, "-m", "pytest", "-q"),
		} {
			cmd.Dir, cmd.Env = app, append(cleanEnv(t), "PYTHONDONTWRITEBYTECODE=1", "UV_CACHE_DIR="+cache)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %v\n%s", filepath.Base(file), cmd.Args, err, out)
			}
		}
	}
}
