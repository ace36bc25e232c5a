package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stepTimeout bounds every program that is started.
const stepTimeout = 10 * time.Minute

// outcome is how a program ended.
type outcome struct {
	code           int
	stdout, stderr string
	wall           time.Duration
	cpu            time.Duration // of the program and what it started
}

// lastLine is the last line of what it said that is not empty.
func (o outcome) lastLine() string {
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// run starts a program in dir with a clean environment and waits for it. An error means it could not be run;
// how it ended is for the caller to judge.
func (b *bench) run(ctx context.Context, dir string, env []string, program string, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(b.environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // the group it leads
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	o := outcome{stdout: stdout.String(), stderr: stderr.String(), wall: time.Since(start)}
	if cmd.ProcessState != nil {
		o.code = cmd.ProcessState.ExitCode()
		o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return o, fmt.Errorf("run %s: %w", filepath.Base(program), ctx.Err())
	}
	if err != nil && !errors.As(err, &exit) {
		return o, fmt.Errorf("run %s: %w", filepath.Base(program), err)
	}
	return o, nil
}

// environ is what every program gets: no configuration of the person who runs this, and no other index.
func (b *bench) environ() []string {
	home := filepath.Join(b.work, "home")
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + filepath.Join(b.work, "tmp"), "LANG=C.UTF-8",
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_DATA_HOME=" + filepath.Join(home, "share"),
		"PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1", "NETRC=/dev/null",
		"PIP_CONFIG_FILE=/dev/null", "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_CACHE_DIR=1",
	}
}

// pip runs the pip that came with pip-audit's environment on another environment.
func (b *bench) pip(ctx context.Context, dir, index, env string, args ...string) (outcome, error) {
	head := []string{"-m", "pip"}
	if env != "" {
		head = append(head, "--python", filepath.Join(env, "bin", "python"))
	}
	var vars []string
	if index != "" {
		vars = []string{"PIP_INDEX_URL=" + index + "simple/"}
	}
	return b.run(ctx, dir, vars, filepath.Join(b.tools, "bin", "python"), append(head, args...)...)
}
