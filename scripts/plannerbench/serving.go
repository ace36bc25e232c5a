package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/scripts/plannerbench/world"
)

// fleet is how many applications share packages.
const fleet = 100

// far is how long an index takes for an answer that is not on this machine.
const far = 30 * time.Millisecond

// removable are pins nothing else in speed/30.txt needs: leaving some out makes another application.
var removable = []string{"gunicorn", "waitress", "redis", "pyyaml", "boto3", "flask", "sqlalchemy", "cryptography"}

// serving measures a `drydock up`: an application planned again, and many that share packages; those also with
// an index that is not on this machine.
func (b *bench) serving(ctx context.Context, st stage) ([]figure, error) {
	near, err := b.fleets(ctx, st, fleet)
	if err != nil {
		return nil, err
	}
	now, err := time.Parse(time.RFC3339, frozenAt)
	if err != nil {
		return nil, err
	}
	st.dir += "-far"
	if st.root, err = b.world.Add(world.Scene{Name: "far", Now: now, Delay: far}); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(st.dir); err != nil {
		return nil, err
	}
	away, err := b.fleets(ctx, st, fleet/10)
	if err != nil {
		return nil, err
	}
	row := away.secondAgainstFirst()
	row.what = fmt.Sprintf("the same, %d applications and an index that takes %s for each answer", fleet/10, seconds(far))
	return []figure{
		{"`drydock up`, 30 pins, planned again with nothing changed: the planner's part", "≤ 20 ms, no uv", fmt.Sprintf("%s, %d runs of uv", seconds(near.again), near.runs), ""},
		near.secondAgainstFirst(),
		row,
	}, nil
}

// fleets is what servers with applications that share packages cost.
type fleets struct {
	firsts, seconds []planned     // of each server
	rest            []planned     // all others than the first, of the one server that has them all
	again           time.Duration // the first planned again
	runs            int           // of uv for that
}

// fleets has n applications planned that share packages, and the first of them again; and the first two by servers that
// know nothing, for a median.
func (b *bench) fleets(ctx context.Context, st stage, n int) (fleets, error) {
	out := fleets{}
	top := st.dir
	for i := range rounds {
		st.dir = filepath.Join(top, fmt.Sprintf("round-%d", i))
		plans, err := b.fleet(ctx, st, n, func(s *server, app string) error {
			if i > 0 {
				return nil
			}
			before := s.runs()
			again, err := median(func() (time.Duration, error) {
				p, err := s.plan(ctx, app)
				return p.took, err
			})
			out.again, out.runs = again, s.runs()-before
			return err
		})
		if err != nil {
			return out, err
		}
		out.firsts, out.seconds = append(out.firsts, plans[0]), append(out.seconds, plans[1])
		if i == 0 {
			out.rest = plans[1:]
		}
		n = 2
	}
	return out, nil
}

// fleet starts a server, has it plan n applications, and does something more with the first.
func (b *bench) fleet(ctx context.Context, st stage, n int, more func(s *server, app string) error) (plans []planned, err error) {
	s, err := b.startServer(ctx, st)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	all, err := os.ReadFile(filepath.Join(filepath.Dir(b.situations), "speed", "30.txt"))
	if err != nil {
		return nil, err
	}
	plans = make([]planned, n)
	app := func(i int) string { return filepath.Join(st.dir, "fleet", fmt.Sprintf("app-%03d", i)) }
	for i := range plans {
		if err := write(filepath.Join(app(i), "requirements.txt"), without(string(all), i)); err != nil {
			return nil, err
		}
		if plans[i], err = s.plan(ctx, app(i)); err != nil {
			return nil, err
		}
	}
	return plans, more(s, app(0))
}

// secondAgainstFirst compares the plans of applications that share packages.
func (f fleets) secondAgainstFirst() figure {
	first, second := middle(f.firsts), middle(f.seconds)
	var cpu time.Duration
	runs := 0
	for _, p := range f.rest {
		cpu += p.cpu
		runs += p.runs
	}
	percent := func(d, of time.Duration) float64 { return 100 * d.Seconds() / max(of, time.Millisecond).Seconds() }
	return figure{fmt.Sprintf("%d applications that share packages: the planner's part of the second against the first (empty caches)", len(f.rest)+1), "< 20 %",
		fmt.Sprintf("%.0f %%: %s (%d runs of uv) against %s (%d)", percent(second.took, first.took), seconds(second.took), second.runs, seconds(first.took), first.runs),
		fmt.Sprintf("median of the others %s, %.2g runs of uv each; CPU of the second %.0f %%, of the others on average %.0f %% of the first", seconds(middle(f.rest).took),
			float64(runs)/float64(len(f.rest)), percent(second.cpu, first.cpu), percent(cpu/time.Duration(len(f.rest)), first.cpu))}
}

// middle has the medians of what plans cost.
func middle(all []planned) planned {
	sorted := func(of func(planned) time.Duration) time.Duration {
		var ds []time.Duration
		for _, p := range all {
			ds = append(ds, of(p))
		}
		slices.Sort(ds)
		return ds[len(ds)/2]
	}
	runs := 0
	for _, p := range all {
		runs = max(runs, p.runs)
	}
	return planned{sorted(func(p planned) time.Duration { return p.took }), sorted(func(p planned) time.Duration { return p.cpu }), runs}
}

// without leaves out the removable pins whose bit is set in i.
func without(pins string, i int) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(pins) {
		name, _, _ := strings.Cut(line, "==")
		if k := slices.Index(removable, name); k < 0 || i&(1<<k) == 0 {
			b.WriteString(line)
		}
	}
	return b.Bytes()
}

// server is a running `drydock up`.
type server struct {
	b       *bench
	cmd     *exec.Cmd
	ended   chan struct{}
	address string
	env     []string
	runs    func() int
}

var readyLine = regexp.MustCompile(`is ready: (http://\S+)`)

func (b *bench) startServer(ctx context.Context, st stage) (*server, error) {
	counted, runs, err := b.countedUV(filepath.Join(st.dir, "uv-up"))
	if err != nil {
		return nil, err
	}
	home := filepath.Join(st.dir, "home-up")
	s := &server{b: b, runs: runs, ended: make(chan struct{}), env: []string{"XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home, "DRYDOCK_UV=" + counted}}
	data, config := filepath.Join(st.dir, "data"), filepath.Join(st.dir, "config.yaml")
	if err := write(config, []byte("index:\n  url: "+st.root+"simple/\n")); err != nil {
		return nil, err
	}
	o, err := b.run(ctx, b.work, s.env, b.drydock, "db", "import", filepath.Join(st.db, "osv-scalibr", "PyPI", "all.zip"), "--data", data)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("db import: exit %d: %s", o.code, o.lastLine())
	}
	if err != nil {
		return nil, err
	}
	s.cmd = exec.Command(b.drydock, "up", "--data", data, "--config", config, "--listen", "127.0.0.1:0")
	s.cmd.Env = append(b.environ(), s.env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := &lines{}
	s.cmd.Stderr, s.cmd.Stdout = said, said
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }() // how it ended is in what it said
	for late := time.After(time.Minute); ; {
		if m := readyLine.FindStringSubmatch(said.String()); m != nil {
			s.address = m[1]
			return s, nil
		}
		select {
		case <-s.ended:
			return nil, fmt.Errorf("it ended: %s", said)
		case <-late:
			return nil, errors.Join(errors.New("it is not ready after a minute"), s.stop())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-s.ended:
		return nil
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
		return errors.New("it did not end within 30 s and was killed")
	}
}

// planned is what one plan cost.
type planned struct {
	took time.Duration // from the scan's receipt by the planner to its acknowledgement
	cpu  time.Duration // of the server, scan included, and of what it started
	runs int           // of uv
}

// plan asks for a plan and reads from the server's metrics what the planner took for it.
func (s *server) plan(ctx context.Context, app string) (planned, error) {
	took, count, err := s.handled(ctx)
	if err != nil {
		return planned{}, err
	}
	cpu, runs := cpuOf(s.cmd.Process.Pid), s.runs()
	o, err := s.b.run(ctx, s.b.work, s.env, s.b.drydock, "plan", app, "--app", filepath.Base(app), "--python", s.b.version, "--server", s.address, "--format", "json")
	if err != nil {
		return planned{}, err
	}
	if o.code > 2 {
		return planned{}, fmt.Errorf("plan %s: exit %d: %s", filepath.Base(app), o.code, o.lastLine())
	}
	for deadline := time.Now().Add(time.Minute); ; {
		now, n, err := s.handled(ctx)
		if err != nil {
			return planned{}, err
		}
		if n > count {
			return planned{took: now - took, cpu: cpuOf(s.cmd.Process.Pid) - cpu, runs: s.runs() - runs}, nil
		}
		if time.Now().After(deadline) {
			return planned{}, errors.New("the planner's metrics count no plan")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var handling = regexp.MustCompile(`(?m)^drydock_worker_handling_seconds_(sum|count)\{[^}]*stage="planner"[^}]*\} (\S+)$`)

// handled is how many messages the planner has handled, and in what time.
func (s *server) handled(ctx context.Context) (time.Duration, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, fmt.Errorf("read the metrics: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, 0, fmt.Errorf("read the metrics: %w", err)
	}
	var sum float64
	var count int
	for _, m := range handling.FindAllStringSubmatch(string(text), -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read the metrics: %w", err)
		}
		if m[1] == "sum" {
			sum += v
		} else {
			count += int(v)
		}
	}
	return time.Duration(sum * float64(time.Second)), count, nil
}

// cpuOf is the processor time of a process and its ended children; 0 where the system does not say.
func cpuOf(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 15 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime: proc(5)
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// lines keeps what is written to it.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
