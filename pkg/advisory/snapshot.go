package advisory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"os"
	"strings"
)

// A snapshot is one ecosystem's advisories, ready to match: an index of names, read when it is opened, and a
// block for each name, read when it is asked for. It is a cache under the digest of the archive it was made
// from; one that is damaged or of another format is made anew.
//
//	magic, format, length and CRC-32C of what follows up to the blocks
//	summary · one row of five numbers for each name · the names, sorted
//	the blocks
const (
	snapshotMagic  = "drydock advisories\n"
	snapshotFormat = 6
	prefixLength   = len(snapshotMagic) + 16
	rowLength      = 24 // name's end, block's length: uint32; block's start, CRC-64: uint64
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	ecma       = crc64.MakeTable(crc64.ECMA)

	errSnapshot = errors.New("damaged snapshot")
)

// summary is what is known of an archive once all of it was read.
type summary struct {
	ecosystem string
	digest    string // sha256:… of the archive
	records   int
	newest    int64    // latest `modified`, Unix seconds; 0 unknown
	partial   bool     // a marker in the archive says so
	refused   int      // records that could not be read
	reasons   []string // why, for the first few
}

// snapshot is an opened one. It is safe for concurrent use.
type snapshot struct {
	summary
	rows   []byte
	names  string
	blocks io.ReaderAt
	base   int64
	size   uint64 // of the blocks
}

// encodeSnapshot lays out sorted packages.
func encodeSnapshot(s *summary, packages []packageAdvisories) []byte {
	var head, block encoder
	head.string(s.ecosystem)
	head.string(s.digest)
	head.uint(uint64(s.records))
	head.int(s.newest)
	head.uint(uint64(order(s.partial)))
	head.uint(uint64(s.refused))
	head.strings(s.reasons)
	head.uint(uint64(len(packages)))
	var rows, blocks []byte
	var names strings.Builder
	for i := range packages {
		block.b = block.b[:0]
		block.uint(uint64(len(packages[i].vulnerabilities)))
		for j := range packages[i].vulnerabilities {
			block.vulnerability(&packages[i].vulnerabilities[j])
		}
		names.WriteString(packages[i].name)
		rows = binary.LittleEndian.AppendUint32(rows, uint32(names.Len()))
		rows = binary.LittleEndian.AppendUint32(rows, uint32(len(block.b)))
		rows = binary.LittleEndian.AppendUint64(rows, uint64(len(blocks)))
		rows = binary.LittleEndian.AppendUint64(rows, crc64.Checksum(block.b, ecma))
		blocks = append(blocks, block.b...)
	}
	index := make([]byte, 0, len(head.b)+len(rows)+names.Len())
	index = append(append(append(index, head.b...), rows...), names.String()...)
	out := make([]byte, 0, prefixLength+len(index)+len(blocks))
	out = append(out, snapshotMagic...)
	out = binary.LittleEndian.AppendUint32(out, snapshotFormat)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(index)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(index, castagnoli))
	out = append(out, index...)
	return append(out, blocks...)
}

// openSnapshotFile opens a cached snapshot. The file is closed when the snapshot is no longer used.
func openSnapshotFile(path string) (*snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	s, err := openSnapshot(f, info.Size())
	if err != nil {
		f.Close()
	}
	return s, err
}

func openSnapshot(r io.ReaderAt, size int64) (*snapshot, error) {
	prefix := make([]byte, prefixLength)
	if _, err := r.ReadAt(prefix, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(prefix, []byte(snapshotMagic))
	if !ok || binary.LittleEndian.Uint32(rest) != snapshotFormat {
		return nil, fmt.Errorf("%w: not of format %d", errSnapshot, snapshotFormat)
	}
	length := binary.LittleEndian.Uint64(rest[4:])
	if length > uint64(size) {
		return nil, fmt.Errorf("%w: an index of %d bytes", errSnapshot, length)
	}
	index := make([]byte, length)
	if n, err := r.ReadAt(index, int64(prefixLength)); n < len(index) {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if crc32.Checksum(index, castagnoli) != binary.LittleEndian.Uint32(rest[12:]) {
		return nil, fmt.Errorf("%w: checksum of the index", errSnapshot)
	}
	s := &snapshot{blocks: r, base: int64(prefixLength) + int64(length)}
	s.size = uint64(size - s.base)
	d := decoder{s: string(index)}
	s.ecosystem, s.digest = d.string(), d.string()
	s.records, s.newest = int(d.uint()), d.int()
	s.partial, s.refused, s.reasons = d.uint() == 1, int(d.uint()), d.strings()
	n := d.uint()
	if d.bad || n > uint64(len(d.s))/rowLength {
		return nil, fmt.Errorf("%w: its summary", errSnapshot)
	}
	s.rows, s.names = index[len(index)-len(d.s):][:n*rowLength], d.s[n*rowLength:]
	if n > 0 && int(binary.LittleEndian.Uint32(s.rows[len(s.rows)-rowLength:])) != len(s.names) {
		return nil, fmt.Errorf("%w: its names", errSnapshot)
	}
	return s, nil
}

func (s *snapshot) len() int { return len(s.rows) / rowLength }

func (s *snapshot) name(i int) string {
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(s.rows[(i-1)*rowLength:])
	}
	end := binary.LittleEndian.Uint32(s.rows[i*rowLength:])
	if start > end || int(end) > len(s.names) {
		return ""
	}
	return s.names[start:end]
}

// sameBlock says whether both say the same of a package.
func (s *snapshot) sameBlock(i int, t *snapshot, j int) bool {
	a, b := s.rows[i*rowLength:(i+1)*rowLength], t.rows[j*rowLength:(j+1)*rowLength]
	return bytes.Equal(a[4:8], b[4:8]) && bytes.Equal(a[16:], b[16:])
}

// find returns the row of a name, -1 when there is none.
func (s *snapshot) find(name string) int {
	low, high := 0, s.len()
	for low < high {
		middle := int(uint(low+high) / 2)
		if s.name(middle) < name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < s.len() && s.name(low) == name {
		return low
	}
	return -1
}

// read decodes the block of a row.
func (s *snapshot) read(i int) ([]vulnerability, error) {
	row := s.rows[i*rowLength : (i+1)*rowLength]
	length, start := binary.LittleEndian.Uint32(row[4:]), binary.LittleEndian.Uint64(row[8:])
	if uint64(length) > s.size || start > s.size-uint64(length) {
		return nil, fmt.Errorf("%w: %s lies beyond its end", errSnapshot, s.name(i))
	}
	block := make([]byte, length)
	if n, err := s.blocks.ReadAt(block, s.base+int64(start)); n < len(block) {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if crc64.Checksum(block, ecma) != binary.LittleEndian.Uint64(row[16:]) {
		return nil, fmt.Errorf("%w: checksum of %s", errSnapshot, s.name(i))
	}
	d := decoder{s: string(block)}
	all := d.vulnerabilities()
	if d.bad {
		return nil, fmt.Errorf("%w: block of %s", errSnapshot, s.name(i))
	}
	return all, nil
}
