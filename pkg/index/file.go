package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"
)

// Fetch writes a file of p to w once its sha256 is known to be the one the index states.
func (c *Client) Fetch(ctx context.Context, p *Project, f File, w io.Writer) error {
	if c.broken != nil {
		return c.broken
	}
	what := fmt.Sprintf("fetch %s from the index %s", clip(f.Name), c.root)
	s, err := c.download(ctx, what, f, maxFile)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := io.Copy(w, io.NewSectionReader(s, 0, s.size)); err != nil {
		return fmt.Errorf("%s: write it: %w", what, err)
	}
	return nil
}

// spool is a fetched file without a name: it is gone when it is closed.
type spool struct {
	*os.File
	size int64
}

// download fetches a file and verifies its sha256.
func (c *Client) download(ctx context.Context, what string, f File, most int64) (s *spool, err error) {
	if !isSHA256(f.Hashes["sha256"]) {
		return nil, &failure{what: what, kind: ErrUnverified}
	}
	if f.Size > most {
		return nil, &failure{what: what, kind: ErrMismatch, cause: fmt.Errorf("more than %d MB, which is not read", most>>20)}
	}
	u, err := c.address(what, f)
	if err != nil {
		return nil, err
	}
	err = c.try(ctx, what, func(ctx context.Context) error {
		res, done, err := c.open(ctx, what, u, "")
		if err != nil {
			return err
		}
		defer done()
		s, err = c.save(what, res, f, most)
		return err
	})
	return s, err
}

// address is where a file lies. What a page says is an outsider's word: only the web is asked, and not in the clear
// where the index itself is read over https.
func (c *Client) address(what string, f File) (*url.URL, error) {
	u, err := url.Parse(f.URL)
	switch {
	case err != nil || u.Host == "" && (u.Scheme == "http" || u.Scheme == "https"):
		return nil, &failure{what: what, kind: ErrUnreadable, cause: errors.New("its address can't be read")}
	case u.Scheme == "http" && c.root.Scheme == "https":
		return nil, &failure{what: what, kind: ErrUnreadable, cause: fmt.Errorf("the index is read over https but offers it over http (%s)", clip(u.Host))}
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, &failure{what: what, kind: ErrUnreadable, cause: fmt.Errorf("its address has the scheme %q, only https and http are asked", clip(u.Scheme))}
	}
	u.User, u.Fragment = nil, ""
	return u, nil
}

// errHere is the fault of the machine this runs on, not the index's.
var errHere = errors.New("no place to keep it while it is read")

var errSlow = errors.New("too slow")

// open asks for a file, or a range of it. The answer must begin within the time limit and go on at a bearable rate;
// done ends it.
func (c *Client) open(ctx context.Context, what string, u *url.URL, span string) (*http.Response, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	limit := time.AfterFunc(c.cfg.Timeout, func() { cancel(errSlow) })
	done := func() { limit.Stop(); cancel(nil) }
	req, err := c.request(ctx, u)
	if err != nil {
		done()
		return nil, nil, &failure{what: what, kind: ErrUnreadable, cause: errors.New("its address can't be read")}
	}
	req.Header.Set("Accept-Encoding", "identity") // the sha256 is that of the file, not of what it unpacks to
	if span != "" {
		req.Header.Set("Range", span)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if errors.Is(context.Cause(ctx), errSlow) {
			err = fmt.Errorf("no answer within %s", c.cfg.Timeout)
		}
		done()
		return nil, nil, &failure{what: what, kind: ErrUnreachable, cause: c.plain(err), again: !errors.Is(err, errRedirect)}
	}
	finish := func() { drain(res.Body); done() }
	if err := judgeFile(what, res); err != nil {
		finish()
		return nil, nil, err
	}
	res.Body = &paced{ReadCloser: res.Body, limit: limit, end: time.Now().Add(c.cfg.Timeout)}
	return res, finish, nil
}

// paced gives an answer more time as it comes, and ends it when it comes too slowly.
type paced struct {
	io.ReadCloser
	limit *time.Timer
	end   time.Time
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.end = p.end.Add(time.Duration(n) * time.Second / slowest)
	p.limit.Reset(time.Until(p.end))
	return n, err
}

// noRanges are the answers of servers that don't take a range.
var noRanges = []int{http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented}

func judgeFile(what string, res *http.Response) error {
	host := clip(res.Request.URL.Host)
	switch {
	case res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent:
		return nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return &failure{what: what, kind: ErrGone, cause: fmt.Errorf("%s answers %s", host, clip(res.Status))}
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return &failure{what: what, kind: ErrUnreachable, cause: fmt.Errorf("%s answers %s: check the user and password in the environment (DRYDOCK_INDEX_…), the index URL or netrc", host, clip(res.Status))}
	}
	if res.Request.Header.Get("Range") != "" && slices.Contains(noRanges, res.StatusCode) {
		return errWhole
	}
	again := res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500
	return &failure{what: what, kind: ErrUnreachable, cause: fmt.Errorf("%s answers %s", host, clip(res.Status)), again: again, after: retryAfter(res)}
}

// save keeps the body as a file without a name and verifies it.
func (c *Client) save(what string, res *http.Response, f File, most int64) (*spool, error) {
	if f.Size > 0 {
		most = min(most, f.Size)
	}
	tmp, err := c.disk.temporary()
	if err != nil {
		return nil, &failure{what: what, kind: errHere, cause: err}
	}
	s := &spool{File: tmp}
	sum := sha256.New()
	s.size, err = io.Copy(io.MultiWriter(tmp, sum), io.LimitReader(res.Body, most+1))
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case errors.As(err, new(*fs.PathError)):
		err = &failure{what: what, kind: errHere, cause: err}
	case err != nil:
		err = &failure{what: what, kind: ErrUnreachable, cause: c.broke(res, err), again: true}
	case s.size > most:
		err = &failure{what: what, kind: ErrMismatch, cause: fmt.Errorf("it has more than %d bytes", most)}
	case got != f.Hashes["sha256"]:
		err = &failure{what: what, kind: ErrMismatch, cause: fmt.Errorf("its sha256 is %s, the index says %s", got, f.Hashes["sha256"])}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// broke says why a body ended early.
func (c *Client) broke(res *http.Response, err error) error {
	if errors.Is(context.Cause(res.Request.Context()), errSlow) {
		return fmt.Errorf("its answer comes too slowly, less than %d kB a second", slowest>>10)
	}
	return fmt.Errorf("read its answer: %w", err)
}

func isSHA256(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == sha256.Size*2
}
