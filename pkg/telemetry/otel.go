package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/drydock-dev/drydock"

// tracing is the tracer in use. Before Setup it makes ids and sends nothing, so that traceparents link the
// events of one request in every process.
var tracing atomic.Pointer[sdktrace.TracerProvider]

func provider() *sdktrace.TracerProvider {
	if p := tracing.Load(); p != nil {
		return p
	}
	tracing.CompareAndSwap(nil, newProvider(Config{}, nil))
	return tracing.Load()
}

// newProvider samples as c says even when nothing is sent: the flag travels, and a later process may send.
func newProvider(c Config, sp sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	share := c.Sample
	if share == 0 {
		share = 1
	}
	o := []sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))),
		sdktrace.WithResource(ourselves(c)),
	}
	if sp != nil {
		o = append(o, sdktrace.WithSpanProcessor(sp))
	}
	return sdktrace.NewTracerProvider(o...)
}

// ourselves names this process. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win: they say what we can't know.
func ourselves(c Config) *resource.Resource {
	name := c.Service
	if name == "" {
		name = "drydock"
	}
	env, err := resource.New(context.Background(), resource.WithFromEnv())
	if err != nil {
		slog.Warn("OTEL_RESOURCE_ATTRIBUTES is not key=value,…; ignored", slog.String(KeyError, err.Error()))
	}
	ours := resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.version", c.Version))
	if merged, err := resource.Merge(ours, env); err == nil {
		return merged
	}
	return ours
}

func setupTraces(ctx context.Context, c Config, send bool) (func(context.Context) error, error) {
	var sp sdktrace.SpanProcessor
	if send {
		var o []otlptracehttp.Option
		if c.Endpoint != "" {
			o = append(o, otlptracehttp.WithEndpointURL(c.url("traces")))
		}
		if len(c.Headers) > 0 {
			o = append(o, otlptracehttp.WithHeaders(revealed(c.Headers)))
		}
		exp, err := otlptracehttp.New(ctx, o...)
		if err != nil {
			return nil, fmt.Errorf("set up trace export: %w", err)
		}
		sp = sdktrace.NewBatchSpanProcessor(exp)
		otel.SetErrorHandler(otel.ErrorHandlerFunc(sayOncePerMinute()))
	}
	return install(newProvider(c, sp)), nil
}

func revealed(secrets map[string]Secret) map[string]string {
	out := make(map[string]string, len(secrets))
	for k, v := range secrets {
		out[k] = v.Reveal()
	}
	return out
}

// install makes p the tracer until the returned function is called, which brings the one before back.
func install(p *sdktrace.TracerProvider) func(context.Context) error {
	before := tracing.Swap(p)
	return func(ctx context.Context) error {
		tracing.CompareAndSwap(p, before)
		if err := p.Shutdown(ctx); err != nil {
			return fmt.Errorf("send the remaining traces: %w", err)
		}
		return nil
	}
}

// sayOncePerMinute keeps a collector that is down for a day from filling the log.
func sayOncePerMinute() func(error) {
	var mu sync.Mutex
	var last time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= time.Minute {
			last = now
			slog.Warn("telemetry not sent; work goes on", slog.String(KeyError, err.Error()))
		}
	}
}

// Span is a finished span as [Capture] saw it.
type Span struct {
	Name, Trace, ID string
	Parent          string // span id, empty for the first of a trace
	Error           string // what end was given
	Attrs           map[string]string
}

// Capture collects the spans ended from now on, of the whole process, until stop: a test's collector. Tests
// that use it don't run in parallel.
func Capture() (spans func() []Span, stop func()) {
	c := &capture{}
	off := install(newProvider(Config{}, sdktrace.NewSimpleSpanProcessor(c)))
	return c.all, func() { _ = off(context.Background()) }
}

type capture struct {
	mu   sync.Mutex
	seen []Span
}

func (c *capture) all() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.seen...)
}

func (c *capture) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range spans {
		sp := Span{Name: s.Name(), Trace: s.SpanContext().TraceID().String(), ID: s.SpanContext().SpanID().String(), Error: s.Status().Description, Attrs: map[string]string{}}
		if s.Parent().IsValid() {
			sp.Parent = s.Parent().SpanID().String()
		}
		for _, a := range s.Attributes() {
			sp.Attrs[string(a.Key)] = a.Value.String()
		}
		c.seen = append(c.seen, sp)
	}
	return nil
}

func (c *capture) Shutdown(context.Context) error { return nil }

// Start begins a span; end finishes it, as failed when its error is not nil.
func Start(ctx context.Context, name string, attrs ...slog.Attr) (_ context.Context, end func(error)) {
	ctx, span := provider().Tracer(scope).Start(ctx, name, trace.WithAttributes(attributes(attrs)...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Inject writes the trace of ctx into the headers h.
func Inject(ctx context.Context, h Headers) { propagation.TraceContext{}.Inject(ctx, h) }

// Extract returns ctx with the trace named in the headers h; without a valid one, ctx itself.
func Extract(ctx context.Context, h Headers) context.Context {
	return propagation.TraceContext{}.Extract(ctx, h)
}

func traceIDs(ctx context.Context) (traceID, spanID string) {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc.TraceID().String(), sc.SpanID().String()
	}
	return "", ""
}

func attributes(attrs []slog.Attr) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		v := a.Value.Resolve() // a Secret resolves to its mask
		switch v.Kind() {
		case slog.KindInt64:
			out = append(out, attribute.Int64(a.Key, v.Int64()))
		case slog.KindBool:
			out = append(out, attribute.Bool(a.Key, v.Bool()))
		case slog.KindFloat64:
			out = append(out, attribute.Float64(a.Key, v.Float64()))
		default:
			out = append(out, attribute.String(a.Key, v.String()))
		}
	}
	return out
}

// meters is the process's registry; it needs no set-up.
type meters struct {
	meter   metric.Meter
	handler http.Handler
	reader  *sdkmetric.ManualReader // the same figures for OTLP
}

var metrics = sync.OnceValue(func() meters {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exp, err := otelprom.New(otelprom.WithRegisterer(reg), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil { // only a registry that holds it already refuses, and this one is new
		panic("telemetry: " + err.Error())
	}
	reader := sdkmetric.NewManualReader()
	return meters{
		meter:   sdkmetric.NewMeterProvider(sdkmetric.WithReader(exp), sdkmetric.WithReader(reader)).Meter(scope),
		handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
		reader:  reader,
	}
})

// sendMetrics reports to the collector every interval and once more at the end. The SDK's periodic reader is
// no use: readers join a provider when it is made, and ours is made before the configuration is read.
func sendMetrics(ctx context.Context, c Config, interval time.Duration) (func(context.Context) error, error) {
	var o []otlpmetrichttp.Option
	if c.Endpoint != "" {
		o = append(o, otlpmetrichttp.WithEndpointURL(c.url("metrics")))
	}
	if len(c.Headers) > 0 {
		o = append(o, otlpmetrichttp.WithHeaders(revealed(c.Headers)))
	}
	exp, err := otlpmetrichttp.New(ctx, o...)
	if err != nil {
		return nil, fmt.Errorf("set up metric export: %w", err)
	}
	us := ourselves(c)
	send := func(ctx context.Context) error {
		var m metricdata.ResourceMetrics
		if err := metrics().reader.Collect(ctx, &m); err != nil {
			return fmt.Errorf("read metrics: %w", err)
		}
		m.Resource = us
		return exp.Export(ctx, &m)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		say := sayOncePerMinute()
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-running.Done():
				return
			case <-tick.C:
				if err := send(running); err != nil && running.Err() == nil {
					say(err)
				}
			}
		}
	}()
	return func(ctx context.Context) error {
		stop()
		<-ended
		if err := errors.Join(send(ctx), exp.Shutdown(ctx)); err != nil {
			return fmt.Errorf("send the last metrics: %w", err)
		}
		return nil
	}, nil
}

// Counter counts what happened.
type Counter struct{ c metric.Float64Counter }

// NewCounter makes a counter, "drydock_events_appended" (Prometheus shows it with "_total").
func NewCounter(name, help string) Counter {
	return Counter{must(metrics().meter.Float64Counter(name, metric.WithDescription(help)))}
}

// Add adds n, which is not negative.
func (c Counter) Add(ctx context.Context, n float64, labels ...slog.Attr) {
	c.c.Add(ctx, n, metric.WithAttributes(attributes(labels)...))
}

// Histogram measures how long or large things are.
type Histogram struct{ h metric.Float64Histogram }

// NewHistogram makes a histogram; unit "s" or "By" becomes part of its name. Bounds are the upper limits of
// its buckets.
func NewHistogram(name, unit, help string, bounds ...float64) Histogram {
	o := []metric.Float64HistogramOption{metric.WithDescription(help), metric.WithUnit(unit)}
	if len(bounds) > 0 {
		o = append(o, metric.WithExplicitBucketBoundaries(bounds...))
	}
	return Histogram{must(metrics().meter.Float64Histogram(name, o...))}
}

// Record records one measurement.
func (h Histogram) Record(ctx context.Context, v float64, labels ...slog.Attr) {
	h.h.Record(ctx, v, metric.WithAttributes(attributes(labels)...))
}

// ObserveGauge shows, whenever metrics are read, what read observes. stop removes it.
func ObserveGauge(name, help string, read func(observe func(v float64, labels ...slog.Attr))) (stop func()) {
	g := must(metrics().meter.Float64ObservableGauge(name, metric.WithDescription(help)))
	reg := must(metrics().meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		read(func(v float64, labels ...slog.Attr) {
			o.ObserveFloat64(g, v, metric.WithAttributes(attributes(labels)...))
		})
		return nil
	}, g))
	return func() { _ = reg.Unregister() }
}

// must is for names and bounds written in the source: a wrong one shows in the first test.
func must[T any](v T, err error) T {
	if err != nil {
		panic("telemetry: " + err.Error())
	}
	return v
}
