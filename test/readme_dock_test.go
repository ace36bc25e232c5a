package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pybuild"
)

// demoIndex serves the demo's index. lacks says what this host has not of what the dock takes, be it the files of the
// index; empty: it has all.
func demoIndex(t *testing.T) (url, lacks string) {
	t.Helper()
	dir := filepath.Join(root(t), "deploy/demo")
	// The port of the real index is closed: a test reaches no outside host.
	shop, err := frozen.OpenWheels(filepath.Join(dir, "index"), filepath.Join(root(t), ".cache", "demo-files"), t.TempDir(), index.NewClient(index.Config{URL: "http://127.0.0.1:9/simple/", Tries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	url, stop, err := shop.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop) // the scripts run in parallel, after the function that asks
	if _, err := exec.LookPath("git"); err != nil {
		return url, "there is no git"
	}
	if err := exec.Command(binary(t), "isolation", "--least", "landlock", "--quiet").Run(); err != nil {
		return url, "no isolation is offered"
	}
	out, err := exec.Command("python3", "-I", "-S", "-c", "import sys; print(sys.version_info[1])").Output()
	minor, merr := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || merr != nil || minor < 10 || minor > 14 {
		return url, "there is no Python 3.10 to 3.14"
	}
	pins, err := frozen.Pins(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Stock(t.Context(), pybuild.Here(fmt.Sprintf("3.%d", minor)), func(string) {}, pins...); err != nil {
		return url, "the wheels are not there (make wheels): " + err.Error()
	}
	return url, ""
}

// configure makes the demo's index that of the configuration, which no command that changes things has an option for.
func configure(env *testscript.Env, url string) error {
	dir := filepath.Join(env.WorkDir, ".config")
	env.Setenv("XDG_CONFIG_HOME", dir)
	if err := os.MkdirAll(filepath.Join(dir, "drydock"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "drydock", "config.yaml"), []byte("index:\n  url: "+url+"\n"), 0o644)
}

// demoRepository makes a bare git repository of the application in dir/app.
func demoRepository(dir string) (string, error) {
	work, bare := filepath.Join(dir, "app"), filepath.Join(dir, "payments.git")
	for _, args := range [][]string{
		{"init", "-q", "--template=", "--initial-branch=main", bare + ".work"},
		{"--git-dir", filepath.Join(bare+".work", ".git"), "--work-tree", work, "add", "--force", "payments", "pytest.ini", "requirements-dev.txt", "requirements.txt", "tests", "wsgi.py"},
		{"--git-dir", filepath.Join(bare+".work", ".git"), "commit", "-q", "-m", "payments: as it runs"},
		{"clone", "-q", "--bare", bare + ".work", bare},
	} {
		cmd := exec.Command("git", args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=payments-team", "GIT_AUTHOR_EMAIL=payments-team@bank.example",
			"GIT_COMMITTER_NAME=payments-team", "GIT_COMMITTER_EMAIL=payments-team@bank.example"}
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return bare, nil
}
