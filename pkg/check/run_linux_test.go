package check

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

var suite = map[string]string{
	"app.py":              "def add(a, b):\n    return a + b\n",
	"tests/test_app.py":   "from app import add\ndef test_add():\n    assert add(1, 2) == 3\ndef test_writes_beside_itself():\n    open('out.txt', 'w').write('x')\n    open(__file__ + '.snap', 'w').write('x')\ndef test_wrong():\n    assert add(1, 1) == 3, 'two is\\nnot three'\n",
	"tests/test_skip.py":  "class Skipped(Exception): pass\ndef test_later():\n    raise Skipped('not now')\n",
	"tests/test_other.py": "import no_such_module\n",
}

func TestSuite(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, suite)
		for _, c := range []application.Check{command("pytest", "-q"), command("python", "-m", "pytest", "-q"), command("python3", "-m", "pytest", "tests")} {
			r := b.run(t, c)
			want := []Test{{"tests.test_app::test_add", TestPassed, ""}, {"tests.test_app::test_writes_beside_itself", TestPassed, ""}, {"tests.test_app::test_wrong", TestFailed, "AssertionError: two is"},
				{"tests.test_other", TestError, "collection failure"}, {"tests.test_skip::test_later", TestSkipped, "not now"}}
			if r.Status != Failed || r.ExitCode != 2 || len(r.Tests) != len(want) || r.OK() || !strings.HasPrefix(r.Detail, "exit code 2: 2 of 5 tests fail (pytest was interrupted") {
				t.Fatalf("%s: %+v %s", d.Level(), r, r.Log)
			}
			for i := range want {
				if r.Tests[i] != want[i] {
					t.Errorf("%s: %+v, want %+v", d.Level(), r.Tests[i], want[i])
				}
			}
			if !strings.Contains(string(r.Log), "1 failed, 1 errors, 5 in all") || r.LogCut {
				t.Errorf("%s: %q", d.Level(), r.Log)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(b.place.Root, "src", "out.txt")); len(left) > 0 {
			t.Errorf("%s: it wrote to the artifact", d.Level())
		}
	}
}

// What a command sees: its words as they are, its folder, its environment and nothing else.
func TestWhatACommandSees(t *testing.T) {
	t.Setenv("DRYDOCK_TEST_SECRET", "hidden")
	for _, d := range docks(t) {
		b := newBench(t, d, map[string]string{"services/pay/unit/a.txt": "x", "services/pay/go": "#!/bin/sh\nprintf '%s|' \"$@\"; pwd\n"})
		b.place.Dir = "services/pay"
		c := command("./go", "two words", `"quoted" 'twice'`, "", "@{/etc/passwd}", "$HOME;*", "ü")
		if r := b.run(t, c); !r.OK() || string(r.Log) != `two words|"quoted" 'twice'||@{/etc/passwd}|$HOME;*|ü|/copy/src/services/pay`+"\n" {
			t.Errorf("%s: %+v %s", d.Level(), r, r.Log)
		}
		c = python("import os\nfor k, v in sorted(os.environ.items()): print(k + '=' + v)\nprint(os.getcwd(), sorted(os.listdir()))")
		c.Dir = "unit"
		c.Environment = map[string]string{"PYTEST_ADDOPTS": "-q", "PYTHONPATH": "lib", "TOKEN": "@{/app}", "TZ": "Europe/Vienna"}
		want := `CI=true
HOME=/dock
LANG=C.UTF-8
PATH=/overlay/bin:/app/venv/bin:/usr/local/bin:/usr/bin:/bin
PYTEST_ADDOPTS=-q --junitxml=/report/junit.xml
PYTHONDONTWRITEBYTECODE=1
PYTHONHASHSEED=0
PYTHONPATH=/overlay:lib
TMPDIR=/tmp
TOKEN=@{/app}
TZ=Europe/Vienna
/copy/src/services/pay/unit ['a.txt']
`
		if r := b.run(t, c); !r.OK() || string(r.Log) != want {
			t.Errorf("%s: %+v\n%s", d.Level(), r, r.Log)
		}
		b.place.Overlay = ""
		if r := b.run(t, python("import os; print(os.environ.get('PYTHONPATH'), os.environ['PATH'], os.environ['PYTEST_ADDOPTS'])")); string(r.Log) != "None /app/venv/bin:/usr/local/bin:/usr/bin:/bin --junitxml=/report/junit.xml\n" {
			t.Errorf("%s: %s", d.Level(), r.Log)
		}
		// An installed program, whose first line names a place that is not this one.
		if r := b.run(t, command("tool", "a b")); string(r.Log) != "tool ['a b'] False\n" {
			t.Errorf("%s: %s %s", d.Level(), r.Detail, r.Log)
		}
		// Both outputs in their order, and a pipe that breaks ends a program as it does anywhere.
		if r := b.run(t, command("sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; yes | head -n 1")); string(r.Log) != "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\ny\n" {
			t.Errorf("%s: %s", d.Level(), r.Log)
		}
	}
}

func TestNotFound(t *testing.T) {
	source := map[string]string{"plain.sh": "echo hello\n", "strange": "#!/no/such/shell\n", "sub/x": ""}
	for _, d := range docks(t) {
		b := newBench(t, d, source)
		for _, c := range []struct {
			check application.Check
			says  string
		}{
			{command("no-such-command"), "the command no-such-command is not in the environment: add it to requirements-dev.txt or correct checks.tests in .drydock.yaml"},
			{command("python", "-m", "no_such_module", "-q"), "the module no_such_module is not in the environment: add it to requirements-dev.txt or correct checks.tests"},
			{command("python", "-m", "no.such.module"), "the module no.such.module is not in"},
			{command("sh", "-c", "no-such-command -q"), "exit code 127, by which shells say"},
			{command("./no-such-file"), "the command ./no-such-file is not there: add it to the repository, or correct"},
			{command("./plain.sh"), "the command ./plain.sh is there and can't be run: set its execute bit"},
			{command("./strange"), "the system can't run it (No such file or directory)"},
			{command("./sub"), "the command ./sub is not there"},
			{application.Check{Command: []string{"true"}, Dir: "no/such"}, "the folder no/such of the check can't be entered (No such file or directory): correct checks.tests.dir"},
		} {
			if r := b.run(t, c.check); r.Status != NotFound || !strings.Contains(r.Detail, c.says) {
				t.Errorf("%s: %v: %s %s %s", d.Level(), c.check.Command, r.Status, r.Detail, r.Log)
			}
		}
		// The same exit codes of a command that has a right to them.
		for _, c := range []application.Check{command("sh", "-c", "exit 97"), command("sh", "-c", "echo 'python: No module named x'; exit 1"), python("import sys; print('No module named pytest'); sys.exit(1)")} {
			if r := b.run(t, c); r.Status != Failed {
				t.Errorf("%s: %v: %s %s", d.Level(), c.Command, r.Status, r.Detail)
			}
		}
	}
}

// The host's own pytest, or another Python of it, would test something else than the artifact.
func TestNoProgramOfTheHostStandsIn(t *testing.T) {
	scripts, _ := filepath.Glob("/usr/bin/*")
	name := ""
	for _, p := range scripts {
		if data, err := os.ReadFile(p); err == nil && strings.HasPrefix(string(data[:min(len(data), 40)]), "#!/usr/bin/python3") {
			name = filepath.Base(p)
			break
		}
	}
	if name == "" {
		t.Skip("this host has no program that its Python runs")
	}
	for _, d := range docks(t) {
		b := newBench(t, d, nil)
		if r := b.run(t, command(name)); r.Status != NotFound || !strings.Contains(r.Detail, "this host has one") {
			t.Errorf("%s: %s: %s %s", d.Level(), name, r.Status, r.Detail)
		}
	}
}

func TestNoTestsAtAll(t *testing.T) {
	d := docks(t)[0]
	b := newBench(t, d, map[string]string{"test_nothing.py": "x = 1\n"})
	c := command("pytest")
	if r := b.run(t, c); r.Status != Failed || !strings.Contains(r.Detail, "pytest found no tests") {
		t.Errorf("asked for: %s %s", r.Status, r.Detail)
	}
	c.IfTests = true
	if r := b.run(t, c); r.Status != NoTests || r.OK() {
		t.Errorf("by default: %s %s", r.Status, r.Detail)
	}
	if v := Judge(nil, Skipped("tests", "there are no tests")); v.Status != VerdictUnknown || !strings.Contains(v.Detail, "there are no tests") {
		t.Errorf("%+v", v)
	}
}

// Errors are ours: the kinds are the dock's.
func TestNotRun(t *testing.T) {
	for _, d := range docks(t) {
		b := newBench(t, d, nil)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, c := range []struct {
			name string
			ctx  context.Context
			r    Runner
			c    application.Check
			p    Place
			kind dock.Kind
		}{
			{"no interpreter", t.Context(), Runner{Dock: d, Work: b.Work}, command("true"), b.place, dock.BadCommand},
			{"no command", t.Context(), b.Runner, application.Check{}, b.place, dock.BadCommand},
			{"a folder above", t.Context(), b.Runner, application.Check{Command: []string{"true"}, Dir: "../.."}, b.place, dock.BadCommand},
			{"an absolute folder", t.Context(), b.Runner, command("true"), Place{Root: b.place.Root, Dir: "/etc"}, dock.BadCommand},
			{"no artifact", t.Context(), b.Runner, command("true"), Place{Root: b.place.Root + "x"}, dock.Unreadable},
			{"no overlay", t.Context(), b.Runner, command("true"), Place{Root: b.place.Root, Overlay: b.Work + "/none"}, dock.Unreadable},
			{"a shim", t.Context(), Runner{Dock: d, Work: b.Work, Interpreter: b.place.Root + "/venv/bin/tool"}, command("true"), b.place, dock.Unreadable},
			{"no folder for work", t.Context(), Runner{Dock: d, Work: b.Work + "/none", Interpreter: b.Interpreter}, command("true"), b.place, dock.Broken},
			{"too late", ended, b.Runner, command("true"), b.place, dock.Canceled},
		} {
			_, err := c.r.Run(c.ctx, "tests", c.c, c.p)
			if e := (*dock.Error)(nil); !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("%s at %s: %v", c.name, d.Level(), err)
			}
		}
		// Stopped under way.
		ctx, stop := context.WithCancelCause(t.Context())
		why := errors.New("drydock stops")
		b.Dock = began{d, func() { stop(why) }}
		_, err := b.Run(ctx, "tests", command("sh", "-c", "sleep 60 & echo there; sleep 60"), b.place)
		if e := (*dock.Error)(nil); !errors.As(err, &e) || e.Kind != dock.Canceled || !errors.Is(err, why) {
			t.Errorf("%s: %v", d.Level(), err)
		}
		if left, _ := os.ReadDir(b.Work); len(left) > 0 {
			t.Errorf("%s: left %v", d.Level(), left)
		}
	}
}

// began tells when the command has printed something.
type began struct {
	dock.Dock
	tell func()
}

func (b began) Run(ctx context.Context, c dock.Command) (dock.Result, error) {
	c.Stdout = telling{b.tell}
	return b.Dock.Run(ctx, c)
}

type telling struct{ tell func() }

func (t telling) Write(p []byte) (int, error) {
	t.tell()
	return len(p), nil
}
