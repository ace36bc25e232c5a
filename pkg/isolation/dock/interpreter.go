package dock

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// interpreterPrefixes are the folders that the Python interpreter at path needs: that of its virtual environment,
// where it is of one, and that of the interpreter the link leads to. A prefix is the folder above bin
// (sys.prefix and sys.base_prefix; pyvenv.cfg of PEP 405).
func interpreterPrefixes(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	bad := func(format string, args ...any) ([]string, error) {
		return nil, &Error{Kind: Unreadable, Text: "interpreter " + path + ": " + fmt.Sprintf(format, args...)}
	}
	if !filepath.IsAbs(path) {
		return bad("it must be an absolute path")
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, &Error{Kind: Unreadable, Text: "interpreter " + path, Cause: err}
	}
	f, err := os.Open(real)
	if err != nil {
		return nil, &Error{Kind: Unreadable, Text: "interpreter " + path, Cause: err}
	}
	var magic [4]byte
	_, err = f.Read(magic[:])
	_ = f.Close()
	if err != nil || !bytes.Equal(magic[:], []byte("\x7fELF")) {
		return bad("it is no program but a script, such as a version manager's shim; name the interpreter it leads to")
	}
	out := []string{filepath.Dir(filepath.Dir(real))}
	venv := filepath.Dir(filepath.Dir(path))
	if data, err := os.ReadFile(filepath.Join(venv, "pyvenv.cfg")); err == nil {
		out = append(out, venv)
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(line, "=")
			if home := strings.TrimSpace(value); strings.TrimSpace(key) == "home" && filepath.IsAbs(home) {
				out = append(out, filepath.Dir(filepath.Clean(home)))
			}
		}
	}
	var kept []string
	for _, p := range out {
		if p == "/" || p == "/home" || p == "/root" || p == "/etc" {
			return bad("its prefix would be %s, which holds more than an interpreter", p)
		}
		if len(kept) == 0 || kept[0] != p {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// oneLine is the beginning of what a program printed, fit for an error.
func oneLine(b []byte) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(b[:min(len(b), 400)]), "?")), " ")
}
