package advisory

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pypi writes a record of the package with the affected members given, JSON without braces.
func pypi(id, pkg, affected string, more ...string) string {
	members := append([]string{
		fmt.Sprintf(`"schema_version":"1.7.0","id":%q,"modified":"2024-05-01T10:00:00Z","published":"2024-04-01T12:00:00+02:00"`, id),
		fmt.Sprintf(`"affected":[{"package":{"ecosystem":"PyPI","name":%q},%s}]`, pkg, affected),
	}, more...)
	return "{" + strings.Join(members, ",") + "}"
}

// ranged writes a range of type ECOSYSTEM; events as "introduced=0 fixed=1.2".
func ranged(events ...string) string {
	var all []string
	for _, list := range events {
		var evs []string
		for _, e := range strings.Fields(list) {
			kind, version, _ := strings.Cut(e, "=")
			evs = append(evs, fmt.Sprintf(`{%q:%q}`, kind, version))
		}
		all = append(all, `{"type":"ECOSYSTEM","events":[`+strings.Join(evs, ",")+`]}`)
	}
	return `"ranges":[` + strings.Join(all, ",") + `]`
}

func aliases(ids ...string) string {
	return `"aliases":["` + strings.Join(ids, `","`) + `"]`
}

const (
	vector98 = `"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`
	vector53 = `"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}]`
)

// zipOf packs records, each under a name of its own; a record "NAME\x00content" names itself.
func zipOf(t testing.TB, records ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, r := range records {
		name, content, named := strings.Cut(r, "\x00")
		if !named {
			name, content = fmt.Sprintf("%03d.json", i), r
		}
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write puts a file there with its folders and returns its path.
func write(t testing.TB, data []byte, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// dbOf opens a directory holding the records as its PyPI database.
func dbOf(t testing.TB, records ...string) *DB {
	t.Helper()
	dir := t.TempDir()
	write(t, zipOf(t, records...), dir, "PyPI", archiveName)
	return open(t, dir, Options{})
}

func open(t testing.TB, dir string, o Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func match(t testing.TB, m Matcher, name, version string) []Hit {
	t.Helper()
	hits, err := m.Match("PyPI", name, version)
	if err != nil {
		t.Fatalf("%s %s: %v", name, version, err)
	}
	return hits
}

// ids lists the hits, space separated.
func ids(hits []Hit) string {
	var all []string
	for _, h := range hits {
		all = append(all, h.ID)
	}
	return strings.Join(all, " ")
}

// tree lists every file beneath dir with its content, to see that nothing changed.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == ".lock" {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// frozen is the directory of frozen databases that lies beside the project on development machines.
func frozen(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if found := filepath.Join(filepath.Dir(dir), "shared", "advisories"); isFile(filepath.Join(found, scalibrDir, "PyPI", archiveName)) {
			return found
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no ../shared/advisories beside the project: the frozen OSV databases are not compared against")
		}
		dir = up
	}
}
