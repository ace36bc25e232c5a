package wheelhouse

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/index"
)

// shelf is an index with files in memory.
type shelf struct {
	mu      sync.Mutex
	files   map[string]string // by name
	fetched map[string]int
	fail    error
	half    bool          // writes a part before it fails
	gate    chan struct{} // nil: open
}

func (s *shelf) Project(context.Context, string) (*index.Project, error) {
	return nil, index.ErrUnknownProject
}
func (s *shelf) Metadata(context.Context, *index.Project, index.File) ([]byte, error) {
	return nil, index.ErrUnreadable
}

func (s *shelf) Fetch(ctx context.Context, _ *index.Project, f index.File, w io.Writer) error {
	s.mu.Lock()
	s.fetched[f.Name]++
	content, gate := s.files[f.Name], s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if s.half {
		content = content[:len(content)/2]
	} else if s.fail != nil {
		return s.fail
	}
	_, err := io.WriteString(w, content)
	return errors.Join(err, s.fail)
}

func (s *shelf) wanted(names ...string) []Wanted {
	var out []Wanted
	for _, n := range names {
		sum := sha256.Sum256([]byte(s.files[n]))
		out = append(out, Wanted{File: index.File{Name: n, Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])}, Size: int64(len(s.files[n]))}})
	}
	return out
}

func newShelf() *shelf {
	return &shelf{fetched: map[string]int{}, files: map[string]string{"flask-2.2.5-py3-none-any.whl": "flask", "docopt-0.6.2.tar.gz": "docopt", "x-1.zip": "x"}}
}

func house(t *testing.T) (*House, string) {
	t.Helper()
	h, err := Open(filepath.Join(t.TempDir(), "wheelhouse"))
	if err != nil {
		t.Fatal(err)
	}
	return h, filepath.Join(t.TempDir(), "in")
}

var all = []string{"flask-2.2.5-py3-none-any.whl", "docopt-0.6.2.tar.gz", "x-1.zip"}

func TestGather(t *testing.T) {
	h, into := house(t)
	s := newShelf()
	var said []string
	var mu sync.Mutex
	say := func(name string, size int64) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprint(name, size))
	}
	if err := h.Gather(t.Context(), s, s.wanted(all...), into, say); err != nil {
		t.Fatal(err)
	}
	for name, content := range s.files {
		if got, err := os.ReadFile(filepath.Join(into, name)); err != nil || string(got) != content {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if info, _ := os.Stat(filepath.Join(into, name)); info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s can be written to: %s", name, info.Mode())
		}
	}
	if len(said) != 3 {
		t.Errorf("said %v", said)
	}
	// Kept: nothing is fetched again, also by another house of the same folder.
	other, err := Open(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Gather(t.Context(), s, s.wanted(all...), into+"-2", say); err != nil {
		t.Fatal(err)
	}
	if len(said) != 3 || s.fetched[all[0]] != 1 {
		t.Errorf("fetched again: %v", s.fetched)
	}
	if left, _ := filepath.Glob(filepath.Join(h.dir, ".new-*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestGatherRefuses(t *testing.T) {
	s := newShelf()
	good := s.wanted(all[0])[0]
	named := func(name string) Wanted {
		w := good
		w.File.Name = name
		return w
	}
	other := named(good.File.Name)
	other.File.Hashes = map[string]string{"sha256": strings.Repeat("0", 64)}
	none := good
	none.File.Hashes = nil
	for _, tc := range []struct {
		name string
		all  []Wanted
		want error
		says string
	}{
		{"path", []Wanted{named("../x.whl")}, ErrName, ""},
		{"option", []Wanted{named("-x.whl")}, ErrName, ""},
		{"no distribution", []Wanted{named("x.exe")}, ErrName, ""},
		{"long", []Wanted{named(strings.Repeat("x", 300) + ".whl")}, ErrName, ""},
		{"no digest", []Wanted{none}, index.ErrUnverified, ""},
		{"two digests", []Wanted{good, other}, nil, "two different digests"},
	} {
		h, into := house(t)
		err := h.Gather(t.Context(), s, tc.all, into, nil)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if _, err := os.Stat(into); err == nil {
			t.Errorf("%s: the folder is there", tc.name)
		}
	}
	if len(s.fetched) != 0 {
		t.Errorf("fetched %v", s.fetched)
	}
}

// Each way a fetch can fail leaves nothing, and the next try is whole.
// A manifest may pin by sha512 alone. An index that states that one, and the sha256 of something else, hands nothing
// over: neither what it fetches, nor what is kept already under that sha256.
func TestGatherHoldsToEveryHash(t *testing.T) {
	for name, size := range map[string]func([]byte) string{
		"sha384": func(b []byte) string { return fmt.Sprintf("%x", sha512.Sum384(b)) },
		"sha512": func(b []byte) string { return fmt.Sprintf("%x", sha512.Sum512(b)) },
	} {
		h, into := house(t)
		s := newShelf()
		w := s.wanted(all[0])
		w[0].File.Hashes[name] = size([]byte("what was pinned"))
		for range 2 {
			if err := h.Gather(t.Context(), s, w, into, nil); !errors.Is(err, index.ErrMismatch) || !strings.Contains(err.Error(), name) {
				t.Errorf("another %s: %v", name, err)
			}
			if _, err := os.Stat(into); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("another %s: something is handed over: %v", name, err)
			}
		}
		w[0].File.Hashes[name] = strings.ToUpper(size([]byte("flask")))
		if err := h.Gather(t.Context(), s, w, into, nil); err != nil || s.fetched[all[0]] != 1 {
			t.Errorf("its %s: %v, fetched %d times", name, err, s.fetched[all[0]])
		}
	}
}

func TestFetchFails(t *testing.T) {
	for name, fail := range map[string]func(*shelf){
		"not done":             func(s *shelf) { s.fail = index.ErrGone },
		"half, then an error":  func(s *shelf) { s.fail, s.half = index.ErrUnreachable, true },
		"half, and no error":   func(s *shelf) { s.half = true },
		"the index went wrong": func(s *shelf) { s.fail = index.ErrMismatch },
	} {
		h, into := house(t)
		s := newShelf()
		want := s.wanted(all...)
		fail(s)
		err := h.Gather(t.Context(), s, want, into, nil)
		if err == nil || !strings.Contains(err.Error(), "keep ") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(into); err == nil {
			t.Errorf("%s: the folder is there", name)
		}
		if left, _ := filepath.Glob(filepath.Join(h.dir, ".new-*")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
		s.fail, s.half = nil, false
		if err := h.Gather(t.Context(), s, want, into, nil); err != nil {
			t.Errorf("%s: then %v", name, err)
		}
	}
}

func TestRottenFileIsFetchedAgain(t *testing.T) {
	h, into := house(t)
	s := newShelf()
	want := s.wanted(all[0])
	if err := h.Gather(t.Context(), s, want, into, nil); err != nil {
		t.Fatal(err)
	}
	at := h.place(want[0].File.Hashes["sha256"])
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.lay(want[0].File.Hashes["sha256"], into+"-x"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("laid out: %v", err)
	}
	if err := h.Gather(t.Context(), s, want, into+"-2", nil); err != nil || s.fetched[all[0]] != 2 {
		t.Errorf("%v, fetched %v", err, s.fetched)
	}
}

// Many who want the same wait for one fetch; one who gives up does not end it for the others.
func TestSharedFetch(t *testing.T) {
	h, into := house(t)
	s := newShelf()
	s.gate = make(chan struct{})
	want := s.wanted(all[0])
	errs := make(chan error, 5)
	for i := range cap(errs) {
		go func() { errs <- h.Gather(t.Context(), s, want, fmt.Sprintf("%s-%d", into, i), nil) }()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Gather(gone, s, want, into+"-gone", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	close(s.gate)
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s.fetched[all[0]] > 2 { // the one who gave up may have begun
		t.Errorf("fetched %d times", s.fetched[all[0]])
	}
}

func TestCollect(t *testing.T) {
	h, into := house(t)
	s := newShelf()
	want := s.wanted(all...)
	if err := h.Gather(t.Context(), s, want, into, nil); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-72 * time.Hour)
	stale := h.place(want[0].File.Hashes["sha256"])
	for _, p := range []string{stale, filepath.Join(h.dir, ".new-x"), filepath.Join(h.dir, "README")} {
		if p != stale {
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := h.Collect(time.Now().Add(-48 * time.Hour)); err != nil || n != 2 {
		t.Errorf("%d %v", n, err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("it is still there")
	}
	if _, err := os.Stat(filepath.Join(h.dir, "README")); err != nil {
		t.Error("somebody else's file is gone")
	}
	if _, err := os.ReadFile(filepath.Join(into, all[0])); err != nil {
		t.Error("what was laid out is gone", err)
	}
}
