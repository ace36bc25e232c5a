package gitforge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode"
)

// errLimit is the cause of a context that a command's own time limit ended.
var errLimit = errors.New("time limit")

// command is one run of a program.
type command struct {
	path    string
	args    []string
	dir     string
	env     []string // the whole environment
	limit   time.Duration
	file    int64                 // bytes of the largest file it may write
	in      io.Reader             // may be nil
	out     func(io.Reader) error // reads standard output; nil keeps up to maxListing bytes of it
	secret  []byte                // to be read from file descriptor 3, once
	started func(*exec.Cmd)       // for tests
}

// result is how a program that was started ended.
type result struct {
	stdout, stderr []byte
	exit           int
	killed         error // errLimit or the context's error, when that ended it
}

// run runs the program in a process group of its own, which is killed whole at the end. The error is that of a
// program that could not be started, or of c.out.
func run(ctx context.Context, c command) (result, error) {
	limited, cancel := context.WithTimeoutCause(ctx, c.limit, errLimit)
	defer cancel()
	var r result
	done := make(chan error, 1)
	go func() {
		// A child's parent-death signal follows the thread that started it: it must live until the child ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		r, err = execute(limited, cancel, c)
		done <- err
	}()
	err := <-done
	if limited.Err() != nil {
		r.killed = context.Cause(limited)
		if ctx.Err() != nil {
			r.killed = ctx.Err()
		} else if !errors.Is(r.killed, errLimit) {
			r.killed = nil // by c.out's wish
		}
	}
	return r, err
}

func execute(ctx context.Context, stop context.CancelFunc, c command) (result, error) {
	var listing head
	listing.max = maxListing
	read := c.out
	if read == nil {
		read = func(r io.Reader) error { _, err := io.Copy(&listing, r); return err }
	}
	errs := &head{max: maxErrors}
	stdout, err := newPipe(read)
	if err != nil {
		return result{}, err
	}
	defer stdout.end()
	stderr, err := newPipe(func(r io.Reader) error { _, err := io.Copy(errs, r); return err })
	if err != nil {
		return result{}, err
	}
	defer stderr.end()
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.dir, c.env, grace
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, stdout.in, stderr.in
	if c.secret != nil {
		given, err := hand(c.secret)
		if err != nil {
			return result{}, err
		}
		defer given.Close()
		cmd.ExtraFiles = []*os.File{given}
	}
	own(cmd)
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	bound(cmd.Process.Pid, uint64(max(c.file, maxListing)))
	if c.started != nil {
		c.started(cmd)
	}
	stdout.start(stop)
	stderr.start(nil)
	err = cmd.Wait()
	killGroup(cmd.Process.Pid) // what it started and left
	stdout.end()
	stderr.end()
	r := result{stdout: listing.kept.Bytes(), stderr: errs.kept.Bytes(), exit: -1}
	if cmd.ProcessState != nil {
		r.exit = cmd.ProcessState.ExitCode()
	}
	if stdout.err != nil {
		return r, stdout.err
	}
	if r.exit == 0 {
		return r, nil // whatever happened to the pipe of what it did not care to read
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) || ctx.Err() != nil || r.exit > 0 {
		err = nil // told by the result
	}
	return r, err
}

// hand makes a pipe that holds a secret, so that it is in no file, argument or environment.
func hand(secret []byte) (*os.File, error) {
	if len(secret) > maxCredential {
		return nil, fmt.Errorf("credentials longer than %d bytes", maxCredential)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer w.Close()
	if _, err := w.Write(secret); err != nil {
		r.Close()
		return nil, fmt.Errorf("write to a pipe: %w", err)
	}
	return r, nil
}

// pipe carries output of a child to a reader. With those of os/exec, Wait would go on for as long as a
// grandchild holds them open.
type pipe struct {
	in, out *os.File
	read    func(io.Reader) error
	err     error
	done    chan struct{}
	started bool
	once    sync.Once
}

func newPipe(read func(io.Reader) error) (*pipe, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	return &pipe{in: in, out: out, read: read, done: make(chan struct{})}, nil
}

// start begins to read; a reader that fails stops the child.
func (p *pipe) start(stop context.CancelFunc) {
	p.in.Close()
	p.started = true
	go func() {
		defer close(p.done)
		if p.err = p.read(lasting{p.out}); p.err != nil && stop != nil {
			stop()
		}
		_, _ = io.Copy(io.Discard, p.out)
	}()
}

// end waits for what is left. A process that left the group may hold the pipe open: it is not waited for.
func (p *pipe) end() {
	p.once.Do(func() {
		p.in.Close()
		if p.started {
			_ = p.out.SetReadDeadline(time.Now().Add(grace))
			<-p.done
			if errors.Is(p.err, os.ErrDeadlineExceeded) {
				p.err = nil
			}
		}
		p.out.Close()
	})
}

// lasting reads what lies in a pipe when its deadline is over, too: who reads may be slow, nothing of what a child
// said is lost.
type lasting struct{ f *os.File }

func (l lasting) Read(b []byte) (int, error) {
	n, err := l.f.Read(b)
	if n <= 0 && len(b) > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		if n := readNow(l.f, b); n > 0 {
			return n, nil
		}
	}
	return n, err
}

// head keeps the first max bytes of what is written to it.
type head struct {
	max  int
	kept bytes.Buffer
}

func (h *head) Write(b []byte) (int, error) {
	h.kept.Write(b[:min(len(b), h.max-h.kept.Len())])
	return len(b), nil
}

// plain makes text of a program fit for a terminal and for one line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}

func clip(s string) string {
	s = strings.Join(strings.Fields(plain(s)), " ")
	if r := []rune(s); len(r) > maxDetail {
		return string(r[:maxDetail]) + "…"
	}
	return s
}
