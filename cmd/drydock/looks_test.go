package main

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// counted notes which parts of the log are read.
type counted struct {
	bus.Bus
	mu    sync.Mutex
	whole int
	apps  []string
}

func (c *counted) Replay(ctx context.Context, q bus.Query, fn func(bus.Record) error) (uint64, error) {
	c.mu.Lock()
	if q.App == "" && q.Name == "" {
		c.whole++
	} else {
		c.apps = append(c.apps, q.App)
	}
	c.mu.Unlock()
	return c.Bus.Replay(ctx, q, fn)
}

// What asks about one application reads that one's events, and what needs the whole log reads it once.
func TestOnlyWhatIsAskedForIsRead(t *testing.T) {
	b := &counted{Bus: bus.NewMemory()}
	for _, app := range []string{"cards", "payments"} {
		e, err := events.New(events.Meta{App: app, Cause: "c", Key: "k", Actor: "gateway", Time: time.Now()}, events.ApplicationDeclared{Application: app, Target: "/" + app})
		if err == nil {
			_, err = b.Append(t.Context(), app, []events.Event{e}, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &cli{Main: &Main{Stdout: io.Discard, Stderr: io.Discard, Environ: []string{"HOME=" + t.TempDir()}}}
	var err error
	if c.cfg, err = c.loadConfig(); err != nil {
		t.Fatal(err)
	}
	s, err := c.looks(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	a := &answer{}
	if err := (&inquiry{ctx: t.Context(), s: s, a: a}).application("payments"); err != nil || !strings.Contains(a.Headline, "never scanned") {
		t.Fatalf("%s, %v", a.Headline, err)
	}
	if b.whole != 0 || strings.Join(b.apps, " ") != "payments" {
		t.Errorf("read the whole log %d times, and %v", b.whole, b.apps)
	}
	for range 2 {
		st, err := s.api.Status(t.Context())
		if err != nil || len(st.Applications) != 2 {
			t.Fatalf("%+v, %v", st, err)
		}
	}
	if b.whole != 1 {
		t.Errorf("read the whole log %d times, want once", b.whole)
	}
}
