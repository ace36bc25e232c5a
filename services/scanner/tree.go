package scanner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// tree is the target as the reader sees it: names relative to its root, reading only. os.Root keeps links from
// leading out of it where the host has nothing stronger.
type tree struct {
	root *os.Root
	real string // absolute path, to recognise absolute links that stay inside
}

// errOutside marks a path or link that leaves the target.
var errOutside = errors.New("leads out of the target, not followed")

func openTree(dir string) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{root: root, real: dir}, nil
}

// read returns a regular file of at most limit bytes.
func (t *tree) read(name string, limit int64) ([]byte, error) {
	// O_NONBLOCK: opening a FIFO would wait for a writer.
	f, err := t.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, t.explain(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is a %s, not a file", kindOf(info.Mode()))
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes are more than the limit of %s for one file", info.Size(), size(limit))
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("more than the limit of %s for one file", size(limit))
	}
	return data, nil
}

// list returns the entries of a directory, sorted.
func (t *tree) list(name string) ([]fs.DirEntry, error) {
	f, err := t.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, t.explain(name, err)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, cause(err)
	}
	sortEntries(entries)
	return entries, nil
}

func (t *tree) exists(name string) bool {
	_, err := t.root.Stat(filepath.FromSlash(name))
	return err == nil
}

func (t *tree) isDir(name string) bool {
	info, err := t.root.Stat(filepath.FromSlash(name))
	return err == nil && info.IsDir()
}

// resolve follows the links of name inside the target and returns the real name.
func (t *tree) resolve(name string) (string, error) {
	left := strings.Split(path.Clean(name), "/")
	done := "."
	for hops := 0; len(left) > 0; {
		part := left[0]
		left = left[1:]
		switch part {
		case ".", "":
			continue
		case "..":
			if done == "." {
				return "", errOutside
			}
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		info, err := t.root.Lstat(filepath.FromSlash(next))
		if err != nil {
			return "", t.explain(next, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if hops++; hops > maxDepth {
			return "", errors.New("is a loop of links")
		}
		to, err := t.root.Readlink(filepath.FromSlash(next))
		if err != nil {
			return "", cause(err)
		}
		if filepath.IsAbs(to) {
			rel, err := filepath.Rel(t.real, to)
			if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				return "", errOutside
			}
			done, to = ".", rel
		}
		left = append(strings.Split(filepath.ToSlash(to), "/"), left...)
	}
	return done, nil
}

// explain says what is wrong with name in words of the target.
func (t *tree) explain(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return cause(err)
	}
	if _, e := t.root.Lstat(filepath.FromSlash(name)); e == nil && strings.Contains(err.Error(), "escapes") {
		return errOutside
	}
	return cause(err)
}

// cause drops the operation and path that os adds: messages name the file once.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied")
	case errors.Is(err, syscall.ELOOP):
		return errors.New("is a loop of links")
	case strings.Contains(err.Error(), "escapes"):
		return errOutside
	}
	return err
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

func size(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// printable reports whether s may stand in a report: valid UTF-8 without control characters, none of those
// that reorder text either.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

func sortEntries(entries []fs.DirEntry) {
	// os.File.ReadDir gives directory order, which differs from one file system to the next.
	sortBy(entries, fs.DirEntry.Name)
}
