package gitforge

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// own gives the child a process group, and a death that follows ours.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { killGroup(cmd.Process.Pid); return nil }
}

// bound sets what the child may use. It has run for some microseconds by then; the limits are for what it does
// with what it is sent, later.
func bound(pid int, file uint64) {
	for resource, most := range map[int]uint64{unix.RLIMIT_DATA: maxData, unix.RLIMIT_FSIZE: file, unix.RLIMIT_CORE: 0} {
		var old unix.Rlimit
		if unix.Prlimit(pid, resource, nil, &old) != nil || old.Max < most {
			continue // a stricter one of the system's stays
		}
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
}

// full says whether the disk of a folder has next to no room left: git does not always say why it could not write.
func full(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Bavail*uint64(s.Bsize) < nearlyFull
}
