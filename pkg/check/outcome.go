package check

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// outcome is what is known beside the result when a check has ended.
type outcome struct {
	check       application.Check
	name        string
	limits      dock.Limits
	told        told
	reportError error
}

// stepFailed is the exit code of the step that could not become the command.
const stepFailed = 97

// judge sets the status and the detail.
func (o outcome) judge(r *Result) {
	var detail string
	if r.Status, detail = o.step(r); r.Status == "" {
		r.Status, detail = o.status(r)
	}
	r.Detail = detail
	if notes := o.notes(r); len(notes) > 0 {
		r.Detail = strings.TrimPrefix(r.Detail+"; "+strings.Join(notes, "; "), "; ")
	}
	r.Detail = word(r.Detail, maxDetail)
}

// step is how the check ended if its command was never begun.
func (o outcome) step(r *Result) (Status, string) {
	if r.Run.Ended != dock.Exited || r.ExitCode != stepFailed {
		return "", ""
	}
	command := word(o.check.Command[0], 100)
	correct := fmt.Sprintf("correct checks.%s in .drydock.yaml", o.name)
	switch o.told.Kind {
	case "absent":
		if strings.Contains(command, "/") {
			return NotFound, fmt.Sprintf("the command %s is not there: add it to the repository, or %s", command, correct)
		}
		return NotFound, fmt.Sprintf("the command %s is not in the environment: add it to requirements-dev.txt or %s", command, correct)
	case "of-the-system":
		return NotFound, fmt.Sprintf("the command %s is not in the environment (this host has one, which would not see the application's packages): add it to requirements-dev.txt or %s", command, correct)
	case "no-program":
		return NotFound, fmt.Sprintf("the command %s is there and can't be run: set its execute bit (git update-index --chmod=+x), or %s", command, correct)
	case "refused":
		return NotFound, fmt.Sprintf("the command %s is there and the system can't run it (%s): what its first line names must be in the environment, or %s", command, word(o.told.Text, 100), correct)
	case "dir":
		return NotFound, fmt.Sprintf("the folder %s of the check can't be entered (%s): correct checks.%s.dir in .drydock.yaml", word(path.Clean("./"+o.check.Dir), 200), word(o.told.Text, 100), o.name)
	case "copy":
		return Limited, fmt.Sprintf("the application's source can't be copied to where its checks may write (%s): there is room for %s and %d files", word(o.told.Text, 100), size(workBytes), workFiles)
	}
	return "", "" // the command's own 97
}

func (o outcome) status(r *Result) (Status, string) {
	limits := o.metLimits(r)
	switch {
	case r.Run.OK() && r.Run.Left > 0:
		return LeftChildren, ""
	case r.Run.OK():
		return Passed, ""
	case len(limits) > 0 && !o.reported(r):
		text := "met the limit of " + strings.Join(limits, ", of ")
		if r.Run.Ended == dock.OutOfTime {
			text += fmt.Sprintf(", and was not done after %s", o.limits.Time)
		}
		return Limited, text
	case r.Run.Ended == dock.OutOfTime:
		return TimedOut, fmt.Sprintf("not done after %s: the end of the log says where it was; if it only needs longer, raise checks.%s.timeout in .drydock.yaml", o.limits.Time, o.name)
	case r.Run.Ended == dock.Signalled:
		return Killed, fmt.Sprintf("ended by signal %d (%s): a program that crashes, or that was killed by one of its own", r.Signal, syscall.Signal(r.Signal))
	}
	if missing := o.missing(r); missing != "" {
		return NotFound, missing
	}
	if o.check.IfTests && r.ExitCode == noneCollected && len(r.Tests) == 0 {
		return NoTests, "pytest found no tests"
	}
	return Failed, o.failed(r)
}

// reported says whether the command came to its end by itself and reported tests that fail: then they are why, and
// a limit that was met beside is a note.
func (o outcome) reported(r *Result) bool {
	return r.Run.Ended == dock.Exited && slices.ContainsFunc(r.Tests, failing)
}

// noneCollected is pytest's exit code for that; below are the others that are not about single tests
// (pytest.ExitCode).
const noneCollected = 5

var pytestCodes = map[int]string{2: "pytest was interrupted, most often by what can't be imported", 3: "an error in pytest itself or a plugin", 4: "pytest was called with options it does not know, or a conftest.py can't be imported", noneCollected: "pytest found no tests"}

func (o outcome) failed(r *Result) string {
	text := "exit code " + strconv.Itoa(r.ExitCode)
	bad := 0
	for _, t := range r.Tests {
		bad += b2i(failing(t))
	}
	why := pytestCodes[r.ExitCode]
	if base := path.Base(o.check.Command[0]); base != "pytest" && base != "py.test" && o.module() != "pytest" {
		why = ""
	}
	switch {
	case bad > 0:
		text += fmt.Sprintf(": %d of %d tests fail", bad, len(r.Tests))
	case len(r.Tests) > 0:
		text += fmt.Sprintf(", though none of %d tests fails", len(r.Tests))
	}
	if why != "" {
		text += " (" + why + ")"
	}
	return text
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// module is the X of "python -m X", or "".
func (o outcome) module() string {
	at := slices.Index(o.check.Command, "-m")
	if at < 0 || at+1 >= len(o.check.Command) || !strings.HasPrefix(path.Base(o.check.Command[0]), "python") {
		return ""
	}
	return o.check.Command[at+1]
}

// noModule is what runpy says: "/app/venv/bin/python: No module named pytest", or "… pytest.__main__; 'pytest' is a
// package and cannot be directly executed", or of a.b without an a "Error while finding module specification for 'a.b'
// (ModuleNotFoundError: …)".
var noModule = regexp.MustCompile(`python[0-9.]*: (?:No module named '?([\w.]+)'?(?:$|;)|Error while finding module specification for '([\w.]+)' \(ModuleNotFoundError)`)

// missing says what a command found missing that was found itself: a module that Python was to run, a program that a
// shell was to run.
func (o outcome) missing(r *Result) string {
	add := fmt.Sprintf("add it to requirements-dev.txt or correct checks.%s in .drydock.yaml", o.name)
	last := lastLine(r.Log)
	if m := noModule.FindStringSubmatch(last); m != nil && r.ExitCode == 1 && o.module() != "" && strings.TrimSuffix(m[1]+m[2], ".__main__") == strings.TrimSuffix(o.module(), ".__main__") {
		return fmt.Sprintf("the module %s is not in the environment: %s", word(o.module(), 100), add)
	}
	if r.ExitCode == 127 { // POSIX, Shell Command Language 2.8.2
		return fmt.Sprintf("exit code 127, by which shells say that a program is not there (%s): %s", word(last, 200), add)
	}
	return ""
}

// lastWords are how programs end that met a limit which leaves no other trace: what is refused, and not killed for.
var lastWords = []struct {
	form  *regexp.Regexp
	limit dock.Limit
}{
	{regexp.MustCompile(`^MemoryError\b|Cannot allocate memory|^OpenBLAS error: Memory allocation`), dock.LimitMemory},
	{regexp.MustCompile(`\[Errno 2[78]\]|No space left on device|File too large`), dock.LimitDisk},
	{regexp.MustCompile(`\[Errno 11\] Resource temporarily unavailable|can't start new thread|[Cc]annot fork`), dock.LimitProcesses},
}

// metLimits are the limits that explain a bad end, with how much each is.
func (o outcome) metLimits(r *Result) []string {
	met := map[dock.Limit]bool{}
	for _, l := range r.Run.Reached {
		met[l] = true
	}
	if !r.Run.OK() {
		last := lastLine(r.Log)
		for _, w := range lastWords {
			met[w.limit] = met[w.limit] || r.Run.Ended == dock.Exited && w.form.MatchString(last)
		}
		met[dock.LimitDisk] = met[dock.LimitDisk] || r.Signal == int(syscall.SIGXFSZ)
		met[dock.LimitMemory] = met[dock.LimitMemory] || r.Run.Peak > o.limits.Memory/10*9
	}
	var out []string
	for _, l := range []struct {
		limit dock.Limit
		text  string
	}{
		{dock.LimitMemory, "memory (" + size(o.limits.Memory) + ")"},
		{dock.LimitDisk, "disk space (" + size(workBytes) + " beside the source)"},
		{dock.LimitInodes, fmt.Sprintf("files (%d beside the source)", workFiles)},
		{dock.LimitProcesses, fmt.Sprintf("processes (%d)", o.limits.Processes)},
		{dock.LimitCPU, "processor time (" + o.limits.CPU.String() + ")"},
	} {
		if met[l.limit] {
			out = append(out, l.text)
		}
	}
	return out
}

// notes are what is worth saying of any end.
func (o outcome) notes(r *Result) []string {
	var out []string
	if r.Run.Left > 0 {
		out = append(out, fmt.Sprintf("%d processes were left running, and were stopped", r.Run.Left))
	}
	if limits := o.metLimits(r); len(limits) > 0 && r.Status != Limited {
		out = append(out, "it met the limit of "+strings.Join(limits, ", of "))
	}
	if o.reportError != nil && !errors.Is(o.reportError, errNoReport) {
		out = append(out, "its JUnit report was not used: "+o.reportError.Error())
	}
	if r.Run.Level == dock.None {
		out = append(out, "it ran without isolation")
	}
	return out
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30 && bytes%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", bytes>>30)
	case bytes >= 1<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// failing reports whether a test is among those that make a suite fail.
func failing(t Test) bool { return t.Outcome == TestFailed || t.Outcome == TestError }
