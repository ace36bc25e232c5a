package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
)

// command is one run of a command of the server's.
type command struct {
	name  string
	words []string
	dir   string // "": the room
	limit time.Duration
	grace time.Duration                        // zero: grace
	dying time.Duration                        // zero: dying
	after func(time.Duration) <-chan time.Time // nil: time.After; the limit
	await func(*exec.Cmd) (reap func() error)  // nil: await
}

// ending is what ended a command.
type ending struct {
	cause     error            // errLimit, ctx's, or nil: by itself
	state     *os.ProcessState // nil: it has not ended
	log       *headTail
	found     int // processes it left
	remaining int // of them, those that could not be ended
}

var errLimit = errors.New("time limit")

// run runs a command in a room of its own, which is removed at the end.
func run(ctx context.Context, c command) (Result, error) {
	c.limit, c.grace, c.dying = cmp.Or(c.limit, defaultLimit), cmp.Or(c.grace, grace), cmp.Or(c.dying, dying)
	if c.await == nil {
		c.await = await
	}
	if c.after == nil {
		c.after = time.After
	}
	begun := time.Now()
	r := Result{Name: c.name, Command: application.Command(c.words).String(), ExitCode: -1, Started: begun.UTC().Truncate(time.Millisecond)}
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("run the %s command: %w", c.name, err)
	}
	mark := newMark()
	room, err := os.MkdirTemp("", roomPrefix+mark+"-")
	if err != nil {
		return r, fmt.Errorf("make an empty folder for the %s command: %w", c.name, err)
	}
	defer removeRoom(room)
	program, why := c.find(room)
	if why != "" {
		r.Status, r.Detail = NotFound, clip(why)
		return r, nil
	}
	e, err := c.execute(ctx, program, room, mark)
	r.Seconds = time.Since(begun).Seconds()
	if why := c.refused(err, program); why != "" {
		r.Status, r.Detail = NotFound, clip(why)
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("run the %s command: %w", c.name, err)
	}
	r.judge(c, e)
	if e.cause != nil && !errors.Is(e.cause, errLimit) {
		return r, fmt.Errorf("run the %s command: %w", c.name, e.cause)
	}
	return r, nil
}

// judge says how a command that ran ended.
func (r *Result) judge(c command, e ending) {
	r.Log, r.LogCut = e.log.text()
	last := lastLine(r.Log)
	signal := 0
	if e.state != nil {
		signal = signalOf(e.state)
	}
	switch {
	case errors.Is(e.cause, errLimit):
		r.Status, r.Detail = Timeout, fmt.Sprintf("stopped: it took longer than %s (before_update.%s.timeout); last it said: %s", c.limit, c.name, last)
	case e.cause != nil:
		r.Status, r.Detail = Killed, "stopped before it ended: Drydock was asked to stop"
	case signal > 0:
		r.Status, r.Signal, r.Detail = Killed, signal, fmt.Sprintf("ended by signal %d (%s); last it said: %s", signal, syscall.Signal(signal), last)
	default:
		r.Status, r.ExitCode = Passed, e.state.ExitCode()
		if r.ExitCode != 0 {
			r.Status, r.Detail = Failed, fmt.Sprintf("ended with %d; last it said: %s", r.ExitCode, last)
		}
	}
	r.Detail = clip(r.Detail)
	switch {
	case e.remaining > 0:
		r.Detail = strings.TrimPrefix(fmt.Sprintf("%s; %d of its processes could not be ended: look for them on this host", r.Detail, e.remaining), "; ")
	case e.found > 0 && e.cause == nil:
		r.Detail = strings.TrimPrefix(fmt.Sprintf("%s; processes it left running, and which were ended: %d", r.Detail, e.found), "; ")
	}
}

// find is the program's file, or what is wrong. Only absolute folders of PATH count, so that the folder a command
// runs in can't bring its program.
func (c command) find(room string) (program, why string) {
	key := "before_update." + c.name
	if len(c.words) == 0 || c.words[0] == "" {
		return "", "the command is empty; correct " + key + ".command"
	}
	if c.dir != "" {
		if info, err := os.Stat(c.dir); err != nil || !info.IsDir() {
			return "", fmt.Sprintf("there is no folder %s; correct %s.dir", c.dir, key)
		}
	}
	word := c.words[0]
	if strings.ContainsRune(word, filepath.Separator) {
		if !filepath.IsAbs(word) {
			word = filepath.Join(cmp.Or(c.dir, room), word)
		}
		info, err := os.Stat(word)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Sprintf("there is no program %s; correct %s.command", word, key)
		case err != nil:
			return "", fmt.Sprintf("the program %s can't be reached: %s; correct %s.command, or its folder's permissions", word, reason(err), key)
		case !runnable(info):
			return "", fmt.Sprintf("%s is there and can't be run: is it a program, with its execute bit set?", word)
		}
		return word, ""
	}
	list := cmp.Or(os.Getenv("PATH"), defaultPath)
	for _, folder := range filepath.SplitList(list) {
		file := filepath.Join(folder, word)
		if info, err := os.Stat(file); filepath.IsAbs(folder) && err == nil && runnable(info) {
			return file, ""
		}
	}
	return "", fmt.Sprintf("there is no program %s on Drydock's PATH; install it, or name it by its absolute path in %s.command; looked in the absolute folders of %s", word, key, list)
}

// refused is why the system would not start a program that is there; "" for another error, or none.
func (c command) refused(err error, program string) string {
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return fmt.Sprintf("%s can't be started: what it names as its interpreter (#! …) is not there", program)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("%s can't be started: it is no program of this system; a script begins with #! and its interpreter", program)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s can't be started: permission denied; may Drydock's user run it, and enter the folder it runs in?", program)
	}
	return ""
}

// execute starts the program and returns when it and what it started is gone.
func (c command) execute(ctx context.Context, program, room, mark string) (ending, error) {
	var e ending
	done := make(chan error, 1)
	go func() {
		// A child's parent-death signal follows the thread that started it: it must live until the child ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		out, in, err := os.Pipe()
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = out.Close() }()
		cmd, err := c.start(ctx, program, room, mark, in)
		_ = in.Close()
		if err != nil {
			done <- err
			return
		}
		// A pipe of our own: with that of os/exec, Wait would go on for as long as a grandchild holds it open.
		e.log = &headTail{}
		read := make(chan struct{})
		go func() {
			_, _ = io.Copy(e.log, out)
			close(read)
		}()
		err = c.follow(ctx, cmd, mark, &e)
		_ = out.SetReadDeadline(time.Now().Add(drain))
		<-read
		done <- err
	}()
	err := <-done
	return e, err
}

// follow waits for the end of a program, brings it about where it is due, and ends what is left.
func (c command) follow(ctx context.Context, cmd *exec.Cmd, mark string, e *ending) error {
	pid, ended := cmd.Process.Pid, make(chan struct{})
	var reap func() error
	go func() {
		reap = c.await(cmd)
		close(ended)
	}()
	select {
	case <-ended:
	case <-c.after(c.limit):
		e.cause = errLimit
	case <-ctx.Done():
		e.cause = ctx.Err()
	}
	var known []process
	if e.cause != nil {
		known = family(pid, mark) // whom nobody would know once those between are gone
		politely(pid)
		select {
		case <-ended:
		case <-time.After(c.grace):
		}
	}
	e.found, e.remaining = endAll(pid, mark, known, c.dying)
	select {
	case <-ended:
	case <-time.After(c.dying):
		// Not even SIGKILL reaches who waits for a disk or a dead file server. It is not waited for; the time limit,
		// or ctx, brought us here.
		e.remaining = max(e.remaining, 1)
		go func() {
			<-ended
			_ = reap()
		}()
		return nil
	}
	err := reap()
	e.state = cmd.ProcessState
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = nil // told by the state
	}
	return err
}

func (c command) start(ctx context.Context, program, room, mark string, out *os.File) (*exec.Cmd, error) {
	for try := 1; ; try++ {
		cmd := exec.Command(program, c.words[1:]...)
		cmd.Args[0] = c.words[0]
		cmd.Dir, cmd.Stdout, cmd.Stderr = cmp.Or(c.dir, room), out, out
		cmd.Env = environment(os.LookupEnv, room, mark)
		own(cmd)
		err := cmd.Start()
		if err == nil || !errors.Is(err, syscall.ETXTBSY) || try == busyTries {
			return cmd, err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// removeRoom removes what a command left in its folder, read-only folders too.
func removeRoom(room string) {
	_ = filepath.WalkDir(room, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(room) // what stays is found by Sweep
}

// reason is an error without the path that stands beside it.
func reason(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
