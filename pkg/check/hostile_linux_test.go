package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// mark is in the arguments of whatever hostile commands of this process leave behind.
var mark = fmt.Sprintf("a-process-of-the-check-tests-%d-", os.Getpid())

// hostile are commands that nobody means well with, and how each is told.
var hostile = []struct {
	name   string
	check  application.Check
	limits dock.Limits
	status Status
	says   string
	also   func(Result) bool
	begun  func(Result) bool // what has to happen before the limit of time: where it had not, there is more time
}{
	{name: "hanging", check: command("sh", "-c", "echo before; sleep 600; : "+mark), limits: dock.Limits{Time: 500 * time.Millisecond}, status: TimedOut, says: "not done after TIME: the end of the log",
		begun: func(r Result) bool { return len(r.Log) > 0 },
		also:  func(r Result) bool { return string(r.Log) == "before\n" && r.ExitCode == -1 && r.Run.TimedOut }},
	{name: "deaf", check: python("import signal, time\nfor s in set(signal.Signals) - {9, 19}:\n  signal.signal(s, signal.SIG_IGN)\nwhile True: time.sleep(60)"), limits: dock.Limits{Time: 2 * time.Second}, status: TimedOut, says: "not done after 2s"},
	{name: "killed", check: python("import os; os.kill(os.getpid(), 9)"), status: Killed, says: "ended by signal 9 (killed)", also: func(r Result) bool { return r.Signal == 9 }},
	{name: "crashing", check: python("import ctypes; ctypes.string_at(0)"), status: Killed, says: "ended by signal 11 (segmentation fault)", also: func(r Result) bool { return r.Signal == 11 }},
	{name: "leaving children", check: python("import os, sys, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    os.execlp('sh', 'sh', '-c', 'sleep 600; : " + mark + "')\n  os._exit(0)\ntime.sleep(0.5); print('done')"), status: LeftChildren, says: "processes were left running, and were stopped",
		also: func(r Result) bool { return r.OK() && string(r.Log) == "done\n" && r.Run.Left > 0 }},
	{name: "failing, leaving children", check: command("sh", "-c", "(setsid sh -c 'sleep 600; : "+mark+"' &); sleep 0.3; exit 3"), status: Failed, says: "exit code 3; ", also: func(r Result) bool { return r.ExitCode == 3 && r.Run.Left > 0 }},
	{name: "eating memory", check: python("x = []\nwhile True: x.append(bytearray(1 << 24))"), status: Limited, says: "met the limit of memory (512 MiB)"},
	{name: "eating memory by many", check: python("import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    x = bytearray(b'x' * (1 << 27)); time.sleep(600)\ntime.sleep(600)"), status: Limited, says: "memory"},
	{name: "filling a file", check: python("f = open('big', 'wb')\nwhile True: f.write(b'x' * (1 << 22))"), limits: dock.Limits{FileSize: 64 << 20}, status: Limited, says: "disk space"},
	{name: "filling the disk with files", check: command("sh", "-c", "cd \"$(dirname \"${PYTEST_ADDOPTS#*=}\")\"; i=0; while : > f$i; do i=$((i+1)); done; sleep 3; exit 1"), status: Limited, says: "of files (200000 beside"},
	{name: "forking without end", check: python("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"), limits: dock.Limits{Time: 1500 * time.Millisecond, Processes: 40}, status: Limited, says: "processes (40), and was not done after TIME",
		begun: func(r Result) bool { return strings.Contains(r.Detail, "processes") }},
	{name: "burning processor time", check: command("sh", "-c", "while :; do :; done"), limits: dock.Limits{CPU: 300 * time.Millisecond}, status: Limited, says: "processor time (300ms)"},
	{name: "writing to the artifact", check: python("import sys; open(sys.prefix + '/lib.py', 'w')"), also: func(r Result) bool {
		return r.Run.Level == dock.None && os.Getuid() == 0 || r.Status == Failed && bytes.Contains(r.Log, []byte("/app/venv/lib.py'")) && (bytes.Contains(r.Log, []byte("Read-only file system")) || bytes.Contains(r.Log, []byte("Permission denied")))
	}},
	{name: "a report that links to a file of the host", check: command("sh", "-c", "ln -s /etc/passwd \"${PYTEST_ADDOPTS#*=}\""), status: Passed, says: "its JUnit report was not used: it is no file but a link", also: noTests},
	{name: "a report that is a folder", check: command("sh", "-c", "mkdir \"${PYTEST_ADDOPTS#*=}\""), status: Passed, says: "was not used: it is no file", also: noTests},
	{name: "a report that is a pipe", check: command("sh", "-c", "mkfifo \"${PYTEST_ADDOPTS#*=}\""), status: Passed, also: noTests},
	{name: "a report of 1 GB with holes", check: command("sh", "-c", "truncate -s 1G \"${PYTEST_ADDOPTS#*=}\" || truncate -s 60M \"${PYTEST_ADDOPTS#*=}\""), status: Passed, says: "its JUnit report was not used: it is larger", also: noTests},
	{name: "a report of 1 GB", check: command("sh", "-c", "head -c 1G /dev/zero > \"${PYTEST_ADDOPTS#*=}\"; exit 0"), says: "its JUnit report was not used: it is larger", also: noTests},
	{name: "many files beside the report", check: command("sh", "-c", "cd \"$(dirname \"${PYTEST_ADDOPTS#*=}\")\"; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do : > $i || exit 0; done"), says: "", also: noTests},
	{name: "a report with an entity bomb", check: command("sh", "-c", "printf '<?xml version=\"1.0\"?><!DOCTYPE b [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><testsuite><testcase name=\"&b;\"/></testsuite>' > \"${PYTEST_ADDOPTS#*=}\""), status: Passed, says: "was not used: a comment, CDATA or a document type", also: noTests},
	{name: "the report's folder is gone", check: command("sh", "-c", "d=$(dirname \"${PYTEST_ADDOPTS#*=}\"); rm -rf \"$d\" 2>/dev/null; :"), status: Passed, also: noTests},
	{name: "another word of the step", check: command("sh", "-c", "echo '{\"kind\":\"absent\",\"places\":{\"/app\":\"/\",\"/copy\":\"s\"}}' > \"$(dirname \"${PYTEST_ADDOPTS#*=}\")/told.json\"; echo /s; exit 3"), status: Failed, says: "exit code 3", also: func(r Result) bool { return string(r.Log) == "/s\n" }},
	{name: "speaking to the terminal", check: command("printf", `\033[31mred\033[0m \033]0;title\007 \302\233 a\rb\r\n\000\377`), status: Passed, also: func(r Result) bool { return string(r.Log) == "red ?]0;title? ? a\nb\n??" }},
}

func noTests(r Result) bool { return len(r.Tests) == 0 }

func TestHostile(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, map[string]string{"a.txt": "x"})
		for _, h := range hostile {
			if d.Level() == dock.None && (h.name == "forking without end" && os.Getuid() == 0) {
				continue // root's own processes have no limit of their number
			}
			t.Run(string(d.Level())+"/"+h.name, func(t *testing.T) {
				b := b
				if h.limits.Time > 0 {
					b.Limits.Time = h.limits.Time
				}
				b.Limits.CPU, b.Limits.Processes, b.Limits.FileSize = h.limits.CPU, h.limits.Processes, h.limits.FileSize
				r := b.run(t, h.check)
				for h.begun != nil && !h.begun(r) && b.Limits.Time < time.Minute {
					b.Limits.Time *= 4
					r = b.run(t, h.check)
				}
				if h.status != "" && r.Status != h.status || !strings.Contains(r.Detail, strings.ReplaceAll(h.says, "TIME", b.Limits.Time.String())) || h.also != nil && !h.also(r) {
					t.Errorf("%+v\n%.500s", r, r.Log)
				}
				if left := processes(); len(left) > 0 {
					t.Errorf("left %v", left)
				}
			})
		}
		if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "drydock-dock-*")); len(left) > 0 && d.Level() != dock.Namespaces {
			t.Logf("%s: others' or ours: %v", d.Level(), left)
		}
	}
}

// processes are those of hostile commands that still run.
func processes() []string {
	var out []string
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range lines {
		if data, err := os.ReadFile(p); err == nil && bytes.Contains(data, []byte(mark)) && !bytes.Contains(data, []byte("go\x00test")) {
			out = append(out, p+" "+string(data))
		}
	}
	return out
}

// A gigabyte of output is read to its end, and the log keeps both its ends.
func TestPrintingAGigabyte(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, nil)
		r := b.run(t, command("sh", "-c", "echo the beginning; head -c 1G /dev/zero | tr '\\0' x; echo; echo the end"))
		total := 1<<30 + len("the beginning\n\nthe end\n")
		if r.Status != Passed || !r.LogCut || len(r.Log) < logHead+logTail || len(r.Log) > logHead+logTail+200 ||
			!bytes.HasPrefix(r.Log, []byte("the beginning\nxxx")) || !bytes.HasSuffix(r.Log, []byte("xxx\nthe end\n")) || !bytes.Contains(r.Log, []byte("bytes of 1073741847 are missing here")) || total != 1073741847 {
			t.Errorf("%s: %s %s, %d bytes, cut %v: %.100s", d.Level(), r.Status, r.Detail, len(r.Log), r.LogCut, r.Log)
		}
	}
}

// At level none nothing keeps a check from writing to the artifact: the caller's verification finds it.
func TestWritingToTheArtifactIsFound(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, map[string]string{"a.txt": "x"})
		entries, err := artifact.Scan(t.Context(), b.place.Root, artifact.Outside{b.Interpreter})
		if err != nil {
			t.Fatal(err)
		}
		m := &artifact.Manifest{Schema: artifact.Schema, Application: "payments", Entries: entries}
		r := b.run(t, python("import os, sys\np = os.path.dirname(sys.prefix) + '/src'\nos.chmod(p, 0o755)\nopen(p + '/evil.py', 'w')"))
		changes, err := artifact.Verify(t.Context(), b.place.Root, m)
		if err != nil {
			t.Fatal(err)
		}
		wrote := slices.ContainsFunc(changes, func(c artifact.Change) bool { return c.Path == "src/evil.py" })
		if wrote != (d.Level() == dock.None) || wrote != r.OK() || !wrote && len(changes) > 0 {
			t.Errorf("%s: %s %v: %s", d.Level(), r.Status, changes, r.Log)
		}
	}
}

// Source that does not fit is told as such, and names that only a hostile repository has are copied as they are.
func TestStrangeSource(t *testing.T) {
	deep := strings.Repeat("d/", 400) + "f"
	for _, d := range docks(t) {
		b := newBench(t, d, map[string]string{deep: "deep", "a b\nc": "x", "run": "#!/bin/sh\necho ran\n", "-rf": "x"})
		src := filepath.Join(b.place.Root, "src")
		if os.Chmod(src, 0o755) != nil || os.Symlink("/etc/passwd", filepath.Join(src, "out")) != nil || os.Symlink("loop", filepath.Join(src, "loop")) != nil || os.Symlink("..", filepath.Join(src, "up")) != nil {
			t.Fatal("make links")
		}
		r := b.run(t, python("import os, subprocess; print(sorted(os.listdir()), os.readlink('out'), os.readlink('loop')); print(open('"+deep+"').read(), flush=True); subprocess.run('./run'); open('"+deep+"', 'a').write('x')"))
		if !r.OK() || string(r.Log) != "['-rf', 'a b\\nc', 'd', 'loop', 'out', 'run', 'up'] /etc/passwd loop\ndeep\nran\n" {
			t.Errorf("%s: %+v %s", d.Level(), r, r.Log)
		}
	}
}

// Source that there is no room for is no failure of the tests.
func TestSourceTooLarge(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, map[string]string{"large": strings.Repeat("x", 2<<20)})
		b.Limits.FileSize = 1 << 20
		if r := b.run(t, command("true")); r.Status != Limited || !strings.HasPrefix(r.Detail, "the application's source can't be copied to where its checks may write (File too large): there is room for 1 GiB and 200000 files") {
			t.Errorf("%s: %s %s %s", d.Level(), r.Status, r.Detail, r.Log)
		}
	}
}

// Checks side by side know nothing of one another.
func TestManyAtOnce(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, nil)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				r, err := b.Run(t.Context(), "tests", command("sh", "-c", fmt.Sprintf("echo %d > mine; sleep 0.1; echo *; cat mine", i)), b.place)
				if err != nil || !r.OK() || string(r.Log) != fmt.Sprintf("mine\n%d\n", i) {
					t.Errorf("%s: %+v %v %s", d.Level(), r, err, r.Log)
				}
			})
		}
		wg.Wait()
	}
}

// BenchmarkRun is what a check costs beside its command, with the source of a middling application.
func BenchmarkRun(b *testing.B) {
	source := map[string]string{}
	for i := range 2000 {
		source[fmt.Sprintf("pkg%d/module%d.py", i%50, i)] = strings.Repeat("x = 1\n", 500)
	}
	for _, d := range docks(b) {
		bench := newBench(b, d, source)
		b.Run(string(d.Level()), func(b *testing.B) {
			for b.Loop() {
				if r := bench.run(b, command("true")); !r.OK() {
					b.Fatalf("%+v", r)
				}
			}
		})
	}
}
