package dock

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// selfInside is where this executable stands in a box that bwrap made.
const selfInside = "/.drydock"

// bubblewrap lets bwrap make the namespaces and the read-only mounts. It leaves the supervisor the capabilities to
// mount and to limit, over these namespaces alone: bwrap knows no limit of inodes.
func (r *run) bubblewrap() *exec.Cmd {
	id := strconv.Itoa(insideID)
	args := []string{
		"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
		"--uid", id, "--gid", id, "--hostname", "dock", "--die-with-parent", "--as-pid-1", "--new-session",
		"--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP", "--cap-add", "CAP_SYS_RESOURCE",
	}
	for _, d := range devices {
		args = append(args, "--dev-bind", d, d)
	}
	for _, b := range r.spec.Binds {
		if b.Place != nil {
			args = append(args, "--size", strconv.FormatInt(b.Place.Size, 10), "--tmpfs", b.Inside)
		} else {
			args = append(args, "--ro-bind", b.Host, b.Inside)
		}
	}
	for _, inside := range slices.Sorted(maps.Keys(r.spec.Links)) {
		args = append(args, "--symlink", r.spec.Links[inside], inside)
	}
	args = append(args, "--proc", "/proc", "--chdir", "/", "--", selfInside, ChildArg, "supervise")
	if r.stage == nil {
		cmd := exec.Command(r.bwrap, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	r.stage.Args = args
	told, _ := json.Marshal(r.stage) // paths and numbers: it can't fail
	cmd := exec.Command("/proc/self/exe", ChildArg, "stage", string(told))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: unix.CLONE_NEWNS}
	return cmd
}

// stage is a mount namespace in which bwrap, as a user that is nobody, gets to mounts that root opened.
type stage struct {
	Base   string
	Mounts []bind // to be hung at Inside
	Bwrap  string
	UID    int
	GID    int
	Args   []string
}

// bringIn shows bwrap what it is to mount: as root by a stage, else where it lies.
func (r *run) bringIn() error {
	self, err := os.Executable()
	if err != nil {
		return &Error{Kind: Broken, Text: "find this executable", Cause: err}
	}
	r.spec.Binds = append(r.spec.Binds, bind{Host: self, Inside: selfInside, File: true})
	if !r.user.dropped {
		return nil
	}
	at, err := base()
	if err != nil {
		return err
	}
	r.spec.Binds = append(r.spec.Binds, bind{Host: r.bwrap, File: true})
	if err := r.openTrees(); err != nil {
		return err
	}
	r.stage = &stage{Base: at, UID: r.user.uid, GID: r.user.gid}
	for i, b := range r.spec.Binds {
		if b.Place != nil {
			continue
		}
		b.Inside = filepath.Join(at, strconv.Itoa(i))
		r.stage.Mounts = append(r.stage.Mounts, b)
		r.spec.Binds[i].Host, r.spec.Binds[i].FD = b.Inside, 0
		r.stage.Bwrap = b.Inside // the last
	}
	r.spec.Binds = r.spec.Binds[:len(r.spec.Binds)-1]
	return nil
}

// limitPlaces gives the places that bwrap made their limit of inodes.
func limitPlaces(s *spec) error {
	for _, w := range s.Writable {
		if err := unix.Mount("", w.Path, "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,nr_inodes=%d", w.Size, w.Inodes)); err != nil {
			return fmt.Errorf("limit the writable place %s: %w", w.Path, err)
		}
		if err := os.Chmod(w.Path, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// setStage hangs up the mounts and becomes bwrap.
func setStage(told string) int {
	runtime.LockOSThread()
	var s stage
	err := json.Unmarshal([]byte(told), &s)
	if err == nil {
		err = s.set()
	}
	fmt.Fprintln(os.Stderr, "set the stage for bwrap:", err)
	return 1
}

func (s *stage) set() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cut the mounts off from the host's: %w", err)
	}
	if err := tmpfs(s.Base, rootSize, rootInodes, 0o755); err != nil {
		return err
	}
	for _, b := range s.Mounts {
		if err := mountPoint(b.Inside, b.File); err != nil {
			return err
		}
		if err := unix.MoveMount(b.FD, "", unix.AT_FDCWD, b.Inside, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("mount %s: %w", b.Host, err)
		}
		_ = unix.Close(b.FD)
	}
	if err := syscall.Setgroups([]int{}); err != nil {
		return err
	}
	if err := syscall.Setresgid(s.GID, s.GID, s.GID); err != nil {
		return err
	}
	if err := syscall.Setresuid(s.UID, s.UID, s.UID); err != nil {
		return err
	}
	// A change of user took the wish to die with the parent away.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	return syscall.Exec(s.Bwrap, append([]string{"bwrap"}, s.Args...), []string{})
}
