package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Limits of a one-shot command: a person waits, so what does not answer is said rather than tried for hours.
const (
	oneShotTries = 3
	oneShotPause = 200 * time.Millisecond
	oneShotDrain = 500 * time.Millisecond
	oneShotLeave = 500 * time.Millisecond // with the rest it stays below patience
)

// parts makes what every process stands on.
func (c *cli) parts(b bus.Bus, o oneShot) (*parts, error) {
	p := &parts{cfg: c.cfg, bus: b, folds: worker.NewFolds(b), now: time.Now, log: c.logger(), tool: c.tool(), cache: c.cacheDir(), getenv: c.getenv}
	p.engine = c.engine(cmp.Or(o.uv, c.cfg.UV.Path), p)
	p.applications = c.following(p.log)
	if dir, err := c.dataDir(); err == nil && p.cfg.Validator.Dir == "" {
		p.cfg.Validator.Dir = filepath.Join(dir, "dock")
	}
	p.forges = &forges{cfg: c.cfg.Git, dir: filepath.Join(p.cfg.Validator.Dir, "git")}
	if p.cache != "" {
		p.cfg.Planner.Answers, p.cfg.Planner.Build = filepath.Join(p.cache, "answers"), c.build()
	}
	if o.exceptions != nil {
		o.exceptions(&p.cfg.Planner)
	}
	if o.clock != nil {
		p.now = o.clock
	}
	if o.scan != nil {
		if o.scan.changed("max-db-age") {
			p.cfg.Scanner.MaxDBAge = o.scan.maxDBAge
		}
		if o.scan.indexURL != "" { // instead of all that are configured
			p.cfg.Index.URL, p.cfg.Index.Sources = o.scan.indexURL, nil
		}
	}
	var err error
	if p.policy, err = c.policy(cmp.Or(o.policy, c.cfg.Policy)); err != nil {
		return nil, err
	}
	given := ""
	if o.scan != nil {
		given = o.scan.db
	}
	p.databases, err = c.openDatabases(given, p.now)
	return p, err
}

// policy loads the policy in force once.
func (c *cli) policy(path string) (func() *policy.Policy, error) {
	if path == "" {
		return sync.OnceValue(policy.Default), nil
	}
	p, err := loadPolicy(path)
	return func() *policy.Policy { return p }, err
}

func loadPolicy(path string) (*policy.Policy, error) {
	p, err := policy.Load(path)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, surroundings("read policy %s: there is no such file; check the path", path)
	}
	return nil, &exitError{report.ExitUsage, err}
}

// workers runs all stages in this process until the session is closed.
func (c *cli) workers(ctx context.Context, b bus.Bus, o oneShot, announce bool) (*session, error) {
	p, err := c.parts(b, o)
	if err == nil {
		names := []string{"scanner", "gateway"}
		if o.plans || announce {
			names = append(names, "planner")
			p.cfg.Planner.Provisional = !announce             // no log outlives this run
			if p.cfg.Planner.Python == "" && o.python == "" { // asking may cost as much as planning
				p.cfg.Planner.Python = foundPython(ctx)
			}
		}
		if o.validates {
			names = append(names, "validator")
		}
		err = p.assemble(names...)
	}
	if err != nil {
		_ = b.Close() // the error that counts is the other
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	how := worker.Options{Folds: p.folds, Log: p.log, Now: p.now, Drain: oneShotDrain}
	if !announce { // a durable log holds the work of others, too, which is not given up because a person waits
		how.Attempts, how.Backoff = oneShotTries, func(int) time.Duration { return oneShotPause }
		how.Drain = time.Millisecond // nobody waits for what it would say
	}
	run := worker.New(b, p.stages, how)
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx) }()
	s := &session{api: p.gateway, parts: p}
	s.alive = func() error {
		select {
		case err := <-ended:
			ended <- err
			return surroundings("the workers ended: %w", cmp.Or(err, bus.ErrClosed))
		default:
			return nil
		}
	}
	s.close = func() {
		cancel()
		if announce { // a durable log: what is in hand is handed back
			<-ended
		} else { // what is in hand ends its children and removes their folders
			select {
			case <-ended:
			case <-time.After(oneShotLeave):
			}
		}
		_ = b.Close()
		p.databases.close()
	}
	select {
	case <-run.Ready():
	case err := <-ended:
		ended <- err
		s.close()
		return nil, cmp.Or(err, ctx.Err())
	}
	if announce && !p.databases.given { // what is given by hand for once is not what is in force
		text, err := p.ownPolicy(ctx)
		if err == nil {
			err = p.gateway.Announce(ctx, text)
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// ownPolicy is the policy a command brings to a log; nil when none is configured and the log names one: who
// only asks for a scan there must not put the built-in policy in the place of a stricter one.
func (p *parts) ownPolicy(ctx context.Context) ([]byte, error) {
	if p.cfg.Policy == "" {
		org, err := p.folds.Org(ctx, 0)
		if err != nil || org.Policy != "" {
			return nil, err
		}
	}
	return p.policy().Text(), nil
}

// logger writes to stderr: warnings, or with --debug everything.
func (c *cli) logger() *slog.Logger {
	if !c.opt.debug {
		return telemetry.Discard()
	}
	return telemetry.Logger(c.Stderr, telemetry.FormatText, true)
}

// identifyProblem names what is wrong with a path in a way a client can act on.
func identifyProblem(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return api.NewProblem(api.NoSuchPath, "check the path; it must exist on the machine Drydock runs on", "there is no file or directory %s", path)
	case errors.Is(err, fs.ErrPermission):
		return api.NewProblem(api.NoSuchPath, "check who may read it", "%v", err)
	}
	return err
}
