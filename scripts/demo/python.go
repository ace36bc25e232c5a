package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Minor versions of Python 3: the oldest that uv can plan with, and those for which the frozen index has all wheels.
const (
	leastPython                = 8
	oldestPython, newestPython = 10, 14
)

// planPython is what is planned for where the application can't run with the host's Python.
const planPython = "3.11"

// findPython looks for the Python that plans and that the application is to run with.
func (d *demo) findPython(ctx context.Context) error {
	advice := fmt.Sprintf("the demo plans and installs with Python 3.%d to 3.%d: install one as python3", oldestPython, newestPython)
	path, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("there is no python3 on PATH; %s", advice)
	}
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(asked, path, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("run %s: %w; %s", path, err, advice)
	}
	said := strings.TrimSpace(string(out))
	minor, ok := strings.CutPrefix(said, "3.")
	if d.minor, err = strconv.Atoi(minor); !ok || err != nil || d.minor < leastPython {
		return fmt.Errorf("%s is Python %.20q; %s", path, said, advice)
	}
	return nil
}
