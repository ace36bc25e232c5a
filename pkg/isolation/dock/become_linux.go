package dock

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// become confines this process and turns it into the program. Whatever keeps it from that is said on descriptor
// 4, which closes by itself when the program is in place.
func become() int {
	runtime.LockOSThread() // what execve keeps of a process is what the calling thread has
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	say := func(k Kind, err error) int {
		_ = json.NewEncoder(os.NewFile(4, "say")).Encode(childError{k, err.Error()})
		return 1
	}
	var c confinement
	if err := json.NewDecoder(os.NewFile(3, "spec")).Decode(&c); err != nil {
		return say(Broken, fmt.Errorf("read what to become: %w", err))
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
		return 0
	}
	err = syscall.Exec(program, append([]string{c.Path}, c.Args...), c.Env)
	return say(NotFound, fmt.Errorf("run %s: %w (is it a program of this system, and its interpreter in the box?)", c.Path, err))
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
	why := exec.ErrNotFound
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
		{"RLIMIT_DATA", unix.RLIMIT_DATA, uint64(l.Memory), uint64(l.Memory)},
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
