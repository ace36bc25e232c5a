package isolation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const childArg = "__confined"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childArg {
		os.Exit(child(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// confined runs mode in a child and returns what it met, its output and its end.
func confined(t *testing.T, mode string, args ...string) ([]byte, string, error) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{childArg, mode}, args...)...)
	cmd.Env = []string{}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return out.Bytes(), errs.String(), err
}

func child(mode string, args []string) int {
	report := findings{Tried: map[string]string{}}
	switch mode {
	case "missing", "level":
		level, err := Restrict(args, Full)
		if report.Level = level; err != nil {
			report.Error = err.Error()
		}
	case "probe":
		if err := Limit(Limits{Data: 256 << 20, CPUSeconds: 20, OpenFiles: 64}); err != nil {
			report.Error = err.Error()
			break
		}
		level, err := Restrict(args[:1], None)
		if report.Level = level; err != nil {
			report.Error = err.Error()
			break
		}
		for name, err := range actions(args[0], args[1]) {
			report.Tried[name] = fmt.Sprint(err)
		}
	case "filter":
		filtered, err := filterSyscalls()
		if !filtered || err != nil {
			report.Error = fmt.Sprintf("filter installed: %v, %v", filtered, err)
			break
		}
		for name, err := range actions(args[0], args[1]) {
			report.Tried[name] = fmt.Sprint(err)
		}
	case "memory":
		if err := Limit(Limits{Data: 64 << 20}); err != nil {
			report.Error = err.Error()
			break
		}
		var kept [][]byte
		for range 4096 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
		runtime.KeepAlive(kept)
	case "cpu":
		if err := Limit(Limits{CPUSeconds: 1}); err != nil {
			report.Error = err.Error()
			break
		}
		//lint:ignore SA5002 it is to be stopped from outside
		for {
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(report)
	return 0
}

// path is a C string.
func cstring(s string) uintptr {
	p, _ := unix.BytePtrFromString(s)
	kept = append(kept, p)
	return uintptr(unsafe.Pointer(p))
}

var kept []*byte

// call makes a system call by number and keeps only its error.
func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

const cwd = ^uintptr(99) // AT_FDCWD, -100

// actions is everything that must not work, by name; inside is a file of the root that may be read, outside
// one that may not.
func actions(root, outside string) map[string]error {
	inside := filepath.Join(root, "file")
	f, err := os.Open(inside)
	if err != nil {
		return map[string]error{"the file inside can't be opened: " + err.Error(): nil}
	}
	fd := f.Fd()
	target, parent := cstring(inside), uintptr(os.Getppid())
	in := func(name string) uintptr { return cstring(filepath.Join(root, name)) }
	open := func(name string, flags int) error {
		fd, err := unix.Open(name, flags, 0o600)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
	dial := func(network, address string) error { _, err := net.Dial(network, address); return err }
	listDir := func(name string) error { _, err := os.ReadDir(name); return err }
	ring := make([]byte, 256)
	m := map[string]error{
		"read outside": open(outside, unix.O_RDONLY), "list outside": listDir(filepath.Dir(outside)), "read /etc/passwd": open("/etc/passwd", unix.O_RDONLY),
		"read through ..":         open(filepath.Join(root, "..", filepath.Base(filepath.Dir(outside)), filepath.Base(outside)), unix.O_RDONLY),
		"read /proc/self/environ": open("/proc/self/environ", unix.O_RDONLY), "read the parent": open(fmt.Sprintf("/proc/%d/environ", parent), unix.O_RDONLY),
		"write": open(inside, unix.O_WRONLY), "open for both": open(inside, unix.O_RDWR), "append": open(inside, unix.O_WRONLY|unix.O_APPEND),
		"truncate by open": open(inside, unix.O_RDONLY|unix.O_TRUNC), "create": open(filepath.Join(root, "new"), unix.O_CREAT|unix.O_RDONLY),
		"temporary file": open(root, unix.O_TMPFILE|unix.O_RDWR), "/dev/null for writing": open("/dev/null", unix.O_WRONLY),
		"truncate": call(unix.SYS_TRUNCATE, target, 0), "ftruncate": call(unix.SYS_FTRUNCATE, fd, 0), "fallocate": call(unix.SYS_FALLOCATE, fd, 0, 0, 10),
		"mkdirat": call(unix.SYS_MKDIRAT, cwd, in("dir"), 0o700), "unlinkat": call(unix.SYS_UNLINKAT, cwd, target, 0), "renameat2": call(unix.SYS_RENAMEAT2, cwd, target, cwd, in("moved"), 0),
		"linkat": call(unix.SYS_LINKAT, cwd, target, cwd, in("link"), 0), "symlinkat": call(unix.SYS_SYMLINKAT, target, cwd, in("symlink")), "mknodat": call(unix.SYS_MKNODAT, cwd, in("fifo"), unix.S_IFIFO|0o600, 0),
		"fchmodat": call(unix.SYS_FCHMODAT, cwd, target, 0o777), "fchmodat2": call(unix.SYS_FCHMODAT2, cwd, target, 0o777, 0), "fchmod": call(unix.SYS_FCHMOD, fd, 0o777),
		"fchownat": call(unix.SYS_FCHOWNAT, cwd, target, uintptr(os.Getuid()), uintptr(os.Getgid()), 0), "fchown": call(unix.SYS_FCHOWN, fd, uintptr(os.Getuid()), uintptr(os.Getgid())),
		"utimensat": call(unix.SYS_UTIMENSAT, cwd, target, 0, 0), "futimens": call(unix.SYS_UTIMENSAT, fd, 0, 0, 0),
		"setxattr": unix.Setxattr(inside, "user.x", []byte("1"), 0), "fsetxattr": unix.Fsetxattr(int(fd), "user.x", []byte("1"), 0), "lsetxattr": unix.Lsetxattr(inside, "user.x", []byte("1"), 0),
		"removexattr": unix.Removexattr(inside, "user.x"), "setxattrat": call(463, cwd, target, 0, in("x"), 0, 0), "file_setattr": call(469, cwd, target, 0, 0, 0),
		"getxattr outside": call(unix.SYS_GETXATTR, cstring(outside), cstring("user.x"), 0, 0), "listxattr outside": call(unix.SYS_LISTXATTR, cstring(outside), 0, 0), "lgetxattr": call(unix.SYS_LGETXATTR, target, cstring("user.x"), 0, 0),
		"llistxattr": call(unix.SYS_LLISTXATTR, target, 0, 0), "fgetxattr": call(unix.SYS_FGETXATTR, fd, cstring("user.x"), 0, 0), "flistxattr": call(unix.SYS_FLISTXATTR, fd, 0, 0), "listmount": call(unix.SYS_LISTMOUNT, uintptr(unsafe.Pointer(&ring[0])), 0, 0, 0),
		"inode flags by ioctl": call(unix.SYS_IOCTL, fd, unix.FS_IOC_SETFLAGS, uintptr(unsafe.Pointer(&ring[0]))), "flock": unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB),
		"lease": call(unix.SYS_FCNTL, fd, unix.F_SETLEASE, unix.F_RDLCK), "file lock": unix.FcntlFlock(fd, unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}),
		"udp": dial("udp", "127.0.0.1:9"), "tcp": dial("tcp", "127.0.0.1:9"), "unix socket": dial("unix", "/run/none"),
		"exec": syscall.Exec("/bin/true", []string{"true"}, nil), "run a program": exec.Command("/bin/true").Run(),
		"execveat": call(unix.SYS_EXECVEAT, fd, cstring(""), 0, 0, unix.AT_EMPTY_PATH), "memfd": call(unix.SYS_MEMFD_CREATE, in("m"), 0), "memfd_secret": call(unix.SYS_MEMFD_SECRET, 0),
		"io_uring": call(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&ring[0]))), "io_uring_enter": call(unix.SYS_IO_URING_ENTER, 0, 0, 0, 0), "io_uring_register": call(unix.SYS_IO_URING_REGISTER, 0, 0, 0, 0),
		"fork by clone": call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0), "clone3": call(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&ring[0])), 88),
		"new namespace by clone": call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_NEWUSER, 0, 0, 0, 0),
		"openat2":                call(unix.SYS_OPENAT2, cwd, target, uintptr(unsafe.Pointer(&ring[0])), 24),
		"kill the parent":        call(unix.SYS_KILL, parent, 0), "kill everyone": call(unix.SYS_KILL, ^uintptr(0), 0), "tgkill": call(unix.SYS_TGKILL, parent, parent, 0), "tkill": call(unix.SYS_TKILL, parent, 0),
		"pidfd_open": call(unix.SYS_PIDFD_OPEN, parent, 0), "sigqueue": call(unix.SYS_RT_SIGQUEUEINFO, parent, 0, uintptr(unsafe.Pointer(&ring[0]))),
		"ptrace": call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, parent, 0, 0), "process_vm_readv": call(unix.SYS_PROCESS_VM_READV, parent, 0, 0, 0, 0, 0),
		"mount": unix.Mount("none", root, "tmpfs", 0, ""), "umount": unix.Unmount(root, 0), "open_tree": call(unix.SYS_OPEN_TREE, cwd, target, 0), "fsopen": call(unix.SYS_FSOPEN, cstring("tmpfs"), 0),
		"unshare": call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER), "setns": call(unix.SYS_SETNS, fd, 0), "pivot_root": call(unix.SYS_PIVOT_ROOT, target, target), "chroot": call(unix.SYS_CHROOT, cstring(root)),
		"bpf": call(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&ring[0])), 16), "keyctl": call(unix.SYS_KEYCTL, 0, 0, 0), "add_key": call(unix.SYS_ADD_KEY, cstring("user"), cstring("k"), target, 1, ^uintptr(0)),
		"perf": call(unix.SYS_PERF_EVENT_OPEN, uintptr(unsafe.Pointer(&ring[0])), 0, 0, 0, 0), "userfaultfd": call(unix.SYS_USERFAULTFD, 0),
		"setuid": call(unix.SYS_SETUID, 1), "raise a limit": unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: 1}), "inotify": call(unix.SYS_INOTIFY_INIT1, 0),
		"fanotify": call(unix.SYS_FANOTIFY_INIT, 0, 0), "name_to_handle": call(unix.SYS_NAME_TO_HANDLE_AT, cwd, target, uintptr(unsafe.Pointer(&ring[0])), uintptr(unsafe.Pointer(&ring[8])), 0),
		"shm": call(unix.SYS_SHMGET, 0, 4096, 0o1600), "sethostname": unix.Sethostname([]byte("x")), "socketpair": call(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, uintptr(unsafe.Pointer(&ring[0]))),
	}
	for family := range 46 { // every family of sockets there is
		m[fmt.Sprintf("socket of family %d", family)] = call(unix.SYS_SOCKET, uintptr(family), unix.SOCK_DGRAM, 0)
	}
	for name, err := range actionsHere(target, in("fork")) {
		m[name] = err
	}
	if b, err := os.ReadFile(inside); err != nil || string(b) != "content" {
		m["inside is not readable: "+fmt.Sprint(err)] = nil
	}
	return m
}

func TestEveryForbiddenActionIsRefused(t *testing.T) {
	base := t.TempDir()
	root, other := filepath.Join(base, "root"), filepath.Join(base, "other")
	for _, d := range []string{root, other} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "file"), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(filepath.Join(root, "file"))
	if err != nil {
		t.Fatal(err)
	}
	out, errs, err := confined(t, "probe", root, filepath.Join(other, "file"))
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	got := decodeFindings(t, out)
	if got.Error != "" {
		t.Fatal(got.Error)
	}
	if got.Level != Full {
		t.Skipf("this host gives only %q", got.Level)
	}
	if len(got.Tried) < 100 {
		t.Errorf("only %d actions tried", len(got.Tried))
	}
	for name, err := range got.Tried {
		if !strings.Contains(err, "operation not permitted") && !strings.Contains(err, "permission denied") && !strings.Contains(err, "function not implemented") {
			t.Errorf("%s: %s", name, err)
		}
	}
	after, err := os.Stat(filepath.Join(root, "file"))
	if err != nil || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
		t.Errorf("the file changed: %v %v %v", before, after, err)
	}
	if entries, _ := os.ReadDir(root); len(entries) != 1 {
		t.Errorf("the folder changed: %v", entries)
	}
}

// Where a kernel has no Landlock, the seccomp list alone refuses everything but reading.
func TestFilterAloneRefusesEverythingButReading(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, err := confined(t, "filter", root, file)
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	got := decodeFindings(t, out)
	if got.Error != "" {
		t.Skip("this host has no seccomp filters: " + got.Error)
	}
	for name, err := range got.Tried {
		if err == "<nil>" && !strings.HasPrefix(name, "read") && name != "list outside" {
			t.Errorf("%s succeeded", name)
		}
	}
}

func TestRestrictWithoutItsRoot(t *testing.T) {
	out, errs, err := confined(t, "missing", filepath.Join(t.TempDir(), "nothing"))
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	if got := decodeFindings(t, out); got.Level == Full || got.Error == "" {
		t.Errorf("%+v", got)
	}
}

func TestMemoryLimitEndsTheProcess(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is not bounded")
	}
	if _, errs, err := confined(t, "memory"); err == nil || !strings.Contains(errs, "memory") {
		t.Errorf("end %v, said %.200q", err, errs)
	}
}

func TestProcessorLimitEndsTheProcess(t *testing.T) {
	_, _, err := confined(t, "cpu")
	exit, ok := err.(*exec.ExitError)
	if !ok {
		t.Fatalf("end %v", err)
	}
	if s := exit.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGXCPU && s.Signal() != syscall.SIGKILL {
		t.Errorf("end %v", err)
	}
}
