package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

// patience is how long a start or an end may take before the demo gives up.
const patience = 2 * time.Minute

// up is a running `drydock up`.
type up struct {
	cmd   *exec.Cmd
	log   *logTail
	ended chan struct{}
	err   error // valid once ended is closed
}

// start starts drydock on a free loopback port and waits until it is ready.
func (d *demo) start(ctx context.Context) (*up, error) {
	config := filepath.Join(d.dir, "config.yaml")
	if err := os.WriteFile(config, d.config(), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	args := []string{"up", "--data", filepath.Join(d.dir, "data"), "--listen", "127.0.0.1:0", "--config", config}
	if !d.live {
		args = append(args, "--now", frozen.Now)
	}
	u := &up{cmd: exec.Command(d.drydock, args...), log: &logTail{}, ended: make(chan struct{})}
	u.cmd.Env = d.environ()
	u.cmd.Stderr, u.cmd.Stdout = u.log, u.log
	// A group of its own: Ctrl-C reaches the demo alone, which then stops it in order.
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := u.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w (make build builds it)", d.drydock, err)
	}
	go func() {
		u.err = u.cmd.Wait()
		close(u.ended)
	}()
	var err error
	if d.server, err = u.ready(ctx); err != nil {
		_ = u.stop() // the error that counts is why it did not start
		return nil, err
	}
	return u, nil
}

// config is the server's configuration.
func (d *demo) config() []byte {
	text := ""
	if d.applications != "" {
		text += "applications: " + strconv.Quote(d.applications) + "\n"
	}
	if !d.live {
		text += "index:\n  url: " + d.index + "\n"
	}
	return []byte(text)
}

var readyLine = regexp.MustCompile(`is ready: (http://\S+)`)

// ready waits for the line that says where it answers.
func (u *up) ready(ctx context.Context) (string, error) {
	late := time.After(patience)
	for {
		if m := readyLine.FindStringSubmatch(u.log.last()); m != nil {
			return m[1], nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-u.ended:
			return "", fmt.Errorf("drydock up ended before it was ready: %w", u.complaint())
		case <-late:
			return "", fmt.Errorf("drydock up is not ready after %s: %w", patience, u.complaint())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop asks drydock to drain and waits for its end.
func (u *up) stop() error {
	select {
	case <-u.ended:
		return nil
	default:
	}
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop drydock up: %w", err)
	}
	select {
	case <-u.ended:
		if u.err != nil {
			return fmt.Errorf("drydock up did not end well: %w: %w", u.err, u.complaint())
		}
		return nil
	case <-time.After(patience):
		_ = u.cmd.Process.Kill() // it had its time
		<-u.ended
		return fmt.Errorf("drydock up did not end within %s and was killed", patience)
	}
}

// complaint is what drydock said last.
func (u *up) complaint() error { return fmt.Errorf("it said: %s", u.log.last()) }

// environ keeps what the person has set for Drydock out of the demo.
func (d *demo) environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "DRYDOCK_") {
			env = append(env, kv)
		}
	}
	home := filepath.Join(d.dir, "home")
	return append(env, "DRYDOCK_UV="+d.uv, "XDG_CACHE_HOME="+filepath.Join(home, "cache"), "XDG_CONFIG_HOME="+filepath.Join(home, "config"), "XDG_DATA_HOME="+filepath.Join(home, "share"))
}

// logTail keeps the last part of what is written to it.
type logTail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 8 << 10

func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	if over := l.buf.Len() - tailSize; over > 0 {
		l.buf.Next(over)
	}
	return len(p), nil
}

func (l *logTail) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() == 0 {
		return "nothing"
	}
	return strings.TrimSpace(l.buf.String())
}
