package advisory

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

var (
	recordOne = pypi("PYSEC-1", "demo", ranged("introduced=0 fixed=2"))
	recordTwo = pypi("PYSEC-2", "demo", ranged("introduced=0"))
	noon      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func imported(t testing.TB, source, dir string, o ImportOptions) []Imported {
	t.Helper()
	all, err := Import(t.Context(), source, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportZip(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	source := write(t, zipOf(t, recordOne, recordTwo), t.TempDir(), "download.zip")
	var lock sync.Mutex
	stages := map[string]int64{}
	all := imported(t, source, dir, ImportOptions{CacheDir: cacheDir, Now: noon, Progress: func(p Progress) {
		lock.Lock()
		defer lock.Unlock()
		stages[p.Stage] = max(stages[p.Stage], p.Done)
	}})
	if len(all) != 1 || all[0].Before != "" || all[0].Unchanged || all[0].Database.Name != "PyPI" || all[0].Database.Records != 2 {
		t.Fatalf("%+v", all)
	}
	if info, _ := os.Stat(source); stages[StageCopy] != info.Size() || stages[StageCheck] != 2 {
		t.Errorf("progress %v", stages)
	}
	db := open(t, dir, Options{CacheDir: cacheDir})
	d := db.Databases()[0]
	if d.Digest != all[0].Database.Digest || !d.Fetched.Equal(noon) || d.Partial || d.Newest == nil || d.Records != 2 || d.Source != source {
		t.Errorf("%+v", d)
	}
	if got := ids(match(t, db, "demo", "1")); got != "PYSEC-1 PYSEC-2" {
		t.Error(got)
	}
	if found, _ := filepath.Glob(filepath.Join(cacheDir, "PyPI-*.snapshot")); len(found) != 1 {
		t.Errorf("the snapshot is written while the records are at hand: %v", found)
	}
	again := imported(t, source, dir, ImportOptions{Now: noon.Add(time.Hour)})
	if !again[0].Unchanged || again[0].Before != d.Digest || !open(t, dir, Options{}).Databases()[0].Fetched.Equal(noon.Add(time.Hour)) {
		t.Errorf("imported again: %+v", again)
	}
	if files := tree(t, dir); len(files) != 2 {
		t.Errorf("left behind: %v", keys(files))
	}
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range maps.Keys(m) {
		all = append(all, k)
	}
	return all
}

func TestImportDirectories(t *testing.T) {
	goRecord := strings.NewReplacer("PyPI", "Go", "PYSEC-1", "GO-1").Replace(recordOne)
	zipped := func(t *testing.T, base ...string) string {
		root := t.TempDir()
		dir := append([]string{root}, base...)
		write(t, zipOf(t, recordOne), append(dir, "PyPI", archiveName)...)
		write(t, zipOf(t, goRecord), append(dir, "Go", archiveName)...)
		return root
	}
	for name, c := range map[string]struct {
		source  func(t *testing.T) string
		want    string
		partial bool
	}{
		"several archives":       {func(t *testing.T) string { return zipped(t) }, "Go PyPI", false},
		"in osv-scanner's place": {func(t *testing.T) string { return zipped(t, scalibrDir) }, "Go PyPI", false},
		"an archive in a folder that names it": {func(t *testing.T) string {
			return write(t, zipOf(t, recordOne, strings.Replace(goRecord, "GO-1", "GO-2", 1)), t.TempDir(), "PyPI", archiveName)
		}, "PyPI", false},
		"an archive with a marker beside it": {func(t *testing.T) string {
			dir := t.TempDir()
			write(t, nil, dir, partialMarker)
			return write(t, zipOf(t, recordOne), dir, "some.zip")
		}, "PyPI", true},
		"an archive with a marker in it": {func(t *testing.T) string {
			return write(t, zipOf(t, recordOne, partialMarker+"\x00of the demo"), t.TempDir(), "some.zip")
		}, "PyPI", true},
		"loose records": {func(t *testing.T) string {
			dir := t.TempDir()
			write(t, []byte(recordOne), dir, "a", "one.json")
			write(t, []byte(recordTwo), dir, "two.json")
			write(t, []byte("no record"), dir, "README.md")
			write(t, []byte("no record"), dir, ".git", "config.json")
			return dir
		}, "PyPI", false},
		"loose records, marked": {func(t *testing.T) string {
			dir := t.TempDir()
			write(t, []byte(recordOne), dir, "one.json")
			write(t, []byte("Only what the demo needs.\n"), dir, partialMarker)
			return dir
		}, "PyPI", true},
		"loose records by ecosystem": {func(t *testing.T) string {
			dir := t.TempDir()
			write(t, []byte(recordOne), dir, "PyPI", "one.json")
			write(t, []byte(goRecord), dir, "Go", "one.json")
			write(t, nil, dir, partialMarker)
			return dir
		}, "Go PyPI", true},
	} {
		dir := t.TempDir()
		all := imported(t, c.source(t), dir, ImportOptions{})
		var names []string
		for _, one := range all {
			names = append(names, one.Database.Name)
		}
		databases, err := Info(dir, Options{})
		if got := strings.Join(names, " "); got != c.want || err != nil || len(databases) != len(all) {
			t.Errorf("%s: %q, %d databases, %v", name, got, len(databases), err)
		}
		for _, d := range databases {
			if d.Partial != c.partial || d.Fetched == nil || d.Records == 0 {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
}

func TestImportOfTheSameLooseRecordsChangesNothing(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	write(t, []byte(recordOne), source, "one.json")
	first := imported(t, source, dir, ImportOptions{})
	write(t, []byte(recordOne), source, "one.json")
	if again := imported(t, source, dir, ImportOptions{}); !again[0].Unchanged || again[0].Database.Digest != first[0].Database.Digest {
		t.Errorf("%+v", again)
	}
}

func TestPartialStaysWithTheArchive(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	write(t, []byte(recordOne), source, "one.json")
	write(t, nil, source, partialMarker)
	imported(t, source, dir, ImportOptions{})
	whole := write(t, zipOf(t, recordOne, recordTwo), t.TempDir(), "whole.zip")
	if d := open(t, dir, Options{}).Databases()[0]; !d.Partial {
		t.Errorf("%+v", d)
	}
	// By hand elsewhere: the marker travels inside.
	copied, err := os.ReadFile(filepath.Join(dir, scalibrDir, "PyPI", archiveName))
	if err != nil {
		t.Fatal(err)
	}
	byHand := t.TempDir()
	write(t, copied, byHand, "PyPI", archiveName)
	if d, err := Info(byHand, Options{}); err != nil || !d[0].Partial || d[0].Fetched != nil || d[0].Records != 1 {
		t.Errorf("by hand: %+v %v", d, err)
	}
	write(t, nil, dir, scalibrDir, "PyPI", partialMarker)
	imported(t, whole, dir, ImportOptions{})
	if d := open(t, dir, Options{}).Databases()[0]; d.Partial {
		t.Errorf("a whole one after it: %+v", d)
	}
	write(t, zipOf(t, recordTwo), dir, scalibrDir, "PyPI", archiveName)
	if d := open(t, dir, Options{}).Databases()[0]; d.Fetched != nil {
		t.Errorf("replaced by hand, yet it has an age: %+v", d)
	}
}

// Whatever is wrong with what is given, the database in use stays, byte for byte, and nothing is left behind.
func TestBadArchivesAreRefusedAndTheOldOneStays(t *testing.T) {
	good := zipOf(t, recordOne, recordTwo)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty file":         {nil, "zip directory"},
		"no zip":             {[]byte("garbage, not a zip"), "zip directory"},
		"cut":                {good[:len(good)-40], "zip directory"},
		"no records":         {zipOf(t, "README.md\x00hello"), "no OSV record"},
		"no entries":         {zipOf(t), "no OSV record"},
		"a flipped bit":      {flip(good, bytes.Index(good, []byte("000.json"))+40), "000.json"},
		"no readable one":    {zipOf(t, "garbage", "{}"), "none of its 2 records can be read"},
		"a zip bomb":         {zipOf(t, recordOne, string(bytes.Repeat([]byte(" "), 8<<20))), "zip bomb"},
		"an endless record":  {zipOf(t, string(bytes.Repeat([]byte(" "), maxRecord+1))), "at most 16777216"},
		"a false size":       {falseSize(t, 10), "stated"},
		"encrypted":          {encrypted(t), "encrypted"},
		"another method":     {otherMethod(t), "method 12"},
		"no ecosystem":       {zipOf(t, `{"id":"A-1"}`), "no record names an ecosystem"},
		"of many":            {zipOf(t, recordOne, strings.ReplaceAll(recordTwo, "PyPI", "npm"), strings.ReplaceAll(recordTwo, "PyPI", "Lunar")), "not of one ecosystem"},
		"of an unjudged":     {zipOf(t, strings.ReplaceAll(recordTwo, "PyPI", "Lunar:3")), "Lunar in 1"},
		"too large unpacked": {hugeTotal(t), "unpack to"},
	} {
		dir := t.TempDir()
		imported(t, write(t, zipOf(t, recordOne), t.TempDir(), "old.zip"), dir, ImportOptions{})
		before := tree(t, dir)
		source := write(t, c.data, t.TempDir(), "new.zip")
		_, err := Import(t.Context(), source, dir, ImportOptions{})
		if !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), source) || !strings.Contains(err.Error(), "stays") {
			t.Errorf("%s: %v, want ErrArchive naming %q", name, err, c.want)
		}
		if after := tree(t, dir); !maps.Equal(before, after) {
			t.Errorf("%s: changed %v to %v", name, keys(before), keys(after))
		}
		if got := ids(match(t, open(t, dir, Options{}), "demo", "1")); got != "PYSEC-1" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x10
	return b
}

// falseSize is a zip whose directory announces fewer bytes than an entry has.
func falseSize(t *testing.T, size uint32) []byte {
	b := zipOf(t, recordOne)
	directory := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[directory+24:], size)
	return b
}

func hugeTotal(t *testing.T) []byte {
	names := make([]string, 300)
	for i := range names {
		names[i] = recordOne
	}
	b := zipOf(t, append(names, "filler.txt\x00"+randomText(200_000))...)
	for rest := b; ; {
		i := bytes.Index(rest, []byte("PK\x01\x02"))
		if i < 0 {
			return b
		}
		binary.LittleEndian.PutUint32(rest[i+20:], 100_000) // packed, so that it is no bomb by ratio
		binary.LittleEndian.PutUint32(rest[i+24:], maxRecord)
		rest = rest[i+4:]
	}
}

// randomText does not pack.
func randomText(n int) string {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func encrypted(t *testing.T) []byte {
	b := zipOf(t, recordOne)
	b[bytes.LastIndex(b, []byte("PK\x01\x02"))+8] |= 1
	return b
}

func otherMethod(t *testing.T) []byte {
	b := zipOf(t, recordOne)
	b[bytes.LastIndex(b, []byte("PK\x01\x02"))+10] = 12
	return b
}

func TestImportOfWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	if _, err := Import(t.Context(), filepath.Join(dir, "none.zip"), dir, ImportOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Import(t.Context(), t.TempDir(), dir, ImportOptions{}); !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), "OSV records") {
		t.Error(err)
	}
	if _, err := Import(t.Context(), t.TempDir(), dir, ImportOptions{Ecosystem: "Lunar"}); !errors.Is(err, ErrEcosystem) {
		t.Error(err)
	}
	source := t.TempDir()
	write(t, bytes.Repeat([]byte(" "), maxRecord+1), source, "long.json")
	if _, err := Import(t.Context(), source, dir, ImportOptions{}); !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), "long.json") {
		t.Error(err)
	}
	source = t.TempDir()
	write(t, zipOf(t, recordOne), source, "Lunar", archiveName)
	if all, err := Import(t.Context(), source, dir, ImportOptions{}); err != nil || len(all) != 1 || all[0].Skipped == "" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestImportStops(t *testing.T) {
	dir := t.TempDir()
	source := write(t, zipOf(t, recordOne), t.TempDir(), "new.zip")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Import(ctx, source, dir, ImportOptions{Progress: func(Progress) { cancel() }})
	if !errors.Is(err, context.Canceled) || len(tree(t, dir)) != 0 {
		t.Errorf("%v, left %v", err, keys(tree(t, dir)))
	}
}

func TestOneImportAtATime(t *testing.T) {
	dir := t.TempDir()
	source := write(t, zipOf(t, recordOne), t.TempDir(), "new.zip")
	write(t, []byte("of a killed import"), dir, scalibrDir, ".tmp-123")
	held := flock.New(filepath.Join(dir, scalibrDir, ".lock"))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), source, dir, ImportOptions{}); err == nil || !strings.Contains(err.Error(), "another import") {
		t.Error(err)
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	imported(t, source, dir, ImportOptions{})
	if files := tree(t, dir); len(files) != 2 {
		t.Errorf("left behind: %v", keys(files))
	}
}

func TestStoredEntriesAreRead(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, r := range []string{recordOne, recordTwo} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: r[30:38] + ".json", Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if all := imported(t, write(t, b.Bytes(), t.TempDir(), "stored.zip"), dir, ImportOptions{}); all[0].Database.Records != 2 {
		t.Errorf("%+v", all)
	}
}
