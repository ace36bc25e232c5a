// Package planner answers every finding of an application: what it moves to, in which phase, by when, or why
// not (design §6, invariant I5).
//
// The way through: handle.go wakes up and reads what is known (gather.go), resolver.go picks versions,
// decide.go turns them into phases and outcomes, announce.go says what is new as events. Everything but
// handle.go, gather.go and the resolver is pure. WriteFiles and Markdown render a finished plan.
package planner

import (
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
	"github.com/drydock-dev/drydock/pkg/worker"
)

// Config is what the user writes under `planner:`. The zero value runs.
type Config struct {
	// Python is the version updates must work on where neither the person nor the application says, such as
	// 3.11 or 3.11.7: that of the python3 found. Empty: releases are not held to their requires-python, which
	// every rendering then says.
	Python string `yaml:"python" json:"python,omitempty"`
	// Platform is the sys.platform of the target: linux (default), darwin or win32. Markers are judged by it.
	Platform string `yaml:"platform" json:"platform,omitempty"`
	// Provisional says that no log outlives this run, so that nobody knows when a finding was first
	// detected: deadlines count from the scan and stay outside the plan's digest.
	Provisional bool `yaml:"-" json:"-"`
	// Now is the clock of the plan (--now); zero means the time the event is handled.
	Now time.Time `yaml:"-" json:"-"`
}

// Default is the configuration used where nothing is written.
func Default() Config { return Config{Platform: "linux"} }

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
	Matcher func() advisory.Matcher      // the databases in use; nil, or a nil answer: none
	Policy  func() *policy.Policy        // the policy where the log names none; nil: the built-in one
	Index   func(url string) index.Index // "" means the configured index; nil: none
	Tool    report.Tool
}

// Service is the planner.
type Service struct {
	cfg      Config
	deps     Deps
	resolver resolver
}

// New checks the configuration and makes the service. It starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Platform == "" {
		cfg.Platform = Default().Platform
	}
	s := &Service{cfg: cfg, deps: deps}
	s.resolver = perPackage{matcher: s.matcher, index: s.index}
	return s, nil
}

// Routes are the stages of the service.
func (s *Service) Routes() []worker.Stage {
	return []worker.Stage{
		{Name: "planner", Service: events.Planner, Consumes: []string{"scan.completed", "policy.changed"},
			Handle: s.handle, OnDue: s.onDue, Timers: s.timers, Limit: handleLimit},
	}
}

func (s *Service) matcher() advisory.Matcher {
	if s.deps.Matcher == nil {
		return nil
	}
	return s.deps.Matcher()
}

func (s *Service) index() index.Index {
	if s.deps.Index == nil {
		return nil
	}
	return s.deps.Index("")
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
