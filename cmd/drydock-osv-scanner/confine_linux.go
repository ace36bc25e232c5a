package main

import (
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// confine leaves this process the database to read, its own folder to write and
// no TCP, for good. It returns the level reached: "landlock", or "none" where the
// kernel offers less than that.
func confine(db, dir string) string {
	// Landlock's fourth version is the first that knows of TCP; nothing less is
	// taken for it. /etc and the like are not needed: osv-scanner reads the
	// question and the database.
	err := landlock.V4.Restrict(landlock.RODirs(db), landlock.RWDirs(dir),
		landlock.PathAccess(syscall.AccessFSRemoveDir, os.TempDir())) // to remove its own folder at the end
	if err != nil {
		return "none"
	}
	return "landlock"
}
