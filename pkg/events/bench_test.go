package events_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/drydock-dev/drydock/pkg/events"
)

// typical is an event of about 1.5 KB on the wire.
func typical(b *testing.B) events.Event {
	f := opened("f-0123456789abcdef")
	f.IDs, f.FixedIn, f.Title = []string{"CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq", "PYSEC-2023-62"}, []string{"2.2.5", "2.3.2"}, strings.Repeat("Possible disclosure of a permanent session cookie. ", 14)
	return goldenEvent(b, f)
}

func BenchmarkEncode(b *testing.B) {
	e := typical(b)
	b.ReportMetric(float64(events.Size(e)), "bytes")
	for b.Loop() {
		if _, _, err := events.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

// headerWriter is the least an SDK binding of NATS does to write binary mode (without percent-coding).
type headerWriter struct {
	header map[string][]string
}

func BenchmarkEncodeSDK(b *testing.B) {
	e := typical(b)
	ctx := context.Background()
	for b.Loop() {
		w := &headerWriter{header: map[string][]string{}}
		if err := (*binding.EventMessage)(&e).ReadBinary(ctx, w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	header, data, err := events.Encode(typical(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := events.DecodeMessage(header, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeSDK(b *testing.B) {
	header, data, err := events.Encode(typical(b))
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for b.Loop() {
		if _, err := binding.ToEvent(ctx, message{header, data}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	e := typical(b)
	for b.Loop() {
		if err := events.Check(e); err != nil {
			b.Fatal(err)
		}
	}
}

// findings is the log of an application in which one scan found n things.
func findings(b *testing.B, app string, n int) []events.Record {
	s := &story{t: b, app: app, cause: "scan"}
	at := epoch
	for i := range n {
		f := full()[6].(events.FindingOpened)
		f.Finding = events.FindingID(app, f.Scope, f.Ecosystem, fmt.Sprint("package-", i), f.Vulnerability)
		f.Package, f.Vulnerability, f.Published = fmt.Sprint("package-", i), fmt.Sprint("CVE-2023-", i), &at
		s.add(f.Finding, f)
	}
	return s.records
}

func BenchmarkFold300(b *testing.B) {
	records := findings(b, "payments", 300)
	for b.Loop() {
		if _, err := events.Fold("payments", records); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/300, "ns/event")
}

func BenchmarkClone300(b *testing.B) {
	s, err := events.Fold("payments", findings(b, "payments", 300))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.Clone()
	}
}

// BenchmarkStateMemory says what an open finding costs while the state of its application is kept.
func BenchmarkStateMemory(b *testing.B) {
	const apps, n = 100, 300
	for b.Loop() {
		var before, after runtime.MemStats
		states := make([]*events.State, apps)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range states {
			app := fmt.Sprint("app-", i)
			s, err := events.Fold(app, findings(b, app, n))
			if err != nil {
				b.Fatal(err)
			}
			states[i] = s
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond) // the pool of shared texts lets go of the unused after a collection
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(apps*n), "bytes/finding")
		runtime.KeepAlive(states)
	}
}

func (w *headerWriter) Start(context.Context) error { return nil }
func (w *headerWriter) End(context.Context) error   { return nil }
func (w *headerWriter) SetData(io.Reader) error     { return nil }

func (w *headerWriter) SetAttribute(a spec.Attribute, value any) error {
	s, err := types.Format(value)
	w.header["ce-"+a.Name()] = []string{s}
	return err
}

func (w *headerWriter) SetExtension(name string, value any) error {
	s, err := types.Format(value)
	w.header["ce-"+name] = []string{s}
	return err
}
