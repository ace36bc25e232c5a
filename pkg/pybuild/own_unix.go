//go:build unix

package pybuild

import (
	"os/exec"
	"syscall"
)

// own gives the child a process group, which ends with the question.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
