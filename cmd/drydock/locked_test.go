package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Another command that has the data directory is waited for and named; a server is spoken to at once.
func TestADirectoryInUseIsWaitedFor(t *testing.T) {
	command, server := &bus.ErrLocked{Dir: "d", PID: 42}, &bus.ErrLocked{Dir: "d", PID: 43, Address: "http://127.0.0.1:1"}
	for name, c := range map[string]struct {
		held  []*bus.ErrLocked // by the tries; the last for all that follow
		ends  *bus.ErrLocked
		fails bool
		says  string
	}{
		"free":                      {[]*bus.ErrLocked{nil}, nil, false, ""},
		"a server":                  {[]*bus.ErrLocked{server}, server, false, ""},
		"a command for two seconds": {append(many(command, 20), nil), nil, false, "waiting for process 42, which has d in use"},
		"a command, then a server":  {append(many(command, 3), server), server, false, ""},
		"unknown at first":          {[]*bus.ErrLocked{{Dir: "d"}, command}, nil, true, "waiting for process 42"},
		"a command for ever":        {[]*bus.ErrLocked{command}, nil, true, "waiting for process 42"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var said strings.Builder
			cl := &cli{Main: &Main{Stdout: io.Discard, Stderr: &said}}
			tries := 0
			got, err := cl.patiently(t.Context(), "opening d", func() (*bus.ErrLocked, error) {
				tries++
				return c.held[min(tries, len(c.held))-1], nil
			})
			if got != c.ends || (err != nil) != c.fails || !strings.Contains(said.String(), c.says) {
				t.Errorf("%s: %v, %v, said %q", name, got, err, said.String())
			}
			if err != nil && (exitCode(err) != report.ExitEnvironment || !strings.Contains(err.Error(), "in use by process 42; wait for it to end, or use another --data")) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cl := &cli{Main: &Main{Stdout: io.Discard, Stderr: io.Discard}}
		if _, err := cl.patiently(ctx, "opening d", func() (*bus.ErrLocked, error) { return command, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

func many(e *bus.ErrLocked, n int) []*bus.ErrLocked {
	out := make([]*bus.ErrLocked, n)
	for i := range out {
		out[i] = e
	}
	return out
}
