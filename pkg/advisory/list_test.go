package advisory

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

const (
	kevText  = `{"title":"CISA Catalog","catalogVersion":"2026.11.20","vulnerabilities":[{"cveID":"CVE-2024-2","dueDate":"2026-12-01"},{"cveID":"CVE-1999-0001"}]}`
	epssText = "#model_version:v2025.03.14,score_date:2026-11-21T00:00:00+0000\ncve,epss,percentile\nCVE-2024-2,0.97531,0.99\nCVE-1999-0001,1,1\nCVE-2024-1,0.00042,0.05\n"
)

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func listed(t *testing.T) string {
	dir, all := t.TempDir(), ranged("introduced=0")
	write(t, zipOf(t, pypi("PYSEC-1", "demo", all, aliases("CVE-2024-1")), pypi("PYSEC-2", "demo", all, aliases("CVE-2024-2", "CVE-2024-3")), pypi("PYSEC-3", "demo", all)), dir, "PyPI", archiveName)
	return dir
}

func TestListsAreJoined(t *testing.T) {
	dir := listed(t)
	bare := open(t, dir, Options{})
	for _, h := range match(t, bare, "demo", "1") {
		if h.KEV != nil || h.EPSS != nil {
			t.Errorf("without a list nothing is known: %+v", h)
		}
	}
	digests := map[string]bool{bare.Digest(): true}
	cacheDir := t.TempDir()
	for i, o := range []Options{
		{KEV: write(t, []byte(kevText), t.TempDir(), "catalogue.json"), EPSS: write(t, []byte(epssText), t.TempDir(), "scores.csv")},
		{EPSS: write(t, gzipped(t, epssText), t.TempDir(), "scores.csv.gz"), CacheDir: cacheDir, KEV: write(t, []byte(kevText+" "), dir, "kev.json")},
		{EPSS: write(t, gzipped(t, epssText+"\n"), dir, "epss.csv.gz"), CacheDir: cacheDir},
		{CacheDir: cacheDir},
	} {
		db := open(t, dir, o)
		hits := match(t, db, "demo", "1") // CVE-2024-1, CVE-2024-2, PYSEC-3
		if h := hits[0]; *h.KEV || *h.EPSS != 0.00042 {
			t.Errorf("%d: %s: %v %v", i, h.ID, *h.KEV, *h.EPSS)
		}
		if h := hits[1]; !*h.KEV || *h.EPSS != 0.97531 {
			t.Errorf("%d: %s: %v %v", i, h.ID, *h.KEV, *h.EPSS)
		}
		if h := hits[2]; h.KEV != nil || h.EPSS != nil {
			t.Errorf("%d: what has no CVE is on no list: %+v", i, h)
		}
		digests[db.Digest()] = true
	}
	if len(digests) != 4 { // the last two are the same
		t.Errorf("%d digests: each list counts", len(digests))
	}
}

func TestOnlyOneList(t *testing.T) {
	dir := listed(t)
	h := match(t, open(t, dir, Options{EPSS: write(t, []byte("cve,epss\nCVE-2024-1,0.5"), t.TempDir(), "e")}), "demo", "1")
	if h[0].KEV != nil || *h[0].EPSS != 0.5 || h[1].EPSS != nil {
		t.Errorf("%+v", h)
	}
}

func TestDamagedListCacheIsRebuilt(t *testing.T) {
	dir, cacheDir := listed(t), t.TempDir()
	kev := write(t, []byte(kevText), t.TempDir(), "kev")
	open(t, dir, Options{KEV: kev, CacheDir: cacheDir})
	found, _ := filepath.Glob(filepath.Join(cacheDir, "kev-*"))
	if len(found) != 1 {
		t.Fatal(found)
	}
	data, _ := os.ReadFile(found[0])
	for _, damaged := range [][]byte{nil, data[:listHeader], data[:listHeader+5], flip(data, listHeader+1), []byte("garbage")} {
		write(t, damaged, found[0])
		if h := match(t, open(t, dir, Options{KEV: kev, CacheDir: cacheDir}), "demo", "1"); !*h[1].KEV {
			t.Errorf("%d bytes: %+v", len(damaged), h[1])
		}
	}
}

func TestUnusableListsAreErrors(t *testing.T) {
	dir := listed(t)
	cut := gzipped(t, epssText)
	for _, c := range []struct{ kev, epss, want string }{
		{"garbage", "", "not CISA's JSON catalogue"},
		{`{"vulnerabilities":[]}`, "", "no vulnerabilities"},
		{`{"title":"x"}`, "", "no vulnerabilities"},
		{"", "garbage\n", "line 1"},
		{"", "#c\ncve,epss\nCVE-2024-1,1.5\n", "line 3"},
		{"", "cve,epss\nCVE-2024-1,NaN\n", "line 2"},
		{"", "cve,epss\nlunar,0.5\n", "line 2"},
		{"", "cve,epss\n", "no scores"},
		{"", string(cut[:len(cut)-10]), "unpack"},
		{"", "\x1f\x8b", "unpack"},
	} {
		o := Options{}
		if c.kev != "" {
			o.KEV = write(t, []byte(c.kev), t.TempDir(), "list")
		} else {
			o.EPSS = write(t, []byte(c.epss), t.TempDir(), "list")
		}
		if _, err := Open(dir, o); !errors.Is(err, ErrList) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q%q: %v, want ErrList naming %q", c.kev, c.epss, err, c.want)
		}
		// Taking it in refuses it, too, and the list in use stays.
		data := t.TempDir()
		if err := UpdateLists(t.Context(), data, write(t, []byte(kevText), t.TempDir(), "k"), write(t, gzipped(t, epssText), t.TempDir(), "e"), UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		before := tree(t, data)
		if err := UpdateLists(t.Context(), data, o.KEV, o.EPSS, UpdateOptions{}); !errors.Is(err, ErrList) || !strings.Contains(err.Error(), "stays") || len(tree(t, data)) != len(before) {
			t.Errorf("%q%q: %v", c.kev, c.epss, err)
		}
	}
	if _, err := Open(dir, Options{KEV: filepath.Join(dir, "none")}); !errors.Is(err, ErrList) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a list that is not there: %v", err)
	}
}

func TestListsFromURLs(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kev":
			_, _ = w.Write([]byte(kevText))
		case "/epss":
			_, _ = w.Write(gzipped(t, epssText))
		case "/wrong":
			w.Header().Set("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")
			_, _ = w.Write([]byte(kevText))
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	dir, cacheDir := listed(t), t.TempDir()
	write(t, gzipped(t, "cve,epss\nCVE-2024-1,0.1\n"), dir, "epss.csv.gz")
	if err := UpdateLists(t.Context(), dir, s.URL+"/kev", s.URL+"/epss?token=secret", UpdateOptions{CacheDir: cacheDir}); err != nil {
		t.Fatal(err)
	}
	if h := match(t, open(t, dir, Options{CacheDir: cacheDir}), "demo", "1"); *h[0].EPSS != 0.00042 || !*h[1].KEV {
		t.Errorf("%+v", h)
	}
	for path, want := range map[string]string{"/none": "404", "/wrong": "md5"} {
		if err := UpdateLists(t.Context(), dir, s.URL+path+"?token=secret", "", UpdateOptions{}); !errors.Is(err, ErrMirror) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := UpdateLists(t.Context(), dir, "ftp://x/y", "", UpdateOptions{}); !errors.Is(err, ErrMirror) {
		t.Error(err)
	}
}

func TestPackCVE(t *testing.T) {
	for _, bad := range []string{"CVE-", "CVE-2024", "CVE-2024-", "CVE-x-1", "GHSA-1", "", "CVE-2024-99999999999999", "CVE-99999999-1"} {
		if n, ok := packCVE(bad); ok {
			t.Errorf("%q: %d", bad, n)
		}
	}
	a, _ := packCVE("CVE-2024-9999")
	b, _ := packCVE("CVE-2024-10000")
	c, ok := packCVE("CVE-2025-1")
	if !ok || a >= b || b >= c {
		t.Error(a, b, c)
	}
}
