package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/forge/gitforge"
	"github.com/drydock-dev/drydock/pkg/index"
)

// parts are what of the demo's folder is the application; the rest is the world it is shown in.
var parts = []string{"payments", "pytest.ini", "requirements-dev.txt", "requirements.txt", "tests", "wsgi.py"}

// prepare makes the application a repository of its own, that this server knows, and whose working copy is scanned.
// Where the host lacks what the dock takes, it says what, and the demo's folder is scanned as it is.
func (d *demo) prepare(ctx context.Context) error {
	lacks, err := d.lacking(ctx)
	if err != nil {
		return err
	}
	if len(lacks) > 0 {
		d.source = d.app
		d.say("in %s. This host can't install, test and propose what changes in it, so the demo ends with the plan:\n  %s", d.app, strings.Join(lacks, "\n  "))
		return nil
	}
	d.source = filepath.Join(d.dir, "payments")
	for _, part := range parts {
		if err := copyPart(d.app, d.source, part); err != nil {
			return fmt.Errorf("copy the application: %w", err)
		}
	}
	if err := d.commit(ctx); err != nil {
		return err
	}
	declared := "applications:\n  payments:\n    repository: " + strconv.Quote(d.bare()) + "\n    owners: [payments-team]\n    environments: {staging: {driver: none}, production: {driver: none}}\n"
	d.applications = filepath.Join(d.dir, "applications.yaml")
	if err := os.WriteFile(d.applications, []byte(declared), 0o600); err != nil {
		return fmt.Errorf("declare the application: %w", err)
	}
	d.say("a git repository, declared to this server in applications.yaml:\n\n%s", strings.TrimSpace(declared))
	return nil
}

// bare is the repository that Drydock proposes to.
func (d *demo) bare() string { return filepath.Join(d.dir, "payments.git") }

// lacking says what the dock takes and this host has not, a line each.
func (d *demo) lacking(ctx context.Context) (lacks []string, err error) {
	if _, err := gitforge.New(ctx, gitforge.Config{Remote: "file://" + d.bare(), Dir: filepath.Join(d.dir, "forge")}); err != nil {
		lacks = append(lacks, err.Error())
	}
	if d.minor < oldestPython || d.minor > newestPython {
		lacks = append(lacks, fmt.Sprintf("python3 is Python 3.%d, for which the demo's index has no wheels; install Python 3.%d to 3.%d as python3 (the plan is made for %s)", d.minor, oldestPython, newestPython, planPython))
		d.python = planPython
	}
	cmd := exec.CommandContext(ctx, d.drydock, "isolation", "--least", "landlock", "--quiet")
	cmd.Env = d.environ()
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() == 1 {
		lacks = append(lacks, fmt.Sprintf("no isolation is offered to install in: %s isolation says why", d.drydock))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if d.shop == nil || len(lacks) > 0 { // live, the real index is asked as it goes
		return lacks, nil
	}
	if err = d.stock(ctx); errors.Is(err, index.ErrUnreachable) {
		return append(lacks, err.Error()), nil
	}
	return nil, err
}

func copyPart(from, to, part string) error {
	return filepath.WalkDir(filepath.Join(from, part), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == "__pycache__" {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		return errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, data, 0o644))
	})
}

// The first commit: the same on every machine and at any time.
const (
	author    = "payments-team"
	email     = "payments-team@bank.example"
	committed = "2024-11-01T09:00:00Z"
)

// commit makes the application's first commit, on main, and the bare repository that has it.
func (d *demo) commit(ctx context.Context) error {
	for _, args := range [][]string{
		{"init", "-q", "--template=", "--initial-branch=main", d.source},
		{"-C", d.source, "add", "--all", "--force", "."},
		{"-C", d.source, "commit", "-q", "-m", "payments: as it runs"},
		{"init", "-q", "--bare", "--template=", "--initial-branch=main", d.bare()},
		{"-C", d.source, "push", "-q", d.bare(), "main:main"},
	} {
		if _, err := d.git(ctx, args...); err != nil {
			return fmt.Errorf("make the application's repository: %w", err)
		}
	}
	out, err := d.git(ctx, "-C", d.bare(), "rev-parse", "main")
	d.first = strings.TrimSpace(string(out))
	return err
}

// git runs git with no configuration and environment but what stands here.
func (d *demo) git(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", slices.Concat([]string{"-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "core.fileMode=true", "-c", "init.defaultObjectFormat=sha1", "-c", "gc.auto=0", "-c", "color.ui=false"}, args)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(d.dir, "home"), "LC_ALL=C", "TZ=UTC", "PAGER=cat",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=" + author, "GIT_AUTHOR_EMAIL=" + email, "GIT_AUTHOR_DATE=" + committed,
		"GIT_COMMITTER_NAME=" + author, "GIT_COMMITTER_EMAIL=" + email, "GIT_COMMITTER_DATE=" + committed}
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out, nil
}
