// Package wheelhouse keeps distributions by their sha256, each once for all applications. They are fetched here,
// outside, by our own client; what installs them sees a folder of files with their own names, read-only and
// without any network (design §5 "Children of the same binary").
package wheelhouse

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// ErrName reports a distribution whose file name can't be one.
var ErrName = errors.New("not the name of a distribution")

// ErrCorrupt reports a kept file that is no longer what its digest says; it is removed and fetched again.
var ErrCorrupt = errors.New("a kept distribution changed")

// Wanted is a distribution to install: the file of a project at an index.
type Wanted struct {
	Project *index.Project
	File    index.File // with its sha256
}

// House keeps distributions in a folder:
//
//	<dir>/<first two hex digits>/<sha256 hex>
//	<dir>/.new-…                                being fetched; what a crash left is removed by Collect
//
// Whoever can write there is held off by the digest, which is checked whenever a file is handed out.
type House struct {
	dir string

	mu     sync.Mutex
	flying map[string]*flight
}

type flight struct {
	done chan struct{}
	err  error
}

// Open opens a house, and makes it where it is missing.
func Open(dir string) (*House, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the wheelhouse: %w", err)
	}
	return &House{dir: dir, flying: map[string]*flight{}}, nil
}

var (
	hexForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+!-]*\.(whl|tar\.gz|zip)$`)
)

// Gather makes sure that all distributions are kept, a few at a time, and lays them out in a new folder under
// their own names, for an installer that is given nothing else, held to every strong hash that the index states. say, where it is not nil, is told of each one
// that had to be fetched. On an error the folder is not there; what was fetched by then stays for the next try.
func (h *House) Gather(ctx context.Context, from index.Fetcher, all []Wanted, into string, say func(name string, size int64)) (err error) {
	names := map[string]string{}
	for _, w := range all {
		sum := w.File.Hashes["sha256"]
		switch {
		case !nameForm.MatchString(w.File.Name) || len(w.File.Name) > maxName:
			return fmt.Errorf("gather %.80q: %w", w.File.Name, ErrName)
		case !hexForm.MatchString(sum):
			return fmt.Errorf("gather %s: %w", w.File.Name, index.ErrUnverified)
		case names[w.File.Name] != "" && names[w.File.Name] != sum:
			return fmt.Errorf("gather %s: asked for with two different digests", w.File.Name)
		}
		names[w.File.Name] = sum
	}
	if err := h.fetchAll(ctx, from, all, say); err != nil {
		return err
	}
	if err := os.Mkdir(into, 0o700); err != nil {
		return fmt.Errorf("lay out the wheelhouse: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(into))
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := h.lay(names[name], filepath.Join(into, name)); err != nil {
			return fmt.Errorf("lay out %s: %w", name, err)
		}
	}
	for _, w := range all {
		if err := asStated(filepath.Join(into, w.File.Name), w.File.Hashes); err != nil {
			return fmt.Errorf("lay out %s: %w", w.File.Name, err)
		}
	}
	return nil
}

func (h *House) fetchAll(ctx context.Context, from index.Fetcher, all []Wanted, say func(string, int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for _, w := range all {
		wg.Go(func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-slots }()
			if err := h.keep(ctx, from, w, say); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// keep fetches one distribution unless it is there. Several who want the same share one fetch.
func (h *House) keep(ctx context.Context, from index.Fetcher, w Wanted, say func(string, int64)) error {
	sum := w.File.Hashes["sha256"]
	for {
		if whole(h.place(sum), sum) == nil {
			return nil
		}
		h.mu.Lock()
		f := h.flying[sum]
		if f == nil {
			f = &flight{done: make(chan struct{})}
			h.flying[sum] = f
			h.mu.Unlock()
			f.err = h.fetch(ctx, from, w, say)
			h.mu.Lock()
			delete(h.flying, sum)
			h.mu.Unlock()
			close(f.done)
			return f.err
		}
		h.mu.Unlock()
		select {
		case <-f.done:
			if f.err != nil && !errors.Is(f.err, context.Canceled) {
				return f.err // the other's context ending is not ours
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (h *House) fetch(ctx context.Context, from index.Fetcher, w Wanted, say func(string, int64)) error {
	if say != nil {
		say(w.File.Name, w.File.Size)
	}
	sum := w.File.Hashes["sha256"]
	place := h.place(sum)
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return fmt.Errorf("keep %s: %w", w.File.Name, err)
	}
	aside := filepath.Join(h.dir, ".new-"+rand.Text())
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return fmt.Errorf("keep %s: %w", w.File.Name, err)
	}
	defer func() { _ = os.Remove(aside) }() // it has moved away, or is of no use
	err = from.Fetch(ctx, w.Project, w.File, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil { // the client verified what it read; this is what was written
		err = whole(aside, sum)
	}
	if err == nil {
		err = os.Rename(aside, place)
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", w.File.Name, err)
	}
	return nil
}

// lay puts a file under its name: a hard link where the file system lets us, else a copy. Either way what lies
// there is read once more on the way, so that a file that rotted is never installed.
func (h *House) lay(sum, at string) error {
	place := h.place(sum)
	if err := whole(place, sum); err != nil {
		_ = os.Remove(place) // fetched again by whoever asks next
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	now := time.Now()
	_ = os.Chtimes(place, now, now) // Collect goes by it; that it can't be set keeps the file no longer
	if err := os.Link(place, at); err == nil {
		return nil
	}
	in, err := os.Open(place)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

// whole reads a file and compares its digest.
func whole(path, sum string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	d := sha256.New()
	if _, err := io.Copy(d, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(d.Sum(nil)); got != sum {
		return fmt.Errorf("its sha256 is %s, not %s", got, sum)
	}
	return nil
}

// others are what an index may state beside sha256. A manifest may pin a distribution by one of them alone, and then
// that one is what it was picked by: whoever writes the page of an index can set any sha256 beside it.
var others = map[string]func() hash.Hash{"sha384": sha512.New384, "sha512": sha512.New}

// asStated holds a file to those; the error wraps index.ErrMismatch.
func asStated(path string, hashes map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(others)) {
		want := hashes[name]
		if want == "" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		d := others[name]()
		_, err = io.Copy(d, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if got := hex.EncodeToString(d.Sum(nil)); !strings.EqualFold(got, want) {
			return fmt.Errorf("%w: its %s is %s, the index says %s", index.ErrMismatch, name, got, want)
		}
	}
	return nil
}

func (h *House) place(sum string) string { return filepath.Join(h.dir, sum[:2], sum) }

// Collect removes what nobody asked for since a time, and what fetches that broke off left for a day.
func (h *House) Collect(since time.Time) (removed int, err error) {
	err = filepath.WalkDir(h.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone meanwhile
		}
		aside := strings.HasPrefix(d.Name(), ".new-")
		if !aside && !hexForm.MatchString(d.Name()) || !info.ModTime().Before(since) || aside && time.Since(info.ModTime()) < 24*time.Hour {
			return nil
		}
		if err := os.Remove(p); err != nil {
			return err
		}
		removed++
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("collect distributions: %w", err)
	}
	return removed, nil
}
