package advisory

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// fetcher asks a mirror once.
type fetcher struct {
	client             *http.Client
	stall              time.Duration
	etag, lastModified string // conditions of the request
}

func (o *UpdateOptions) client() *http.Client {
	if o.Client != nil {
		return o.Client
	}
	return &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) > 5:
			return errors.New("more than five redirects")
		case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
			return errors.New("redirected from https to plain http")
		}
		return nil
	}}
}

// download is the body of an answer. Reading it computes the checksums that the mirror stated.
type download struct {
	io.Reader
	length             int64 // -1 where the mirror does not say
	etag, lastModified string
	checks             []check
	stop               func()
}

// check is one stated checksum.
type check struct {
	name string
	want []byte
	hash hash.Hash
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.stop()
	return nil
}

// get returns nil without an error when the mirror has nothing newer.
func (f *fetcher) get(ctx context.Context, u *url.URL) (*download, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stall := f.stall
	if stall == 0 {
		stall = stallTimeout
	}
	silent := fmt.Errorf("%w: nothing came for %s", ErrMirror, stall)
	watch := time.AfterFunc(stall, func() { cancel(silent) })
	stop := func() { watch.Stop(); cancel(nil) }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		stop()
		return nil, fmt.Errorf("%w: %w", ErrMirror, bareError(err))
	}
	req.Header.Set("User-Agent", "drydock")
	req.Header.Set("Accept-Encoding", "identity") // stated checksums are of the bytes as stored
	if f.etag != "" {
		req.Header.Set("If-None-Match", f.etag)
	}
	if f.lastModified != "" {
		req.Header.Set("If-Modified-Since", f.lastModified)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		stop()
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			err = cause
		}
		return nil, downloadError(bareError(err))
	}
	done := func() { stop(); resp.Body.Close() }
	switch {
	case resp.StatusCode == http.StatusNotModified && (f.etag != "" || f.lastModified != ""):
		done()
		return nil, nil
	case resp.StatusCode != http.StatusOK:
		done()
		return nil, statusError(resp.StatusCode)
	case resp.ContentLength > maxArchive:
		done()
		return nil, fmt.Errorf("%w: it offers %d bytes, at most %d are taken", ErrMirror, resp.ContentLength, int64(maxArchive))
	}
	d := &download{
		length: resp.ContentLength, stop: done, checks: statedChecksums(resp.Header),
		etag: resp.Header.Get("ETag"), lastModified: resp.Header.Get("Last-Modified"),
	}
	d.Reader = watchedReader{resp.Body, d, ctx, func() { watch.Reset(stall) }}
	return d, nil
}

// watchedReader feeds the checksums and notices silence.
type watchedReader struct {
	body  io.Reader
	d     *download
	ctx   context.Context
	alive func()
}

func (w watchedReader) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.alive()
		for i := range w.d.checks {
			w.d.checks[i].hash.Write(p[:n])
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(w.ctx); cause != nil {
			err = cause
		}
		err = downloadError(err)
	}
	return n, err
}

// verify compares once all was read.
func (d *download) verify() error {
	for _, c := range d.checks {
		if got := c.hash.Sum(nil); string(got) != string(c.want) {
			return fmt.Errorf("%w: what came has not the %s it states: %s, stated %s; try again, and doubt the mirror if it stays so", ErrMirror, c.name,
				base64.StdEncoding.EncodeToString(got), base64.StdEncoding.EncodeToString(c.want))
		}
	}
	return nil
}

// statedChecksums reads x-goog-hash (crc32c, md5), Content-MD5, and the sha-256 of Digest (RFC 3230) and
// Content-Digest or Repr-Digest (RFC 9530). One that can't be read states nothing.
func statedChecksums(h http.Header) []check {
	var checks []check
	add := func(name, value string, size int, make func() hash.Hash) {
		if want, err := base64.StdEncoding.DecodeString(value); err == nil && len(want) == size {
			checks = append(checks, check{name, want, make()})
		}
	}
	parts := func(name string, use func(key, value string)) {
		for _, line := range h.Values(name) {
			for part := range strings.SplitSeq(line, ",") {
				key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				use(strings.ToLower(key), strings.Trim(value, ":"))
			}
		}
	}
	parts("X-Goog-Hash", func(key, value string) {
		switch key {
		case "crc32c":
			add(key, value, crc32.Size, func() hash.Hash { return crc32.New(castagnoli) })
		case "md5":
			add(key, value, md5.Size, md5.New)
		}
	})
	if v := h.Get("Content-MD5"); v != "" {
		add("md5", v, md5.Size, md5.New)
	}
	for _, name := range []string{"Digest", "Content-Digest", "Repr-Digest"} {
		parts(name, func(key, value string) {
			if key == "sha-256" {
				add(key, value, sha256.Size, sha256.New)
			}
		})
	}
	return checks
}

func statusError(code int) error {
	advice := "try again later"
	switch code {
	case http.StatusNotFound:
		advice = "it has no such archive: check --mirror and the ecosystem's spelling"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		advice = "it refuses access: check the credentials in --mirror or the proxy"
	}
	return fmt.Errorf("%w: it answered %d %s; %s", ErrMirror, code, http.StatusText(code), advice)
}

// downloadError says what happened to a transfer.
func downloadError(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrMirror), errors.Is(err, ErrArchive), errors.Is(err, ErrList):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the transfer broke off early: %w", ErrMirror, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: not done after %s: %w", ErrMirror, updateTimeout, err)
	default:
		return fmt.Errorf("%w: %w", ErrMirror, err)
	}
}

// bareError drops the URL that net/http puts into its errors: its query may hold a token.
func bareError(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
