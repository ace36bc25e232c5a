package scanner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// reading is everything the readers of one target reported.
type reading struct {
	confinement string
	git         gitFacts
	found       found
	manifests   []manifest
	incomplete  []inventory.Incomplete // what broke a reader
}

// readTarget has a target read by as many readers as it takes: one that crashes, hangs or eats memory costs the
// source it was reading, and another is started for the rest.
func (s *Service) readTarget(ctx context.Context, req request) (*reading, error) {
	ctx, cancel := context.WithTimeout(ctx, s.total)
	defer cancel()
	req.Minimum = string(s.level)
	out := &reading{}
	spent := 0
	for starts := 0; ; starts++ {
		run := &readerRun{into: out, patience: s.patience, room: s.room}
		err := run.do(ctx, req)
		if err == nil {
			return out, nil
		}
		var failed *readError
		switch {
		case errors.As(err, &failed):
			return out, failed
		case context.Cause(ctx) != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
			return out, ctx.Err()
		case run.current.Kind == "":
			return out, &readError{Reason: "crashed", Detail: fmt.Sprintf("the reader ended before it read anything: %v", err)}
		case run.current.Kind == taskDiscovery:
			reason := "crashed"
			if errors.Is(err, errSilent) || ctx.Err() != nil {
				reason = "time_limit"
			}
			return out, &readError{Reason: reason, Detail: fmt.Sprintf("looking for manifests in %s: %v", req.Root, err)}
		}
		out.blame(run.current, err)
		if spent += run.bytes; ctx.Err() != nil || starts+1 == readerStarts || spent >= readerRooms*s.room {
			out.incomplete = append(out.incomplete, inventory.Incomplete{Reason: inventory.Unreadable,
				Detail: fmt.Sprintf("reading was given up after %d attempts; what had not been read by then is missing", starts+1)})
			return out, nil
		}
		req.Done, req.Extra = out.progress(req.Done, run.current)
	}
}

// blame records what a task cost.
func (r *reading) blame(t task, err error) {
	if t.Kind != taskGit { // without git only the revision is unknown, and absent
		r.incomplete = append(r.incomplete, inventory.Incomplete{Reason: inventory.Unparsed, Source: cleanPath(t.Path), Detail: cleanText(fmt.Sprintf("its reader was stopped: %v", err))})
	}
}

// progress is what the next reader need not read, and what it would not find by itself.
func (r *reading) progress(done []task, broken task) ([]task, []task) {
	done = append(done, broken, task{Kind: taskGit})
	var extra []task
	for _, m := range r.manifests {
		done = append(done, task{Kind: m.Kind, Path: m.Path})
		extra = append(extra, includeTasks(m)...)
	}
	return done, extra
}

// gitOnly reads the enclosing repository and nothing else.
func (s *Service) gitOnly(ctx context.Context, g gitDir) (gitFacts, error) {
	run := &readerRun{into: &reading{}, patience: s.patience, room: s.room}
	err := run.do(ctx, request{Git: g, Minimum: string(s.level)})
	var failed *readError
	if err != nil && !errors.As(err, &failed) && run.current.Kind == taskGit && ctx.Err() == nil {
		return gitFacts{}, nil // whatever broke the parser: the name comes from the path then
	}
	return run.into.git, err
}

// errSilent is the end of a reader that said nothing for too long.
var errSilent = errors.New("no sign of life")

// readerRun is one child.
type readerRun struct {
	into     *reading
	patience func(at task) time.Duration
	room     int // bytes of messages
	current  task
	ended    bool
	failed   *readError
	bytes    int
}

// do runs a child to its end. It returns nil only when the child said that everything was read.
func (r *readerRun) do(ctx context.Context, req request) error {
	input, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("ask the reader: %w", err)
	}
	program, err := self()
	if err != nil {
		return fmt.Errorf("start the reader: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	cmd := exec.CommandContext(ctx, program)
	stderr := &tail{limit: readerStderr}
	cmd.Args = []string{"drydock", ReaderArg}
	cmd.Env, cmd.Dir, cmd.SysProcAttr = []string{}, "/", childAttr()
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(input), stderr, time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the reader: %w", err)
	}
	// The kernel ends the child with the thread that started it, so this thread must outlive it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the reader: %w", err)
	}
	watch := func() *time.Timer {
		limit := r.patience(r.current)
		return time.AfterFunc(limit, func() { stop(fmt.Errorf("%w for %s", errSilent, limit)) })
	}
	watchdog := watch()
	err = r.listen(out, func() {
		watchdog.Stop()
		watchdog = watch()
	})
	watchdog.Stop()
	if err != nil {
		stop(err)
	}
	wait := cmd.Wait()
	switch {
	case r.failed != nil:
		return r.failed
	case err != nil:
		return err
	case r.ended:
		return nil
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s", stderr.explain(wait))
}

// listen takes the child's messages until it closes its output.
func (r *readerRun) listen(out io.Reader, alive func()) error {
	in := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.bytes += len(line); r.bytes > r.room {
			return fmt.Errorf("the reader reported more than %s", size(int64(r.room)))
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("message of the reader: %w", err)
		}
		r.take(m)
		alive()
	}
}

func (r *readerRun) take(m message) {
	into := r.into
	switch {
	case m.Confinement != "":
		into.confinement = string(checkLevel(m.Confinement))
	case m.Start != nil:
		r.current = *m.Start
	case m.Git != nil:
		into.git = checkGit(*m.Git)
	case m.Found != nil:
		into.found = checkFound(*m.Found)
	case m.Manifest != nil:
		into.manifests = append(into.manifests, checkManifest(*m.Manifest))
	case m.Failed != nil:
		r.failed = checkFailed(*m.Failed)
	case m.End:
		r.ended = true
	}
}

// readLine is bufio's with a limit; a cut line at the end is the end.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, io.EOF
		case len(line) > readerLine:
			return nil, fmt.Errorf("the reader sent a message of more than %s", size(readerLine))
		}
	}
}

// tail keeps the beginning of what a dying child says.
type tail struct {
	limit int
	buf   bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	if room := t.limit - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// explain names the end of a child in a few words: out of memory, out of time, or the first line of its
// crash report.
func (t *tail) explain(wait error) string {
	text := t.buf.String()
	switch {
	case strings.Contains(text, "cannot allocate memory"), strings.Contains(text, "out of memory"), strings.Contains(text, "failed to reserve"):
		return fmt.Sprintf("it needed more than %s of memory", size(readerData))
	case wait != nil && strings.Contains(wait.Error(), "CPU time limit"):
		return fmt.Sprintf("it needed more than %d s of processor time", readerCPU)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	switch {
	case first != "":
		return fmt.Sprintf("it crashed: %.200q", first)
	case wait != nil:
		return "it crashed: " + wait.Error()
	}
	return "it ended without a word"
}
