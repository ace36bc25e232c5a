// Package gitforge is the [forge.Forge] that needs nothing but git: a change is
// a branch pushed to any remote. It runs the host's git as a child that sees a
// configuration, an environment and a home of ours only, so that nothing of the
// repository or of the machine's own configuration is obeyed: no hooks,
// filters, helpers, prompts, submodules or transports that run programs. Files
// are written by this package, never by git. See docs/forge.md.
package gitforge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/forge"
)

// Config names a repository and what may be used to reach it. It belongs to the
// server's configuration: whoever writes it chooses what is deployed.
type Config struct {
	Remote string // https://host/path, ssh://user@host/path, user@host:path or file:///path; no credentials
	Branch string // base branch; empty: the one the remote's HEAD names
	Dir    string // folder of this repository's own, for caches; may be deleted at any time when nothing uses it

	Git         string      // path of git; empty: the one on PATH
	Path        string      // PATH of git's children (ssh); empty: that of this process
	Credentials Credentials // for https; may be nil
	SSHKey      string      // file of a private key; empty: the agent's or default keys are not used, and ssh fails
	KnownHosts  string      // file of the host keys that are trusted; a host not in it is refused
	CAFile      string      // certificate authorities besides the system's, for https
	Proxy       string      // http(s)://host:port, without credentials
	Limits      Limits
}

// Forge is a repository reached with git. Make one per repository with [New].
type Forge struct {
	cfg     Config
	remote  remote
	git     string
	home    string
	objects *cache // base commits with their files, and our commits
	history *cache // commits only
	hidden  redactor
	started func(*exec.Cmd) // for tests
}

var _ forge.Forge = (*Forge)(nil)

// least is the oldest git that has everything used here (GIT_CONFIG_GLOBAL came last, in June 2021).
var least = [2]int{2, 32}

// New looks at the configuration and at git; it does not reach for the remote.
func New(ctx context.Context, cfg Config) (*Forge, error) {
	f := &Forge{cfg: cfg}
	f.cfg.Limits = cfg.Limits.orDefaults()
	if f.cfg.Path == "" {
		f.cfg.Path = os.Getenv("PATH")
	}
	var err error
	if f.remote, err = parseRemote(cfg.Remote); err != nil {
		return nil, badInput("use a repository", err)
	}
	if cfg.Branch != "" {
		if err := forge.CheckBranch(cfg.Branch); err != nil {
			return nil, badInput("use a base branch", err)
		}
	}
	if err := f.checkFiles(); err != nil {
		return nil, badInput("use a repository", err)
	}
	if f.cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil || cfg.Dir == "" {
		return nil, badInput("use a repository", errors.New("no folder for its cache is configured"))
	}
	f.home = filepath.Join(f.cfg.Dir, "home")
	if err := os.MkdirAll(filepath.Join(f.home, "tmp"), 0o700); err != nil {
		return nil, ioError("make a folder for git", err)
	}
	if err := f.writeConfig(); err != nil {
		return nil, ioError("write git's configuration", err)
	}
	sweep(f.home)
	if err := f.findGit(ctx); err != nil {
		return nil, err
	}
	f.objects, f.history = f.newCache("objects"), f.newCache("history")
	return f, nil
}

func (f *Forge) checkFiles() error {
	for what, file := range map[string]string{"ssh key": f.cfg.SSHKey, "known hosts": f.cfg.KnownHosts, "CA file": f.cfg.CAFile} {
		if file == "" {
			continue
		}
		if !filepath.IsAbs(file) || strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == '"' || r == '\'' }) {
			return fmt.Errorf("%s: want an absolute path without quotes, not %q", what, file)
		}
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if p := f.cfg.Proxy; p != "" && !proxyForm.MatchString(p) {
		return errors.New("proxy: want http://host:port without credentials")
	}
	return nil
}

var (
	proxyForm   = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(:[0-9]+)?/?$`)
	versionForm = regexp.MustCompile(`^git version ([0-9]+)\.([0-9]+)`)
)

func (f *Forge) findGit(ctx context.Context) error {
	const doing = "find git"
	advice := fmt.Sprintf("install git %d.%d or newer, or name one in the configuration", least[0], least[1])
	f.git = f.cfg.Git
	if f.git == "" {
		for _, dir := range filepath.SplitList(f.cfg.Path) {
			file := filepath.Join(dir, "git")
			if info, err := os.Stat(file); filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
				f.git = file
				break
			}
		}
	}
	if !filepath.IsAbs(f.git) {
		return &forge.Error{Kind: forge.ErrGit, Doing: doing, Detail: "there is none on PATH", Advice: advice}
	}
	r, err := run(ctx, command{path: f.git, args: []string{"version"}, dir: f.home, env: f.env(call{}), limit: patience})
	if r.killed != nil && !errors.Is(r.killed, errLimit) {
		return r.killed
	}
	if err != nil || r.exit != 0 {
		detail := fmt.Sprintf("%s can't be run", f.git)
		if err != nil {
			detail += ": " + err.Error()
		}
		return &forge.Error{Kind: forge.ErrGit, Doing: doing, Detail: detail, Advice: advice, Cause: err}
	}
	m := versionForm.FindStringSubmatch(string(r.stdout))
	if m == nil {
		return &forge.Error{Kind: forge.ErrGit, Doing: doing, Detail: fmt.Sprintf("%s is not git: it says %q", f.git, clip(string(r.stdout))), Advice: advice}
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < least[0] || major == least[0] && minor < least[1] {
		return &forge.Error{Kind: forge.ErrGit, Doing: doing, Detail: fmt.Sprintf("%s is version %d.%d, too old", f.git, major, minor), Advice: advice}
	}
	return nil
}

// Features: plain git shows a branch with its commit message, and nothing else.
func (f *Forge) Features() forge.Features { return forge.Features{} }

// Comment answers ErrNotOffered.
func (f *Forge) Comment(context.Context, string, string) error {
	return &forge.Error{Kind: forge.ErrNotOffered, Doing: "comment on a branch", Detail: "git has no comments"}
}

// Check answers ErrNotOffered.
func (f *Forge) Check(context.Context, string, forge.Check) error {
	return &forge.Error{Kind: forge.ErrNotOffered, Doing: "report a check", Detail: "git has no checks"}
}

// Base asks the remote.
func (f *Forge) Base(ctx context.Context) (forge.Base, error) {
	refs, err := f.look(ctx, "")
	return forge.Base{Branch: refs.baseName, Commit: refs.base}, err
}

func badInput(doing string, err error) error {
	return &forge.Error{Kind: forge.ErrInput, Doing: doing, Detail: strings.ReplaceAll(err.Error(), "\n", "; ")}
}
