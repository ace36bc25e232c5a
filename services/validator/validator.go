// Package validator does what happens in the dock, and up to the merge: it builds each change, proves it in
// isolation, seals it, puts it up as a branch and watches what people do with it (docs/design.md §5).
//
// The way through: handle.go answers events. A change that opens, or stopped and was taken up again, is validated
// (work.go: the steps in their order; prepare.go, build.go and prove.go are what they do; decide.go says what their
// outcome means; beside.go runs checks at the same time where the policy wants that; blame.go finds the smallest
// updates that fail). What is validated is proposed: effects.go intends, looks again and acts; carry.go keeps what a newer
// plan carries on as it was, refused.go says what becomes of what the repository refuses. poll.go sees what people do with
// a branch. collect.go removes what nobody needs any more.
package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// Config is what the user writes under `validator:`. The zero value runs.
type Config struct {
	// Dir is where the dock works and artifacts are kept; by default `dock` in the data directory. Whoever can
	// write there decides what runs.
	Dir string `yaml:"dir" json:"dir,omitempty"`
	// Pythons are interpreters by version, such as {"3.11": /usr/bin/python3.11}; what is not named is looked for
	// on PATH. They run what is tested, confined.
	Pythons map[string]string `yaml:"pythons" json:"pythons,omitempty"`
	// Poll is how often the branches of open changes are looked at; default 1m.
	Poll time.Duration `yaml:"poll" json:"poll,omitempty"`
	// Revalidate is how long an artifact counts at least, although its base moves on; default 10m.
	Revalidate time.Duration `yaml:"revalidate" json:"revalidate,omitempty"`
	// Limit bounds one validation, bisecting included; default 2h.
	Limit time.Duration `yaml:"limit" json:"limit,omitempty"`
	// Workers is how many changes are validated at once in each lane, the urgent and the routine one; default 2, so
	// that one that hangs does not hold up all others.
	Workers int `yaml:"workers" json:"workers,omitempty"`
	// Memory bounds each run in the dock, Disk each installation there, in bytes; default 2 GiB and 4 GiB.
	Memory int64 `yaml:"memory" json:"memory,omitempty"`
	Disk   int64 `yaml:"disk" json:"disk,omitempty"`
	// BuildWith are the build backends with which source distributions are built where the policy says source_builds:
	// allow, each an exact pin such as setuptools==75.3.0; they are installed from wheels, and never ship. They run in
	// the dock and decide what the artifact holds: whoever can publish them on the index does. Default none.
	BuildWith []string `yaml:"build_with" json:"build_with,omitempty"`
	// Rejection is for how long an update that failed is not offered again by itself; default 336h.
	Rejection time.Duration `yaml:"rejection" json:"rejection,omitempty"`
	// Author is whom commits name, with Email; default Drydock, drydock@localhost.
	Author string `yaml:"author" json:"author,omitempty"`
	Email  string `yaml:"email" json:"email,omitempty"`
}

// Default is the configuration used where nothing is written.
func Default() Config {
	return Config{Poll: time.Minute, Revalidate: 10 * time.Minute, Limit: 2 * time.Hour, Workers: 2, Memory: 2 << 30, Disk: 4 << 30,
		Rejection: 14 * 24 * time.Hour, Author: "Drydock", Email: "drydock@localhost"}
}

// Validate names the YAML path of what is wrong.
func (c Config) Validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"poll", c.Poll}, {"revalidate", c.Revalidate}, {"limit", c.Limit}, {"rejection", c.Rejection}} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("validator.%s: %s is negative; want a duration such as 10m", d.name, d.value))
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{{"memory", c.Memory}, {"disk", c.Disk}} {
		if n.value < 0 || n.value > 0 && n.value < 64<<20 {
			errs = append(errs, fmt.Errorf("validator.%s: %d bytes are too few to install anything; want at least 67108864", n.name, n.value))
		}
	}
	if c.Workers < 0 || c.Workers > 64 {
		errs = append(errs, fmt.Errorf("validator.workers: %d; want 1 to 64", c.Workers))
	}
	for _, version := range slices.Sorted(maps.Keys(c.Pythons)) {
		if path := c.Pythons[version]; !filepath.IsAbs(path) {
			errs = append(errs, fmt.Errorf("validator.pythons.%s: %q is not an absolute path", version, path))
		}
	}
	if _, err := buildPins(c.BuildWith); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c Config) filled() Config {
	d := Default()
	c.Poll, c.Revalidate, c.Limit, c.Rejection = cmp.Or(c.Poll, d.Poll), cmp.Or(c.Revalidate, d.Revalidate), cmp.Or(c.Limit, d.Limit), cmp.Or(c.Rejection, d.Rejection)
	c.Workers = cmp.Or(c.Workers, d.Workers)
	c.Memory, c.Disk = cmp.Or(c.Memory, d.Memory), cmp.Or(c.Disk, d.Disk)
	c.Author, c.Email = cmp.Or(c.Author, d.Author), cmp.Or(c.Email, d.Email)
	return c
}

// Deps is what the validator needs of the rest of the program.
type Deps struct {
	Bus   bus.Bus
	Folds *worker.Folds

	Applications func() *application.Set // those declared; nil, or a nil answer: none
	Policy       func() *policy.Policy   // where the log names none; nil: the built-in one
	Matcher      func() advisory.Matcher // the databases in use; nil, or a nil answer: none

	// Forge is the repository of an application.
	Forge func(ctx context.Context, a application.Application) (forge.Forge, error)
	// Remote is its address without credentials.
	Remote func(a application.Application) string
	// Scan reads a folder, or an installed environment, confined as every scan is, and writes no event.
	Scan func(ctx context.Context, req events.ScanRequested, now time.Time) (report.Scan, *inventory.Inventory, error)
	// Formats are the manifests that can be written for a plan, beside requirements files.
	Formats func(p *report.Plan) []manifest.Format
	// Index is where distributions are fetched from.
	Index func() index.Fetcher
	// UV is the installer, found or fetched on first need.
	UV func(ctx context.Context) (*uv.Tool, error)
	// Path are the folders in which interpreters are looked for.
	Path []string

	Tool report.Tool
	Log  *slog.Logger     // nil: slog.Default
	Now  func() time.Time // nil: time.Now

	// Lease is how long a validator that died keeps others from its change; 0: 30s.
	Lease time.Duration

	// Limited bounds one validation by validator.limit; nil: context.WithTimeoutCause. What says when the limit is over
	// need not wait for it.
	Limited func(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc)

	// Crossed is told of each step that ended, before the next begins; nil: nobody.
	Crossed func(change, step string)
}

// Service is the validator.
type Service struct {
	cfg       Config
	deps      Deps
	log       *slog.Logger
	now       func() time.Time
	holder    string
	opening   sync.Mutex
	artifacts *artifact.Store
	wheels    *wheelhouse.House
	seen      memory
	backups   backups
	berths    berths
}

// New checks the configuration, opens the folders and makes the service. It starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg.filled(), deps: deps, log: deps.Log, now: deps.Now}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.deps.Limited == nil {
		s.deps.Limited = context.WithTimeoutCause
	}
	s.deps.Lease = cmp.Or(deps.Lease, leaseTime)
	host, _ := os.Hostname() // only a name for people
	s.holder = fmt.Sprintf("%s process %d", cmp.Or(host, "a host"), os.Getpid())
	return s, nil
}

// open makes the folders on first need: a process that never validates leaves none. What a process left there that was
// killed goes then, so that it goes where nobody ever lets one run for long, too.
func (s *Service) open() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	var err error
	first := s.wheels == nil
	if s.artifacts == nil {
		if s.artifacts, err = artifact.OpenStore(filepath.Join(s.cfg.Dir, "artifacts")); err != nil {
			return err
		}
	}
	if s.wheels == nil {
		if s.wheels, err = wheelhouse.Open(filepath.Join(s.cfg.Dir, "wheels")); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.workDir(), 0o700); err != nil || !first {
		return err
	}
	_, err = s.artifacts.Collect(func(string) bool { return true }, s.now()) // only what was never finished
	if err := errors.Join(err, artifact.Sweep(s.workDir(), "", s.now())); err != nil {
		s.log.Warn("not everything that a killed process left could be removed", telemetry.KeyError, err)
	}
	return nil
}

func (s *Service) workDir() string { return filepath.Join(s.cfg.Dir, "work") }

// Routes are the stages of the service. Validations have workers of their own, so that a branch is never kept
// waiting by the tests of another application.
func (s *Service) Routes() []worker.Stage {
	return []worker.Stage{
		{Name: "dock", Service: events.Validator, Consumes: []string{"change.opened", "change.resumed", "artifact.voided"},
			Handle: s.validate, Workers: s.cfg.Workers, Limit: s.cfg.Limit + afterLimit, Long: true},
		{Name: "proposer", Service: events.Validator, Consumes: []string{"change.validated", "change.superseded", "change.rejected", "scan.completed", "effect.intended"},
			Handle: s.attend, OnDue: s.onDue, Timers: timers, Limit: attendLimit},
	}
}

// application looks up what the server declares; false: the application is not declared with a repository, so
// there is nothing to check out and nowhere to propose.
func (s *Service) application(name string) (application.Application, bool) {
	if s.deps.Applications == nil {
		return application.Application{}, false
	}
	set := s.deps.Applications()
	if set == nil {
		return application.Application{}, false
	}
	a, ok := set.Get(name)
	return a, ok && a.Repository != ""
}
