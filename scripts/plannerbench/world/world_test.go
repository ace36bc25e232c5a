package world

import (
	"archive/zip"
	"bytes"
	"encoding/json"
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

// real stands for the real index: one project with three releases, the middle one without a metadata file.
func real(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	var files []File
	for i, v := range []string{"1.0", "1.1", "2.0"} {
		f, err := build(Release{Name: "Some.Thing", Version: v, Uploaded: time.Date(2024, 1+time.Month(i), 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		f.URL = s.URL + "/f/" + f.Name
		mux.HandleFunc("/f/"+f.Name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.own.wheel))
		})
		if v != "1.1" {
			mux.HandleFunc("/f/"+f.Name+".metadata", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(f.own.metadata) })
		}
		files = append(files, f)
	}
	mux.HandleFunc("/simple/some-thing/", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"files": files})
	})
	return s
}

func open(t *testing.T, s Scene) (address string) {
	t.Helper()
	w, err := Serve(&Mirror{Upstream: real(t).URL + "/simple/", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if address, err = w.Add(s); err != nil {
		t.Fatal(err)
	}
	return address
}

func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

var march = time.Date(2024, 2, 15, 0, 0, 0, 0, time.UTC)

// What was uploaded later is not there; overlays are; a yanked release says why.
func TestPageIsCutAtTheMoment(t *testing.T) {
	at := open(t, Scene{Name: "s", Now: march,
		Releases: []Release{{Name: "some-thing", Version: "1.5", Uploaded: march.AddDate(0, 0, -1), Requires: []string{"other>=1"}},
			{Name: "some-thing", Version: "3.0", Uploaded: march.AddDate(0, 0, 1)}},
		Yanks: []Yank{{Name: "some_thing", Version: "1.1", Reason: "broken"}}})
	code, body := get(t, at+"simple/Some_Thing/", "application/vnd.pypi.simple.v1+json")
	var page struct {
		Versions []string
		Files    []File
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil || code != http.StatusOK {
		t.Fatalf("status %d: %v", code, err)
	}
	if fmt.Sprint(page.Versions) != "[1.0 1.1 1.5]" {
		t.Errorf("versions %v", page.Versions)
	}
	for _, f := range page.Files {
		if f.Metadata != true || f.IsYanked() != strings.Contains(f.Name, "1.1") {
			t.Errorf("%s: metadata %v, yanked %v", f.Name, f.Metadata, f.Yanked)
		}
		sub := strings.TrimPrefix(f.URL, "../../")
		if code, got := get(t, at+sub+".metadata", "*/*"); code != http.StatusOK || !strings.Contains(got, "Name: ") {
			t.Errorf("metadata of %s: status %d, %s", f.Name, code, got)
		}
		code, got := get(t, at+sub, "*/*")
		if z, err := zip.NewReader(strings.NewReader(got), int64(len(got))); code != http.StatusOK || err != nil || len(z.File) != 4 {
			t.Errorf("%s: status %d, %v", f.Name, code, err)
		}
	}
	if _, body := get(t, at+"simple/some-thing/", "text/html"); !strings.Contains(body, `data-yanked="broken"`) || strings.Contains(body, "2.0") {
		t.Errorf("as HTML: %s", body)
	}
	for _, path := range []string{"simple/unknown/", "simple/", "files/00/x.whl", "v1/query", "else", "../t/simple/some-thing/"} {
		if code, _ := get(t, at+path, "*/*"); code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, code)
		}
	}
}

// A lock file names files whose page nobody has asked for.
func TestFileWithoutItsPage(t *testing.T) {
	f, err := build(Release{Name: "Some.Thing", Version: "1.0", Uploaded: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	at := open(t, Scene{Name: "s", Now: march})
	if code, _ := get(t, at+"files/"+f.Hashes["sha256"]+"/"+f.Name, "*/*"); code != http.StatusOK {
		t.Errorf("status %d", code)
	}
}

// What was read once is there without the real index.
func TestMirrorKeeps(t *testing.T) {
	index := real(t)
	dir := t.TempDir()
	for _, offline := range []bool{false, true} {
		m := &Mirror{Upstream: index.URL + "/simple/", Dir: dir, Offline: offline}
		files, err := m.page(t.Context(), "some-thing")
		if err != nil || len(files) != 3 {
			t.Fatalf("offline %v: %d files, %v", offline, len(files), err)
		}
		for _, f := range files {
			if _, err := m.file(t.Context(), f); err != nil {
				t.Error(err)
			}
			if data, err := m.metadata(t.Context(), f); err != nil || !strings.Contains(string(data), "Name: Some.Thing") {
				t.Errorf("offline %v: %s, %v", offline, data, err)
			}
		}
		if offline {
			if _, err := m.page(t.Context(), "new"); err == nil {
				t.Error("an unknown page was answered offline")
			}
		}
		index.Close()
	}
}

func TestMirrorRefusesOtherBytes(t *testing.T) {
	m := &Mirror{Upstream: real(t).URL + "/simple/", Dir: t.TempDir()}
	files, err := m.page(t.Context(), "some-thing")
	if err != nil {
		t.Fatal(err)
	}
	files[0].Hashes = map[string]string{"sha256": strings.Repeat("0", 64)}
	if _, err := m.file(t.Context(), files[0]); err == nil || !strings.Contains(err.Error(), "another sha256") {
		t.Errorf("got %v", err)
	}
}

func TestVersion(t *testing.T) {
	for name, want := range map[string]string{
		"some_thing-1.0-py3-none-any.whl": "1.0", "some-thing-1.0.post1.tar.gz": "1.0.post1", "some.thing-2.zip": "2",
		"Some_Thing-1.0rc1-2-cp311-cp311-linux_x86_64.whl": "1.0rc1", "some-thing-1.0.exe": "", "x.whl": "",
	} {
		if got := version("some-thing", name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The API answers from the archive, its own records over it.
func TestAdvice(t *testing.T) {
	base, dir := t.TempDir(), t.TempDir()
	archive := filepath.Join(base, "osv-scalibr", "PyPI", "all.zip")
	record := func(id, fixed string) string {
		return fmt.Sprintf(`{"schema_version":"1.6.0","id":%q,"modified":"2024-01-01T00:00:00+02:00","affected":[{"package":{"ecosystem":"PyPI","name":"thing"},
			"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":%q}]}]}]}`, id, fixed)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, id := range []string{"PYSEC-2024-1", "PYSEC-2024-2"} {
		w, err := z.Create(id + ".json")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, record(id, "1.1"))
	}
	own := filepath.Join(base, "own.json")
	if err := joinErrors(z.Close(), os.MkdirAll(filepath.Dir(archive), 0o755), os.WriteFile(archive, out.Bytes(), 0o644), os.WriteFile(own, []byte(record("PYSEC-2024-2", "2.0")), 0o644)); err != nil {
		t.Fatal(err)
	}
	a, err := Lay(base, dir, t.TempDir(), []string{own})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	at := open(t, Scene{Name: "s", Now: march, Advice: a})
	ask := func(path, body string) string {
		res, err := http.Post(at+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, _ := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(got)))
	}
	question := func(v string) string {
		return `{"package":{"name":"thing","ecosystem":"PyPI"},"version":"` + v + `"}`
	}
	if got := ask("v1/query", question("1.0")); strings.Count(got, `"id"`) != 2 || !strings.Contains(got, `"2023-12-31T22:00:00Z"`) {
		t.Error(got)
	}
	if got := ask("v1/query", question("1.5")); strings.Count(got, `"id"`) != 1 || !strings.Contains(got, "PYSEC-2024-2") {
		t.Error(got)
	}
	if got := ask("v1/query", question("2.0")); got != "200 {}" {
		t.Error(got)
	}
	if got := ask("v1/querybatch", `{"queries":[`+question("2.0")+","+question("1.5")+`]}`); got != `200 {"results":[{},{"vulns":[{"id":"PYSEC-2024-2"}]}]}` {
		t.Error(got)
	}
	if code, got := get(t, at+"v1/vulns/PYSEC-2024-1", "*/*"); code != http.StatusOK || !strings.Contains(got, "PYSEC-2024-1") {
		t.Error(got)
	}
	if code, _ := get(t, at+"v1/vulns/PYSEC-2024-3", "*/*"); code != http.StatusNotFound {
		t.Errorf("status %d", code)
	}
	for _, bad := range []string{"", "{}", `{"package":{"name":"thing","ecosystem":"npm"},"version":"1"}`} {
		if got := ask("v1/query", bad); !strings.HasPrefix(got, "502") {
			t.Errorf("%s: %s", bad, got)
		}
	}
}

func joinErrors(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
