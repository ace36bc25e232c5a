package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

func toys(int, bus.Bus) []worker.Stage { return workertest.Toy(3, 30*time.Minute) }

// The flow of two applications, urgent and routine, with a database update and deadlines that are breached,
// ends in the same state wherever the process dies.
func TestCrashProof(t *testing.T) {
	runs := workertest.CrashProof(t, workertest.Case{
		Stages: toys,
		Given:  []events.Event{workertest.Request("payments", "a", events.Urgent, start), workertest.Request("ledger", "b", events.Routine, start)},
		Then:   []events.Event{workertest.Update("db2", start), workertest.Request("ledger", "c", events.Routine, start)},
		Settle: 2 * time.Hour,
	})
	if runs < 40 {
		t.Errorf("%d runs: points are missing", runs)
	}
	t.Logf("%d runs", runs)
}

// The same with a second death at every point of the process that takes over.
func TestCrashProofTwice(t *testing.T) {
	runs := workertest.CrashProof(t, workertest.Case{
		Stages: toys,
		Given:  []events.Event{workertest.Request("payments", "a", events.Urgent, start)},
		Start:  time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		Settle: 2 * time.Hour,
		Twice:  true,
	})
	t.Logf("%d runs", runs)
}

// A result of more than one batch is stored whole or gone on with, never decided anew: the binary that takes
// over would answer otherwise.
func TestCrashProofSplit(t *testing.T) {
	runs := workertest.CrashProof(t, workertest.Case{
		Stages: toysOf(bus.MaxBatch + 10),
		Given:  []events.Event{workertest.Request("payments", "a", events.Routine, start)},
	})
	t.Logf("%d runs", runs)
}

func toysOf(findings int) func(int, bus.Bus) []worker.Stage {
	return func(int, bus.Bus) []worker.Stage { return workertest.Toy(findings, 24*time.Hour) }
}

// A database swapped and a binary upgraded while nothing runs: what was answered before stays answered, and
// what the new database finds is found once, whoever is asked first.
func TestCrashProofUpgrade(t *testing.T) {
	workertest.CrashProof(t, workertest.Case{
		Stages: func(generation int, _ bus.Bus) []worker.Stage {
			st := workertest.Toy(3, 24*time.Hour)
			if generation > 0 { // another binary, with other settings
				st[0].Workers, st[1].Limit = 1, time.Minute
			}
			return st
		},
		Given: []events.Event{workertest.Request("payments", "a", events.Routine, start)},
		Meanwhile: func(ctx context.Context, generation int, b bus.Bus) error {
			if generation > 0 {
				return nil
			}
			return workertest.Append(ctx, b, workertest.Update("db2", start))
		},
		Settle: 2 * time.Hour,
	})
}
