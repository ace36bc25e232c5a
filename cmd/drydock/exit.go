package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// exitError ends a command with a code of docs/formats.md. err is nil when everything was said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage is an error of the command line or of the configuration.
func usage(format string, args ...any) error {
	return &exitError{report.ExitUsage, fmt.Errorf(format, args...)}
}

// surroundings is an error of what the command needs around it.
func surroundings(format string, args ...any) error {
	return &exitError{report.ExitEnvironment, fmt.Errorf(format, args...)}
}

// exitWith ends with a code after the result was printed; nil for 0.
func exitWith(code int) error {
	if code == report.ExitOK {
		return nil
	}
	return &exitError{code: code}
}

// exitCode is the code an error ends the program with.
func exitCode(err error) int {
	var e *exitError
	var p *api.Problem
	switch {
	case err == nil:
		return report.ExitOK
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &p) && p.ExitCode != 0:
		return p.ExitCode
	case errors.Is(err, context.Canceled):
		return report.ExitInterrupted
	}
	return report.ExitEnvironment
}

// advice is what to do about errors that come from far below.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, bus.ErrFull):
		return "make room on the disk and run it again; nothing half-written is left behind"
	case errors.Is(err, fs.ErrPermission):
		return "check who may read and write it"
	case errors.Is(err, bus.ErrUnavailable):
		return "try again; `drydock status` shows whether it came back"
	}
	return ""
}
