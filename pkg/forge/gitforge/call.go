package gitforge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// call is one run of git.
type call struct {
	doing string // for errors
	repo  string // GIT_DIR; empty: none
	net   bool   // reaches for the remote
	limit time.Duration
	args  []string
	in    io.Reader
	out   func(io.Reader) error
}

// call runs git and returns what it printed. Its error is a *forge.Error, that of c.out, or ctx's.
func (f *Forge) call(ctx context.Context, c call) ([]byte, error) {
	cmd := command{path: f.git, args: c.args, dir: f.home, env: f.env(c), limit: c.limit, in: c.in, out: c.out, file: f.cfg.Limits.Fetch, started: f.started}
	if cmd.limit == 0 {
		cmd.limit = patience
	}
	if c.net {
		var err error
		if cmd.secret, err = f.login(ctx); err != nil {
			e := &forge.Error{Kind: forge.ErrNoAccess, Doing: c.doing, Detail: string(f.hidden.hide([]byte(err.Error()))), Cause: ended(err)}
			if errors.Is(err, errLimit) {
				e.Kind = forge.ErrTimeout
			}
			return nil, e
		}
	}
	r, err := run(ctx, cmd)
	var ours *forge.Error
	switch {
	case errors.As(err, &ours):
		return nil, err
	case errors.Is(r.killed, errLimit):
		return nil, &forge.Error{Kind: forge.ErrTimeout, Doing: c.doing, Detail: fmt.Sprintf("no end within %s", cmd.limit), Cause: errKilled}
	case r.killed != nil:
		return nil, fmt.Errorf("%s: %w", c.doing, killed{r.killed})
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, &forge.Error{Kind: forge.ErrGit, Doing: c.doing, Detail: err.Error(), Cause: err}
	case err != nil:
		return nil, ioError(c.doing, err)
	case r.exit != 0:
		return r.stdout, f.explain(c, r)
	}
	return r.stdout, nil
}

// errKilled marks that a git did not end by itself, so that its repository is not to be trusted.
var errKilled = errors.New("git was killed")

// killed is the end of a context, and errKilled.
type killed struct{ error }

func (k killed) Unwrap() []error { return []error{k.error, errKilled} }

// ended is the end of a context in err, or nil.
func ended(err error) error {
	for _, e := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}

// ioError is what the operating system refused to us.
func ioError(doing string, err error) error {
	e := &forge.Error{Kind: forge.ErrFailed, Doing: doing, Detail: err.Error(), Cause: err}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e.Kind = forge.ErrDisk
	}
	return e
}

// sayings is the table of what git says (with LC_ALL=C) to what it means; the first row that fits counts. Its
// own words come before those of a remote, which it prints behind "remote:".
var sayings = []struct {
	form   *regexp.Regexp
	kind   error
	advice string
}{
	{regexp.MustCompile(`(?i)no space left on device|disk quota exceeded`), forge.ErrDisk, "make room"},
	{regexp.MustCompile(`(?i)file too large|died of signal 25|out of memory|memory allocation`), forge.ErrTooLarge, "raise the repository's limits if that is meant"},
	{regexp.MustCompile(`(?i)dubious ownership`), forge.ErrNoAccess, "the repository belongs to another user: have it belong to the one Drydock runs as"},
	{regexp.MustCompile(`(?i)host key verification failed`), forge.ErrNoAccess, "put the host's key into the known hosts file"},
	{regexp.MustCompile(`(?i)ssl certificate|certificate verif|unable to get local issuer`), forge.ErrNoAccess, "name the certificate authority in the configuration"},
	{regexp.MustCompile(`(?i)could not read (username|password)|authentication failed|returned error: 401|permission denied \(|access denied|invalid credentials`), forge.ErrNoAccess, "check the credentials"},
	{regexp.MustCompile(`(?i)returned error: 403|permission to \S+ denied|insufficient permission|unable to create temporary object directory|unpacker error|not authorized|read-only`), forge.ErrNoAccess, "the credentials need the right to push"},
	{regexp.MustCompile(`(?i)redirection|returned error: 30`), forge.ErrNotRepository, "it has moved: write its new address into the configuration"},
	{regexp.MustCompile(`(?i)does not appear to be a git repository|not a git repository|invalid gitfile|repository .*not found|returned error: 404|no such file or directory|not valid: is this a git repository`), forge.ErrNotRepository, "check the address"},
	{regexp.MustCompile(`(?i)not our ref|unadvertised object|couldn't find remote ref|could not find remote ref|no such ref|not a valid object name|bad object`), forge.ErrNoCommit, ""},
	{regexp.MustCompile(`(?i)fsck error|index-pack failed|bad tree|malformed|corrupt|invalid index-pack|unpack-objects`), forge.ErrContent, ""},
	{regexp.MustCompile(`(?i)could not resolve|connection (refused|timed out|reset|closed)|failed to connect|couldn't connect|unable to connect|network is unreachable|no route to host|early eof|hung up|returned error: (5|429)|rpc failed|too slow|timed out|could not read from remote|unexpected disconnect`), forge.ErrUnreachable, ""},
	{regexp.MustCompile(`(?i)transport .* not allowed`), forge.ErrInput, ""},
}

// explain makes an error of what git said. An index-pack that was stopped for its size says little but that.
func (f *Forge) explain(c call, r result) error {
	text := string(f.hidden.hide(r.stderr))
	e := &forge.Error{Kind: forge.ErrFailed, Doing: c.doing}
	for _, s := range sayings {
		if s.form.MatchString(text) {
			e.Kind, e.Advice = s.kind, s.advice
			break
		}
	}
	if e.Kind == forge.ErrFailed && full(f.cfg.Dir) {
		e.Kind, e.Advice = forge.ErrDisk, "make room"
	}
	if e.Detail = clip(telling(text)); e.Detail == "" {
		e.Detail = fmt.Sprintf("git ended with %d and said nothing", r.exit)
	}
	return e
}

// telling keeps the lines that say what is wrong: git's prefixes, and the remote's own words.
func telling(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "warning:") || strings.HasPrefix(line, "hint:") || strings.HasPrefix(line, "Please make sure") || strings.HasPrefix(line, "and the repository exists") || strings.HasPrefix(line, "To ") {
			continue
		}
		for _, p := range []string{"fatal: ", "error: "} {
			line = strings.TrimPrefix(line, p)
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}
