package bus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

const lockFile = "drydock.lock"

// ErrLocked says that another process has the data directory. Address is where it listens, when it does.
type ErrLocked struct {
	Dir     string
	PID     int
	Address string
}

func (e *ErrLocked) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	if e.Address != "" {
		return fmt.Sprintf("data directory %s is in use by %s, which listens on %s; use that one with --server, or another --data", e.Dir, who, e.Address)
	}
	return fmt.Sprintf("data directory %s is in use by %s; wait for it to end, or use another --data", e.Dir, who)
}

// dirLock is the lock of a data directory. The operating system releases it when the process dies, so a lock
// file left behind holds nobody up.
type dirLock struct {
	dir string
	fl  *flock.Flock
}

func lockDir(dir, address string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	l := &dirLock{dir, flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))}
	got, err := l.fl.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	if !got {
		return nil, readLock(dir)
	}
	if err := l.announce(address); err != nil {
		_ = l.fl.Close()
		return nil, err
	}
	return l, nil
}

// announce writes who holds the directory into the lock file, in place: another file would be another lock.
func (l *dirLock) announce(address string) error {
	path := filepath.Join(l.dir, lockFile)
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d %s\n", os.Getpid(), address), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (l *dirLock) release() {
	_ = os.Truncate(filepath.Join(l.dir, lockFile), 0) // so that nobody reads of us later
	_ = l.fl.Close()
}

func readLock(dir string) *ErrLocked {
	e := &ErrLocked{Dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, lockFile))
	if err != nil {
		return e
	}
	pid, address, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	e.PID, _ = strconv.Atoi(pid)
	e.Address = address
	return e
}

// Holder tells who has the data directory dir; nil when nobody has.
func Holder(dir string) (*ErrLocked, error) {
	path := filepath.Join(dir, lockFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	fl := flock.New(path)
	got, err := fl.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("look at lock %s: %w", path, err)
	}
	if got {
		return nil, fl.Close()
	}
	return readLock(dir), nil
}
