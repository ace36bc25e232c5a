package uv

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// missing is an ErrMissing with its cause and what to do.
func missing(format string, args ...any) error {
	return fmt.Errorf("%w: %w: %s", ErrMissing, fmt.Errorf(format, args...), install)
}

// fetch takes the wheel from the index, holds it and the program in it to the digests of the table, and moves
// the program to its place in one step: whoever looks sees all of it or nothing, and two who fetch at once
// write the same. An end half-way, by ctx or an error, leaves nothing behind.
func (l Locator) fetch(ctx context.Context) (*Tool, error) {
	switch {
	case len(l.wheels) == 0:
		return nil, missing("none is known for %s on %s", runtime.GOOS, runtime.GOARCH)
	case l.Dir == "":
		return nil, missing("it is not on PATH and there is no tools folder to fetch it to")
	case l.Index == nil:
		return nil, missing("it is neither on PATH nor in %s, and no index is asked for it", l.Dir)
	}
	p, err := l.Index.Project(ctx, "uv")
	if err != nil {
		return nil, missing("look for it in the index: %w", err)
	}
	w, f, ok := choose(p, l.wheels)
	if !ok {
		return nil, missing("the index has none for %s on %s: no %s", runtime.GOOS, runtime.GOARCH, l.wheels[0].file)
	}
	dir, err := l.workshop()
	if err != nil {
		return nil, missing("the tools folder can't be written: %w", err)
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "wheel")
	if err := l.download(ctx, p, f, w, archive); err != nil {
		return nil, missing("fetch %s: %w", w.file, err)
	}
	if err := unpack(ctx, archive, filepath.Join(dir, programName()), w); err != nil {
		return nil, missing("unpack %s: %w", w.file, err)
	}
	if err := move(filepath.Join(dir, programName()), l.home()); err != nil {
		return nil, missing("put it into the tools folder: %w", err)
	}
	t := l.kept()
	if t == nil {
		return nil, missing("what was just put into %s is not it: something else writes there", l.Dir)
	}
	l.say("uv %s is ready in %s", Version, l.Dir)
	return t, nil
}

// choose returns the best wheel that the index has. Its hash is ours, not the page's: an index that says
// another one fails when the file is compared.
func choose(p *index.Project, all []wheel) (wheel, index.File, bool) {
	for _, w := range all {
		for _, r := range p.Releases {
			for _, f := range r.Files {
				if f.Name == w.file {
					f.Hashes = map[string]string{"sha256": w.sha256}
					return w, f, true
				}
			}
		}
	}
	return wheel{}, index.File{}, false
}

// workshop makes a folder beside the final place, so that the program can be moved there in one step, and
// sweeps those that killed processes left.
func (l Locator) workshop() (string, error) {
	if err := os.MkdirAll(l.Dir, 0o755); err != nil {
		return "", err
	}
	old, _ := filepath.Glob(filepath.Join(l.Dir, ".uv-fetch-*"))
	for _, dir := range old {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > stale {
			_ = os.RemoveAll(dir)
		}
	}
	return os.MkdirTemp(l.Dir, ".uv-fetch-*")
}

func (l Locator) download(ctx context.Context, p *index.Project, f index.File, w wheel, to string) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	h := sha256.New()
	l.say("fetching uv %s from %s%s", Version, from(f.URL), megabytes(f.Size))
	stop := l.tick()
	err = l.Index.Fetch(ctx, p, f, io.MultiWriter(out, h))
	stop()
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != w.sha256 {
		return fmt.Errorf("its sha256 is %s, not %s: it is not the published file", got, w.sha256)
	}
	return out.Close()
}

// from is the host of a URL: all of it would be a long line that says no more.
func from(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return clip(plain(host[strings.LastIndexByte(host, '@')+1:]))
}

func megabytes(n int64) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%d MB)", (n+500_000)/1_000_000)
}

// tick tells every few seconds that the fetch goes on, until the function it returns is called.
func (l Locator) tick() (stop func()) {
	t := time.NewTicker(tickEvery)
	done := make(chan struct{})
	ended := make(chan struct{})
	start := time.Now()
	go func() {
		defer close(ended)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				l.say("still fetching uv %s after %d s", Version, int(time.Since(start).Seconds()))
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// unpack writes the program of the wheel to a file. Sizes in the archive are its maker's words: no more is
// written than the table says.
func unpack(ctx context.Context, archive, to string, w wheel) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	in, err := z.Open(member())
	if err != nil {
		return fmt.Errorf("it has no %s", member())
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer out.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(interruptible{ctx, in}, w.size+1))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != w.size || got != w.program {
		return errors.New("the program in it is not the published one")
	}
	if err := errors.Join(out.Chmod(0o755), out.Sync()); err != nil { // whatever the umask
		return err
	}
	return out.Close()
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

// move puts the finished program into its place.
func move(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}
