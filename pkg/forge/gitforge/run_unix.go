//go:build unix

package gitforge

import (
	"os"
	"syscall"
)

// killGroup ends the child and all it started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// readNow reads what lies in a pipe without waiting for more, past any deadline; 0: nothing does.
func readNow(f *os.File, b []byte) int {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if err := conn.Control(func(fd uintptr) { n, _ = syscall.Read(int(fd), b) }); err != nil {
		return 0
	}
	return max(n, 0)
}
