// Package scanner reads what an application is made of and tells which advisories hit it.
//
// The target is read by a confined child of the same binary only (reader.go); what it reports is checked,
// matched and compared with what was known, and leaves as events. Nothing here writes to a target or runs
// anything of it.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// Config is what the user writes under `scanner:`. The zero value runs.
type Config struct {
	// Confinement is the least level the reader must reach: none, landlock or landlock+seccomp. Empty: the
	// strongest this host offers, which is said in each result. A weaker host fails the scan.
	// Trust: with `none` a hostile repository that finds a hole in a parser can read this user's files.
	Confinement string `yaml:"confinement" json:"confinement,omitempty"`
	// MaxDBAge is how old a fetched or imported advisory database may be before a scan counts as
	// incomplete; 0 means 72 h. A database given by hand has no age.
	MaxDBAge time.Duration `yaml:"max_db_age" json:"max_db_age,omitempty"`
	// OSVScanner is the path of drydock-osv-scanner, the second opinion. Empty: beside this executable, on
	// PATH, else built on first use.
	// Trust: this program is run with the rights of Drydock, beside the log.
	OSVScanner string `yaml:"osv_scanner" json:"osv_scanner,omitempty"`
	// DBDir is the advisory database as osv-scanner reads it: it holds osv-scalibr/<Ecosystem>/all.zip or
	// <Ecosystem>/all.zip. Only the second opinion needs it.
	DBDir string `yaml:"-" json:"-"`
	// CacheDir is where a second opinion built on first use is kept.
	CacheDir string `yaml:"-" json:"-"`
}

// Default is the configuration used where nothing is written.
func Default() Config { return Config{MaxDBAge: 72 * time.Hour} }

// Validate names the YAML path of what is wrong.
func (c Config) Validate() error {
	var errs []error
	if _, err := isolation.ParseLevel(c.Confinement); err != nil {
		errs = append(errs, fmt.Errorf("scanner.confinement: %w", err))
	}
	if c.MaxDBAge < 0 {
		errs = append(errs, fmt.Errorf("scanner.max_db_age: %s is negative; want a duration such as 72h", c.MaxDBAge))
	}
	return errors.Join(errs...)
}

// Deps is what the scanner needs of the rest of the program.
type Deps struct {
	Matcher func() advisory.Matcher      // the databases in use; nil, or a nil answer: none
	Index   func(url string) index.Index // for --outdated; "" means the configured index
	Tool    report.Tool
	Log     *slog.Logger // nil: slog.Default
	// Second gives another opinion on the packages; nil: drydock-osv-scanner as a child.
	Second SecondOpinion
	// Checkout writes the newest commit of a declared application's base out to a folder that leave removes; nil:
	// nothing is declared here. Nothing of it is executed.
	Checkout func(ctx context.Context, app string) (dir, revision string, leave func() error, err error)
}

// Service is the scanner.
type Service struct {
	cfg      Config
	deps     Deps
	level    isolation.Level
	second   SecondOpinion
	log      *slog.Logger
	total    time.Duration               // readerTotal
	patience func(at task) time.Duration // readerUnit, whatever the reader is at
	room     int                         // readerTotalOut
}

// New checks the configuration and makes the service. It starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.MaxDBAge == 0 {
		cfg.MaxDBAge = Default().MaxDBAge
	}
	level, _ := isolation.ParseLevel(cfg.Confinement)
	s := &Service{cfg: cfg, deps: deps, level: level, second: deps.Second, log: deps.Log, total: readerTotal, patience: func(task) time.Duration { return readerUnit }, room: readerTotalOut}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.second == nil {
		s.second = &osvChild{path: cfg.OSVScanner, cache: cfg.CacheDir}
	}
	return s, nil
}

// Routes are the stages of the service.
func (s *Service) Routes() []worker.Stage {
	return []worker.Stage{
		{Name: "scanner", Service: events.Scanner, Consumes: []string{"scan.requested", "database.updated"}, Handle: s.handle, Limit: 10 * time.Minute},
	}
}

// matcher is the database in use, or one that has nothing.
func (s *Service) matcher() advisory.Matcher {
	if s.deps.Matcher != nil {
		if m := s.deps.Matcher(); m != nil {
			return m
		}
	}
	return noDatabase{}
}

// noDatabase is the matcher of a Drydock that has not imported anything.
type noDatabase struct{}

func (noDatabase) Match(ecosystem, _, _ string) ([]advisory.Hit, error) {
	return nil, fmt.Errorf("%s: %w", ecosystem, advisory.ErrNoDatabase)
}
func (noDatabase) Databases() []advisory.Database { return nil }
func (noDatabase) Digest() string                 { return "" }
