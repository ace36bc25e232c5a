package gitforge

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// orphan starts a group whose leader ends and leaves a process behind, or stays with it.
func orphan(t *testing.T, home string, leaderStays bool) (pid int) {
	t.Helper()
	script := "sleep 600 >/dev/null 2>&1 & echo $!"
	if leaderStays {
		script += "; wait"
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	if !leaderStays {
		_ = cmd.Wait()
	}
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if leaderStays {
			_ = cmd.Wait()
		}
	})
	return pid
}

// What a Drydock that was killed left running ends when the next one starts; what another one runs does not.
func TestSweep(t *testing.T) {
	p := started(t)
	f := open(t, "file://"+p.bare)
	left := orphan(t, f.home, false)
	busy := orphan(t, f.home, true)
	other := orphan(t, f.home+"-other", false)
	if _, err := New(t.Context(), f.cfg); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(2 * time.Minute); alive(left); {
		if time.Now().After(until) {
			t.Fatal("what was left runs on")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !alive(busy) || !alive(other) {
		t.Error("a process of somebody else was killed")
	}
}
