package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/gateway"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/planner"
	"github.com/drydock-dev/drydock/services/scanner"
	"github.com/drydock-dev/drydock/services/validator"
)

// role is a row of what a process can be: needs are roles that come with it, add puts it in.
type role struct {
	name  string
	says  string
	needs []string
	add   func(*parts) error
}

// roles is the table. A process without --role is all of them.
var roles = []role{
	{"gateway", "the API", nil, (*parts).addGateway},
	{"scanner", "reads targets and matches advisories", nil, (*parts).addScanner},
	{"planner", "plans updates and watches deadlines", nil, (*parts).addPlanner},
	{"validator", "builds, tests, seals and proposes changes", nil, (*parts).addValidator},
	{"all", "every role", []string{"scanner", "planner", "validator", "gateway"}, nil},
}

func roleNames() string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}

// parts is one process: what it stands on, and the roles that were put in.
type parts struct {
	cfg    Config
	bus    bus.Bus
	folds  *worker.Folds
	now    func() time.Time
	log    *slog.Logger
	tool   report.Tool
	cache  string
	getenv func(string) string // nil: no environment

	databases *databases
	follows   bool // take up databases that other processes import
	policy    func() *policy.Policy
	metrics   http.Handler
	ready     func() error

	engine *engine

	applications func() *application.Set
	forges       *forges

	scan    *scanner.Service
	gateway *gateway.Service
	dock    *validator.Service
	stages  []worker.Stage

	mu      sync.Mutex
	indexes map[string]index.Fetcher
}

// assemble puts the roles called names in, in the order of the table.
func (p *parts) assemble(names ...string) error {
	wanted := map[string]bool{}
	for _, n := range names {
		i := slices.IndexFunc(roles, func(r role) bool { return r.name == n })
		if i < 0 {
			return usage("role %q is unknown; use %s", n, roleNames())
		}
		wanted[n] = true
		for _, need := range roles[i].needs {
			wanted[need] = true
		}
	}
	cfg := p.cfg.Scanner
	cfg.DBDir, cfg.CacheDir = p.databases.dir, p.cache
	var err error
	if p.scan, err = scanner.New(cfg, scanner.Deps{Matcher: p.matcher, Index: func(url string) index.Index { return p.index(url) }, Checkout: p.checkout, Tool: p.tool, Log: p.log}); err != nil {
		return &exitError{report.ExitUsage, err}
	}
	for _, r := range roles {
		if wanted[r.name] && r.add != nil {
			var told *exitError // says what is wrong with the line or the configuration
			if err := r.add(p); errors.As(err, &told) {
				return err
			} else if err != nil {
				return fmt.Errorf("role %s: %w", r.name, err)
			}
		}
	}
	return nil
}

func (p *parts) addScanner() error {
	p.stages = append(p.stages, p.scan.Routes()...)
	return nil
}

func (p *parts) addPlanner() error {
	s, err := planner.New(p.cfg.Planner, planner.Deps{Matcher: p.matcher, Policy: p.policy, Index: func(url string) index.Source { return p.index(url) }, Engine: p.engine.find, Tool: p.tool})
	switch {
	case errors.Is(err, fs.ErrNotExist): // of waivers, freezes or VEX
		return surroundings("%w", err)
	case err != nil:
		return &exitError{report.ExitUsage, err}
	}
	p.stages = append(p.stages, s.Routes()...)
	return nil
}

func (p *parts) addValidator() (err error) {
	p.dock, err = validator.New(p.cfg.Validator, validator.Deps{Bus: p.bus, Folds: p.folds, Applications: p.applications, Policy: p.policy, Matcher: p.matcher,
		Forge: p.forges.of, Remote: func(a application.Application) string { return gitAddress(a.Repository) }, Scan: p.scan.Once,
		Formats: func(plan *report.Plan) []manifest.Format { return []manifest.Format{p.lockFormat(plan)} },
		Index:   func() index.Fetcher { return p.index("") }, UV: p.engine.program, Path: filepath.SplitList(p.env("PATH")), Tool: p.tool, Log: p.log, Now: p.now})
	if err != nil {
		return &exitError{report.ExitUsage, err}
	}
	p.stages = append(p.stages, p.dock.Routes()...)
	return nil
}

// lockFormat writes uv.lock back, where a plan moves something in one.
func (p *parts) lockFormat(plan *report.Plan) manifest.Format {
	f := manifest.UVLock{Tool: p.engine.program, Index: p.index("")}
	if p.databases != nil {
		f.Allowed = planner.MayAdd(p.index(""), p.matcher(), plan, p.policy().For(plan.Application).RoutineCooldown())
	}
	return f
}

func (p *parts) env(name string) string {
	if p.getenv == nil {
		return ""
	}
	return p.getenv(name)
}

// repository is where an application that is declared lies.
func (p *parts) repository(app string) (remote, path string, err error) {
	a, ok := p.declared(app)
	if !ok {
		return "", "", fmt.Errorf("%s is not declared with a repository; drydock app add %s --repository URL", app, app)
	}
	return gitAddress(a.Repository), a.Path, nil
}

// declaredAll are the applications that are declared with a repository.
func (p *parts) declaredAll() ([]api.Declared, error) {
	var out []api.Declared
	if set := p.applications(); set != nil {
		for _, a := range set.All() {
			out = append(out, api.Declared{Application: a.Name, Repository: gitAddress(a.Repository), Path: a.Path})
		}
	}
	return out, nil
}

func (p *parts) addGateway() (err error) {
	p.gateway, err = gateway.New(p.cfg.Gateway, gateway.Deps{
		Bus: p.bus, Folds: p.folds, Identify: p.identify, Databases: p.databases.events, Lists: p.databases.lists, Import: p.databases.importFrom, Update: p.databases.update,
		Decide: func(ctx context.Context, app string, decide func(*events.State, *events.OrgState) ([]events.Event, error)) (uint64, error) {
			return worker.Decide(ctx, p.bus, p.folds, app, decide)
		},
		Diff: p.diff, Breakers: breakers, Ready: p.ready, Metrics: p.metrics, Now: p.now, Log: p.log,
		Planner: plannerConsumers(), Validator: validatorConsumers(), Repository: p.repository, Declared: p.declaredAll, Version: p.tool.Version, MaxAge: p.cfg.Scanner.MaxDBAge,
	})
	if err != nil {
		return &exitError{report.ExitUsage, err}
	}
	return nil
}

// plannerConsumers are the consumers that must have handled a scan before its plan is in force. They are
// known without running the planner: another process may.
func plannerConsumers() []string {
	s, err := planner.New(planner.Default(), planner.Deps{})
	if err != nil {
		return nil
	}
	return consumersOf(s.Routes(), "scan.completed")
}

// validatorConsumers are those that validate changes.
func validatorConsumers() []string {
	s, err := validator.New(validator.Default(), validator.Deps{})
	if err != nil {
		return nil
	}
	return consumersOf(s.Routes(), "change.opened")
}

// consumersOf are the consumers of the stages that handle an event.
func consumersOf(stages []worker.Stage, event string) []string {
	var names []string
	for _, st := range stages {
		if slices.Contains(st.Consumes, event) {
			for _, lane := range []events.Lane{events.Urgent, events.Routine} {
				names = append(names, st.Name+"-"+string(lane))
			}
		}
	}
	return names
}

func (p *parts) identify(ctx context.Context, path string, environment bool, name string) (gateway.Identity, error) {
	id, err := p.scan.Identify(ctx, path, environment, name)
	return gateway.Identity(id), identifyProblem(path, err)
}

// diff counts the packages whose advisories differ from what was recorded, where this process knows both.
func (p *parts) diff(_, _ []events.Database) int { return p.databases.changed() }

// matcher is the database in use. A process that runs on looks whether another one replaced it: with an
// external NATS the one that imports need not be the one that scans.
func (p *parts) matcher() advisory.Matcher {
	if p.follows {
		p.notice()
	}
	return p.databases.holder.Current()
}

// notice takes up a database that was replaced, and says so.
func (p *parts) notice() bool {
	changed, err := p.databases.refresh()
	if err != nil {
		p.log.Warn("the advisory database was replaced by one that can't be used; the one in use stays", telemetry.KeyError, err)
	}
	return changed
}

func breakers() []api.Breaker {
	out := []api.Breaker{}
	for _, b := range worker.Breakers() {
		out = append(out, api.Breaker{Name: b.Name, State: b.State, Failures: b.Failures})
	}
	return out
}
