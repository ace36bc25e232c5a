package index

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// ofSdist reads PKG-INFO out of a source distribution (PEP 625 and the older forms), of which nothing else is
// looked at, unpacked or run.
func (c *Client) ofSdist(ctx context.Context, what string, f File) ([]byte, error) {
	s, err := c.download(ctx, what, f, maxRead)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return sdistInfo(what, f.Name, s, s.size)
}

func sdistInfo(what, name string, r io.ReaderAt, size int64) ([]byte, error) {
	in := bufio.NewReader(io.NewSectionReader(r, 0, size))
	switch {
	case strings.HasSuffix(name, ".zip"):
		return zipInfo(what, r, size)
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, unreadable(what, "unpack it", err)
		}
		return tarInfo(what, z, maxUnpacked, maxEntries)
	case strings.HasSuffix(name, ".tar.bz2"):
		return tarInfo(what, bzip2.NewReader(in), maxUnpacked, maxEntries)
	}
	return nil, unreadable(what, "", errors.New("source distributions of this kind are not read, only .tar.gz, .tar.bz2 and .zip"))
}

// isInfo: PKG-INFO stands in the one folder at the top.
func isInfo(name string) bool {
	dir, base := path.Split(path.Clean(name))
	return base == "PKG-INFO" && strings.Count(dir, "/") == 1 && dir != "../"
}

func zipInfo(what string, r io.ReaderAt, size int64) ([]byte, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, unreadable(what, "open it as a zip file", err)
	}
	for _, entry := range archive.File {
		if isInfo(entry.Name) && entry.Mode().IsRegular() {
			return member(what, entry)
		}
	}
	return nil, unreadable(what, "", errors.New("it holds no PKG-INFO"))
}

// tarInfo looks for PKG-INFO in the first bytes and files of an archive.
func tarInfo(what string, r io.Reader, most int64, files int) ([]byte, error) {
	left := &io.LimitedReader{R: r, N: most}
	archive := tar.NewReader(left)
	for n := 0; ; n++ {
		h, err := archive.Next()
		switch {
		case left.N <= 0:
			return nil, unreadable(what, "", fmt.Errorf("no PKG-INFO in its first %d MB", most>>20))
		case errors.Is(err, io.EOF):
			return nil, unreadable(what, "", errors.New("it holds no PKG-INFO"))
		case err != nil:
			return nil, unreadable(what, "unpack it", err)
		case n >= files:
			return nil, unreadable(what, "", fmt.Errorf("no PKG-INFO among its first %d files", files))
		case h.Typeflag != tar.TypeReg || !isInfo(h.Name):
			continue
		case h.Size > maxMetadata:
			return nil, unreadable(what, "", fmt.Errorf("its PKG-INFO claims to have %d bytes, more than %d MB", h.Size, maxMetadata>>20))
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, unreadable(what, "unpack its PKG-INFO", err)
		}
		return checked(what, data)
	}
}
