package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/forge/gitforge"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// GitConfig says how repositories are reached. Whoever controls the program or the helper can read the credentials
// and change what is proposed.
type GitConfig struct {
	// Path is the program; default git on PATH. 2.32 or newer.
	Path string `yaml:"path"`
	// User goes with the token in DRYDOCK_GIT_PASSWORD, for https; default git, which hosts that know tokens ignore.
	User string `yaml:"user"`
	// Helper is a git credential helper, absolute path and arguments, instead of DRYDOCK_GIT_PASSWORD.
	Helper []string `yaml:"helper"`
	// HelperEnv are names of variables that the helper is given, besides PATH and HOME.
	HelperEnv []string `yaml:"helper_env"`
	// SSHKey is the file of a private key, and KnownHosts that of the host keys that are trusted.
	SSHKey     string `yaml:"ssh_key"`
	KnownHosts string `yaml:"known_hosts"`
	// CAFile has certificate authorities besides the system's; Proxy is http(s)://host:port without credentials.
	CAFile string `yaml:"ca_file"`
	Proxy  string `yaml:"proxy"`
	// Limits bound what a repository may cost; 0 is the default of each.
	Limits GitLimits `yaml:"limits"`
}

// GitLimits are those of one repository.
type GitLimits struct {
	Fetch    int64         `yaml:"fetch"`    // bytes that one fetch may bring, compressed
	Files    int           `yaml:"files"`    // in one checkout
	Bytes    int64         `yaml:"bytes"`    // of one checkout
	File     int64         `yaml:"file"`     // bytes of one file
	Transfer time.Duration `yaml:"transfer"` // of one fetch or push
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate names the YAML path of what is wrong.
func (c GitConfig) Validate() error {
	var errs []error
	for key, path := range map[string]string{"path": c.Path, "ssh_key": c.SSHKey, "known_hosts": c.KnownHosts, "ca_file": c.CAFile} {
		if path != "" && !filepath.IsAbs(path) {
			errs = append(errs, fmt.Errorf("git.%s: %q is not an absolute path", key, path))
		}
	}
	if len(c.Helper) > 0 && !filepath.IsAbs(c.Helper[0]) {
		errs = append(errs, fmt.Errorf("git.helper: %q is not the absolute path of a program; want [/usr/lib/git-core/git-credential-store]", c.Helper[0]))
	}
	for i, name := range c.HelperEnv {
		if !variableName.MatchString(name) {
			errs = append(errs, fmt.Errorf("git.helper_env[%d]: want the name of a variable, not its value", i))
		}
	}
	if strings.Contains(c.Proxy, "@") {
		errs = append(errs, errors.New("git.proxy: it holds credentials; want http://host:port"))
	}
	l := c.Limits
	for key, n := range map[string]int64{"fetch": l.Fetch, "files": int64(l.Files), "bytes": l.Bytes, "file": l.File, "transfer": int64(l.Transfer)} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("git.limits.%s: it is negative", key))
		}
	}
	return errors.Join(errs...)
}

// gitPassword is the variable that holds the password or token of git.user.
const gitPassword = "DRYDOCK_GIT_PASSWORD"

// forges are the repositories of applications, each opened once.
type forges struct {
	cfg GitConfig
	dir string

	mu   sync.Mutex
	open map[string]forge.Forge
}

// of is the repository of an application.
func (f *forges) of(ctx context.Context, a application.Application) (forge.Forge, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := sha256.Sum256([]byte(a.Repository + "\x00" + a.Base))
	key := hex.EncodeToString(sum[:8])
	if r, ok := f.open[key]; ok {
		return r, nil
	}
	dir := filepath.Join(f.dir, key)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cfg := gitforge.Config{Remote: gitAddress(a.Repository), Branch: a.Base, Dir: dir, Git: f.cfg.Path, SSHKey: f.cfg.SSHKey, KnownHosts: f.cfg.KnownHosts, CAFile: f.cfg.CAFile, Proxy: f.cfg.Proxy,
		Credentials: gitforge.Environment{User: f.cfg.User, Password: gitPassword}}
	l := f.cfg.Limits
	cfg.Limits = gitforge.Limits{Fetch: l.Fetch, Files: l.Files, Bytes: l.Bytes, File: l.File, Transfer: l.Transfer}
	if len(f.cfg.Helper) > 0 {
		cfg.Credentials = gitforge.Helper{Command: f.cfg.Helper, Env: f.cfg.HelperEnv}
	}
	r, err := gitforge.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if f.open == nil {
		f.open = map[string]forge.Forge{}
	}
	f.open[key] = r
	return r, nil
}

// gitAddress is a repository as git wants it: applications.yaml allows a plain path.
func gitAddress(repository string) string {
	if filepath.IsAbs(repository) {
		return (&url.URL{Scheme: "file", Path: repository}).String() // a path may hold what an address gives a meaning
	}
	return repository
}

// checkout writes the newest commit of a declared application out, for a scan to read.
func (p *parts) checkout(ctx context.Context, app string) (dir, revision string, leave func() error, err error) {
	a, ok := p.declared(app)
	if !ok {
		return "", "", nil, fmt.Errorf("%s is not declared with a repository; drydock app add %s --repository URL", app, app)
	}
	repo, err := p.forges.of(ctx, a)
	if err != nil {
		return "", "", nil, err
	}
	if p.dock != nil {
		p.dock.LookAt(ctx, app) // what was merged since is known before it is planned without
	}
	base, err := repo.Base(ctx)
	if err != nil {
		return "", "", nil, err
	}
	into := filepath.Join(p.forges.dir, "scan")
	if err := os.MkdirAll(into, 0o700); err != nil {
		return "", "", nil, err
	}
	if err := artifact.Sweep(into, "", time.Now()); err != nil { // what processes that were killed left
		p.log.Warn("checkouts that nobody uses any more could not be removed", telemetry.KeyError, err)
	}
	top, err := artifact.Claim(into, app+"-")
	if err != nil {
		return "", "", nil, err
	}
	if _, err := repo.Checkout(ctx, base.Commit, filepath.Join(top.Dir, "src")); err != nil {
		return "", "", nil, errors.Join(err, top.Leave())
	}
	dir = filepath.Join(top.Dir, "src", filepath.FromSlash(a.Path))
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the repository has no folder %s at %.12s of %s; correct path: of %s in applications.yaml", a.Path, base.Commit, base.Branch, app)
		return "", "", nil, errors.Join(err, top.Leave())
	}
	return dir, base.Commit, top.Leave, nil
}

// declared looks an application up; false: it is not declared with a repository.
func (p *parts) declared(app string) (application.Application, bool) {
	set := p.applications()
	if set == nil {
		return application.Application{}, false
	}
	a, ok := set.Get(app)
	return a, ok && a.Repository != ""
}

// following reads the file of applications, and again whenever it changed: an application that is declared while a
// server runs counts at once. A file that became unreadable changes nothing, and is told once.
func (c *cli) following(log *slog.Logger) func() *application.Set {
	var mu sync.Mutex
	var set *application.Set
	var stamp string
	return func() *application.Set {
		mu.Lock()
		defer mu.Unlock()
		file := c.declarations()
		if file == "" {
			return nil
		}
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			set, stamp = nil, ""
			return nil
		}
		if err != nil {
			return set
		}
		now := fmt.Sprint(file, info.Size(), info.ModTime().Format(time.RFC3339Nano))
		if now == stamp {
			return set
		}
		stamp = now
		read, err := application.Load(file)
		if err != nil {
			log.Warn("the file of applications can't be used; what was declared before stays", telemetry.KeyError, err)
			return set
		}
		set = read
		return set
	}
}

// declarations is the file of applications of a server, whatever --server says; "" where there is no place for one.
func (c *cli) declarations() string {
	if c.cfg.Applications != "" {
		return c.cfg.Applications
	}
	dir := c.userDir("XDG_CONFIG_HOME", ".config")
	if c.opt.config != "" {
		dir = filepath.Dir(c.opt.config)
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "applications.yaml")
}
