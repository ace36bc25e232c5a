package artifact

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Claimed is a folder of work whose process is known to live: beside it lies a locked file, and the kernel gives
// the lock back however the process ends (flock(2)). It must not be on a network file system without locks.
type Claimed struct {
	Dir  string
	lock *flock.Flock
}

// LockSuffix names the file beside a folder of work, never in it: what is locked is not removed with the folder.
const LockSuffix = ".lock"

// abandonedAfter is when a folder goes that nobody ever locked.
const abandonedAfter = 24 * time.Hour

// makingSuffix is in the name of a lock's file that is not locked yet, or not for sure: to try it would take the lock
// away from whom it is made for, so a sweep leaves it alone while it is younger than makingFor.
const (
	makingSuffix = ".new"
	makingFor    = time.Minute
)

// Claim makes a new folder in dir, whose name begins with prefix, and holds it until Leave or the end of this
// process. What a Sweep meets is locked from the moment it has its name.
func Claim(dir, prefix string) (*Claimed, error) {
	c := &Claimed{Dir: filepath.Join(dir, prefix+rand.Text())}
	making := c.Dir + makingSuffix + LockSuffix
	c.lock = flock.New(making)
	ok, err := c.lock.TryLock()
	if err == nil && !ok {
		err = fmt.Errorf("%s is locked by another process", making)
	}
	if err == nil {
		if err = os.Rename(making, c.Dir+LockSuffix); err == nil {
			err = os.Mkdir(c.Dir, 0o700) // the lock is first: a folder without one is nobody's
		}
	}
	if err == nil {
		return c, nil
	}
	for _, name := range []string{making, c.Dir + LockSuffix} {
		if rerr := os.Remove(name); !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return nil, fmt.Errorf("make a folder to work in: %w", errors.Join(err, c.lock.Close()))
}

// Leave removes the folder, if it is still there, and gives up the claim.
func (c *Claimed) Leave() error {
	err := Remove(c.Dir)
	return errors.Join(err, os.Remove(c.Dir+LockSuffix), c.lock.Close())
}

// Sweep removes from dir the folders with a prefix whose claim ended with its process, and those a day old that
// nobody ever claimed.
func Sweep(dir, prefix string, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep what was left: %w", err)
	}
	var errs []error
	for _, e := range entries {
		name, isLock := strings.CutSuffix(e.Name(), LockSuffix)
		if strings.HasPrefix(name, prefix) && (isLock || e.IsDir()) {
			errs = append(errs, SweepOne(filepath.Join(dir, name), now))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep what was left: %w", err)
	}
	return nil
}

// SweepOne removes one folder if its claim ended with its process, or if it is a day old and nobody ever claimed it.
// Who sweeps a place that others write to looks first at whose it is: rights are changed to remove what is in it.
func SweepOne(folder string, now time.Time) error {
	claim, err := os.Lstat(folder + LockSuffix)
	if err == nil && strings.HasSuffix(folder, makingSuffix) && now.Sub(claim.ModTime()) < makingFor {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Lstat(folder); err != nil || now.Sub(info.ModTime()) < abandonedAfter {
			return nil // gone meanwhile, or young
		}
		return Remove(folder)
	}
	lock := flock.New(folder+LockSuffix, flock.SetFlag(os.O_RDONLY)) // never makes the file
	ok, err := lock.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody else swept, or left
	}
	if err == nil && ok {
		if err = Remove(folder); err == nil {
			err = os.Remove(folder + LockSuffix)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return errors.Join(err, lock.Close())
}
