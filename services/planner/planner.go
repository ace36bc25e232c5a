// Package planner answers every finding of an application: what it moves to, in which phase, by when, or why
// not (design §6, invariant I5).
//
// The way through: handle.go wakes up and reads what is known (gather.go), joint.go resolves each environment
// class after class (resolution/ is the search, judge.go says which releases may be picked), decide.go turns
// what moves into outcomes and phases.go into phases, announce.go says what is new as events. rejections.go is
// what the dock or a person turned down, merged.go what is done and not yet in production, branches.go what
// branches are called. The world outside is asked through outside.go alone, which writes down what it said. WriteFiles and Markdown render a finished plan.
package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// Config is what the user writes under `planner:`. The zero value runs.
type Config struct {
	// Python is the version updates must work on where neither the person nor the application says, such as
	// 3.11 or 3.11.7: that of the python3 found. Empty: releases are not held to their requires-python, which
	// every rendering then says.
	Python string `yaml:"python" json:"python,omitempty"`
	// Platform is the sys.platform of the target: linux (default), darwin or win32. Markers are judged by it.
	Platform string `yaml:"platform" json:"platform,omitempty"`
	// Machine is the processor of the target as Python names it (platform_machine): x86_64 (default), aarch64,
	// arm64, AMD64. Wheels and markers are judged by it, never by the machine that plans.
	Machine string `yaml:"machine" json:"machine,omitempty"`
	// ResolveLimit bounds one resolution; default 2m. What was settled by then stays, the rest is an error that says so.
	ResolveLimit time.Duration `yaml:"resolve_limit" json:"resolve_limit,omitempty"`
	// Waivers is a file of accepted risks, Freezes one of the times when nothing moves to production (docs/waivers.md).
	// Whoever can write them decides what stays unfixed, and when nothing moves.
	Waivers string `yaml:"waivers" json:"waivers,omitempty"`
	Freezes string `yaml:"freezes" json:"freezes,omitempty"`
	// VEX are OpenVEX documents: what they call not_affected is no finding to fix. Whoever can write them can silence one.
	VEX []string `yaml:"vex" json:"vex,omitempty"`
	// Answers keeps resolutions in a folder, so that an application that did not change needs no resolver; empty
	// keeps them in memory only. It may be deleted at any time. Whoever can write there decides what is planned.
	Answers string `yaml:"-" json:"-"`
	// Build names the program: answers that another one kept are not taken for its own.
	Build string `yaml:"-" json:"-"`
	// Provisional says that no log outlives this run, so that nobody knows when a finding was first
	// detected: deadlines count from the scan and stay outside the plan's digest.
	Provisional bool `yaml:"-" json:"-"`
	// Now is the clock of the plan (--now); zero means the time the event is handled.
	Now time.Time `yaml:"-" json:"-"`
}

// Default is the configuration used where nothing is written.
func Default() Config {
	return Config{Platform: "linux", Machine: "x86_64", ResolveLimit: resolveLimit}
}

// Validate names the YAML path of what is wrong.
func (c Config) Validate() error {
	var errs []error
	if c.Python != "" {
		if _, err := pep440.Parse(c.Python); err != nil {
			errs = append(errs, fmt.Errorf("planner.python: %q is not a version of Python such as 3.11 or 3.11.7", c.Python))
		}
	}
	if c.Platform != "" && !pep508.KnownPlatform(c.Platform) {
		errs = append(errs, fmt.Errorf("planner.platform: %q is not known; allowed: darwin, linux, win32", c.Platform))
	}
	return errors.Join(errs...)
}

// Deps is what the planner needs of the rest of the program.
type Deps struct {
	Matcher func() advisory.Matcher       // the databases in use; nil, or a nil answer: none
	Policy  func() *policy.Policy         // the policy where the log names none; nil: the built-in one
	Index   func(url string) index.Source // "" means the configured indexes; nil: none
	Tool    report.Tool

	// Engine gives the resolver, found or fetched on first need; nil: none, and nothing can be planned.
	Engine func(ctx context.Context) (resolution.Engine, error)
}

// Service is the planner.
type Service struct {
	cfg      Config
	deps     Deps
	answers  *answers
	verdicts *resolution.Verdicts
	press    *press
}

// New checks the configuration and makes the service. It starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Platform == "" {
		cfg.Platform = Default().Platform
	}
	cfg.Machine = cmp.Or(cfg.Machine, Default().Machine)
	cfg.ResolveLimit = cmp.Or(cfg.ResolveLimit, resolveLimit)
	if _, err := readExceptions(cfg); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: deps, answers: newAnswers(cfg.Answers), verdicts: resolution.NewVerdicts(), press: newPress()}, nil
}

// Routes are the stages of the service.
func (s *Service) Routes() []worker.Stage {
	return []worker.Stage{
		{Name: "planner", Service: events.Planner, Consumes: []string{"scan.completed", "finding.reprioritized", "policy.changed", "change.rejected"},
			Handle: s.handle, OnDue: s.onDue, Timers: s.timers, Limit: handleLimit},
	}
}

func (s *Service) matcher() advisory.Matcher {
	if s.deps.Matcher == nil {
		return nil
	}
	return s.deps.Matcher()
}

func (s *Service) index(url string) index.Source {
	if s.deps.Index == nil {
		return nil
	}
	return s.deps.Index(url)
}

func (s *Service) engine(ctx context.Context) (resolution.Engine, error) {
	if s.deps.Engine == nil {
		return nil, uv.ErrMissing
	}
	return s.deps.Engine(ctx)
}

// policy is the one in use where the log names none.
func (s *Service) policy() *policy.Policy {
	if s.deps.Policy != nil {
		if p := s.deps.Policy(); p != nil {
			return p
		}
	}
	return policy.Default()
}
