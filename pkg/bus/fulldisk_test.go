//go:build linux

package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// fullDiskEnv makes the test binary the child that owns a small tmpfs, in namespaces of its own.
const fullDiskEnv = "DRYDOCK_BUSTEST_TMPFS"

func fullDiskMain() {
	dir := os.Getenv(fullDiskEnv)
	if dir == "" {
		return
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		fmt.Println("SKIP: mount tmpfs:", err)
		os.Exit(0)
	}
	for _, scene := range []func(string) error{fillSlowly, fillAtOnce(2), fillAtOnce(1)} {
		if err := scene(dir); err != nil {
			fmt.Println("FAIL:", err)
			os.Exit(1)
		}
	}
	fmt.Println("PASS")
	os.Exit(0)
}

// TestFullDisk fills a 24 MB disk below the embedded server, twice: by its own events, and by somebody else in
// the middle of its work, which is what wedges the server.
func TestFullDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fullDiskEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil && len(out) == 0 || strings.Contains(string(out), "SKIP") {
		t.Skipf("no tmpfs in a user namespace here (%v): only the limit of the log (NoRoom) and the injected lack of space stand for a full disk", err)
	}
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("full disk: %v", err)
	}
}

type scene struct {
	b    bus.Bus
	free atomic.Int64 // what the guard believes to be free; below zero it looks itself
	last uint64
	n    int
}

func openScene(dir string, limit time.Duration) (*scene, error) {
	s := &scene{}
	s.free.Store(-1)
	b, err := bus.EmbeddedOn(context.Background(), bus.EmbeddedConfig{Dir: filepath.Join(dir, "data"), Logger: quiet()}.Patient(limit), &s.free)
	if err != nil {
		return nil, err
	}
	s.b = b
	s.last, err = b.LastSequence(context.Background(), "ledger")
	s.n = int(s.last) * 10
	return s, err
}

// append stores n events of size bytes, within limit.
func (s *scene) append(n, size int, limit time.Duration) error {
	s.n++
	var evs []events.Event
	for i := range n {
		m := events.Meta{App: "ledger", Cause: fmt.Sprint(s.n), Key: fmt.Sprint(i), Time: time.Now()}
		e, err := events.New(m, events.ScanRequested{Application: "ledger", Target: "/", Given: strings.Repeat("x", size)})
		if err != nil {
			return err
		}
		evs = append(evs, e)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	last, err := s.b.Append(ctx, "ledger", evs, s.last)
	if err == nil {
		s.last = last
	}
	return err
}

// whole checks that everything acknowledged, and nothing half, is in the log.
func (s *scene) whole() error {
	n := uint64(0)
	last, err := s.b.Replay(context.Background(), bus.Query{}, func(r bus.Record) error {
		n++
		return r.Err
	})
	if err != nil || n != last || last < s.last {
		return fmt.Errorf("replayed %d of %d, %d were acknowledged: %w", n, last, s.last, err)
	}
	return nil
}

// recovered waits until appends are taken again, and closes.
func (s *scene) recovered() error {
	deadline := time.After(patient)
	for {
		last, err := s.b.LastSequence(context.Background(), "ledger")
		if err == nil {
			s.last = last
			if err = s.append(2, 100, 10*time.Second); err == nil {
				break
			}
		}
		select {
		case <-deadline:
			return fmt.Errorf("no recovery after room was made: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	st, err := s.b.Status(context.Background())
	if err != nil || !st.Ready {
		return fmt.Errorf("status after recovery: %+v: %w", st, err)
	}
	if err := s.whole(); err != nil {
		return err
	}
	return s.b.Close()
}

// fillSlowly appends until the reserve is reached: a clear refusal, long before the server would wedge.
func fillSlowly(dir string) error {
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err != nil {
		return err
	}
	s, err := openScene(dir, patient)
	if err != nil {
		return err
	}
	for range 1000 {
		if err = s.append(2, 60<<10, patient); err != nil {
			break
		}
	}
	if !errors.Is(err, bus.ErrFull) || !strings.Contains(err.Error(), "make room") {
		return fmt.Errorf("filling the disk ended with %w, want ErrFull naming the disk", err)
	}
	st, err := s.b.Status(context.Background())
	if err != nil || st.Ready || !strings.Contains(st.Reason, "MiB left") {
		return fmt.Errorf("status on a full disk: %+v: %w", st, err)
	}
	if _, err := s.b.Evidence().Put(context.Background(), []byte("x")); !errors.Is(err, bus.ErrFull) {
		return fmt.Errorf("evidence on a full disk: %w", err)
	}
	if err := s.b.Schedule(context.Background(), bus.Timer{Service: "planner", App: "ledger", Key: "k"}); !errors.Is(err, bus.ErrFull) {
		return fmt.Errorf("timer on a full disk: %w", err)
	}
	if err := s.whole(); err != nil {
		return err
	}
	fmt.Println("filled by events:", s.last, "stored, then:", st.Reason)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	return s.recovered()
}

// fillAtOnce lets somebody else take the last byte between two appends; the guard before an append is cheated
// by filling while appends are under way.
func fillAtOnce(n int) func(string) error {
	return func(dir string) error {
		s, err := openScene(dir, 0)
		if err != nil {
			return err
		}
		if err := s.append(2, 1000, 10*time.Second); err != nil {
			return err
		}
		ballast := filepath.Join(dir, "ballast")
		s.free.Store(100 << 20)
		fill(ballast)
		var full error
		for range 200 {
			if full = s.append(n, 100<<10, 10*time.Second); full != nil {
				break
			}
		}
		fmt.Println("filled from outside: append of", n, "ended with:", full)
		if !errors.Is(full, bus.ErrFull) && !errors.Is(full, bus.ErrUnavailable) {
			return fmt.Errorf("append on a full disk: %w", full)
		}
		s.free.Store(-1)
		if err := s.append(2, 100, 10*time.Second); !errors.Is(err, bus.ErrFull) {
			return fmt.Errorf("append after that: %w, want ErrFull", err)
		}
		if st, _ := s.b.Status(context.Background()); st.Ready {
			return errors.New("ready on a full disk")
		}
		if err := os.Remove(ballast); err != nil {
			return err
		}
		return s.recovered()
	}
}

func fill(path string) {
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}
