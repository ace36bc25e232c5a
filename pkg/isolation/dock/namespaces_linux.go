package dock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// insideID is the one user and group inside. It is not 0: programs do other things as root, and mean it.
const insideID = 1000

// unshare asks for namespaces of everything. The ambient capabilities are those over the new namespaces alone;
// the supervisor sets up with them and the program gets none.
func (r *run) unshare(attr *syscall.SysProcAttr) {
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if _, err := os.Stat("/proc/self/ns/cgroup"); err == nil {
		attr.Cloneflags |= unix.CLONE_NEWCGROUP
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: r.user.uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: r.user.gid, Size: 1}}
	attr.Credential = &syscall.Credential{Uid: insideID, Gid: insideID, NoSetGroups: true}
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP, unix.CAP_SYS_RESOURCE}
	attr.Pdeathsig = syscall.SIGKILL // pid 1 dies, and the kernel ends everything else in there
}

// enterRoot makes the new root: a tmpfs with the mounts in it, the old one gone.
func enterRoot(s *spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cut the mounts off from the host's: %w", err)
	}
	trees := make([]int, 0, len(s.Binds)+len(devices))
	for _, b := range s.Binds {
		fd := b.FD
		if fd == 0 && b.Place == nil {
			var err error
			if fd, err = openTree(b.Host); err != nil {
				return fmt.Errorf("open %s as a mount: %w", b.Host, err)
			}
		}
		trees = append(trees, fd)
	}
	for _, d := range devices {
		fd, err := unix.OpenTree(unix.AT_FDCWD, d, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("open %s as a mount: %w", d, err)
		}
		trees = append(trees, fd)
	}
	if err := tmpfs(s.Base, rootSize, rootInodes, 0o755); err != nil {
		return err
	}
	binds := s.Binds
	for _, d := range devices {
		binds = append(binds, bind{Inside: d, File: true})
	}
	for i, b := range binds {
		at := filepath.Join(s.Base, b.Inside)
		if err := mountPoint(at, b.File); err != nil {
			return fmt.Errorf("make the mount point %s (a folder above it is mounted read-only?): %w", b.Inside, err)
		}
		if b.Place != nil {
			if err := tmpfs(at, b.Place.Size, b.Place.Inodes, 0o700); err != nil {
				return err
			}
			continue
		}
		if err := unix.MoveMount(trees[i], "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("mount at %s: %w", b.Inside, err)
		}
		_ = unix.Close(trees[i])
	}
	proc := filepath.Join(s.Base, "proc")
	if err := os.Mkdir(proc, 0o555); err != nil {
		return err
	}
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount a /proc of its own (refused where parts of the host's are hidden): %w", err)
	}
	for inside, target := range s.Links {
		if err := os.Symlink(target, filepath.Join(s.Base, inside)); err != nil {
			return err
		}
	}
	// The old root is stacked on the new one's place and let go: pivot_root(2), "pivot_root(".", ".")".
	if err := os.Chdir(s.Base); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let the host's root go: %w", err)
	}
	if err := unix.Sethostname([]byte("dock")); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	return loopback()
}

// furnish adds what both kinds of namespaces have: /etc and links in /dev. After it the root takes nothing more.
func furnish(s *spec) error {
	// A user of this host has few of these for all processes, and those of a box count for who made it, too.
	for name, most := range map[string]int{"max_inotify_instances": maxWatchers, "max_inotify_watches": maxWatches} {
		if err := os.WriteFile("/proc/sys/user/"+name, []byte(strconv.Itoa(most)), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("limit what watches files: %w", err)
		}
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := os.MkdirAll("/etc", 0o755); err != nil {
		return err
	}
	for name, text := range etc {
		if err := os.WriteFile("/etc/"+name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, "/dev/"+name); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("close the root: %w", err)
	}
	return nil
}

// etc is all of /etc: enough that a user, a group and localhost have names.
var etc = map[string]string{
	"passwd":        "dock:x:1000:1000:dock:" + Home + ":/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	"group":         "dock:x:1000:\nnogroup:x:65534:\n",
	"hosts":         "127.0.0.1 localhost dock\n::1 localhost\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
	"hostname":      "dock\n",
}

func tmpfs(p string, size, inodes int64, mode uint32) error {
	if err := unix.Mount("tmpfs", p, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,nr_inodes=%d,mode=%o", size, inodes, mode)); err != nil {
		return fmt.Errorf("mount a tmpfs at %s: %w", p, err)
	}
	return nil
}

func mountPoint(p string, file bool) error {
	if !file {
		return os.MkdirAll(p, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(p, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// loopback brings up lo of the new network, its only device (netdevice(7)): tests speak to servers of their own.
func loopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring up the loopback device: %w", err)
	}
	defer func() { _ = unix.Close(s) }()
	request := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: unix.IFF_UP | unix.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("bring up the loopback device: %w", errno)
	}
	return nil
}
