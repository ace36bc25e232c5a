package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Main is one run of the program, with everything it touches given: tests run it in process.
type Main struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string         // "KEY=value"; the last of a key counts
	Signals        <-chan os.Signal // nil: none
	// Slow is added to what only a person's patience bounds: tests on a busy machine have more of it.
	Slow time.Duration
}

// patience is how long a command may take to end after Ctrl-C before the program ends without it. What is
// written is written atomically, so that nothing is torn.
const patience = 700 * time.Millisecond

// interrupted is why a context ended.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string { return i.signal.String() }

// Run runs the command and returns the exit code of docs/formats.md.
func (m *Main) Run(ctx context.Context) int {
	c := &cli{Main: m, began: time.Now()}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- c.guarded(ctx) }()
	var late <-chan time.Time
	for {
		select {
		case err := <-done:
			return c.finish(ctx, err)
		case <-late:
			fmt.Fprintln(m.Stderr, "drydock: interrupted; what is written is written whole or not at all")
			return report.ExitInterrupted
		case sig := <-m.Signals:
			if ctx.Err() != nil {
				return second(sig)
			}
			cancel(interrupted{sig})
			if !c.drains.Load() {
				late = time.After(patience + m.Slow)
			}
		}
	}
}

// guarded turns a bug into one sentence; --debug shows where it is.
func (c *cli) guarded(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if c.opt.debug {
				fmt.Fprintln(c.Stderr, clean(string(debug.Stack())))
			}
			err = surroundings("%s met a bug in Drydock: %v; please report it with what --debug says", c.name(), r)
		}
	}()
	return c.execute(ctx)
}

// second is the exit code of a signal that comes while the first is being answered: at once.
func second(sig os.Signal) int {
	if s, ok := sig.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return report.ExitInterrupted
}

// finish says what went wrong, as one sentence, and gives the code.
func (c *cli) finish(ctx context.Context, err error) int {
	if c.opt.debug {
		fmt.Fprintf(c.Stderr, "debug: %s took %s\n", c.name(), time.Since(c.began).Round(time.Microsecond))
	}
	var e *exitError
	said := errors.As(err, &e) && e.err == nil
	if by := (interrupted{}); ctx.Err() != nil && errors.As(context.Cause(ctx), &by) && err != nil && !said {
		c.note("%s: %s", c.name(), "interrupted; nothing was left half done")
		return report.ExitInterrupted
	}
	if err == nil || said {
		return exitCode(err)
	}
	if many := (*policy.Errors)(nil); errors.As(err, &many) {
		for _, p := range many.Problems { // a line for each: they are mended together
			fmt.Fprintln(c.Stderr, "drydock: "+oneLine(p.String()))
		}
		return exitCode(err)
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if a := advice(err); a != "" && !strings.Contains(text, a) {
		text += "; " + a
	}
	fmt.Fprintln(c.Stderr, clean("drydock: "+text))
	if c.opt.debug {
		fmt.Fprintln(c.Stderr, clean(fmt.Sprintf("debug: %T, exit %d", err, exitCode(err))))
	}
	return exitCode(err)
}

// note writes one line for people on stderr, unless --quiet.
func (c *cli) note(format string, args ...any) {
	if !c.opt.quiet {
		fmt.Fprintln(c.Stderr, clean(fmt.Sprintf(format, args...)))
	}
}

// env looks a variable up in the environment given to Main.
func (m *Main) env(key string) (string, bool) {
	for i := len(m.Environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(m.Environ[i], "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

func (m *Main) getenv(key string) string { v, _ := m.env(key); return v }

// cli is the state of one run.
type cli struct {
	*Main
	opt     options
	cfg     Config
	command string
	began   time.Time
	drains  atomic.Bool // the command ends by itself on a signal, however long that takes
}

func (c *cli) name() string { return cmp.Or(c.command, "drydock") }
