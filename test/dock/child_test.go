package dock

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/uv/uvtest"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/services/validator"
	"github.com/drydock-dev/drydock/test/yard"
)

// childOrder is the variable in which a process of these tests, which is this program again, is told what to do.
const childOrder = "DRYDOCK_TEST_CHILD"

// order is what a process is told.
type order struct {
	Dir                      string // everything of its own
	Index, Repo, DB          string // of the world, which another process keeps
	Python, Decl             string
	NATS                     string // an external log; empty: embedded, below Dir
	Ask                      bool   // for the update
	Die                      string // where it ends with SIGKILL: "step tests", "before append change.validated", "after propose"
	Stall                    string // the same for SIGSTOP
	Alone                    bool   // checks run one after another
	Lease, AckWait, Patience time.Duration
}

// TestChild is no test: it is the whole of Drydock's workers in a process of its own, until what was asked for is
// done, a signal ends it, or it is where it is to die.
func TestChild(t *testing.T) {
	text := os.Getenv(childOrder)
	if text == "" {
		t.Skip("it is started by other tests")
	}
	c := &child{}
	if err := json.Unmarshal([]byte(text), &c.order); err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	c.serve(ctx, t)
}

type child struct {
	order order
	w     *world
}

// at is told of each place where the process may die.
func (c *child) at(place string) {
	fmt.Println("at", place)
	switch place {
	case c.order.Die:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case c.order.Stall:
		c.order.Stall = "" // once
		goOn := make(chan os.Signal, 1)
		signal.Notify(goOn, syscall.SIGCONT)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) // it may be on its way a little longer
		<-goOn
	}
}

func (c *child) open(ctx context.Context, t *testing.T) bus.Bus {
	t.Helper()
	var b bus.Bus
	var err error
	if c.order.NATS != "" {
		b, err = bus.Connect(ctx, bus.ExternalConfig{URL: c.order.NATS})
	} else {
		b, err = bus.Embedded(ctx, bus.EmbeddedConfig{Dir: filepath.Join(c.order.Dir, "data"), Logger: quiet()})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return bustest.Faulty(b, func(p bustest.Point) error {
		if p.Op != bustest.OpAppend {
			return nil
		}
		for _, e := range p.Events {
			row, _ := events.Lookup(e.Type())
			c.at(string(p.Moment) + " append " + row.Name())
		}
		return nil
	})
}

func (c *child) serve(ctx context.Context, t *testing.T) {
	o := c.order
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w := &world{t: t, dir: o.Dir, index: yard.IndexAt(t, o.Index), repo: yard.RepositoryAt(t, o.Repo), db: o.DB, decl: o.Decl, python: o.Python, tool: uvtest.Tool(t)}
	w.cfg = validator.Config{Dir: filepath.Join(o.Dir, "dock"), Poll: 200 * time.Millisecond, Revalidate: time.Nanosecond}
	w.crossed = func(_, step string) { c.at("step " + step) }
	w.adjust = func(d *validator.Deps) {
		d.Lease, d.Log = o.Lease, log
		if o.Alone {
			oneByOne(d)
		}
		made := d.Forge
		d.Forge = func(ctx context.Context, a application.Application) (forge.Forge, error) {
			f, err := made(ctx, a)
			return &mortal{f, c}, err
		}
	}
	c.w = w
	w.b = c.open(ctx, t)
	w.folds = worker.NewFolds(w.b)
	run := worker.New(w.b, w.stages(w.b, w.folds), worker.Options{Folds: w.folds, Log: log, AckWait: o.AckWait, Drain: 500 * time.Millisecond,
		Backoff: func(int) time.Duration { return 100 * time.Millisecond }})
	work, cancel := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- run.Run(work) }()
	select {
	case <-run.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	go func() { ended <- w.svc.Watch(work) }()
	fmt.Println("ready")
	if o.Ask {
		w.update("asked")
	}
	c.settled(ctx)
	cancel()
	<-ended
	<-ended
	fmt.Println("done")
}

// settled waits until a change is proposed and nothing else is under way, or a signal came.
func (c *child) settled(ctx context.Context) {
	for ctx.Err() == nil {
		at, err := c.w.b.LastSequence(ctx, app)
		if err == nil {
			s, err := c.w.folds.App(ctx, app, at)
			if err == nil && isSettled(s) {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func isSettled(s *events.State) bool {
	proposed := false
	for _, c := range s.OpenChanges() {
		if c.Stage() != events.StageProposed {
			return false
		}
		proposed = true
	}
	for _, e := range s.Effects {
		if e.Outcome == "" {
			return false
		}
	}
	return proposed
}

// mortal is a forge around whose deeds the process may die.
type mortal struct {
	forge.Forge
	c *child
}

func (m *mortal) Propose(ctx context.Context, p forge.Proposal) (forge.Proposed, error) {
	m.c.at("before propose")
	out, err := m.Forge.Propose(ctx, p)
	m.c.at("after propose")
	return out, err
}
