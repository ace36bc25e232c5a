package planner

import (
	"syscall"
	"testing"
)

// fullDisk is a file system with room for a folder and one small file; empty where none can be mounted.
func fullDisk(t *testing.T) string { return mounted(t, 0, "size=4k,mode=700") }

// readOnly is a file system nobody can write to, root neither; empty where none can be mounted.
func readOnly(t *testing.T) string { return mounted(t, syscall.MS_RDONLY, "mode=700") }

func mounted(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Logf("no small file system can be mounted here (%v): not tried", err)
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
