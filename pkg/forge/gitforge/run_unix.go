//go:build unix

package gitforge

import "syscall"

// killGroup ends the child and all it started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
