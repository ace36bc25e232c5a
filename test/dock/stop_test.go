package dock

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/report"
)

// TestStoppedInTheMiddle ends a Drydock in the middle of a check with a signal that it obeys: what is in hand is
// handed back, nothing is left, not even until the next start, which goes on at once.
func TestStoppedInTheMiddle(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("looks at what is left of a process in /proc")
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if sig == syscall.SIGINT && os.Getenv("DRYDOCK_E2E") == "" {
			continue // the same way
		}
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			y := newKillYard(t, killed{at: "inside " + report.StepBaseline})
			// Were it not handed back, and its lease not given up, the next process would wait for these.
			y.order.Lease, y.order.AckWait = time.Hour, 2*time.Minute
			p := y.start(y.order, 0)
			if !p.said.has("at step "+report.StepRescan, p.ended) {
				t.Fatalf("it said:\n%s", p.said)
			}
			p.inBox()
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			p.over()
			if p.err != nil {
				t.Errorf("it ended with %v, and said:\n%s", p.err, p.said)
			}
			if p.said.has("at step concluded", p.ended) {
				t.Error("it came to an end with tests that come to none")
			}
			nothingRuns(t, p.kin, y.order.Dir)
			nothingLies(t, y.order.Dir)
			y.order.Ask = false
			y.finish()
			y.check()
		})
	}
}

// TestTwoValidators has two Drydocks on one log, and the one that took up the change falls asleep for longer than
// its lease: the other does the work, and the first, awake again, says nothing of its own.
func TestTwoValidators(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("starts a server and some processes")
	}
	for _, c := range []struct{ name, stall, die string }{
		{"one sleeps", "step " + report.StepSeal, ""},
		{"one sleeps when it is done", "step concluded", ""},
		{"one dies", "", "step " + report.StepInstall},
	} {
		if c.stall == "" && os.Getenv("DRYDOCK_E2E") == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := bustest.StartServer(t)
			y := newKillYard(t, killed{})
			y.order.NATS = server.URL("drydock")
			y.order.Stall, y.order.Die = c.stall, c.die
			one := y.start(y.order, 0)
			if !one.said.has("at "+c.stall+c.die, one.ended) {
				t.Fatalf("it said:\n%s", one.said)
			}
			other := y.order
			other.Dir, other.Ask, other.Stall, other.Die = openTemp(t), false, "", ""
			two := y.start(other, 0)
			two.over()
			if two.err != nil || !two.said.has("done", two.ended) {
				t.Fatalf("it ended with %v, and said:\n%s", two.err, two.said)
			}
			_ = one.cmd.Process.Signal(syscall.SIGCONT)
			one.over()
			if c.die == "" && (one.err != nil || !one.said.has("done", one.ended)) {
				t.Errorf("the one that slept ended with %v, and said:\n%s", one.err, one.said)
			}
			nothingRuns(t, one.kin, y.order.Dir)
			nothingRuns(t, two.kin, other.Dir)
			b, err := bus.Connect(t.Context(), bus.ExternalConfig{URL: server.URL("drydock")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = b.Close() }()
			if c.die == "" {
				nothingLies(t, y.order.Dir)
			}
			nothingLies(t, other.Dir)
			if _, err := os.Stat(filepath.Join(other.Dir, "dock", "artifacts")); err != nil {
				t.Errorf("the other did no work: %v", err)
			}
			y.order.Dir = other.Dir
			y.checkLog(b)
		})
	}
}
