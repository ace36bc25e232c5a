package test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

// TestOneShotKeepsOthersWork: a command on the data directory of a Drydock that is not running meets work that
// was tried several times already. It may do it or leave it, but not give it up.
func TestOneShotKeepsOthersWork(t *testing.T) {
	k := &killed{t: t, data: t.TempDir(), env: cleanEnv(t)}
	k.importAdvisories()
	apps := k.applications(2)
	k.triedBefore(apps[0], 5)
	cmd := exec.Command(binary(t), "scan", apps[1], "--app", "app-1", "--data", k.data)
	cmd.Env = k.env
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() > 2 { // the demo's advisories are partial
		t.Fatalf("scan: %v\n%s", err, out)
	}
	b := k.open()
	letters, err := b.Letters(t.Context(), true)
	if err != nil || len(letters) != 0 {
		t.Errorf("%d dead letters, %v: %+v", len(letters), err, letters)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func (k *killed) open() bus.Bus {
	b, err := bus.Embedded(k.t.Context(), bus.EmbeddedConfig{Dir: k.data})
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

// triedBefore stores a request that n workers took and did not answer.
func (k *killed) triedBefore(path string, n int) {
	t := k.t
	b := k.open()
	defer func() { _ = b.Close() }()
	app := filepath.Base(path)
	e, err := events.New(events.Meta{App: app, Cause: "tried", Key: path, Time: time.Now()}, events.ScanRequested{Application: app, Target: path})
	if err == nil {
		err = workertest.Append(t.Context(), b, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := bus.Consumer{Name: "scanner-routine", Filters: []string{events.StageFilter(events.Routine, "scan.requested")}, Prefetch: 1, AckWait: time.Minute, MaxDeliver: 32}
	for range n {
		d, err := b.Consume(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Next(t.Context())
		if err == nil {
			err = m.Nak(t.Context(), 0) // counts as the silence of a dead worker does, and takes no time
		}
		if err != nil {
			t.Fatal(err)
		}
		d.Stop()
	}
}
