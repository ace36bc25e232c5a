package uv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Compile resolves a problem. Errors: *Conflict when no set of offered releases meets the requirements;
// ErrOffer around the Offer's own error; ErrInput, ErrPython, ErrTimeout, ErrDied; ctx's. Whatever the end,
// nothing is left: no folder, no process, no listener.
func (t *Tool) Compile(ctx context.Context, p Problem) (Answer, error) {
	a, err := t.compile(ctx, p)
	var c *Conflict
	if err == nil || errors.As(err, &c) {
		return a, err
	}
	return a, fmt.Errorf("resolve the requirements with uv: %w", err)
}

func (t *Tool) compile(ctx context.Context, p Problem) (Answer, error) {
	if err := t.same(); err != nil {
		return Answer{}, err
	}
	if p.Offer == nil {
		return Answer{}, fmt.Errorf("nothing is offered: %w", ErrInput)
	}
	in, err := read(p)
	if err != nil {
		return Answer{}, err
	}
	platform, err := target(p.Env)
	if err != nil {
		return Answer{}, err
	}
	lookup := t.folders()
	candidates, err := pythons(lookup)
	if err != nil {
		return Answer{}, err
	}
	limit := cmp.Or(max(p.Limit, 0), t.usual, defaultLimit)
	r := attempt{tool: t, in: in, offer: p.Offer, platform: platform, lookup: lookup, end: time.Now().Add(limit), limit: limit}
	var first error // of the Python that people expect to be used
	for _, py := range candidates {
		a, err := r.run(ctx, py)
		if !errors.Is(err, ErrPython) {
			return a, err
		}
		if first == nil {
			first = err
		}
	}
	return Answer{}, first
}

// attempt is a run that may be repeated with another Python.
type attempt struct {
	tool     *Tool
	in       input
	offer    Offer
	platform []string
	lookup   []string
	end      time.Time
	limit    time.Duration
}

func (a *attempt) run(ctx context.Context, py python) (Answer, error) {
	dir, leave, err := room()
	if err != nil {
		return Answer{}, err
	}
	defer leave()
	if err := a.in.write(dir); err != nil {
		return Answer{}, err
	}
	s, err := serve(ctx, a.offer)
	if err != nil {
		return Answer{}, err
	}
	defer s.close()
	known := about.of(a.tool.Digest, py)
	if err := known.write(dir); err != nil {
		return Answer{}, err
	}
	r, err := run(s.ctx, command{
		path: a.tool.Path, dir: dir, limit: max(time.Until(a.end), time.Millisecond), maxOut: maxErrors, maxErr: maxErrors,
		args: a.args(py.path), env: a.environment(s, s.url(), py, dir), started: a.tool.started,
	})
	s.close() // what follows is of what was asked
	switch {
	case ctx.Err() != nil:
		return Answer{}, ctx.Err()
	case s.failure() != nil:
		return Answer{}, fmt.Errorf("%w: %w", ErrOffer, s.failure())
	case errors.Is(err, ErrTimeout):
		return Answer{}, fmt.Errorf("%w: no answer within %s: plan fewer packages at once or raise the limit", ErrTimeout, a.limit)
	case err != nil:
		return Answer{}, fmt.Errorf("%w: it can't be run: %w", ErrDied, bare(err))
	case s.stray() != "":
		return Answer{}, fmt.Errorf("%w: it tried to reach %s, which nothing asked it to", ErrDied, s.stray())
	}
	if err := verdict(r, s, dir); err != nil {
		return Answer{}, err
	}
	answer, err := parseAnswer(dir, s)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrDied, err)
	}
	answer.Args, answer.CPU = a.args("python3"), r.cpu
	known.read(dir)
	return answer, nil
}

// args is the command line. Whatever could come from a configuration file is said here, beside --no-config.
func (a *attempt) args(python string) []string {
	args := []string{"pip", "compile", inFile, "-c", constraintsFile, "-o", outFile,
		"--no-config", "--cache-dir", cacheDir, "--no-sources", "--only-binary", ":all:",
		"--keyring-provider", "disabled", "--resolution", "lowest-direct", "--python", python}
	args = append(args, a.platform...)
	return append(args, "--no-header", "--no-progress", "--color", "never")
}

// environment is all that uv sees of ours. The server is also its proxy: what it would ask of another host
// ends there. The index stands here and not among the arguments, which every user of the machine can read: its
// token would open the names, versions and requirements of private packages to them.
func (a *attempt) environment(s *server, index string, py python, dir string) []string {
	proxy := "http://" + proxyUser + ":" + s.token + "@" + s.addr
	return []string{
		"PATH=" + py.searchPath(dir, a.lookup), "UV_DEFAULT_INDEX=" + index,
		"UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1", "UV_NO_ENV_FILE=1",
		"UV_HTTP_RETRIES=0", // what can't be answered now won't be in ten seconds
		"UV_HTTP_TIMEOUT=" + strconv.Itoa(int(a.limit/time.Second)+60), // the limit is ours to keep
		"ALL_PROXY=" + proxy, "HTTPS_PROXY=" + proxy, "HTTP_PROXY=" + proxy, "NO_PROXY=127.0.0.1",
	}
}

// verdict judges how uv ended; nil means that it should have answered.
func verdict(r result, s *server, dir string) error {
	text := plain(string(r.stderr))
	switch {
	case r.signal != "":
		return fmt.Errorf("%w: it was ended by a signal (%s): %s", ErrDied, r.signal, clean(lastLine(r.stderr), s, dir))
	case r.exit == 0:
		return nil
	case r.exit == 1 && strings.Contains(text, "No solution found"):
		return conflict(text, s, dir)
	case strings.Contains(text, "No space left on device"):
		return fmt.Errorf("%w: it could not write: %w: make room where temporary files go", ErrDied, syscall.ENOSPC)
	case strings.Contains(text, "Python interpreter") || strings.Contains(text, "Querying Python") || strings.Contains(text, "No interpreter found"):
		return fmt.Errorf("%w: %s: install Python 3.8 or newer, the target's version or another", ErrPython, clean(problem(text), s, dir))
	}
	return fmt.Errorf("%w: it ended with %d: %s", ErrDied, r.exit, clean(problem(text), s, dir))
}

func (s *server) stray() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strayed
}
