package advisory

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// pins are 30 of a web service of 2022, as its requirements.txt has them.
var pins = [][2]string{
	{"flask", "2.2.2"}, {"Werkzeug", "2.2.2"}, {"Jinja2", "3.1.2"}, {"SQLAlchemy", "1.4.41"}, {"requests", "2.28.1"}, {"urllib3", "1.26.12"},
	{"certifi", "2022.9.24"}, {"cryptography", "38.0.1"}, {"PyYAML", "5.3.1"}, {"Pillow", "9.2.0"}, {"numpy", "1.21.0"}, {"pandas", "1.4.4"},
	{"Django", "3.2.15"}, {"gunicorn", "20.1.0"}, {"celery", "5.2.2"}, {"redis", "4.3.4"}, {"aiohttp", "3.8.1"}, {"httpx", "0.22.0"},
	{"lxml", "4.9.0"}, {"paramiko", "2.10.0"}, {"pyjwt", "2.3.0"}, {"itsdangerous", "2.1.2"}, {"MarkupSafe", "2.1.1"}, {"click", "8.1.3"},
	{"attrs", "22.1.0"}, {"idna", "3.3"}, {"tensorflow", "2.8.0"}, {"torch", "1.12.0+cu117"}, {"setuptools", "65.4.0"}, {"wheel", "0.37.1"},
}

func matchPins(b *testing.B, m Matcher) (hits int) {
	for _, p := range pins {
		found, err := m.Match("PyPI", p[0], p[1])
		if err != nil {
			b.Fatal(err)
		}
		hits += len(found)
	}
	return hits
}

// cpu is this process's processor time, children apart.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, start time.Duration) {
	b.ReportMetric(float64((cpu(b)-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkMatch30Warm is the matching alone: all names decoded.
func BenchmarkMatch30Warm(b *testing.B) {
	db, err := Open(frozen(b), Options{CacheDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	hits := matchPins(b, db)
	db.Close()
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		hits = matchPins(b, db)
	}
	report(b, start)
	b.ReportMetric(float64(hits), "hits")
}

// BenchmarkOpenAndMatch30 is what a scan pays for a database it has seen.
func BenchmarkOpenAndMatch30(b *testing.B) {
	dir, o := frozen(b), Options{CacheDir: b.TempDir()}
	db, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	matchPins(b, db)
	db.Close()
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		db, err := Open(dir, o)
		if err != nil {
			b.Fatal(err)
		}
		matchPins(b, db)
	}
	report(b, start)
}

// BenchmarkFirstSight is the same for a database never seen: hash, unpack, parse, group, match, write the snapshot.
func BenchmarkFirstSight(b *testing.B) {
	dir := frozen(b)
	start := cpu(b)
	for b.Loop() {
		o := Options{CacheDir: b.TempDir()}
		db, err := Open(dir, o)
		if err != nil {
			b.Fatal(err)
		}
		matchPins(b, db)
		db.Close()
		found, _ := filepath.Glob(filepath.Join(o.CacheDir, "PyPI-*"))
		if info, err := os.Stat(found[0]); err == nil {
			b.ReportMetric(float64(info.Size()), "snapshot-bytes")
		}
	}
	report(b, start)
}

// BenchmarkMemory is what stays in memory of all three databases: opened, and with 30 pins matched.
func BenchmarkMemory(b *testing.B) {
	dir, o := frozen(b), Options{CacheDir: b.TempDir()}
	if _, err := Info(dir, o); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		before := heap()
		db, err := Open(dir, o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.Info(); err != nil {
			b.Fatal(err)
		}
		opened := heap()
		matchPins(b, db)
		b.ReportMetric(float64(opened-before)/1024, "KiB-open")
		b.ReportMetric(float64(heap()-before)/1024, "KiB-matched")
		runtime.KeepAlive(db)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkEPSSLookup: a quarter of a million scores.
func BenchmarkEPSSLookup(b *testing.B) {
	text := []byte("cve,epss,percentile\n")
	for i := range 250_000 {
		text = fmt.Appendf(text, "CVE-%d-%d,0.%05d,0.5\n", 1999+i%27, i, i%100_000)
	}
	dir, o := b.TempDir(), Options{CacheDir: b.TempDir(), EPSS: filepath.Join(b.TempDir(), "epss.csv")}
	if err := os.WriteFile(o.EPSS, text, 0o644); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(o.EPSS, old, old); err != nil {
		b.Fatal(err)
	}
	if _, err := Open(dir, o); err != nil {
		b.Fatal(err)
	}
	start := cpu(b)
	for b.Loop() {
		db, err := Open(dir, o)
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := db.epss.find("CVE-2024-25"); !ok {
			b.Fatal("not found")
		}
	}
	report(b, start)
}
