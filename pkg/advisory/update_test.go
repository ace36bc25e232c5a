package advisory

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// mirror serves body for PyPI, conditionally.
func mirror(t *testing.T, body *[]byte, seen *[]*http.Request, header func(http.Header)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r)
		if r.URL.Path != "/osv/PyPI/all.zip" {
			http.NotFound(w, r)
			return
		}
		tag := fmt.Sprintf("%q", base64.StdEncoding.EncodeToString(sum32(*body)))
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", "Sun, 22 Nov 2026 08:00:00 GMT")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if header != nil {
			header(w.Header())
		}
		_, _ = w.Write(*body)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/osv"
}

func sum32(b []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli))
}

func TestUpdateIsConditional(t *testing.T) {
	body := zipOf(t, recordOne)
	var seen []*http.Request
	base := mirror(t, &body, &seen, func(h http.Header) {
		m, s := md5.Sum(body), sha256.Sum256(body)
		encode := base64.StdEncoding.EncodeToString
		h.Add("X-Goog-Hash", "crc32c="+encode(sum32(body)))
		h.Add("X-Goog-Hash", "md5="+encode(m[:]))
		h.Set("Content-MD5", encode(m[:]))
		h.Set("Digest", "unixsum=30637,sha-256="+encode(s[:]))
		h.Set("Repr-Digest", "sha-256=:"+encode(s[:])+":")
	})
	dir, cacheDir := t.TempDir(), t.TempDir()
	o := UpdateOptions{Mirror: base, CacheDir: cacheDir, Now: noon}
	first, err := Update(t.Context(), dir, o)
	if err != nil || len(first) != 1 || first[0].Unchanged || first[0].Database.Name != "PyPI" {
		t.Fatalf("%+v, %v", first, err)
	}
	if seen[0].Header.Get("If-None-Match") != "" || seen[0].Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("the first request: %v", seen[0].Header)
	}
	o.Now = noon.Add(time.Hour)
	second, err := Update(t.Context(), dir, o)
	if err != nil || !second[0].Unchanged || seen[1].Header.Get("If-Modified-Since") == "" {
		t.Fatalf("%+v, %v, %v", second, err, seen[1].Header)
	}
	if d := open(t, dir, Options{}).Databases()[0]; !d.Fetched.Equal(o.Now) || d.Records != 1 || d.Digest != first[0].Database.Digest {
		t.Errorf("a 304 confirms: %+v", d)
	}
	before := open(t, dir, Options{CacheDir: cacheDir})
	body = zipOf(t, recordOne, recordTwo)
	third, err := Update(t.Context(), dir, o)
	if err != nil || third[0].Unchanged || third[0].Before != first[0].Database.Digest {
		t.Fatalf("%+v, %v", third, err)
	}
	after := open(t, dir, Options{CacheDir: cacheDir})
	if got := fmt.Sprint(Diff(before, after)); got != "[{PyPI demo}]" {
		t.Errorf("changed: %s", got)
	}
	// Replaced by hand: what is known of the mirror's copy says nothing about this one.
	write(t, zipOf(t, recordTwo), dir, scalibrDir, "PyPI", archiveName)
	if _, err := Update(t.Context(), dir, o); err != nil || seen[3].Header.Get("If-None-Match") != "" {
		t.Errorf("%v, %v", err, seen[3].Header)
	}
	// Another mirror: its ETags mean nothing here.
	other := mirror(t, &body, &seen, nil)
	o.Mirror = other
	if _, err := Update(t.Context(), dir, o); err != nil || seen[4].Header.Get("If-None-Match") != "" {
		t.Errorf("%v, %v", err, seen[4].Header)
	}
}

func TestFailedUpdatesKeepTheOldDatabase(t *testing.T) {
	good := zipOf(t, recordOne, recordTwo)
	serve := func(status int, header map[string]string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}
	}
	wrong := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		is      error
		want    string
	}{
		"not there":            {serve(404, nil, nil), ErrMirror, "404 Not Found; it has no such archive"},
		"refused":              {serve(403, nil, nil), ErrMirror, "credentials"},
		"broken":               {serve(500, nil, nil), ErrMirror, "500 Internal Server Error; try again later"},
		"unasked 304":          {serve(304, nil, nil), ErrMirror, "304"},
		"a page":               {serve(200, nil, []byte("<html>login</html>")), ErrArchive, "zip directory"},
		"wrong md5":            {serve(200, map[string]string{"Content-MD5": wrong[:22] + "=="}, good), ErrMirror, "md5"},
		"wrong crc32c":         {serve(200, map[string]string{"X-Goog-Hash": "crc32c=AAAAAA==,md5="}, good), ErrMirror, "crc32c"},
		"wrong digest":         {serve(200, map[string]string{"Digest": "SHA-256=" + wrong}, good), ErrMirror, "sha-256"},
		"wrong content digest": {serve(200, map[string]string{"Content-Digest": "sha-256=:" + wrong + ":"}, good), ErrMirror, "sha-256"},
		"too large":            {serve(200, map[string]string{"Content-Length": "9999999999"}, good), ErrMirror, "at most"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:len(good)/2])
		}, ErrMirror, "broke off"},
		"silent before": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ErrMirror, "nothing came for"},
		"silent within": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(good[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, ErrMirror, "nothing came for"},
		"from there to nowhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"?token=secret", http.StatusFound)
		}, ErrMirror, "redirects"},
	} {
		s := httptest.NewServer(c.handler)
		dir := t.TempDir()
		imported(t, write(t, zipOf(t, recordOne), t.TempDir(), "old.zip"), dir, ImportOptions{})
		before := tree(t, dir)
		u, _ := url.Parse(s.URL)
		u.User, u.RawQuery = url.UserPassword("ana", "secret"), "token=secret"
		o := UpdateOptions{Mirror: u.String()}
		if strings.HasPrefix(name, "silent") {
			o.stall = 50 * time.Millisecond
		}
		_, err := Update(t.Context(), dir, o)
		s.Close()
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), s.URL+"/PyPI/all.zip") {
			t.Errorf("%s: %v, want %v naming %q and the address", name, err, c.is, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "ana")) {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
		if !maps.Equal(before, tree(t, dir)) {
			t.Errorf("%s: the old database did not stay", name)
		}
	}
}

func TestUpdateOfNothing(t *testing.T) {
	dir := t.TempDir()
	for _, bad := range []string{"ftp://ana:secret@example.test/", "no address", "https://", "http://ana:sec ret@x/"} {
		if _, err := Update(t.Context(), dir, UpdateOptions{Mirror: bad}); !errors.Is(err, ErrMirror) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: %v", bad, err)
		}
		if err := UpdateLists(t.Context(), dir, bad, bad, UpdateOptions{}); strings.Contains(bad, "://") && !errors.Is(err, ErrMirror) || strings.Contains(err.Error(), "sec") {
			t.Errorf("list %q: %v", bad, err)
		}
	}
	if _, err := Update(t.Context(), dir, UpdateOptions{Mirror: "http://127.0.0.1:1/", Ecosystems: []string{"Lunar"}}); !errors.Is(err, ErrEcosystem) {
		t.Error(err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	if _, err := Update(t.Context(), dir, UpdateOptions{Mirror: closed.URL}); !errors.Is(err, ErrMirror) || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Update(ctx, dir, UpdateOptions{Mirror: closed.URL}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if files := tree(t, dir); len(files) != 0 {
		t.Errorf("left behind: %v", keys(files))
	}
}

func TestUpdateTakesCredentialsAlong(t *testing.T) {
	body := zipOf(t, recordOne)
	var seen []*http.Request
	base := mirror(t, &body, &seen, nil)
	u, _ := url.Parse(base)
	u.User = url.UserPassword("ana", "secret")
	dir := t.TempDir()
	if _, err := Update(t.Context(), dir, UpdateOptions{Mirror: u.String()}); err != nil {
		t.Fatal(err)
	}
	if user, password, _ := seen[0].BasicAuth(); user != "ana" || password != "secret" {
		t.Errorf("%s:%s", user, password)
	}
	for path, content := range tree(t, dir) {
		if strings.Contains(content, "secret") {
			t.Errorf("%s keeps the password", path)
		}
	}
}

func TestUpdateGoesByWhatIsThere(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.EscapedPath())
		http.NotFound(w, r)
	}))
	defer s.Close()
	dir := t.TempDir()
	write(t, zipOf(t, strings.ReplaceAll(recordOne, "PyPI", "crates.io")), dir, scalibrDir, "crates.io", archiveName)
	write(t, zipOf(t, recordOne), dir, scalibrDir, "Lunar", archiveName)
	_, err := Update(t.Context(), dir, UpdateOptions{Mirror: s.URL + "/a%20b/"})
	if err == nil || len(asked) != 1 || asked[0] != "/a%20b/crates.io/all.zip" {
		t.Errorf("%v, %v", asked, err)
	}
}
