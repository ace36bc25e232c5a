package dock

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// asked are tests that ask whether one of them is to fail by chance: they wait for a signal, and then are pytest.
const asked = `import os, runpy, signal, sys, time

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
while not signal.sigpending():
    time.sleep(0.01)
if signal.SIGUSR2 in signal.sigpending():
    os.environ["CHANCE"] = "no"
sys.argv = ["pytest"]
runpy.run_module("pytest", run_name="__main__", alter_sys=True)
`

// byChance is an application of four libraries with a test that fails by chance, beside those given.
func byChance(t *testing.T, tests string) (files map[string]string, mark string) {
	mark = fmt.Sprintf("%s-%d", t.Name(), os.Getpid())
	files = several("import os\n\n\ndef test_chance():\n    assert 'CHANCE' not in os.environ, 'by chance'\n\n\n" + tests)
	files["wait.py"] = asked
	files[ownFile] = fmt.Sprintf("checks:\n  tests: {command: [python, wait.py, tests, always, %s], timeout: 10m}\n", mark)
	return files, mark
}

// luck answers what waits, one run after another: y has it pass, n fail by chance; after the last all pass.
type luck struct {
	mu   sync.Mutex
	runs string // those that were answered
}

func (l *luck) had() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.runs
}

// toss answers all runs of a test's checks until it ends.
func toss(t *testing.T, mark, says string) *luck {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	l, over, done := &luck{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for answered := map[string]bool{}; ; {
			for _, pid := range waiting(mark)["tests"] {
				at := begun(pid)
				who := fmt.Sprint(pid, " ", at)
				if at == "" || answered[who] {
					continue
				}
				answered[who] = true
				l.mu.Lock()
				sig, n := syscall.SIGUSR1, len(l.runs)
				if n < len(says) && says[n] == 'n' {
					sig = syscall.SIGUSR2
				}
				l.runs += map[syscall.Signal]string{syscall.SIGUSR1: "y", syscall.SIGUSR2: "n"}[sig]
				l.mu.Unlock()
				_ = syscall.Kill(pid, sig) // gone: its box was ended
			}
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { close(over); <-done })
	return l
}

// begun tells a process from another that had its id: the time of its start (proc_pid_stat(5), field 22). Empty: it is gone.
func begun(pid int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

const chance = "tests.test_pay::test_chance"

// How a test that fails by chance is judged: what it failed with once without the change excuses nothing.
func TestFlakyBefore(t *testing.T) {
	for _, c := range []struct {
		name, says string // the unchanged application, the changed one, and each of them once more
		result     string
		told       string
		rare       bool
	}{
		{"fails twice without it", "nnn", report.Validated, "", false},
		{"fails by chance without it and twice with it", "nnyn", report.Rejected, chance + " (failed in 1 of 2 runs without the change, in 2 of 2 runs with it)", false},
		{"fails by chance without it and with it", "nnyy", report.Validated, chance + " (failed in 1 of 2 runs without the change, in 1 of 2 runs with it)", true},
		{"fails by chance with it", "yny", report.Validated, chance + " (failed in 0 of 1 run without the change, in 1 of 2 runs with it)", true},
		{"passes with it", "ny", report.Validated, "", true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if c.rare {
				rare(t)
			}
			files, mark := byChance(t, "def test_fine():\n    assert a\n")
			w := newWorld(t, files)
			w.offer("a", "b", "c", "d")
			w.adjust = oneByOne
			l := toss(t, mark, c.says)
			v := w.one()
			if v.Result != c.result || l.had() != c.says {
				t.Fatalf("%s after runs %s: %s, want %s after %s", v.Result, l.had(), v.Reason, c.result, c.says)
			}
			tests, again := v.Step(report.StepTests), v.Step(report.StepConfirm)
			if !strings.Contains(tests.Detail, c.told) || (len(tests.Flaky) > 0) != (c.told != "") {
				t.Errorf("told: %s %+v", tests.Detail, tests.Flaky)
			}
			if confirmed := len(c.says) > 2 && c.says[0] == 'n'; confirmed != (again != nil) || confirmed && (again.Log == "" || again.Command == "" || again.Cached || again.ExitCode == nil) {
				t.Errorf("once more without it: %+v", again)
			}
			if v.Result == report.Rejected {
				w.unpinned(v, chance)
			}
		})
	}
}

// unpinned looks for a rejection that names no update, and says so with what was printed.
func (w *world) unpinned(v *report.Validation, test string) {
	w.t.Helper()
	if len(v.Failing) > 0 || v.Proved || !strings.HasPrefix(v.Reason, "it failed, and could not be pinned on an update: tests: ") || !strings.Contains(v.Reason, test) || v.Log == "" {
		w.t.Errorf("%s; failing %v, log %q", v.Reason, v.Failing, v.Log)
	}
	if st := v.Step(report.StepBisect); st == nil || st.Status == report.StepPassed {
		w.t.Errorf("%+v", st)
	}
}

// What failed twice without the change is asked no third time: the next change of the same commit is told from what is kept.
func TestFlakyIsKept(t *testing.T) {
	files, mark := byChance(t, "def test_fine():\n    assert a\n")
	w := newWorld(t, files)
	w.offer("a", "b", "c", "d")
	w.advise("a", "1.1", "")
	w.adjust = oneByOne
	l := toss(t, mark, "nnnnnn")
	first := w.proposed()
	if l.had() != "nnn" {
		t.Fatalf("runs %s", l.had())
	}
	at := w.here()
	w.learn("a", "1.1", "", "b", "1.1", "")
	w.update("second")
	c := w.change(at, "change.proposed")
	if l.had() != "nnnn" {
		t.Errorf("runs %s: the unchanged application is not asked again", l.had())
	}
	v := w.validation(c.Validated.Validation)
	if b, again := v.Step(report.StepBaseline), v.Step(report.StepConfirm); c.Change == first.Change || !b.Cached || again == nil || !again.Cached || again.Log == "" {
		t.Errorf("%s: %+v, %+v", c.Change, b, again)
	}
	w.settled()
}

// A test that fails by chance while a culprit is looked for makes no other update one.
func TestFlakyIsNoCulprit(t *testing.T) {
	files, mark := byChance(t, "def test_c():\n    assert c.__version__ == '1.0', 'c is ' + c.__version__\n")
	w := newWorld(t, files)
	w.offer("a", "b", "c", "d")
	w.adjust = oneByOne
	l := toss(t, mark, "yynynnyy") // without it, with it, with it, without it; a and b, of which the one by chance fails; c and once more
	v := w.one()
	if len(v.Failing) != 1 || v.Failing[0].Package != "c" || !v.Proved || !strings.Contains(string(w.evidence(v.Log)), "2 failed") {
		t.Errorf("%s; failing %v, proved %t, runs %s", v.Reason, v.Failing, v.Proved, l.had())
	}
}

// What fails twice by chance, and then never again, is no update's fault.
func TestFlakyIsPinnedOnNobody(t *testing.T) {
	files, mark := byChance(t, "def test_fine():\n    assert a\n")
	w := newWorld(t, files)
	w.offer("a", "b", "c", "d")
	w.adjust = oneByOne
	l := toss(t, mark, "ynnyyny") // without it, twice with it, without it; a passes, b fails by chance, and does not once more
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedTests, reason: []string{"could not be pinned on an update", chance}, log: "1 failed"})
	v := w.validation(c.Rejected.Validation)
	w.unpinned(v, chance)
	if notes := strings.Join(v.Notes, "\n"); l.had() != "ynnyyny" || !strings.Contains(notes, "no update can be named: what was found to fail does not fail when it is tried once more") {
		t.Errorf("runs %s; %s", l.had(), notes)
	}
	s := w.until("held", func(s *events.State) bool { return s.Plan != nil && s.Plan.Outcomes["blocked"] == 4 })
	if doc := string(w.evidence(s.Plan.Document)); !strings.Contains(doc, "could not be pinned on an update") {
		t.Errorf("the plan does not say why: %s", doc)
	}
	w.settled()
}
