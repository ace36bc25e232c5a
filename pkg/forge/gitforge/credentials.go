package gitforge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/drydock-dev/drydock/pkg/telemetry"
)

// Credentials know how to log in to a host. They are asked before each use, so what they answer may be short-lived.
type Credentials interface {
	// Get returns user and password (or token) for https://host/path. Its error must not hold either.
	Get(ctx context.Context, host, path string) (user string, password telemetry.Secret, err error)
}

// Environment takes credentials from variables of this process's environment.
type Environment struct {
	User     string // itself, no variable; empty: "git", which hosts that know tokens ignore
	Password string // name of the variable that holds a password or token
}

// Get reads the variable.
func (e Environment) Get(context.Context, string, string) (string, telemetry.Secret, error) {
	text := os.Getenv(e.Password)
	if text == "" {
		return "", telemetry.Secret{}, fmt.Errorf("the environment variable %s is not set or empty", e.Password)
	}
	user := e.User
	if user == "" {
		user = "git"
	}
	return user, telemetry.NewSecret(text), nil
}

// Helper takes credentials from a program that speaks git's credential helper
// protocol (git-credential(1)). Whoever can write the program can read the
// credentials; it is named in the server's configuration, never by a repository.
type Helper struct {
	Command []string // absolute path and arguments; "get" is added
	Env     []string // names of variables it is given, besides PATH and HOME
}

// Get runs the program.
func (h Helper) Get(ctx context.Context, host, path string) (string, telemetry.Secret, error) {
	none := telemetry.Secret{}
	if len(h.Command) == 0 || !filepath.IsAbs(h.Command[0]) {
		return "", none, errors.New("credential helper: want the absolute path of a program")
	}
	name := h.Command[0]
	var env []string
	for _, v := range append([]string{"PATH", "HOME"}, h.Env...) {
		if text, ok := os.LookupEnv(v); ok {
			env = append(env, v+"="+text)
		}
	}
	ask := fmt.Sprintf("protocol=https\nhost=%s\npath=%s\n\n", host, strings.TrimPrefix(path, "/"))
	r, err := run(ctx, command{path: name, args: append(h.Command[1:len(h.Command):len(h.Command)], "get"), env: env, dir: "/", limit: patience, in: strings.NewReader(ask)})
	switch {
	case r.killed != nil:
		return "", none, fmt.Errorf("credential helper %s: %w", name, r.killed)
	case err != nil:
		return "", none, fmt.Errorf("credential helper %s can't be run: %w", name, err)
	case r.exit != 0: // what it said may hold what it knows
		return "", none, fmt.Errorf("credential helper %s ended with %d", name, r.exit)
	}
	var user, password string
	for line := range strings.SplitSeq(string(r.stdout), "\n") {
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\r"), "="); key {
		case "username":
			user = value
		case "password":
			password = value
		}
	}
	if user == "" || password == "" {
		return "", none, fmt.Errorf("credential helper %s answers no username and password for %s", name, host)
	}
	return user, telemetry.NewSecret(password), nil
}

// login is what git's helper answers, or nil.
func (f *Forge) login(ctx context.Context) ([]byte, error) {
	if f.remote.scheme != "https" || f.cfg.Credentials == nil {
		return nil, nil
	}
	user, password, err := f.cfg.Credentials.Get(ctx, f.remote.host, f.remote.path)
	if err != nil {
		return nil, err
	}
	text := password.Reveal()
	if text == "" || strings.ContainsAny(user+text, "\n\r\x00") {
		return nil, errors.New("the credentials are empty or hold more than one line")
	}
	f.hidden.add(user, text)
	return []byte("username=" + user + "\npassword=" + text + "\n"), nil
}

// redactor knows the secrets that were used and hides them in texts of git and of the remote.
type redactor struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (r *redactor) add(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil {
		r.texts = map[string]bool{}
	}
	pair := []byte(user + ":" + password)
	for _, s := range []string{password, url.QueryEscape(password), url.PathEscape(password), url.UserPassword("", password).String()[1:],
		base64.StdEncoding.EncodeToString(pair), base64.RawStdEncoding.EncodeToString(pair), base64.RawStdEncoding.EncodeToString([]byte(password))} {
		r.texts[s] = true
	}
}

func (r *redactor) hide(b []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	longest := slices.SortedFunc(maps.Keys(r.texts), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, s := range longest { // one may hold another
		b = bytes.ReplaceAll(b, []byte(s), []byte("•••"))
	}
	return b
}
