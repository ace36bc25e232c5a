package scanner

import (
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// closeInherited closes descriptors that a careless parent of our parent left open. Those of Go's own poller
// stay: linked into drydock, some package has opened a file before main, and the runtime dies without them.
func closeInherited() {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // at least nothing passes them on
		return
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 {
			continue
		}
		what, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && what != "anon_inode:[eventpoll]" && what != "anon_inode:[eventfd]" {
			_ = unix.Close(fd)
		}
	}
}

// childAttr puts the child in a group of its own, so that Ctrl-C reaches only Drydock, and ends it with the
// thread that started it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// groupAttr keeps Ctrl-C for Drydock, which stops its children itself.
func groupAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// self is this very program, even when its file was replaced meanwhile.
func self() (string, error) {
	if _, err := os.Stat("/proc/self/exe"); err == nil {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}
