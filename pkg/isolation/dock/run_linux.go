package dock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"
)

// box is a Dock: what the levels differ in is how the supervisor is started.
type box struct {
	level Level
	bwrap string // its program, for Bubblewrap
}

func (b *box) Level() Level { return b.level }

// Run implements Dock.
func (b *box) Run(ctx context.Context, c Command) (Result, error) {
	c, err := c.checked()
	if err != nil {
		return Result{}, err
	}
	if c.Least != "" && !b.level.AtLeast(c.Least) {
		return Result{}, &LevelError{Level: c.Least, Missing: "this dock is " + string(b.level), Do: remedy[c.Least]}
	}
	if c.probe {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probeTime)
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		return Result{}, &Error{Kind: Canceled, Text: "start " + c.Path, Cause: err}
	}
	r, err := b.prepare(c)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	return r.run(ctx)
}

// run is one command under way, seen from outside.
type run struct {
	c      Command
	spec   spec
	user   identity
	level  Level
	bwrap  string
	stage  *stage // for bwrap, as root
	mounts []*os.File
	undo   []func()
}

func (r *run) close() {
	for _, f := range r.mounts {
		_ = f.Close()
	}
	for _, f := range slices.Backward(r.undo) {
		f()
	}
}

// pipes are the parent's ends; the child's are closed once it has started.
type pipes struct {
	spec, report, tar, alive, stdout, stderr *os.File
	child                                    []*os.File
}

func newPipes() (*pipes, error) {
	p := &pipes{}
	var errs []error
	from := func() (parent, child *os.File) { // the child writes
		r, w, err := os.Pipe()
		errs = append(errs, err)
		return r, w
	}
	to := func() (parent, child *os.File) { // the child reads
		r, w, err := os.Pipe()
		errs = append(errs, err)
		return w, r
	}
	var c [6]*os.File
	p.spec, c[0] = to()
	p.report, c[1] = from()
	p.tar, c[2] = from()
	p.alive, c[3] = to()
	p.stdout, c[4] = from()
	p.stderr, c[5] = from()
	p.child = c[:]
	if err := errors.Join(errs...); err != nil {
		p.close()
		return nil, &Error{Kind: Broken, Text: "open the pipes of the box", Cause: err}
	}
	return p, nil
}

func (p *pipes) closeChild() {
	for _, f := range p.child {
		_ = f.Close()
	}
}

func (p *pipes) close() {
	p.closeChild()
	for _, f := range []*os.File{p.spec, p.report, p.tar, p.alive, p.stdout, p.stderr} {
		_ = f.Close()
	}
}

func (r *run) run(ctx context.Context) (Result, error) {
	ts, err := openTargets(r.c.Results)
	if err != nil {
		return Result{}, err
	}
	res, err := r.contained(ctx, ts)
	ts.close(err != nil || res.Ended == Stopped)
	return res, err
}

func (r *run) contained(ctx context.Context, ts targets) (Result, error) {
	p, err := newPipes()
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	cmd := r.command()
	cmd.Dir = "/"
	cmd.Env = ownEnv
	cmd.Stdout, cmd.Stderr = p.child[4], p.child[5]
	cmd.ExtraFiles = append(slices.Clone(p.child[:4]), r.mounts...)
	ended, err := start(cmd)
	if err != nil {
		return Result{}, &Error{Kind: Broken, Text: fmt.Sprintf("start the box at level %s", r.level), Cause: err}
	}
	p.closeChild()
	stop := r.watch(ctx, cmd, p)
	defer stop()

	var wg sync.WaitGroup
	out, errs := newBounded(r.c.Stdout, r.c.Limits.Output), newBounded(r.c.Stderr, r.c.Limits.Output)
	var said []byte
	var copied error
	wg.Go(func() { _, _ = io.Copy(out, p.stdout) })
	wg.Go(func() { _, _ = io.Copy(errs, p.stderr) })
	wg.Go(func() { said, _ = io.ReadAll(io.LimitReader(p.report, maxReport)) })
	wg.Go(func() {
		copied = ts.extract(p.tar)
		_, _ = io.Copy(io.Discard, p.tar)
	})
	wg.Go(func() {
		_ = json.NewEncoder(p.spec).Encode(r.spec) // a supervisor that is gone is told of by its end
		_ = p.spec.Close()
	})
	end := <-ended
	if r.user.dropped && r.level == Landlock {
		killUser(r.user.uid) // whom a supervisor that was killed has left
	}
	// Nobody is left who could write; if somebody is, for the want of a supervisor, he is not waited for.
	late := time.AfterFunc(grace/10, func() {
		for _, f := range []*os.File{p.stdout, p.stderr, p.report, p.tar} {
			_ = f.SetReadDeadline(time.Now())
		}
	})
	wg.Wait()
	late.Stop()
	return r.result(ctx, said, end, copied, out, errs)
}

// watch ends the supervisor when ctx does, and when it has not ended by itself long after it should have.
func (r *run) watch(ctx context.Context, cmd *exec.Cmd, p *pipes) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		late := time.NewTimer(r.c.Limits.Time + grace)
		defer late.Stop()
		select {
		case <-done:
			return
		case <-ctx.Done():
			_ = p.alive.Close() // the supervisor kills, and reports nothing any more
		case <-late.C:
		}
		select {
		case <-done:
		case <-time.After(grace / 6):
			_ = cmd.Process.Kill()
		case <-late.C:
			_ = cmd.Process.Kill()
		}
	})
	return func() { close(done); wg.Wait() }
}

func (r *run) result(ctx context.Context, said []byte, end, copied error, out, errs *bounded) (Result, error) {
	var rep report
	if err := json.Unmarshal(said, &rep); err != nil || rep.Error == nil && !rep.Started {
		if cause := ctx.Err(); cause != nil {
			return Result{Level: r.level, Ended: Stopped, ExitCode: -1, OutputCut: out.cut || errs.cut}, nil
		}
		text := fmt.Sprintf("the box at level %s ended without a report (%v)", r.level, end)
		if tail := errs.tail(); tail != "" && !rep.Started {
			text += ": " + tail
		}
		return Result{}, &Error{Kind: Unfinished, Text: text}
	}
	res := rep.Result
	res.Level = r.level
	res.OutputCut = out.cut || errs.cut
	if res.OutputCut {
		res.Reached = append(res.Reached, LimitOutput)
	}
	slices.Sort(res.Reached)
	res.Reached = slices.Compact(res.Reached)
	if rep.Error != nil {
		return res, rep.Error.err()
	}
	if copied != nil {
		return res, copied
	}
	return res, nil
}

// start starts cmd on a thread that lives until it has ended: the signal that a child asks for on its parent's
// death comes when the thread ends that made it (prctl(2), PR_SET_PDEATHSIG).
func start(cmd *exec.Cmd) (<-chan error, error) {
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return ended, nil
}

// bounded passes on as many bytes as allowed and counts the rest.
type bounded struct {
	w    io.Writer
	left int64
	cut  bool
	last []byte
}

func newBounded(w io.Writer, limit int64) *bounded { return &bounded{w: w, left: limit} }

func (b *bounded) Write(p []byte) (int, error) {
	take := p
	if int64(len(p)) > b.left {
		take, b.cut = p[:b.left], true
	}
	b.left -= int64(len(take))
	if b.w != nil && len(take) > 0 {
		if _, err := b.w.Write(take); err != nil {
			b.w = nil // who listens no more must not stop the program at a full pipe
		}
	}
	if len(b.last) < 400 {
		b.last = append(b.last, take[:min(len(take), 400-len(b.last))]...)
	}
	return len(p), nil
}

// tail is what was printed first, on one line: what bwrap says before it gives up.
func (b *bounded) tail() string { return oneLine(b.last) }
