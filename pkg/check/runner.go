package check

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// Runner runs checks. It is safe for concurrent use.
type Runner struct {
	Dock        dock.Dock
	Interpreter string      // the host's path of the real Python 3, no shim, that the artifact was built for
	Limits      dock.Limits // the server's; a check's timeout counts where it is shorter. Output is not used
	Work        string      // a folder for what comes out, where each run makes one of its own and removes it
}

// Where things are inside.
const (
	insideApp     = "/app"
	insideOverlay = "/overlay"
	insideCopy    = "/copy"
	insideReport  = "/report"
)

//go:embed step.py
var step string

// Run runs one check. An error means that it could not be run, or not to its end, for a reason of ours: it is a
// *dock.Error, of kind Canceled when ctx ended; the Result then has the Log of what was printed until then, and no
// status. However the command itself ended is a Result.
//
// The command runs in a copy of the source that it may write to; /app itself is read-only, but at level none, where
// only artifact.Verify finds out. Its environment is PATH (/overlay/bin, /app/venv/bin, then the check's own or
// the system's), PYTHONPATH (/overlay, then the check's own), PYTHONDONTWRITEBYTECODE=1, PYTHONHASHSEED=0, CI=true,
// TZ=UTC, what the dock sets (HOME, TMPDIR, LANG), the check's variables, and at the end of PYTEST_ADDOPTS that
// pytest writes a JUnit report.
func (r Runner) Run(ctx context.Context, name string, c application.Check, p Place) (Result, error) {
	cmd, err := r.command(c, p)
	if err != nil {
		return Result{}, err
	}
	work, err := os.MkdirTemp(r.Work, "check-")
	if err != nil {
		return Result{}, &dock.Error{Kind: dock.Broken, Text: "make a folder for what the check " + name + " reports", Cause: err}
	}
	defer func() { _ = os.RemoveAll(work) }()
	out := filepath.Join(work, "report")
	cmd.Results = []dock.Copy{{From: insideReport, To: out, Bytes: reportBytes, Files: reportFiles}}
	log := &journal{first: logHead, last: logTail}
	cmd.Stdout, cmd.Stderr = log, log

	res := Result{Name: name, Command: c.Command.String(), Started: time.Now().UTC()}
	res.Run, err = r.Dock.Run(ctx, cmd)
	lost := (*dock.Error)(nil)
	isLost := errors.As(err, &lost) && lost.Kind == dock.BadResult && res.Run.Ended != "" // it ran; only its report is no good
	if err != nil && !isLost {
		return Result{}, err
	}
	if res.Run.Ended == dock.Stopped {
		res.ExitCode = -1
		res.Log, res.LogCut = log.text()
		return res, &dock.Error{Kind: dock.Canceled, Text: "run the check " + name, Cause: context.Cause(ctx)}
	}
	res.ExitCode, res.Signal, res.Seconds = res.Run.ExitCode, res.Run.Signal, res.Run.Wall.Seconds()
	o := outcome{check: c, name: name, limits: cmd.Limits}
	if isLost {
		o.reportError = errors.New("it is larger than a report may be, or can't be read")
	} else {
		o.told = readTold(out)
		res.Tests, o.reportError = readReport(out)
	}
	res.Log, res.LogCut = log.text()
	res.Log = o.told.inside(res.Log)
	for i := range res.Tests {
		res.Tests[i].Message = string(o.told.inside([]byte(res.Tests[i].Message)))
	}
	o.judge(&res)
	return res, nil
}

// command is what the dock is asked to run: the step, which becomes the check's command.
func (r Runner) command(c application.Check, p Place) (dock.Command, error) {
	bad := func(text string) (dock.Command, error) {
		return dock.Command{}, &dock.Error{Kind: dock.BadCommand, Text: text}
	}
	if r.Interpreter == "" {
		return bad("run a check: no Python interpreter is named")
	}
	if len(c.Command) == 0 {
		return bad("run a check: it has no command")
	}
	dir := path.Join(".", p.Dir, c.Dir)
	if path.IsAbs(p.Dir) || path.IsAbs(c.Dir) || !filepath.IsLocal(filepath.FromSlash(dir)) {
		return bad("run a check in the folder " + path.Join(p.Dir, c.Dir) + ": it must lie in the application's source")
	}
	ask, err := json.Marshal(map[string]any{"command": c.Command, "dir": dir, "env": c.Environment})
	if err != nil {
		return bad("run a check: " + err.Error())
	}
	cmd := dock.Command{Path: r.Interpreter, Interpreter: r.Interpreter, Limits: r.limits(c),
		Env:      map[string]string{"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "CI": "true", "TZ": "UTC"},
		Writable: []dock.Tmpfs{{Path: insideCopy, Size: workBytes, Inodes: workFiles}, {Path: insideReport, Size: reportRoom, Inodes: reportFiles}},
		Mounts:   []dock.Mount{{Host: p.Root, Inside: insideApp}}}
	overlay := ""
	if p.Overlay != "" {
		overlay = dock.Inside(insideOverlay)
		cmd.Mounts = append(cmd.Mounts, dock.Mount{Host: p.Overlay, Inside: insideOverlay})
	}
	cmd.Args = []string{"-I", "-S", "-B", "-c", step, dock.Inside(insideApp), dock.Inside(insideCopy), dock.Inside(insideReport), overlay}
	// In base64 nothing is taken for an inside path or for anything else on the way.
	for piece := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(ask)), chunk) {
		cmd.Args = append(cmd.Args, string(piece))
	}
	return cmd, nil
}

func (r Runner) limits(c application.Check) dock.Limits {
	l := r.Limits
	own := time.Duration(c.Timeout)
	switch {
	case own > 0 && (l.Time <= 0 || own < l.Time):
		l.Time = own
	case l.Time <= 0:
		l.Time = defaultTime
	}
	if l.CPU <= 0 {
		l.CPU = processors * l.Time
	}
	if l.Memory <= 0 {
		l.Memory = dock.DefaultMemory
	}
	if l.Processes <= 0 {
		l.Processes = dock.DefaultProcesses
	}
	l.Output = unbounded
	return l
}
