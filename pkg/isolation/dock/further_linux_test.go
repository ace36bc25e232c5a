package dock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keptText is what lies in a mount, as a wheel or a sealed file does.
const keptText = "as it was sealed"

// further are ways that the first attempts of an attack do not take.
var further = map[string]func(prey) map[string]error{
	"home": func(p prey) map[string]error {
		link := filepath.Join(os.Getenv("HOME"), "secret")
		tried := map[string]error{"by a hard link": errors.Join(os.Link(p.Secret, link), reads(link, secretText))}
		for fd := range 64 {
			at, err := unix.Openat(fd, "../"+filepath.Base(filepath.Dir(p.Secret))+"/"+filepath.Base(p.Secret), unix.O_RDONLY, 0)
			tried[fmt.Sprint("beside descriptor ", fd)] = err
			_ = unix.Close(at)
		}
		return tried
	},
	"shadow": func(p prey) map[string]error {
		tried := map[string]error{"setuid": call(unix.SYS_SETUID, 0), "setresuid": call(unix.SYS_SETRESUID, 0, 0, 0), "setgid": call(unix.SYS_SETGID, 0), "setgroups": call(unix.SYS_SETGROUPS, 0, 0)}
		if p.SetUID != "" {
			tried["a set-user-ID program"] = exec.Command(p.SetUID, "hostile", "effective").Run()
		}
		return tried
	},
	"tcp": func(prey) map[string]error {
		return map[string]error{"raw": call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP), "x32": x32(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM)}
	},
	"fork":       func(prey) map[string]error { return raises() },
	"signal":     signals,
	"processes":  func(p prey) map[string]error { return looks(p.Victim) },
	"ptrace":     meddles,
	"namespaces": func(prey) map[string]error { return doors() },
	"write":      func(p prey) map[string]error { return spoils(p.Kept) },
}

// x32 is a call by its other number (x32 ABI), which a list of numbers could overlook.
func x32(number uintptr, args ...uintptr) error { return call(number|0x40000000, args...) }

// refusedAs is nil, a success, unless a call ends with the filter's answer: with another one the kernel looked at it.
func refusedAs(want syscall.Errno, got error) error {
	if errors.Is(got, want) {
		return got
	}
	return nil
}

// raises tries to have more than it was given.
func raises() map[string]error {
	tried := map[string]error{}
	for name, resource := range map[string]int{"processes": unix.RLIMIT_NPROC, "files": unix.RLIMIT_NOFILE, "size": unix.RLIMIT_FSIZE, "memory": unix.RLIMIT_DATA, "time": unix.RLIMIT_CPU} {
		var now unix.Rlimit
		if unix.Getrlimit(resource, &now) == nil && now.Max < 1<<60 {
			now.Max++
			tried["raise "+name] = unix.Setrlimit(resource, &now)
		}
	}
	return tried
}

func signals(p prey) map[string]error {
	info := make([]byte, 128)
	info[8] = 0xff              // si_code: SI_QUEUE
	tried := map[string]error{} // kill(-1) answers with success whoever it reaches
	for _, pid := range []int{p.Victim, p.Drydock, os.Getppid()} {
		tried[fmt.Sprint("queue ", pid)] = call(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&info[0])))
		tried[fmt.Sprint("group ", pid)] = syscall.Kill(-pid, 0)
	}
	// The kernel signals for who asks it to tell somebody of input: the tests see whether the victim lives.
	var ends [2]int
	if unix.Pipe(ends[:]) == nil {
		_, _ = unix.FcntlInt(uintptr(ends[0]), unix.F_SETSIG, int(unix.SIGKILL))
		_, _ = unix.FcntlInt(uintptr(ends[0]), unix.F_SETOWN, p.Victim)
		_, _ = unix.FcntlInt(uintptr(ends[0]), unix.F_SETFL, unix.O_ASYNC|unix.O_NONBLOCK)
		_, _ = unix.Write(ends[1], []byte("x"))
	}
	return tried
}

func looks(pid int) map[string]error {
	tried := map[string]error{}
	for _, name := range []string{"status", "stat", "maps", "environ", "auxv", "cgroup", "limits", "mountinfo", "wchan"} {
		_, tried["read "+name] = os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	}
	for _, name := range []string{"exe", "cwd", "root"} {
		_, tried["resolve "+name] = os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
	}
	_, tried["list /proc"] = os.ReadDir("/proc/" + fmt.Sprint(pid) + "/task")
	return tried
}

// meddles changes how others run.
func meddles(p prey) map[string]error {
	tried := map[string]error{}
	mask := ^uint64(0)
	var param [8]byte
	for _, pid := range []int{p.Victim, os.Getppid()} {
		at := fmt.Sprint(" ", pid)
		tried["priority"+at] = call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, uintptr(pid), 19)
		tried["group priority"+at] = call(unix.SYS_SETPRIORITY, unix.PRIO_PGRP, uintptr(pid), 19)
		tried["processors"+at] = call(unix.SYS_SCHED_SETAFFINITY, uintptr(pid), 8, uintptr(unsafe.Pointer(&mask)))
		tried["scheduler"+at] = call(unix.SYS_SCHED_SETSCHEDULER, uintptr(pid), unix.SCHED_BATCH, uintptr(unsafe.Pointer(&param[0])))
		tried["disk priority"+at] = call(unix.SYS_IOPRIO_SET, 1, uintptr(pid), 3<<13)
		tried["attach"+at] = call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(pid), 0, 0)
		tried["compare"+at] = call(unix.SYS_KCMP, uintptr(pid), uintptr(os.Getpid()), 1, 0, 0)
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			tried["take a descriptor"+at] = call(unix.SYS_PIDFD_GETFD, uintptr(fd), 1, 0)
			tried["enter"+at] = unix.Setns(fd, unix.CLONE_NEWNS|unix.CLONE_NEWPID)
		}
	}
	return tried
}

// doors are what is at or behind the kernel's edge: new mounts, devices, terminals, keys.
func doors() map[string]error {
	args := make([]uint64, 11) // struct clone_args
	args[0], args[4] = unix.CLONE_NEWUSER, uint64(unix.SIGCHLD)
	b := make([]byte, 64)
	z := uintptr(unsafe.Pointer(&b[0]))
	home := os.Getenv("HOME")
	tried := map[string]error{
		"clone3 user": call(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args[0])), 88), "x32 unshare": x32(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"mount_setattr": call(unix.SYS_MOUNT_SETATTR, 0, text("/usr"), 0, z, 32), "move_mount": refusedAs(unix.EPERM, call(unix.SYS_MOVE_MOUNT, 0, text("/usr"), 0, text("/tmp"), 0)),
		"pivot_root": refusedAs(unix.EPERM, call(unix.SYS_PIVOT_ROOT, text("/usr"), text("/usr"))), "list mounts": call(unix.SYS_LISTMOUNT, z, z, 0, 0),
		"handle": refusedAs(unix.EPERM, call(unix.SYS_NAME_TO_HANDLE_AT, 0, text("/usr"), z, z, 0)), "by handle": refusedAs(unix.EPERM, call(unix.SYS_OPEN_BY_HANDLE_AT, 0, z, 0)),
		"add a key": call(unix.SYS_ADD_KEY, text("user"), text("hostile"), z, 8, ^uintptr(0)-2), "ask for a key": refusedAs(unix.EPERM, call(unix.SYS_REQUEST_KEY, text("user"), text("hostile"), 0, 0)),
		"io_uring enter": refusedAs(unix.ENOSYS, call(unix.SYS_IO_URING_ENTER, 0, 1, 0, 0, 0)), "fanotify": call(unix.SYS_FANOTIFY_INIT, 0, 0),
		"module": refusedAs(unix.EPERM, call(unix.SYS_INIT_MODULE, z, 1, z)), "kexec": refusedAs(unix.EPERM, call(unix.SYS_KEXEC_LOAD, 0, 0, z, 0)), "clock": refusedAs(unix.EPERM, call(unix.SYS_CLOCK_SETTIME, 99, z)),
		"personality": call(unix.SYS_PERSONALITY, 0x0040000), "host name": call(unix.SYS_SETHOSTNAME, z, 1), "kernel log": call(unix.SYS_SYSLOG, 3, z, 8),
		"memory file": call(unix.SYS_MEMFD_CREATE, text("hostile"), 0), "secret memory": call(unix.SYS_MEMFD_SECRET, 0),
		"type": refusedAs(unix.EPERM, call(unix.SYS_IOCTL, 0, unix.TIOCSTI, z)), "paste": refusedAs(unix.EPERM, call(unix.SYS_IOCTL, 0, unix.TIOCLINUX, z)),
		"a disk": unix.Mknod(filepath.Join(home, "disk"), unix.S_IFBLK|0o666, 254<<8), "memory": unix.Mknod(filepath.Join(home, "mem"), unix.S_IFCHR|0o666, 1<<8|1),
	}
	for _, dev := range []string{"mem", "kmsg", "port", "vda", "sda", "nvme0n1", "loop-control", "fuse", "kvm", "net/tun", "userfaultfd", "vhost-net", "ptmx", "tty", "console", "mqueue", "pts"} {
		fd, err := unix.Open("/dev/"+dev, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		_ = unix.Close(fd)
		tried["/dev/"+dev] = err
	}
	for name, flag := range map[string]uintptr{"mounts": unix.CLONE_NEWNS, "net": unix.CLONE_NEWNET, "pid": unix.CLONE_NEWPID, "ipc": unix.CLONE_NEWIPC, "uts": unix.CLONE_NEWUTS, "cgroup": unix.CLONE_NEWCGROUP} {
		tried["clone "+name] = call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|flag, 0, 0, 0, 0)
	}
	return tried
}

// spoils tries to change a file that lies in a mount: a wheel, or what was sealed. Mode and times are the gap that the
// table names; with them changed the content still stands.
func spoils(kept string) map[string]error {
	home, dir := os.Getenv("HOME"), filepath.Dir(kept)
	write := func(name string) error {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, err = f.WriteString("hostile")
			_ = f.Close()
		}
		return err
	}
	linked, pointed := filepath.Join(home, "linked"), filepath.Join(home, "pointed")
	tried := map[string]error{"mode": os.Chmod(kept, 0o666), "times": os.Chtimes(kept, time.Unix(1, 0), time.Unix(1, 0)), "mode of a kept folder": errors.Join(os.Chmod(dir, 0o777), os.WriteFile(dir+"/new", nil, 0o666))}
	tried["write kept"] = write(kept)
	tried["truncate kept"] = os.Truncate(kept, 0)
	tried["write by a hard link"] = errors.Join(os.Link(kept, linked), write(linked))
	tried["write by a link"] = errors.Join(os.Symlink(kept, pointed), write(pointed))
	if f, err := os.Open(kept); err == nil {
		tried["reopen kept"] = write(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		tried["clone into kept"] = call(unix.SYS_IOCTL, f.Fd(), unix.FICLONE, f.Fd())
		tried["make kept unchangeable"] = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0x10)
		_ = f.Close()
	}
	other := filepath.Join(home, "other")
	tried["put another over it"] = errors.Join(os.WriteFile(other, []byte("hostile"), 0o644), os.Rename(other, kept))
	tried["swap it"] = errors.Join(os.WriteFile(other, []byte("hostile"), 0o644), unix.Renameat2(unix.AT_FDCWD, other, unix.AT_FDCWD, kept, unix.RENAME_EXCHANGE))
	tried["remove kept"] = os.Remove(kept)
	tried["move its folder"] = os.Rename(dir, dir+"-away")
	return tried
}

// spoilt is what the host sees of an attack: files that should be as they were, a victim that should live.
func spoilt(t *testing.T, p prey, mount string) []string {
	t.Helper()
	var out []string
	for path, want := range map[string]string{filepath.Join(mount, "kept"): keptText, p.Own: "own", p.Secret: secretText} {
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			out = append(out, fmt.Sprintf("a changed %s: %q %v", filepath.Base(path), data, err))
		}
	}
	for dir, want := range map[string]int{mount: 1, p.Outside: 1} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			out = append(out, fmt.Sprintf("%d entries in %s", len(entries), filepath.Base(dir)))
		}
	}
	if v, ok := readProcess(p.Victim); !ok || v.zombie {
		out = append(out, "the victim died")
	}
	return out
}

// setUserID is a copy of the hostile program that runs as root, whoever starts it; "" where only root can make one.
func setUserID(t *testing.T) (string, []Mount) {
	t.Helper()
	if os.Getuid() != 0 {
		return "", nil
	}
	at := filepath.Join(openDir(t), "rooted")
	data, err := os.ReadFile(program(t))
	if err == nil {
		err = errors.Join(os.WriteFile(at, data, 0o755), os.Chmod(at, 0o755|os.ModeSetuid))
	}
	if err != nil {
		t.Fatal(err)
	}
	return Inside("/rooted"), []Mount{{at, "/rooted"}}
}

// Memory that no process has mapped counts all the same.
func TestMemoryOfNobody(t *testing.T) {
	for _, d := range docks(t, false) {
		limits := Limits{Memory: 128 << 20, Time: 5 * time.Minute}
		if len(ownEnv) > 0 {
			limits.Memory = 600 << 20 // the race detector's own
		}
		if d.Level() == Landlock {
			limits.Memory = 0 // refused, however little it is
		}
		for _, how := range []string{"segments", "semaphores"} {
			var out, errs bytes.Buffer
			r, err := d.Run(t.Context(), Command{Path: Inside("/hostile"), Args: []string{"hostile", how, fmt.Sprint(limits.Memory)}, Mounts: []Mount{{program(t), "/hostile"}}, Limits: limits, Stdout: &out, Stderr: &errs})
			refused := r.OK() && out.String() == "refused\n"
			if err != nil || d.Level() == Landlock && !refused || d.Level() != Landlock && (r.Ended != OutOfMem || !slices.Contains(r.Reached, LimitMemory)) {
				t.Errorf("%s at %s: %+v %v %q %s", how, d.Level(), r, err, out.String(), errs.String())
			}
		}
	}
}

// What a user has only few of is left to others.
func TestWatchersAreBounded(t *testing.T) {
	for _, d := range docks(t, false) {
		var out, errs bytes.Buffer
		r, err := d.Run(t.Context(), Command{Path: Inside("/hostile"), Args: []string{"hostile", "watchers"}, Mounts: []Mount{{program(t), "/hostile"}}, Stdout: &out, Stderr: &errs})
		want := maxWatchers
		if d.Level() == Landlock {
			want = 0
		}
		n, said := strconv.Atoi(strings.TrimSpace(out.String()))
		if n < want {
			want = min(want, watchers(maxWatchers)) // the user of these tests has no more left
		}
		if err != nil || !r.OK() || said != nil || n != want {
			t.Errorf("%s: %+v %v %q %s", d.Level(), r, err, out.String(), errs.String())
		}
	}
}

// watchers counts how many ways to watch files there are, up to most of them.
func watchers(most int) int {
	n := 0
	for ; n < most; n++ {
		fd, err := unix.InotifyInit1(0)
		if err != nil {
			break
		}
		defer func() { _ = unix.Close(fd) }()
	}
	return n
}

// hoard takes a little more memory of the kernel than it may have, leaves it lying, and waits to be stopped.
func hoard(how, most string) int {
	limit, err := strconv.Atoi(most)
	if err != nil {
		return 9
	}
	if how == "semaphores" {
		const each = 32000
		for range limit/(each*128) + 4 {
			if _, _, errno := unix.RawSyscall(unix.SYS_SEMGET, 0, each, 0o600); errno != 0 {
				break
			}
		}
	} else {
		segments(limit)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SEMGET, 0, 1, 0o600); errno == 0 {
		time.Sleep(sleep)
	}
	fmt.Println("refused")
	return 0
}

func segments(limit int) {
	const size = 16 << 20
	for range limit/size + 4 {
		id, _, errno := unix.RawSyscall(unix.SYS_SHMGET, 0, size, 0o600|unix.IPC_CREAT)
		if errno != 0 {
			return
		}
		at, _, errno := unix.RawSyscall(unix.SYS_SHMAT, id, 0, 0)
		if errno != 0 {
			return
		}
		for i := uintptr(0); i < size; i += 4096 {
			unix.RawSyscall(unix.SYS_GETRANDOM, at+i, 1, 0) // a write into the page
		}
		unix.RawSyscall(unix.SYS_SHMDT, at, 0, 0)
	}
}
