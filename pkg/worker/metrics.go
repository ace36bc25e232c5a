package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// meters are the runner's metrics. `outcome` is done, transient (handled again later), permanent or
// needs-human (put with the dead letters), early (a timer before its time) or handed-back (drained).
var meters = sync.OnceValue(func() (m struct {
	messages, failed, retried, buried telemetry.Counter
	seconds                           telemetry.Histogram
}) {
	m.messages = telemetry.NewCounter("drydock_worker_messages", "messages handled, by what became of them")
	m.failed = telemetry.NewCounter("drydock_worker_failed", "messages whose handling failed, for now or for good")
	m.retried = telemetry.NewCounter("drydock_worker_retried", "messages put back to be handled again later")
	m.buried = telemetry.NewCounter("drydock_worker_dead_letters", "messages put with the dead letters")
	m.seconds = telemetry.NewHistogram("drydock_worker_handling", "s", "time from receipt to acknowledgement",
		.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300)
	return m
})

// handled counts one message that was settled.
func handled(ctx context.Context, stage, lane, outcome string, took time.Duration) {
	m := meters()
	labels := []slog.Attr{slog.String(telemetry.KeyStage, stage), slog.String(telemetry.KeyLane, lane)}
	m.seconds.Record(ctx, took.Seconds(), labels...)
	m.messages.Add(ctx, 1, append(labels, slog.String(telemetry.KeyOutcome, outcome))...)
	switch outcome {
	case "transient":
		m.failed.Add(ctx, 1, labels...)
		m.retried.Add(ctx, 1, labels...)
	case "permanent", "needs-human":
		m.failed.Add(ctx, 1, labels...)
		m.buried.Add(ctx, 1, labels...)
	}
}

// observe shows the consumers' lag and the breakers' state while a runner runs.
func observe(ctx context.Context, b bus.Bus) (stop func()) {
	lag := telemetry.ObserveGauge("drydock_worker_lag", "messages stored and not yet acknowledged, by consumer", func(set func(float64, ...slog.Attr)) {
		ctx, cancel := context.WithTimeout(ctx, settleLimit)
		defer cancel()
		st, err := b.Status(ctx)
		if err != nil {
			return
		}
		for _, c := range st.Consumers {
			set(float64(c.Pending)+float64(c.InFlight), slog.String(telemetry.KeyConsumer, c.Name))
		}
	})
	state := telemetry.ObserveGauge("drydock_breaker_open", "0 closed, 0.5 half-open, 1 open", func(set func(float64, ...slog.Attr)) {
		for _, s := range Breakers() {
			set(map[string]float64{"open": 1, "half-open": 0.5}[s.State], slog.String(telemetry.KeyName, s.Name))
		}
	})
	return func() { lag(); state() }
}
