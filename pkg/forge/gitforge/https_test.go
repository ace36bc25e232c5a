package gitforge

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/forge"
	"github.com/drydock-dev/drydock/pkg/forge/forgetest"
	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// host serves a bare repository by git's own http-backend, over TLS, on loopback.
type host struct {
	*httptest.Server
	ca       string
	requests atomic.Int64
	denied   atomic.Int64
	// before may answer a request itself, and says so.
	before atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

const (
	hostUser   = "drydock-bot"
	hostSecret = "t0p/s3cret+pass word%41é" // characters that encodings change
)

func serve(t testing.TB, p *person) *host {
	t.Helper()
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skip("no git")
	}
	backend := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skip("this git has no http-backend")
	}
	h := &host{}
	handler := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(p.bare), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}, InheritEnv: []string{"PATH"}, Stderr: io.Discard}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		if fn := h.before.Load(); fn != nil && (*fn)(w, r) {
			return
		}
		user, password, ok := r.BasicAuth()
		if !ok || user != hostUser || password != hostSecret {
			h.denied.Add(1)
			w.Header().Set("WWW-Authenticate", `Basic realm="bank"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		c := *handler
		c.Env = append(c.Env[:4:4], "REMOTE_USER="+user, "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
		c.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	h.ca = filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	if err := os.WriteFile(h.ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, p.bare, "config", "http.receivepack", "true")
	return h
}

func (h *host) address(p *person) string { return h.URL + "/" + filepath.Base(p.bare) }

// trusted has the adapter know the host, and log in with the variable.
func (h *host) trusted(variable string) func(*Config) {
	return func(c *Config) {
		c.CAFile = h.ca
		c.Credentials = Environment{User: hostUser, Password: variable}
	}
}

// fixed knows one password.
type fixed struct{}

func (fixed) Get(context.Context, string, string) (string, telemetry.Secret, error) {
	return hostUser, telemetry.NewSecret(hostSecret), nil
}

func TestContractHTTPS(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.World {
		t.Parallel()
		p := started(t)
		h := serve(t, p)
		login := func(c *Config) { c.CAFile, c.Credentials = h.ca, fixed{} }
		return forgetest.World{Forge: open(t, h.address(p), login), Person: p,
			Another: func(t *testing.T) forge.Forge { return open(t, h.address(p), login) }}
	})
}

// Nothing that leaves the adapter, or that others on the machine can see of its children, holds the secret.
func TestLeaksNoSecret(t *testing.T) {
	t.Setenv("DRYDOCK_TEST_PASSWORD", hostSecret)
	p := started(t)
	h := serve(t, p)
	f := open(t, h.address(p), h.trusted("DRYDOCK_TEST_PASSWORD"))
	var seen strings.Builder
	var mu sync.Mutex
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, file := range []string{"cmdline", "environ"} {
			found, _ := filepath.Glob("/proc/[0-9]*/" + file)
			for _, name := range found {
				if name == fmt.Sprintf("/proc/%d/environ", os.Getpid()) || !ours(filepath.Dir(name), f.cfg.Dir) {
					continue
				}
				data, _ := os.ReadFile(name)
				fmt.Fprintf(&seen, "%s: %q\n", name, data)
			}
		}
	}
	// While the host answers, git and its children are there to be looked at.
	echo := "/payments.git/git-receive-pack"
	hook := func(w http.ResponseWriter, r *http.Request) bool {
		look()
		if r.URL.Path == echo && r.Header.Get("Authorization") != "" {
			http.Error(w, "you sent "+r.Header.Get("Authorization")+" and "+hostSecret, http.StatusForbidden)
			return true
		}
		return false
	}
	h.before.Store(&hook)
	proposal := fix(t, f)
	_, err := f.Propose(t.Context(), proposal)
	wantKind(t, err, forge.ErrNoAccess)
	echo = "/payments.git/info/refs"
	_, err2 := f.Base(t.Context())
	if e := wantKind(t, err2, forge.ErrNoAccess); !strings.Contains(e.Detail, "you sent Basic ••• and •••") {
		t.Errorf("%v: the host's words are not in it", err2)
	}
	texts := map[string]string{"error": err.Error() + err2.Error(), "error with +": fmt.Sprintf("%+v %#v", err, err), "processes": seen.String(), "forge": fmt.Sprintf("%+v", f.cfg)}
	if !strings.Contains(seen.String(), "git-remote-https") && !strings.Contains(seen.String(), "remote-https") {
		t.Errorf("no child of git was seen: %s", seen.String())
	}
	err = filepath.WalkDir(f.cfg.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, _ := os.ReadFile(path)
			texts[path] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.hidden.mu.Lock()
	defer f.hidden.mu.Unlock()
	for what, text := range texts {
		for secret := range f.hidden.texts {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds the secret as %q", what, secret)
			}
		}
	}
}

// ours says whether a process runs with the adapter's folder as its home.
func ours(proc, dir string) bool {
	env, err := os.ReadFile(filepath.Join(proc, "environ"))
	return err == nil && strings.Contains(string(env), "HOME="+dir)
}

func TestCredentials(t *testing.T) {
	p := started(t)
	h := serve(t, p)
	t.Setenv("RIGHT", hostSecret)
	t.Setenv("WRONG", "not-the-password")
	helper := filepath.Join(t.TempDir(), "helper")
	writeProgram(t, helper, `test "$2" = get || exit 9
while read -r line; do test -n "$line" || break; echo "$line" >>"$0.log"; done
test -n "$RIGHT" && test -z "$WRONG" || exit 8
printf 'protocol=https\nusername=%s\npassword=%s\n' "$1" "$RIGHT"`)
	bad := filepath.Join(t.TempDir(), "bad")
	writeProgram(t, bad, `echo "I know $RIGHT" >&2; echo "password=$RIGHT"; exit 3`)
	mute := filepath.Join(t.TempDir(), "mute")
	writeProgram(t, mute, `exit 0`)
	tests := []struct {
		name        string
		credentials Credentials
		want        string // in the error; empty: it works
	}{
		{"environment", Environment{User: hostUser, Password: "RIGHT"}, ""},
		{"helper", Helper{Command: []string{helper, hostUser}, Env: []string{"RIGHT"}}, ""},
		{"none", nil, "could not read Username"},
		{"wrong", Environment{User: hostUser, Password: "WRONG"}, "Authentication failed"},
		{"another user", Environment{Password: "RIGHT"}, "Authentication failed"},
		{"variable not set", Environment{Password: "NOT_SET_AT_ALL"}, "environment variable NOT_SET_AT_ALL is not set"},
		{"helper fails", Helper{Command: []string{bad}, Env: []string{"RIGHT"}}, "ended with 3"},
		{"helper is silent", Helper{Command: []string{mute}}, "answers no username and password"},
		{"helper is not there", Helper{Command: []string{mute + "x"}}, "can't be run"},
		{"helper without path", Helper{Command: []string{"store"}}, "want the absolute path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, h.address(p), func(c *Config) { c.CAFile, c.Credentials = h.ca, tt.credentials })
			_, err := f.Base(t.Context())
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e := wantKind(t, err, forge.ErrNoAccess)
			if !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), hostSecret) || strings.Contains(e.Error(), "not-the-password") {
				t.Errorf("%v: want %q in it", e, tt.want)
			}
		})
	}
	asked, _ := os.ReadFile(helper + ".log")
	if want := "protocol=https\nhost=" + strings.TrimPrefix(h.URL, "https://") + "\npath=payments.git\n"; string(asked) != want {
		t.Errorf("the helper was asked %q, want %q", asked, want)
	}
}

func TestHosts(t *testing.T) {
	t.Setenv("DRYDOCK_TEST_PASSWORD", hostSecret)
	p := started(t)
	h := serve(t, p)
	elsewhere := serve(t, p)
	login := h.trusted("DRYDOCK_TEST_PASSWORD")
	tests := []struct {
		name   string
		change func(*Config)
		before func(w http.ResponseWriter, r *http.Request) bool
		want   error
	}{
		{"certificate not known", func(c *Config) { c.CAFile = "" }, nil, forge.ErrNoAccess},
		{"no such repository", func(c *Config) { c.Remote += "x" }, nil, forge.ErrNotRepository},
		{"overloaded", func(*Config) {}, status(http.StatusServiceUnavailable), forge.ErrUnreachable},
		{"too many requests", func(*Config) {}, status(http.StatusTooManyRequests), forge.ErrUnreachable},
		{"no page of git", func(*Config) {}, status(http.StatusOK), forge.ErrNotRepository},
		{"moved", func(*Config) {}, func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, elsewhere.URL+r.URL.String(), http.StatusMovedPermanently)
			return true
		}, forge.ErrNotRepository},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.before != nil {
				h.before.Store(&tt.before)
				defer h.before.Store(nil)
			}
			_, err := open(t, h.address(p), login, tt.change).Base(t.Context())
			wantKind(t, err, tt.want)
		})
	}
	if n := elsewhere.requests.Load(); n > 0 {
		t.Errorf("git followed a redirection: %d requests", n)
	}
}

func status(code int) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		fmt.Fprintln(w, "hello")
		return true
	}
}

// The host takes the push and dies before it answers: the branch is there, and that is found out.
func TestAnswerLost(t *testing.T) {
	t.Setenv("DRYDOCK_TEST_PASSWORD", hostSecret)
	p := started(t)
	h := serve(t, p)
	f := open(t, h.address(p), h.trusted("DRYDOCK_TEST_PASSWORD"))
	proposal := fix(t, f)
	for _, done := range []bool{false, true} {
		lose := func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
				return false
			}
			if done {
				ready, err := f.again(t).Prepare(t.Context(), proposal)
				if err == nil {
					_, err = gitTry(f.objects.dir, nil, "push", "-q", p.bare, ready.Commit+":refs/heads/fix")
				}
				if err != nil {
					t.Error(err)
				}
			}
			panic(http.ErrAbortHandler)
		}
		h.before.Store(&lose)
		got, err := f.Propose(t.Context(), proposal)
		h.before.Store(nil)
		if !done {
			wantKind(t, err, forge.ErrUnreachable)
			if forge.Judge(err) != forge.Transient {
				t.Errorf("%v: not worth another try", err)
			}
			continue
		}
		if err != nil || p.Show(t, "fix").Commit != got.Commit {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// again is a Forge for the same remote with a cache of its own.
func (f *Forge) again(t *testing.T) *Forge {
	t.Helper()
	c := f.cfg
	c.Dir = filepath.Join(t.TempDir(), "again")
	g, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
