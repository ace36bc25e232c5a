package pybuild

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// settle looks at what came out of the box: only the links that an environment has lead anywhere, and everybody can
// read it. It says what will run when Python starts (site.py: .pth files, sitecustomize, usercustomize).
func (b Builder) settle(mode, to string) (atStart []string, err error) {
	links := map[string]string{}
	site := "."
	if mode == "venv" {
		minor := minorOf(b.Interpreter.Version)
		links = map[string]string{"bin/python": b.Interpreter.Path, "bin/python3": "python", "bin/python" + minor: "python", "lib64": "lib"}
		site = sitePath(b.Interpreter.Version)
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return nil, &Error{Kind: Box, Text: "look at what was built", Cause: bare(err)}
	}
	defer func() { _ = root.Close() }() // only read
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode, want := info.Mode(), fs.FileMode(0o644)
		switch {
		case mode&fs.ModeSymlink != 0:
			target, err := root.Readlink(p)
			if err != nil {
				return err
			}
			if links[p] != target {
				return &Error{Kind: Escapes, Text: fmt.Sprintf("%s is a link to %q, which is none of the environment's own: do not install what brings it", p, clean([]byte(target), to, buildPlace))}
			}
			delete(links, p)
			return nil
		case mode.IsDir():
			want = 0o755
		case mode.Perm()&0o100 != 0:
			want = 0o755
		}
		if mode.Perm() != want {
			if err := root.Chmod(p, want); err != nil {
				return err
			}
		}
		if name := path.Base(p); path.Dir(p) == site && (strings.HasSuffix(name, ".pth") || isCustomize(name)) {
			atStart = append(atStart, p)
		}
		return nil
	})
	if e, ok := err.(*Error); ok {
		return nil, e
	}
	if err != nil {
		return nil, &Error{Kind: Box, Text: "look at what was built", Cause: bare(err)}
	}
	if _, missing := links["bin/python"]; missing {
		return nil, &Error{Kind: Escapes, Text: "the environment's python is not a link to its interpreter"}
	}
	slices.Sort(atStart)
	return atStart, nil
}

func isCustomize(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	return stem == "sitecustomize" || stem == "usercustomize"
}

// minorOf is "3.11" of "3.11.7".
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func sitePath(version string) string { return "lib/python" + minorOf(version) + "/site-packages" }

// installed are the packages whose metadata lies in a site-packages folder, with their versions.
func installed(site string) (map[string]string, error) {
	entries, err := os.ReadDir(site)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		if info, ok := strings.CutSuffix(e.Name(), ".dist-info"); ok {
			name, version, _ := strings.Cut(info, "-")
			out[pep440.Normalize(name)] = version
		}
	}
	return out, nil
}

// hidden says which modules of an environment those of an overlay hide.
func hidden(site, overlay string) []string {
	var notes []string
	_ = filepath.WalkDir(overlay, func(p string, d fs.DirEntry, err error) error { // what can't be read was written by nobody
		if err != nil || d.IsDir() && (d.Name() == "__pycache__" || strings.HasSuffix(d.Name(), ".dist-info")) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(overlay, p)
		if err != nil || d.IsDir() || strings.HasPrefix(rel, "bin"+string(filepath.Separator)) {
			return nil
		}
		if info, err := os.Lstat(filepath.Join(site, rel)); err == nil && info.Mode().IsRegular() {
			notes = append(notes, fmt.Sprintf("%s is in what only tests need, and in what ships: tests see the former", filepath.ToSlash(rel)))
		}
		return nil
	})
	if len(notes) > maxLines {
		notes = append(notes[:maxLines:maxLines], fmt.Sprintf("and %d more files that tests see instead of those that ship", len(notes)-maxLines))
	}
	return notes
}
