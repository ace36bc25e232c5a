package index

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const flaskPage = `{"meta": {"api-version": "1.1"}, "name": "Flask", "versions": ["2.2.2", "2.2.5"], "files": [
 {"filename": "flask-2.2.10-py3-none-any.whl", "url": "../../files/flask-2.2.10-py3-none-any.whl", "hashes": {"sha256": "cc"}, "requires-python": ">=3.8", "upload-time": "2023-06-02T10:00:00.5Z", "size": 7, "yanked": "broken"},
 {"filename": "Flask-2.2.5.tar.gz", "url": "https://files.example/Flask-2.2.5.tar.gz", "hashes": {"sha256": "bb"}, "requires-python": ">=3.7", "upload-time": "2023-05-02T11:00:00Z", "yanked": false},
 {"filename": "Flask-2.2.5-py3-none-any.whl", "url": "https://files.example/Flask-2.2.5-py3-none-any.whl", "hashes": {"sha256": "aa"}, "requires-python": ">=3.7", "upload-time": "2023-05-02T10:00:00Z", "yanked": true},
 {"filename": "Flask-2.3.0rc1.zip", "url": "x", "hashes": {}},
 {"filename": "Flask-2.2.2.exe", "url": "x", "hashes": {}},
 {"filename": "Flask-notaversion.tar.gz", "url": "x", "hashes": {}}]}`

// server answers like an index and counts what it is asked.
func server(t *testing.T, h http.HandlerFunc) (root string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/simple/", asked
}

func answerJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", accept)
	fmt.Fprint(w, body)
}

func client(root string) *Client {
	return NewClient(Config{URL: root, Netrc: "-", Tries: 1, Timeout: time.Hour}) // which no machine needs
}

func TestProject(t *testing.T) {
	root, asked := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/simple/flask/" || r.Header.Get("Accept") != accept {
			t.Errorf("asked for %s accepting %q", r.URL.Path, r.Header.Get("Accept"))
		}
		answerJSON(w, flaskPage)
	})
	c := client(strings.TrimSuffix(root, "/"))
	p, err := c.Project(t.Context(), "FLASK")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.Releases {
		got = append(got, fmt.Sprintf("%s %d %v %q %s %v", r.Version, len(r.Files), r.Yanked, r.YankedReason, r.RequiresPython, r.Released != nil))
	}
	want := []string{`2.2.5 2 false "" >=3.7 true`, `2.2.10 1 true "broken" >=3.8 true`, `2.3.0rc1 1 false ""  false`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if at := p.Releases[0].Released.Format(time.RFC3339); at != "2023-05-02T10:00:00Z" {
		t.Errorf("released %s, want that of the earliest file", at)
	}
	if u := p.Releases[1].Files[0].URL; !strings.HasSuffix(u, "/files/flask-2.2.10-py3-none-any.whl") || !strings.HasPrefix(u, "http://127.0.0.1") {
		t.Errorf("relative file URL became %s", u)
	}
	if _, err := c.Project(t.Context(), "flask"); err != nil || asked.Load() != 1 {
		t.Errorf("asked %d times (%v), want once while fresh", asked.Load(), err)
	}
}

func TestVersionOf(t *testing.T) {
	for file, want := range map[string]string{
		"zope.interface-5.0-py3-none-any.whl": "5.0", "zope_interface-5.0.1-1-cp39-cp39-linux_x86_64.whl": "5.0.1",
		"zope-interface-5.0.tar.gz": "5.0", "zope.interface-1.0-1.zip": "1.0.post1", "zope.interface-5.0a1.tar.bz2": "5.0a1",
		"zope.interface-5.0.egg": "", "zope.interface.tar.gz": "", "other-5.0.tar.gz": "", "zope.interface-5.0-py3.whl": "", "": "",
		"zope.interface-5.0-py3-none-any/../../x.whl": "", `zope.interface-5.0-py3-none-a\x.whl`: "", "zope.interface-5.0-py3-none-any\n.whl": "", "zope.interface-5.0-py3-none- .whl": "",
	} {
		v, ok := VersionOf("zope-interface", file)
		if ok != (want != "") || ok && v.String() != want {
			t.Errorf("%s: %v %v, want %q", file, v, ok, want)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for _, tc := range []struct {
		name   string
		handle http.HandlerFunc
		kind   error
		says   string
	}{
		{"404", http.NotFound, ErrUnknownProject, "look up flask in the index http://127.0.0.1"},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, ErrUnreachable, "/: it answers 500"},
		{"401", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, ErrUnreachable, "check the user and password"},
		{"403 in colour", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				fmt.Fprint(c, "HTTP/1.1 403 \x1b[31mno\r\nContent-Length: 0\r\n\r\n")
				c.Close()
			}
		}, ErrUnreachable, "it answers 403 [31mno: check the user and password"},
		{"HTML only", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>")
		}, ErrUnusable, "HTML only, Drydock needs its JSON form (PEP 691)"},
		{"another type", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "image/png") }, ErrUnusable, `"image/png"`},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, "{") }, ErrUnusable, "read its JSON"},
		{"no files", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, `{"meta":{"api-version":"1.0"}}`) }, ErrUnusable, `no "files"`},
		{"version 2", func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, `{"meta":{"api-version":"2.0"},"files":[]}`)
		}, ErrUnusable, `api-version is "2.0"`},
		{"another package", func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, `{"meta":{"api-version":"1.0"},"name":"evil\u001b[31m","files":[]}`)
		}, ErrUnusable, `it speaks of "evil[31m"`},
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", accept)
			for range 33 {
				fmt.Fprint(w, huge)
			}
		}, ErrUnusable, "more than 32 MB"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			answerJSON(w, `{"meta"`)
		}, ErrUnreachable, "read its answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, _ := server(t, tc.handle)
			_, err := client(root).Project(t.Context(), "flask")
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%v, want %v saying %q", err, tc.kind, tc.says)
			}
			if tc.kind == ErrUnusable && !errors.Is(err, ErrUnreachable) {
				t.Error("an unusable answer does not count as unreachable")
			}
		})
	}
}

func TestSlowAndDead(t *testing.T) {
	release := make(chan struct{})
	root, _ := server(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	c := NewClient(Config{URL: root, Timeout: 20 * time.Millisecond, Tries: 1, Netrc: "-"})
	if _, err := c.Project(t.Context(), "flask"); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("slow: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewClient(Config{URL: root, Tries: 1, Netrc: "-"}).Project(ctx, "flask"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	if _, err := client(dead.URL).Project(t.Context(), "flask"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("dead: %v", err)
	}
}

func TestRetries(t *testing.T) {
	var n atomic.Int32
	root, asked := server(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < 3 {
			w.WriteHeader(503)
			return
		}
		answerJSON(w, flaskPage)
	})
	if _, err := NewClient(Config{URL: root, Netrc: "-"}).Project(t.Context(), "flask"); err != nil || asked.Load() != 3 {
		t.Errorf("%d tries, %v", asked.Load(), err)
	}
}

func TestGuard(t *testing.T) {
	root, _ := server(t, http.NotFound)
	var seen []error
	open := false
	c := NewClient(Config{URL: root, Netrc: "-", Tries: 1, Guard: func(ctx context.Context, do func(context.Context) error) error {
		if open {
			return errors.New("circuit breaker is open")
		}
		err := do(ctx)
		seen = append(seen, err)
		return err
	}})
	if _, err := c.Project(t.Context(), "flask"); !errors.Is(err, ErrUnknownProject) || len(seen) != 1 || seen[0] != nil {
		t.Errorf("an unknown package counted as a failure of the index: %v, %v", err, seen)
	}
	open = true
	if _, err := c.Project(t.Context(), "jinja2"); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "breaker is open") {
		t.Errorf("open breaker: %v", err)
	}
}

func TestCacheAsksConditionally(t *testing.T) {
	var conditional atomic.Int32
	root, asked := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			conditional.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		answerJSON(w, flaskPage)
	})
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	open := func() *Client {
		return NewClient(Config{URL: root, CacheDir: dir, Netrc: "-", Tries: 1, Now: func() time.Time { return now }})
	}
	first, err := open().Project(t.Context(), "flask")
	if err != nil {
		t.Fatal(err)
	}
	again, err := open().Project(t.Context(), "flask")
	if err != nil || asked.Load() != 1 || again.Digest != first.Digest || len(again.Releases) != 3 || !again.Releases[1].Yanked || again.Releases[1].YankedReason != "broken" {
		t.Fatalf("from disk: asked %d, %v, %+v", asked.Load(), err, again)
	}
	now = now.Add(time.Hour)
	later, err := open().Project(t.Context(), "flask")
	if err != nil || conditional.Load() != 1 || later.Digest != first.Digest || !later.Fetched.Equal(now) {
		t.Fatalf("after max-age: %d conditional requests, %v", conditional.Load(), err)
	}
	if _, err := open().Project(t.Context(), "flask"); err != nil || asked.Load() != 2 {
		t.Errorf("an unchanged page counts as fresh again: asked %d, %v", asked.Load(), err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "flask.json"))
	if len(files) != 1 {
		t.Fatalf("cache files: %v", files)
	}
	data, _ := os.ReadFile(files[0])
	for name, bad := range map[string][]byte{"damaged": append(data[:len(data)-9:len(data)-9], "tampered!"...), "half": data[:len(data)/2], "empty": nil} {
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		before := asked.Load()
		if p, err := open().Project(t.Context(), "flask"); err != nil || asked.Load() != before+1 || p.Digest != first.Digest {
			t.Errorf("%s cache file: %v", name, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	other, otherAsked := server(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, flaskPage) })
	root, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/simple/flask"):
			http.Redirect(w, r, "/mirror/flask/", http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/mirror"):
			answerJSON(w, flaskPage)
		case strings.HasPrefix(r.URL.Path, "/simple/loop"):
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		default:
			http.Redirect(w, r, other+"elsewhere/", http.StatusFound)
		}
	})
	if _, err := client(root).Project(t.Context(), "flask"); err != nil {
		t.Errorf("within the host: %v", err)
	}
	if _, err := client(root).Project(t.Context(), "elsewhere"); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "without https") || otherAsked.Load() != 0 {
		t.Errorf("to another host: %v, asked %d", err, otherAsked.Load())
	}
	if _, err := client(root).Project(t.Context(), "loop"); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "in a row") {
		t.Errorf("loop: %v", err)
	}
	c := NewClient(Config{URL: "https://index.example/simple/"})
	step := func(from, to string) error {
		f, _ := url.Parse(from)
		u, _ := url.Parse(to)
		return c.redirect(&http.Request{URL: u}, []*http.Request{{URL: f}})
	}
	if err := step("https://index.example/simple/x/", "https://cdn.example/x/"); err != nil {
		t.Errorf("https to https elsewhere: %v", err)
	}
	if err := step("https://index.example/simple/x/", "http://index.example/x/"); err == nil {
		t.Error("https was left for http")
	}
}

func TestCredentialsStayInside(t *testing.T) {
	var user, password string
	root, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		w.WriteHeader(http.StatusForbidden)
	})
	withUser := strings.Replace(root, "http://", "http://ana:s3cret@", 1)
	dir := t.TempDir()
	c := NewClient(Config{URL: withUser, Netrc: "-", Tries: 1, Timeout: time.Hour, CacheDir: dir})
	_, err := c.Project(t.Context(), "flask")
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(c.URL(), "s3cret") || user != "ana" || password != "s3cret" {
		t.Errorf("sent %q %q, error %v", user, password, err)
	}
	for _, bad := range []string{"http://ana:s3cret@host:bad port/", "ftp://ana:s3cret@host/", "http://ana:s3cret@/x", "http://ana:s3cr%ZZet@host/", "http://ana:s3cret@[::1/", "s3cret:x@host/", "s3cret@host/"} {
		if _, err := NewClient(Config{URL: bad, Netrc: "-"}).Project(t.Context(), "flask"); !errors.Is(err, ErrUnreachable) || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("%v", err)
		}
	}
	netrc := filepath.Join(dir, "netrc")
	text := "# comment\nmachine other login x password y\nmacdef init\nmachine 127.0.0.1 login no password no\n\nmachine 127.0.0.1\n  login bob\n  password hunter2\ndefault login d password e\n"
	if err := os.WriteFile(netrc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(Config{URL: root, Netrc: netrc, Tries: 1}).Project(t.Context(), "flask"); err == nil || user != "bob" || password != "hunter2" {
		t.Errorf("netrc: sent %q %q (%v)", user, password, err)
	}
	if u := fromNetrc(netrc, "else", true); u == nil || u.Username() != "d" {
		t.Errorf("default entry: %v", u)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	gate := make(chan struct{})
	root, asked := server(t, func(w http.ResponseWriter, r *http.Request) {
		<-gate
		if strings.Contains(r.URL.Path, "missing") {
			http.NotFound(w, r)
			return
		}
		answerJSON(w, strings.Replace(flaskPage, `"Flask"`, `""`, 1))
	})
	c := client(root)
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := c.Project(t.Context(), "flask"); err != nil {
				t.Error(err)
			}
		}()
	}
	close(gate)
	wg.Wait()
	if n := asked.Load(); n > 20 || n < 1 {
		t.Errorf("asked %d times", n)
	}
	got := Prefetch(t.Context(), c, []string{"flask", "missing", "Flask"}, 2)
	if len(got) != 3 || got["flask"].Err != nil || got["Flask"].Project != got["flask"].Project || !errors.Is(got["missing"].Err, ErrUnknownProject) {
		t.Errorf("%+v", got)
	}
	if _, err := c.Project(t.Context(), "../etc"); !errors.Is(err, ErrUnknownProject) {
		t.Errorf("a name that is a path: %v", err)
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(flaskPage))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePage("flask", data, &url.URL{})
		if err != nil {
			return
		}
		body, err := p.seal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadDocument("flask", body)
		if err != nil || len(again.Releases) != len(p.Releases) || again.Digest != p.Digest {
			t.Fatalf("what was kept does not read: %v", err)
		}
		if body2, err := again.Document(); err != nil || string(body2) != string(body) {
			t.Fatalf("what was kept reads as something else: %v\n%s\n%s", err, body, body2)
		}
	})
}
