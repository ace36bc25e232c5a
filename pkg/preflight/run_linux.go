package preflight

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// own gives the child a session, which is a process group without a terminal on which it could ask for a
// password, and a death that follows ours.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// await returns when the child has ended. It is not reaped yet: until it is, nobody else gets its number, which is
// also that of its group.
func await(cmd *exec.Cmd) (reap func() error) {
	for {
		if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return cmd.Wait
		}
	}
}

// newMark names a run: this process namespace, this process, and the run. Who finds it later can tell whether the
// process that ran it is still there.
func newMark() string {
	self, _ := readProcess(os.Getpid())
	return owner(namespace(), self) + "-" + strings.ToLower(rand.Text()[:10])
}

func owner(space string, p process) string { return fmt.Sprintf("%s-%d-%d", space, p.pid, p.born) }

// namespace is the number of this process's PID namespace.
func namespace() string {
	link, _ := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	return strings.Trim(strings.TrimPrefix(link, "pid:"), "[]")
}

// process is one line of /proc/<pid>/stat (proc_pid_stat(5)).
type process struct {
	pid, parent int
	born        uint64 // ticks since boot; with the pid, which process it is
	ended       bool
}

func readProcess(pid int) (process, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	_, rest, ok := bytes.Cut(data[max(bytes.LastIndexByte(data, ')'), 0):], []byte(") ")) // a name may hold anything
	f := bytes.Fields(rest)
	if !ok || len(f) < 20 {
		return process{}, false
	}
	parent, _ := strconv.Atoi(string(f[1]))
	born, _ := strconv.ParseUint(string(f[19]), 10, 64)
	return process{pid: pid, parent: parent, born: born, ended: f[0][0] == 'Z' || f[0][0] == 'X'}, true
}

// markOf is the mark a process was started with; "" where it has none, or where this user may not see it.
func markOf(pid int) string {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	_, after, ok := bytes.Cut(append([]byte{0}, env...), []byte("\x00"+markName+"="))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(after, []byte{0})
	return string(value)
}

func processes() []process {
	found, _ := filepath.Glob("/proc/[0-9]*")
	var out []process
	for _, dir := range found {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			if p, ok := readProcess(pid); ok && pid != os.Getpid() {
				out = append(out, p)
			}
		}
	}
	return out
}

// family are the living processes of a run: those that come from its first process, those that bear its mark,
// and those that come from them. One that left its group, its session and its parent still bears the mark, unless
// it was started with an environment of its own; then it is known while its parents live, or from before.
func family(first int, mark string, known ...process) []process {
	children, in, old := map[int][]process{}, map[int]bool{}, map[int]uint64{}
	for _, p := range known {
		old[p.pid] = p.born
	}
	var next, out []process
	for _, p := range processes() {
		children[p.parent] = append(children[p.parent], p)
		if born, ok := old[p.pid]; p.pid == first || ok && born == p.born || markOf(p.pid) == mark {
			next = append(next, p)
		}
	}
	for ; len(next) > 0; next = next[1:] {
		p := next[0]
		if in[p.pid] {
			continue
		}
		in[p.pid] = true
		next = append(next, children[p.pid]...)
		if !p.ended {
			out = append(out, p)
		}
	}
	return out
}

// politely asks the whole group to end.
func politely(pid int) { _ = unix.Kill(-pid, unix.SIGTERM) }

// endAll ends whatever lives of a run, those who were known to be of it too, and returns when it is gone: how many
// processes there were, and how many are still there after as long as they may take to die.
func endAll(pid int, mark string, known []process, dying time.Duration) (found, remaining int) {
	seen := map[int]bool{}
	for range killRounds { // who is stopped forks no more
		fresh := 0
		for _, p := range family(pid, mark, known...) {
			if !seen[p.pid] {
				seen[p.pid] = true
				fresh++
				send(p, unix.SIGSTOP)
			}
		}
		if fresh == 0 {
			break
		}
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	for end := time.Now().Add(dying); ; {
		left := family(pid, mark, known...)
		if remaining = len(left); remaining == 0 || time.Now().After(end) {
			return len(seen), remaining
		}
		for _, p := range left {
			send(p, unix.SIGKILL)
		}
		time.Sleep(busyPause) // until they are gone
	}
}

// send gives a signal to exactly this process, not to another one that has its number by now.
func send(p process, s unix.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		if err == unix.ENOSYS || err == unix.EPERM { // before Linux 5.3, or a filter
			_ = unix.Kill(p.pid, s)
		}
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if now, ok := readProcess(p.pid); ok && now.born == p.born {
		_ = unix.PidfdSendSignal(fd, s, nil, 0)
	}
}

// Sweep ends what a Drydock that was killed left running, and removes the folders it left; what a living one runs
// stays. It is for the start of a process that is going to run commands. It finds those it may see: of this
// user (root: of all), and of this PID namespace.
func Sweep() {
	space, living := namespace(), map[string]bool{}
	gone := func(mark string) bool { // space-pid-born-run
		parts := strings.Split(mark, "-")
		if len(parts) < 4 || space == "" || parts[0] != space {
			return false
		}
		pid, err := strconv.Atoi(parts[1])
		if err != nil {
			return false
		}
		who := strings.Join(parts[:3], "-")
		if _, asked := living[who]; !asked {
			p, ok := readProcess(pid)
			living[who] = ok && !p.ended && owner(space, p) == who
		}
		return !living[who]
	}
	for end := time.Now().Add(dying); ; {
		left := 0
		for _, p := range processes() {
			if !p.ended && gone(markOf(p.pid)) {
				left++
				send(p, unix.SIGKILL)
			}
		}
		if left == 0 || time.Now().After(end) {
			break
		}
		time.Sleep(busyPause)
	}
	rooms, _ := filepath.Glob(filepath.Join(os.TempDir(), roomPrefix+"*"))
	for _, room := range rooms {
		var st unix.Stat_t
		if gone(strings.TrimPrefix(filepath.Base(room), roomPrefix)) && unix.Lstat(room, &st) == nil && int(st.Uid) == os.Geteuid() {
			removeRoom(room)
		}
	}
}
