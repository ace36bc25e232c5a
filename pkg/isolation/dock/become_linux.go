package dock

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become confines this process and turns it into the program. Whatever keeps it from that is said on descriptor
// 4, which closes by itself when the program is in place.
func become() int {
	runtime.LockOSThread() // what execve keeps of a process is what the calling thread has
	say := func(k Kind, err error) int {
		_ = json.NewEncoder(os.NewFile(4, "say")).Encode(childError{k, err.Error()})
		return 1
	}
	var c confinement
	if err := json.NewDecoder(os.NewFile(3, "spec")).Decode(&c); err != nil {
		return say(Broken, fmt.Errorf("read what to become: %w", err))
	}
	// What this process was started with by mistake, back to Drydock's own parent, must not get inside: a folder
	// of the host that is open is a way out of any root.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return say(Broken, fmt.Errorf("close what is open (needs Linux 5.11): %w", err))
	}
	unix.Umask(0o022)
	if err := os.Chdir(c.Dir); err != nil && !c.Probe {
		return say(BadCommand, fmt.Errorf("start in %s: %w", c.Dir, err))
	}
	program, err := c.program()
	if err != nil && !c.Probe {
		return say(NotFound, err)
	}
	if err := c.confine(); err != nil {
		return say(Broken, err)
	}
	if c.Probe {
		_, _ = unix.Write(4, []byte(ready))
		return 0
	}
	return c.exec(program)
}

// ready is said last before the program: without it this process died on the way.
const ready = "ready"

// exec is the end of this process. The limit of private memory may be less than a Go program has already, so
// between it and execve nothing is allocated.
func (c *confinement) exec(program string) int {
	path, err := unix.BytePtrFromString(program)
	argv, argvErr := syscall.SlicePtrFromStrings(append([]string{c.Path}, c.Args...))
	env, envErr := syscall.SlicePtrFromStrings(c.Env)
	failed, _ := json.Marshal(childError{NotFound, "run " + c.Path + ": the kernel refuses it; is it a program of this system, and what interprets it in the box?"})
	if errors.Join(err, argvErr, envErr) != nil { // a zero byte; checked before
		_, _ = unix.Write(4, failed)
		return 1
	}
	memory := unix.Rlimit{Cur: uint64(c.Limits.Memory), Max: uint64(c.Limits.Memory)}
	said := []byte(ready)
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(1) // and nothing from here on lets another goroutine run: a thread started for it would be allocated
	// What the supervisor ignores would be ignored for good; a handler ends with execve (signal(7)).
	var standard [4]uint64 // struct sigaction with SIG_DFL, on every architecture here
	for n := uintptr(1); n <= 64; n++ {
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, n, uintptr(unsafe.Pointer(&standard)), 0, 8, 0, 0)
	}
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, 4, uintptr(unsafe.Pointer(&said[0])), uintptr(len(said)))
	_, _, _ = unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_DATA, uintptr(unsafe.Pointer(&memory)), 0, 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])))
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, 4, uintptr(unsafe.Pointer(&failed[0])), uintptr(len(failed)))
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
	return 1
}

// program is the file to run.
func (c *confinement) program() (string, error) {
	tried := []string{c.Path}
	if !strings.Contains(c.Path, "/") {
		tried = nil
		for _, v := range c.Env {
			if list, ok := strings.CutPrefix(v, "PATH="); ok {
				for _, dir := range filepath.SplitList(list) {
					tried = append(tried, filepath.Join(dir, c.Path))
				}
			}
		}
	}
	why := errors.New("there is no such file")
	for _, p := range tried {
		info, err := os.Stat(p)
		switch {
		case err != nil:
		case info.IsDir() || info.Mode().Perm()&0o111 == 0:
			why = errors.New("it is there and can't be run")
		default:
			return p, nil
		}
	}
	return "", fmt.Errorf("find the program %s in the box: %w", c.Path, why)
}

func (c *confinement) confine() error {
	// The kernel looks for somebody to kill here first, not at what watches.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	if c.Level == Landlock {
		if err := landlock(c.Readable, c.Writable); err != nil {
			return fmt.Errorf("confine files by Landlock: %w", err)
		}
	}
	if c.Level == Namespaces || c.Level == Bubblewrap {
		if err := dropCapabilities(); err != nil {
			return err
		}
	}
	if err := c.limit(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if c.Level == None {
		return nil
	}
	return installFilter(c.Level)
}

// dropCapabilities gives up every capability, of any future program too.
func dropCapabilities() error {
	for c := range uintptr(64) {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // beyond the last one this kernel knows
		} else if err != nil {
			return fmt.Errorf("give up capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("give up ambient capabilities: %w", err)
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	return nil
}

// limit sets what binds single processes, soft and hard.
func (c *confinement) limit() error {
	l := c.Limits
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	for _, r := range []struct {
		name       string
		resource   int
		soft, hard uint64
	}{
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0, 0},
		{"RLIMIT_CPU", unix.RLIMIT_CPU, seconds, seconds + 1},
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, uint64(l.FileSize), uint64(l.FileSize)},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, uint64(l.OpenFiles), uint64(l.OpenFiles)},
		{"RLIMIT_NPROC", unix.RLIMIT_NPROC, uint64(l.Processes + ownProcesses + c.Processes), uint64(l.Processes + ownProcesses + c.Processes)},
		{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, 64 << 10, 64 << 10},
		{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE, 64 << 10, 64 << 10},
		{"RLIMIT_SIGPENDING", unix.RLIMIT_SIGPENDING, 1024, 1024},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(r.resource, &now); err != nil {
			return fmt.Errorf("read %s: %w", r.name, err)
		}
		hard := min(r.hard, now.Max, math.MaxInt64) // what this process has itself can't be raised
		if err := unix.Setrlimit(r.resource, &unix.Rlimit{Cur: min(r.soft, hard), Max: hard}); err != nil {
			return fmt.Errorf("set %s: %w", r.name, err)
		}
	}
	return nil
}
