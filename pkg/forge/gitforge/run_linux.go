package gitforge

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// sweep ends what a git of ours started and could not end because this process was killed at the time: git dies
// with us, a child of its that waits for a host does not. They are known by their home, and by the leader of their
// group, git itself, being gone.
func sweep(home string) {
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range found {
		env, err := os.ReadFile(filepath.Join(proc, "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, env...), []byte("\x00HOME="+home+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(proc))
		if err != nil {
			continue
		}
		group, err := unix.Getpgid(pid)
		if err != nil || group == pid || group == unix.Getpgrp() || alive(group) {
			continue
		}
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// alive is not what has ended, though nobody asked for its exit code yet.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, state, _ := bytes.Cut(stat, []byte(") ")) // behind the name, which holds no such end in a program of git's
	return err == nil && len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
}
