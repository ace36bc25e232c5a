package worker_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

// BenchmarkLanes measures how long an urgent scan waits for its start while 10,000 routine ones are in the
// queue and all workers of that lane are busy. The promise is two seconds.
func BenchmarkLanes(b *testing.B) {
	for _, kind := range []string{"memory", "embedded"} {
		b.Run(kind, func(b *testing.B) {
			bb := bus.NewMemory()
			if kind == "embedded" {
				bb = openEmbedded(b, b.TempDir())
			}
			defer bb.Close()
			waiting(b, bb, 10_000)
			var urgent, routine atomic.Int64
			started := make(chan time.Time, 1)
			stage := scans(func(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
				if events.Ext(e, events.ExtLane) == string(events.Urgent) {
					started <- time.Now()
					urgent.Add(1)
				} else {
					time.Sleep(50 * time.Millisecond) // a scan
					routine.Add(1)
				}
				return complete(ctx, e, f)
			})
			_, stop := start1(b, bb, []worker.Stage{stage})
			defer stop()
			var worst, sum time.Duration
			n := 0
			for b.Loop() {
				asked := time.Now()
				e := workertest.Request(fmt.Sprintf("urgent-%d", n), "now", events.Urgent, asked)
				if err := workertest.Append(b.Context(), bb, e); err != nil {
					b.Fatal(err)
				}
				took := (<-started).Sub(asked)
				worst, sum = max(worst, took), sum+took
				n++
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
			b.ReportMetric(float64(sum.Microseconds())/1000/float64(n), "ms-mean")
			b.ReportMetric(float64(10_000-routine.Load()), "waiting")
			if worst > 2*time.Second {
				b.Errorf("an urgent scan waited %s", worst)
			}
		})
	}
}

// waiting stores n routine requests of 100 applications.
func waiting(b *testing.B, bb bus.Bus, n int) {
	b.Helper()
	const apps = 100
	for a := range apps {
		app := fmt.Sprintf("app-%d", a)
		batch := make([]events.Event, 0, n/apps)
		for i := range n / apps {
			batch = append(batch, workertest.Request(app, fmt.Sprint(i), events.Routine, start))
		}
		if _, err := bb.Append(b.Context(), app, batch, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFolds measures the start on a log of 10,000 applications with ten events each.
func BenchmarkFolds(b *testing.B) {
	bb := bus.NewMemory()
	defer bb.Close()
	const apps = 10_000
	for a := range apps {
		app := fmt.Sprintf("app-%d", a)
		batch := []events.Event{}
		for i := range 10 {
			batch = append(batch, workertest.Request(app, fmt.Sprint(i), events.Routine, start))
		}
		if _, err := bb.Append(b.Context(), app, batch, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("start-100000-events", func(b *testing.B) {
		for b.Loop() {
			ctx, cancel := context.WithCancel(b.Context())
			f := worker.NewFolds(bb)
			if err := f.Start(ctx); err != nil {
				b.Fatal(err)
			}
			cancel()
			<-f.Ended()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(10*apps), "ns/event")
	})
}
