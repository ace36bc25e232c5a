package index

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// ofWheel reads METADATA out of a wheel (PEP 427).
func (c *Client) ofWheel(ctx context.Context, what, name string, f File) ([]byte, error) {
	host := hostOf(f.URL)
	if _, known := c.whole.Load(host); !known && (f.Size == 0 || f.Size > maxSmall) {
		data, err := c.inParts(ctx, what, name, f)
		if !errors.Is(err, errWhole) {
			return data, err
		}
		c.whole.Store(host, true)
	}
	s, err := c.download(ctx, what, f, maxRead)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return wheelMetadata(what, name, s, s.size)
}

func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// wheelMetadata finds the one METADATA file of a wheel.
func wheelMetadata(what, name string, r io.ReaderAt, size int64) ([]byte, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, unreadable(what, "open it as a zip file", err)
	}
	var found *zip.File
	for _, entry := range archive.File {
		dir, base, ok := strings.Cut(entry.Name, "/")
		stem, isInfo := strings.CutSuffix(dir, ".dist-info")
		if !ok || !isInfo || base != "METADATA" {
			continue
		}
		if found != nil {
			return nil, unreadable(what, "", errors.New("it holds two METADATA files"))
		}
		if project, _, _ := strings.Cut(stem, "-"); pep440.Normalize(project) != name {
			return nil, unreadable(what, "", fmt.Errorf("its METADATA is that of %q", clip(stem)))
		}
		found = entry
	}
	if found == nil {
		return nil, unreadable(what, "", errors.New("it holds no METADATA file"))
	}
	return member(what, found)
}

// member reads one file of a zip archive, whose size is bounded whatever the archive says.
func member(what string, entry *zip.File) ([]byte, error) {
	if entry.UncompressedSize64 > maxMetadata {
		return nil, unreadable(what, "", fmt.Errorf("its %s claims to have %d bytes, more than %d MB", clip(entry.Name), entry.UncompressedSize64, maxMetadata>>20))
	}
	r, err := entry.Open()
	if err != nil {
		return nil, unreadable(what, "open its "+clip(entry.Name), err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxMetadata+1))
	if err != nil {
		return nil, unreadable(what, "read its "+clip(entry.Name), err)
	}
	if len(data) > maxMetadata {
		return nil, unreadable(what, "", fmt.Errorf("its %s has more than %d MB", clip(entry.Name), maxMetadata>>20))
	}
	return checked(what, data)
}

// unreadable says that a file's content can't be read, unless it was the index that failed meanwhile.
func unreadable(what, doing string, err error) error {
	var f *failure
	if errors.As(err, &f) || errors.Is(err, errWhole) {
		return err
	}
	if doing != "" {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return &failure{what: what, kind: ErrNoMetadata, cause: err}
}

// checked is data, if it looks right.
func checked(what string, data []byte) ([]byte, error) {
	if err := looksRight(what, data); err != nil {
		return nil, err
	}
	return data, nil
}

// errWhole says that a file can't be had in parts.
var errWhole = errors.New("its host does not take range requests")

// inParts reads METADATA with a few range requests (RFC 9110 §14): the end of the wheel, where the list of its files
// stands and mostly METADATA too, then what is missing.
func (c *Client) inParts(ctx context.Context, what, name string, f File) ([]byte, error) {
	r := &ranged{c: c, ctx: ctx, what: what, file: f}
	if err := r.tail(); err != nil {
		return nil, err
	}
	if err := r.directory(); err != nil {
		return nil, err
	}
	return wheelMetadata(what, name, r, r.size)
}

// ranged is a remote file of which some parts are here.
type ranged struct {
	c     *Client
	ctx   context.Context
	what  string
	file  File
	size  int64
	parts []part
	asked int
}

type part struct {
	from int64
	data []byte
}

// ReadAt serves what is here and asks for the rest.
func (r *ranged) ReadAt(p []byte, at int64) (int, error) {
	if at >= r.size {
		return 0, io.EOF
	}
	short := at+int64(len(p)) > r.size
	if short {
		p = p[:r.size-at]
	}
	if !r.serve(p, at) {
		end := min(at+max(int64(len(p)), partSize), r.size)
		if err := r.ask(fmt.Sprintf("bytes=%d-%d", at, end-1), at, end); err != nil {
			return 0, err
		}
		if !r.serve(p, at) {
			return 0, io.ErrUnexpectedEOF
		}
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (r *ranged) serve(p []byte, at int64) bool {
	for _, have := range r.parts {
		if at >= have.from && at+int64(len(p)) <= have.from+int64(len(have.data)) {
			copy(p, have.data[at-have.from:])
			return true
		}
	}
	return false
}

// tail asks for the end of the file, and so learns how large it is.
func (r *ranged) tail() error {
	if r.file.Size > 0 {
		r.size = r.file.Size
		from := max(0, r.size-partSize)
		return r.ask(fmt.Sprintf("bytes=%d-%d", from, r.size-1), from, r.size)
	}
	return r.ask(fmt.Sprintf("bytes=-%d", partSize), -1, -1)
}

// directory asks for the list of files at once where it began before the tail; what is wrong with it is told later,
// by who reads it.
func (r *ranged) directory() error {
	tail := r.parts[0]
	i := strings.LastIndex(string(tail.data), "PK\x05\x06")
	if i < 0 || len(tail.data)-i < 22 {
		return nil
	}
	size, at := int64(binary.LittleEndian.Uint32(tail.data[i+12:])), int64(binary.LittleEndian.Uint32(tail.data[i+16:]))
	if size > maxDirectory {
		return unreadable(r.what, "", fmt.Errorf("the list of its files has more than %d MB", maxDirectory>>20))
	}
	if end := tail.from + int64(i); at+size > end || at >= tail.from {
		return nil
	}
	// The dist-info folder comes last in a wheel (PEP 427 asks for it): begin a little before the list.
	from := max(0, at-partSize)
	if err := r.ask(fmt.Sprintf("bytes=%d-%d", from, tail.from-1), from, tail.from); err != nil {
		return err
	}
	r.parts = []part{{from: from, data: append(r.parts[1].data, tail.data...)}}
	return nil
}

// ask makes one range request; from and to are what is wanted, -1 for a tail of a file of unknown size.
func (r *ranged) ask(span string, from, to int64) error {
	if r.asked++; r.asked > maxParts {
		return unreadable(r.what, "", fmt.Errorf("it takes more than %d range requests", maxParts))
	}
	u, err := r.c.address(r.what, r.file)
	if err != nil {
		return err
	}
	return r.c.try(r.ctx, r.what, func(ctx context.Context) error {
		res, done, err := r.c.open(ctx, r.what, u, span)
		if err != nil {
			return err
		}
		defer done()
		if res.StatusCode != http.StatusPartialContent {
			return errWhole
		}
		first, total, ok := contentRange(res.Header.Get("Content-Range"))
		if !ok || from >= 0 && (first != from || total != r.size) {
			return &failure{what: r.what, kind: ErrMismatch, cause: fmt.Errorf("asked for %s its host sent %q", span, clip(res.Header.Get("Content-Range")))}
		}
		want := to - from
		if from < 0 {
			r.size, want = total, total-first
		}
		if want > maxDirectory+2*partSize {
			return &failure{what: r.what, kind: ErrMismatch, cause: fmt.Errorf("asked for %s its host sent more", span)}
		}
		data := make([]byte, want)
		if _, err := io.ReadFull(res.Body, data); err != nil {
			return &failure{what: r.what, kind: ErrUnreachable, cause: r.c.broke(res, err), again: true}
		}
		r.parts = append(r.parts, part{from: first, data: data})
		return nil
	})
}

// contentRange reads "bytes FIRST-LAST/TOTAL".
func contentRange(s string) (first, total int64, ok bool) {
	rest, found := strings.CutPrefix(s, "bytes ")
	span, all, slash := strings.Cut(rest, "/")
	from, to, dash := strings.Cut(span, "-")
	if !found || !slash || !dash {
		return 0, 0, false
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(all, 10, 64)
	return first, total, err1 == nil && err2 == nil && err3 == nil && first >= 0 && first <= last && last < total
}
