package telemetry

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/goccy/go-yaml"
)

const leaked = "hunter2-s3cr3t"

type doc struct{ T Secret }

type holder struct {
	Name   string            `json:"name" yaml:"name"`
	Token  Secret            `json:"token" yaml:"token"`
	Ptr    *Secret           `json:"ptr" yaml:"ptr"`
	Map    map[string]Secret `json:"map" yaml:"map"`
	List   []Secret          `json:"list" yaml:"list"`
	hidden Secret
}

// TestSecretLeaksNowhere sends a secret down every channel Drydock has.
func TestSecretLeaksNowhere(t *testing.T) {
	s := NewSecret(leaked)
	h := holder{"n", s, &s, map[string]Secret{"a": s}, []Secret{s}, s}
	ctx := t.Context()
	channels := map[string]func() string{
		"error":         func() string { return fmt.Errorf("dial with %v: %w", s, errors.New(s.String())).Error() },
		"json":          func() string { b, _ := json.Marshal(h); return string(b) },
		"json key":      func() string { b, _ := json.Marshal(map[Secret]int{s: 1}); return string(b) },
		"json v2":       func() string { b, _ := jsonv2.Marshal(h); return string(b) },
		"yaml":          func() string { b, _ := yaml.Marshal(h); return string(b) },
		"xml":           func() string { b, _ := xml.Marshal(doc{s}); return string(b) },
		"slog text":     func() string { return logged(FormatText, s, h) },
		"slog json":     func() string { return logged(FormatJSON, s, h) },
		"html template": func() string { return rendered(h) },
		"http header":   func() string { return fmt.Sprint(http.Header{"X": {s.String()}}) },
		"panic":         func() string { return panicked(s) },
		"span": func() string {
			spans, stop := Capture()
			defer stop()
			_, end := Start(ctx, "call", slog.Any("token", s), slog.Any("config", h))
			end(fmt.Errorf("401 with %s", s))
			return fmt.Sprint(spans())
		},
		"metric": func() string {
			NewCounter("test_secret", "t").Add(ctx, 1, slog.Any("kind", s))
			w := httptest.NewRecorder()
			MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			return w.Body.String()
		},
		"telemetry's own config": func() string {
			c := Config{Endpoint: "http://user:" + leaked + "@", Headers: map[string]Secret{"authorization": s}}
			return fmt.Sprintf("%+v", c.Headers) + c.Validate().Error()
		},
	}
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %b %o %c %U %e %t %p %20s %-20.3s %+q %T") {
		channels["fmt "+verb] = func() string {
			return fmt.Sprintf(strings.Repeat(verb+" ", 6), s, &s, h, &h, []any{s, &h}, map[Secret]Secret{s: s})
		}
	}
	for name, run := range channels {
		out := run()
		for _, form := range []string{leaked, fmt.Sprintf("%x", leaked), fmt.Sprintf("%X", leaked), fmt.Sprintf("%d", []byte(leaked)), "hunter"} {
			if strings.Contains(out, form) {
				t.Errorf("%s shows the secret: %s", name, out)
			}
		}
		if out == "" {
			t.Errorf("%s: nothing was written, so nothing was tested", name)
		}
	}
}

func logged(format string, s Secret, h holder) string {
	var buf bytes.Buffer
	l := Logger(&buf, format, true).With("with", s).WithGroup("g")
	l.Info("hello "+s.String(), "secret", s, "pointer", &s, "struct", h, "err", fmt.Errorf("x %v", h), slog.Group("in", "s", s))
	return buf.String()
}

func rendered(h holder) string {
	var buf bytes.Buffer
	_ = template.Must(template.New("t").Parse(`<a href="{{.Token}}">{{.Token}} {{.Ptr}} {{.Map}} {{.List}}</a><script>var x={{.}}</script>`)).Execute(&buf, h)
	return buf.String()
}

func panicked(s Secret) (out string) {
	defer func() { out = fmt.Sprint(recover()) }()
	panic(s)
}

func TestSecretReadsBack(t *testing.T) {
	var c struct{ Token Secret }
	if err := yaml.Unmarshal([]byte("token: "+leaked), &c); err != nil || c.Token.Reveal() != leaked {
		t.Fatalf("yaml: %v, revealed %q", err, c.Token.Reveal())
	}
	if err := json.Unmarshal([]byte(`{"Token":"abc"}`), &c); err != nil || c.Token.Reveal() != "abc" {
		t.Fatalf("json: %v, revealed %q", err, c.Token.Reveal())
	}
	if err := yaml.Unmarshal([]byte("token: •••"), &c); err == nil || !strings.Contains(err.Error(), "not a secret") {
		t.Errorf("the mask was taken for a secret: %v", err)
	}
}

func TestSecretEqual(t *testing.T) {
	for _, c := range []struct {
		s     Secret
		given string
		want  bool
	}{{NewSecret("a"), "a", true}, {NewSecret("a"), "b", false}, {NewSecret("a"), "aa", false}, {NewSecret(""), "", false}, {Secret{}, "", false}} {
		if got := c.s.Equal(c.given); got != c.want {
			t.Errorf("Equal(%q, %q) = %v", c.s.Reveal(), c.given, got)
		}
	}
	if (Secret{}).String() != "" || fmt.Sprint(NewSecret("")) != "" {
		t.Error("an empty secret should print as nothing, to show that it is not set")
	}
}
