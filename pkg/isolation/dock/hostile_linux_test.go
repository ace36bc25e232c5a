package dock

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prey is what the hostile program is told of the host: where to look, so that nothing is left to its luck.
type prey struct {
	Secret   string // a file that everybody may read, in no mount
	Outside  string // a folder that everybody may write to
	Own      string // a file of the user that runs the command
	TCP, UDP string
	Unix     string
	Abstract string
	Victim   int    // a process of the user that runs the tests
	Drydock  int    // the process that runs the dock
	Folder   int    // a descriptor of the secret's folder that Drydock forgot to close
	Kept     string // a file in a mount
	SetUID   string // this program with the set-user-ID bit, in a mount; or ""
	Sleeper  string // marks what is left behind
}

const (
	secretText = "the customer's secret"
	secretName = "DRYDOCK_TEST_SECRET"
)

// hostile tries what one property names and prints what it got away with, a JSON list.
func hostile(args []string) int {
	switch args[0] {
	case "sleep":
		time.Sleep(sleep)
		return 0
	case "effective":
		if syscall.Geteuid() == 0 && syscall.Getuid() != 0 {
			return 0
		}
		return 1
	case "segments", "semaphores":
		return hoard(args[0], args[1])
	case "watchers":
		fmt.Println(watchers(1000))
		return 0
	}
	var p prey
	if err := json.Unmarshal([]byte(args[1]), &p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	attack, ok := attacks[args[0]]
	if !ok {
		return 8
	}
	all := append([]string{}, attack(p)...)
	if more := further[args[0]]; more != nil {
		all = append(all, got(more(p))...)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		return 7
	}
	return 0
}

// got keeps the names of what succeeded.
func got(tried map[string]error) []string {
	var out []string
	for name, err := range tried {
		if err == nil {
			out = append(out, name)
		}
	}
	return out
}

func reads(p, want string) error {
	data, err := os.ReadFile(p)
	if err == nil && !strings.Contains(string(data), want) {
		err = os.ErrNotExist
	}
	return err
}

func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := unix.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return errno
	}
	if (number == unix.SYS_CLONE || number == unix.SYS_CLONE3) && r == 0 { // the child of a clone that worked
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func text(s string) uintptr {
	b := append([]byte(s), 0)
	return uintptr(unsafe.Pointer(&b[0]))
}

var attacks = map[string]func(prey) []string{
	"home": func(p prey) []string {
		fd, leaked := unix.Openat(p.Folder, filepath.Base(p.Secret), unix.O_RDONLY, 0)
		_ = unix.Close(fd)
		return got(map[string]error{
			"by a descriptor": leaked, "the file": reads(p.Secret, secretText), "through Drydock's root": reads(fmt.Sprintf("/proc/%d/root%s", p.Drydock, p.Secret), secretText),
			"through pid 1's root": reads("/proc/1/root"+p.Secret, secretText), "through the parent's": reads(fmt.Sprintf("/proc/%d/root%s", os.Getppid(), p.Secret), secretText),
			"through ..": reads(strings.Repeat("../", 20)+p.Secret, secretText),
		})
	},
	"environment": func(p prey) []string {
		tried := map[string]error{"own": os.ErrNotExist}
		if os.Getenv(secretName) != "" {
			tried["own"] = nil
		}
		for _, pid := range []int{p.Drydock, os.Getppid(), 1, p.Victim} {
			tried[fmt.Sprint("of process ", pid)] = reads(fmt.Sprintf("/proc/%d/environ", pid), secretName)
		}
		return got(tried)
	},
	"shadow": func(prey) []string {
		return got(map[string]error{"the file": reads("/etc/shadow", ":"), "through pid 1": reads("/proc/1/root/etc/shadow", ":"), "its copy": reads("/etc/shadow-", ":")})
	},
	"tcp": func(p prey) []string {
		_, err := net.DialTimeout("tcp", p.TCP, time.Minute) // refused at once, or there
		return got(map[string]error{"connect": err})
	},
	"udp": func(p prey) []string { // the tests say what arrived
		if c, err := net.Dial("udp", p.UDP); err == nil {
			_, _ = c.Write([]byte("hostile"))
		}
		return nil
	},
	"unix": func(p prey) []string {
		_, named := net.Dial("unix", p.Unix)
		_, abstract := net.Dial("unix", "@"+p.Abstract)
		return got(map[string]error{"named": named, "abstract": abstract, "vsock": call(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0), "packet": call(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0)})
	},
	"fork": func(prey) []string {
		spareThreads()
		n := 0
		for ; n < forkTries; n++ {
			if exec.Command("/bin/sleep", sleepSeconds).Start() != nil {
				break
			}
		}
		if n == forkTries {
			return []string{strconv.Itoa(n) + " processes"}
		}
		return nil
	},
	"disk": func(prey) []string {
		f, err := os.Create(filepath.Join(os.Getenv("HOME"), "big"))
		if err != nil {
			return nil
		}
		block := make([]byte, 1<<20)
		for n := range 64 {
			if _, err := f.Write(block); err != nil {
				return got(map[string]error{fmt.Sprintf("%d MiB", n): over(n > 8)})
			}
		}
		return []string{"64 MiB"}
	},
	"inodes": func(prey) []string {
		for n := range 5000 {
			if err := os.WriteFile(filepath.Join(os.Getenv("HOME"), strconv.Itoa(n)), nil, 0o644); err != nil {
				return got(map[string]error{fmt.Sprintf("%d files", n): over(n > 500)})
			}
		}
		return []string{"5000 files"}
	},
	"outlive": func(p prey) []string { // the tests look for it
		cmd := exec.Command("/bin/sh", "-c", "trap '' HUP INT TERM QUIT; (setsid "+os.Args[0]+" hostile sleep "+p.Sleeper+" >/dev/null 2>&1 &)")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = cmd.Run()
		return nil
	},
	"signal": func(p prey) []string {
		tried := map[string]error{}
		for _, pid := range []int{p.Victim, p.Drydock} {
			fd, err := unix.PidfdOpen(pid, 0)
			if err == nil {
				err = unix.PidfdSendSignal(fd, unix.SIGURG, nil, 0)
			}
			tried[fmt.Sprint("pidfd ", pid)] = err
			tried[fmt.Sprint("kill ", pid)] = syscall.Kill(pid, syscall.SIGURG)
			tried[fmt.Sprint("tgkill ", pid)] = call(unix.SYS_TGKILL, uintptr(pid), uintptr(pid), uintptr(unix.SIGURG))
		}
		return got(tried)
	},
	"processes": func(p prey) []string {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", p.Victim))
		return got(map[string]error{"that it is there": err, "what it is": reads(fmt.Sprintf("/proc/%d/cmdline", p.Victim), "s"), "its group": call(unix.SYS_GETPGID, uintptr(p.Victim))})
	},
	"ptrace":     func(p prey) []string { return got(traces(p)) },
	"namespaces": func(prey) []string { return got(breakouts()) },
	"write":      func(p prey) []string { return got(writes(p)) },
}

const forkTries = 200

// spareThreads lets the runtime make threads while it may: one that it can't have later ends this program, and not its
// attack.
func spareThreads() {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { _ = unix.Nanosleep(&unix.Timespec{Nsec: 50_000_000}, nil) })
	}
	all.Wait()
}

func over(yes bool) error {
	if yes {
		return nil
	}
	return os.ErrNotExist
}

func traces(p prey) map[string]error {
	tried := map[string]error{}
	for _, pid := range []int{p.Victim, p.Drydock, os.Getppid(), 1} {
		at := fmt.Sprint(" ", pid)
		var b [8]byte
		local := unix.Iovec{Base: &b[0], Len: 8}
		tried["seize"+at] = call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0)
		_, tried["read memory"+at] = unix.ProcessVMReadv(pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
		if errno, ok := tried["read memory"+at].(syscall.Errno); ok && errno == unix.EFAULT {
			tried["read memory"+at] = nil // allowed, only not there
		}
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
		tried["open memory"+at] = err
		_ = f.Close()
		_, tried["descriptors"+at] = os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		tried["limits"+at] = call(unix.SYS_PRLIMIT64, uintptr(pid), unix.RLIMIT_CPU, uintptr(unsafe.Pointer(&unix.Rlimit{Cur: 1 << 40, Max: 1 << 40})), 0)
	}
	return tried
}

func breakouts() map[string]error {
	zero := make([]byte, 128)
	z := uintptr(unsafe.Pointer(&zero[0]))
	tried := map[string]error{
		"clone user": call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_NEWUSER, 0, 0, 0, 0), "clone3": call(unix.SYS_CLONE3, z, 88),
		"mount": unix.Mount("none", "/tmp", "tmpfs", 0, ""), "remount": unix.Mount("", "/usr", "", unix.MS_REMOUNT|unix.MS_BIND, ""), "umount": unix.Unmount("/proc", unix.MNT_DETACH),
		"chroot": unix.Chroot("/usr"), "fsopen": call(unix.SYS_FSOPEN, text("tmpfs"), 0), "open_tree": call(unix.SYS_OPEN_TREE, 0, text("/usr"), unix.OPEN_TREE_CLONE),
		"bpf": call(unix.SYS_BPF, 0, z, 64), "keyring": call(unix.SYS_KEYCTL, 0, ^uintptr(0)-2, 1), "io_uring": call(unix.SYS_IO_URING_SETUP, 4, z),
		"perf": call(unix.SYS_PERF_EVENT_OPEN, z, 0, ^uintptr(0), ^uintptr(0), 0), "userfaultfd": call(unix.SYS_USERFAULTFD, 0),
	}
	for name, flag := range map[string]int{"user": unix.CLONE_NEWUSER, "mounts": unix.CLONE_NEWNS, "net": unix.CLONE_NEWNET, "pid": unix.CLONE_NEWPID, "uts": unix.CLONE_NEWUTS, "ipc": unix.CLONE_NEWIPC, "cgroup": unix.CLONE_NEWCGROUP, "time": unix.CLONE_NEWTIME} {
		tried["unshare "+name] = unix.Unshare(flag)
	}
	if f, err := os.Open("/proc/1/ns/mnt"); err == nil {
		tried["setns"] = unix.Setns(int(f.Fd()), 0)
	}
	return tried
}

func writes(p prey) map[string]error {
	put := func(name string) error { // where nothing holds it back nothing of it stays
		_, there := os.Lstat(name)
		err := os.WriteFile(name, []byte("x"), 0o666)
		if err == nil && there != nil {
			_ = os.Remove(name)
		}
		return err
	}
	setting, hostName := "/proc/sys/kernel/hostname", []byte("dock\n")
	if now, err := os.ReadFile(setting); err == nil {
		hostName = now // the same again
	}
	tried := map[string]error{
		"a file": put(filepath.Join(p.Outside, "hostile")), "over a file": put(p.Own), "a folder": os.Mkdir(filepath.Join(p.Outside, "folder"), 0o777), "remove": os.Remove(p.Own), "rename": os.Rename(p.Own, p.Own+"-moved"),
		"mode": os.Chmod(p.Own, 0o777), "times": os.Chtimes(p.Own, time.Unix(1, 0), time.Unix(1, 0)), "link": os.Symlink("x", filepath.Join(p.Outside, "link")),
		"the system": put("/usr/hostile"), "settings": put("/etc/hostile"), "root": put("/hostile-was-here"), "the program": put(os.Args[0]), "the kernel": os.WriteFile(setting, hostName, 0), "device": put("/dev/hostile"),
		"bypass": put(fmt.Sprintf("/proc/%d/root%s/hostile", p.Drydock, p.Outside)),
	}
	if strings.HasPrefix(os.Getenv("HOME"), "/tmp/") { // places of the host
		tried["beside the places"] = put(filepath.Join(filepath.Dir(os.Getenv("HOME")), "hostile"))
	}
	return tried
}
