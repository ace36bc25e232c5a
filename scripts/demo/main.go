// Command demo plays Drydock's demo: it makes the demo application a git
// repository, starts `drydock up` in a temporary data directory, imports the
// demo's advisories, scans and plans the application and shows what came out. Run it with `make demo`; deploy/demo/README.md says
// what to look at.
//
//	LIVE=1    today's advisories and package index instead of the frozen ones
//	KEEP=1    goes on running afterwards, until Ctrl-C
//	OUT=DIR   leaves events.ndjson, scan.json, plan.json and the plan's files there
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

func main() {
	drydock := flag.String("drydock", "bin/drydock", "the `program` to show")
	app := flag.String("app", "deploy/demo", "folder of the demo application")
	tools := flag.String("tools", ".cache/tools", "`folder` where uv is kept if it has to be fetched")
	wheels := flag.String("wheels", ".cache/demo-files", "`folder` where the wheels that are installed are kept")
	stock := flag.Bool("stock", false, "only fetch the wheels")
	flag.Parse()
	// SIGPIPE: whoever reads along may go away (make demo | head), and then too nothing is left running.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	d := &demo{
		drydock: *drydock, app: *app, tools: *tools, wheels: *wheels, stdout: os.Stdout, stderr: os.Stderr,
		live: set("LIVE"), keep: set("KEEP"), out: os.Getenv("OUT"),
	}
	run := d.run
	if *stock {
		run = d.stockOnly
	}
	err := run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "\ninterrupted; nothing is left running or lying about")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func set(name string) bool {
	v := os.Getenv(name)
	return v != "" && v != "0"
}

// demo is one run.
type demo struct {
	drydock, app, tools, wheels, out string
	live, keep                       bool
	stdout, stderr                   io.Writer

	shop         *frozen.Wheels // the frozen index with its files; nil when live
	uv           string         // the program that resolves
	dir          string         // everything temporary
	source       string         // what is scanned: the application's working copy, or its folder in the demo
	applications string         // file that declares the application; empty where this host can't install it
	first        string         // commit of main
	shown        change         // whose proposal is shown: the emergency
	minor        int            // of the host's Python 3
	python       string         // what is planned for; empty: what Drydock finds
	server       string         // address of `drydock up`
	index        string         // address of the frozen index; empty when live
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "drydock-demo-"); err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	if d.out, err = d.outDir(); err != nil {
		return err
	}
	if err = d.findPython(ctx); err != nil {
		return err
	}
	if err = d.findUV(ctx); err != nil {
		return err
	}
	if !d.live {
		if d.shop, err = d.openShop(); err != nil {
			return err
		}
		url, stop, err := d.shop.Serve()
		if err != nil {
			return err
		}
		defer stop()
		d.index = url
	}
	d.say("\n── 1  The application: a small payments service")
	if err = d.prepare(ctx); err != nil {
		return err
	}
	up, err := d.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, up.stop()) }()
	if err := d.play(ctx); err != nil {
		return errors.Join(err, up.complaint())
	}
	if d.keep {
		d.say("\nKEEP=1: drydock goes on at %s, data in %s\n  %s status --server %s\nCtrl-C ends it and removes everything.", d.server, filepath.Join(d.dir, "data"), d.drydock, d.server)
		select {
		case <-ctx.Done():
		case <-up.ended:
			return fmt.Errorf("drydock up ended by itself: %w", up.complaint())
		}
	}
	return nil
}

// stockOnly fetches what a run would install, for one that has no network.
func (d *demo) stockOnly(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "drydock-demo-"); err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	if err = d.findPython(ctx); err != nil {
		return err
	}
	if d.shop, err = d.openShop(); err != nil {
		return err
	}
	return d.stock(ctx)
}

// outDir is where results are left: OUT, or a temporary folder that goes too.
func (d *demo) outDir() (string, error) {
	out := d.out
	if out == "" {
		out = filepath.Join(d.dir, "out")
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return "", fmt.Errorf("find OUT: %w", err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", fmt.Errorf("make OUT: %w", err)
	}
	return out, nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.stdout, format+"\n", args...) }
