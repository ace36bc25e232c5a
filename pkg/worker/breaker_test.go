package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drydock-dev/drydock/pkg/worker"
)

func status(name string) worker.BreakerStatus {
	for _, s := range worker.Breakers() {
		if s.Name == name {
			return s
		}
	}
	return worker.BreakerStatus{}
}

// Five failures in a row open the breaker, half a minute later one call tries again.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := worker.NewBreaker("index-of-test", 10*time.Second)
		calls := 0
		answer := errors.New("502")
		call := func() error { return b.Do(t.Context(), func(context.Context) error { calls++; return answer }) }
		for range 5 {
			if err := call(); !errors.Is(err, answer) {
				t.Errorf("error %v", err)
			}
		}
		if s := status("index-of-test"); s.State != "open" {
			t.Errorf("status %+v", s)
		}
		if err := call(); !errors.Is(err, worker.ErrOpen) || worker.Kind(err) != "transient" || calls != 5 {
			t.Errorf("open: %v after %d calls", err, calls)
		} else if !strings.HasSuffix(err.Error(), "the last time: 502") || errors.Is(err, answer) {
			t.Errorf("open, without its cause: %v", err)
		}
		time.Sleep(31 * time.Second)
		answer = nil
		if s := status("index-of-test"); s.State != "half-open" {
			t.Errorf("status %+v", s)
		}
		if err := call(); err != nil {
			t.Errorf("after a while: %v", err)
		}
		if s := status("index-of-test"); s.State != "closed" || s.Failures != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

// The cause of what went before names the network's answer, not what was asked for.
func TestBreakerNamesTheNetworksAnswer(t *testing.T) {
	b := worker.NewBreaker("network", 0)
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	var err error
	for range 6 {
		err = b.Do(t.Context(), func(context.Context) error { return fmt.Errorf("look up lxml: %w", refused) })
	}
	if !errors.Is(err, worker.ErrOpen) || !strings.HasSuffix(err.Error(), "in a row; the last time: dial tcp: connection refused") {
		t.Errorf("%v", err)
	}
}

func TestBreakerCounts(t *testing.T) {
	tests := []struct {
		name  string
		f     func(context.Context) error
		state string
	}{
		{"a permanent error is an answer", func(context.Context) error { return worker.Permanent(errors.New("404")) }, "closed"},
		{"no answer in time", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := worker.NewBreaker(tt.name, time.Second)
				var err error
				for range 5 {
					err = b.Do(t.Context(), tt.f)
				}
				if got := b.Status().State; got != tt.state || err == nil {
					t.Errorf("state %s, want %s; error %v", got, tt.state, err)
				}
			})
		})
	}
}

// A call its caller gave up says nothing of the thing called.
func TestBreakerCallerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := worker.NewBreaker("caller gone", time.Minute)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		if s := b.Status(); s.State != "closed" || s.Failures != 0 {
			t.Errorf("status %+v", s)
		}
	})
}
