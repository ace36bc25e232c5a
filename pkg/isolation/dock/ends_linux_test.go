package dock

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ends are the ways a command can end badly, and how each is told.
var ends = []struct {
	name    string
	command Command
	ended   End
	reached Limit
	also    func(Result) bool
}{
	{"hanging", Command{Path: "sleep", Args: []string{sleepSeconds}, Limits: Limits{Time: 300 * time.Millisecond}}, OutOfTime, LimitTime, func(r Result) bool { return r.TimedOut && r.ExitCode == -1 }},
	{"deaf to signals", Command{Path: "sh", Args: []string{"-c", "trap '' TERM INT HUP; while :; do sleep 3600; done"}, Limits: Limits{Time: 300 * time.Millisecond}}, OutOfTime, LimitTime, nil},
	{"forking", Command{Path: "sh", Args: []string{"-c", "f() { while :; do sleep 3600 & done; }; f & f & f & wait"}, Limits: Limits{Time: 5 * time.Minute, Processes: 30}}, "", LimitProcesses, nil},
	{"printing 1 GB", Command{Path: "head", Args: []string{"-c", "1G", "/dev/zero"}, Limits: Limits{Output: 1000}}, Exited, LimitOutput, func(r Result) bool { return r.OutputCut && r.ExitCode == 0 }},
	{"filling the disk", Command{Path: "sh", Args: []string{"-c", "cat /dev/zero > a || exec sleep 1"}, Writable: []Tmpfs{{Path: Home, Size: 1 << 20}}}, "", LimitDisk, nil},
	{"filling the disk with files", Command{Path: "sh", Args: []string{"-c", "i=0; while : > $i; do i=$((i+1)); done"}, Writable: []Tmpfs{{Path: Home, Inodes: 100}}, Limits: Limits{Time: 5 * time.Minute}}, "", LimitInodes, nil},
	{"filling the disk before anybody looks", Command{Path: "sh", Args: []string{"-c", "head -c 600k /dev/zero > a; head -c 600k /dev/zero > b; :"}, Writable: []Tmpfs{{Path: Home, Size: 1 << 20}}}, "", LimitDisk, func(r Result) bool { return r.Ended == OutOfDisk || r.Level == Namespaces || r.Level == Bubblewrap }},
	{"leaving children", Command{Path: "sh", Args: []string{"-c", "(sleep 3600 &) ; setsid sleep 3600 & exit 3"}}, Exited, LimitChildren, func(r Result) bool { return r.ExitCode == 3 && r.Left >= 1 }},
	{"killed", Command{Path: "sh", Args: []string{"-c", "kill -9 $$"}}, Signalled, "", func(r Result) bool { return r.Signal == 9 && r.ExitCode == -1 }},
	{"interrupted, which is not ignored", Command{Path: "sh", Args: []string{"-c", "kill -INT $$; sleep 3600"}}, Signalled, "", func(r Result) bool { return r.Signal == 2 }},
	{"burning processor time", Command{Path: "sh", Args: []string{"-c", "while :; do :; done"}, Limits: Limits{CPU: 200 * time.Millisecond}}, "", LimitCPU, nil},
	{"burning it in two processes", Command{Path: "sh", Args: []string{"-c", "f() { while :; do :; done; }; f & f & wait"}, Limits: Limits{CPU: 300 * time.Millisecond}}, "", LimitCPU, nil},
	{"memory of one", Command{Path: "sh", Args: []string{"-c", "head -c 300M /dev/zero | tail"}, Limits: Limits{Memory: 50 << 20}}, "", "", func(r Result) bool { return !r.OK() }},
	{"memory of all", Command{Path: "sh", Args: []string{"-c", "for i in 1 2 3 4 5; do (head -c 20M /dev/zero; sleep 3600) | tail & done; sleep 3600"}, Limits: Limits{Memory: 40 << 20, Time: 5 * time.Minute}}, OutOfMem, LimitMemory, nil},
	{"failing", Command{Path: "sh", Args: []string{"-c", "exit 7"}}, Exited, "", func(r Result) bool { return r.ExitCode == 7 && !r.OK() && len(r.Reached) == 0 }},
}

func TestEveryEndIsTold(t *testing.T) {
	for _, d := range docks(t, true) {
		if d.Level() == None && os.Getuid() == 0 {
			continue // root's own processes have no limit of their number
		}
		for _, e := range ends {
			t.Run(string(d.Level())+"/"+e.name, func(t *testing.T) {
				var errs bytes.Buffer
				e.command.Stderr = &errs
				r, err := d.Run(t.Context(), e.command)
				if err != nil {
					t.Fatal(err)
				}
				if e.ended != "" && r.Ended != e.ended || e.reached != "" && !slices.Contains(r.Reached, e.reached) || e.also != nil && !e.also(r) || r.Level != d.Level() {
					t.Errorf("%+v: %.200s", r, errs.String())
				}
				if e.name != "printing 1 GB" && r.OutputCut {
					t.Errorf("cut: %+v", r)
				}
			})
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	for _, d := range docks(t, true) {
		var out, errs bytes.Buffer
		r, err := d.Run(t.Context(), Command{Path: "sh", Args: []string{"-c", "yes | head -c 5000; echo fine >&2"}, Limits: Limits{Output: 999}, Stdout: &out, Stderr: &errs})
		if err != nil || out.Len() != 999 || errs.String() != "fine\n" || !r.OutputCut || !r.OK() {
			t.Errorf("%s: %+v %v, %d bytes, %q", d.Level(), r, err, out.Len(), errs.String())
		}
	}
}

func TestCanceled(t *testing.T) {
	for _, d := range docks(t, true) {
		ctx, cancel := context.WithCancel(t.Context())
		pipe := &first{said: make(chan struct{})}
		go func() { <-pipe.said; cancel() }()
		to := filepath.Join(t.TempDir(), "out")
		r, err := d.Run(ctx, Command{Path: "sh", Args: []string{"-c", "setsid sleep 3600 & echo there; sleep 3600"}, Stdout: pipe, Results: []Copy{{From: Home, To: to}}})
		if err != nil || r.Ended != Stopped || r.Level != d.Level() {
			t.Errorf("%s: %+v %v", d.Level(), r, err)
		}
		if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: results of a command that was stopped: %v", d.Level(), err)
		}
		_, err = d.Run(ctx, Command{Path: "true"})
		if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Canceled || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", d.Level(), err)
		}
	}
}

// first tells of the first byte.
type first struct{ said chan struct{} }

func (f *first) Write(p []byte) (int, error) {
	select {
	case <-f.said:
	default:
		close(f.said)
	}
	return len(p), nil
}

// hangs is a script that starts two processes, says so, and does not end; both are marked.
func hangs(mark string) string {
	return "(setsid sh -c 'sleep 3600; : " + mark + "' &); echo there; sleep 3600; : " + mark
}

// parent is a process that runs a dock until it is killed.
func parent(level, mark string) int {
	d, err := at(context.Background(), Level(level))
	if err == nil {
		_, err = d.Run(context.Background(), Command{Path: "sh", Args: []string{"-c", hangs(mark)}, Stdout: os.Stdout})
	}
	println(err)
	return 1
}

func TestNothingIsLeftOfAKilledParent(t *testing.T) {
	for _, d := range docks(t, true) {
		tmp := openDir(t)
		if err := os.Chmod(tmp, 0o777); err != nil {
			t.Fatal(err)
		}
		before := mounts(tmp)
		out := &first{said: make(chan struct{})}
		var errs bytes.Buffer
		cmd := exec.Command(program(t), "parent", string(d.Level()), sleeperMark)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		cmd.Stdout, cmd.Stderr = out, &errs
		cmd.WaitDelay = time.Second
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-out.said:
		case <-time.After(2 * time.Minute):
			_ = cmd.Process.Kill()
			t.Fatalf("%s: it never started: %s", d.Level(), errs.String())
		}
		if n := len(sleepers()); n == 0 {
			t.Errorf("%s: %d processes under way", d.Level(), n)
		}
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		var left []string
		if !within(func() bool {
			left, _ = filepath.Glob(filepath.Join(tmp, "*"))
			left = append(left, sleepers()...)
			return len(left) == 0
		}) {
			t.Errorf("%s: left %s", d.Level(), strings.Join(left, " "))
		}
		if after := mounts(tmp); !slices.Equal(after, before) {
			t.Errorf("%s: mounts changed: %v, now %v", d.Level(), before, after)
		}
	}
}

// mounts are those of this host where a box would make one: at or right beneath the folder that its root is made on, but
// for what other programs make there meanwhile in folders of theirs, and in the temporary folder tmp.
func mounts(tmp string) []string {
	at, _ := base()
	data, _ := os.ReadFile("/proc/self/mountinfo")
	var out []string
	for line := range strings.Lines(string(data)) {
		point := strings.Fields(line)[4] // proc_pid_mountinfo(5)
		rel, err := filepath.Rel(at, point)
		inside := err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
		first, _, _ := strings.Cut(rel, "/")
		_, notNumber := strconv.Atoi(first)
		if inside && (rel == "." || notNumber == nil || slices.Contains(boxFolders, first)) || point == tmp || strings.HasPrefix(point, tmp+"/") {
			out = append(out, point)
		}
	}
	return out
}

// boxFolders are in the root of every box.
var boxFolders = []string{"usr", "bin", "lib", "lib64", "proc", "dev", "tmp", "dock"}

// A supervisor that something else kills is told of, and takes its box with it.
func TestAKilledSupervisor(t *testing.T) {
	for _, d := range docks(t, false) {
		if d.Level() == Landlock && os.Getuid() != 0 {
			continue // the gap that the table names
		}
		out := &first{said: make(chan struct{})}
		go func() {
			<-out.said
			for _, p := range descendants() {
				line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "cmdline"))
				if bytes.Contains(line, []byte(ChildArg+"\x00supervise")) {
					_ = syscall.Kill(p.pid, syscall.SIGKILL)
				}
			}
		}()
		_, err := d.Run(t.Context(), Command{Path: "sh", Args: []string{"-c", hangs(sleeperMark)}, Stdout: out})
		if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Unfinished {
			t.Errorf("%s: %v", d.Level(), err)
		}
		var left []string
		if !within(func() bool { left = sleepers(); return len(left) == 0 }) {
			t.Errorf("%s: left %v", d.Level(), left)
		}
	}
}

// What holds for root must hold for anybody else.
func TestAsAnUnprivilegedUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("this user is one")
	}
	const nobody = 54321
	tmp := openDir(t)
	if err := os.Chown(tmp, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t), "-test.run=^(TestEvery|TestAttacks|TestOutput|TestCanceled|TestNothing|TestResults|TestOpen|TestNotRun|TestPython)", "-test.v", "-test.timeout=0") // the outer one's is enough
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "HOME=" + tmp}
	cmd.Dir = tmp
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: TestEveryHeldPropertyHolds")) {
		t.Logf("%s", out)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}
