package uv

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// python is an interpreter that uv may ask about itself: it needs one to run, whatever the target's version.
type python struct {
	path   string
	script bool // such as a shim of pyenv, which needs other programs
}

// pythons are those in the given folders, programs before scripts, which are slow to start. uv is given one by
// its path and searches none itself: it would also look for a .venv in every folder above the one it runs in.
func pythons(lookup []string) ([]python, error) {
	names := []string{"python3", "python"}
	if runtime.GOOS == "windows" {
		names = []string{"python3.exe", "python.exe"}
	}
	var out []python
	for _, name := range names {
		for _, dir := range lookup {
			path := filepath.Join(dir, name)
			if filepath.IsAbs(dir) && isProgram(path) {
				out = append(out, python{path: path, script: isScript(path)})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: neither python3 nor python is on PATH: install Python 3.8 or newer, the target's version or another", ErrPython)
	}
	slices.SortStableFunc(out, func(a, b python) int {
		switch {
		case a.script == b.script:
			return 0
		case a.script:
			return 1
		}
		return -1
	})
	return out[:min(len(out), maxPythons)], nil
}

func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var front [2]byte
	_, err = io.ReadFull(f, front[:])
	return err == nil && string(front[:]) == "#!"
}

// searchPath is the PATH of uv: a folder that does not exist, so that it finds no git to run, or that of the
// caller for a script.
func (p python) searchPath(dir string, lookup []string) string {
	if !p.script {
		return filepath.Join(dir, "none")
	}
	absolute := slices.DeleteFunc(slices.Clone(lookup), func(d string) bool { return !filepath.IsAbs(d) })
	return strings.Join(absolute, string(os.PathListSeparator))
}
