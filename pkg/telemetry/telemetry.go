// Package telemetry is how Drydock tells what it is doing: one logger, one trace that follows a request
// through all workers by way of its events, and metrics for Prometheus.
//
// Everything else in the tree speaks [log/slog]: the attributes of a span or a metric are the attributes of
// a log line, under the keys of keys.go. OpenTelemetry itself is imported by otel.go alone.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Config says where telemetry goes. The zero value keeps it in this process: trace ids are made and
// travel with the events, metrics are served, nothing is sent anywhere.
type Config struct {
	// Service and Version name this process in traces; "drydock" when empty.
	Service string `json:"-" yaml:"-"`
	Version string `json:"-" yaml:"-"`
	// Endpoint is the base URL of an OTLP/HTTP collector, "https://collector.example:4318". Empty: the
	// variables OTEL_EXPORTER_OTLP_ENDPOINT, …_TRACES_ENDPOINT and …_METRICS_ENDPOINT decide, and without them
	// nothing is sent. Whoever runs the collector learns application names, paths and package names.
	Endpoint string `json:"endpoint,omitempty" yaml:"endpoint,omitempty"`
	// Headers go with each request to the collector: its token. Values are never printed.
	Headers map[string]Secret `json:"headers,omitempty" yaml:"headers,omitempty"`
	// Sample is the share of new traces that is sent, above 0 to 1; 0 means all. A trace begun elsewhere
	// keeps the decision made there.
	Sample float64 `json:"sample,omitempty" yaml:"sample,omitempty"`
}

// Validate names the field of c that is wrong, by its YAML path.
func (c Config) Validate() error {
	if c.Sample < 0 || c.Sample > 1 {
		return fmt.Errorf("telemetry.sample: %v is not a share; want above 0 to 1", c.Sample)
	}
	for name := range c.Headers {
		if name == "" || strings.ContainsAny(name, " \t\r\n:") {
			return fmt.Errorf("telemetry.headers: %q is not the name of an HTTP header", name)
		}
	}
	if c.Endpoint == "" {
		return nil
	}
	return checkEndpoint("telemetry.endpoint", c.Endpoint)
}

func checkEndpoint(where, endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil: // the text of the error would repeat credentials
		return fmt.Errorf("%s: not a URL; want http(s)://host:port of an OTLP/HTTP collector", where)
	case strings.Contains(endpoint, "@"):
		return fmt.Errorf("%s: holds a user name or password, which would show in error messages; put them in telemetry.headers or OTEL_EXPORTER_OTLP_HEADERS", where)
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return fmt.Errorf("%s: %q; want http(s)://host:port of an OTLP/HTTP collector", where, u.Redacted())
	}
	return nil
}

// Setup makes c the telemetry of this process, until shutdown, which sends what is still waiting. It sets up
// traces and, where a collector is named, the sending of both traces and metrics; loggers are made by [Logger],
// and metrics are counted and served from the first use on. A collector that can't be reached costs what it
// would have got, never work, and is said in the log.
func Setup(ctx context.Context, c Config) (shutdown func(context.Context) error, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	traces, err := c.sends("TRACES")
	if err != nil {
		return nil, err
	}
	metrics, err := c.sends("METRICS")
	if err != nil {
		return nil, err
	}
	stopTraces, err := setupTraces(ctx, c, traces)
	if err != nil {
		return nil, err
	}
	stopMetrics := func(context.Context) error { return nil }
	if metrics {
		if stopMetrics, err = sendMetrics(ctx, c, metricInterval()); err != nil {
			return nil, errors.Join(err, stopTraces(ctx))
		}
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, flushLimit)
		defer cancel()
		return errors.Join(stopTraces(ctx), stopMetrics(ctx))
	}, nil
}

// flushLimit is how long an end may take because of telemetry: the exporters would try a dead collector for
// a minute.
const flushLimit = 5 * time.Second

// sends reports whether a signal goes to a collector, by c or by the variables of the OpenTelemetry
// specification.
func (c Config) sends(signal string) (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || strings.EqualFold(os.Getenv("OTEL_"+signal+"_EXPORTER"), "none") {
		return false, nil
	}
	if c.Endpoint != "" {
		return true, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if v := os.Getenv(name); v != "" {
			return true, checkEndpoint(name, v)
		}
	}
	return false, nil
}

// url is where a signal goes below c.Endpoint (OTLP/HTTP specification).
func (c Config) url(signal string) string {
	return strings.TrimSuffix(c.Endpoint, "/") + "/v1/" + signal
}

// metricInterval is the time between two reports, a minute unless OTEL_METRIC_EXPORT_INTERVAL says otherwise
// (in milliseconds).
func metricInterval() time.Duration {
	if ms, err := strconv.Atoi(os.Getenv("OTEL_METRIC_EXPORT_INTERVAL")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return time.Minute
}

// MetricsHandler serves all metrics in Prometheus' text format.
func MetricsHandler() http.Handler { return metrics().handler }
