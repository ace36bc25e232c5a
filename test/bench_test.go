package test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

// cost is what one run of a command takes.
type cost struct{ wall, cpu time.Duration }

// measure runs a command once more than it counts, and returns the mean.
func measure(b *testing.B, rounds int, run func() *exec.Cmd) cost {
	b.Helper()
	var c cost
	for i := range rounds + 1 {
		cmd := run()
		began := time.Now()
		out, err := cmd.Output()
		wall := time.Since(began)
		if cmd.ProcessState == nil || len(out) == 0 {
			b.Fatalf("run %s: %v", cmd.Path, err)
		}
		if i > 0 {
			c.wall += wall / time.Duration(rounds)
			c.cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()) / time.Duration(rounds)
		}
	}
	return c
}

// BenchmarkScanCommand is the whole command on 30 pins and the frozen database, beside osv-scanner as a
// command on the same: with the compact snapshot (seen), and on a database it never saw (first).
func BenchmarkScanCommand(b *testing.B) {
	osv, db, drydock := osvScanner(b), advisories(b), filepath.Join(root(b), "bin", "drydock")
	if _, err := os.Stat(drydock); err != nil {
		drydock = binary(b)
	}
	file := filepath.Join(b.TempDir(), "requirements.txt")
	var packages []pinned
	var text strings.Builder
	files, _ := filepath.Glob("testdata/opinion/[abdfl]*.txt") // the pattern is well formed
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			name, version, ok := strings.Cut(strings.TrimSpace(line), "==")
			if ok && len(packages) < 30 && !strings.ContainsAny(version, " +") {
				packages = append(packages, pinned{strings.ToLower(name), version, "PyPI"})
				text.WriteString(line)
			}
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	question, err := json.Marshal(map[string]any{"db": db, "packages": packages})
	if err != nil {
		b.Fatal(err)
	}
	theirs := measure(b, 5, func() *exec.Cmd {
		cmd := exec.Command(osv)
		cmd.Stdin = bytes.NewReader(question)
		return cmd
	})
	env := cleanEnv(b)
	ours := func(env []string) *exec.Cmd {
		cmd := exec.Command(drydock, "scan", file, "--db", db, "--format", "json", "--quiet")
		cmd.Env = env
		return cmd
	}
	compare := func(b *testing.B, c cost) {
		b.ReportMetric(float64(len(packages)), "pins")
		b.ReportMetric(float64(c.wall.Microseconds())/1000, "wall-ms")
		b.ReportMetric(float64(c.cpu.Microseconds())/1000, "cpu-ms")
		b.ReportMetric(float64(theirs.wall)/float64(c.wall), "x-less-wall")
		b.ReportMetric(float64(theirs.cpu)/float64(c.cpu), "x-less-cpu")
		b.ReportMetric(0, "ns/op") // the figures are the others
	}
	b.Run("seen", func(b *testing.B) { compare(b, measure(b, 10, func() *exec.Cmd { return ours(env) })) })
	b.Run("first", func(b *testing.B) { compare(b, measure(b, 5, func() *exec.Cmd { return ours(cleanEnv(b)) })) })
}

// BenchmarkDemo is the demo from start to end, building apart.
func BenchmarkDemo(b *testing.B) {
	dir := programs(b)
	for b.Loop() {
		cmd := exec.Command(filepath.Join(dir, "demo"), "-drydock", filepath.Join(dir, "drydock"))
		cmd.Dir, cmd.Env = root(b), cleanEnv(b)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("the demo at %s: %v\n%s", frozen.Now, err, out)
		}
	}
}

// TestBinarySize: the program stays small enough to be handed around.
func TestBinarySize(t *testing.T) {
	fi, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("drydock is %.1f MB", float64(fi.Size())/1e6)
	if fi.Size() > 60e6 {
		t.Errorf("drydock is %d bytes, at most 60 MB", fi.Size())
	}
}
