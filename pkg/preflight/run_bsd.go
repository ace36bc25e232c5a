//go:build unix && !linux

package preflight

import (
	"crypto/rand"
	"os/exec"
	"syscall"
	"time"
)

// own gives the child a session: a process group without a terminal.
func own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func await(cmd *exec.Cmd) (reap func() error) {
	err := cmd.Wait()
	return func() error { return err }
}

func newMark() string { return rand.Text() }

func politely(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) }

// endAll ends the group; without /proc, who left it is not found.
func endAll(pid int, _ string, _ []process, _ time.Duration) (found, remaining int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	return 0, 0
}

// process is known where there is /proc.
type process struct{}

func family(int, string, ...process) []process { return nil }

// Sweep finds nothing without /proc.
func Sweep() {}
