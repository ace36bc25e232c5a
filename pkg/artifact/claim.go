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

// claimTries bounds how often a new name is tried; a Sweep can come between a lock's file and the lock once, hardly
// twice.
const claimTries = 5

// Claim makes a new folder in dir, whose name begins with prefix, and holds it until Leave or the end of this
// process.
func Claim(dir, prefix string) (*Claimed, error) {
	for range claimTries {
		c := &Claimed{Dir: filepath.Join(dir, prefix+rand.Text())}
		c.lock = flock.New(c.Dir + LockSuffix)
		ok, err := c.lock.TryLock()
		if err == nil && ok && c.there() {
			// The lock is first: a folder without one is nobody's.
			if err = os.Mkdir(c.Dir, 0o700); err == nil {
				return c, nil
			}
			err = errors.Join(err, os.Remove(c.Dir+LockSuffix))
		}
		if err = errors.Join(err, c.lock.Close()); err != nil {
			return nil, fmt.Errorf("make a folder to work in: %w", err)
		}
	}
	return nil, errors.New("make a folder to work in: its lock is taken away again and again")
}

// there says whether the file that is locked is the one that others see.
func (c *Claimed) there() bool {
	mine, err := c.lock.Stat()
	seen, serr := os.Stat(c.Dir + LockSuffix)
	return err == nil && serr == nil && os.SameFile(mine, seen)
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
	if _, err := os.Lstat(folder + LockSuffix); errors.Is(err, fs.ErrNotExist) {
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
