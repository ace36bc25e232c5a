package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
)

// Several indexes: the first that knows a name answers, each with its own credentials from the environment.
func TestSeveralIndexes(t *testing.T) {
	var told []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		told = append(told, fmt.Sprintf("%s %s:%s", r.URL.Path, user, password))
		if r.URL.Path != "/public/flask/" && r.URL.Path != "/bank/acme/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		fmt.Fprint(w, `{"meta":{"api-version":"1.0"},"files":[]}`)
	}))
	defer srv.Close()
	cfg := defaultConfig()
	text := fmt.Sprintf("index:\n  netrc: \"-\"\n  sources:\n  - name: team-a\n    url: %[1]s/bank/\n  - {name: public, url: %[2]s/public/}\n", srv.URL, strings.Replace(srv.URL, "//", "//ana:old@", 1))
	if err := decodeConfig([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DRYDOCK_INDEX_TEAM_A_USERNAME": "bob", "DRYDOCK_INDEX_TEAM_A_PASSWORD": "p@ss/word", "DRYDOCK_INDEX_USERNAME": "nobody", "DRYDOCK_INDEX_PASSWORD": "x"}
	p := &parts{cfg: cfg, getenv: func(k string) string { return env[k] }}
	for name, at := range map[string]string{"acme": "/bank/", "flask": "/public/"} {
		project, err := p.index("").Project(t.Context(), name)
		if err != nil || project.Index != srv.URL+at {
			t.Errorf("%s: %+v, %v", name, project, err)
		}
	}
	if _, err := p.index("").Project(t.Context(), "neither"); !errors.Is(err, index.ErrUnknownProject) {
		t.Error(err)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"/bank/acme/ bob:p@ss/word", "/bank/flask/ bob:p@ss/word", "/public/flask/ ana:old"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if strings.Contains(all, "/public/acme/") || strings.Contains(all, "nobody") {
		t.Errorf("asked\n%s", all)
	}
	told = nil
	if _, err := p.index(srv.URL+"/bank/").Project(t.Context(), "acme"); err != nil || told[0] != "/bank/acme/ :" {
		t.Errorf("an address that is named, not configured, was told %v, %v", told, err)
	}
	one := &parts{cfg: Config{Index: IndexConfig{URL: srv.URL + "/public/", Netrc: "-"}}, getenv: p.getenv}
	if _, err := one.index("").Project(t.Context(), "flask"); err != nil || told[1] != "/public/flask/ nobody:x" {
		t.Errorf("the one index was told %v, %v", told, err)
	}
}

// Whoever may use the API names an index; the credentials of the server's own user are not for that one.
func TestNamedIndexGetsNoCredentials(t *testing.T) {
	var got atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store("authorization: " + r.Header.Get("Authorization"))
		http.NotFound(w, r)
	}))
	defer srv.Close()
	for _, entry := range []string{"default", "machine 127.0.0.1"} {
		netrc := filepath.Join(t.TempDir(), "netrc")
		if err := os.WriteFile(netrc, []byte(entry+" login ana password s3cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for configured, want := range map[string]string{"": "authorization: ", srv.URL + "/simple/": "authorization: Basic YW5hOnMzY3JldA=="} {
			p := &parts{cfg: Config{Index: IndexConfig{URL: configured, Netrc: netrc}}}
			_, _ = p.index(srv.URL+"/simple/").Project(t.Context(), "lib") // unknown
			if got.Load() != want {
				t.Errorf("%s, configured %q: %s", entry, configured, got.Load())
			}
		}
	}
}

func TestIndexConfiguration(t *testing.T) {
	for text, says := range map[string]string{
		"url: https://packages.bank.example/simple/":                                      "",
		"sources: [{name: bank, url: 'https://h/simple'}]":                                "",
		"url: ftp://ana:s3cret@host/":                                                     "index.url: it does not begin with https://",
		"url: s3cret:x@host/":                                                             "index.url: it does not begin with https://",
		"url: https://ana:s3cret@/x":                                                      "index.url: it has no host",
		"url: 'https://ana:s3cr%ZZet@host/'":                                              "index.url: it can't be read",
		"url: https://host/?token=s3cret":                                                 "index.url: it has a query",
		"{url: 'https://h/', sources: [{name: a, url: 'https://h/'}]}":                    "index.url, index.sources: both are given",
		"sources: [{url: 'https://h/'}]":                                                  `index.sources[0].name: ""; want a name`,
		"sources: [{name: Bank, url: 'https://h/'}]":                                      `index.sources[0].name: "Bank"`,
		"sources: [{name: a}]":                                                            "index.sources[0].url: is missing",
		"sources: [{name: a, url: 'https://h/'}, {name: a, url: 'https://i/'}]":           `index.sources[1].name: "a" is that of index.sources[0] too`,
		"sources: [{name: a, url: 'https://h/'}, {name: b, url: 'https://ana:s3cret@h'}]": "index.sources[1].url: is that of index.sources[0] too",
		"sources: [{name: a, url: 'https://h/', password: x}]":                            `unknown field "password"`,
		"urls: [https://h/]":                                                              `unknown field "urls"`,
	} {
		cfg := defaultConfig()
		err := decodeConfig([]byte("index:\n  "+text+"\n"), &cfg)
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cr")) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}
