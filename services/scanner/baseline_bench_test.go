package scanner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
)

// pins are 30 real ones, of which many are hit.
const pins = `aiohttp==3.7.3 babel==2.9.0 certifi==2022.9.24 celery==5.0.5 click==8.1.3 cryptography==3.3 django==3.2.4 fastapi==0.65.0 flask==2.2.2 gunicorn==20.0.4
httplib2==0.18.0 idna==3.4 jinja2==2.11.2 lxml==4.6.2 mako==1.1.0 markupsafe==2.1.1 numpy==1.16.0 paramiko==2.4.0 pillow==8.1.0 psycopg2==2.8.6
pygments==2.7.0 pyjwt==2.3.0 pyyaml==5.3 redis==4.5.1 requests==2.28.1 sqlparse==0.4.1 tornado==6.1 twisted==20.3.0 urllib3==1.26.4 werkzeug==2.2.2`

// BenchmarkPinsInProcess reads a requirements file of 30 pins and matches it, in this process on a loaded
// database, beside google/osv-scanner doing the same offline in its process. x-less-cpu is the ratio.
func BenchmarkPinsInProcess(b *testing.B) {
	program := os.Getenv("DRYDOCK_OSV_SCANNER")
	if _, err := os.Stat(program); err != nil {
		b.Skip("DRYDOCK_OSV_SCANNER names no program: make bench sets it, make osv-scanner builds it")
	}
	db, err := filepath.Abs("../../../shared/advisories")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(db, "osv-scalibr")); err != nil {
		b.Skip("the frozen OSV database (../shared/advisories) is not beside the project")
	}
	text := []byte(strings.Join(strings.Fields(pins), "\n") + "\n")
	matcher, err := advisory.Open(db, advisory.Options{CacheDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer matcher.Close()
	hits := 0
	once := func() {
		m := manifest{Path: "requirements.txt", Ecosystem: "PyPI"}
		parseRequirements(text, &m, nil)
		for _, p := range m.Packages {
			found, err := matcher.Match("PyPI", p.Package, p.Version)
			if err != nil {
				b.Fatal(err)
			}
			hits += len(found)
		}
	}
	once()
	rounds, before := 0, used(b)
	for b.Loop() {
		once()
		rounds++
	}
	ours := (used(b) - before).Seconds() / float64(rounds)
	theirs := osvScannerCPU(b, program, db)
	b.ReportMetric(ours*1000, "cpu-ms/op")
	b.ReportMetric(theirs*1000, "osv-scanner-cpu-ms/op")
	b.ReportMetric(theirs/ours, "x-less-cpu")
}

func osvScannerCPU(b *testing.B, program, db string) float64 {
	b.Helper()
	type question struct {
		DB       string              `json:"db"`
		Packages []map[string]string `json:"packages"`
		Repeat   int                 `json:"repeat"`
	}
	q := question{DB: db, Repeat: 5}
	for pin := range strings.FieldsSeq(pins) {
		name, version, _ := strings.Cut(pin, "==")
		q.Packages = append(q.Packages, map[string]string{"name": name, "version": version, "ecosystem": "PyPI"})
	}
	in, err := json.Marshal(q)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	var answer struct {
		CPUSeconds float64 `json:"cpu_seconds"`
		Error      string
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.CPUSeconds == 0 {
		b.Fatalf("%s: %v %s: %s", program, err, answer.Error, out)
	}
	if err != nil {
		b.Fatal(fmt.Errorf("%s: %w", program, err))
	}
	return answer.CPUSeconds
}

func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
