package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/gateway/client"
	"github.com/drydock-dev/drydock/services/planner"
)

// backend is what commands ask of a Drydock: the gateway in this process, or its client.
type backend interface {
	RequestScan(context.Context, api.ScanRequest) (*api.Scan, error)
	Scan(ctx context.Context, id uint64, wait time.Duration) (*api.Scan, error)
	Plan(ctx context.Context, app string, after uint64, wait time.Duration) (*api.Plan, error)
	Application(ctx context.Context, app string) (*api.Application, error)
	Applications(context.Context) ([]api.Application, error)
	Changes(ctx context.Context, app string, all bool) ([]api.Change, error)
	Change(ctx context.Context, id string) (*api.ChangeDetail, error)
	RequestUpdate(ctx context.Context, app string, q api.UpdateRequest) (*api.Scan, error)
	Declared(context.Context) ([]api.Declared, error)
	Status(context.Context) (*api.Status, error)
	Events(context.Context, api.EventQuery, func(bus.Record) error) (uint64, error)
	Evidence(ctx context.Context, digest string) ([]byte, error)
	Letters(ctx context.Context, all bool) ([]bus.Letter, error)
	Letter(ctx context.Context, id uint64) (*bus.Letter, error)
	Requeue(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error)
	Drop(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error)
	ImportDatabase(context.Context, api.DatabaseImport) ([]api.Imported, error)
	UpdateDatabase(context.Context, api.DatabaseImport) ([]api.Imported, error)
}

// session is a Drydock that a command talks to.
type session struct {
	api    backend
	remote string       // address of the server, empty when the work is done in this process
	parts  *parts       // nil where a server works, or nobody
	alive  func() error // why the work in this process ended, nil while it goes on
	close  func()
}

// store lets code that reads evidence read it from a session.
type store struct{ api backend }

func (s store) Get(ctx context.Context, d evidence.Digest) ([]byte, error) {
	return s.api.Evidence(ctx, string(d))
}

func (s store) Put(context.Context, []byte) (evidence.Digest, error) {
	return "", errors.New("evidence can only be read here")
}

// oneShot is what a command that works here wants of the workers.
type oneShot struct {
	scan       *scanOptions
	plans      bool
	validates  bool // the role validator, too: needs a log that lasts
	policy     string
	uv         string                // the resolver's program; empty: found or fetched
	exceptions func(*planner.Config) // lays what the line says over the configuration; nil: nothing
	python     string                // the target's version, where the person said it
	clock      func() time.Time      // nil: the real one
}

// worksHere gives scan and plan workers: a server's, those of a data directory, or a memory bus's.
func (c *cli) worksHere(ctx context.Context, o oneShot) (*session, error) {
	if c.opt.server != "" {
		return c.remote(c.opt.server)
	}
	if c.opt.data == "" {
		return c.workers(ctx, bus.NewMemory(), o, false)
	}
	b, s, err := c.openData(ctx)
	if err != nil || s != nil {
		return s, err
	}
	return c.workers(ctx, b, o, true)
}

// reads gives commands that only look the log: a server's, or that of the data directory.
func (c *cli) reads(ctx context.Context) (*session, error) {
	if c.opt.server != "" {
		return c.remote(c.opt.server)
	}
	if c.cfg.NATS.URL != "" && c.opt.data == "" {
		b, err := bus.Connect(ctx, c.external())
		if err != nil {
			return nil, err
		}
		return c.looks(ctx, b)
	}
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "nats")); errors.Is(err, fs.ErrNotExist) {
		return nil, surroundings("there is no log of events in %s; start `drydock up`, or name one with --data or --server", dir)
	}
	b, s, err := c.openData(ctx)
	if err != nil || s != nil {
		return s, err
	}
	return c.looks(ctx, b)
}

func (c *cli) remote(address string) (*session, error) {
	cl, err := client.New(address)
	if err != nil {
		return nil, usage("--server: %w", err)
	}
	return &session{api: cl, remote: cl.Address(), alive: func() error { return nil }, close: func() { _ = cl.Close() }}, nil
}

// lockPatience is how long a command waits for a data directory that another command, not a server, has in
// use: such a command ends soon.
const lockPatience = 10 * time.Second

// openData opens the log of the data directory. One that a server has in use is spoken to through it.
func (c *cli) openData(ctx context.Context) (bus.Bus, *session, error) {
	dir, err := c.dataDir()
	if err != nil {
		return nil, nil, err
	}
	var b bus.Bus
	held, err := c.patiently(ctx, "opening "+dir, func() (*bus.ErrLocked, error) {
		var err error
		b, err = bus.Embedded(ctx, bus.EmbeddedConfig{Dir: dir, MaxBytes: c.cfg.NATS.MaxBytes, Logger: c.logger()})
		var locked *bus.ErrLocked
		if errors.As(err, &locked) {
			return locked, nil
		}
		return nil, err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case held != nil:
		c.note("data directory %s is in use by process %d; using that one at %s", dir, held.PID, held.Address)
		s, err := c.remote(held.Address)
		return nil, s, err
	}
	return b, nil, nil
}

// patiently tries until nobody or a server has the data directory: another command ends soon, and has no
// address to be spoken to. Who has it is said while waiting and, after lockPatience, as the error.
func (c *cli) patiently(ctx context.Context, what string, try func() (*bus.ErrLocked, error)) (*bus.ErrLocked, error) {
	stop, waits := c.progress(what), 0
	defer func() { stop() }()
	for deadline := time.Now().Add(lockPatience); ; {
		held, err := try()
		switch {
		case err != nil:
			return nil, &exitError{report.ExitEnvironment, err}
		case held == nil, held.Address != "":
			return held, nil
		case time.Now().After(deadline):
			return nil, surroundings("%w; it is a command, not a server, and did not end within %s", held, lockPatience)
		case held.PID != waits:
			stop()
			waits, stop = held.PID, c.progress(fmt.Sprintf("waiting for process %d, which has %s in use", held.PID, held.Dir))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *cli) external() bus.ExternalConfig {
	return bus.ExternalConfig{URL: c.cfg.NATS.URL, Creds: c.cfg.NATS.Creds, MaxBytes: c.cfg.NATS.MaxBytes}
}
