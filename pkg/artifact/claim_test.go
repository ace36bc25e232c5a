package artifact

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be a process that claims a folder and waits to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DRYDOCK_TEST_CLAIM"); dir != "" {
		c, err := Claim(dir, "work-")
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Dir, "file"), []byte("x"), 0o400)
		}
		if err == nil {
			err = os.Chmod(c.Dir, 0o500)
		}
		fmt.Println(c.Dir, err)
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(1)
	}
	if dir := os.Getenv("DRYDOCK_TEST_COLLECT"); dir != "" {
		ended := make(chan struct{})
		go func() { _, _ = bufio.NewReader(os.Stdin).ReadByte(); close(ended) }()
		if err := collectFor(dir, ended); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// What a living process claimed stays, and goes once it is killed, read-only or not.
func TestSweepAfterAKill(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "DRYDOCK_TEST_CLAIM="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // the process is gone
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var claimed, said string
	if _, err := fmt.Fscanln(out, &claimed, &said); err != nil || said != "<nil>" {
		t.Fatal(claimed, said, err)
	}
	if err := Sweep(dir, "work-", time.Now().Add(48*time.Hour)); err != nil || len(names(t, dir)) != 2 {
		t.Errorf("%v, %v", names(t, dir), err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed: the error says so
	for _, foreign := range []string{"other-A", "work-B"} {
		if err := os.Mkdir(filepath.Join(dir, foreign), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, lock := range []string{"work-C.lock", "work-D.new.lock"} { // one was killed while it left, one makes its claim
		if err := os.WriteFile(filepath.Join(dir, lock), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir, "work-", time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"other-A", "work-B", "work-D.new.lock"}) { // one of another, a young one without a lock
		t.Errorf("left %v", got)
	}
	if err := Sweep(dir, "work-", time.Now().Add(48*time.Hour)); err != nil || len(names(t, dir)) != 1 {
		t.Errorf("left %v, %v", names(t, dir), err)
	}
	if err := Sweep(filepath.Join(dir, "absent"), "", time.Now()); err != nil {
		t.Error(err)
	}
}

// A folder that can't be made is told at once, with its reason, and leaves nothing.
func TestClaimWhereNoneCanBe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]error{"absent": fs.ErrNotExist, "file": syscall.ENOTDIR} {
		if c, err := Claim(filepath.Join(dir, at), "x-"); c != nil || !errors.Is(err, want) || strings.Count(err.Error(), at) != 1 {
			t.Errorf("%s: %v", at, err)
		}
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
}

// No sweep takes a folder from who just claims it, also not one whose clock is two days ahead.
func TestClaimsAndSweepsAtOnce(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var sweeps, claims sync.WaitGroup
	sweeps.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := Sweep(dir, "", time.Now().Add(time.Duration(n%2)*48*time.Hour)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 4 {
		claims.Go(func() {
			for range 50 {
				c, err := Claim(dir, "x-")
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(c.Dir, "file"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if err := c.Leave(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	claims.Wait()
	close(stop)
	sweeps.Wait()
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left %v", got)
	}
}
