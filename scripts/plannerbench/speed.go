package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/scripts/plannerbench/world"
)

// rounds is how often each thing is timed; the median counts.
const rounds = 7

// figure is a row of the table of speeds.
type figure struct{ what, bound, seen, against string }

// speed measures planning. Everything is warm but what is called first. sharing: only applications that share packages.
func (b *bench) speed(ctx context.Context, sharing bool) error {
	st := stage{dir: filepath.Join(b.work, "stages", "speed")}
	if err := os.RemoveAll(st.dir); err != nil {
		return err
	}
	st.db = filepath.Join(st.dir, "db")
	advice, err := world.Lay(b.advisories, st.db, filepath.Join(b.work, "home", "advice"), nil)
	if err != nil {
		return err
	}
	defer advice.Close()
	now, err := time.Parse(time.RFC3339, frozenAt)
	if err != nil {
		return err
	}
	if st.root, err = b.world.Add(world.Scene{Name: "speed", Now: now, Advice: advice}); err != nil {
		return err
	}
	start := load()
	var figures []figure
	for _, n := range []struct{ pins, bound string }{{"30", "≤ 1.5 s"}, {"200", "≤ 10 s"}} {
		if sharing {
			break
		}
		rows, err := b.oneShot(ctx, st, n.pins, n.bound)
		if err != nil {
			return fmt.Errorf("%s pins: %w", n.pins, err)
		}
		figures = append(figures, rows...)
	}
	rows, err := b.serving(ctx, st)
	if err != nil {
		return fmt.Errorf("drydock up: %w", err)
	}
	figures = append(figures, rows...)
	var t strings.Builder
	fmt.Fprintf(&t, "%d processors (%s, %s), load %s before and %s after; medians of %d. All indexes are on loopback, the mirror warm.\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, start, load(), rounds)
	t.WriteString("| what | bound | seen | against |\n|---|---|---|---|\n")
	for _, f := range figures {
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", f.what, f.bound, f.seen, f.against)
	}
	return b.publish("speed", t.String())
}

// load is the machine's load average over a minute, "?" where it is not known.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	return strings.Fields(string(data))[0]
}

// oneShot measures `drydock plan` on so many pins: cold, warm, and how often it runs uv.
func (b *bench) oneShot(ctx context.Context, st stage, pins, bound string) ([]figure, error) {
	app := filepath.Join(st.dir, pins)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(b.situations), "speed", pins+".txt"))
	if err != nil {
		return nil, err
	}
	if err := write(filepath.Join(app, "requirements.txt"), data); err != nil {
		return nil, err
	}
	counted, runs, err := b.countedUV(filepath.Join(st.dir, "uv-"+pins))
	if err != nil {
		return nil, err
	}
	home := filepath.Join(st.dir, "home-"+pins)
	env := []string{"XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home, "DRYDOCK_UV=" + counted}
	args := []string{"plan", app, "--db", st.db, "--index-url", st.root + "simple/", "--now", frozenAt, "--python", b.version, "--format", "json"}
	var last outcome
	plan := func() (time.Duration, error) {
		last, err = b.run(ctx, b.work, env, b.drydock, args...)
		return last.wall, err
	}
	if _, err := plan(); err != nil { // fills the mirror
		return nil, err
	}
	if err := os.RemoveAll(home); err != nil {
		return nil, err
	}
	cold, err := plan()
	if err != nil {
		return nil, err
	}
	remembered, err := median(plan)
	if err != nil {
		return nil, err
	}
	before := runs()
	warm, err := median(func() (time.Duration, error) {
		if err := os.RemoveAll(filepath.Join(home, "drydock", "answers")); err != nil { // what it remembers of plans
			return 0, err
		}
		return plan()
	})
	if err != nil {
		return nil, err
	}
	var doc struct {
		Phases   []json.RawMessage `json:"deployment_phases"`
		Outcomes []json.RawMessage
	}
	if err := json.Unmarshal([]byte(last.stdout), &doc); err != nil {
		return nil, fmt.Errorf("plan: exit %d: %s", last.code, last.lastLine())
	}
	times := float64(runs()-before) / rounds
	cpu := last.cpu
	compile, err := b.plainCompile(ctx, st, app)
	if err != nil {
		return nil, err
	}
	peer, err := b.peerWall(ctx, st, app)
	if err != nil {
		return nil, err
	}
	return []figure{
		{fmt.Sprintf("`drydock plan`, %s pins, %d findings, %d phases: wall, warm", pins, len(doc.Outcomes), len(doc.Phases)), bound, fmt.Sprintf("%s (%s of CPU)", seconds(warm), seconds(cpu)),
			fmt.Sprintf("`uv pip compile` of the same pins, warm: %s; `pip-audit --fix`: %s", seconds(compile), peer)},
		{"runs of uv for it", "one a phase", fmt.Sprintf("%.3g for %d phases", times, len(doc.Phases)), ""},
		{"the same with empty caches", "–", seconds(cold), ""},
		{"the same command again, nothing changed", "–", seconds(remembered), ""},
	}, nil
}

// countedUV is a uv that notes each resolution it is called for.
func (b *bench) countedUV(dir string) (path string, runs func() int, err error) {
	path, log := filepath.Join(dir, "uv"), filepath.Join(dir, "log")
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --version ] || echo run >> '%s'\nexec '%s' \"$@\"\n", log, b.uv)
	if err := write(path, []byte(script)); err != nil {
		return "", nil, err
	}
	return path, func() int {
		data, _ := os.ReadFile(log) // no log: no run
		return strings.Count(string(data), "run\n")
	}, os.Chmod(path, 0o755)
}

// plainCompile is the baseline: uv itself on the same index and pins, with its own cache.
func (b *bench) plainCompile(ctx context.Context, st stage, app string) (time.Duration, error) {
	args := []string{"pip", "compile", "requirements.txt", "--no-config", "--default-index", st.root + "simple/", "--python-version", b.version,
		"--cache-dir", filepath.Join(st.dir, "uv-cache"), "--only-binary", ":all:", "--quiet", "--output-file", filepath.Join(st.dir, "compiled.txt")}
	once := func() (time.Duration, error) {
		o, err := b.run(ctx, app, []string{"UV_PYTHON_DOWNLOADS=never"}, b.uv, args...)
		if err == nil && o.code != 0 {
			err = fmt.Errorf("uv pip compile: exit %d: %s", o.code, o.lastLine())
		}
		return o.wall, err
	}
	if _, err := once(); err != nil {
		return 0, err
	}
	return median(once)
}

// peerWall is how long the peer takes, once: it has no cache to be warm.
func (b *bench) peerWall(ctx context.Context, st stage, app string) (string, error) {
	dir := filepath.Join(st.dir, "peer-"+filepath.Base(app))
	if err := overlay(app, dir); err != nil {
		return "", err
	}
	p := &situation{name: "speed", dir: dir, Files: []string{"requirements.txt"}}
	o, err := b.runPipAudit(ctx, p, st, dir, filepath.Join(st.dir, "peer.json"))
	if err != nil {
		return "", err
	}
	if o.code != 0 && o.code != 1 {
		return fmt.Sprintf("exit %d after %s", o.code, seconds(o.wall)), nil
	}
	return seconds(o.wall), nil
}

func median(once func() (time.Duration, error)) (time.Duration, error) {
	all := make([]time.Duration, rounds)
	for i := range all {
		var err error
		if all[i], err = once(); err != nil {
			return 0, err
		}
	}
	slices.Sort(all)
	return all[rounds/2], nil
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3g ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
