//go:build unix

package uv

import (
	"io/fs"
	"os"
	"syscall"
)

// killGroup ends the child and all it started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func signalOf(s *os.ProcessState) string {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return w.Signal().String()
	}
	return ""
}

func runnable(info fs.FileInfo) bool { return info.Mode().Perm()&0o111 != 0 }

// mine says whether a file is this user's.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
