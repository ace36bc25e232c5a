package frozen

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
)

// Every pinned package of the demo is in the index with the pinned version, no release is newer than the
// moment but the one whose pin says why, and every file has a sha256.
func TestIndexKnowsEveryPin(t *testing.T) {
	moment, err := time.Parse(time.RFC3339, Now)
	if err != nil {
		t.Fatal(err)
	}
	pin := regexp.MustCompile(`(?m)^([a-z0-9-]+)==([^\s;]+)`)
	for _, file := range []string{"requirements.txt", "requirements-dev.txt"} {
		data, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pin.FindAllStringSubmatch(string(data), -1) {
			page := get(t, m[1])
			found := false
			for _, f := range page.Files {
				version := strings.Split(f.Filename, "-")[1]
				found = found || version == m[2]
				if f.Uploaded.After(moment) && (m[1] != "markupsafe" || version != "3.0.3") {
					t.Errorf("%s is newer than the demo", f.Filename)
				}
				if len(f.Hashes["sha256"]) != 64 {
					t.Errorf("%s has no sha256", f.Filename)
				}
			}
			if !found || page.Name != m[1] {
				t.Errorf("the index has no %s %s", m[1], m[2])
			}
		}
	}
}

type page struct {
	Name     string
	Versions []string
	Files    []struct {
		Filename, URL string
		Hashes        map[string]string
		Uploaded      time.Time         `json:"upload-time"`
		Metadata      map[string]string `json:"core-metadata"`
	}
}

// Every wheel has core metadata with the sha256 its page says, that speaks of this release, and whatever is
// required of a target the demo plays for is in the index itself.
func TestMetadata(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "index", "*.json"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	known := map[string]bool{}
	for _, p := range pages {
		known[strings.TrimSuffix(filepath.Base(p), ".json")] = true
	}
	env := pep508.Environment{Python: "3.11", Platform: "linux", Machine: "x86_64"}
	for name := range known {
		pg := get(t, name)
		served := map[string]bool{}
		for _, f := range pg.Files {
			w := httptest.NewRecorder()
			Index(filepath.Join("..", "index")).ServeHTTP(w, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(f.URL, "../..")+".metadata", nil))
			sum := sha256.Sum256(w.Body.Bytes())
			if w.Code != http.StatusOK || f.Metadata["sha256"] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: status %d, the page says %v", f.Filename, w.Code, f.Metadata)
				continue
			}
			version := strings.Split(f.Filename, "-")[1]
			if served[version] {
				continue
			}
			served[version] = true
			m, err := coremeta.Parse(w.Body.Bytes())
			if err != nil || m.Name != name && pep440.Normalize(m.Name) != name || m.Release != version || len(m.Unread) > 0 {
				t.Errorf("%s: %+v, %v", f.Filename, m, err)
				continue
			}
			certain, unknown := m.Needs(env, nil)
			for _, q := range append(certain, unknown...) {
				if !known[q.Name] {
					t.Errorf("%s needs %s, which the index does not have", f.Filename, q)
				}
			}
		}
		if len(served) != len(pg.Versions) {
			t.Errorf("%s: metadata of %d releases, the page has %d", name, len(served), len(pg.Versions))
		}
	}
}

func get(t *testing.T, name string) page {
	t.Helper()
	w := httptest.NewRecorder()
	Index(filepath.Join("..", "index")).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/simple/"+name+"/", nil))
	var p page
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != simpleJSON {
		t.Errorf("%s: status %d, %s", name, w.Code, w.Header().Get("Content-Type"))
	} else if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return p
}

func TestIndexRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, path := range []string{"/simple/nothing/", "/simple/..%2fadvisories/", "/simple/a/b/", "/", "/simple/../PARTIAL", "/files/nothing-1-py3-none-any.whl.metadata", "/files/flask-0-py3-none-any.whl.metadata", "/files/Flask-2.3.0-py3-none-any.whl", "/files/..%2f..%2fx-1-y.whl.metadata"} {
		w := httptest.NewRecorder()
		Index(filepath.Join("..", "index")).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	Index(filepath.Join("..", "index")).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/simple/", nil))
	if !strings.Contains(w.Body.String(), `"name":"flask"`) {
		t.Errorf("the list of projects lacks flask: %s", w.Body)
	}
}

func TestPack(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "PyPI", "all.zip")
	if err := Pack(filepath.Join("..", "advisories"), archive); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	moment, _ := time.Parse(time.RFC3339, Now) // TestIndexKnowsEveryPin reads it too
	partial := false
	for _, f := range z.File {
		if f.Name == "PARTIAL" {
			partial = true
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var record struct {
			ID        string
			Published time.Time
			Aliases   []string
			Affected  []any
		}
		if err := json.NewDecoder(r).Decode(&record); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if record.ID+".json" != f.Name || record.Published.After(moment) || len(record.Aliases) == 0 || len(record.Affected) == 0 {
			t.Errorf("%s: %+v", f.Name, record)
		}
	}
	if !partial || len(z.File) < 20 {
		t.Errorf("%d entries, marked partial: %v", len(z.File), partial)
	}
	if err := Pack(t.TempDir(), archive); err == nil {
		t.Error("an empty folder was packed")
	}
}
