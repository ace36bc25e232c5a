//go:build !unix

package gitforge

import "os/exec"

func own(*exec.Cmd) {}

func bound(int, uint64) {}

func killGroup(int) {}

func full(string) bool { return false }

func sweep(string) {}
