package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// accept asks for JSON only: an index that knows nothing but HTML says so with its Content-Type.
const accept = "application/vnd.pypi.simple.v1+json"

// entry is what an index said of a package, with what the next conditional request needs. Without a project the
// index does not know it.
type entry struct {
	project  *Project
	body     []byte // its canonical form, on the way to the disk only
	size     int    // of it
	fetched  time.Time
	etag     string
	modified string
}

// failure is an error of the index with its kind.
type failure struct {
	what  string
	kind  error
	cause error
	again bool // worth another try
	after time.Duration
}

func (f *failure) Error() string {
	if f.cause == nil {
		return f.what + ": " + f.kind.Error()
	}
	cause := f.cause.Error()
	if f.kind == ErrUnreachable && strings.HasPrefix(cause, "it answers ") {
		return f.what + ": " + cause // a refusal is an answer, if not the one that was asked for
	}
	return f.what + ": " + f.kind.Error() + ": " + cause
}

// Is makes an unusable answer count as an index that can't be reached, and each fault of a file as one that can't
// be used.
func (f *failure) Is(target error) bool {
	switch f.kind {
	case ErrUnusable:
		return target == ErrUnusable || target == ErrUnreachable
	case ErrGone, ErrUnverified, ErrMismatch, ErrNoMetadata:
		return target == f.kind || target == ErrUnreadable
	}
	return target == f.kind
}

func (f *failure) Unwrap() error { return f.cause }

// fetch asks the index for a page.
func (c *Client) fetch(ctx context.Context, name string, old *entry) (e *entry, err error) {
	what := lookUp(name, c.root)
	err = c.try(ctx, what, func(ctx context.Context) error {
		e, err = c.once(ctx, what, name, old)
		return err
	})
	return e, err
}

func lookUp(name string, root *url.URL) string {
	return fmt.Sprintf("look up %s in the index %s", name, root)
}

// try asks a few times, each time under the guard. What says nothing against the index (it does not know the package,
// one file can't be used) is not passed to the guard as a failure.
func (c *Client) try(ctx context.Context, what string, once func(context.Context) error) error {
	pause := firstPause
	var last *failure // what the index itself did tells more than a guard that then refuses
	for try := 1; ; try++ {
		var answer error
		err := c.cfg.Guard(ctx, func(ctx context.Context) error {
			err := once(ctx)
			if err != nil && !errors.Is(err, ErrUnreachable) {
				answer, err = err, nil
			}
			return err
		})
		if answer != nil || err == nil {
			return answer
		}
		var f *failure
		if !errors.As(err, &f) { // the guard itself refused
			if last != nil {
				return last
			}
			return &failure{what: what, kind: ErrUnreachable, cause: err}
		}
		last = f
		if !f.again || try >= c.cfg.Tries || ctx.Err() != nil {
			return f
		}
		select {
		case <-time.After(max(pause, f.after)):
		case <-ctx.Done():
			return &failure{what: what, kind: ErrUnreachable, cause: ctx.Err()}
		}
		pause *= 2
	}
}

func (c *Client) once(ctx context.Context, what, name string, old *entry) (*entry, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, c.root.JoinPath(name+"/"))
	if err != nil {
		return nil, &failure{what: what, kind: ErrUnreachable, cause: err}
	}
	req.Header.Set("Accept", accept)
	if old != nil && old.etag != "" {
		req.Header.Set("If-None-Match", old.etag)
	} else if old != nil && old.modified != "" {
		req.Header.Set("If-Modified-Since", old.modified)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, &failure{what: what, kind: ErrUnreachable, cause: c.plain(err), again: !errors.Is(err, errRedirect)}
	}
	defer drain(res.Body)
	now := c.cfg.Now().UTC()
	if res.StatusCode == http.StatusNotModified && old != nil {
		p := *old.project
		p.Fetched = now
		body := old.body
		if body == nil && c.disk.dir != "" { // it was in memory
			if body, err = p.Document(); err != nil {
				return nil, &failure{what: what, kind: ErrUnusable, cause: err}
			}
		}
		return &entry{project: &p, body: body, size: old.size, fetched: now, etag: old.etag, modified: old.modified}, nil
	}
	if err := judge(what, res); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, &failure{what: what, kind: ErrUnreachable, cause: fmt.Errorf("read its answer: %w", err), again: true}
	}
	if len(data) > maxAnswer {
		return nil, &failure{what: what, kind: ErrUnusable, cause: fmt.Errorf("more than %d MB", maxAnswer>>20)}
	}
	p, err := parsePage(name, data, res.Request.URL)
	if err != nil {
		return nil, &failure{what: what, kind: ErrUnusable, cause: err}
	}
	body, err := p.seal()
	if err != nil {
		return nil, &failure{what: what, kind: ErrUnusable, cause: err}
	}
	p.Fetched = now
	c.introduce(p)
	return &entry{project: p, body: body, fetched: now, etag: res.Header.Get("ETag"), modified: res.Header.Get("Last-Modified")}, nil
}

// judge looks at the status and the kind of the answer.
func judge(what string, res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return &failure{what: what, kind: ErrUnknownProject}
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return &failure{what: what, kind: ErrUnreachable, cause: fmt.Errorf("it answers %s: check the user and password in the environment (DRYDOCK_INDEX_…), the index URL or netrc", clip(res.Status))}
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return &failure{what: what, kind: ErrUnreachable, cause: fmt.Errorf("it answers %s", clip(res.Status)), again: true, after: retryAfter(res)}
	case res.StatusCode != http.StatusOK:
		return &failure{what: what, kind: ErrUnreachable, cause: fmt.Errorf("it answers %s", clip(res.Status))}
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch media {
	case accept, "application/vnd.pypi.simple.latest+json", "application/json":
		return nil
	case "text/html", "application/vnd.pypi.simple.v1+html":
		return &failure{what: what, kind: ErrUnusable, cause: errors.New("it answers in HTML only, Drydock needs its JSON form (PEP 691)")}
	}
	return &failure{what: what, kind: ErrUnusable, cause: fmt.Errorf("it answers with %q instead of %s", clip(media), accept)}
}

func retryAfter(res *http.Response) time.Duration {
	after := res.Header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(after); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		wait = time.Until(at)
	}
	return max(0, min(wait, maxRetryAfter))
}

// drain ends an answer, and leaves the connection usable where little of it is left.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrained)
	_ = body.Close()
}
