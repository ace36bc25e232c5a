package bus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

const lockFile = "drydock.lock"

// lockPause is how long who looks is given to have looked.
const lockPause = time.Millisecond

// lockGone bounds how long the lock of a process that is not there is waited for. It may be there, too, where this one
// can't see it: in another container, with the same folder.
const lockGone = 10 * time.Second

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
	for {
		got, err := l.fl.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
		}
		if got {
			break
		}
		held, err := Holder(dir)
		if err != nil {
			return nil, err
		}
		if held != nil {
			return nil, held
		}
		time.Sleep(lockPause) // somebody only looked who has it, or has just gone
	}
	if err := l.announce(address); err != nil {
		_ = l.fl.Close()
		return nil, err
	}
	return l, nil
}

// announce writes who holds the directory into the lock file, in place: another file would be another lock. Who
// reads meanwhile finds the old line or the new one, with the end of the old behind it.
func (l *dirLock) announce(address string) error {
	path := filepath.Join(l.dir, lockFile)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write who has the data directory: %w", err)
	}
	line := fmt.Appendf(nil, "%d %s\n", os.Getpid(), address)
	_, err = f.WriteAt(line, 0)
	if err == nil {
		err = f.Truncate(int64(len(line)))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write who has the data directory: %w", err)
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
	line, _, _ := strings.Cut(string(data), "\n")
	pid, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	e.PID, _ = strconv.Atoi(pid)
	e.Address = address
	return e
}

// Holder tells who has the data directory dir; nil when nobody has. What a process that was killed was starting just
// then has its lock until it is another program: that is waited for.
func Holder(dir string) (*ErrLocked, error) {
	path := filepath.Join(dir, lockFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for until := time.Now().Add(lockGone); ; time.Sleep(lockPause) {
		fl := flock.New(path)
		got, err := fl.TryRLock()
		if err != nil {
			return nil, fmt.Errorf("look at lock %s: %w", path, err)
		}
		if got {
			return nil, fl.Close()
		}
		if held := readLock(dir); !held.gone() || time.Now().After(until) {
			return held, fl.Close()
		}
		_ = fl.Close() // it holds nothing
	}
}

// gone says that nobody is there who could have the lock, or nobody has written who yet.
func (e *ErrLocked) gone() bool {
	return e.PID <= 0 || errors.Is(unix.Kill(e.PID, 0), unix.ESRCH)
}
