//go:build linux

package uv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// fullDiskEnv makes the test binary the child that owns small disks, in namespaces of its own: folder and uv.
const fullDiskEnv = "DRYDOCK_UVTEST_TMPFS"

// fullDiskMain resolves on disks of 4 kB, 8 kB and so on: whatever fits last, the answer is the right one or
// there is an error.
func fullDiskMain() {
	dir, path, _ := strings.Cut(os.Getenv(fullDiskEnv), "|")
	if dir == "" {
		return
	}
	right, failed := 0, 0
	for size := 4; size <= 96; size += 4 {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
			fmt.Println("SKIP: mount tmpfs:", err)
			os.Exit(0)
		}
		a, err := (&Tool{Path: path}).Compile(context.Background(), problem1(flasks()))
		switch {
		case err == nil && pins(a) == "flask==2.2.2 markupsafe==2.1.1 werkzeug==3.0.6":
			right++
		case errors.Is(err, syscall.ENOSPC) && !errors.Is(err, ErrPython):
			failed++
			fmt.Printf("%d kB: %v\n", size, err)
		default:
			fmt.Printf("FAIL: %d kB: %s, %v\n", size, pins(a), err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			fmt.Println("FAIL: left", left, err)
		}
		if err := syscall.Unmount(dir, 0); err != nil {
			fmt.Println("FAIL: unmount:", err)
		}
	}
	fmt.Printf("DONE: %d right, %d failed\n", right, failed)
	os.Exit(0)
}

func TestFullDisk(t *testing.T) {
	tool := realTool(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fullDiskEnv+"="+dir+"|"+tool.Path, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil && len(out) == 0 || strings.Contains(string(out), "SKIP") {
		t.Skipf("no tmpfs in a user namespace here (%v): only what a program says of a full disk stands for one", err)
	}
	if err != nil || strings.Contains(string(out), "FAIL") || !strings.Contains(string(out), "DONE") || strings.Contains(string(out), " 0 right") || strings.Contains(string(out), " 0 failed") {
		t.Errorf("full disk: %v", err)
	}
}
