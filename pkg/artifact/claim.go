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

// makingSuffix is in the name of a lock's file that may not be locked yet: to try it could take the lock away from
// whom it is made for, so a sweep leaves it alone while it is younger than makingFor.
const (
	makingSuffix = ".new"
	makingFor    = time.Minute
)

// errSwept is a claim that a Sweep took the lock from while it was made.
var errSwept = errors.New("swept while it was made")

// Claim makes a new folder in dir, whose name begins with prefix, and holds it until Leave or the end of this
// process. What a Sweep meets is locked from the moment it has its name.
func Claim(dir, prefix string) (*Claimed, error) {
	for {
		c := &Claimed{Dir: filepath.Join(dir, prefix+rand.Text())}
		err := c.make()
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, errSwept) { // that takes a process that stood still, or a clock that is ahead: once more
			return nil, fmt.Errorf("make a folder to work in: %w", err)
		}
	}
}

// make makes the lock, gives it its name, then makes the folder: one without a lock is nobody's.
func (c *Claimed) make() error {
	making := c.Dir + makingSuffix + LockSuffix
	c.lock = flock.New(making)
	ok, err := c.lock.TryLock()
	if err != nil {
		_ = os.Remove(making) // it is there on a file system without locks
		return err
	}
	if !ok {
		return errSwept
	}
	if err := os.Rename(making, c.Dir+LockSuffix); err != nil {
		if errors.Is(err, fs.ErrNotExist) { // if it is the whole of dir that is gone, the next try says so
			return errors.Join(errSwept, c.lock.Close())
		}
		return errors.Join(err, os.Remove(making), c.lock.Close())
	}
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		return errors.Join(err, os.Remove(c.Dir+LockSuffix), c.lock.Close())
	}
	return nil
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
