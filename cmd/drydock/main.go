// Command drydock keeps the packages of applications safe: it scans, plans and, with `drydock up`, works
// on by itself. docs/cli.md is its reference.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/services/scanner"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == scanner.ReaderArg {
		os.Exit(scanner.ReaderMain())
	}
	if len(os.Args) > 1 && os.Args[1] == dock.ChildArg {
		os.Exit(dock.ChildMain())
	}
	os.Exit(command(0))
}

// command runs the program as the system started it; slow is [Main.Slow].
func command(slow time.Duration) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // most commands answer and end before garbage matters; up goes back to the usual
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	m := Main{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Signals: signals, Slow: slow}
	return m.Run(context.Background())
}
