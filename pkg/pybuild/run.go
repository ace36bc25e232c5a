package pybuild

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
)

// Places inside while something is built.
const (
	buildPlace  = "/build"
	uvPlace     = "/tools/uv"
	wheelsPlace = "/wheels"
	planPlace   = "/plan"
)

//go:embed build.py
var buildScript string

// answer is the last line that build.py prints.
type answer struct {
	Failed string           `json:"failed"`
	What   string           `json:"what"`
	Errno  int              `json:"errno"`
	Steps  map[string]int64 `json:"steps"` // milliseconds
	Notes  []string         `json:"notes"`
}

// run is one box.
type run struct {
	b     Builder
	hosts []string // host path, inside path, …
	out   bytes.Buffer
	errs  bytes.Buffer
}

// command is what every box of a builder has.
func (b Builder) command() dock.Command {
	limits := b.Limits
	limits.Output = maxOutput
	if limits.FileSize == 0 {
		limits.FileSize = b.space()
	}
	return dock.Command{
		Interpreter: b.Interpreter.Path,
		Mounts:      []dock.Mount{{Host: b.UV, Inside: uvPlace}},
		Writable:    []dock.Tmpfs{{Path: buildPlace, Size: b.space(), Inodes: maxInodes}},
		Limits:      limits,
		Env: map[string]string{
			"UV_PYTHON_DOWNLOADS": "never",
			"UV_CACHE_DIR":        dock.Inside("/tmp/uv"),
			"UV_NO_CONFIG":        "1",
			// Sets of constants are written into bytecode in the order of their hashes, before Python 3.11.
			"PYTHONHASHSEED":    "0",
			"SOURCE_DATE_EPOCH": epoch,
		},
	}
}

func (b Builder) space() int64 {
	if b.Space > 0 {
		return b.Space
	}
	return defaultSpace
}

// python runs a script of ours by the base interpreter: nothing of what is installed is imported.
func (b Builder) python(c *dock.Command, script string, args ...string) {
	c.Path = b.Interpreter.Path
	c.Args = append([]string{"-s", "-S", "-B", "-W", "ignore", "-c", script}, args...)
}

// box runs the command and keeps what it printed.
func (r *run) box(ctx context.Context, c dock.Command) (Built, error) {
	c.Stdout, c.Stderr = &r.out, &r.errs
	result, err := r.b.Dock.Run(ctx, c)
	r.hosts = append(r.hosts, r.b.UV, uvPlace, r.b.Interpreter.Path, "python"+r.b.Interpreter.Version)
	if prefix := filepath.Dir(filepath.Dir(r.b.Interpreter.Path)); prefix != "/usr" {
		r.hosts = append(r.hosts, prefix, "(python)")
	}
	said := r.errs.Bytes()
	if c.Path != r.b.Interpreter.Path { // else standard output is the script's answer
		said = append(bytes.Clone(r.out.Bytes()), said...)
	}
	built := Built{Run: result, Log: []byte(clean(said[max(0, len(said)-maxLog):], r.hosts...))}
	if ctx.Err() != nil {
		return built, context.Cause(ctx)
	}
	var de *dock.Error
	if errors.As(err, &de) {
		if result.Ended != "" && !result.OK() { // what it left can't be brought out because of how it ended
			return built, nil
		}
		return built, &Error{Kind: Box, Text: "run it in the dock", Cause: err}
	}
	return built, err
}

// script runs build.py to its end.
func (r *run) script(ctx context.Context, c dock.Command) (Built, error) {
	built, err := r.box(ctx, c)
	if err != nil {
		return built, err
	}
	lines := bytes.Split(bytes.TrimSpace(r.out.Bytes()), []byte("\n"))
	var a answer
	if json.Unmarshal(lines[len(lines)-1], &a) != nil {
		a = answer{Failed: "nothing", What: "it ended without a word"}
	}
	built.Notes, built.Steps = a.Notes, map[string]time.Duration{}
	for name, ms := range a.Steps {
		built.Steps[name] = time.Duration(ms) * time.Millisecond
	}
	if built.Run.OK() && a.Failed == "" {
		return built, nil
	}
	return built, r.ended(ctx, built.Run, &a)
}

// ended is why a run that did not end well did so. Without an answer it is nil where the program ended by itself.
func (r *run) ended(ctx context.Context, res dock.Result, a *answer) error {
	l := r.b.Limits
	said := clean(r.errs.Bytes(), r.hosts...)
	reached := func(limits ...dock.Limit) bool {
		return slices.ContainsFunc(limits, func(l dock.Limit) bool { return slices.Contains(res.Reached, l) })
	}
	switch {
	case ctx.Err() != nil || res.Ended == dock.Stopped:
		return errors.Join(context.Cause(ctx), ctx.Err())
	case res.Ended == dock.OutOfTime:
		return &Error{Kind: OutOfTime, Text: fmt.Sprintf("it took longer than %s and was stopped: raise the limit of time, or see in the log what hangs", res.Wall.Round(time.Second))}
	case res.Ended == dock.OutOfCPU || reached(dock.LimitCPU):
		return &Error{Kind: OutOfTime, Text: "it used more processor time than it may: raise the limit of processor time, or see in the log what it did"}
	case res.Ended == dock.OutOfDisk || reached(dock.LimitDisk, dock.LimitInodes) || res.Signal == int(syscall.SIGXFSZ) ||
		a != nil && a.Errno == int(syscall.ENOSPC) || strings.Contains(said, "No space left on device") || strings.Contains(said, "File too large"):
		return &Error{Kind: Full, Text: fmt.Sprintf("its %d MB in the dock, or its %d files, are used up: raise the space of the dock, or install less", r.b.space()>>20, maxInodes)}
	case res.Ended == dock.OutOfMem || a != nil && (a.Failed == "memory" || a.Errno == int(syscall.ENOMEM)) || strings.Contains(said, "memory allocation of") || strings.Contains(said, "MemoryError") ||
		res.Signal == int(syscall.SIGKILL):
		return &Error{Kind: OutOfMemory, Text: fmt.Sprintf("it needs more memory than its %d MB: raise the limit of memory", or(l.Memory, dock.DefaultMemory)>>20)}
	case a == nil && res.Ended == dock.Exited:
		return nil
	case a == nil:
		return &Error{Kind: Install, Text: fmt.Sprintf("uv was ended by signal %d:\n%s", res.Signal, lastLines(said))}
	}
	switch a.Failed {
	case "changed":
		return &Error{Kind: Escapes, Text: fmt.Sprintf("a package changed %.200s of the environment itself: do not install it", a.What)}
	case "name":
		return &Error{Kind: Install, Text: fmt.Sprintf("a package is called %.200q as a folder of the overlay is: it can't be laid over", a.What)}
	case "compile":
		return &Error{Kind: Install, Text: fmt.Sprintf("compiling %.200q ended the interpreter: look at what is in there", a.What)}
	case "build":
		return &Error{Kind: SourceBuild, Text: "its source distribution can't be built here: give what it is built with, or pin a version that has a wheel:\n" + lastLines(said)}
	case "uv":
		return &Error{Kind: Install, Text: "uv refuses:\n" + lastLines(said)}
	}
	return &Error{Kind: Install, Text: fmt.Sprintf("%s (exit code %d, signal %d):\n%s", a.What, res.ExitCode, res.Signal, lastLines(said))}
}

func or[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}
