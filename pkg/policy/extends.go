package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Load reads a policy file. It is laid over the built-in policy, of which it may change anything, or over the
// file it extends, which it may only tighten. An error lists everything that is wrong, a line each:
// file:line, YAML path, what is allowed there. It is a *[Errors] unless a file can't be read.
func Load(file string) (*Policy, error) {
	data, err := strictyaml.File("policy", file)
	if err != nil {
		return nil, err
	}
	if parent, _ := parentOf(file, data); parent == "" {
		return Default().lay(file, data, false)
	}
	dir := filepath.Dir(file)
	root, err := os.OpenRoot(dir) // no link leads out of it
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", file, err)
	}
	defer func() { _ = root.Close() }() // it was only read
	f := &family{root: root, dir: dir}
	return f.load(filepath.Base(file), data)
}

// family is a file with its parents, all within one directory.
type family struct {
	root *os.Root
	dir  string
	seen []string // paths beneath root, children first
}

func (f *family) load(name string, data []byte) (*Policy, error) {
	file := filepath.Join(f.dir, filepath.FromSlash(name))
	parent, line := parentOf(file, data)
	if parent == "" {
		return Default().lay(file, data, false)
	}
	refuse := func(format string, args ...any) error {
		return &Errors{Problems: []Problem{{File: file, Line: line, Path: "extends", Message: fmt.Sprintf(format, args...)}}}
	}
	f.seen = append(f.seen, name)
	next := path.Join(path.Dir(name), parent)
	switch {
	case path.IsAbs(parent), strings.Contains(parent, `\`), !filepath.IsLocal(next):
		return nil, refuse("%q: want the path of a file in the directory of the file first named (%s) or below, relative to this one", parent, f.dir)
	case slices.Contains(f.seen, next):
		return nil, refuse("%q extends itself: %s", parent, strings.Join(append(f.seen, next), " → "))
	case len(f.seen) >= maxParents:
		return nil, refuse("more than %d files extend one another", maxParents)
	}
	text, err := f.read(next)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, refuse("there is no file %s", filepath.Join(f.dir, filepath.FromSlash(next)))
	case err != nil:
		return nil, refuse("read %s: %s", next, err)
	}
	base, err := f.load(next, text)
	if err != nil {
		return nil, err
	}
	p, err := base.lay(file, data, true)
	if err != nil {
		return nil, err
	}
	// What is kept as evidence is one document. That it says the same is looked at rather than believed.
	if again, err := Parse(file, p.Text()); err != nil || again.Digest() != p.Digest() {
		return nil, refuse("what the files say together can't be said in one: move blocks of the same application into one file (%v)", err)
	}
	return p, nil
}

func (f *family) read(name string) ([]byte, error) {
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = tooLarge(name, len(data))
	}
	return data, err
}

// parentOf is what a document says it extends, and where. What else may be wrong with it is told when it is
// laid over that.
func parentOf(name string, data []byte) (parent string, line int) {
	if len(data) > maxSize {
		return "", 0
	}
	var doc document
	lines, _ := strictyaml.Locate(name, data, &doc)
	if doc.Extends == "" {
		return "", 0
	}
	return doc.Extends, lines.Of("extends")
}

func tooLarge(name string, size int) error {
	return fmt.Errorf("read policy %s: %d bytes are more than a policy may have (%d)", name, size, maxSize)
}
