package isolation

import (
	"os"

	"golang.org/x/sys/unix"
)

// actionsHere are the older calls that only this architecture has.
func actionsHere(target, fresh uintptr) map[string]error {
	return map[string]error{
		"chmod": call(unix.SYS_CHMOD, target, 0o777), "chown": call(unix.SYS_CHOWN, target, uintptr(os.Getuid()), uintptr(os.Getgid())), "lchown": call(unix.SYS_LCHOWN, target, 0, 0),
		"utime": call(unix.SYS_UTIME, target, 0), "utimes": call(unix.SYS_UTIMES, target, 0), "futimesat": call(unix.SYS_FUTIMESAT, cwd, target, 0),
		"fork": call(unix.SYS_FORK), "vfork": call(unix.SYS_CLONE, unix.CLONE_VFORK|unix.CLONE_VM|uintptr(unix.SIGCHLD), 0), "creat": call(unix.SYS_CREAT, fresh, 0o600),
		"open for writing": call(unix.SYS_OPEN, target, unix.O_WRONLY), "unlink": call(unix.SYS_UNLINK, target), "rename": call(unix.SYS_RENAME, target, fresh), "renameat": call(unix.SYS_RENAMEAT, cwd, target, cwd, fresh),
		"mkdir": call(unix.SYS_MKDIR, fresh, 0o700), "rmdir": call(unix.SYS_RMDIR, target), "link": call(unix.SYS_LINK, target, fresh), "symlink": call(unix.SYS_SYMLINK, target, fresh),
		"mknod": call(unix.SYS_MKNOD, fresh, unix.S_IFIFO|0o600, 0), "an x32 call": call(0x40000000 | unix.SYS_GETPID),
	}
}
