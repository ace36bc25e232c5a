package advisory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// archiveName and the folders above it are the layout of osv-scanner's offline mode, so that both can read
// the same directory: DIR/osv-scalibr/<Ecosystem>/all.zip. DIR/<Ecosystem>/all.zip is read, too.
const (
	archiveName = "all.zip"
	scalibrDir  = "osv-scalibr"
	temporary   = ".tmp-*" // pattern of files being written
	metaSchema  = "drydock.database/v1"
)

// meta is what Drydock notes beside an archive, in a file named by the archive's digest and written before the
// archive takes its place: after a crash either both are there or neither counts, and an archive replaced by
// hand has neither age nor origin.
type meta struct {
	Schema       string     `json:"schema"`
	Ecosystem    string     `json:"ecosystem"`
	Digest       string     `json:"digest"`
	Fetched      *time.Time `json:"fetched,omitzero"`       // when Drydock imported it or the mirror last confirmed it
	Source       string     `json:"source,omitzero"`        // file or URL, without credentials
	ETag         string     `json:"etag,omitzero"`          // for the next conditional request
	LastModified string     `json:"last_modified,omitzero"` // for the next conditional request
	Partial      bool       `json:"partial,omitzero"`       // the database is only part of one
	Records      int        `json:"records,omitzero"`
	Refused      int        `json:"refused,omitzero"`
	Newest       *time.Time `json:"newest,omitzero"`
}

// place is where one ecosystem's archive lies.
type place struct {
	ecosystem string
	archive   string
}

func (p place) dir() string { return filepath.Dir(p.archive) }

func (p place) meta(digest string) string {
	return filepath.Join(p.dir(), fmt.Sprintf("drydock-%.16s.json", strings.TrimPrefix(digest, "sha256:")))
}

// places lists the archives beneath dir, by ecosystem.
func places(dir string) ([]place, error) {
	var all []place
	for _, base := range []string{filepath.Join(dir, scalibrDir), dir} {
		entries, err := os.ReadDir(base)
		if errors.Is(err, fs.ErrNotExist) && base != dir {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the advisory databases in %s: %w", dir, err)
		}
		for _, e := range entries {
			p := place{e.Name(), filepath.Join(base, e.Name(), archiveName)}
			if info, err := os.Stat(p.archive); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if !slices.ContainsFunc(all, func(q place) bool { return q.ecosystem == p.ecosystem }) {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b place) int { return strings.Compare(a.ecosystem, b.ecosystem) })
	return all, nil
}

// readMeta returns the note beside an archive of that digest; the zero meta when there is none that holds.
func readMeta(p place, digest string) meta {
	var m meta
	data, err := os.ReadFile(p.meta(digest))
	if err != nil || json.Unmarshal(data, &m) != nil || m.Digest != digest || m.Schema != metaSchema {
		m = meta{}
	}
	if _, err := os.Stat(filepath.Join(p.dir(), partialMarker)); err == nil {
		m.Partial = true
	}
	return m
}

func writeMeta(p place, m meta) error {
	m.Schema, m.Ecosystem = metaSchema, p.ecosystem
	data, err := json.Marshal(m, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return writeFile(p.meta(m.Digest), append(data, '\n'), true)
}

// writeFile puts a file there whole or not at all; durable says whether it must outlive a power cut.
func writeFile(path string, data []byte, durable bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporary)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	return commitFile(f, path, durable)
}

// commitFile renames a written temporary file to its place.
func commitFile(f *os.File, path string, durable bool) error {
	if durable {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil || !durable {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// digestFile hashes an open file from its beginning.
func digestFile(ctx context.Context, f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, io.NewSectionReader(f, 0, math.MaxInt64)}); err != nil {
		return "", err
	}
	return digestOf(h.Sum(nil)), nil
}

// digestPath hashes a file.
func digestPath(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return digestFile(ctx, f)
}

func digestOf(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

// contextReader ends when the context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// identity tells whether a file is still the one whose digest is remembered.
func identity(info os.FileInfo) string {
	inode := uint64(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = uint64(st.Ino)
	}
	return fmt.Sprintf("%d %d %d", info.Size(), info.ModTime().UnixNano(), inode)
}
