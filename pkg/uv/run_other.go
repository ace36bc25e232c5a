//go:build !unix

package uv

import (
	"io/fs"
	"os"
	"os/exec"
)

func own(*exec.Cmd) {}

func bound(int) {}

func killGroup(int) {}

func signalOf(*os.ProcessState) string { return "" }

func runnable(fs.FileInfo) bool { return true }

// mine: temporary folders are each user's own.
func mine(fs.FileInfo) bool { return true }
