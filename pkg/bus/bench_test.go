package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/bus/bustest"
	"github.com/drydock-dev/drydock/pkg/events"
)

// The benchmarks do the same twice in one run, with our code and with nats.go alone on a stream of the same
// settings, in turns so that a busy machine slows both; "ratio" is raw time over ours (1: no cost).

// payload is about what an event of this catalogue carries: 1.5 KB on the wire.
func benchEvents(b *testing.B, app, cause string, n int) []events.Event {
	out := make([]events.Event, n)
	for i := range out {
		m := events.Meta{App: app, Cause: cause, Key: strconv.Itoa(i), Actor: "bench", Time: time.Unix(1_790_000_000, 0)}
		e, err := events.New(m, events.ScanRequested{Application: app, Target: "/srv/" + app, Given: fmt.Sprintf("%01000d", i)})
		if err != nil {
			b.Fatal(err)
		}
		out[i] = e
	}
	return out
}

// turns runs ours and raw alternately for b.N rounds each and reports the ratio.
func turns(b *testing.B, events int, ours, raw func(round int)) {
	var mine, theirs time.Duration
	b.ResetTimer()
	for i := range b.N {
		t0 := time.Now()
		ours(i)
		t1 := time.Now()
		raw(i)
		mine, theirs = mine+t1.Sub(t0), theirs+time.Since(t1)
	}
	b.StopTimer()
	b.ReportMetric(theirs.Seconds()/mine.Seconds(), "ratio")
	b.ReportMetric(float64(events*b.N)/mine.Seconds(), "ours/s")
	b.ReportMetric(float64(events*b.N)/theirs.Seconds(), "raw/s")
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

// rawLog is a stream like EVENTS for the baseline, on the same server.
func rawLog(b *testing.B, target bus.Bus) (*nats.Conn, jetstream.JetStream) {
	js := bus.JS(target)
	stream, err := js.Stream(b.Context(), "EVENTS")
	if err != nil {
		b.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Name, cfg.Subjects = "RAW", []string{"raw.event.>"}
	if _, err := js.CreateStream(b.Context(), cfg); err != nil {
		b.Fatal(err)
	}
	return bus.Conn(target), js
}

func rawMessages(evs []events.Event) []*nats.Msg {
	out := make([]*nats.Msg, len(evs))
	for i, e := range evs {
		out[i] = &nats.Msg{Subject: "raw.event.routine." + events.App(e) + ".scan.requested", Data: e.Data(), Header: nats.Header{
			"Nats-Msg-Id": {e.ID()}, "ce-id": {e.ID()}, "ce-type": {e.Type()}, "ce-source": {e.Source()}, "ce-specversion": {"1.0"},
			"ce-subject": {events.App(e)}, "ce-time": {e.Time().Format(time.RFC3339Nano)}, "ce-lane": {"routine"}}}
	}
	return out
}

// expect asks for the same comparison our appends ask for.
func expect(m *nats.Msg, app string, after uint64) {
	m.Header["Nats-Expected-Last-Subject-Sequence"] = []string{strconv.FormatUint(after, 10)}
	m.Header["Nats-Expected-Last-Subject-Sequence-Subject"] = []string{"raw.event.*." + app + ".>"}
}

// BenchmarkAppendSingle: one event at a time, against js.PublishMsg. Wanted: ratio ≥ 0.85.
func BenchmarkAppendSingle(b *testing.B) {
	target := embedded(b, bus.EmbeddedConfig{Dir: b.TempDir()})
	_, js := rawLog(b, target)
	oursAfter, rawAfter := uint64(0), uint64(0)
	evs := benchEvents(b, "ledger", "c", b.N)
	msgs := rawMessages(evs)
	turns(b, 1, func(i int) {
		last, err := target.Append(b.Context(), "ledger", evs[i:i+1], oursAfter)
		check(b, err)
		oursAfter = last
	}, func(i int) {
		expect(msgs[i], "ledger", rawAfter)
		ack, err := js.PublishMsg(b.Context(), msgs[i])
		check(b, err)
		rawAfter = ack.Sequence
	})
}

// BenchmarkAppendBatch: atomic batches, against the same three headers by hand. Wanted: ratio ≥ 0.85.
func BenchmarkAppendBatch(b *testing.B) {
	for _, n := range []int{2, 10, 30} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			target := embedded(b, bus.EmbeddedConfig{Dir: b.TempDir()})
			nc, _ := rawLog(b, target)
			oursAfter, rawAfter := uint64(0), uint64(0)
			turns(b, n, func(i int) {
				last, err := target.Append(b.Context(), "ledger", benchEvents(b, "ledger", strconv.Itoa(i), n), oursAfter)
				check(b, err)
				oursAfter = last
			}, func(i int) {
				msgs := rawMessages(benchEvents(b, "ledger", strconv.Itoa(i), n)) // making the events is in both
				expect(msgs[0], "ledger", rawAfter)
				rawAfter = rawBatch(b, nc, msgs)
			})
		})
	}
}

func rawBatch(b *testing.B, nc *nats.Conn, msgs []*nats.Msg) uint64 {
	id := nuid.Next()
	var ack struct {
		Seq   uint64          `json:"seq"`
		Error json.RawMessage `json:"error"`
	}
	for i, m := range msgs {
		m.Header["Nats-Batch-Id"], m.Header["Nats-Batch-Sequence"] = []string{id}, []string{strconv.Itoa(i + 1)}
		switch i {
		case 0:
			_, err := nc.RequestMsg(m, time.Minute)
			check(b, err)
		case len(msgs) - 1:
			m.Header["Nats-Batch-Commit"] = []string{"1"}
			answer, err := nc.RequestMsg(m, time.Minute)
			check(b, err)
			check(b, json.Unmarshal(answer.Data, &ack))
			if ack.Error != nil {
				b.Fatalf("%s", ack.Error)
			}
		default:
			check(b, nc.PublishMsg(m))
		}
	}
	return ack.Seq
}

// BenchmarkAppendBatchVersusAsync: batches of ten, against publishing the same ten asynchronously with nothing
// held together. Wanted: ratio ≥ 0.55.
func BenchmarkAppendBatchVersusAsync(b *testing.B) {
	target := embedded(b, bus.EmbeddedConfig{Dir: b.TempDir()})
	_, js := rawLog(b, target)
	after := uint64(0)
	turns(b, 10, func(i int) {
		last, err := target.Append(b.Context(), "ledger", benchEvents(b, "ledger", strconv.Itoa(i), 10), after)
		check(b, err)
		after = last
	}, func(i int) {
		for _, m := range rawMessages(benchEvents(b, "ledger", strconv.Itoa(i), 10)) {
			_, err := js.PublishMsgAsync(m)
			check(b, err)
		}
		select {
		case <-js.PublishAsyncComplete():
		case <-time.After(time.Minute):
			b.Fatal("not all published")
		}
	})
}

// BenchmarkConsume: take a message, decode it, acknowledge it and wait for the answer, against nats.go's
// iterator with DoubleAck and no decoding. Wanted: ratio ≥ 0.65.
func BenchmarkConsume(b *testing.B) {
	target := embedded(b, bus.EmbeddedConfig{Dir: b.TempDir()})
	_, js := rawLog(b, target)
	const lot = 100
	last := uint64(0)
	var err error
	for i := range b.N { // a lot each, before the clock runs
		evs := benchEvents(b, "ledger", strconv.Itoa(i), lot)
		last, err = target.Append(b.Context(), "ledger", evs, last)
		check(b, err)
		for _, m := range rawMessages(evs) {
			_, err := js.PublishMsgAsync(m)
			check(b, err)
		}
		<-js.PublishAsyncComplete()
	}
	d, err := target.Consume(b.Context(), bus.Consumer{Name: "scanner", Filters: []string{"drydock.event.*.*.scan.requested"}, Prefetch: 8})
	check(b, err)
	cons, err := js.CreateConsumer(b.Context(), "RAW", jetstream.ConsumerConfig{Durable: "raw", AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: []string{"raw.event.*.*.scan.requested"},
		AckWait: bus.DefaultAckWait, MaxDeliver: bus.DefaultMaxDeliver, MaxAckPending: 10000})
	check(b, err)
	iter, err := cons.Messages(jetstream.PullMaxMessages(8))
	check(b, err)
	defer iter.Stop()
	turns(b, lot, func(int) {
		for range lot {
			m, err := d.Next(b.Context())
			check(b, err)
			check(b, m.Record().Err)
			check(b, m.Ack(b.Context()))
		}
	}, func(int) {
		for range lot {
			m, err := iter.Next()
			check(b, err)
			check(b, m.DoubleAck(b.Context()))
		}
	})
}

// BenchmarkReplay: read the log from the beginning, decoded, against a raw ordered consumer.
func BenchmarkReplay(b *testing.B) {
	target := embedded(b, bus.EmbeddedConfig{Dir: b.TempDir()})
	const lot, lots = 500, 20
	last := uint64(0)
	for i := range lots {
		var err error
		last, err = target.Append(b.Context(), "ledger", benchEvents(b, "ledger", strconv.Itoa(i), lot), last)
		check(b, err)
	}
	js := bus.JS(target)
	turns(b, lot*lots, func(int) {
		n := 0
		_, err := target.Replay(b.Context(), bus.Query{}, func(r bus.Record) error { n++; return r.Err })
		check(b, err)
		if n != lot*lots {
			b.Fatalf("%d records", n)
		}
	}, func(int) {
		cons, err := js.OrderedConsumer(b.Context(), "EVENTS", jetstream.OrderedConsumerConfig{})
		check(b, err)
		iter, err := cons.Messages()
		check(b, err)
		for range lot * lots {
			_, err := iter.Next()
			check(b, err)
		}
		iter.Stop()
	})
}

// BenchmarkEvidence: a 20 KiB document as one message (ours) against the object store (raw): why small
// documents go the first way.
func BenchmarkEvidence(b *testing.B) {
	target := embedded(b, bus.EmbeddedConfig{Dir: b.TempDir()})
	doc := make([]byte, 20<<10)
	turns(b, 1, func(i int) {
		copy(doc, strconv.Itoa(i))
		_, err := target.Evidence().Put(b.Context(), doc)
		check(b, err)
	}, func(i int) {
		check(b, bus.PutObject(b.Context(), target, strconv.Itoa(i), doc))
	})
}

// BenchmarkStart: a cold start in an empty directory, until appends are taken, and the stop.
func BenchmarkStart(b *testing.B) {
	var start time.Duration
	for range b.N {
		dir := b.TempDir()
		t0 := time.Now()
		target, err := bus.Embedded(context.Background(), bus.EmbeddedConfig{Dir: dir, Logger: quiet()})
		check(b, err)
		start += time.Since(t0)
		check(b, target.Close())
	}
	b.ReportMetric(float64(start.Microseconds())/float64(b.N)/1000, "ms-to-ready")
}

// BenchmarkMemory: what an append and its handling cost on the bus of one-shot commands.
func BenchmarkMemory(b *testing.B) {
	target := bus.NewMemory()
	d, err := target.Consume(b.Context(), bus.Consumer{Name: "scanner", Filters: []string{"drydock.event.*.*.scan.requested"}})
	check(b, err)
	evs := bustest.Events(b, "ledger", "c", b.N)
	last := uint64(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		last, err = target.Append(b.Context(), "ledger", evs[i:i+1], last)
		check(b, err)
		m, err := d.Next(b.Context())
		check(b, err)
		check(b, m.Record().Err)
		check(b, m.Ack(b.Context()))
	}
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}
