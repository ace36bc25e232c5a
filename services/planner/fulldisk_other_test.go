//go:build !linux

package planner

import "testing"

// fullDisk needs a tmpfs.
func fullDisk(t *testing.T) string {
	t.Helper()
	t.Log("no small file system can be mounted here: a full disk is not tried")
	return ""
}

// readOnly needs one too.
func readOnly(*testing.T) string { return "" }
