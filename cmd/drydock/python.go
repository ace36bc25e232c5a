package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var (
	versionForm = regexp.MustCompile(`^\d+\.\d+(\.\d+)?$`)
	binaryForm  = regexp.MustCompile(`^python(\d+\.\d+)$`)
	configForm  = regexp.MustCompile(`(?m)^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)`)
)

// pythonTime bounds asking an interpreter for its version: 20 ms, through a shim 100, and seconds on a busy machine.
const pythonTime = 20 * time.Second

// pythonVersion is what --python means: a version, or the interpreter at a path. The interpreter is not run,
// since it may lie in what is scanned: its name or its environment's pyvenv.cfg says the version.
func pythonVersion(option string) (string, error) {
	if option == "" || versionForm.MatchString(option) {
		return option, nil
	}
	if !strings.Contains(option, "/") {
		return "", usage("--python %q is neither a version such as 3.11 nor a path such as /usr/bin/python3.11", option)
	}
	if _, err := os.Stat(option); err != nil {
		return "", surroundings("--python %s: %w", option, err)
	}
	if v := versionBeside(option); v != "" {
		return v, nil
	}
	return "", usage("--python %s: its version can't be told without running it; give the version, such as --python 3.11", option)
}

// versionBeside reads pyvenv.cfg above the interpreter, or the version in its real name.
func versionBeside(path string) string {
	for _, dir := range []string{path, filepath.Dir(filepath.Dir(path))} {
		if data, err := os.ReadFile(filepath.Join(dir, "pyvenv.cfg")); err == nil {
			if m := configForm.FindSubmatch(data); m != nil {
				return string(m[1])
			}
		}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if m := binaryForm.FindStringSubmatch(filepath.Base(real)); m != nil {
		return m[1]
	}
	return ""
}

// foundPython is the version of the python3 on this machine's PATH, which is no part of any target; "" when
// there is none. It is asked only where its name does not tell.
func foundPython(ctx context.Context) string {
	path, err := exec.LookPath("python3")
	if err != nil || !filepath.IsAbs(path) {
		return ""
	}
	if v := versionBeside(path); v != "" {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, pythonTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-I", "-S", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])").Output()
	if v := strings.TrimSpace(string(out)); err == nil && versionForm.MatchString(v) {
		return v
	}
	return ""
}
