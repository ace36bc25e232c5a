package uv

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// listed are the names in a folder.
func listed(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestRoomAfterAKill: what a process that was killed in the middle of a run leaves goes with the next run, and not
// before the process is gone.
func TestRoomAfterAKill(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no parent-death signal here")
	}
	tmp, ready := t.TempDir(), filepath.Join(t.TempDir(), "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanEnv+"="+script(t, t.TempDir(), "echo $$ > '"+ready+"'; while :; do :; done"), "TMPDIR="+tmp)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Process.Kill() }() // it is gone already, if all went well
	f, err := os.Open(ready)                     // until the child writes
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := bufio.NewReader(f).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	before := listed(t, tmp)
	if sweep(tmp, time.Now().Add(72*time.Hour)); len(before) != 2 || !slices.Equal(listed(t, tmp), before) {
		t.Errorf("of a living process: %v, left %v", before, listed(t, tmp))
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if got := listed(t, tmp); !slices.Equal(got, before) {
		t.Fatalf("nothing is left to sweep: %v", got)
	}
	t.Setenv("TMPDIR", tmp)
	if _, err := ask(t.Context(), script(t, t.TempDir(), "echo uv 1.0.0"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, tmp); len(got) > 0 {
		t.Errorf("left after the next run: %v", got)
	}
}

// TestSweepLeaves: temporary files of others stay, whatever their names.
func TestSweepLeaves(t *testing.T) {
	tmp, away := t.TempDir(), t.TempDir()
	kept := []string{"drydock-uv-linked", "drydock-uv-lock-linked", "drydock-uv-lock-linked.lock", "drydock-uv-lock-only-linked.lock", "drydock-uv-young", "other"}
	err := errors.Join(
		os.WriteFile(filepath.Join(away, "file"), nil, 0o600),
		os.Symlink(away, filepath.Join(tmp, "drydock-uv-linked")),
		os.Mkdir(filepath.Join(tmp, "drydock-uv-lock-linked"), 0o700),
		os.Symlink(filepath.Join(away, "file"), filepath.Join(tmp, "drydock-uv-lock-linked.lock")),
		os.Symlink(filepath.Join(away, "file"), filepath.Join(tmp, "drydock-uv-lock-only-linked.lock")),
		os.Mkdir(filepath.Join(tmp, "drydock-uv-young"), 0o700),
		os.Mkdir(filepath.Join(tmp, "other"), 0o700),
		os.MkdirAll(filepath.Join(tmp, "drydock-uv-old", "home"), 0o700),
		os.Mkdir(filepath.Join(tmp, "drydock-uv-dead"), 0o500),
		os.WriteFile(filepath.Join(tmp, "drydock-uv-dead.lock"), nil, 0o600),
		os.WriteFile(filepath.Join(tmp, "drydock-uv-lock-only.lock"), nil, 0o600))
	old := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(err, os.Chtimes(filepath.Join(tmp, "drydock-uv-old"), old, old)); err != nil {
		t.Fatal(err)
	}
	sweep(tmp, time.Now())
	slices.Sort(kept)
	if got := listed(t, tmp); !slices.Equal(got, kept) {
		t.Errorf("left %v, want %v", got, kept)
	}
	if got := listed(t, away); !slices.Equal(got, []string{"file"}) {
		t.Errorf("what a link leads to: %v", got)
	}
}
