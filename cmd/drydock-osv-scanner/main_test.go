package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const record = `{"schema_version":"1.6.0","id":"TEST-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"flask"},
"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.2.5"}]}]}]}`

// database writes a database with one advisory, in one of the two layouts.
func database(t *testing.T, below string, content ...string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, below, "PyPI", "all.zip")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, c := range content {
		w, err := z.Create("TEST-1.json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func ask1(t *testing.T, req any) (response, int) {
	t.Helper()
	in, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := req.(string); ok {
		in = []byte(s)
	}
	var out bytes.Buffer
	code := run(bytes.NewReader(in), &out, func(string, string) string { return "none" }) // confining is for good: the tests of the whole project see it
	var res response
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatalf("the answer is not JSON: %s", out.Bytes())
	}
	return res, code
}

func TestAnswers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, below := range []string{"osv-scalibr", ""} {
		res, code := ask1(t, request{DB: database(t, below, record), Packages: []pkg{
			{"Flask", "2.2.2", "PyPI"}, {"flask", "2.2.5", "PyPI"}, {"unknown_Name", "1.0+local", "PyPI"},
		}})
		if code != 0 || res.Error != "" || len(res.Results) != 3 || res.Version != osvScannerVersion {
			t.Fatalf("layout %q: exit %d, %+v", below, code, res)
		}
		if got := strings.Join(res.Results[0].IDs, " "); got != "TEST-1" {
			t.Errorf("flask 2.2.2: %q", got)
		}
		for _, r := range res.Results[1:] {
			if r.IDs == nil || len(r.IDs) > 0 {
				t.Errorf("%s %s: %v, want an empty list", r.Name, r.Version, r.IDs)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What osv-scanner itself would call clean is an error here.
func TestRefuses(t *testing.T) {
	flask := []pkg{{"flask", "2.2.2", "PyPI"}}
	broken := database(t, "", record)
	if err := os.WriteFile(filepath.Join(broken, "PyPI", "all.zip"), []byte("no zip"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		req  any
		want string
	}{
		{"no database", request{DB: t.TempDir(), Packages: flask}, "open the database"},
		{"empty database", request{DB: database(t, ""), Packages: flask}, "holds no advisory"},
		{"broken database", request{DB: broken, Packages: flask}, "not a valid zip file"},
		{"database of another ecosystem", request{DB: database(t, "", record), Packages: []pkg{{"time", "0.1", "crates.io"}}}, "open the database"},
		{"no directory named", request{Packages: flask}, "names no database"},
		{"unknown ecosystem", request{DB: database(t, "", record), Packages: []pkg{{"x", "1", "Nowhere"}}}, `ecosystem "Nowhere"`},
		{"no version", request{DB: database(t, "", record), Packages: []pkg{{"flask", "", "PyPI"}}}, "no version"},
		{"garbage", "{", "read the request"},
		{"too large", strings.Repeat(" ", maxRequest+1), "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, code := ask1(t, tt.req)
			if code != 4 || !strings.Contains(res.Error, tt.want) || res.Results != nil {
				t.Errorf("exit %d, %+v; want an error with %q", code, res, tt.want)
			}
		})
	}
}

func TestVersionIsTheRequiredOne(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/google/osv-scanner/v2 v" + osvScannerVersion; !strings.Contains(string(data), want) {
		t.Errorf("go.mod does not require %s", want)
	}
}
