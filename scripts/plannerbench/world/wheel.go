package world

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// chunk is how much of a wheel is read at a time: its directory and METADATA sit in the last two, mostly.
const chunk = 64 << 10

// remote reads parts of a file of the real index.
type remote struct {
	ctx    context.Context
	client *http.Client
	url    string
	size   int64
	chunks map[int64][]byte
}

// ReadAt implements io.ReaderAt.
func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < r.size {
		data, err := r.at(off / chunk)
		if err != nil {
			return n, err
		}
		rest := data[min(off%chunk, int64(len(data))):]
		if len(rest) == 0 {
			break
		}
		k := copy(p[n:], rest)
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *remote) at(i int64) ([]byte, error) {
	if data, ok := r.chunks[i]; ok {
		return data, nil
	}
	req, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", i*chunk, min((i+1)*chunk, r.size)-1))
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusPartialContent {
		return nil, fmt.Errorf("status %s for a part of a file", res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, chunk))
	r.chunks[i] = data
	return data, err
}

// fromWheel reads METADATA out of a wheel of which the index has no metadata file, a few parts of it only.
func (m *Mirror) fromWheel(ctx context.Context, f File) ([]byte, error) {
	if f.Size <= 0 {
		whole, err := m.file(ctx, f)
		if err != nil {
			return nil, err
		}
		return metadataIn(bytes.NewReader(whole), int64(len(whole)))
	}
	m.slots <- struct{}{}
	defer func() { <-m.slots }()
	return metadataIn(&remote{ctx: ctx, client: m.client, url: f.URL, size: f.Size, chunks: map[int64][]byte{}}, f.Size)
}

func metadataIn(r io.ReaderAt, size int64) ([]byte, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read a wheel: %w", err)
	}
	for _, e := range z.File {
		if dir, ok := strings.CutSuffix(e.Name, ".dist-info/METADATA"); ok && !strings.Contains(dir, "/") {
			return content(e)
		}
	}
	return nil, errors.New("read a wheel: it has no METADATA")
}
