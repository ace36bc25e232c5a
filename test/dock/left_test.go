package dock

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// relatives remembers every process that a process started, or that those started, and so on.
type relatives struct {
	root int
	mu   sync.Mutex
	seen map[relative]string // → its command line
	slow int                 // sleepers still to be ended; below 0: all
	stop chan struct{}
	done chan struct{}
}

// relative is one process: numbers are given out again, the moment of its start is not.
type relative struct {
	pid     int
	started string
}

// watchRelatives looks at them until stop, and ends so many of those that slow tests wait for.
func watchRelatives(root, slow int) *relatives {
	r := &relatives{root: root, seen: map[relative]string{}, slow: slow, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			r.look()
			select {
			case <-r.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return r
}

func (r *relatives) look() {
	parents := map[int]int{}
	found := map[int]relative{}
	each(func(pid int) {
		if parent, state, started, ok := stat(pid); ok && state != "Z" {
			parents[pid], found[pid] = parent, relative{pid, started}
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid, one := range found {
		for up := parents[pid]; up > 1; up = parents[up] {
			if _, known := r.seen[found[up]]; up == r.root || known {
				before := r.seen[one]
				if r.seen[one] = commandLine(pid); r.seen[one] == sleeper && before != sleeper && r.slow != 0 {
					r.slow--
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
				break
			}
		}
	}
}

// boxed says whether a box is among those alive.
func (r *relatives) boxed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for one, line := range r.seen {
		if strings.Contains(line, "supervise") && one.alive() {
			return true
		}
	}
	return false
}

// alive are those that still are there, as "pid command".
func (r *relatives) alive() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for one, line := range r.seen {
		if one.alive() {
			out = append(out, fmt.Sprintf("%d %s", one.pid, line))
		}
	}
	return out
}

func (r *relatives) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func (o relative) alive() bool {
	_, state, started, ok := stat(o.pid)
	return ok && state != "Z" && started == o.started
}

func each(fn func(pid int)) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			fn(pid)
		}
	}
}

// stat reads /proc/PID/stat (proc_pid_stat(5)): the name may hold anything, so all is counted from its end.
func stat(pid int) (parent int, state, started string, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", "", false
	}
	f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(f) < 20 {
		return 0, "", "", false
	}
	parent, err = strconv.Atoi(f[1])
	return parent, f[0], f[19], err == nil
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

// holders are the processes that have to do with a folder: by their command, where they stand, or what is mounted.
func holders(dir string) (out []string) {
	each(func(pid int) {
		line := commandLine(pid)
		at, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		mounts, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
		if pid != os.Getpid() && (strings.Contains(line, dir) || strings.HasPrefix(at, dir) || bytes.Contains(mounts, []byte(dir))) {
			out = append(out, fmt.Sprintf("%d %s", pid, line))
		}
	})
	return out
}

// nothingRuns waits for the end of all that a process which is gone had started.
func nothingRuns(t *testing.T, r *relatives, dir string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		left := append(r.alive(), holders(dir)...)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("of %d processes there are left:\n%s", r.count(), strings.Join(left, "\n"))
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.Contains(lines.Text(), dir) {
			t.Errorf("a mount is left: %s", lines.Text())
		}
	}
}

// nothingLies holds the folders of work to being empty; where a process was killed, after the next start.
func nothingLies(t *testing.T, dir string) {
	t.Helper()
	for _, glob := range []string{"tmp/*", "dock/work/*", "dock/work/.*", "dock/artifacts/.*", "dock/baselines/.new-*", "dock/wheels/.*", "scan-*", "git/home/tmp/*", "git/home/gitconfig.*"} {
		left, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(glob)))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range left {
			t.Errorf("left: %s", strings.TrimPrefix(p, dir))
		}
	}
}

// lines collects what a process says, and tells who waits for a line.
type lines struct {
	mu   sync.Mutex
	all  []string
	more chan struct{}
}

func readLines(from io.Reader) (*lines, <-chan struct{}) {
	l, done := &lines{more: make(chan struct{})}, make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(from); s.Scan(); {
			l.mu.Lock()
			l.all = append(l.all, s.Text())
			close(l.more)
			l.more = make(chan struct{})
			l.mu.Unlock()
		}
	}()
	return l, done
}

// has waits for a line; false: the process ended, or patience did.
func (l *lines) has(line string, ended <-chan struct{}) bool {
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		there, more := slices.Contains(l.all, line), l.more
		l.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-more:
		case <-ended:
			l.mu.Lock()
			defer l.mu.Unlock()
			return slices.Contains(l.all, line)
		case <-deadline:
			return false
		}
	}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}
