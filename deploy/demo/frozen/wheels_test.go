package frozen

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

const tiny = "tiny-1.0-py3-none-any.whl"

// store is a real index on loopback that offers one wheel, and a frozen one that knows its sha256.
type store struct {
	*httptest.Server
	wheel  []byte
	serves []byte // instead of the wheel
	asked  atomic.Int32
	dir    string // the frozen pages
	cache  string
}

func openStore(t *testing.T) *store {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("tiny-1.0.dist-info/METADATA")
	if err == nil {
		_, err = f.Write([]byte("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nSummary: more than its head\n"))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	s := &store{wheel: b.Bytes(), serves: b.Bytes(), dir: t.TempDir(), cache: filepath.Join(t.TempDir(), "cache")}
	sum := sha256.Sum256(s.wheel)
	page := fmt.Sprintf(`{"meta":{"api-version":"1.1"},"name":"tiny","versions":["1.0"],"files":[{"filename":%q,"hashes":{"sha256":%q},"size":%d,"url":"../../files/%s"}]}`,
		tiny, hex.EncodeToString(sum[:]), len(s.wheel), tiny)
	err = errors.Join(os.WriteFile(filepath.Join(s.dir, "tiny.json"), []byte(page), 0o600), os.Mkdir(filepath.Join(s.dir, "metadata"), 0o700),
		os.WriteFile(filepath.Join(s.dir, "metadata", "tiny.txt"), []byte("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/simple/tiny/":
			w.Header().Set("Content-Type", simpleJSON)
			fmt.Fprint(w, page)
		case "/files/" + tiny:
			s.asked.Add(1)
			_, _ = w.Write(s.serves)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *store) open(t *testing.T) *Wheels {
	t.Helper()
	w, err := OpenWheels(s.dir, s.cache, t.TempDir(), index.NewClient(index.Config{URL: s.URL + "/simple/", Tries: 1, Netrc: "-"}))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func ask(w http.Handler, method, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec
}

// A wheel is fetched once and comes from the cache afterwards, another process's too; what rotted there is fetched again.
func TestWheelsAreFetchedOnce(t *testing.T) {
	s := openStore(t)
	for range 2 {
		w := s.open(t)
		for range 2 {
			if got := ask(w, "GET", "/files/"+tiny); got.Code != http.StatusOK || !bytes.Equal(got.Body.Bytes(), s.wheel) {
				t.Fatalf("status %d: %.200s", got.Code, got.Body)
			}
		}
		if left, _ := os.ReadDir(w.scratch); len(left) > 0 {
			t.Errorf("left in the scratch folder: %v", left)
		}
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	kept := files(t, s.cache)
	if len(kept) != 1 {
		t.Fatalf("kept: %v", kept)
	}
	if err := errors.Join(os.Remove(kept[0]), os.WriteFile(kept[0], []byte("rotten"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := ask(s.open(t), "GET", "/files/"+tiny); got.Code != http.StatusOK || !bytes.Equal(got.Body.Bytes(), s.wheel) || s.asked.Load() != 2 {
		t.Errorf("after it rotted: status %d, fetched %d times", got.Code, s.asked.Load())
	}
}

func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What has another sha256 than the frozen page states is neither handed out nor kept, nor is what a real index has no more.
func TestWheelsAreTheRealOnes(t *testing.T) {
	s := openStore(t)
	w := s.open(t)
	s.serves = append([]byte(nil), s.wheel...)
	s.serves[len(s.serves)-1] ^= 1
	got := ask(w, "GET", "/files/"+tiny)
	if got.Code != http.StatusBadGateway || !strings.Contains(got.Body.String(), "sha256") || bytes.Contains(got.Body.Bytes(), s.wheel[:20]) {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	if kept := files(t, s.cache); len(kept) > 0 {
		t.Errorf("kept: %v", kept)
	}
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", simpleJSON)
		fmt.Fprint(w, `{"meta":{"api-version":"1.1"},"name":"tiny","files":[]}`)
	})
	err := s.open(t).Stock(t.Context(), target, func(string) {}, []byte("tiny==1.0\n"))
	if !errors.Is(err, index.ErrGone) {
		t.Errorf("of a file that is gone: %v", err)
	}
}

var target = pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}

func TestStock(t *testing.T) {
	s := openStore(t)
	var said []string
	say := func(line string) { said = append(said, line) }
	pins := []byte("# a comment\n\ntiny==1.0 # another\nolder==1 ; python_version < \"3\"\n")
	for range 2 {
		if err := s.open(t).Stock(t.Context(), target, say, pins, pins); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.asked.Load(); n != 1 || len(said) != 1 || !strings.Contains(said[0], "1 wheels (0.0 MB)") {
		t.Errorf("fetched %d times, said %q", n, said)
	}
	s.Close() // no network: what is kept is enough
	if err := s.open(t).Stock(t.Context(), target, say, pins); err != nil {
		t.Error(err)
	}
	if got := ask(s.open(t), "GET", "/files/"+tiny); got.Code != http.StatusOK {
		t.Errorf("without network: status %d, %s", got.Code, got.Body)
	}
}

func TestStockWithoutNetwork(t *testing.T) {
	s := openStore(t)
	s.Close()
	err := s.open(t).Stock(t.Context(), target, func(string) {}, []byte("tiny==1.0\n"))
	if !errors.Is(err, index.ErrUnreachable) {
		t.Fatal(err)
	}
	for _, want := range []string{"1 wheels (0.0 MB)", "the first time", "needs the network", "DRYDOCK_INDEX_URL", s.URL} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if got := ask(s.open(t), "GET", "/files/"+tiny); got.Code != http.StatusBadGateway || !strings.Contains(got.Body.String(), s.URL) {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.open(t).Stock(ctx, target, func(string) {}, []byte("tiny==1.0\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestStockRefuses(t *testing.T) {
	s := openStore(t)
	for pins, want := range map[string]string{"tiny>=1.0": "NAME==VERSION", "-r other.txt": "NAME==VERSION", "tiny==2.0": "no wheel of tiny 2.0 for Python 3.11", "other==1": "look for other"} {
		if err := s.open(t).Stock(t.Context(), target, func(string) {}, []byte(pins)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pins, err, want)
		}
	}
	if _, err := OpenWheels(filepath.Join(s.dir, "none"), s.cache, s.dir, nil); err == nil {
		t.Error("a folder that is not there was opened")
	}
	for _, path := range []string{"/files/tiny-2.0-py3-none-any.whl", "/files/none-1.0-py3-none-any.whl", "/files/tiny.whl", "/files/..%2ftiny-1.0-py3-none-any.whl", "/files/x/" + tiny, "/files/"} {
		if got := ask(s.open(t), "GET", path); got.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, got.Code)
		}
	}
	if got := ask(s.open(t), "POST", "/files/"+tiny); got.Code != http.StatusNotFound {
		t.Errorf("POST: status %d", got.Code)
	}
}

// The product's own client takes page, metadata (the head of the wheel's, with a hash of its own) and wheel.
func TestWheelsServeTheProduct(t *testing.T) {
	s := openStore(t)
	url, stop, err := s.open(t).Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c := index.NewClient(index.Config{URL: url, Netrc: "-"})
	p, err := c.Project(t.Context(), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	f := p.Releases[0].Files[0]
	meta, err := c.Metadata(t.Context(), p, f)
	if err != nil || f.Metadata["sha256"] == "" || strings.Contains(string(meta), "Summary") {
		t.Errorf("metadata: %v, %s", err, meta)
	}
	var got bytes.Buffer
	if err := c.Fetch(t.Context(), p, f, &got); err != nil || !bytes.Equal(got.Bytes(), s.wheel) {
		t.Errorf("wheel: %v", err)
	}
}
