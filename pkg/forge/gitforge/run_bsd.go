//go:build unix && !linux

package gitforge

import (
	"os/exec"
	"syscall"
)

// own gives the child a process group.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { killGroup(cmd.Process.Pid); return nil }
}

func bound(int, uint64) {} // no prlimit(2): the time limit has to do

func full(string) bool { return false }

func sweep(string) {}
