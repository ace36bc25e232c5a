//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

// tmpfsEnv makes the test binary the child that owns a small disk, in namespaces of its own.
const tmpfsEnv = "DRYDOCK_TEST_TMPFS"

// TestFullDisk runs `drydock up` on a disk of 48 MB that somebody else fills: readiness says no and names the
// disk, what is asked for is refused with that, and once there is room it goes on by itself.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a disk")
	}
	if os.Getenv(tmpfsEnv) != "" {
		fullDisk(t)
		return
	}
	binary := binary(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), tmpfsEnv+"="+t.TempDir(), prebuiltEnv+"="+filepath.Dir(binary))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	switch {
	case err != nil && len(out) == 0 || strings.Contains(string(out), "--- SKIP"):
		t.Skipf("no small disk in a user namespace here (%v); pkg/bus injects the lack of space instead", err)
	case err != nil || !strings.Contains(string(out), "--- PASS"):
		t.Fatalf("full disk: %v", err)
	}
}

func fullDisk(t *testing.T) {
	dir := os.Getenv(tmpfsEnv)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("mount tmpfs: %v", err)
	}
	index, stop, err := frozen.Serve(filepath.Join(root(t), "deploy", "demo", "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	k := &killed{t: t, data: filepath.Join(dir, "data"), env: planEnv(t, index), index: index}
	k.importAdvisories()
	up := k.start()
	up.ready(true)
	apps := k.applications(3)
	asked := map[string]int{}
	for i, app := range apps {
		if _, err := up.api.RequestScan(t.Context(), k.request(app, fmt.Sprint("before", i))); err != nil {
			t.Fatal(err)
		}
		asked[filepath.Base(app)]++
	}
	ballast := filepath.Join(dir, "ballast") // while the scans are being answered
	fillDisk(ballast)
	if said := up.ready(false); !strings.Contains(said, "disk below "+k.data) || !strings.Contains(said, "make room") {
		t.Errorf("readiness on a full disk says %q, want the disk and what to do", said)
	}
	if _, err := up.api.RequestScan(t.Context(), k.request(apps[0], "full")); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("a scan asked for on a full disk: %v, want a refusal that names the disk", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	up.ready(true)
	for i, app := range apps {
		up.accepts(k.request(app, fmt.Sprint("after", i)))
		asked[filepath.Base(app)]++
	}
	up.quiet([]string{"app-0", "app-1", "app-2"})
	up.terminate()
	k.checkData(asked)
}

// fillDisk writes until nothing more fits.
func fillDisk(path string) {
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}
