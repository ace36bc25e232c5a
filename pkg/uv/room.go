package uv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/artifact"
)

// roomPrefix begins the name of every folder that uv runs in.
const roomPrefix = "drydock-uv-"

// room makes a folder to run uv in, which only this user can open, and removes those that killed processes left: no
// program can clean up after SIGKILL, the next one can. The function it returns removes the folder.
func room() (dir string, leave func(), err error) {
	tmp := os.TempDir()
	sweep(tmp, time.Now())
	c, err := artifact.Claim(tmp, roomPrefix)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return "", nil, fmt.Errorf("make a folder to run uv in, in %s: %w", tmp, err)
	}
	return c.Dir, func() { _ = c.Leave() }, nil // what stays is for a later sweep
}

// sweep removes the folders whose process is gone, and those a day old that no process ever claimed. Temporary files
// of all users lie side by side: what is another's, or was put there as a link, is not touched. What can't be removed
// stays for the next time.
func sweep(tmp string, now time.Time) {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), artifact.LockSuffix)
		if strings.HasPrefix(name, roomPrefix) && ours(filepath.Join(tmp, name), true) && ours(filepath.Join(tmp, name+artifact.LockSuffix), false) {
			_ = artifact.SweepOne(filepath.Join(tmp, name), now)
		}
	}
}

// ours says whether a folder, or file, is this user's own, or is not there.
func ours(path string, folder bool) bool {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	return err == nil && (folder && info.IsDir() || !folder && info.Mode().IsRegular()) && mine(info)
}
