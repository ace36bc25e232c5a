package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// A requeued message is handled again by the stage that failed and by no other.
func TestRequeue(t *testing.T) {
	play(t, nil, func(r *rig) {
		var broken atomic.Bool
		broken.Store(true)
		var others atomic.Int32
		mend := scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
			if broken.Load() {
				return nil, worker.Permanent(errors.New("parser too old"))
			}
			return complete(ctx, e, f)
		})
		other := worker.Stage{Name: "watcher", Service: events.Planner, Consumes: []string{"scan.requested"},
			Handle: func(context.Context, events.Event, worker.Facts) ([]events.Event, error) {
				others.Add(1)
				return nil, nil
			}}
		r.add(request("payments"))
		defer r.run(worker.Options{}, mend, other)()
		r.settle(time.Minute)
		dl := worker.DeadLetters{Bus: r.bus}
		l := r.wantOneLetter("parser too old")

		if err := dl.Requeue(r.ctx, l.ID, "ana", "new release"); err != nil { // too early: it fails again
			t.Fatal(err)
		}
		r.settle(time.Minute)
		l2 := r.wantOneLetter("parser too old")
		if l2.ID == l.ID || l2.Subject != l.Subject {
			t.Errorf("letter %d on %s after letter %d on %s: want a new one that names the event", l2.ID, l2.Subject, l.ID, l.Subject)
		}
		broken.Store(false)
		if err := dl.Requeue(r.ctx, l2.ID, "ana", "really the new release"); err != nil {
			t.Fatal(err)
		}
		r.settle(time.Minute)
		r.wantNames("payments", "scan.requested scan.completed")
		if n := len(r.letters()); n != 0 {
			t.Errorf("%d letters wait", n)
		}
		if others.Load() != 1 {
			t.Errorf("another stage got the event %d times", others.Load())
		}
		done, err := dl.Show(r.ctx, l.ID)
		if err != nil || done.Resolved == nil || done.Resolved.Actor != "ana" || done.Resolved.Reason != "new release" || done.Resolved.Verdict != bus.Requeued {
			t.Errorf("letter %+v, %v", done, err)
		}
		err = dl.Requeue(r.ctx, l.ID, "ana", "")
		if !errors.Is(err, worker.ErrResolved) || !strings.Contains(err.Error(), "requeued by ana") {
			t.Errorf("requeued twice: %v", err)
		}
	})
}

// A requeue is stored before the letter is marked, and answered once even when asked for twice.
func TestRequeueWhileNothingRuns(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.add(request("payments"))
		stop := r.run(worker.Options{}, scans(func(context.Context, events.Event, worker.Facts) ([]events.Event, error) {
			return nil, worker.Permanent(errors.New("no"))
		}))
		r.settle(time.Minute)
		stop()
		if err := (worker.DeadLetters{Bus: r.bus}).Requeue(r.ctx, 1, "ana", ""); err != nil {
			t.Fatal(err)
		}
		r.settle(time.Hour)
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Minute)
		r.wantNames("payments", "scan.requested scan.completed")
	})
}

// A timer that could not be handled comes out of the dead letters as a timer.
func TestRequeueTimer(t *testing.T) {
	play(t, nil, func(r *rig) {
		var broken atomic.Bool
		broken.Store(true)
		st := scans(complete)
		st.OnDue = func(_ context.Context, d bus.Due, f worker.Facts) ([]events.Event, error) {
			if broken.Load() {
				return nil, worker.NeedsHuman(errors.New("who knows"))
			}
			e, err := f.New(d.Key, "", events.ScanFailed{Application: f.App.App})
			return []events.Event{e}, err
		}
		r.add(request("payments"))
		defer r.run(worker.Options{}, st)()
		if err := r.bus.Schedule(r.ctx, bus.Timer{Service: "scanner", App: "payments", Key: "retry", At: start.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		r.settle(time.Hour)
		l := r.wantOneLetter("needs a human: who knows")
		if l.Stream != "TIMERS" || l.Consumer != "scanner-due" {
			t.Errorf("letter %+v", l)
		}
		broken.Store(false)
		if err := (worker.DeadLetters{Bus: r.bus}).Requeue(r.ctx, l.ID, "ana", ""); err != nil {
			t.Fatal(err)
		}
		r.settle(time.Minute)
		r.wantNames("payments", "scan.requested scan.completed scan.failed")
	})
}

func TestDropAndBadInput(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.bus.(*bus.Memory).PublishRaw("drydock.event.routine.payments.scan.requested", nil, []byte("garbage"))
		defer r.run(worker.Options{}, scans(complete))()
		r.settle(time.Minute)
		dl := worker.DeadLetters{Bus: r.bus}
		for _, tt := range []struct {
			err  error
			want string
		}{
			{dl.Drop(r.ctx, 1, "ana", "  "), `drop dead letter 1: no reason; say why it may be lost: --reason`},
			{dl.Drop(r.ctx, 1, "", "test"), "no actor"},
			{dl.Drop(r.ctx, 7, "ana", "test"), "no such dead letter: 7; `drydock deadletter list`"},
			{dl.Requeue(r.ctx, 7, "ana", ""), "no such dead letter: 7"},
		} {
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", tt.err, tt.want)
			}
		}
		if err := dl.Requeue(r.ctx, 1, "ana", ""); err != nil { // garbage stays garbage
			t.Fatal(err)
		}
		r.settle(time.Minute)
		l := r.wantOneLetter("decode event")
		if err := dl.Drop(r.ctx, l.ID, "ana", "not ours"); err != nil {
			t.Fatal(err)
		}
		waiting, err := dl.List(r.ctx, false)
		all, err2 := dl.List(r.ctx, true)
		if err != nil || err2 != nil || len(waiting) != 0 || len(all) != 2 {
			t.Errorf("%d wait, %d in all, %v %v", len(waiting), len(all), err, err2)
		}
	})
}
