//go:build !unix

package preflight

import (
	"crypto/rand"
	"io/fs"
	"os"
	"os/exec"
	"time"
)

func own(*exec.Cmd) {}

func await(cmd *exec.Cmd) (reap func() error) {
	err := cmd.Wait()
	return func() error { return err }
}

func newMark() string { return rand.Text() }

func politely(int) {}

// endAll ends the first process; this system has no groups.
func endAll(pid int, _ string, _ []process, _ time.Duration) (found, remaining int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
	return 0, 0
}

// process is known where there is /proc.
type process struct{}

func family(int, string, ...process) []process { return nil }

// Sweep finds nothing here.
func Sweep() {}

func signalOf(*os.ProcessState) int { return 0 }

func runnable(info fs.FileInfo) bool { return info.Mode().IsRegular() }
