// Package gateway is the door: what people and programs ask for becomes events, and what the events add
// up to is read here. It serves the HTTP API under /v1 and, in process, the commands of one-shot runs.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Config is what the user writes under `gateway:`.
type Config struct {
	// Listen is the address of the API, of /metrics and of the health checks. Whoever reaches it may ask for
	// scans of any path Drydock can read, and read every finding: the API has no authentication yet.
	Listen string `yaml:"listen"`
	// AllowRemote permits an address that is not loopback. Set it only where a proxy in front authenticates.
	AllowRemote bool `yaml:"allow_remote"`
	// AllowedHosts are further values of the Host header to answer to (a proxy's public name). Loopback names
	// are always answered. Anything else is refused, so that a web page can't reach the API by rebinding DNS.
	AllowedHosts []string `yaml:"allowed_hosts"`
}

// Default is the configuration without a file.
func Default() Config { return Config{Listen: "127.0.0.1:7700"} }

// Validate names the YAML path of what is wrong.
func (c Config) Validate() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("gateway.listen: %q is not host:port, such as 127.0.0.1:7700", c.Listen)
	}
	if !isLoopback(host) && !c.AllowRemote {
		return fmt.Errorf("gateway.listen: %q is reachable from other machines and the API has no authentication; listen on 127.0.0.1, or set gateway.allow_remote: true where a proxy in front authenticates", c.Listen)
	}
	for i, h := range c.AllowedHosts {
		if h == "" || strings.ContainsAny(h, "/ *") {
			return fmt.Errorf("gateway.allowed_hosts[%d]: %q is not a host name; wildcards are not accepted", i, h)
		}
	}
	return nil
}

// Identity is what is known of a path before it is scanned.
type Identity struct{ Application, Target, Remote, SubPath, Revision string }

// Folds reads applications' present state. worker.Folds is one.
type Folds interface {
	App(ctx context.Context, app string, atLeast uint64) (*events.State, error)
	Org(ctx context.Context, atLeast uint64) (*events.OrgState, error)
	Apps() []string
}

// Decide appends what decide returns, deciding again when someone else appended meanwhile. worker.Decide,
// bound to a bus and its folds, is one.
type Decide func(ctx context.Context, app string, decide func(*events.State, *events.OrgState) ([]events.Event, error)) (uint64, error)

// Swap takes advisories in and puts them in use.
type Swap func(context.Context, api.DatabaseImport) ([]api.Imported, error)

// Deps is what the gateway stands on. Fields marked optional may be nil.
type Deps struct {
	Bus       bus.Bus
	Folds     Folds
	Decide    Decide
	Identify  func(ctx context.Context, path string, environment bool, name string) (Identity, error)
	Databases func() []events.Database                             // what is loaded now
	Lists     func() []events.List                                 // optional: the lists of exploitation that are loaded now, by name
	Import    Swap                                                 // optional: imports and swaps
	Update    Swap                                                 // optional: fetches and swaps
	Diff      func(before, after []events.Database) (packages int) // optional: packages whose advisories differ
	Breakers  func() []api.Breaker                                 // optional
	Ready     func() error                                         // optional: why not ready
	Metrics   http.Handler                                         // optional: /metrics
	Now       func() time.Time                                     // optional: the clock
	Log       *slog.Logger                                         // optional
	Planner   []string                                             // names of the planner's consumers
	Validator []string                                             // names of the consumers that validate changes

	// Repository is where the declared application app lies: the address without credentials, and its folder there.
	// An error says why updates of it can't be asked for. Optional: no application is declared.
	Repository func(app string) (remote, path string, err error)
	// Declared are the applications that Repository knows, by name. Optional.
	Declared func() ([]api.Declared, error)

	Version string
	MaxAge  time.Duration // above which a fetched database is stale; 0: never
}

// Service is the gateway.
type Service struct {
	cfg     Config
	deps    Deps
	started time.Time
	streams atomic.Int64 // of events, open now
}

// New makes a gateway.
func New(cfg Config, deps Deps) (*Service, error) {
	if cfg.Listen == "" {
		cfg.Listen = Default().Listen
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Bus == nil || deps.Folds == nil || deps.Decide == nil || deps.Identify == nil {
		return nil, errors.New("gateway: Bus, Folds, Decide and Identify are required")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg, deps: deps, started: deps.Now().UTC()}, nil
}

func (s *Service) now() time.Time { return s.deps.Now().UTC() }

// problem turns an error of the packages below into one a client can act on.
func problem(attempted string, err error) error {
	var p *api.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, bus.ErrFull):
		return api.NewProblem(api.LogFull, "make room on the disk or raise the log's limit, then try again", "%s: %v", attempted, err)
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, bus.ErrClosed):
		return api.NewProblem(api.Unavailable, "try again; `drydock status` shows whether it came back", "%s: %v", attempted, err)
	case errors.Is(err, bus.ErrConflict):
		return api.NewProblem(api.Conflict, "try again", "%s: %v", attempted, err)
	case errors.Is(err, bus.ErrInvalid):
		return api.NewProblem(api.InvalidInput, "", "%s: %v", attempted, err)
	case errors.Is(err, context.DeadlineExceeded):
		return api.NewProblem(api.Unavailable, "try again; `drydock status` shows what is waiting", "%s: no answer in time", attempted)
	}
	return api.NewProblem(api.Internal, "", "%s: %v", attempted, err)
}
