package preflight

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the programs that the tests run: escape, sleep and owner.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "program" {
		os.Exit(program(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// program is one of the programs:
//
//	escape FILE bare|marked stay|go    leaves its group, session and parent behind in a process that never ends
//	sleep FILE                         that process: notes its number in FILE
//	owner FILE                         a Drydock: runs escape
func program(name string, args []string) int {
	fail := func(err error) int { fmt.Fprintln(os.Stderr, err); return 9 }
	switch name {
	case "sleep":
		if err := os.WriteFile(args[0]+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return fail(err)
		}
		if err := os.Rename(args[0]+".new", args[0]); err != nil {
			return fail(err)
		}
		for {
			time.Sleep(time.Hour)
		}
	case "escape":
		cmd := exec.Command(os.Args[0], "program", "sleep", args[0])
		if args[1] == "bare" {
			cmd.Env = []string{}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return fail(err)
		}
		if args[2] == "go" {
			for wait(args[0]) == 0 {
			}
			return 0
		}
		_ = cmd.Wait()
	case "owner":
		_, err := Health(context.Background(), health(os.Args[0], "program", "escape", args[0], "marked", "stay"))
		return fail(err)
	}
	return 0
}

// wait waits for a moment for the number in a file.
func wait(file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		time.Sleep(time.Millisecond)
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

func begun(t *testing.T, file string) int {
	t.Helper()
	for {
		if pid := wait(file); pid > 0 {
			t.Cleanup(func() {
				if lives(pid) && strings.Contains(cmdline(pid), file) {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			})
			return pid
		}
	}
}

func lives(pid int) bool {
	p, ok := readProcess(pid)
	return ok && !p.ended
}

func cmdline(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(data)
}

func escaping(file, env, stay string) command {
	return command{name: HealthName, words: []string{os.Args[0], "program", "escape", file, env, stay}, limit: unreached, grace: 10 * time.Millisecond}
}

// rooms are the folders of runs in a folder for temporary files.
func rooms(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, roomPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestNothingIsLeft: a process that left its group, its session and its parent ends with the command that started
// it, however that ends.
func TestNothingIsLeft(t *testing.T) {
	for _, tc := range []struct {
		name, env, stay string
		stop            bool
		status          Status
	}{
		{"the command passed", "marked", "go", false, Passed},
		{"time is up", "marked", "stay", false, Timeout},
		{"time is up, without the mark", "bare", "stay", false, Timeout},
		{"Drydock stops", "marked", "stay", true, Killed},
		{"Drydock stops, without the mark", "bare", "stay", true, Killed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			file := filepath.Join(t.TempDir(), "pid")
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			c := escaping(file, tc.env, tc.stay)
			up := make(chan time.Time)
			c.after = func(time.Duration) <-chan time.Time { return up }
			go func() { // ended when it has begun
				for tc.stay == "stay" && wait(file) == 0 {
				}
				if tc.stop {
					stop()
				} else if tc.stay == "stay" {
					close(up)
				}
			}()
			r, err := run(ctx, c)
			if errors.Is(err, context.Canceled) != tc.stop || (err != nil) != tc.stop || r.Status != tc.status {
				t.Errorf("%+v %v", r, err)
			}
			if pid := begun(t, file); lives(pid) {
				t.Errorf("%d lives", pid)
			}
			if strings.HasSuffix(r.Detail, "processes it left running, and which were ended: 1") != (tc.status == Passed) || len(rooms(t, tmp)) > 0 {
				t.Errorf("%q, %v", r.Detail, rooms(t, tmp))
			}
		})
	}
}

// A command that is stopped may clean up first; one that does not care is ended all the same.
func TestTermComesFirst(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	for _, tc := range []struct{ trap, want string }{{"trap 'echo cleaned up; exit 0' TERM", "cleaned up"}, {"trap '' TERM", "begun"}} {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		_ = os.Remove(ready)
		go func() {
			for {
				if _, err := os.Stat(ready); err == nil {
					stop()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		c := command{name: BackupName, words: []string{"sh", "-c", tc.trap + "; echo begun; : >'" + ready + "'; while :; do sleep 0.05; done"}, limit: unreached, grace: time.Hour}
		if tc.want == "begun" {
			c.grace = 50 * time.Millisecond
		}
		r, err := run(ctx, c)
		if !errors.Is(err, context.Canceled) || r.Status != Killed || !strings.HasSuffix(strings.TrimSpace(string(r.Log)), tc.want) {
			t.Errorf("%+v %v %q", r, err, r.Log)
		}
	}
}

// The time limit as it is configured, and what its end says.
func TestTimeIsUp(t *testing.T) {
	c := command{name: BackupName, words: []string{"sh", "-c", "echo table 3 of 900; exec sleep 600"}, limit: 500 * time.Millisecond}
	r, err := run(t.Context(), c)
	for ; err == nil && len(r.Log) == 0; c.limit *= 2 { // it was stopped before it had begun
		r, err = run(t.Context(), c)
	}
	if err != nil || r.Status != Timeout || r.ExitCode != -1 || !strings.HasPrefix(r.Detail, "stopped: it took longer than ") || !strings.HasSuffix(r.Detail, "s (before_update.backup.timeout); last it said: table 3 of 900") {
		t.Errorf("%+v %v", r, err)
	}
}

// A command that not even SIGKILL reaches, since it waits for a dead file server, is not waited for.
func TestWhoCannotBeEnded(t *testing.T) {
	release := make(chan struct{})
	reaped := make(chan struct{})
	c := command{name: HealthName, words: []string{"sh", "-c", "echo asking the file server; exec sleep 600"}, limit: 100 * time.Millisecond, grace: 10 * time.Millisecond, dying: 10 * time.Millisecond}
	c.await = func(cmd *exec.Cmd) func() error {
		<-release
		reap := await(cmd)
		return func() error { defer close(reaped); return reap() }
	}
	r, err := run(t.Context(), c)
	if err != nil || r.Status != Timeout || !strings.HasSuffix(r.Detail, "1 of its processes could not be ended: look for them on this host") {
		t.Errorf("%+v %v", r, err)
	}
	close(release)
	<-reaped
}

// Nothing of it can ask for a password on the terminal Drydock was started from.
func TestNoTerminal(t *testing.T) {
	r := look(t, health("sh", "-c", "ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat; echo $$; (: </dev/tty) 2>/dev/null && echo a terminal"))
	if f := strings.Fields(string(r.Log)); len(f) != 2 || f[0] != f[1] {
		t.Errorf("%q", r.Log)
	}
}

// A command that forks as fast as it can is ended, too.
func TestForkingIsEnded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for wait(file) == 0 {
		}
		stop()
	}()
	_, err := run(ctx, command{name: HealthName, limit: unreached, grace: time.Millisecond, words: []string{"sh", "-c",
		"echo $$ >'" + file + "'; trap '' TERM; i=0; while [ $i -lt 2000 ]; do (sleep 600; :) & i=$((i+1)); [ $i -gt 40 ] && sleep 0.005; done; wait"}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	self, _ := readProcess(os.Getpid())
	for _, p := range processes() {
		if !p.ended && strings.HasPrefix(markOf(p.pid), owner(namespace(), self)+"-") {
			t.Errorf("%d lives: %q", p.pid, cmdline(p.pid))
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
}

// TestSweep: what a killed Drydock left running, and its folder, go when the next one starts; what a living one
// runs stays.
func TestSweep(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	owner := func(name string) (*exec.Cmd, int) {
		file := filepath.Join(t.TempDir(), name)
		cmd := exec.Command(os.Args[0], "program", "owner", file)
		cmd.Stdout = os.Stdout
		in, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			for s := bufio.NewScanner(in); s.Scan(); {
				t.Log(s.Text())
			}
		}()
		t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
		return cmd, begun(t, file)
	}
	killed, orphan := owner("killed")
	_, busy := owner("living")
	if n := len(rooms(t, tmp)); n != 2 {
		t.Fatalf("%d rooms", n)
	}
	strange := filepath.Join(tmp, roomPrefix+"of-somebody")
	if err := os.Mkdir(strange, 0o700); err != nil {
		t.Fatal(err)
	}
	Sweep()
	if !lives(orphan) || !lives(busy) || len(rooms(t, tmp)) != 3 {
		t.Error("what a living Drydock runs was swept away")
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	Sweep()
	if lives(orphan) {
		t.Errorf("%d lives", orphan)
	}
	if left := rooms(t, tmp); !lives(busy) || len(left) != 2 {
		t.Errorf("%v", left)
	}
}

// TestMarks: a mark names exactly one run of exactly this process.
func TestMarks(t *testing.T) {
	a, b := newMark(), newMark()
	self, ok := readProcess(os.Getpid())
	if !ok || a == b || !strings.HasPrefix(a, owner(namespace(), self)+"-") || self.born == 0 || self.parent != os.Getppid() || self.ended {
		t.Errorf("%s %s %+v", a, b, self)
	}
	if markOf(os.Getpid()) != "" || markOf(-1) != "" {
		t.Error("there is a mark where there is none")
	}
}
