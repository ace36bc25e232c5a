package dock

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/validator"
)

// oneByOne has the checks of an emergency run one after another.
func oneByOne(d *validator.Deps) {
	p, err := policy.Parse("policy.yaml", []byte("classes: {emergency: {parallel: false}}\n"))
	if err != nil {
		panic(err)
	}
	d.Policy = func() *policy.Policy { return p }
}

// checks are the steps in which something of the application runs.
var checks = []string{report.StepBaseline, report.StepTests, report.StepSecurity, report.StepSmoke}

// waits says no on one signal, and yes on another: tests have checks wait for each other by waiting until all wait.
const waits = `import signal, sys, time

if sys.argv[2] == "changed":
    import lib
    if lib.__version__ == "1.0":
        sys.exit(0)
print(sys.argv[1], "waits", flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
while not signal.sigpending():
    time.sleep(0.01)
sys.exit(0 if signal.SIGUSR1 in signal.sigpending() else "no room")
`

// waiting are the processes in boxes that wait, by the name of their check; mark tells those of one test.
func waiting(mark string) map[string][]int {
	const blocked = 1<<(syscall.SIGUSR1-1) | 1<<(syscall.SIGUSR2-1)
	out := map[string][]int{}
	each(func(pid int) {
		words := strings.Fields(commandLine(pid))
		if len(words) < 5 || words[1] != "wait.py" || words[4] != mark {
			return
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // gone: it does not wait
		for line := range strings.Lines(string(status)) {
			if mask, ok := strings.CutPrefix(line, "SigBlk:"); ok {
				if n, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); err == nil && n&blocked == blocked {
					out[words[2]] = append(out[words[2]], pid)
				}
			}
		}
	})
	return out
}

// meet waits until so many processes of each check wait at the same time, and none of those that waited before.
func meet(t *testing.T, mark string, want map[string]int, before ...int) map[string][]int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	deadline := time.Now().Add(patience)
	for {
		found := waiting(mark)
		met := len(found) == len(want)
		for name, n := range want {
			met = met && len(found[name]) == n && !slices.ContainsFunc(found[name], func(pid int) bool { return slices.Contains(before, pid) })
		}
		switch {
		case met:
			return found
		case time.Now().After(deadline):
			t.Fatalf("waiting are %v, want %v", found, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func tell(t *testing.T, sig syscall.Signal, all ...[]int) {
	t.Helper()
	for _, pid := range slices.Concat(all...) {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Error(err)
		}
	}
}

// waitFor are checks that wait; when is "always", or "changed" for those that wait in the changed application alone.
func waitFor(t *testing.T, when string, names ...string) (files map[string]string, mark string) {
	mark = fmt.Sprintf("%s-%d", t.Name(), os.Getpid())
	own := "checks:\n"
	for _, name := range names {
		own += fmt.Sprintf("  %s: {command: [python, wait.py, %s, %s, %s], timeout: 30m}\n", name, name, when, mark)
	}
	return map[string]string{"wait.py": waits, ownFile: own}, mark
}

// The policy has the checks of an emergency run at the same time, and beside them the tests of the unchanged
// application. They are told in the order of the steps, each with its log.
func TestChecksAtOnce(t *testing.T) {
	w := newWorld(t, plain())
	w.cfg.Memory = 256 << 20 // so that there is room for four
	files, mark := waitFor(t, "always", checks[1:]...)
	w.repo.Push("main", "they meet", files)
	w.begin()
	id := w.change(0, "change.opened").Change
	all := meet(t, mark, map[string]int{"tests": 2, "security": 1, "smoke": 1})
	kv, err := w.b.KV("progress")
	if err != nil {
		t.Fatal(err)
	}
	if told, _, err := kv.Get(t.Context(), app+"."+id); err != nil || !strings.Contains(string(told), `"step":"baseline","detail":"at the same time as tests, security, smoke"`) {
		t.Errorf("of its progress it says %s, %v", told, err)
	}
	tell(t, syscall.SIGUSR1, all["smoke"], all["tests"], all["security"]) // the last one first
	c := w.stage(events.StageProposed)
	v := w.validation(c.Validated.Validation)
	if text := string(w.evidence(c.Proposed.Text)); !slices.Equal(v.NotRun, []string{"integration", "performance"}) || !strings.Contains(text, "what integration, performance checks would show") {
		t.Errorf("what nothing ran is not told: %v\n%s", v.NotRun, text)
	}
	var order []string
	for _, st := range v.Steps {
		if !slices.Contains(checks, st.Name) {
			continue
		}
		order = append(order, st.Name)
		if st.Status != report.StepPassed || st.Started.IsZero() || st.Seconds <= 0 {
			t.Errorf("%+v", st)
		}
	}
	if !slices.Equal(order, checks) {
		t.Errorf("told in the order %v", order)
	}
	w.settled()
}

// one reads the report on the first change, and stops everything.
func (w *world) one() *report.Validation {
	w.t.Helper()
	c := w.reported()
	w.stop()
	w.nothingLeft()
	switch {
	case c.Parked != nil:
		return w.validation(c.Parked.Validation)
	case c.Rejected != nil:
		return w.validation(c.Rejected.Validation)
	}
	return w.validation(c.Validated.Validation)
}

// timeless is a report without its times, and without what follows from them: the ids of plan and change, the digests
// of logs, and of the policy, which is what differs; and without the inventory, which names the folder it was made of.
func timeless(t *testing.T, v *report.Validation) string {
	t.Helper()
	c := *v
	c.Started, c.Seconds, c.Change, c.Plan, c.Inputs.Policy, c.Tested = time.Time{}, 0, "", "", "", ""
	if c.Log != "" {
		c.Log = "kept"
	}
	c.Steps = slices.Clone(v.Steps)
	for i := range c.Steps {
		if c.Steps[i].Started, c.Steps[i].Seconds = (time.Time{}), 0; c.Steps[i].Log != "" {
			c.Steps[i].Log = "kept"
		}
	}
	if v.Rescan != nil {
		r := *v.Rescan
		r.Report, r.Inventory, c.Rescan = "", "", &r
	}
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Side by side or one after another: the report is the same but for its times, and one that fails keeps no other from
// being told.
func TestBesideTheSame(t *testing.T) {
	does := func(tests, security, smoke string) map[string]string {
		own := "checks:\n"
		for name, code := range map[string]string{"tests": tests, "security": security, "smoke": smoke} {
			if code != "" {
				own += fmt.Sprintf("  %s: {command: [python, -c, %q], timeout: 10m}\n", name, "import lib, sys, time; new = lib.__version__ != '1.0'; "+code)
			}
		}
		return map[string]string{ownFile: own}
	}
	for _, c := range []struct {
		name   string
		files  map[string]string
		result string // and, of the checks, the status
		rare   bool
	}{
		{"all pass", does("print('fine')", "print('safe')", "print('starts')"), "validated: passed passed passed passed", true},
		{"two say no", does("print('fine')", "time.sleep(0.3); sys.exit(new)", "sys.exit(new)"), "rejected: passed passed failed failed", false},
		{"all say no, and did", does("sys.exit(1)", "sys.exit(1)", "sys.exit(1)"), "validated: warned warned warned warned", true},
		{"one is not there", map[string]string{ownFile: "checks:\n  tests: {command: no-such-tool}\n  smoke: {command: [python, -c, 'import lib']}\n"}, "parked: warned stopped skipped passed", true},
		{"what is not there, and what says no", map[string]string{ownFile: "checks:\n  tests: {command: no-such-tool}\n  smoke: {command: [python, -c, 'import lib, sys; sys.exit(lib.__version__ != \"1.0\")']}\n"}, "rejected: warned stopped skipped failed", false},
		{"there are no tests", does("", "print('safe')", "print('starts')"), "validated: skipped skipped passed passed", true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if c.rare {
				rare(t)
			}
			w := newWorld(t, plain())
			w.repo.Push("main", c.name, c.files)
			w.cfg.Memory = 256 << 20
			beside := w.one()
			other := newWorld(t, plain())
			other.repo, other.index, other.cfg.Memory, other.adjust = w.repo, w.index, w.cfg.Memory, oneByOne
			got := beside.Result + ":"
			for _, name := range checks {
				if st := beside.Step(name); st != nil {
					got += " " + st.Status
				}
			}
			if got != c.result {
				t.Errorf("%s, want %s: %s", got, c.result, beside.Reason)
			}
			if v := beside.Step(report.StepVerify); v == nil || v.Status != report.StepPassed {
				t.Errorf("what was sealed was not looked at again: %+v", v)
			}
			if one, two := timeless(t, beside), timeless(t, other.one()); one != two {
				t.Errorf("side by side:\n%s\none by one:\n%s", one, two)
			}
		})
	}
}

// limited has validator.limit be over when over is called, however long that takes.
func (w *world) limited() (over func()) {
	ends := make(chan struct{})
	w.adjust = func(d *validator.Deps) {
		d.Limited = func(ctx context.Context, _ time.Duration, cause error) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			go func() {
				select {
				case <-ends:
					cancel(cause)
				case <-ctx.Done():
				}
			}()
			return ctx, func() { cancel(nil) }
		}
	}
	return func() { close(ends) }
}

// What the limit of the validation cuts off says until where it came, all of what ran at that time.
func TestCutOff(t *testing.T) {
	w := newWorld(t, plain())
	w.cfg.Limit, w.cfg.Memory = 12*time.Second, 256<<20
	over := w.limited()
	files, mark := waitFor(t, "always", "security", "smoke")
	w.repo.Push("main", "hangs", files)
	w.begin()
	meet(t, mark, map[string]int{"security": 1, "smoke": 1})
	over()
	c := w.change(0, reports...)
	w.check(c, want{stage: events.StageParked, kind: events.ParkedFailed, step: report.StepSecurity, do: "raise validator.limit",
		reason: []string{"security was not done when validator.limit (12s) was over; the last it printed: security waits"}})
	v := w.validation(c.Parked.Validation)
	for _, name := range []string{report.StepSecurity, report.StepSmoke} {
		st := v.Step(name)
		if st == nil || st.Status != report.StepStopped || st.Log == "" || string(w.evidence(st.Log)) != name+" waits\n" {
			t.Errorf("%s: %+v", name, st)
		}
	}
	w.settled()
}

// What fails only because of what runs beside it is not held against the change.
func TestBesideIsNoFault(t *testing.T) {
	w := newWorld(t, plain())
	w.cfg.Memory = 256 << 20
	files, mark := waitFor(t, "changed", "security", "smoke")
	w.repo.Push("main", "in each other's way", files)
	w.begin()
	all := meet(t, mark, map[string]int{"security": 1, "smoke": 1})
	tell(t, syscall.SIGUSR2, all["smoke"])
	meet(t, mark, map[string]int{"security": 1})
	tell(t, syscall.SIGUSR1, all["security"])
	tell(t, syscall.SIGUSR1, meet(t, mark, map[string]int{"smoke": 1}, all["smoke"]...)["smoke"]) // once more, by itself
	v := w.validation(w.stage(events.StageProposed).Validated.Validation)
	if st := v.Step(report.StepSmoke); st.Status != report.StepPassed || st.ExitCode == nil || *st.ExitCode != 0 {
		t.Errorf("%+v", st)
	}
	if notes := strings.Join(v.Notes, "\n"); !strings.Contains(notes, "smoke ended badly at the same time as other checks (exit code 1), and passed by itself, which is what counts") {
		t.Errorf("nobody is told: %s", notes)
	}
	w.settled()
}

// A process that ends while checks run side by side says nothing of them, and leaves none.
func TestStoppedBeside(t *testing.T) {
	w := newWorld(t, plain())
	w.cfg.Memory = 256 << 20
	files, mark := waitFor(t, "always", checks[1:]...)
	w.repo.Push("main", "they meet", files)
	w.begin()
	meet(t, mark, map[string]int{"tests": 2, "security": 1, "smoke": 1})
	w.stop()
	w.nothingLeft()
	meet(t, mark, map[string]int{})
	for _, r := range w.records(0) {
		if slices.Contains(reports, kind(r)) {
			t.Errorf("%s was said", kind(r))
		}
	}
}

// What is killed as a kernel kills that is short of memory is heard once more, and so by itself.
func TestKilledOnce(t *testing.T) {
	w := newWorld(t, plain())
	files, mark := waitFor(t, "changed", "smoke")
	w.repo.Push("main", "waits", files)
	w.begin()
	first := meet(t, mark, map[string]int{"smoke": 1})["smoke"]
	tell(t, syscall.SIGKILL, first)
	tell(t, syscall.SIGUSR1, meet(t, mark, map[string]int{"smoke": 1}, first...)["smoke"])
	v := w.validation(w.stage(events.StageProposed).Validated.Validation)
	if notes := strings.Join(v.Notes, "\n"); v.Step(report.StepSmoke).Status != report.StepPassed || !strings.Contains(notes, "smoke ended badly once (ended by signal 9 (killed)") {
		t.Errorf("%+v\n%s", v.Step(report.StepSmoke), notes)
	}
	w.settled()
}

// What fails is run once more before it is held against the change. Where it passes then a person is told: nobody knows
// which of the two it will be in production.
func TestFailsOnce(t *testing.T) {
	w := newWorld(t, plain())
	files, mark := waitFor(t, "changed", "smoke")
	w.repo.Push("main", "waits", files)
	w.begin()
	first := meet(t, mark, map[string]int{"smoke": 1})["smoke"]
	tell(t, syscall.SIGUSR2, first)
	tell(t, syscall.SIGUSR1, meet(t, mark, map[string]int{"smoke": 1}, first...)["smoke"])
	v := w.validation(w.stage(events.StageProposed).Validated.Validation)
	if st := v.Step(report.StepSmoke); st.Status != report.StepWarned || !strings.Contains(st.Detail, "it failed when it ran first") {
		t.Errorf("%+v", st)
	}
	w.settled()
}

// What only the tests need and can't be installed is found among the updates as what ships is.
func TestUpdateOfTestsThatBreaks(t *testing.T) {
	all := several("def test_a():\n    assert a\n")
	all["requirements-dev.txt"] += "raw==1.0\n"
	w := newWorld(t, all)
	w.offer("a", "b", "c", "d")
	w.index.Backend()
	w.index.Source("raw", "1.0", map[string]string{"raw.py": ""})
	w.index.Source("raw", "1.1", map[string]string{"raw.py": "", "setup.py": "raise SystemExit('no compiler here')\n"})
	w.advise("a", "1.1", "", "b", "1.1", "", "raw", "1.1", "")
	w.cfg.BuildWith = []string{"yardbuild==1.0"}
	w.policy("source_builds: allow\n")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedInstall, reason: []string{"raw 1.1: install what the tests need", "no compiler here"}})
	if failing(c) != "raw" || !c.Rejected.Proved {
		t.Errorf("blamed: %s, proved %t", failing(c), c.Rejected.Proved)
	}
	next := w.stage(events.StageProposed)
	w.standsOn(next.Branch, w.repo.Git("rev-parse", "main"), "a==1.1\nb==1.1\nc==1.0\nd==1.0")
	w.settled()
}

// What a process that was killed left is cleared away by the next one that validates, also where none ever stays.
func TestLeftByAnother(t *testing.T) {
	w := newWorld(t, plain())
	for _, name := range []string{"work/c-dead-1", "artifacts/.new-DEAD"} {
		at := filepath.Join(w.cfg.Dir, name)
		if err := os.MkdirAll(filepath.Join(at, "src"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at+".lock", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.proposed()
	w.settled()
}
