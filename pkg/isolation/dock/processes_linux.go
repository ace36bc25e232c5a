package dock

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what the processes of the box use at one moment.
type usage struct {
	processes int
	threads   int
	resident  int64         // bytes; pages that several share count for each
	cpu       time.Duration // of the living and of those reaped
}

// process is one line of /proc/<pid>/stat (proc_pid_stat(5)).
type process struct {
	pid, parent, threads int
	zombie               bool
	cpu                  time.Duration
	resident             int64
}

// hertz is USER_HZ, the unit of times in /proc: 100 on every architecture here.
const hertz = 100

func readProcess(pid int) (process, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	_, rest, ok := bytes.Cut(data[max(bytes.LastIndexByte(data, ')'), 0):], []byte(") ")) // a name may hold anything
	f := bytes.Fields(rest)
	if !ok || len(f) < 22 {
		return process{}, false
	}
	number := func(i int) int64 { // i counts from 3, the state, as proc_pid_stat(5) does
		n, _ := strconv.ParseInt(string(f[i-3]), 10, 64)
		return n
	}
	return process{pid: pid, parent: int(number(4)), threads: int(number(20)), zombie: f[0][0] == 'Z' || f[0][0] == 'X',
		cpu: time.Duration(number(14)+number(15)) * time.Second / hertz, resident: number(24) * int64(os.Getpagesize())}, true
}

// descendants are all living processes that come from this one. Those of a process that ended hang on this one,
// which is pid 1 or the subreaper.
func descendants() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := dir.Readdirnames(-1)
	_ = dir.Close()
	children := map[int][]process{}
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			if p, ok := readProcess(pid); ok {
				children[p.parent] = append(children[p.parent], p)
			}
		}
	}
	var out []process
	for next := children[os.Getpid()]; len(next) > 0; {
		p := next[0]
		next = append(next[1:], children[p.pid]...)
		if !p.zombie {
			out = append(out, p)
		}
	}
	return out
}

func (s *supervisor) look() usage {
	var u usage
	for _, p := range descendants() {
		u.processes++
		u.threads += p.threads
		u.resident += p.resident
		u.cpu += p.cpu
	}
	if s.alone { // else the filter refuses them
		u.resident += sysvMemory()
	}
	var reaped syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &reaped) == nil {
		u.cpu += time.Duration(reaped.Utime.Nano() + reaped.Stime.Nano())
	}
	return u
}

// sysvMemory is what the System V objects of this IPC namespace hold, in bytes: they stay when nobody has them mapped,
// so they count for no process. What the kernel needs for a semaphore and for a message's head is rounded up.
func sysvMemory() int64 {
	const semaphore, head = 128, 128
	return sysv("shm", 14) + sysv("shm", 15) + sysv("sem", 3)*semaphore + sysv("msg", 3) + sysv("msg", 4)*head
}

// sysv sums up a column of a list in /proc/sysvipc (proc_sysvipc(5)), counted from 0.
func sysv(list string, column int) (sum int64) {
	data, err := os.ReadFile("/proc/sysvipc/" + list)
	if err != nil {
		return 0 // a kernel without them
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if f := bytes.Fields(line); i > 0 && len(f) > column {
			n, _ := strconv.ParseInt(string(f[column]), 10, 64)
			sum += n
		}
	}
	return sum
}

// killAll kills every process of the box and returns how many there were.
func (s *supervisor) killAll() int {
	if s.alone {
		n := len(descendants())
		_ = syscall.Kill(-1, syscall.SIGKILL) // everybody in this namespace but pid 1
		return n
	}
	// One that is stopped forks no more: first all are stopped, as often as new ones are found.
	stopped := map[int]bool{}
	for range killRounds {
		fresh := 0
		for _, p := range descendants() {
			if !stopped[p.pid] {
				fresh++
				stopped[p.pid] = true
				_ = syscall.Kill(p.pid, syscall.SIGSTOP)
			}
		}
		if fresh == 0 {
			break
		}
	}
	found := descendants()
	for _, p := range found {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	return len(found)
}

// threadsOf counts the threads of a user on this host, which RLIMIT_NPROC counts too.
func threadsOf(uid int) int {
	dirs, _ := os.ReadDir("/proc")
	n := 0
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Stat("/proc/"+d.Name(), &st) == nil && int(st.Uid) == uid {
			if p, ok := readProcess(pid); ok {
				n += p.threads
			}
		}
	}
	return n
}

// killUser kills every process of a user that only one box has.
func killUser(uid int) {
	for range killRounds {
		dirs, _ := os.ReadDir("/proc")
		found := 0
		for _, d := range dirs {
			pid, err := strconv.Atoi(d.Name())
			var st unix.Stat_t
			if err != nil || unix.Stat("/proc/"+d.Name(), &st) != nil || int(st.Uid) != uid {
				continue
			}
			if p, ok := readProcess(pid); ok && !p.zombie {
				found++
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if found == 0 {
			return
		}
	}
}

// measure is what a writable place holds: bytes and files used, and whether it takes no more.
func (s *supervisor) measure(i int) (bytes, files int64) {
	if len(s.spec.Places) == 0 {
		var st unix.Statfs_t
		if unix.Statfs(s.spec.Writable[i].Path, &st) != nil {
			return 0, 0
		}
		return int64(st.Blocks-st.Bfree) * st.Bsize, int64(st.Files - st.Ffree)
	}
	_ = filepath.WalkDir(s.spec.Places[i], func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile, or closed
		}
		files++
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				bytes += st.Blocks * 512
			}
		}
		if files > s.spec.Writable[i].Inodes {
			return fs.SkipAll
		}
		return nil
	})
	return bytes, files
}

// overDisk reports whether a place without a limit of its own holds too much.
func (s *supervisor) overDisk() bool {
	over := false
	for i := range s.spec.Places {
		over = s.full(i) || over
	}
	return over
}

// full notes which limit of a place was met.
func (s *supervisor) full(i int) bool {
	w := s.spec.Writable[i]
	bytes, files := s.measure(i)
	page := int64(os.Getpagesize())
	if bytes+page > w.Size {
		s.reached(LimitDisk)
	}
	if files >= w.Inodes {
		s.reached(LimitInodes)
	}
	return bytes > w.Size || files > w.Inodes
}
