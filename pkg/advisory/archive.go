package advisory

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// ErrArchive is wrapped by every error about an archive that can't be used: corrupt, a zip bomb, or without
// OSV records.
var ErrArchive = errors.New("unusable advisory archive")

// partialMarker is the name of an entry of an archive, or of a file beside it, that says that the database is
// only part of one.
const partialMarker = "PARTIAL"

// archive is an opened zip of OSV records that has passed the limits its directory can be held to.
type archive struct {
	records []*zip.File
	partial bool
	total   uint64
}

func openArchive(r io.ReaderAt, size int64) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: read the zip directory: %w", ErrArchive, err)
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("%w: %d entries, at most %d are read", ErrArchive, len(z.File), maxEntries)
	}
	a := &archive{records: make([]*zip.File, 0, len(z.File))}
	for _, f := range z.File {
		if path.Base(f.Name) == partialMarker {
			a.partial = true
		}
		if !strings.HasSuffix(f.Name, ".json") || !f.Mode().IsRegular() {
			continue
		}
		if err := checkEntry(f, uint64(size)); err != nil {
			return nil, err
		}
		a.total += f.UncompressedSize64
		a.records = append(a.records, f)
	}
	switch {
	case a.total > maxTotal:
		return nil, fmt.Errorf("%w: its entries unpack to %d bytes, at most %d are read", ErrArchive, a.total, uint64(maxTotal))
	case len(a.records) == 0:
		return nil, fmt.Errorf("%w: it holds no OSV record (*.json)", ErrArchive)
	}
	return a, nil
}

func checkEntry(f *zip.File, size uint64) error {
	name := clip(f.Name, 100)
	switch {
	case f.UncompressedSize64 > maxRecord:
		return fmt.Errorf("%w: %q unpacks to %d bytes, at most %d are read", ErrArchive, name, f.UncompressedSize64, maxRecord)
	case f.CompressedSize64 > size || f.UncompressedSize64/inflatesTo > f.CompressedSize64:
		return fmt.Errorf("%w: %q is said to unpack from %d bytes to %d, which can't be", ErrArchive, name, f.CompressedSize64, f.UncompressedSize64)
	case f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/max(f.CompressedSize64, 1) > maxRatio:
		return fmt.Errorf("%w: %q is packed %d times, at most %d are read: a zip bomb", ErrArchive, name, f.UncompressedSize64/max(f.CompressedSize64, 1), maxRatio)
	case f.Method != zip.Deflate && f.Method != zip.Store:
		return fmt.Errorf("%w: %q is packed by method %d; use deflate", ErrArchive, name, f.Method)
	case f.Flags&1 != 0:
		return fmt.Errorf("%w: %q is encrypted", ErrArchive, name)
	}
	return nil
}

// each reads every record with all processors and hands it to handle, which runs on several of them at once
// and must not keep data. It stops at the first error.
func (a *archive) each(ctx context.Context, handle func(worker, i int, name string, data []byte) error) error {
	workers := a.workers()
	var next atomic.Int64
	var wait sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := func(worker int) {
		var u unpacker
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(a.records) {
				return
			}
			data, err := u.unpack(a.records[i])
			if err == nil {
				err = handle(worker, i, a.records[i].Name, data)
			}
			if err != nil {
				cancel(err)
			}
		}
	}
	for w := 1; w < workers; w++ {
		wait.Go(func() { work(w) })
	}
	work(0)
	wait.Wait()
	return context.Cause(ctx)
}

func (a *archive) workers() int { return max(1, min(runtime.GOMAXPROCS(0), len(a.records)/64)) }

// unpacker reuses its buffers from entry to entry.
type unpacker struct {
	inflate io.ReadCloser
	packed  bytes.Reader
	raw     []byte
	buf     []byte
}

// unpack returns the content of an entry, valid until the next call. Neither a false size nor a false
// checksum in the zip's directory gets past it.
func (u *unpacker) unpack(f *zip.File) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("%w: unpack %q: %w", ErrArchive, clip(f.Name, 100), err)
	}
	r, err := f.OpenRaw()
	if err != nil {
		return fail(err)
	}
	u.raw = grow(u.raw, int(f.CompressedSize64)) // within limits: checkEntry
	if _, err := io.ReadFull(r, u.raw); err != nil {
		return fail(err)
	}
	data := u.raw
	if f.Method == zip.Deflate {
		if data, err = u.expand(int(f.UncompressedSize64)); err != nil {
			return fail(err)
		}
	}
	if uint64(len(data)) != f.UncompressedSize64 || crc32.ChecksumIEEE(data) != f.CRC32 {
		return fail(errors.New("it has not the length and checksum that are stated"))
	}
	return data, nil
}

// expand inflates u.raw to size bytes, and one more if there is one.
func (u *unpacker) expand(size int) ([]byte, error) {
	u.packed.Reset(u.raw)
	if u.inflate == nil {
		u.inflate = flate.NewReader(&u.packed)
	} else if err := u.inflate.(flate.Resetter).Reset(&u.packed, nil); err != nil {
		return nil, err
	}
	u.buf = grow(u.buf, size+1)
	n, err := io.ReadFull(u.inflate, u.buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return u.buf[:n], nil
}

func grow(b []byte, size int) []byte {
	if cap(b) < size {
		return make([]byte, size, size+size/2)
	}
	return b[:size]
}

// compile turns an archive of one ecosystem into a snapshot. Records that can't be read are counted and the
// first few named; an archive in which none can be read is refused.
func compile(ctx context.Context, a *archive, ecosystem, digest string, progress func(done, total int64)) ([]byte, error) {
	type share struct {
		records []record
		refused []reason
		count   int
	}
	shares := make([]share, a.workers())
	var done atomic.Int64
	err := a.each(ctx, func(worker, i int, name string, data []byte) error {
		s := &shares[worker]
		r, err := parseRecord(data, ecosystem)
		if err != nil {
			s.count++
			if len(s.refused) < maxReasons {
				s.refused = append(s.refused, reason{i, fmt.Sprintf("%s: %v", clip(path.Base(name), 80), err)})
			}
		} else {
			s.records = append(s.records, r)
		}
		if n := done.Add(1); progress != nil && (n%512 == 0 || n == int64(len(a.records))) {
			progress(n, int64(len(a.records)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sum := summary{ecosystem: ecosystem, digest: digest, partial: a.partial}
	var records []record
	var refused []reason
	for _, s := range shares {
		records = append(records, s.records...)
		sum.refused += s.count
		refused = append(refused, s.refused...)
	}
	sum.reasons = firstReasons(refused)
	concerned := 0
	for i := range records {
		sum.newest = max(sum.newest, records[i].modified)
		if len(records[i].affected) > 0 {
			concerned++
		}
	}
	switch sum.records = len(records); {
	case sum.records == 0:
		return nil, noneReadable(len(a.records), sum.reasons)
	case concerned == 0:
		return nil, fmt.Errorf("%w: none of its %d records speaks of %s", ErrArchive, sum.records, ecosystem)
	}
	return encodeSnapshot(&sum, groupRecords(records)), nil
}

// compileFile is compile for an open file, which must still be what it was when its digest was taken.
func compileFile(ctx context.Context, f *os.File, id, ecosystem, digest string) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	a, err := openArchive(f, info.Size())
	if err != nil {
		return nil, err
	}
	data, err := compile(ctx, a, ecosystem, digest, nil)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil || identity(info) != id {
		return nil, fmt.Errorf("%w: it was written over while it was in use; replace it by a rename", ErrArchive)
	}
	return data, nil
}

// detect names the ecosystem of an archive: the one nearly all of its records speak of (an archive of PyPI
// holds records that concern npm, too).
func (a *archive) detect(ctx context.Context) (string, error) {
	var lock sync.Mutex
	counts, readable := map[string]int{}, 0
	var refused []reason
	err := a.each(ctx, func(_, i int, name string, data []byte) error {
		doc, err := parseDocument(data)
		lock.Lock()
		defer lock.Unlock()
		if err != nil { // compile counts what it can't read
			refused = append(refused, reason{i, fmt.Sprintf("%s: %v", clip(path.Base(name), 80), err)})
			return nil
		}
		all := doc.ecosystems()
		if len(all) > 0 {
			readable++
		}
		for _, e := range all {
			counts[e]++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if len(refused) == len(a.records) {
		return "", noneReadable(len(refused), firstReasons(refused))
	}
	return dominant(counts, readable)
}
