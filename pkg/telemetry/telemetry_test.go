package telemetry

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		want string
	}{
		{"share", Config{Sample: 1.5}, "telemetry.sample: 1.5 is not a share"},
		{"no scheme", Config{Endpoint: "collector:4318"}, `telemetry.endpoint: "collector:4318"; want http(s)://host:port`},
		{"no host", Config{Endpoint: "http://"}, "telemetry.endpoint"},
		{"credentials", Config{Endpoint: "http://u:pw@h:4318"}, "telemetry.endpoint: holds a user name or password"},
		{"credentials and no scheme", Config{Endpoint: "u:pw@h:4318"}, "telemetry.endpoint: holds a user name or password"},
		{"credentials and another scheme", Config{Endpoint: "ftp://pw@h:4318"}, "telemetry.endpoint: holds a user name or password"},
		{"not a URL", Config{Endpoint: "http://u:pw@\x7f"}, "telemetry.endpoint: not a URL"},
		{"header", Config{Headers: map[string]Secret{"a b": {}}}, `telemetry.headers: "a b" is not the name`},
	} {
		_, err := Setup(t.Context(), c.c)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost")
	if _, err := Setup(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Errorf("bad environment: %v", err)
	}
}

// collector is an OTLP/HTTP collector on loopback.
type collector struct {
	mu     sync.Mutex
	got    map[string][]byte // all bodies by path
	header http.Header
	came   chan string // path of each request
}

func newCollector(t *testing.T) (*collector, string) {
	c := &collector{got: map[string][]byte{}, came: make(chan string, 100)}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	return c, srv.URL
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.got[r.URL.Path], c.header = append(c.got[r.URL.Path], b...), r.Header
	c.mu.Unlock()
	select {
	case c.came <- r.URL.Path:
	default: // nobody counts so many
	}
}

// take returns what came, and forgets it.
func (c *collector) take() map[string][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = map[string][]byte{}
	return got
}

func TestExportsOnlyWhenConfigured(t *testing.T) {
	c, url := newCollector(t)
	sent := NewCounter("drydock_test_sent", "Sent.")
	run := func(cfg Config) map[string][]byte {
		t.Helper()
		shutdown, err := Setup(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, end := Start(t.Context(), "plan payments", slog.String(KeyApp, "payments"))
		end(nil)
		sent.Add(t.Context(), 1)
		if err := shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		return c.take()
	}
	holds := func(what string, got map[string][]byte, path string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !bytes.Contains(got[path], []byte(text)) {
				t.Errorf("%s: %s got %q, want %q in it", what, path, got[path], text)
			}
		}
	}
	if got := run(Config{}); len(got) != 0 {
		t.Fatalf("sent without being asked for: %q", got)
	}
	got := run(Config{Endpoint: url + "/", Headers: map[string]Secret{"authorization": NewSecret("Bearer x")}})
	holds("by configuration", got, "/v1/traces", "plan payments", "payments")
	holds("by configuration", got, "/v1/metrics", "drydock_test_sent", "drydock")
	if c.header.Get("Authorization") != "Bearer x" {
		t.Errorf("the collector's token was not sent: %v", c.header)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	got = run(Config{Service: "drydock-scanner"})
	holds("by environment", got, "/v1/traces", "drydock-scanner")
	holds("by environment", got, "/v1/metrics", "drydock-scanner")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	if got = run(Config{}); len(got) != 1 || got["/v1/traces"] == nil {
		t.Errorf("OTEL_METRICS_EXPORTER=none was not obeyed: %q", got)
	}
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if got = run(Config{Endpoint: url}); len(got) != 0 {
		t.Error("OTEL_SDK_DISABLED was not obeyed")
	}
}

func TestMetricsAreSentAgainAndAgain(t *testing.T) {
	c, url := newCollector(t)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "5")
	NewCounter("drydock_test_again", "Again.").Add(t.Context(), 1)
	shutdown, err := Setup(t.Context(), Config{Endpoint: url})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if path := <-c.came; path != "/v1/metrics" {
			t.Errorf("a request to %s", path)
		}
	}
	if err := shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestCollectorAway: a collector that refuses costs the spans and is reported at the end, nothing else.
func TestCollectorAway(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer srv.Close()
	shutdown, err := Setup(t.Context(), Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, end := Start(t.Context(), "work")
	end(errors.New("refused"))
	if err := shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "send the last metrics") {
		t.Errorf("the end says %v", err)
	}
	if _, end := Start(t.Context(), "work goes on"); end == nil {
		t.Error("no span after the end")
	}
}

// TestOneTrace follows a trace as events do: from a request over a traceparent into another worker.
func TestOneTrace(t *testing.T) {
	spans, stop := Capture()
	defer stop()
	ctx, endRequest := Start(t.Context(), "request")
	tp := Traceparent(ctx)
	endRequest(nil)

	h := Headers{"TraceParent": {"stale"}}
	Inject(ctx, h)
	if len(h) != 1 || h.Get("TRACEPARENT") != tp {
		t.Errorf("headers %v, want one traceparent %s", h, tp)
	}
	worker := WithTraceparent(t.Context(), tp)
	_, endScan := Start(worker, "scan", slog.Int("attempt", 2), slog.Bool("ok", true), slog.Float64("s", 1.5))
	endScan(errors.New("disk gone"))

	got := spans()
	if len(got) != 2 || got[0].Trace != got[1].Trace || got[1].Parent != got[0].ID || got[1].Error != "disk gone" || got[1].Attrs["attempt"] != "2" {
		t.Errorf("spans %+v", got)
	}
	if TraceID(worker) != got[0].Trace {
		t.Errorf("trace id %q, want %q", TraceID(worker), got[0].Trace)
	}
}

func TestTraceparentForms(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for tp, want := range map[string]string{
		good: good, "": "", "garbage": "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": "",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "",
		strings.Repeat("0", 1<<16):                                "",
	} {
		if got := Traceparent(WithTraceparent(t.Context(), tp)); got != want {
			t.Errorf("%.60q gives %q, want %q", tp, got, want)
		}
	}
	if (Headers{"a": nil, "A": {"x"}}).Get("a") != "x" {
		t.Error("an empty spelling hides a full one")
	}
}

func TestLogger(t *testing.T) {
	var buf bytes.Buffer
	l := Logger(&buf, FormatAuto, false) // a buffer is no terminal
	ctx, end := Start(With(t.Context(), slog.String(KeyApp, "payments")), "s")
	defer end(nil)
	l.With("a", 1).InfoContext(With(ctx, slog.Int(KeyAttempt, 3)), "scan started")
	l.DebugContext(ctx, "not shown")
	var line map[string]any
	if err := json.Unmarshal(buf.Bytes(), &line); err != nil {
		t.Fatalf("not one line of JSON: %v: %s", err, buf.String())
	}
	if line["app"] != "payments" || line["attempt"] != 3.0 || line["a"] != 1.0 || line["trace_id"] != TraceID(ctx) {
		t.Errorf("line %v", line)
	}
	buf.Reset()
	Logger(&buf, FormatText, true).Debug("evil\x1b[2J", "pkg", "a\x1b[31m\nb\u202e")
	if strings.ContainsAny(buf.String(), "\x1b\u202e") || strings.Count(buf.String(), "\n") != 1 {
		t.Errorf("control characters came through: %q", buf.String())
	}
}

// TestKeysHaveOneSpelling keeps two keys from sharing a name.
func TestKeysHaveOneSpelling(t *testing.T) {
	src, err := os.ReadFile("keys.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for line := range strings.Lines(string(src)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " = \"")
		if name = strings.TrimSpace(name); !ok {
			if name, rest, ok = strings.Cut(strings.TrimSpace(line), "= \""); !ok {
				continue
			}
		}
		key, _, _ := strings.Cut(rest, `"`)
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s are both %q", name, other, key)
		}
		seen[key] = name
		if strings.ToLower(key) != key || strings.ContainsAny(key, " -.") {
			t.Errorf("%s: %q is not lower_case", name, key)
		}
	}
	if len(seen) < 20 {
		t.Errorf("found %d keys only", len(seen))
	}
}

func TestMetrics(t *testing.T) {
	ctx, run := t.Context(), rand.Text() // counters count on when the test runs once more in this process
	NewCounter("drydock_test_appends", "Events appended.").Add(ctx, 2, slog.String(KeyLane, run))
	NewHistogram("drydock_test_handle", "s", "Time to handle.", 0.1, 1).Record(ctx, 0.5, slog.String(KeyStage, run))
	stop := ObserveGauge("drydock_test_open", "Open things.", func(observe func(float64, ...slog.Attr)) {
		observe(3, slog.String(KeyName, "index"))
	})
	read := func() string {
		w := httptest.NewRecorder()
		MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	out := read()
	for _, want := range []string{
		`drydock_test_appends_total{lane="` + run + `"} 2`,
		`drydock_test_handle_seconds_bucket{stage="` + run + `",le="1"} 1`,
		`drydock_test_open{name="index"} 3`,
		"# HELP drydock_test_open Open things.",
		"go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	stop()
	if strings.Contains(read(), "drydock_test_open{") {
		t.Error("a removed gauge is still shown")
	}
}
