// Package uvtest finds the real uv for tests.
package uvtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/drydock-dev/drydock/pkg/uv"
)

// Find is the uv of $DRYDOCK_UV, else the one that `make uv` fetched into the tree's tools folder; empty where
// there is none.
func Find() string {
	if path := os.Getenv("DRYDOCK_UV"); path != "" {
		return path
	}
	dir, err := os.Getwd()
	for err == nil {
		path := filepath.Join(dir, ".cache", "tools", "uv-"+uv.Version, "uv")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
	return ""
}

// Path is Find for tests that can't do without: they are skipped, and say what to do.
func Path(t testing.TB) string {
	t.Helper()
	path := Find()
	if path == "" {
		t.Skip("no uv " + uv.Version + ": run `make uv`, or set DRYDOCK_UV")
	}
	return path
}

// Tool is the real uv, looked at.
func Tool(t testing.TB) *uv.Tool {
	t.Helper()
	tool, err := uv.Locator{Path: Path(t)}.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}
