// Command plannerbench compares Drydock's planner with `pip-audit --fix` on situations made of real packages
// at a frozen date. Both see the same package index (a loopback mirror, cut at the date) and the same
// advisories; each result is installed in a fresh environment, and what is installed is scanned again.
// Run it with `make bench-planner`; docs/planner.md holds the table it writes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/scripts/plannerbench/world"
)

// peer is the planner Drydock is compared with.
const peer = "pip-audit==2.10.1"

// bench is one run.
type bench struct {
	drydock, uv, python, version string
	situations, advisories       string
	work                         string // everything temporary, and what was fetched
	tools                        string // the peer's virtual environment
	doc                          string // where the tables go; empty: stdout only
	only                         []string

	world *world.World
}

// stage is where one situation is played.
type stage struct{ dir, root, db string } // root is the address of its scene

func main() {
	b := &bench{}
	flag.StringVar(&b.drydock, "drydock", "bin/drydock", "the `program` to judge")
	flag.StringVar(&b.uv, "uv", ".cache/tools/uv-0.13.9/uv", "the `uv` to give to it")
	flag.StringVar(&b.python, "python", "python3.11", "the `interpreter` situations are planned for and installed with")
	flag.StringVar(&b.situations, "situations", "scripts/plannerbench/situations", "`folder` of the situations")
	flag.StringVar(&b.advisories, "advisories", "../shared/advisories", "`folder` with osv-scalibr/PyPI/all.zip")
	flag.StringVar(&b.work, "work", ".cache/plannerbench", "`folder` for what is fetched and made")
	flag.StringVar(&b.doc, "doc", "", "`file` whose tables are renewed")
	offline := flag.Bool("offline", false, "ask the real index for nothing that is not kept already")
	speed := flag.Bool("speed", true, "measure speed too")
	sharing := flag.Bool("fleet", false, "only measure the applications that share packages, and write nothing")
	serve := flag.Bool("serve", false, "only serve the index at the frozen date, for whoever writes a situation")
	tables := flag.Bool("situate", true, "play the situations")
	flag.Parse()
	b.only = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := b.prepare(ctx, *offline)
	switch {
	case err != nil:
	case *serve:
		*tables, *speed = false, false
		err = b.serve(ctx)
	case *sharing:
		*tables, b.doc = false, ""
	}
	if err == nil && *tables {
		err = b.play(ctx)
	}
	if err == nil && *speed {
		err = b.speed(ctx, *sharing)
	}
	if b.world != nil {
		err = errors.Join(err, b.world.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "plannerbench:", err)
		os.Exit(1)
	}
}

// prepare makes paths absolute, gets the peer and opens the world.
func (b *bench) prepare(ctx context.Context, offline bool) error {
	for _, p := range []*string{&b.drydock, &b.uv, &b.situations, &b.advisories, &b.work} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find %s: %w", *p, err)
		}
		*p = abs
	}
	if _, err := os.Stat(filepath.Join(b.advisories, "osv-scalibr", "PyPI", "all.zip")); err != nil {
		return fmt.Errorf("the frozen advisories are missing: %w", err)
	}
	for _, d := range []string{"home", "tmp", "stages"} {
		if err := os.MkdirAll(filepath.Join(b.work, d), 0o755); err != nil {
			return err
		}
	}
	path, err := exec.LookPath(b.python)
	if err != nil {
		return fmt.Errorf("find the interpreter: %w", err)
	}
	b.python = path
	o, err := b.run(ctx, b.work, nil, b.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
	if err != nil {
		return err
	}
	b.version = strings.TrimSpace(o.stdout)
	if _, err = b.run(ctx, b.work, nil, b.drydock, "version"); err != nil {
		return fmt.Errorf("%w (make build builds it)", err)
	}
	if err := b.getPeer(ctx); err != nil {
		return err
	}
	b.world, err = world.Serve(&world.Mirror{Upstream: index.DefaultURL, Dir: filepath.Join(b.work, "mirror"), Offline: offline})
	return err
}

// serve is the frozen index without anything of ours, until Ctrl-C.
func (b *bench) serve(ctx context.Context) error {
	now, err := time.Parse(time.RFC3339, frozenAt)
	if err != nil {
		return err
	}
	at, err := b.world.Add(world.Scene{Name: "now", Now: now})
	if err == nil {
		fmt.Println(at + "simple/")
		<-ctx.Done()
	}
	return err
}

// getPeer installs the peer with the pip and the index of whoever runs this, once.
func (b *bench) getPeer(ctx context.Context) error {
	b.tools = filepath.Join(b.work, strings.ReplaceAll(peer, "==", "-"))
	if _, err := os.Stat(filepath.Join(b.tools, "ready")); err == nil {
		return nil
	}
	fmt.Fprintln(os.Stderr, "installing", peer)
	for _, args := range [][]string{{b.python, "-m", "venv", "--clear", b.tools}, {filepath.Join(b.tools, "bin", "pip"), "install", "--quiet", peer}} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		for _, kv := range os.Environ() {
			if !strings.HasPrefix(kv, "PIP_FIND_LINKS=") {
				cmd.Env = append(cmd.Env, kv)
			}
		}
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("install %s: %w", peer, err)
		}
	}
	return os.WriteFile(filepath.Join(b.tools, "ready"), nil, 0o644)
}

// play judges both planners in every situation and writes the table.
func (b *bench) play(ctx context.Context) error {
	situations, err := readSituations(b.situations, b.only)
	if err != nil {
		return err
	}
	var rows []row
	surprised := 0
	for _, s := range situations {
		r, err := b.situate(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, v := range r.verdicts {
			fmt.Fprintf(os.Stderr, "%-28s %-10s installs %s, clean %s, changed %d+%d, %.1f s; %s\n", s.name, v.planner, v.installs, v.clean, len(v.change.changed), len(v.change.added), v.wall, strings.Join(v.remarks, "; "))
			for _, w := range v.surprise {
				fmt.Fprintf(os.Stderr, "    NOT AS EXPECTED  %s\n", w)
				surprised++
			}
		}
		rows = append(rows, r)
	}
	if err := b.publish("situations", situationTable(rows)); err != nil {
		return err
	}
	if surprised > 0 {
		return fmt.Errorf("%d answers of Drydock are not as the situations expect", surprised)
	}
	return nil
}

// situate plays one situation.
func (b *bench) situate(ctx context.Context, s *situation) (row, error) {
	r := row{situation: s}
	st := stage{dir: filepath.Join(b.work, "stages", s.name)}
	if err := os.RemoveAll(st.dir); err != nil {
		return r, err
	}
	st.db = filepath.Join(st.dir, "db")
	advice, err := world.Lay(b.advisories, st.db, filepath.Join(b.work, "home", "advice"), s.Advisories)
	if err != nil {
		return r, err
	}
	defer advice.Close()
	if st.root, err = b.world.Add(world.Scene{Name: s.name, Now: s.Now, Releases: s.Releases, Yanks: s.Yanks, Advice: advice}); err != nil {
		return r, err
	}
	app := filepath.Join(st.dir, "app")
	if err := s.copyApp(app, st.root); err != nil {
		return r, err
	}
	if r.before, err = b.scan(ctx, app, st.db, false); err != nil {
		return r, err
	}
	p, err := b.askDrydock(ctx, s, st, r.before)
	if err != nil {
		return r, err
	}
	v, err := b.judge(ctx, s, st, "Drydock", p, r.before)
	if err != nil {
		return r, err
	}
	v.surprise = surprises(s, p, v)
	if !s.Expect.Broken {
		if err := b.phaseFiles(ctx, s, st, v); err != nil {
			return r, err
		}
	}
	r.verdicts = append(r.verdicts, v)
	if s.Alone != "" {
		return r, nil
	}
	if p, err = b.askPipAudit(ctx, s, st, r.before); err != nil {
		return r, err
	}
	if v, err = b.judge(ctx, s, st, "pip-audit", p, r.before); err != nil {
		return r, err
	}
	r.verdicts = append(r.verdicts, v)
	return r, nil
}
