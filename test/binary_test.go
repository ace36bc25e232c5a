package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus/bustest"
)

var built struct {
	once sync.Once
	dir  string
	err  error
}

// TestMain removes what the tests built.
func TestMain(m *testing.M) {
	bustest.ServerMain() // a child that is to be a NATS server
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a temporary folder that stays is no failure of the tests
	}
	os.Exit(code)
}

// prebuiltEnv names the folder of what a parent test built, for a test that runs itself in a child.
const prebuiltEnv = "DRYDOCK_TEST_PREBUILT"

// programs builds drydock and the demo's player once, as make build does.
func programs(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(prebuiltEnv); dir != "" {
		return dir
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "drydock-test-"); built.err != nil {
			return
		}
		for _, p := range []string{"./cmd/drydock", "./scripts/demo"} {
			cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(built.dir, filepath.Base(p)), p)
			cmd.Dir, cmd.Env = root(t), append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("build %s: %w\n%s", p, err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func binary(t testing.TB) string {
	t.Helper()
	return filepath.Join(programs(t), "drydock")
}

// cleanEnv keeps the person's settings and folders out of the tests.
func cleanEnv(t testing.TB) []string {
	t.Helper()
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "DRYDOCK_") && !strings.HasPrefix(kv, "XDG_") {
			env = append(env, kv)
		}
	}
	home := t.TempDir()
	return append(env, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
}

// planEnv is cleanEnv with the resolver that is here and the index to plan with: without the first each new cache folder
// would fetch one, from an index that is not of the test.
func planEnv(t testing.TB, index string) []string {
	t.Helper()
	return append(cleanEnv(t), "DRYDOCK_UV="+uvTool(t), "DRYDOCK_INDEX_URL="+index)
}
