package index

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// bigPage is the size and shape of botocore's: 4,400 files of 2,200 releases, 2 MB.
func bigPage(tb testing.TB) []byte {
	tb.Helper()
	if path := os.Getenv("DRYDOCK_BENCH_PAGE"); path != "" { // a real one, kept by whoever measures
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	var b strings.Builder
	b.WriteString(`{"meta": {"api-version": "1.1", "_last-serial": "1"}, "name": "botocore", "versions": [], "files": [`)
	at := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 2200 {
		for j, ending := range []string{"-py3-none-any.whl", ".tar.gz"} {
			if i+j > 0 {
				b.WriteString(", ")
			}
			name := fmt.Sprintf("botocore-1.%d.%d%s", i/100, i%100, ending)
			fmt.Fprintf(&b, `{"filename": %q, "hashes": {"sha256": "%064x"}, "requires-python": ">=3.8", "size": %d, "upload-time": %q, "url": "https://files.example/packages/%02x/%02x/%056x/%s", "yanked": false, "core-metadata": {"sha256": "%064x"}}`,
				name, i*2+j, 14<<20+i, at.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), i%256, j, i*2+j, name, i)
		}
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func BenchmarkParsePage(b *testing.B) {
	data := bigPage(b)
	base, _ := url.Parse("https://index.example/simple/botocore/")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := parsePage("botocore", data, base); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnchanged is what it takes to see that 30 pages on disk are what they were.
func BenchmarkUnchanged(b *testing.B) {
	dir := b.TempDir()
	cfg := Config{URL: "http://127.0.0.1:9/simple/", CacheDir: dir, Netrc: "-"}
	c := NewClient(cfg)
	p, err := parsePage("botocore", bigPage(b), &url.URL{})
	if err != nil {
		b.Fatal(err)
	}
	body, err := p.seal()
	if err != nil {
		b.Fatal(err)
	}
	var names []string
	for i := range 30 {
		name := fmt.Sprintf("package-%d", i)
		c.disk.write(name, &entry{project: p, body: body, fetched: time.Now()})
		names = append(names, name)
	}
	for b.Loop() {
		c := NewClient(cfg) // nothing in memory
		for _, name := range names {
			if _, known := c.Digest(b.Context(), name); !known {
				b.Fatal(name)
			}
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	p, err := parsePage("botocore", bigPage(b), &url.URL{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.seal(); err != nil {
			b.Fatal(err)
		}
	}
}
