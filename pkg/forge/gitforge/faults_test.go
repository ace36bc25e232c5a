//go:build unix

package gitforge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge"
)

func TestRemoteGone(t *testing.T) {
	p := started(t)
	f := open(t, "file://"+p.bare)
	prop := fix(t, f)
	if err := os.RemoveAll(p.bare); err != nil {
		t.Fatal(err)
	}
	_, err := f.Propose(t.Context(), prop)
	wantKind(t, err, forge.ErrNotRepository)
	if err := os.WriteFile(p.bare, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = f.Base(t.Context())
	wantKind(t, err, forge.ErrNotRepository)
	_, err = open(t, "file://"+filepath.Dir(p.bare)).Base(t.Context())
	wantKind(t, err, forge.ErrNotRepository)
	_, err = open(t, "https://127.0.0.1:1/a.git").Base(t.Context())
	if wantKind(t, err, forge.ErrUnreachable); forge.Judge(err) != forge.Transient {
		t.Errorf("%v is %s", err, forge.Judge(err))
	}
}

func TestNoBase(t *testing.T) {
	p := newPerson(t, "sha1")
	f := open(t, "file://"+p.bare)
	_, err := f.Base(t.Context())
	wantKind(t, err, forge.ErrEmpty)
	p.begin(t)
	if _, err := f.Base(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = open(t, "file://"+p.bare, func(c *Config) { c.Branch = "trunk" }).Base(t.Context())
	wantKind(t, err, forge.ErrNoBase)
	git(t, p.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
	_, err = f.Base(t.Context())
	wantKind(t, err, forge.ErrNoBase)
	b, err := open(t, "file://"+p.bare, func(c *Config) { c.Branch = "main" }).Base(t.Context())
	if err != nil || b.Branch != "main" {
		t.Errorf("%+v, %v", b, err)
	}
}

// A base that was rewritten, and pruned: what was validated is not to be had.
func TestBaseRewritten(t *testing.T) {
	p := started(t)
	f := open(t, "file://"+p.bare)
	prop := fix(t, f)
	got, err := f.Propose(t.Context(), prop)
	if err != nil {
		t.Fatal(err)
	}
	git(t, p.clone, "commit", "-q", "--amend", "-m", "rewritten")
	git(t, p.clone, "push", "-q", "-f", "origin", "main")
	found, err := f.Find(t.Context(), "fix", seen(got))
	if err != nil || found.State != forge.Ours {
		t.Errorf("%+v, %v", found, err)
	}
	p.Delete(t, "fix")
	git(t, p.bare, "gc", "-q", "--prune=now")
	other := f.again(t)
	_, err = other.Checkout(t.Context(), prop.Base, filepath.Join(t.TempDir(), "x"))
	wantKind(t, err, forge.ErrNoCommit)
	// Without the commit nobody can say whether it was squashed into the base: that is no "deleted".
	_, err = other.Find(t.Context(), "fix", seen(got))
	wantKind(t, err, forge.ErrNoCommit)
	if found, err = f.Find(t.Context(), "fix", seen(got)); err != nil || found.State != forge.Deleted {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestGitItself(t *testing.T) {
	p := started(t)
	dir := t.TempDir()
	old, other, broken := filepath.Join(dir, "old"), filepath.Join(dir, "other"), filepath.Join(dir, "broken")
	writeProgram(t, old, "echo git version 2.20.1")
	writeProgram(t, other, "echo hello")
	writeProgram(t, broken, "exit 3")
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"missing":  {func(c *Config) { c.Path = dir }, "there is none on PATH"},
		"relative": {func(c *Config) { c.Git = "git" }, "there is none on PATH"},
		"not git":  {func(c *Config) { c.Git = other }, `is not git: it says "hello"`},
		"too old":  {func(c *Config) { c.Git = old }, "is version 2.20, too old"},
		"broken":   {func(c *Config) { c.Git = broken }, "can't be run"},
		"nowhere":  {func(c *Config) { c.Git = broken + "x" }, "can't be run"},
	} {
		c := Config{Remote: "file://" + p.bare, Dir: t.TempDir()}
		tt.change(&c)
		_, err := New(t.Context(), c)
		if e := wantKind(t, err, forge.ErrGit); !strings.Contains(e.Error(), tt.want) || !strings.Contains(e.Advice, "install git 2.") {
			t.Errorf("%s: %v, want %q", name, e, tt.want)
		}
	}
	// One that is taken away later.
	copied := filepath.Join(dir, "git")
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	writeProgram(t, copied, "exec "+real+` "$@"`)
	f := open(t, "file://"+p.bare, func(c *Config) { c.Git = copied })
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	_, err = f.Base(t.Context())
	wantKind(t, err, forge.ErrGit)
}

func TestBadConfiguration(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"branch":      func(c *Config) { c.Branch = "-x" },
		"no folder":   func(c *Config) { c.Dir = "" },
		"key":         func(c *Config) { c.SSHKey = "id_rsa" },
		"key quoted":  func(c *Config) { c.SSHKey = "/tmp/x' -oProxyCommand='touch" },
		"key missing": func(c *Config) { c.SSHKey = filepath.Join(c.Dir, "none") },
		"proxy":       func(c *Config) { c.Proxy = "http://ana:hunter2@proxy.bank.example:8080" },
		"proxy line":  func(c *Config) { c.Proxy = "http://proxy\n[core]fsmonitor=x" },
	} {
		c := Config{Remote: "file:///srv/git/a.git", Dir: t.TempDir()}
		change(&c)
		_, err := New(t.Context(), c)
		if e := wantKind(t, err, forge.ErrInput); strings.Contains(e.Error(), "hunter2") {
			t.Errorf("%s: %v holds a password", name, e)
		}
	}
}

// A host that takes the connection and never says a word: the time limit ends it, and all of its children.
func TestHang(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	f := open(t, "https://"+l.Addr().String()+"/a.git", func(c *Config) { c.Limits.Look = 3 * time.Second })
	var group atomic.Int64
	f.started = func(c *exec.Cmd) { group.Store(int64(c.Process.Pid)) }
	_, err = f.Base(t.Context())
	if e := wantKind(t, err, forge.ErrTimeout); !strings.Contains(e.Error(), "no end within 3s") || forge.Judge(err) != forge.Transient {
		t.Errorf("%v is %s", e, forge.Judge(err))
	}
	gone(t, int(group.Load()))

	ctx, cancel := context.WithCancel(t.Context())
	f.cfg.Limits.Look = time.Hour
	f.started = func(c *exec.Cmd) { group.Store(int64(c.Process.Pid)); cancel() }
	if _, err = f.Base(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, int(group.Load()))
}

// gone waits until no process of the group is left.
func gone(t *testing.T, group int) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); syscall.Kill(-group, 0) == nil; {
		if group == 0 || time.Now().After(until) {
			t.Fatalf("processes of group %d are left", group)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Who reads what a child said only long after its end reads all of it, and is not held by what the child left behind.
func TestSlowReader(t *testing.T) {
	const most = 60 << 10 // what a pipe takes
	var got []byte
	slow := func(r io.Reader) (err error) {
		first := make([]byte, 1)
		if _, err = io.ReadFull(r, first); err == nil {
			time.Sleep(grace + time.Second) // longer than pipes stay open
			got, err = io.ReadAll(r)
		}
		return err
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	writeProgram(t, program, fmt.Sprintf("head -c %d /dev/zero", most))
	r, err := run(t.Context(), command{path: program, env: []string{"PATH=" + os.Getenv("PATH")}, limit: time.Hour, out: slow})
	if err != nil || r.exit != 0 || r.killed != nil || len(got) != most-1 {
		t.Errorf("%+v, %v: read %d bytes, want %d", r, err, len(got), most-1)
	}
}

// Git is killed in the middle of a fetch, or the whole process was: the next one starts with a new cache.
func TestKilled(t *testing.T) {
	p := started(t)
	f := open(t, "file://"+p.bare)
	prop := fix(t, f)
	dir := filepath.Join(t.TempDir(), "tree")
	ctx, cancel := context.WithCancel(t.Context())
	f.started = func(c *exec.Cmd) {
		if strings.Contains(strings.Join(c.Args, " "), "fetch") {
			cancel()
		}
	}
	if _, err := f.Checkout(ctx, prop.Base, dir); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	f.started = nil
	for _, name := range []string{"shallow.lock", "config.lock", "packed-refs.lock"} {
		if err := os.WriteFile(filepath.Join(f.objects.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Checkout(t.Context(), prop.Base, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(f.objects.dir + ".busy"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the mark is left: %v", err)
	}
	// A cache that is in use is waited for, as long as the context lasts.
	done := errors.New("done")
	err := f.objects.use(t.Context(), "test", prop.Base, func(string) error {
		g, err := New(t.Context(), f.cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := g.Prepare(ctx, prop); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		return done
	})
	if !errors.Is(err, done) {
		t.Error(err)
	}
}

// A pack larger than one fetch may bring is given up by the size of the file, whatever the remote says.
func TestFetchLimit(t *testing.T) {
	p := started(t)
	noise := make([]byte, 8<<20)
	_, _ = rand.Read(noise)
	id := p.Commit(t, "main", map[string]string{"noise.bin": string(noise)})
	f := open(t, "file://"+p.bare, func(c *Config) { c.Limits.Fetch = 2 << 20 })
	_, err := f.Checkout(t.Context(), id, filepath.Join(t.TempDir(), "x"))
	wantKind(t, err, forge.ErrTooLarge)
	f.cfg.Limits.Fetch = 64 << 20
	if _, err := f.Checkout(t.Context(), id, filepath.Join(t.TempDir(), "x")); err != nil {
		t.Error(err)
	}
	// Many fetches make a cache that is thrown away.
	for i := range maxPacks + 2 {
		if err := os.WriteFile(filepath.Join(f.objects.dir, "objects", "pack", fmt.Sprintf("x%d.pack", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Checkout(t.Context(), id, filepath.Join(t.TempDir(), "x")); err != nil {
		t.Error(err)
	}
	if packs, _ := filepath.Glob(filepath.Join(f.objects.dir, "objects/pack/*.pack")); len(packs) > 2 {
		t.Errorf("%d packs", len(packs))
	}
}

// The words of a hook that refuses reach the person who has to allow it, clean.
func TestRefusal(t *testing.T) {
	p := started(t)
	p.hook(t, "pre-receive", `printf 'branch rules:\033[31m two approvals\033[0m, ask ana\n' >&2; exit 1`)
	f := open(t, "file://"+p.bare)
	_, err := f.Propose(t.Context(), fix(t, f))
	e := wantKind(t, err, forge.ErrRefused)
	if !strings.Contains(e.Detail, "pre-receive hook declined") || !strings.Contains(e.Detail, "two approvals") || strings.Contains(e.Detail, "\033") {
		t.Errorf("detail: %q", e.Detail)
	}
	if forge.Judge(err) != forge.Human {
		t.Errorf("%s", forge.Judge(err))
	}
	// A folder's name that is a branch already.
	if err := os.Remove(filepath.Join(p.bare, "hooks/pre-receive")); err != nil {
		t.Fatal(err)
	}
	prop := fix(t, f)
	p.Commit(t, "feature", map[string]string{"x": "x"})
	prop.Branch = "feature/x"
	_, err = f.Propose(t.Context(), prop)
	wantKind(t, err, forge.ErrRefused)
	// The record of a closed branch is refused: the branch goes all the same, and it is said.
	prop.Branch = "fix"
	got, err := f.Propose(t.Context(), prop)
	if err != nil {
		t.Fatal(err)
	}
	p.hook(t, "update", `case "$1" in refs/drydock/*) exit 1;; esac`)
	c, err := f.Close(t.Context(), forge.Closing{Branch: "fix", Lease: seen(got), Reason: "r", By: ana, Date: someDay})
	if err != nil || c.Recorded || p.Show(t, "fix").Commit != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A remote that may be read only.
func TestNoWriteAccess(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere; TestLeaksNoSecret has a host that refuses")
	}
	p := started(t)
	f := open(t, "file://"+p.bare)
	if err := os.Chmod(filepath.Join(p.bare, "objects"), 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(p.bare, "objects"), 0o755) })
	_, err := f.Propose(t.Context(), fix(t, f))
	wantKind(t, err, forge.ErrNoAccess)
}

// Two processes share one folder of caches: each waits for the other.
func TestSharedFolder(t *testing.T) {
	p := started(t)
	f := open(t, "file://"+p.bare)
	prop := fix(t, f)
	var wg sync.WaitGroup
	for i := range 4 {
		g, err := New(t.Context(), f.cfg)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			p := prop
			p.Branch = fmt.Sprintf("fix-%d", i%2)
			if _, err := g.Propose(t.Context(), p); err != nil {
				t.Error(err)
			}
			if _, err := g.Checkout(t.Context(), p.Base, filepath.Join(t.TempDir(), "tree")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
