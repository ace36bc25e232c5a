package dock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// with is a smoke check that does something once the change is in, and nothing without it.
func with(what string) map[string]string {
	return map[string]string{
		"do.py": "import os, signal, subprocess, sys, time\nimport lib\nif lib.__version__ == '1.0':\n    sys.exit(0)\n" + what,
		ownFile: "checks:\n  smoke: {command: python do.py, timeout: 10m}\n",
	}
}

// hostile tries to change all that it runs from, and says what it could do.
const hostile = `
changed = []
for top in ("/app", sys.prefix, sys.base_prefix, os.path.dirname(lib.__file__)):
    for at in (os.path.join(top, "new"), os.path.join(top, "venv", "pyvenv.cfg"), os.path.join(top, "src", "do.py"), os.path.join(top, "__init__.py")):
        try:
            open(at, "a").write("# changed\n")
            changed.append(at)
        except OSError:
            pass
    try:
        os.chmod(top, 0o777)
        changed.append(top)
    except OSError:
        pass
sys.exit("changed %s" % changed if changed else 0)
`

// What a check does that nobody would want: each ends as it must, the log is kept, and nothing is left of it. The
// application's repository moves on from one to the next, so that each is validated anew.
func TestHostileChecks(t *testing.T) {
	w := newWorld(t, plain())
	w.decl = "    isolation: namespaces\n"
	w.start(bus.NewMemory())
	rejected := want{stage: "rejected", kind: events.RejectedTests}
	var before want
	proposed := want{stage: events.StageProposed, pushed: true}
	for i, c := range []struct {
		name, does string
		want       want
		log, told  string // of the step; of what it says of it
		slow       bool
	}{
		{"killed by a signal", "print('so far', flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n", rejected, "so far", "ended by signal 11 (segmentation fault)", false},
		{"says no", "sys.exit('no: ' + lib.__version__)\n", rejected, "no: 1.1", "exit code 1; it passed without the change", true},
		{"more memory than there is", "x = [b'x' * (1 << 20) for _ in range(4096)]\n", rejected, "", "met the limit of memory (2 GiB)", true},
		{"is not there", "os.execvp('sh', ['sh', '-c', 'lib-tool --run'])\n", rejected, "lib-tool", "lib-tool", true},
		{"leaves children", "subprocess.Popen(['sleep', '4711'], start_new_session=True)\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(4711)\n", proposed, "", "2 processes were left running, and were stopped", false},
		{"changes what was sealed", hostile, proposed, "", "passed", false},
	} {
		if c.slow && os.Getenv("DRYDOCK_E2E") == "" {
			continue
		}
		w.repo.Push("main", c.name, with(c.does))
		at := w.here()
		if i == 0 || before.stage == "rejected" {
			w.update(fmt.Sprint("update ", i))
		} else {
			w.svc.Look(t.Context())
		}
		before = c.want
		got := w.change(at, "change.rejected", "change.parked", "change.proposed")
		w.idle()
		t.Log(c.name)
		if c.want.stage == "rejected" {
			c.want.reason, c.want.log = []string{"lib 1.1: smoke: ", c.told}, c.log
		}
		w.check(got, c.want)
		digest := ""
		if got.Rejected != nil {
			digest = got.Rejected.Validation
		} else {
			digest = got.Validated.Validation
		}
		if st := w.validation(digest).Step(report.StepSmoke); !strings.Contains(st.Detail, c.told) || c.log != "" && !strings.Contains(string(w.evidence(st.Log)), c.log) {
			t.Errorf("%s: %+v", c.name, st)
		}
		w.nothingLeft()
	}
	w.settled()
}

// A gigabyte of output is read to its end and not kept.
func TestChecksThatPrint(t *testing.T) {
	rare(t)
	w := newWorld(t, plain())
	w.repo.Push("main", "prints", with("line = ('x' * 1023 + '\\n').encode()\nprint('first line', flush=True)\nfor _ in range(1 << 20):\n    os.write(1, line)\nprint('last line')\n"))
	c := w.proposed()
	st := w.validation(c.Validated.Validation).Step(report.StepSmoke)
	log := string(w.evidence(st.Log))
	if len(log) > 2<<20 || !strings.Contains(log, "first line") || !strings.Contains(log, "last line") {
		t.Errorf("%d bytes are kept of it: %.100s … %s", len(log), log, log[max(0, len(log)-100):])
	}
	w.settled()
}

// What changes a sealed artifact is found, by whatever way it came to it.
func TestChangedArtifact(t *testing.T) {
	w := newWorld(t, plain())
	w.repo.Push("main", "with a check", with("sys.exit(0)\n"))
	w.crossed = func(_, step string) {
		if step != report.StepSmoke {
			return
		}
		found, err := filepath.Glob(filepath.Join(w.cfg.Dir, "artifacts", "*", "*", "root", "src", "do.py"))
		if len(found) == 0 {
			found, err = filepath.Glob(filepath.Join(w.cfg.Dir, "artifacts", "*", "*", "src", "do.py"))
		}
		if err != nil || len(found) != 1 {
			t.Errorf("the sealed file is not where it was looked for: %v, %v", found, err)
			return
		}
		if err := os.Chmod(found[0], 0o644); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(found[0], []byte("import evil\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedChanged, reason: []string{"what was sealed was changed while the checks ran", "src/do.py"}})
	w.settled()
}

// A check that names something which is not there, with the change and without it, is the repository's to mend. One
// that the change takes away is the change's fault.
func TestCheckNotFound(t *testing.T) {
	w := newWorld(t, plain())
	w.start(bus.NewMemory())
	for i, c := range []struct {
		check, reason string
	}{
		{"no-such-tool --all", "smoke: the command no-such-tool is not in the environment: add it to requirements-dev.txt or correct checks.smoke in .drydock.yaml"},
		{"python -m no_such_module", "the module no_such_module is not in the environment"},
	} {
		w.repo.Push("main", c.check, map[string]string{ownFile: "checks:\n  smoke: {command: " + c.check + "}\n"})
		w.check(w.again(fmt.Sprint("update ", i)), want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepSmoke, reason: []string{c.reason}, do: "correct checks.smoke"})
		w.nothingLeft()
	}
	w.settled()
}

// A command that the new release has no more.
func TestCheckTakenAway(t *testing.T) {
	w := newWorld(t, map[string]string{"requirements.txt": "tool==1.0\nother==1.0\n", ownFile: "checks:\n  smoke: {command: python -m tool.cli}\n"})
	w.index.Wheel("tool", "1.0", map[string]string{"tool/__init__.py": "", "tool/cli.py": "print('works')\n"})
	w.index.Wheel("tool", "1.1", map[string]string{"tool/__init__.py": ""})
	w.advise("tool", "1.1", "")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedTests, reason: []string{"tool 1.1", "tool.cli", "it passed without the change"}, log: "No module named tool.cli"})
	w.settled()
}

// A check that hangs is stopped at its timeout, of which a minute is the least.
func TestCheckHangs(t *testing.T) {
	rare(t)
	w := newWorld(t, plain())
	hangs := with("print('waiting for the queue', flush=True)\nsubprocess.Popen(['sleep', '4711'])\ntime.sleep(1000)\n")
	hangs[ownFile] = strings.Replace(hangs[ownFile], "timeout: 10m", "timeout: 1m", 1)
	w.repo.Push("main", "hangs", hangs)
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedTests, reason: []string{"lib 1.1: smoke: not done after 1m0s", "it passed without the change"}, log: "waiting for the queue"})
	w.settled()
}

// A pytest that can't start, because what it requires is not pinned, tells nothing: that is no test that passed, nor
// one that failed before.
func TestPytestCannotStart(t *testing.T) {
	all := files()
	all["requirements-dev.txt"] = "pytest==8.0.1\n"
	w := newWorld(t, all)
	w.index.Wheel("pytest", "8.0.1", map[string]string{"pytest/__init__.py": "", "pytest/__main__.py": "import pluggy\n",
		"pytest-8.0.1.dist-info/entry_points.txt": "[console_scripts]\npytest = pytest.__main__:console\n"}, "pluggy")
	w.begin()
	w.check(w.stage(events.StageParked), want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepTests, do: "pin what the tests need", reason: []string{"pytest comes to no test", "pluggy"}})
	w.settled()
}

// What was merged just before an update is known before the plan is made: the change is merged, not superseded.
func TestMergedJustBefore(t *testing.T) {
	w := newWorld(t, plain())
	p := w.proposed()
	w.repo.Push("main", "squashed", map[string]string{"requirements.txt": w.repo.Git("show", p.Proposed.Commit+":requirements.txt") + "\n"})
	w.update("again")
	c := w.stage(events.StageMerged)
	if c.Change != p.Change || c.Merged.How != "content" {
		t.Errorf("%s: %+v", c.Change, c.Merged)
	}
	w.settled()
}
