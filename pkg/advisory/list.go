package advisory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzip"
)

// ErrList is wrapped by every error about a KEV or EPSS list that can't be read. A list that was asked for
// and can't be read is an error, for its absence would look like "not exploited".
var ErrList = errors.New("unusable list")

// listKind is one of the two lists that are joined to vulnerabilities by CVE.
type listKind struct {
	name  string
	files []string // where it lies in the data directory
	parse func([]byte) ([]score, error)
}

var (
	kevList  = listKind{"kev", []string{"kev.json"}, parseKEV}
	epssList = listKind{"epss", []string{"epss.csv", "epss.csv.gz"}, parseEPSS}
)

// score is one row: a CVE packed into a number, and a probability (EPSS) or 1 (KEV).
type score struct {
	cve   uint64
	value float64
}

// list is a loaded one.
type list struct {
	kind   listKind
	digest string
	rows   []byte // sorted pairs of uint64: cve, bits of the value
}

const (
	listMagic  = "drydock list 1\n\n"
	listHeader = len(listMagic) + 8 // CRC-32C, and four bytes of nothing that keep the rows aligned
	listRow    = 16
)

// openList loads the list at path, or the one that lies in dir; nil when there is neither.
func openList(ctx context.Context, c cache, kind listKind, path, dir string) (*list, error) {
	if path == "" {
		if path = defaultList(dir, kind.files); path == "" {
			return nil, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the %s list: %w: %w", strings.ToUpper(kind.name), ErrList, err)
	}
	defer f.Close()
	_, digest, err := c.digest(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the %s list: %w: %w", strings.ToUpper(kind.name), ErrList, err)
	}
	l := &list{kind: kind, digest: digest}
	if data, err := os.ReadFile(c.path(kind.name, digest)); c.dir != "" && err == nil && l.load(data) {
		return l, nil
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxList+1))
	if err == nil && len(data) > maxList {
		err = fmt.Errorf("more than %d bytes", maxList)
	}
	if err != nil {
		return nil, fmt.Errorf("read the %s list: %w: %w", strings.ToUpper(kind.name), ErrList, err)
	}
	encoded, err := kind.compile(data)
	if err != nil {
		return nil, fmt.Errorf("read the %s list %s: %w", strings.ToUpper(kind.name), path, err)
	}
	l.load(encoded)
	c.put(kind.name, digest, encoded)
	return l, nil
}

// compile parses a list as published and lays it out sorted.
func (k listKind) compile(data []byte) ([]byte, error) {
	data, err := plain(data)
	if err != nil {
		return nil, err
	}
	scores, err := k.parse(data)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(scores, func(a, b score) int { return cmp.Compare(a.cve, b.cve) })
	out := append(make([]byte, 0, listHeader+listRow*len(scores)), listMagic...)
	out = append(out, make([]byte, 8)...)
	for _, s := range scores {
		out = binary.LittleEndian.AppendUint64(out, s.cve)
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(s.value))
	}
	binary.LittleEndian.PutUint32(out[len(listMagic):], crc32.Checksum(out[listHeader:], castagnoli))
	return out, nil
}

func (l *list) load(data []byte) bool {
	if !bytes.HasPrefix(data, []byte(listMagic)) || len(data) < listHeader || (len(data)-listHeader)%listRow != 0 ||
		binary.LittleEndian.Uint32(data[len(listMagic):]) != crc32.Checksum(data[listHeader:], castagnoli) {
		return false
	}
	l.rows = data[listHeader:]
	return true
}

// find looks a CVE up.
func (l *list) find(id string) (value float64, ok bool) {
	cve, ok := packCVE(id)
	if !ok {
		return 0, false
	}
	low, high := 0, len(l.rows)/listRow
	for low < high {
		middle := int(uint(low+high) / 2)
		if at := binary.LittleEndian.Uint64(l.rows[middle*listRow:]); at == cve {
			return math.Float64frombits(binary.LittleEndian.Uint64(l.rows[middle*listRow+8:])), true
		} else if at < cve {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return 0, false
}

// packCVE reads "CVE-2023-30861".
func packCVE(id string) (uint64, bool) {
	rest, ok := strings.CutPrefix(id, "CVE-")
	if !ok {
		return 0, false
	}
	year, number, ok := strings.Cut(rest, "-")
	y, err := strconv.ParseUint(year, 10, 16)
	n, err2 := strconv.ParseUint(number, 10, 40)
	return y<<44 | n, ok && err == nil && err2 == nil
}

// parseKEV reads CISA's catalogue of known exploited vulnerabilities.
func parseKEV(data []byte) ([]score, error) {
	var catalogue struct {
		Vulnerabilities []struct {
			CVE string `json:"cveID"`
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(data, &catalogue, decodeOptions); err != nil {
		return nil, fmt.Errorf("%w: not CISA's JSON catalogue: %w", ErrList, err)
	}
	scores := make([]score, 0, len(catalogue.Vulnerabilities))
	for _, v := range catalogue.Vulnerabilities {
		if cve, ok := packCVE(v.CVE); ok {
			scores = append(scores, score{cve, 1})
		}
	}
	if len(scores) == 0 {
		return nil, fmt.Errorf("%w: not CISA's JSON catalogue: no vulnerabilities with a cveID", ErrList)
	}
	return scores, nil
}

// parseEPSS reads FIRST's CSV: comment lines, a header "cve,epss,percentile", rows.
func parseEPSS(data []byte) ([]score, error) {
	scores := make([]score, 0, bytes.Count(data, []byte("\n")))
	number := 0
	header := false
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		cve, rest, _ := strings.Cut(line, ",")
		text, _, _ := strings.Cut(rest, ",")
		if !header {
			if cve != "cve" || text != "epss" {
				return nil, fmt.Errorf("%w: line %d: %q instead of the header \"cve,epss,percentile\"", ErrList, number, clip(line, 80))
			}
			header = true
			continue
		}
		id, ok := packCVE(cve)
		value, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || !(value >= 0 && value <= 1) {
			return nil, fmt.Errorf("%w: line %d: %q is no CVE with a probability from 0 to 1", ErrList, number, clip(line, 80))
		}
		scores = append(scores, score{id, value})
	}
	if len(scores) == 0 {
		return nil, fmt.Errorf("%w: no scores in it", ErrList)
	}
	return scores, nil
}

// plain unpacks gzip, within the limit.
func plain(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: unpack: %w", ErrList, err)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("%w: unpack: %w", ErrList, err)
	}
	if len(out) > maxList {
		return nil, fmt.Errorf("%w: it unpacks to more than %d bytes", ErrList, maxList)
	}
	return out, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
