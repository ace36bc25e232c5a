package advisory

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// cached returns a database directory and a cache in which its snapshot lies.
func cached(t *testing.T, records ...string) (dir, cacheDir, snapshot string) {
	t.Helper()
	dir, cacheDir = t.TempDir(), t.TempDir()
	file := write(t, zipOf(t, records...), dir, "PyPI", archiveName)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	db := open(t, dir, Options{CacheDir: cacheDir})
	match(t, db, "demo", "1")
	db.Close()
	found, _ := filepath.Glob(filepath.Join(cacheDir, "*.snapshot"))
	if len(found) != 1 {
		t.Fatalf("snapshots: %v", found)
	}
	return dir, cacheDir, found[0]
}

func TestSnapshotAnswersAsTheArchive(t *testing.T) {
	dir, cacheDir, snapshot := cached(t,
		pypi("PYSEC-1", "demo", ranged("introduced=0 fixed=2", "introduced=2004d limit=3")+`,"versions":["5.0","old!"]`, aliases("CVE-1", "GHSA-1"), vector98),
		pypi("GHSA-1", "demo", ranged("introduced=1 last_affected=1.5"), `"database_specific":{"severity":"LOW"}`),
		pypi("PYSEC-2", "zeta", ranged("introduced=0")), "bad.json\x00garbage")
	plain, fast := open(t, dir, Options{}), open(t, dir, Options{CacheDir: cacheDir})
	if s, err := openSnapshotFile(snapshot); err != nil || s.len() != 2 || s.name(0) != "demo" || s.name(1) != "zeta" {
		t.Fatal(s, err)
	}
	for _, version := range []string{"0.5", "1.2", "2.5", "3", "5.0"} {
		for _, name := range []string{"demo", "zeta", "none", ""} {
			if a, b := match(t, plain, name, version), match(t, fast, name, version); !reflect.DeepEqual(a, b) {
				t.Errorf("%s %s: %+v from the archive, %+v from the snapshot", name, version, a, b)
			}
		}
	}
	if a, b := plain.Databases(), fast.Databases(); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, %+v", a, b)
	}
	if plain.Digest() != fast.Digest() {
		t.Error("the digest depends on the cache")
	}
}

func TestDamagedCacheIsRebuilt(t *testing.T) {
	record := pypi("PYSEC-1", "demo", ranged("introduced=0"))
	for name, damage := range map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"cut":           func(b []byte) []byte { return b[:len(b)-3] },
		"cut in prefix": func(b []byte) []byte { return b[:10] },
		"cut in index":  func(b []byte) []byte { return b[:prefixLength+4] },
		"other format":  func(b []byte) []byte { b[len(snapshotMagic)]++; return b },
		"long index":    func(b []byte) []byte { copy(b[len(snapshotMagic)+4:], "\xff\xff\xff\xff\xff"); return b },
		"bit in index":  func(b []byte) []byte { b[prefixLength+3] ^= 4; return b },
		"bit in block":  func(b []byte) []byte { b[len(b)-1] ^= 4; return b },
		"of another":    func(b []byte) []byte { return encodeSnapshot(&summary{ecosystem: "PyPI", digest: "sha256:00"}, nil) },
		"garbage":       func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), 100) },
	} {
		dir, cacheDir, snapshot := cached(t, record)
		whole, err := os.ReadFile(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		write(t, damage(bytes.Clone(whole)), snapshot)
		db := open(t, dir, Options{CacheDir: cacheDir})
		if got := ids(match(t, db, "demo", "1")); got != "PYSEC-1" {
			t.Errorf("%s: %q", name, got)
		}
		db.Close()
		if again, _ := os.ReadFile(snapshot); !bytes.Equal(again, whole) {
			t.Errorf("%s: the snapshot was not made anew", name)
		}
	}
}

func TestSnapshotIsReproducible(t *testing.T) {
	var records []string
	for _, name := range []string{"a", "b", "c"} {
		for _, id := range []string{"GHSA-", "PYSEC-", "MAL-"} {
			records = append(records, pypi(id+name, name, ranged("introduced=0"), aliases("CVE-1-"+name, "PYSEC-x"+name)))
		}
	}
	_, _, one := cached(t, records...)
	first, _ := os.ReadFile(one)
	for range 5 {
		_, _, other := cached(t, records...)
		if again, _ := os.ReadFile(other); !bytes.Equal(first, again) {
			t.Fatal("the same archive gave different snapshots")
		}
	}
}

func TestReplacedArchiveIsNoticed(t *testing.T) {
	dir, cacheDir, _ := cached(t, pypi("PYSEC-1", "demo", ranged("introduced=0")))
	before, lazy := open(t, dir, Options{CacheDir: cacheDir}), open(t, dir, Options{})
	file := filepath.Join(dir, "PyPI", archiveName)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// Same size, same time; another inode, as every rename brings.
	next := write(t, zipOf(t, pypi("PYSEC-2", "demo", ranged("introduced=0"))), dir, "next")
	if err := os.Chtimes(next, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
	after := open(t, dir, Options{CacheDir: cacheDir})
	if got := ids(match(t, after, "demo", "1")); got != "PYSEC-2" || before.Digest() == after.Digest() {
		t.Errorf("after the swap: %q", got)
	}
	for _, db := range []*DB{before, lazy} {
		if got := ids(match(t, db, "demo", "1")); got != "PYSEC-1" {
			t.Errorf("who was at work got %q", got)
		}
	}
}

func TestArchiveWrittenOverInPlaceIsNoDatabase(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	file := write(t, zipOf(t, recordOne), dir, "PyPI", archiveName)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	db := open(t, dir, Options{CacheDir: cacheDir})
	write(t, zipOf(t, recordTwo), file)
	if _, err := db.Match("PyPI", "demo", "1"); !errors.Is(err, ErrNoDatabase) || !strings.Contains(err.Error(), "written over") {
		t.Errorf("the digest is of another content: %v", err)
	}
	if got := ids(match(t, open(t, dir, Options{CacheDir: cacheDir}), "demo", "1")); got != "PYSEC-2" {
		t.Errorf("opened anew: %q", got)
	}
}

func TestCacheKeepsFewSnapshots(t *testing.T) {
	c := cache{filepath.Join(t.TempDir(), "made", "when", "needed")}
	for i := range 7 {
		c.put("PyPI", "sha256:"+strings.Repeat(string(rune('a'+i)), 64), []byte("x"))
	}
	left, fresh := write(t, nil, c.dir, ".tmp-old"), write(t, nil, c.dir, ".tmp-fresh")
	old := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	c.put("Go", "sha256:a", []byte("x"))
	if isFile(left) || !isFile(fresh) {
		t.Error("what a killed process left goes, what is being written stays")
	}
	found, _ := filepath.Glob(filepath.Join(c.dir, "PyPI-*"))
	if len(found) != keepPerKind || !isFile(c.path("PyPI", "sha256:"+strings.Repeat("g", 64))) || !isFile(c.path("Go", "sha256:a")) {
		t.Errorf("%v", found)
	}
	cache{}.put("PyPI", "sha256:a", nil) // no cache: nothing written
	cache{filepath.Join(found[0], "below-a-file")}.put("PyPI", "sha256:a", nil)
}

func TestUnusableCacheOnlyCostsTime(t *testing.T) {
	dir := t.TempDir()
	write(t, zipOf(t, pypi("PYSEC-1", "demo", ranged("introduced=0"))), dir, "PyPI", archiveName)
	file := write(t, nil, t.TempDir(), "a-file")
	if got := ids(match(t, open(t, dir, Options{CacheDir: filepath.Join(file, "cache")}), "demo", "1")); got != "PYSEC-1" {
		t.Error(got)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	dir, cacheDir, snapshot := cached(t, pypi("PYSEC-1", "demo", ranged("introduced=0")), pypi("PYSEC-2", "other", ranged("introduced=0")))
	if err := os.Remove(snapshot); err != nil {
		t.Fatal(err)
	}
	db := open(t, dir, Options{CacheDir: cacheDir})
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for _, name := range []string{"demo", "other", "none"} {
				if _, err := db.Match("PyPI", name, "1"); err != nil {
					t.Error(err)
				}
				db.Databases()
			}
		})
	}
	wait.Wait()
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), Options{}); !errors.Is(err, ErrNoDatabase) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such directory: %v", err)
	}
	empty := open(t, dir, Options{})
	if _, err := empty.Match("PyPI", "demo", "1"); !errors.Is(err, ErrNoDatabase) || len(empty.Databases()) != 0 {
		t.Errorf("an empty directory: %v", err)
	}
	write(t, zipOf(t, pypi("PYSEC-1", "demo", ranged("introduced=0"))), dir, "osv-scalibr", "PyPI", archiveName)
	write(t, zipOf(t, pypi("PYSEC-2", "demo", ranged("introduced=0"))), dir, "PyPI", archiveName)
	write(t, []byte("garbage"), dir, "Go", archiveName)
	write(t, []byte("unrelated"), dir, "notes.txt")
	db := open(t, dir, Options{})
	if got := ids(match(t, db, "demo", "1")); got != "PYSEC-1" {
		t.Errorf("osv-scalibr comes first, got %q", got)
	}
	_, err := db.Match("Go", "stdlib", "1.20")
	if !errors.Is(err, ErrNoDatabase) || !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), filepath.Join("Go", archiveName)) {
		t.Errorf("a corrupt archive: %v", err)
	}
	if _, again := db.Match("Go", "stdlib", "1.20"); again == nil || again.Error() != err.Error() {
		t.Errorf("asked again: %v", again)
	}
	if os.Geteuid() != 0 { // root reads it all the same
		locked := write(t, zipOf(t, recordOne), dir, "crates.io", archiveName)
		if err := os.Chmod(locked, 0); err != nil {
			t.Fatal(err)
		}
		db := open(t, dir, Options{})
		if _, err := db.Match("crates.io", "demo", "1"); !errors.Is(err, ErrNoDatabase) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("an unreadable archive: %v", err)
		}
		match(t, db, "demo", "1")
	}
	only := open(t, dir, Options{Ecosystems: []string{"Go"}})
	if _, err := only.Match("PyPI", "demo", "1"); !errors.Is(err, ErrNoDatabase) || len(only.Databases()) != 1 {
		t.Errorf("an ecosystem that was not asked for: %v", err)
	}
}
