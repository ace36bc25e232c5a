package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

const many = 2*bus.MaxBatch + 10

// A large result shows as a whole or not at all, and its half-stored half is gone on from, by a binary that
// would have answered otherwise.
func TestSplitResult(t *testing.T) {
	var dead atomic.Bool
	var appends atomic.Int32
	hook := func(p bustest.Point) error {
		if p.Op == bustest.OpAppend && p.Moment == bustest.After && appends.Add(1) == 1 {
			dead.Store(true)
		}
		if dead.Load() {
			return workertest.ErrCrashed
		}
		return nil
	}
	play(t, hook, func(r *rig) {
		r.add(request("payments"))
		stop := r.run(worker.Options{}, workertest.Toy(many, time.Hour)[0])
		r.settle(time.Second)
		stop()
		s := foldOf(r, "payments")
		if n := len(r.stored("payments")); n != bus.MaxBatch+1 || len(s.Findings) != 0 || len(s.Pending) != 1 {
			t.Fatalf("%d events stored, %d findings shown, %d requests pending: want %d, 0, 1", n, len(s.Findings), len(s.Pending), bus.MaxBatch+1)
		}
		// Somebody else appends between the halves; the next process has another handler and must not ask it.
		r.add(workertest.Request("payments", "meanwhile", events.Urgent, start))
		r.seen = r.bus
		st := scans(func(_ context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			if e.ID() == request("payments").ID() {
				t.Error("it was decided anew")
			}
			return nil, nil
		})
		st.Name = "toy-scanner"
		stop = r.run(worker.Options{}, st)
		r.settle(time.Minute)
		stop()
		s = foldOf(r, "payments")
		if n := len(r.stored("payments")); n != many+3 || len(s.Findings) != many || len(s.Scans) != 1 {
			t.Errorf("%d events stored, %d findings, %d scans: want %d, %d, 1", n, len(s.Findings), len(s.Scans), many+3, many)
		}
		if err := workertest.CheckUnique(r.ctx, r.bus); err != nil {
			t.Error(err)
		}
	})
}

func foldOf(r *rig, app string) *events.State {
	r.Helper()
	s, err := events.Fold(app, r.stored(app))
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// Without its evidence a half-stored result can't be gone on with, and nobody invents another.
func TestSplitResultWithoutEvidence(t *testing.T) {
	play(t, nil, func(r *rig) {
		e, err := events.New(events.Meta{App: "payments", Cause: request("payments").ID(), Key: "f", Time: start}, events.FindingOpened{Finding: "f"})
		if err != nil {
			t.Fatal(err)
		}
		e.SetExtension(events.ExtBatch, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
		r.add(request("payments"), e)
		defer r.run(worker.Options{}, scans(func(context.Context, events.Event, worker.Facts) ([]events.Event, error) {
			return nil, errors.New("asked")
		}))()
		r.settle(time.Minute)
		r.wantOneLetter("needs a human: go on with the result sha256:e3b0c")
	})
}
