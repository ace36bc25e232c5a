package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/services/gateway/api"
)

func TestForeignPagesAreRefused(t *testing.T) {
	h := build(t)
	for name, c := range map[string]struct {
		header, value string
		want          int
	}{
		"own address":           {"", "", 200},
		"localhost":             {"Host", "localhost:7700", 200},
		"IPv6 loopback":         {"Host", "[::1]:7700", 200},
		"rebound name":          {"Host", "evil.example", 403},
		"rebound with port":     {"Host", "evil.example:7700", 403},
		"loopback as a prefix":  {"Host", "127.0.0.1.evil.example", 403},
		"foreign origin":        {"Origin", "https://evil.example", 403},
		"null origin":           {"Origin", "null", 403},
		"cross-site navigation": {"Sec-Fetch-Site", "cross-site", 403},
		"page on another port":  {"Sec-Fetch-Site", "same-site", 403},
		"typed in a browser":    {"Sec-Fetch-Site", "none", 200},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequest(http.MethodGet, h.server.URL+"/v1/status", nil)
			if c.header == "Host" {
				req.Host = c.value
			} else if c.header != "" {
				req.Header.Set(c.header, c.value)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != c.want || res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("status %d with %v, want %d and no CORS", res.StatusCode, res.Header, c.want)
			}
		})
	}
}

func TestErrorsAreProblems(t *testing.T) {
	h := build(t)
	for name, c := range map[string]struct {
		method, path, body string
		status, exit       int
	}{
		"unknown application": {"GET", "/v1/applications/nobody", "", 404, 4},
		"bad duration":        {"GET", "/v1/scans/1?wait=soon", "", 422, 3},
		"no path":             {"POST", "/v1/scans", `{}`, 422, 3},
		"no JSON":             {"POST", "/v1/scans", `{`, 400, 3},
		"unknown key":         {"POST", "/v1/scans", `{"path":"/a","pth":"/b"}`, 422, 3},
		"large body":          {"POST", "/v1/scans", `{"path":"/` + strings.Repeat("a", maxBody) + `"}`, 413, 3},
		"bad lane":            {"POST", "/v1/scans", `{"path":"/a","lane":"fast"}`, 422, 3},
		"bad resume":          {"GET", "/v1/events?follow=false&type=x.y", "", 422, 3},
		"odd index":           {"POST", "/v1/scans", `{"path":"/a","index_url":"ftp://x"}`, 422, 3},
		"no digest":           {"GET", "/v1/evidence/x", "", 422, 3},
		"unknown path":        {"GET", "/v1/nope", "", 404, 4},
		"root":                {"GET", "/", "", 404, 4},
		"wrong method":        {"DELETE", "/v1/scans", "", 405, 3},
		"no form":             {"POST", "/v1/scans", "text", 415, 3},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequest(c.method, h.server.URL+c.path, strings.NewReader(c.body))
			req.Header.Set("Content-Type", "application/json")
			if c.status == 415 {
				req.Header.Set("Content-Type", "text/plain")
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			data, _ := io.ReadAll(res.Body)
			var p api.Problem
			if res.StatusCode != c.status || res.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(data, &p) != nil || p.Status != c.status ||
				p.Type == "" || p.Title == "" || p.Detail == "" || p.Fix == "" || p.ExitCode != c.exit {
				t.Errorf("%d %s: %s; want %d application/problem+json with fix and exit_code %d", res.StatusCode, res.Header.Get("Content-Type"), data, c.status, c.exit)
			}
			if c.status == 405 && res.Header.Get("Allow") != "POST" {
				t.Errorf("Allow: %q", res.Header.Get("Allow"))
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		says string
	}{
		"default":          {Default(), ""},
		"any port":         {Config{Listen: "localhost:0"}, ""},
		"IPv6":             {Config{Listen: "[::1]:7700"}, ""},
		"no port":          {Config{Listen: "127.0.0.1"}, "gateway.listen"},
		"everywhere":       {Config{Listen: ":7700"}, "gateway.allow_remote"},
		"other machine":    {Config{Listen: "10.0.0.1:7700"}, "gateway.allow_remote"},
		"remote, wanted":   {Config{Listen: "0.0.0.0:7700", AllowRemote: true}, ""},
		"wildcard":         {Config{Listen: "127.0.0.1:1", AllowedHosts: []string{"drydock.example", "*.example"}}, "gateway.allowed_hosts[1]"},
		"name of a proxy":  {Config{Listen: "127.0.0.1:1", AllowedHosts: []string{"drydock.example"}}, ""},
		"address for host": {Config{Listen: "127.0.0.1:1", AllowedHosts: []string{"http://x"}}, "gateway.allowed_hosts[0]"},
	} {
		err := c.cfg.Validate()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	h := build(t)
	res, err := http.Get(h.server.URL + "/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct {
		OpenAPI    string
		Paths      map[string]any
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("openapi = %q, %v", doc.OpenAPI, err)
	}
	for _, key := range []string{"type", "title", "status", "detail", "fix", "exit_code"} {
		if doc.Components.Schemas["Problem"].Properties[key] == nil {
			t.Errorf("a problem's %s is not described", key)
		}
	}
	for _, path := range []string{"/v1/scans", "/v1/scans/{id}", "/v1/applications", "/v1/applications/{app}", "/v1/applications/{app}/plan",
		"/v1/changes", "/v1/evidence/{digest}", "/v1/status", "/v1/events", "/v1/deadletters", "/v1/deadletters/{id}/requeue", "/v1/deadletters/{id}/drop"} {
		if doc.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
}

func TestProbes(t *testing.T) {
	h := build(t)
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/nothing": 404} {
		res, err := http.Get(h.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s = %d, want %d", path, res.StatusCode, want)
		}
	}
}
