package uv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

// command is one run of a program that is not trusted to end, to be brief, or to be what it says.
type command struct {
	path           string
	args           []string
	dir            string // of our making: its folder, home and place for temporary files
	env            []string
	limit          time.Duration
	maxOut, maxErr int
	started        func(*exec.Cmd) // may be nil
}

// result is how a program that was started ended.
type result struct {
	exit           int
	signal         string // that ended it
	stdout, stderr []byte
	cpu            time.Duration
}

// run starts the program with an environment of c.env and nothing else of ours, in a process group of its own
// that is killed whole at the end, and waits for it. The error is ErrTimeout, ctx's, or that of a program that
// could not be started.
func run(ctx context.Context, c command) (result, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, sub := range []string{"home", "tmp"} {
		if err := os.MkdirAll(filepath.Join(c.dir, sub), 0o700); err != nil {
			return result{}, fmt.Errorf("make a folder to run uv in: %w", err)
		}
	}
	var r result
	done := make(chan error, 1)
	go func() {
		// A child's parent-death signal follows the thread that started it: it must live until the child ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		r, err = execute(limited, c, func() (stop func() bool) {
			return time.AfterFunc(c.limit, func() { cancel(ErrTimeout) }).Stop
		})
		done <- err
	}()
	err := <-done
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case limited.Err() != nil:
		return r, fmt.Errorf("%w: no answer within %s", ErrTimeout, c.limit)
	}
	return r, err
}

// execute does, and has the time counted from the program's start: what comes before it is not the program's.
func execute(ctx context.Context, c command, count func() (stop func() bool)) (result, error) {
	out, errs := &tail{max: c.maxOut}, &tail{max: c.maxErr}
	// Pipes of our own: with those of os/exec, Wait would go on for as long as a grandchild holds them open.
	stdout, err := collect(out)
	if err != nil {
		return result{}, err
	}
	defer stdout.end()
	stderr, err := collect(errs)
	if err != nil {
		return result{}, err
	}
	defer stderr.end()
	cmd, err := start(ctx, c, stdout.in, stderr.in)
	if err != nil {
		return result{}, err
	}
	defer count()()
	bound(cmd.Process.Pid)
	if c.started != nil {
		c.started(cmd)
	}
	err = cmd.Wait()
	killGroup(cmd.Process.Pid) // what it started and left
	stdout.end()
	stderr.end()
	r := result{stdout: out.bytes(), stderr: errs.bytes()}
	if s := cmd.ProcessState; s != nil {
		r.exit, r.signal, r.cpu = s.ExitCode(), signalOf(s), s.UserTime()+s.SystemTime()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil // told by the result
	}
	return r, err
}

// start starts the program, again while it is still open for writing in some process that is about to become
// another program.
func start(ctx context.Context, c command, stdout, stderr *os.File) (*exec.Cmd, error) {
	for try := 1; ; try++ {
		cmd := exec.CommandContext(ctx, c.path, c.args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.dir, stdout, stderr, grace
		cmd.Env = append([]string{"HOME=" + filepath.Join(c.dir, "home"), "TMPDIR=" + filepath.Join(c.dir, "tmp")}, c.env...)
		own(cmd)
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || try == busyTries {
			return nil, err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pipe carries output of a child to a writer.
type pipe struct {
	in, out *os.File
	done    chan struct{}
	once    sync.Once
}

func collect(w io.Writer) (*pipe, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	p := &pipe{in: in, out: out, done: make(chan struct{})}
	go func() {
		_, _ = io.Copy(w, out) // what did not come is missing from the end of what it said
		close(p.done)
	}()
	return p, nil
}

// end reads what is left. A process that left the group may hold the pipe open: it is not waited for.
func (p *pipe) end() {
	p.once.Do(func() {
		p.in.Close()
		_ = p.out.SetReadDeadline(time.Now().Add(grace))
		<-p.done
		p.out.Close()
	})
}

// tail keeps the first max bytes and the last line's worth of what is written to it.
type tail struct {
	max  int
	head bytes.Buffer
	last []byte
	over bool
}

func (t *tail) Write(b []byte) (int, error) {
	n := min(len(b), t.max-t.head.Len())
	t.head.Write(b[:n])
	if rest := b[n:]; len(rest) > 0 {
		t.over = true
		t.last = append(t.last, rest...)
		if len(t.last) > 2*maxLine {
			t.last = append(t.last[:0], t.last[len(t.last)-maxLine:]...)
		}
	}
	return len(b), nil
}

func (t *tail) bytes() []byte {
	if !t.over {
		return t.head.Bytes()
	}
	return append(append(t.head.Bytes(), "\n…\n"...), t.last...)
}

// lastLine is the last line that says something.
func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(plain(string(b))), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return clip(line)
		}
	}
	return "it said nothing"
}

// plain makes text of a program fit for a terminal: no control characters but the end of a line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r)) {
			return -1
		}
		return r
	}, s)
}

func clip(s string) string {
	if r := []rune(s); len(r) > maxLine {
		return string(r[:maxLine]) + "…"
	}
	return s
}
