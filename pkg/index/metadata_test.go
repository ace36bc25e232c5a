package index

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	wheelName = "demo-1.0-py3-none-any.whl"
	info      = "demo-1.0.dist-info/METADATA"
)

// Each way to the metadata of a file, and what it asks for.
func TestMetadata(t *testing.T) {
	facts := []byte(facts10)
	small := wheelOf(t, "demo/__init__.py", "", info, facts10)
	large := wheelOf(t, "demo/data.bin", noise(1<<20), info, facts10)
	first := wheelOf(t, info, facts10, "demo/data.bin", noise(1<<20)) // not where PEP 427 wants it
	var crowd []string
	for i := range 3000 {
		crowd = append(crowd, "demo/with/a/rather/long/name/"+strings.Repeat("x", 20+i%7)+string(rune('a'+i%26))+".py", "")
	}
	crowded := wheelOf(t, append(crowd, info, facts10)...)
	sdist := sdistOf(t, "demo-1.0/setup.py", "raise SystemExit", "demo-1.0/demo.egg-info/PKG-INFO", "Metadata-Version: 1.0\n", "demo-1.0/PKG-INFO", facts10)
	zipped := wheelOf(t, "demo-1.0/setup.py", "", "demo-1.0/PKG-INFO", facts10)
	for _, tc := range []struct {
		name string
		o    offered
		data []byte
		asks []string // after the page
	}{
		{"beside it", offered{Filename: wheelName, Hashes: hashed(small), Metadata: hashed(facts)}, small, []string{"GET /files/" + wheelName + ".metadata"}},
		{"beside it, by the older name", offered{Filename: wheelName, Hashes: hashed(small), Older: hashed(facts)}, small, []string{"GET /files/" + wheelName + ".metadata"}},
		{"beside it without a hash", offered{Filename: wheelName, Metadata: true}, small, []string{"GET /files/" + wheelName + ".metadata"}},
		{"promised, not there", offered{Filename: wheelName, Hashes: hashed(small), Size: len(small), Metadata: true}, small, []string{"GET /files/" + wheelName + ".metadata", "GET /files/" + wheelName}},
		{"a small wheel whole", offered{Filename: wheelName, Hashes: hashed(small), Size: len(small)}, small, []string{"GET /files/" + wheelName}},
		{"a large wheel in parts", offered{Filename: wheelName, Hashes: hashed(large), Size: len(large)}, large, []string{fmt.Sprintf("GET /files/%s bytes=%d-%d", wheelName, len(large)-partSize, len(large)-1)}},
		{"of unknown size", offered{Filename: wheelName, Hashes: hashed(large)}, large, []string{"GET /files/" + wheelName + " bytes=-65536"}},
		{"metadata first", offered{Filename: wheelName, Hashes: hashed(first)}, first, []string{"GET /files/" + wheelName + " bytes=-65536", "GET /files/" + wheelName + " bytes=0-65535"}},
		{"many files", offered{Filename: wheelName, Hashes: hashed(crowded)}, crowded, []string{"GET /files/" + wheelName + " bytes=-65536", "*"}},
		{"sdist", offered{Filename: "demo-1.0.tar.gz", Hashes: hashed(sdist)}, sdist, []string{"GET /files/demo-1.0.tar.gz"}},
		{"zipped sdist", offered{Filename: "demo-1.0.zip", Hashes: hashed(zipped)}, zipped, []string{"GET /files/demo-1.0.zip"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, dir := openShop(t), t.TempDir()
			if strings.HasPrefix(tc.name, "beside") {
				s.file["/files/"+tc.o.Filename+".metadata"] = facts
			}
			open := func() *Client {
				return NewClient(Config{URL: s.root + "/simple/", Netrc: "-", Tries: 1, Timeout: time.Hour, CacheDir: dir})
			}
			c := open()
			p, f := s.sell(t, c, tc.o, tc.data)
			for _, c := range []*Client{c, c, open()} { // anew, from memory, from disk
				got, err := c.Metadata(t.Context(), p, f)
				if err != nil || !bytes.Equal(got, facts) {
					t.Fatalf("%q, %v", got, err)
				}
			}
			asked := s.asked()[1:]
			if n := len(tc.asks); tc.asks[n-1] == "*" && len(asked) >= n {
				asked, tc.asks = asked[:n-1], tc.asks[:n-1]
			}
			if strings.Join(asked, "\n") != strings.Join(tc.asks, "\n") {
				t.Errorf("asked for\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(tc.asks, "\n"))
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*", ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A host that does not take ranges is asked for the whole file, whatever it says instead.
func TestNoRanges(t *testing.T) {
	wheel := wheelOf(t, info, facts10)
	for name, refuse := range map[string]func(http.ResponseWriter){
		"whole": func(w http.ResponseWriter) { _, _ = w.Write(wheel) },
		"416":   func(w http.ResponseWriter) { w.WriteHeader(416) },
		"501":   func(w http.ResponseWriter) { w.WriteHeader(501) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.own["/files/"+wheelName] = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					refuse(w)
					return
				}
				_, _ = w.Write(wheel)
			}
			c := s.client()
			p, f := s.sell(t, c, offered{Filename: wheelName, Hashes: hashed(wheel)}, wheel)
			if got, err := c.Metadata(t.Context(), p, f); err != nil || string(got) != facts10 {
				t.Errorf("%q %v", got, err)
			}
		})
	}
}

// Several questions for one file at a time make one request.
func TestManyAskForMetadata(t *testing.T) {
	wheel := wheelOf(t, info, facts10)
	s := openShop(t)
	c := s.client()
	gate := make(chan struct{})
	s.own["/files/"+wheelName+".metadata"] = func(w http.ResponseWriter, _ *http.Request) {
		<-gate
		_, _ = w.Write([]byte(facts10))
	}
	p, f := s.sell(t, c, offered{Filename: wheelName, Hashes: hashed(wheel), Metadata: true}, wheel)
	var wg, started sync.WaitGroup
	for range 20 {
		started.Add(1)
		wg.Go(func() {
			started.Done()
			if got, err := c.Metadata(t.Context(), p, f); err != nil || string(got) != facts10 {
				t.Errorf("%q %v", got, err)
			}
		})
	}
	started.Wait()
	close(gate)
	wg.Wait()
	if asked := s.asked(); len(asked) != 2 {
		t.Errorf("asked %v", asked)
	}
}

// What is kept on disk is believed only while it is what was written, and a change of the index's word is noticed.
func TestMetadataCache(t *testing.T) {
	wheel := wheelOf(t, info, facts10)
	s, dir := openShop(t), t.TempDir()
	open := func() *Client {
		return NewClient(Config{URL: s.root + "/simple/", Netrc: "-", Tries: 1, Timeout: time.Hour, CacheDir: dir, MaxAge: -1})
	}
	s.file["/files/"+wheelName+".metadata"] = []byte(facts10)
	p, f := s.sell(t, open(), offered{Filename: wheelName, Hashes: hashed(wheel), Metadata: hashed([]byte(facts10))}, wheel)
	if _, err := open().Metadata(t.Context(), p, f); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "metadata", "*", "*"))
	if len(files) != 1 {
		t.Fatalf("kept %v", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"damaged": append(data[:len(data)-2:len(data)-2], "!\n"...), "half": data[:len(data)/2], "empty": nil} {
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(s.asked())
		if got, err := open().Metadata(t.Context(), p, f); err != nil || string(got) != facts10 || len(s.asked()) != before+1 {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	other := strings.Replace(facts10, "other>=2", "other>=3", 1)
	s.file["/files/"+wheelName+".metadata"] = []byte(other)
	p, f = s.sell(t, open(), offered{Filename: wheelName, Hashes: hashed(wheel), Metadata: hashed([]byte(other))}, wheel)
	if got, err := open().Metadata(t.Context(), p, f); err != nil || string(got) != other {
		t.Errorf("the index states another hash: %q %v", got, err)
	}
}

// Fetch writes a verified file, or nothing.
func TestFetch(t *testing.T) {
	wheel := wheelOf(t, info, facts10)
	s := openShop(t)
	c := s.client()
	p, f := s.sell(t, c, offered{Filename: wheelName, Hashes: hashed(wheel), Size: len(wheel)}, wheel)
	var b bytes.Buffer
	if err := c.Fetch(t.Context(), p, f, &b); err != nil || !bytes.Equal(b.Bytes(), wheel) {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
	b.Reset()
	s.file["/files/"+wheelName] = append(bytes.Clone(wheel[:len(wheel)-1]), 'x')
	if err := c.Fetch(t.Context(), p, f, &b); !errors.Is(err, ErrMismatch) || !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrUnreachable) || b.Len() > 0 {
		t.Errorf("another file: %d bytes, %v", b.Len(), err)
	}
}
