//go:build linux

package gitforge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// fullDiskEnv makes the test binary the child that owns small disks, in namespaces of its own: folder, remote and commit.
const fullDiskEnv = "DRYDOCK_FORGETEST_TMPFS"

// fullDiskMain checks out and proposes with disks of 8 kB, 32 kB and so on for cache and files: whatever fits
// last, all of it is right or there is an error that says so and nothing is left of the files.
func fullDiskMain() {
	args := strings.Split(os.Getenv(fullDiskEnv), "|")
	if len(args) != 3 {
		return
	}
	dir, ctx := args[0], context.Background()
	right, failed := 0, 0
	for size := 8; size <= 1024 && right < 3; size += 24 {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
			fmt.Println("SKIP: mount tmpfs:", err)
			os.Exit(0)
		}
		tree := filepath.Join(dir, "tree")
		f, err := New(ctx, Config{Remote: args[1], Dir: filepath.Join(dir, "forge")})
		if err == nil {
			_, err = f.Checkout(ctx, args[2], tree)
		}
		_, left := os.Lstat(tree)
		switch {
		case err == nil:
			data, err := os.ReadFile(filepath.Join(tree, "big.txt"))
			if err != nil || len(data) != 200_000 {
				fmt.Printf("FAIL: %d kB: %d bytes, %v\n", size, len(data), err)
			}
			right++
		case errors.Is(err, forge.ErrDisk) && left != nil:
			failed++
			fmt.Printf("%d kB: %v\n", size, err)
		default:
			fmt.Printf("FAIL: %d kB: %v, %v\n", size, err, left)
		}
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			fmt.Println("FAIL: unmount:", err)
		}
	}
	fmt.Printf("DONE: %d right, %d failed\n", right, failed)
	os.Exit(0)
}

func TestFullDisk(t *testing.T) {
	p := started(t)
	id := p.Commit(t, "main", map[string]string{"big.txt": strings.Repeat("0123456789", 20_000), "noise.txt": fmt.Sprint(os.Environ())})
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fullDiskEnv+"="+dir+"|file://"+p.bare+"|"+id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "SKIP") {
		t.Skipf("no user namespaces here: %v %s", err, out)
	}
	t.Logf("%s", out)
	if err != nil || strings.Contains(string(out), "FAIL") || !strings.Contains(string(out), "DONE: 3 right") || strings.Contains(string(out), " 0 failed") {
		t.Errorf("%v", err)
	}
}
