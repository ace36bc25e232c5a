package uv

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is the inode's change time where there is one: unlike the time of modification it can't be set back.
func changed(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return info.ModTime()
}
