package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/worker"
	"github.com/drydock-dev/drydock/pkg/worker/workertest"
)

// BenchmarkFlow measures a hundred applications from request to plan at once on the embedded server, with
// handlers that take no time: what runner, log and queue cost, against raw appends of the same batches.
func BenchmarkFlow(b *testing.B) {
	const apps, findings = 100, 10
	bb := openEmbedded(b, b.TempDir())
	w, stop := start1(b, bb, workertest.Toy(findings, time.Hour))
	defer stop()
	var flow, raw time.Duration
	round := 0
	for b.Loop() {
		round++
		name := func(kind string, i int) string { return fmt.Sprintf("%s-%d-%d", kind, round, i) }
		began := time.Now()
		for i := range apps {
			app := name("flow", i)
			if _, err := bb.Append(b.Context(), app, []events.Event{workertest.Request(app, "1", events.Urgent, start)}, 0); err != nil {
				b.Fatal(err)
			}
		}
		for i := range apps {
			until(b, w, name("flow", i), "the plan", func(s *events.State) bool { return s.Plan != nil })
		}
		flow += time.Since(began)
		began = time.Now()
		for i := range apps {
			rawBatches(b, bb, w, name("flow", i), name("raw", i))
		}
		raw += time.Since(began)
	}
	n := float64(b.N)
	b.ReportMetric(float64(flow.Milliseconds())/n, "ms-flow")
	b.ReportMetric(float64(raw.Milliseconds())/n, "ms-raw")
	b.ReportMetric(float64(flow)/float64(raw), "ratio")
}

// rawBatches stores what the flow stored for one application as its producers batched it, without workers:
// the events are of kinds nobody here consumes.
func rawBatches(b *testing.B, bb bus.Bus, w *worker.Runner, from, to string) {
	b.Helper()
	s, err := w.Folds().App(b.Context(), from, 0)
	if err != nil {
		b.Fatal(err)
	}
	last := uint64(0)
	for i, size := range []int{1, len(s.Findings) + 1, 2} {
		var batch []events.Event
		for k := range size {
			e, err := events.New(events.Meta{App: to, Cause: fmt.Sprintf("%s %d %d", to, i, k), Key: "k", Time: start},
				events.FindingOpened{Finding: fmt.Sprint(k), Package: "package", Vulnerability: "CVE-1"})
			if err != nil {
				b.Fatal(err)
			}
			batch = append(batch, e)
		}
		if last, err = bb.Append(b.Context(), to, batch, last); err != nil {
			b.Fatal(err)
		}
	}
}
