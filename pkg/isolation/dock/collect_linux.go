package dock

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// collect writes every result as one tar file to w: entries <index>/<path>, so that results of one name do not
// meet. Nothing of the program runs any more. No link is followed: what a program could point one at is not
// its own to give.
func collect(w *os.File, s *spec) error {
	t := tar.NewWriter(w)
	for i, c := range s.Results {
		if err := collectOne(t, s, i, c); err != nil {
			return errors.Join(fmt.Errorf("bring out %s: %w", c.From, err), w.Close())
		}
	}
	return errors.Join(t.Close(), w.Close())
}

func collectOne(t *tar.Writer, s *spec, i int, c Copy) error {
	at := Command{Writable: s.Writable}.writableOf(c.From)
	place := s.Writable[at].Path
	rel := "." + strings.TrimPrefix(c.From, place)
	if len(s.Places) > 0 {
		place = s.Places[at]
	}
	root, err := os.OpenRoot(place)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if info, err := root.Lstat(rel); err != nil || !info.IsDir() {
		return errors.Join(err, errors.New("it is no folder"))
	}
	if root, err = root.OpenRoot(rel); err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	var bytes int64
	files := 0
	last := lastFolder{}
	defer last.close()
	return fs.WalkDir(root.FS(), ".", func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return err
		}
		in, base, err := last.of(root, p)
		if err != nil {
			return err
		}
		info, err := in.Lstat(base)
		if err != nil {
			return err
		}
		if bytes += info.Size() * int64(b2i(info.Mode().IsRegular())); bytes > c.Bytes {
			return fmt.Errorf("it holds more than %d bytes; raise the limit or write less", c.Bytes)
		}
		if files++; files > c.Files {
			return fmt.Errorf("it holds more than %d files; raise the limit or write less", c.Files)
		}
		return writeEntry(t, in, path.Join(strconv.Itoa(i), p), base, info)
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func writeEntry(t *tar.Writer, root *os.Root, name, p string, info fs.FileInfo) error {
	h := &tar.Header{Name: name, Mode: 0o644, Format: tar.FormatPAX}
	if info.Mode().Perm()&0o100 != 0 {
		h.Mode = 0o755
	}
	switch {
	case info.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return t.WriteHeader(h)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := root.Readlink(p)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, filepath.ToSlash(target)
		return t.WriteHeader(h)
	case !info.Mode().IsRegular():
		return nil
	}
	f, err := root.Open(p)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, info.Size())
	return err
}
