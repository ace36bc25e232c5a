package index

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deal answers with what a file's host should not.
func deal(do func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc { return do }

// patched changes bytes after a marker, in every place it stands.
func patched(data []byte, marker string, at int, with []byte) []byte {
	data = bytes.Clone(data)
	for i := 0; ; {
		j := bytes.Index(data[i:], []byte(marker))
		if j < 0 {
			return data
		}
		copy(data[i+j+at:], with)
		i += j + len(marker)
	}
}

// badFile is a file offered as o, with an answer of its host's own or data, and what is said of it.
type badFile struct {
	name string
	o    offered
	data []byte
	own  http.HandlerFunc
	kind error
	says string
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func whl(data []byte) offered {
	return offered{Filename: wheelName, Hashes: hashed(data), Size: len(data)}
}

func sdist(data []byte) offered {
	return offered{Filename: "demo-1.0.tar.gz", Hashes: hashed(data), Size: len(data)}
}

// badHosts are what a file's host, or the page that names it, does wrong.
func badHosts(t *testing.T) []badFile {
	good := wheelOf(t, info, facts10)
	page := []byte("<html>log in</html>")
	packed := bomb(t, 1<<20)
	beside := func(hashes any) offered {
		return offered{Filename: wheelName, Hashes: hashed(good), Metadata: hashes}
	}
	return []badFile{
		{"wrong hash of a file", offered{Filename: wheelName, Hashes: hashed(page), Size: len(good)}, good, nil, ErrMismatch, "the index says " + sum(page)},
		{"wrong hash of metadata", beside(hashed(page)), good, deal(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, facts10) }), ErrMismatch, "the metadata beside it has the sha256 " + sum([]byte(facts10))},
		{"a form instead of metadata", beside(true), good, deal(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }), ErrNoMetadata, "has no Metadata-Version"},
		{"metadata of 50 MB", beside(true), good, deal(func(w http.ResponseWriter, _ *http.Request) { flood(w, facts10, 50<<20) }), ErrNoMetadata, "more than 8 MB"},
		{"no hash", offered{Filename: wheelName}, good, nil, ErrUnverified, "states no sha256"},
		{"no hash of an sdist", offered{Filename: "demo-1.0.tar.gz", Hashes: map[string]string{"md5": "00"}}, good, nil, ErrUnverified, "states no sha256"},
		{"no hash, nothing beside it", offered{Filename: wheelName, Metadata: true}, good, nil, ErrUnverified, "states no sha256"},
		{"gone", whl(good), good, status(404), ErrGone, "answers 404"},
		{"500", whl(good), good, status(500), ErrUnreachable, "answers 500"},
		{"403", whl(good), good, status(403), ErrUnreachable, "check the user and password"},
		{"larger than said", offered{Filename: wheelName, Hashes: hashed(good), Size: 10}, good, nil, ErrMismatch, "more than 10 bytes"},
		{"too large to read", offered{Filename: "demo-1.0.tar.gz", Hashes: hashed(good), Size: maxRead + 1}, good, nil, ErrMismatch, "more than 256 MB"},
		{"cut off", whl(good), good, deal(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:10])
		}), ErrUnreachable, "read its answer: unexpected EOF"},
		{"cut off in parts", offered{Filename: wheelName, Hashes: hashed(good)}, good, deal(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(good)-1, len(good)))
			w.WriteHeader(206)
			_, _ = w.Write(good[:10])
		}), ErrUnreachable, "read its answer: unexpected EOF"},
		{"another part", offered{Filename: wheelName, Hashes: hashed(good), Size: maxSmall + 1}, good, deal(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9/10")
			w.WriteHeader(206)
			_, _ = w.Write(good[:10])
		}), ErrMismatch, `its host sent "bytes 0-9/10"`},
		{"a part of nothing", offered{Filename: wheelName, Hashes: hashed(good)}, good, deal(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206) }), ErrMismatch, `its host sent ""`},
		{"a part far too large", offered{Filename: wheelName, Hashes: hashed(good)}, good, deal(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", 1<<40-1, 1<<40))
			w.WriteHeader(206)
		}), ErrMismatch, "its host sent more"},
		{"gzip bomb as a body", whl(good), good, deal(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("accepts %q", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed)
		}), ErrMismatch, "more than"},
		{"a file of this machine", offered{Filename: wheelName, URL: "file:///etc/passwd", Hashes: hashed(good), Size: 9}, good, nil, ErrUnreadable, `has the scheme "file"`},
		{"a script", offered{Filename: wheelName, URL: "javascript:alert(1)", Hashes: hashed(good), Metadata: true}, good, nil, ErrUnreadable, `has the scheme "javascript"`},
		{"no address", offered{Filename: wheelName, URL: "http://[::1", Hashes: hashed(good), Size: 9}, good, nil, ErrUnreadable, "scheme"},
		{"led to a file", whl(good), good, deal(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}), ErrUnreachable, "redirect refused"},
	}
}

// badContents are what a file with the right sha256 holds.
func badContents(t *testing.T) []badFile {
	good := wheelOf(t, info, facts10)
	page := []byte("<html>log in</html>")
	huge := patched(good, "PK\x01\x02", 24, binary.LittleEndian.AppendUint32(nil, 3<<30)) // the size its list of files claims
	swollen := wheelOf(t, info, facts10+strings.Repeat("x", maxMetadata))
	lying := patched(swollen, "PK\x01\x02", 24, binary.LittleEndian.AppendUint32(nil, 100))
	plain := func(files ...string) []byte { return sdistOf(t, files...) }
	return []badFile{
		{"no zip", whl(page), page, nil, ErrNoMetadata, "open it as a zip file"},
		{"claims a huge size", whl(huge), huge, nil, ErrNoMetadata, "claims to have 3221225472 bytes, more than 8 MB"},
		{"has a huge size", whl(swollen), swollen, nil, ErrNoMetadata, "more than 8 MB"},
		{"lies about its size", whl(lying), lying, nil, ErrNoMetadata, "read its " + info},
		{"no METADATA", whl(wheelOf(t, "demo.py", "")), wheelOf(t, "demo.py", ""), nil, ErrNoMetadata, "holds no METADATA"},
		{"two METADATA", whl(wheelOf(t, info, facts10, info, facts10)), wheelOf(t, info, facts10, info, facts10), nil, ErrNoMetadata, "two METADATA"},
		{"another's METADATA", whl(wheelOf(t, "evil-1.0.dist-info/METADATA", facts10)), wheelOf(t, "evil-1.0.dist-info/METADATA", facts10), nil, ErrNoMetadata, `that of "evil-1.0"`},
		{"METADATA elsewhere", whl(wheelOf(t, "../"+info, facts10)), wheelOf(t, "../"+info, facts10), nil, ErrNoMetadata, "holds no METADATA"},
		{"no PKG-INFO", sdist(plain("demo-1.0/a/PKG-INFO", facts10, "PKG-INFO", facts10, "../PKG-INFO", facts10)), plain("demo-1.0/a/PKG-INFO", facts10, "PKG-INFO", facts10, "../PKG-INFO", facts10), nil, ErrNoMetadata, "holds no PKG-INFO"},
		{"a link as PKG-INFO", sdist(plain("demo-1.0/PKG-INFO", "->/etc/passwd")), plain("demo-1.0/PKG-INFO", "->/etc/passwd"), nil, ErrNoMetadata, "holds no PKG-INFO"},
		{"PKG-INFO of 9 MB", sdist(plain("demo-1.0/PKG-INFO", strings.Repeat("x", 9<<20))), plain("demo-1.0/PKG-INFO", strings.Repeat("x", 9<<20)), nil, ErrNoMetadata, "claims to have 9437184 bytes"},
		{"no gzip", sdist(good), good, nil, ErrNoMetadata, "unpack it"},
		{"an sdist of another kind", offered{Filename: "demo-1.0.tar.xz", Hashes: hashed(good)}, good, nil, ErrNoMetadata, "of this kind are not read"},
	}
}

// Whatever a file's host or a file does: an error of its kind that says why, nothing written, nothing left.
func TestBadFiles(t *testing.T) {
	for _, tc := range append(badHosts(t), badContents(t)...) {
		t.Run(tc.name, func(t *testing.T) {
			s, dir := openShop(t), t.TempDir()
			c := NewClient(Config{URL: s.root + "/simple/", Netrc: "-", Tries: 1, Timeout: time.Hour, CacheDir: dir})
			if tc.own != nil {
				s.own["/files/"+tc.o.Filename], s.own["/files/"+tc.o.Filename+".metadata"] = tc.own, tc.own
			}
			p, f := s.sell(t, c, tc.o, tc.data)
			data, err := c.Metadata(t.Context(), p, f)
			if data != nil || !errors.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.says) || !strings.Contains(err.Error(), "read the metadata of "+tc.o.Filename+" from the index http://127.0.0.1") {
				t.Errorf("%v, want %v saying %q", err, tc.kind, tc.says)
			}
			if errors.Is(err, ErrUnreadable) == errors.Is(err, ErrUnreachable) {
				t.Errorf("%v is of no kind or two", err)
			}
			left, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
			if len(left) != 1 { // the page
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func flood(w io.Writer, head string, n int) {
	fmt.Fprint(w, head)
	block := bytes.Repeat([]byte("x"), 1<<20)
	for ; n > 0; n -= len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// bomb packs n bytes, as members of 1 MB (RFC 1952 §2.2).
func bomb(tb testing.TB, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	flood(g, "", 1<<20)
	if err := g.Close(); err != nil {
		tb.Fatal(err)
	}
	return bytes.Repeat(b.Bytes(), n>>20)
}

// A page that unpacks to more than a page may have is not unpacked further.
func TestPageBomb(t *testing.T) {
	packed := bomb(t, 50<<20)
	root, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", accept)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed)
	})
	if _, err := client(root).Project(t.Context(), "demo"); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "more than 32 MB") {
		t.Error(err)
	}
}

// endless is a tar archive that never comes to an end.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	e.left -= int64(len(p))
	clear(p)
	return len(p), nil
}

// A tar bomb is unpacked to its bound, whether it is one large file or many small ones.
func TestTarBomb(t *testing.T) {
	var head bytes.Buffer
	w := tar.NewWriter(&head)
	if err := w.WriteHeader(&tar.Header{Name: "demo-1.0/zeros", Size: 1 << 40, Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := tarInfo("read it", io.MultiReader(&head, &endless{1 << 40}), 8<<20, maxEntries); !errors.Is(err, ErrNoMetadata) || !strings.Contains(err.Error(), "first 8 MB") {
		t.Error(err)
	}
	var many bytes.Buffer
	w = tar.NewWriter(&many)
	for i := range 1001 {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprint("demo-1.0/", i), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tarInfo("read it", &many, maxUnpacked, 1000); !errors.Is(err, ErrNoMetadata) || !strings.Contains(err.Error(), "first 1000 files") {
		t.Error(err)
	}
}

// A host that sends a byte now and then is given up.
func TestDrip(t *testing.T) {
	drip := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/simple/") {
			w.Header().Set("Content-Type", accept)
		}
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}
	s := openShop(t)
	s.own["/simple/slow/"], s.own["/files/"+wheelName] = drip, drip
	s.own["/files/"+wheelName+".metadata"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	within := func(limit time.Duration) *Client {
		return NewClient(Config{URL: s.root + "/simple/", Netrc: "-", Tries: 1, Timeout: limit})
	}
	begun := func(ask func(*Client) error) error { // by the time it is given up
		for limit := 50 * time.Millisecond; ; limit *= 2 {
			if err := ask(within(limit)); err == nil || limit > time.Minute || !strings.Contains(err.Error(), "no answer within") {
				return err
			}
		}
	}
	err := begun(func(c *Client) error { _, err := c.Project(t.Context(), "slow"); return err })
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("page: %v", err)
	}
	quick := s.client()
	p, f := s.sell(t, quick, offered{Filename: wheelName, Hashes: hashed(nil), Size: 1 << 18}, nil)
	err = begun(func(c *Client) error { _, err := c.Metadata(t.Context(), p, f); return err })
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "too slowly") {
		t.Errorf("file: %v", err)
	}
	f.Metadata = map[string]string{}
	if _, err := within(50*time.Millisecond).Metadata(t.Context(), p, f); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("metadata: %v", err)
	}
}

// A file's host is tried again as the index is, and counts against the same guard unless it is the file's fault.
func TestFilesAreRetriedAndGuarded(t *testing.T) {
	good := wheelOf(t, info, facts10)
	s := openShop(t)
	n := 0
	s.own["/files/"+wheelName] = func(w http.ResponseWriter, _ *http.Request) {
		if n++; n < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(503)
			return
		}
		_, _ = w.Write(good)
	}
	p, f := s.sell(t, s.client(), offered{Filename: wheelName, Hashes: hashed(good), Size: len(good)}, good)
	var seen []error
	guard := func(ctx context.Context, do func(context.Context) error) error {
		err := do(ctx)
		seen = append(seen, err)
		return err
	}
	c := NewClient(Config{URL: s.root + "/simple/", Netrc: "-", Guard: guard})
	if _, err := c.Metadata(t.Context(), p, f); err != nil || n != 3 {
		t.Errorf("%d tries: %v", n, err)
	}
	if len(seen) != 3 || !errors.Is(seen[0], ErrUnreachable) || seen[2] != nil {
		t.Errorf("the guard saw %v", seen)
	}
	seen, f.Hashes = nil, hashed(nil)
	if _, err := c.Metadata(t.Context(), p, f); !errors.Is(err, ErrMismatch) || len(seen) != 1 || seen[0] != nil {
		t.Errorf("another file counts against the index: %v, %v", err, seen)
	}
}

// A file on another host than the index's is fetched there; over http only where the index is read so too.
func TestFilesElsewhere(t *testing.T) {
	good := wheelOf(t, info, facts10)
	s := openShop(t)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(good) }))
	t.Cleanup(files.Close)
	c := s.client()
	p, f := s.sell(t, c, offered{Filename: wheelName, URL: files.URL + "/" + wheelName, Hashes: hashed(good), Size: len(good)}, nil)
	if got, err := c.Metadata(t.Context(), p, f); err != nil || string(got) != facts10 {
		t.Errorf("%q %v", got, err)
	}
	secure := NewClient(Config{URL: "https://index.example/simple/", Netrc: "-"})
	if _, err := secure.Metadata(t.Context(), p, f); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "over https but offers it over http") {
		t.Error(err)
	}
}

// A cache that can't be written to is no cache.
func TestReadOnlyCache(t *testing.T) {
	good := wheelOf(t, info, facts10)
	s := openShop(t)
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := NewClient(Config{URL: s.root + "/simple/", Netrc: "-", Tries: 1, Timeout: time.Hour, CacheDir: dir})
	p, f := s.sell(t, c, offered{Filename: wheelName, Hashes: hashed(good), Size: len(good)}, good)
	if got, err := c.Metadata(t.Context(), p, f); err != nil || string(got) != facts10 {
		t.Errorf("%q %v", got, err)
	}
}
