package check

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// What the box says and what was reported, as one status. The ends that a real command can have are tried with real
// ones; here are those that take a machine short of something.
func TestOutcome(t *testing.T) {
	failed := []Test{{"m::a", TestFailed, "x"}, {"m::b", TestPassed, ""}}
	exited := func(code int, reached ...dock.Limit) dock.Result {
		return dock.Result{Level: dock.Namespaces, Ended: dock.Exited, ExitCode: code, Reached: reached}
	}
	for _, c := range []struct {
		name    string
		command string
		run     dock.Result
		tests   []Test
		log     string
		report  error
		status  Status
		detail  string
	}{
		{name: "passed", run: exited(0), status: Passed},
		{name: "passed at the edge of a limit", run: exited(0, dock.LimitProcesses), status: Passed, detail: "it met the limit of processes (9)"},
		{name: "passed, having said so", run: exited(0), log: "MemoryError\n", status: Passed},
		{name: "tests fail", run: exited(1), tests: failed, status: Failed, detail: "exit code 1: 1 of 2 tests fail"},
		{name: "tests fail, and a limit was met", run: exited(1, dock.LimitDisk), tests: failed, status: Failed, detail: "exit code 1: 1 of 2 tests fail; it met the limit of disk space (1 GiB beside the source)"},
		{name: "a limit was met, and nothing reported", run: exited(1, dock.LimitDisk), status: Limited, detail: "met the limit of disk space (1 GiB beside the source)"},
		{name: "no test fails", run: exited(1), tests: failed[1:], status: Failed, detail: "exit code 1, though none of 1 tests fails"},
		{name: "out of memory, uncaught", run: exited(1), log: "Traceback\nMemoryError\n\n", status: Limited, detail: "met the limit of memory (1 MiB)"},
		{name: "out of memory, on the way", run: exited(1), log: "MemoryError\nanother thing\n", status: Failed, detail: "exit code 1"},
		{name: "out of threads", run: exited(1), log: "RuntimeError: can't start new thread", status: Limited, detail: "met the limit of processes (9)"},
		{name: "out of room", run: exited(1), log: "OSError: [Errno 28] No space left on device: 'x'", status: Limited, detail: "met the limit of disk space (1 GiB beside the source)"},
		{name: "a file too large", run: dock.Result{Ended: dock.Signalled, Signal: 25, ExitCode: -1}, status: Limited, detail: "met the limit of disk space (1 GiB beside the source)"},
		{name: "killed near the limit of memory", run: dock.Result{Ended: dock.Signalled, Signal: 9, ExitCode: -1, Peak: 1 << 20}, status: Limited, detail: "met the limit of memory (1 MiB)"},
		{name: "pytest was used wrongly", command: "pytest", run: exited(4), status: Failed, detail: "exit code 4 (pytest was called with options it does not know, or a conftest.py can't be imported)"},
		{name: "another program's 4", run: exited(4), status: Failed, detail: "exit code 4"},
		{name: "no report to be read", run: exited(0), report: errors.New("it is empty"), status: Passed, detail: "its JUnit report was not used: it is empty"},
		{name: "no report", run: exited(0), report: errNoReport, status: Passed},
		{name: "without isolation", run: dock.Result{Level: dock.None, Ended: dock.Exited}, status: Passed, detail: "it ran without isolation"},
		{name: "two limits", run: dock.Result{Ended: dock.OutOfTime, ExitCode: -1, Reached: []dock.Limit{dock.LimitProcesses, dock.LimitMemory, dock.LimitTime}}, status: Limited, detail: "met the limit of memory (1 MiB), of processes (9), and was not done after 1m0s"},
	} {
		words := []string{"run-tests"}
		if c.command != "" {
			words = []string{c.command}
		}
		r := Result{ExitCode: c.run.ExitCode, Signal: c.run.Signal, Tests: c.tests, Log: []byte(c.log), Run: c.run}
		outcome{check: application.Check{Command: words}, name: "tests", limits: dock.Limits{Memory: 1 << 20, Processes: 9, Time: time.Minute}, reportError: c.report}.judge(&r)
		if r.Status != c.status || r.Detail != c.detail {
			t.Errorf("%s: %s %q", c.name, r.Status, r.Detail)
		}
	}
}

func TestADetailIsBounded(t *testing.T) {
	r := Result{ExitCode: 127, Log: []byte(strings.Repeat("x", 5000)), Run: dock.Result{Ended: dock.Exited, ExitCode: 127}}
	outcome{check: application.Check{Command: []string{"sh"}}, name: "tests", limits: dock.Limits{Memory: 1}, reportError: errors.New(strings.Repeat("y", 5000))}.judge(&r)
	if r.Status != NotFound || len(r.Detail) > maxDetail {
		t.Errorf("%d %s", len(r.Detail), r.Detail)
	}
}
