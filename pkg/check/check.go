// Package check runs an application's checks (its tests, its security scan, its smoke test) against a sealed
// artifact in the dock, and judges what they say of a change: what failed before the change is not blamed on it.
//
// A check is written by whoever can push to the repository, and what it runs may be hostile: its log, its report
// and its outcome are all that comes out, bounded and cleaned.
package check

import (
	"time"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// Place is what a check runs against.
type Place struct {
	// Root is the host's folder of a sealed artifact, venv and src; shown read-only at /app.
	Root string
	// Overlay is the host's folder of packages that only tests need, which never ship, with their programs in
	// bin; shown read-only at /overlay. Empty: none.
	Overlay string
	// Dir is the folder of the application below src, with '/'; empty: src itself.
	Dir string
}

// Status is how a check ended.
type Status string

// The statuses. Only those of Result.OK are good; of the rest, Failed alone says that the command came to its end
// and said no.
const (
	Passed       Status = "passed"        // exit code 0
	LeftChildren Status = "left-children" // exit code 0, and processes were left, which were killed: a note, no failure
	Failed       Status = "failed"        // another exit code
	NotFound     Status = "not-found"     // the command, or the folder it runs in, is not there, or can't be run
	TimedOut     Status = "timeout"       // the check's timeout
	Killed       Status = "killed"        // by a signal that no limit explains
	Limited      Status = "limit"         // ended badly, having met the limit of memory, disk, files, processes or processor time
	NoTests      Status = "no-tests"      // there is nothing to run: see Skipped
)

// Result is one check that was run.
type Result struct {
	Name     string `json:"name"`    // tests, security or smoke
	Command  string `json:"command"` // as one line
	Status   Status `json:"status"`
	ExitCode int    `json:"exit_code"`        // -1 where it did not end by itself
	Signal   int    `json:"signal,omitempty"` // that ended it
	// Tests are the outcomes of single tests in the order of the report, each name once; none where the command
	// wrote no JUnit report that can be read.
	Tests []Test `json:"tests,omitempty"`
	// Log is what it printed, both outputs in their order: UTF-8 without control characters but newline and
	// tab. LogCut: its middle is missing, and a line says how much.
	Log    []byte `json:"-"`
	LogCut bool   `json:"log_cut,omitempty"`
	// Detail is the status in a sentence: what went wrong and what to do about it, and what else is worth a note.
	Detail  string      `json:"detail,omitempty"`
	Run     dock.Result `json:"run"`
	Started time.Time   `json:"started"`
	Seconds float64     `json:"seconds"`
}

// OK reports whether the check passed. Without tests it has not: nothing is known.
func (r Result) OK() bool { return r.Status == Passed || r.Status == LeftChildren }

// Outcomes of a test.
const (
	TestPassed  = "passed"
	TestFailed  = "failed"
	TestError   = "error" // in its setup or teardown, or when it was collected
	TestSkipped = "skipped"
)

// Test is the outcome of a single test.
type Test struct {
	Name    string `json:"name"` // class and name: tests.test_api.TestLogin::test_wrong_password[x]
	Outcome string `json:"outcome"`
	Message string `json:"message,omitempty"` // of what did not pass, its first line
}

// Skipped is the result of a check that was not run because there is nothing to run: no tests. Judge finds it
// unknown, never passed.
func Skipped(name, why string) Result {
	return Result{Name: name, Status: NoTests, ExitCode: -1, Detail: why}
}
