package planner

import (
	"syscall"
	"testing"
)

// fullDisk is a file system with room for a folder and one small file; empty where none can be mounted.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4k,mode=700"); err != nil {
		t.Logf("no small file system can be mounted here (%v): a full disk is not tried", err)
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}
