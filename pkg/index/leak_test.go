package index

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// internet is one server that is every host, over http and https, and remembers who was told what.
type internet struct {
	mu    sync.Mutex
	told  map[string]string // scheme://host/path → user:password
	serve http.HandlerFunc
	http.RoundTripper
}

func connect(t *testing.T, serve http.HandlerFunc) *internet {
	t.Helper()
	n := &internet{told: map[string]string{}, serve: serve}
	plain, secure := httptest.NewServer(n), httptest.NewTLSServer(n)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	dial := func(to *httptest.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
		}
	}
	tr := &http.Transport{DialContext: dial(plain), DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(secure)(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true}), nil //nolint:gosec // the test's own server, under any name
	}}
	t.Cleanup(tr.CloseIdleConnections)
	n.RoundTripper = tr
	return n
}

func (n *internet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scheme := map[bool]string{true: "https", false: "http"}[r.TLS != nil]
	user, password, ok := r.BasicAuth()
	who := "nobody"
	if ok {
		who = user + ":" + password
	}
	if r.Referer() != "" {
		who += " from " + r.Referer()
	}
	n.mu.Lock()
	n.told[scheme+"://"+r.Host+r.URL.Path] = who
	n.mu.Unlock()
	n.serve(w, r)
}

func writeNetrc(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The index's credentials go to the index's own scheme, host and port; another host gets what the netrc file names
// for it, wherever the way there led.
func TestCredentialsGoNowhereElse(t *testing.T) {
	good := wheelOf(t, info, facts10)
	leads := map[string]string{
		"/simple/sub/":   "https://sub.index.example/simple/sub/",
		"/simple/port/":  "https://index.example:8443/simple/port/",
		"/simple/cdn/":   "https://cdn.example/simple/cdn/",
		"/simple/named/": "https://files.example/simple/named/",
		"/simple/back/":  "https://cdn.example/simple/back/",
	}
	n := connect(t, func(w http.ResponseWriter, r *http.Request) {
		name := strings.Split(strings.Trim(r.URL.Path, "/"), "/")[1]
		switch to := leads[r.URL.Path]; {
		case r.Host == "cdn.example" && name == "back":
			http.Redirect(w, r, "https://index.example/again/back/", http.StatusFound)
		case to != "" && r.Host == "index.example":
			http.Redirect(w, r, to, http.StatusFound)
		case strings.HasSuffix(r.URL.Path, ".whl"):
			_, _ = w.Write(good)
		default:
			answerJSON(w, pageOf(name))
		}
	})
	netrc := writeNetrc(t, "machine index.example login carol password c\nmachine files.example login bob password b\ndefault login dan password d\n")
	c := NewClient(Config{URL: "https://ana:a@index.example/simple/", Netrc: netrc, Tries: 1, Transport: n})
	for name, want := range map[string]string{
		"own":   "https://index.example/simple/own/ ana:a",
		"sub":   "https://sub.index.example/simple/sub/ nobody",
		"port":  "https://index.example:8443/simple/port/ nobody",
		"cdn":   "https://cdn.example/simple/cdn/ nobody",
		"named": "https://files.example/simple/named/ bob:b",
		"back":  "https://index.example/again/back/ ana:a",
	} {
		if _, err := c.Project(t.Context(), name); err != nil {
			t.Error(err)
		}
		at, who, _ := strings.Cut(want, " ")
		if got := n.told[at]; got != who {
			t.Errorf("%s: %s was told %q, want %q", name, at, got, who)
		}
	}
	for at, who := range map[string]string{
		"https://index.example/files/a.whl": "ana:a", "https://files.example/files/b.whl": "bob:b", "https://cdn.example/files/c.whl": "nobody",
		"https://index.example:8443/files/d.whl": "nobody", "https://INDEX.example:443/files/f.whl": "ana:a", "http://files.example/files/e.whl": "",
	} {
		f := File{Name: wheelName, URL: at, Hashes: hashed(good)}
		_ = c.Fetch(t.Context(), &Project{Name: "demo"}, f, &bytes.Buffer{})
		if got := n.told[at]; got != who {
			t.Errorf("%s was told %q, want %q", at, got, who)
		}
	}
	plain := NewClient(Config{URL: "http://index.example/simple/", Netrc: netrc, Tries: 1, Transport: n})
	if _, err := plain.Project(t.Context(), "own"); err != nil || n.told["http://index.example/simple/own/"] != "carol:c" {
		t.Errorf("from netrc: %q %v", n.told["http://index.example/simple/own/"], err)
	}
}

// Credentials appear in no error, project, address or file of the cache, wherever they came from.
func TestCredentialsAppearNowhere(t *testing.T) {
	good := wheelOf(t, info, facts10)
	var do string
	n := connect(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, ".whl") && do != "bad file":
			_, _ = w.Write(good)
		case strings.HasSuffix(r.URL.Path, ".whl"):
			w.WriteHeader(http.StatusUnauthorized)
		case do == "redirect":
			w.Header().Set("Location", "ftp://user:hunter2@files.example/"+r.URL.Path)
			w.WriteHeader(302)
		case do == "broken":
			w.Header().Set("Content-Length", "99")
		case do == "401":
			w.WriteHeader(http.StatusUnauthorized)
		case do == "404":
			http.NotFound(w, r)
		default:
			w.Header().Set("ETag", `"1"`)
			answerJSON(w, pageOf("demo", offered{Filename: wheelName, URL: "http://user:hunter2@" + r.Host + "/files/" + wheelName, Hashes: hashed(good), Size: len(good)}))
		}
	})
	for _, where := range []string{"http://user:hunter2@index.example/simple/", "http://index.example/simple/", "http://hunter2@index.example/simple/", "http://:hunter2@index.example/simple/"} {
		netrc := writeNetrc(t, "machine index.example login user password hunter2\n")
		for _, do = range []string{"good", "bad file", "redirect", "broken", "401", "404"} {
			dir := t.TempDir()
			c := NewClient(Config{URL: where, Netrc: netrc, Tries: 1, Transport: n, CacheDir: dir})
			var said bytes.Buffer
			p, err := NewChain(c).Project(t.Context(), "demo")
			fmt.Fprintf(&said, "%v %+v %#v\n", err, err, err)
			if p != nil {
				body, _ := json.Marshal(p)
				said.Write(body)
				fmt.Fprintf(&said, "%+v", p)
				_, err := c.Metadata(t.Context(), p, p.Releases[0].Files[0])
				fmt.Fprintf(&said, "%v", err)
				if (err == nil) != (do == "good") {
					t.Errorf("%s: %v", do, err)
				}
			} else if do == "good" || do == "bad file" {
				t.Error(err)
			}
			said.WriteString(c.URL())
			_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				said.WriteString(path)
				if err == nil && !d.IsDir() {
					data, _ := os.ReadFile(path)
					said.Write(data)
				}
				return nil
			})
			if i := strings.Index(said.String(), "hunter2"); i >= 0 {
				t.Errorf("%s, %s: the password appears in …%s", where, do, said.String()[max(0, i-80):i+7])
			}
		}
	}
}
