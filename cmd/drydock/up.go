package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/gateway"
)

// upOptions are those of up.
type upOptions struct {
	listen, nats, now, uv string
	roles                 []string
}

// drainTime bounds how long what is in hand may take after SIGTERM; what is not done by then is handed back
// and done by the next start.
const drainTime = 20 * time.Second

func upCommand(c *cli) *cobra.Command {
	o := &upOptions{}
	cmd := &cobra.Command{Use: "up", Short: "Keep running: an API on loopback, a durable log of events, and workers",
		Long: `Starts Drydock: the log of events (embedded, in the data directory, or an external NATS), the
workers and the API. Prints one line on stderr when ready.

SIGTERM finishes or hands back what is in hand and exits 0; a second one exits at once.
GET /livez, /readyz and /metrics; the API is under /v1, described by /v1/openapi.json.`,
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return c.up(cmd.Context(), o) }}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "", "`ADDRESS` of the API (default 127.0.0.1:7700; port 0 takes a free one)")
	f.StringVar(&o.nats, "nats", "", "`URL` of an external NATS instead of the embedded log")
	f.StringVar(&o.uv, "uv", "", "the resolver: uv `PROGRAM`; default uv on PATH, else fetched once from the package index")
	f.StringSliceVar(&o.roles, "role", []string{"all"}, "`NAME,…` of what this process is: "+roleNames())
	f.StringVar(&o.now, "now", "", "start the workers' clock at `TIME`: for demonstrations and tests")
	_ = f.MarkHidden("now") // the option is defined two lines above
	return cmd
}

func (c *cli) up(ctx context.Context, o *upOptions) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100) // Go's default: this process stays
	}
	how := oneShot{uv: o.uv}
	if o.now != "" {
		began, err := parseTime("--now", o.now)
		if err != nil {
			return err
		}
		started := time.Now()
		how.clock = func() time.Time { return began.Add(time.Since(started)) }
	}
	if o.nats != "" {
		c.cfg.NATS.URL = o.nats
	}
	if o.listen != "" {
		c.cfg.Gateway.Listen = o.listen
	}
	if err := c.cfg.Gateway.Validate(); err != nil {
		return usage("--listen: %w", err)
	}
	listener, err := listen(ctx, c.cfg.Gateway.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	log := telemetry.Logger(c.Stderr, telemetry.FormatAuto, c.opt.debug)
	b, err := c.durable(ctx, "http://"+listener.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	p, err := c.parts(b, how)
	if err != nil {
		return err
	}
	p.follows = true
	p.log, p.metrics = log, telemetry.MetricsHandler()
	p.cfg.Planner.Python = cmp.Or(p.cfg.Planner.Python, foundPython(ctx))
	flush, err := telemetry.Setup(ctx, c.telemetry())
	if err != nil {
		return usage("%w", err)
	}
	defer func() { _ = flush(context.WithoutCancel(ctx)) }()
	return c.serve(ctx, p, o, listener)
}

func (c *cli) telemetry() telemetry.Config {
	t := c.cfg.Telemetry
	t.Service, t.Version = "drydock", c.tool().Version
	return t
}

// durable opens the log of a running Drydock; address is where it will answer.
func (c *cli) durable(ctx context.Context, address string) (bus.Bus, error) {
	if c.cfg.NATS.URL != "" {
		return bus.Connect(ctx, c.external())
	}
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	b, err := bus.Embedded(ctx, bus.EmbeddedConfig{Dir: dir, Listen: address, MaxBytes: c.cfg.NATS.MaxBytes, Logger: telemetry.Logger(c.Stderr, telemetry.FormatAuto, c.opt.debug)})
	if err != nil {
		return nil, &exitError{report.ExitEnvironment, err}
	}
	return b, nil
}

// listen opens the address, and names who may have it when it is taken.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, surroundings("listen on %s: another program has that port; stop it, or choose another with --listen (127.0.0.1:0 takes a free one)", address)
	case err != nil:
		return nil, surroundings("listen on %s: %w; choose an address of this machine with --listen", address, err)
	}
	return l, nil
}

// serve runs the roles and the API until the context ends or one of them fails.
func (c *cli) serve(ctx context.Context, p *parts, o *upOptions, listener net.Listener) error {
	c.drains.Store(true)
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	run := (*worker.Runner)(nil)
	p.ready = func() error {
		select {
		case <-run.Ready():
		default:
			return errors.New("the workers are being started")
		}
		select {
		case <-p.folds.Ended():
			return p.folds.Err()
		default:
			return p.logReady()
		}
	}
	if err := p.assemble(o.roles...); err != nil {
		return err
	}
	run = worker.New(p.bus, p.stages, worker.Options{Folds: p.folds, Log: p.log, Now: p.now, Drain: drainTime})
	ended := make(chan error, 2)
	running := 1
	go func() { ended <- named("run the workers", run.Run(work)) }()
	server := p.server()
	server.BaseContext = func(net.Listener) context.Context { return work }
	if err := p.started(ctx, run, ended); err != nil {
		return err
	}
	go p.announces(work)
	if p.dock != nil {
		go func() { _ = p.dock.Watch(work) }() // ends with work
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			ended <- named("serve the API", err)
		}
	}()
	fmt.Fprintf(c.Stderr, "drydock %s is ready: http://%s (%s), process %d\n", p.tool.Version, listener.Addr(), strings.Join(o.roles, ","), os.Getpid())
	var err error
	select {
	case <-ctx.Done():
		c.note("draining: what is in hand is finished or handed back; a second signal exits at once")
	case <-p.folds.Ended():
		err = named("follow the log", p.folds.Err())
	case err = <-ended:
		running--
	}
	return errors.Join(err, c.wind(ctx, server, stop, ended, running))
}

// readyTime bounds a look at the log: who asks for readiness does not wait long, but a busy machine is no
// full disk.
const readyTime = 10 * time.Second

// logReady is why the log takes nothing: a full disk, a server that is away.
func (p *parts) logReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	st, err := p.bus.Status(ctx)
	switch {
	case st.Reason != "":
		return errors.New(st.Reason)
	case err != nil:
		return err
	case !st.Ready:
		return errors.New("the log of events takes nothing")
	}
	return nil
}

// started waits for the workers and records what changed since the last run.
func (p *parts) started(ctx context.Context, run *worker.Runner, ended chan error) error {
	select {
	case <-run.Ready():
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.gateway == nil {
		return nil
	}
	return p.gateway.Announce(ctx, p.policy().Text())
}

// lookAround is how often a server looks for a database that was imported behind its back.
const lookAround = 5 * time.Second

// announces records databases that another process put into the directory, and has repositories read again in which
// a change arrived.
func (p *parts) announces(ctx context.Context) {
	if p.gateway == nil {
		return
	}
	t := time.NewTicker(lookAround)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		p.notice()
		if err := p.gateway.Announce(ctx, nil); err != nil && ctx.Err() == nil {
			p.log.Warn("a change of the advisories could not be recorded; tried again soon", telemetry.KeyError, err)
		}
		if err := p.gateway.Follow(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("a repository could not be asked to be read again; tried again soon", telemetry.KeyError, err)
		}
	}
}

// wind ends everything in order: no new requests, then the workers.
func (c *cli) wind(ctx context.Context, server *http.Server, stop context.CancelCauseFunc, ended chan error, running int) error {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	stop(context.Canceled) // streams end, workers drain
	err := server.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	for range running {
		if e := <-ended; e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	if by := (interrupted{}); err == nil && errors.As(context.Cause(ctx), &by) && by.signal != syscall.SIGTERM {
		return &exitError{code: 130}
	}
	return err
}

// server answers the API, or without the gateway's role the health checks and metrics.
func (p *parts) server() *http.Server {
	if p.gateway != nil {
		return p.gateway.Server()
	}
	return gateway.Probes(p.ready, p.metrics)
}

func named(what string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return surroundings("%s: %w", what, err)
}
