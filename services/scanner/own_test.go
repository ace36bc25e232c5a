package scanner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
)

// The repository's own file is kept with a scan of a declared repository, and with no other; only a plain one of a size
// that may be, which lies in the application's folder itself.
func TestOwnFileIsKept(t *testing.T) {
	const text = "policy: {classes: {high: {deadline: {detected: 2d}}}}\n"
	secret := filepath.Join(t.TempDir(), "secret")
	rewrite(t, secret, "policy: {}\n")
	for name, c := range map[string]struct {
		put        func(file string) error
		repository bool
		want       string
	}{
		"there":      {func(f string) error { return os.WriteFile(f, []byte(text), 0o600) }, true, text},
		"empty":      {func(f string) error { return os.WriteFile(f, nil, 0o600) }, true, ""},
		"none":       {func(string) error { return nil }, true, "none"},
		"a folder":   {func(f string) error { return os.WriteFile(f, []byte(text), 0o600) }, false, "none"},
		"a link":     {func(f string) error { return os.Symlink(secret, f) }, true, "none"},
		"no file":    {func(f string) error { return os.Mkdir(f, 0o700) }, true, "none"},
		"too large":  {func(f string) error { return os.WriteFile(f, []byte("#"+strings.Repeat(" ", maxOwnFile)), 0o600) }, true, "none"},
		"just fits":  {func(f string) error { return os.WriteFile(f, []byte(strings.Repeat("#", maxOwnFile)), 0o600) }, true, strings.Repeat("#", maxOwnFile)},
		"not a link": {func(f string) error { return os.Link(secret, f) }, true, "policy: {}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\n"})
			if err := c.put(filepath.Join(dir, ownName)); err != nil {
				t.Fatal(err)
			}
			w.service.deps.Checkout = func(context.Context, string) (string, string, func() error, error) {
				return dir, "4f2a9c1d", func() error { return nil }, nil
			}
			done, _ := w.completed(w.handle(events.ScanRequested{Application: "app", Target: dir, Given: "app", Repository: c.repository}, "app"))
			if c.want == "none" {
				if done.Own != "" {
					t.Errorf("kept %s", done.Own)
				}
				return
			}
			data, err := w.shelf.Get(t.Context(), evidence.Digest(done.Own))
			if err != nil || string(data) != c.want {
				t.Errorf("kept %q, %v", data, err)
			}
			again, _ := w.completed(w.handle(events.ScanRequested{Application: "app", Target: dir, Given: "app", Repository: true}, "app"))
			if again.Own != done.Own {
				t.Errorf("another one: %s, %s", again.Own, done.Own)
			}
		})
	}
	if _, err := ownFile(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a checkout that is gone: %v", err)
	}
}
