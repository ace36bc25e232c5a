package dock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// at is a dock of the level l that nobody has tried yet.
func at(_ context.Context, l Level) (Dock, error) {
	b := &box{level: l}
	if l == Landlock || l == Namespaces || l == Bubblewrap {
		if !hasFilter {
			return nil, &LevelError{Level: l, Missing: "there is no list of system calls for this processor", Do: "run Drydock on amd64 or arm64"}
		}
	}
	switch l {
	case Landlock:
		if err := landlocked(); err != nil {
			return nil, err
		}
	case Bubblewrap:
		path, err := exec.LookPath("bwrap")
		if err != nil {
			return nil, &LevelError{Level: l, Missing: "bwrap is not on the PATH", Do: remedy[l]}
		}
		if b.bwrap, err = filepath.Abs(path); err != nil {
			return nil, &LevelError{Level: l, Missing: err.Error(), Do: remedy[l]}
		}
	}
	return b, nil
}

// system are the folders of programs and libraries, shown where the host has them.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// devices of the box; none of them reaches the host.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// prepare finds everything the command needs on this host.
func (b *box) prepare(c Command) (_ *run, err error) {
	r := &run{c: c, level: b.level, bwrap: b.bwrap, user: identity{uid: os.Geteuid(), gid: os.Getegid()}}
	if b.level != None && r.user.uid == 0 {
		var free func()
		r.user, free = nobody()
		r.undo = append(r.undo, free)
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	binds, links, err := r.binds()
	if err != nil {
		return nil, err
	}
	r.spec = spec{Level: b.level, Binds: binds, Links: links, Writable: c.Writable, Limits: c.Limits, Results: c.Results, Probe: c.probe}
	find := func(p string) string { return p }
	var largest int64
	switch b.level {
	case Landlock, None:
		if find, err = r.scratch(); err != nil {
			return nil, err
		}
		for _, w := range c.Writable { // the one limit of a folder that the kernel keeps
			largest = max(largest, w.Size)
		}
		r.spec.Limits.FileSize = min(c.Limits.FileSize, largest)
	case Namespaces:
		if r.spec.Base, err = base(); err == nil && r.user.dropped {
			err = r.openTrees()
		}
	case Bubblewrap:
		err = r.bringIn()
	}
	if err != nil {
		return nil, err
	}
	r.spec.Path, r.spec.Dir = locate(c.Path, find), locate(c.Dir, find)
	for _, a := range c.Args {
		r.spec.Args = append(r.spec.Args, locate(a, find))
	}
	r.spec.Env = c.environment(find)
	return r, nil
}

// binds are all mounts, outer ones first.
func (r *run) binds() ([]bind, map[string]string, error) {
	var out []bind
	links := map[string]string{}
	for _, p := range system {
		info, err := os.Lstat(p)
		if err != nil {
			continue // not every system has each
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			out = append(out, bind{Host: p, Inside: p})
		} else if target, err := os.Readlink(p); err == nil {
			links[p] = target
		}
	}
	prefixes, err := interpreterPrefixes(r.c.Interpreter)
	if err != nil {
		return nil, nil, err
	}
	mounts := slices.Clone(r.c.Mounts)
	for _, p := range prefixes {
		if p != "/usr" && !strings.HasPrefix(p, "/usr/") && !slices.ContainsFunc(mounts, func(m Mount) bool { return m.Inside == p }) {
			mounts = append(mounts, Mount{p, p})
		}
	}
	for _, m := range mounts {
		info, err := os.Stat(m.Host)
		if err != nil {
			return nil, nil, &Error{Kind: Unreadable, Text: "mount " + m.Host, Cause: err}
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return nil, nil, &Error{Kind: BadCommand, Text: fmt.Sprintf("mount of %s: it is neither a file nor a folder", m.Host)}
		}
		if perm := info.Mode().Perm(); r.user.dropped && (perm&0o004 == 0 || info.IsDir() && perm&0o001 == 0) {
			return nil, nil, &Error{Kind: Unreadable, Text: fmt.Sprintf("mount of %s: its mode %o is closed to the unprivileged user that the command runs as; open it with chmod o+rX", m.Host, perm)}
		}
		host, err := filepath.EvalSymlinks(m.Host)
		if err != nil {
			return nil, nil, &Error{Kind: Unreadable, Text: "mount " + m.Host, Cause: err}
		}
		out = append(out, bind{Host: host, Inside: m.Inside, File: !info.IsDir()})
	}
	if r.level == Namespaces || r.level == Bubblewrap {
		for _, w := range r.c.Writable {
			out = append(out, bind{Inside: w.Path, Place: &w})
		}
	}
	slices.SortStableFunc(out, func(a, b bind) int { return strings.Compare(a.Inside, b.Inside) })
	return out, links, nil
}

// reachable refuses what the command's user could not get to through the folders above, where the level has no
// way around that.
func (r *run) reachable() error {
	if !r.user.dropped {
		return nil
	}
	for _, b := range r.spec.Binds {
		if err := openToOthers(b.Host); err != nil {
			return err
		}
	}
	return nil
}

func openToOthers(p string) error {
	for dir := filepath.Dir(p); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return &Error{Kind: Unreadable, Text: "look at " + dir, Cause: err}
		}
		if info.Mode().Perm()&0o001 == 0 {
			return &Error{Kind: Unreadable, Text: fmt.Sprintf("%s lies beneath %s, whose mode %o is closed to the unprivileged user that the command runs as; use level namespaces, run Drydock as another user than root, or move it", p, dir, info.Mode().Perm())}
		}
		if dir == "/" {
			return nil
		}
	}
}

// base is a folder to set a new root up on, in the mount namespace of the box alone.
func base() (string, error) {
	for _, p := range []string{"/tmp", "/run", "/mnt", "/var", "/usr"} {
		if info, err := os.Lstat(p); err == nil && info.IsDir() {
			return p, nil
		}
	}
	return "", &Error{Kind: Broken, Text: "find a folder to make the box's root on: this host has none of /tmp, /run, /mnt, /var, /usr"}
}

// openTrees opens every mount as root, because the user inside may not get to where it lies.
func (r *run) openTrees() error {
	for i, b := range r.spec.Binds {
		if b.Place != nil {
			continue
		}
		fd, err := openTree(b.Host)
		if err != nil {
			return &Error{Kind: Broken, Text: "open " + b.Host + " as a mount", Cause: err}
		}
		r.mounts = append(r.mounts, os.NewFile(uintptr(fd), b.Host))
		r.spec.Binds[i].FD = fdFirst + len(r.mounts) - 1
	}
	return nil
}

// openTree is a copy of the mounts at p, read-only and recursive, that hangs nowhere yet.
func openTree(p string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, p, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, err
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// scratch makes the writable places as folders of the host and says where an inside path is found.
func (r *run) scratch() (func(string) string, error) {
	dir, err := os.MkdirTemp("", "drydock-dock-")
	if err != nil {
		return nil, &Error{Kind: Broken, Text: "make a folder for what the command writes", Cause: err}
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, &Error{Kind: Broken, Text: "make a folder for what the command writes", Cause: err}
	}
	r.undo = append(r.undo, func() { removeAll(dir) })
	r.spec.Scratch = dir
	own := []string{dir}
	for i := range r.c.Writable {
		p := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(p, 0o700); err != nil {
			return nil, &Error{Kind: Broken, Text: "make a folder for what the command writes", Cause: err}
		}
		own, r.spec.Places = append(own, p), append(r.spec.Places, p)
	}
	if r.user.dropped {
		for _, p := range own {
			if err := os.Chown(p, r.user.uid, r.user.gid); err != nil {
				return nil, &Error{Kind: Broken, Text: "give " + p + " to the user that the command runs as", Cause: err}
			}
		}
		if err := openToOthers(dir); err != nil {
			return nil, err
		}
		if err := r.reachable(); err != nil {
			return nil, err
		}
	}
	for _, b := range r.spec.Binds {
		r.spec.Readable = append(r.spec.Readable, b.Host)
	}
	return r.find, nil
}

// find is where an inside path lies on the host: in the innermost mount or place.
func (r *run) find(p string) string {
	best, host := "", p
	try := func(inside, at string) {
		if (p == inside || strings.HasPrefix(p, inside+"/")) && len(inside) > len(best) {
			best, host = inside, at+strings.TrimPrefix(p, inside)
		}
	}
	for _, b := range r.spec.Binds {
		try(b.Inside, b.Host)
	}
	for i, w := range r.c.Writable {
		try(w.Path, r.spec.Places[i])
	}
	return host
}

// removeAll removes dir whatever modes the command left on folders.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	root, err := os.OpenRoot(dir) // no link leads out of it
	if err != nil {
		return
	}
	_ = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = root.Chmod(p, 0o700)
		}
		return nil
	})
	_ = root.Close()
	_ = os.RemoveAll(dir)
}

// command starts the supervisor at the level.
func (r *run) command() *exec.Cmd {
	if r.level == Bubblewrap {
		return r.bubblewrap()
	}
	cmd := exec.Command("/proc/self/exe", ChildArg, "supervise")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if r.level == Namespaces {
		r.unshare(cmd.SysProcAttr)
	} else if r.user.dropped {
		cmd.SysProcAttr.Credential = r.credential()
	}
	return cmd
}

func (r *run) credential() *syscall.Credential {
	return &syscall.Credential{Uid: uint32(r.user.uid), Gid: uint32(r.user.gid), Groups: []uint32{}}
}
