package uv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// check is what is remembered of a program that was looked at: reading its 40 MB takes 0.1 s, comparing these
// facts nothing. Whoever can write the tools folder could replace the program in it as well.
type check struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
	SHA256  string    `json:"sha256"`
	Version string    `json:"version,omitempty"` // where it was asked
}

// check returns the facts of a program, its digest computed anew when size or time of change differ from what
// was remembered, or nothing was.
func (l Locator) check(path string) (check, error) {
	info, err := os.Stat(path)
	if err != nil {
		return check{}, fmt.Errorf("look at it: %w", bare(err))
	}
	now := check{Path: path, Size: info.Size(), Changed: changed(info).UTC()}
	if old, ok := l.recall(path); ok && old.Path == now.Path && old.Size == now.Size && old.Changed.Equal(now.Changed) {
		return old, nil
	}
	if now.SHA256, err = digest(path); err != nil {
		return check{}, fmt.Errorf("read it: %w", err)
	}
	l.remember(now)
	return now, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", bare(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", bare(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (l Locator) record(path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(l.Dir, "checked", hex.EncodeToString(sum[:8])+".json")
}

func (l Locator) recall(path string) (c check, ok bool) {
	if l.Dir == "" {
		return c, false
	}
	f, err := os.Open(l.record(path))
	if err != nil {
		return c, false
	}
	defer f.Close()
	err = json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(&c)
	return c, err == nil && len(c.SHA256) == hex.EncodedLen(sha256.Size)
}

// remember fails silently: then the next check takes its tenth of a second again. So does what changed only now:
// file systems count time in ticks of some milliseconds, and another change in the same tick would not show.
func (l Locator) remember(c check) {
	if time.Since(c.Changed) < l.settled {
		return
	}
	data, err := json.Marshal(c)
	path := l.record(c.Path)
	if l.Dir == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".checked-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil && cerr == nil {
		_ = os.Rename(f.Name(), path)
	}
}

// examine makes a Tool of a program that is not ours, or an error that wraps ErrVersion. One whose digest is in
// our table need not be asked; another, such as a distribution's own build, says which version it is.
func (l Locator) examine(ctx context.Context, path string) (*Tool, error) {
	c, err := l.check(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVersion, err)
	}
	if !pinned(l.wheels, c.SHA256) && c.Version != Version {
		if c.Version, err = ask(ctx, path, l.patience); err != nil {
			return nil, err
		}
		if c.Version != Version {
			return nil, fmt.Errorf("%w: it is %s", ErrVersion, c.Version)
		}
		l.remember(c)
	}
	return c.tool(), nil
}

func (c check) tool() *Tool {
	return &Tool{Path: c.Path, Version: Version, Digest: "sha256:" + c.SHA256, seen: c}
}

// same says that the program is still the one that Find looked at. A time of change alone says little: a hard link
// made by a backup changes it, too, so the bytes decide.
func (t *Tool) same() error {
	if t.seen.Path == "" {
		return nil
	}
	info, err := os.Stat(t.Path)
	if err == nil && info.Size() == t.seen.Size {
		if changed(info).Equal(t.seen.Changed) {
			return nil
		}
		if sum, err := digest(t.Path); err == nil && sum == t.seen.SHA256 {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is not the program that was found there: find it again", ErrVersion, t.Path)
}

// ask runs `path --version` and returns the version it tells.
func ask(ctx context.Context, path string, limit time.Duration) (string, error) {
	dir, leave, err := room()
	if err != nil {
		return "", err
	}
	defer leave()
	r, err := run(ctx, command{path: path, args: []string{"--version"}, dir: dir, limit: limit, maxOut: maxVersionOutput, maxErr: maxVersionOutput})
	switch {
	case errors.Is(err, ErrTimeout):
		return "", fmt.Errorf("%w: no answer to --version within %s", ErrVersion, limit)
	case ctx.Err() != nil:
		return "", fmt.Errorf("ask %s for its version: %w", path, ctx.Err())
	case err != nil:
		return "", fmt.Errorf("%w: it can't be run: %w", ErrVersion, bare(err))
	case r.signal != "":
		return "", fmt.Errorf("%w: it was ended by a signal (%s) when asked for its version", ErrVersion, r.signal)
	case r.exit != 0:
		return "", fmt.Errorf("%w: asked for its version it ended with %d: %s", ErrVersion, r.exit, lastLine(r.stderr))
	}
	words := strings.Fields(string(r.stdout)) // uv 0.13.9 (x86_64-unknown-linux-gnu)
	if len(words) < 2 || words[0] != "uv" {
		return "", fmt.Errorf("%w: asked for its version it says %q", ErrVersion, clip(plain(string(r.stdout))))
	}
	return clip(plain(words[1])), nil
}
