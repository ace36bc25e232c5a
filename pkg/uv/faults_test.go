//go:build unix

package uv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// scene runs one Compile and looks at what is left of it.
type scene struct {
	t       *testing.T
	tool    *Tool
	tmp     string
	up      chan struct{} // closed when the first program was started
	mu      sync.Mutex
	pids    []int
	servers []string
}

func newScene(t *testing.T, tool *Tool) *scene {
	s := &scene{t: t, tmp: t.TempDir(), up: make(chan struct{})}
	t.Setenv("TMPDIR", s.tmp)
	watched := *tool
	watched.started = func(cmd *exec.Cmd) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pids = append(s.pids, cmd.Process.Pid)
		if len(s.pids) == 1 {
			defer close(s.up)
		}
		for _, variable := range cmd.Env {
			if address, ok := strings.CutPrefix(variable, "UV_DEFAULT_INDEX="); ok {
				u, _ := url.Parse(address)
				s.servers = append(s.servers, address)
				if token := strings.Split(u.Path, "/")[1]; strings.Contains(strings.Join(cmd.Args, " "), token) {
					s.t.Error("whoever lists the processes sees the token of the server")
				}
			}
		}
	}
	s.tool = &watched
	return s
}

// clean checks that no file, process or listener is left.
func (s *scene) clean() {
	s.t.Helper()
	left, err := os.ReadDir(s.tmp)
	if err != nil || len(left) > 0 {
		s.t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
	if len(s.pids) == 0 {
		s.t.Error("nothing was started")
	}
	for _, pid := range s.pids {
		s.gone(pid)
	}
	for _, address := range s.servers {
		if listens(address) {
			s.t.Errorf("%s still listens", address)
		}
	}
}

// gone waits for the group to disappear: what was killed is a zombie until its new parent has seen it.
func (s *scene) gone(pid int) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH); time.Sleep(5 * time.Millisecond) {
		if zombies(pid) {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("a process of group %d still runs", pid)
			return
		}
	}
}

// zombies says whether all that is left of a group are dead processes that nobody asked about, as where the
// first process of a container reaps none.
func zombies(group int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(data), ") ")
		if f := strings.Fields(rest); len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" && f[0] != "X" {
			return false
		}
	}
	return len(stats) > 0
}

func problem1(o Offer) Problem {
	return Problem{Requirements: []string{"flask>=2.2.2"}, Preferences: map[string]string{"flask": "2.2.2"}, Env: linux311, Offer: o}
}

// TestFaultsOfUv: whatever a program does in uv's place, the error says so, and nothing is left.
func TestFaultsOfUv(t *testing.T) {
	if _, err := pythons(filepath.SplitList(os.Getenv("PATH"))); err != nil {
		t.Skip(err)
	}
	for name, tc := range map[string]struct {
		body  string
		limit time.Duration
		is    error
		says  string
	}{
		"prints nothing":        {body: "true", is: ErrDied, says: "wrote no answer"},
		"removes its answer":    {body: "/bin/rm out.txt", is: ErrDied, says: "read its answer: no such file"},
		"prints garbage":        {body: `printf 'flask==2.2.2\n\033]0;x\007<html>' > out.txt`, is: ErrDied, says: "its answer can't be read: line 2"},
		"not a pin":             {body: "echo 'flask>=2' > out.txt", is: ErrDied, says: "it is no pin"},
		"an option":             {body: "echo '--index-url http://x/' > out.txt", is: ErrDied, says: "can't be read: line 1"},
		"a URL":                 {body: "echo 'flask @ http://x/flask.whl' > out.txt", is: ErrDied, says: "it is no pin"},
		"pins twice":            {body: "printf 'flask==2\\nFlask==3\\n' > out.txt", is: ErrDied, says: "flask is pinned twice"},
		"not offered":           {body: "echo 'flask==9.9' > out.txt", is: ErrDied, says: "flask 9.9, which was not offered"},
		"answer is a folder":    {body: "/bin/rm out.txt; /bin/mkdir out.txt", is: ErrDied, says: "read its answer"},
		"usage":                 {body: "echo \"error: unexpected argument '--no-config' found\" >&2; echo >&2; echo \"For more information, try '--help'.\" >&2; exit 2", is: ErrDied, says: "it ended with 2: unexpected argument '--no-config' found"},
		"network":               {body: `echo 'error: Failed to fetch: '$8 >&2; echo '  cause: Connection refused (os error 111)' >&2; exit 2`, is: ErrDied, says: "Connection refused"},
		"full disk":             {body: "echo 'error: failed to write to file `'$PWD/out.txt'`: No space left on device (os error 28)' >&2; exit 2", is: syscall.ENOSPC, says: "make room where temporary files go"},
		"panics":                {body: "echo \"thread 'main' panicked\" >&2; exit 101", is: ErrDied, says: "it ended with 101: thread 'main' panicked"},
		"exit 1 without reason": {body: "exit 1", is: ErrDied, says: "it ended with 1: it said nothing"},
		"killed":                {body: "kill -9 $$", is: ErrDied, says: "ended by a signal (killed)"},
		"crashes":               {body: "echo oops >&2; kill -SEGV $$", is: ErrDied, says: "ended by a signal (segmentation fault): oops"},
		"hangs":                 {body: "while :; do :; done", limit: 300 * time.Millisecond, is: ErrTimeout, says: "no answer within 300ms: plan fewer packages at once or raise the limit"},
		"hangs in a child":      {body: "/bin/sleep 600", limit: 300 * time.Millisecond, is: ErrTimeout, says: "no answer within 300ms"},
		"leaves children":       {body: "/bin/sleep 600 & /bin/sleep 600 & echo 'error: bye' >&2; exit 2", is: ErrDied, says: "it ended with 2: bye"},
		"talks without end":     {body: "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&2; done", limit: 500 * time.Millisecond, is: ErrTimeout, says: "no answer within"},
		"talks too much":        {body: "i=0; while [ $i -lt 60000 ]; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&2; i=$((i+1)); done; echo 'error: the end' >&2; exit 2", is: ErrDied, says: "the end"},
		"writes too much":       {body: "exec /bin/dd if=/dev/zero of=out.txt bs=1048576 count=100", is: ErrDied, says: ""},
		"ends by secrets":       {body: "echo error: no $8 $HOME >&2; exit 2", is: ErrDied, says: "it ended with 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, &Tool{Path: script(t, t.TempDir(), tc.body)})
			p := problem1(flasks())
			p.Limit = tc.limit
			_, err := s.tool.Compile(t.Context(), p)
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v", err)
			}
			if err != nil && (strings.Contains(err.Error(), s.tmp) || strings.Contains(err.Error(), "127.0.0.1:") || strings.ContainsAny(err.Error(), "\x1b\x07\n") || len(err.Error()) > 2*maxLine) {
				t.Errorf("the error tells too much: %q", err)
			}
			s.clean()
		})
	}
}

func TestProgramGone(t *testing.T) {
	if _, err := pythons(filepath.SplitList(os.Getenv("PATH"))); err != nil {
		t.Skip(err)
	}
	_, err := (&Tool{Path: filepath.Join(t.TempDir(), "uv")}).Compile(t.Context(), problem1(flasks()))
	if !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "it can't be run: no such file") {
		t.Error(err)
	}
	tool := &Tool{Path: script(t, t.TempDir(), "true")}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	if _, err := tool.Compile(t.Context(), problem1(flasks())); err == nil || !strings.Contains(err.Error(), "make a folder to run uv in") {
		t.Error(err)
	}
}

// TestOfferFails: at each question that uv asks in turn, the run ends with that error and no further question.
func TestOfferFails(t *testing.T) {
	tool := realTool(t)
	s := newScene(t, tool)
	whole := flasks()
	if _, err := s.tool.Compile(t.Context(), problem1(whole)); err != nil {
		t.Fatal(err)
	}
	s.clean()
	if len(whole.asked) < 4 {
		t.Fatalf("asked %v", whole.asked)
	}
	for i := range whole.asked {
		t.Run(fmt.Sprintf("question %d", i+1), func(t *testing.T) {
			for kind, cause := range map[string]error{"down": fmt.Errorf("look it up: %w", index.ErrUnreachable), "given up": context.DeadlineExceeded, "gone since": ErrUnknown} {
				s := newScene(t, tool)
				n := 0
				offer := flasks()
				offer.fail = func(question string) error {
					if n++; n > i && (kind != "gone since" || strings.Contains(question, " ")) {
						return cause
					}
					return nil
				}
				_, err := s.tool.Compile(t.Context(), problem1(offer))
				if !errors.Is(err, ErrOffer) || kind != "gone since" && !errors.Is(err, cause) || !strings.Contains(err.Error(), cause.Error()) {
					t.Errorf("%s: %v", kind, err)
				}
				s.clean()
			}
		})
	}
	t.Run("panics", func(t *testing.T) {
		s := newScene(t, tool)
		offer := flasks()
		offer.fail = func(string) error { panic("lost") }
		if _, err := s.tool.Compile(t.Context(), problem1(offer)); !errors.Is(err, ErrOffer) || !strings.Contains(err.Error(), "lost") {
			t.Error(err)
		}
		s.clean()
	})
}

// TestGivenUp: the context ends at each question in turn, and while the Offer waits.
func TestGivenUp(t *testing.T) {
	tool := realTool(t)
	for i := range 4 {
		s := newScene(t, tool)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		offer := flasks()
		offer.fail = func(string) error {
			if n++; n > i {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		if _, err := s.tool.Compile(ctx, problem1(offer)); !errors.Is(err, context.Canceled) {
			t.Errorf("at question %d: %v", i+1, err)
		}
		s.clean()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tool.Compile(ctx, problem1(flasks())); !errors.Is(err, context.Canceled) {
		t.Errorf("before: %v", err)
	}
}

// TestOfferWaits: an Offer that waits for its index counts against the limit.
func TestOfferWaits(t *testing.T) {
	s := newScene(t, realTool(t))
	p := problem1(waiting{})
	p.Limit = time.Second
	if _, err := s.tool.Compile(t.Context(), p); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	s.clean()
}

type waiting struct{}

func (waiting) Versions(ctx context.Context, _ string) ([]Offered, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (waiting) Metadata(ctx context.Context, _, _ string) ([]byte, error) { return nil, ctx.Err() }

// TestKilledMidRun kills the real uv at each question in turn.
func TestKilledMidRun(t *testing.T) {
	tool := realTool(t)
	for i := range 3 {
		s := newScene(t, tool)
		n := 0
		offer := flasks()
		offer.fail = func(string) error {
			if n++; n == i+1 {
				<-s.up
				if err := syscall.Kill(s.pids[0], syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
			return nil
		}
		if _, err := s.tool.Compile(t.Context(), problem1(offer)); !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "killed") {
			t.Errorf("at question %d: %v", i+1, err)
		}
		s.clean()
	}
}

const orphanEnv = "DRYDOCK_UVTEST_ORPHAN"

// TestMain is also the process that dies in the middle of a run.
func TestMain(m *testing.M) {
	fullDiskMain()
	if path := os.Getenv(orphanEnv); path != "" {
		_, err := (&Tool{Path: path}).Compile(context.Background(), problem1(flasks()))
		fmt.Println("ended:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestParentDies: a uv does not go on when the process that wants its answer was killed.
func TestParentDies(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no parent-death signal here")
	}
	ready := filepath.Join(t.TempDir(), "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanEnv+"="+script(t, t.TempDir(), "echo $$ > '"+ready+"'; while :; do :; done"), "TMPDIR="+t.TempDir())
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(ready) // until the child writes
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	(&scene{t: t}).gone(pid)
}
