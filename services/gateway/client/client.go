// Package client is the typed client of the gateway's API: what a command does with --server.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Client speaks to one Drydock. Safe for concurrent use.
type Client struct {
	base string // where requests go; may hold a user and password for a proxy in front
	name string // the same without them
	http *http.Client
}

const (
	// maxAnswer bounds what is read of one answer; evidence is the largest.
	maxAnswer = 256 << 20
	// answerTime bounds the time to the first byte, waiting included (the server waits 60 s at most).
	answerTime = 90 * time.Second
	// pause is the delay before a broken stream is taken up again.
	pause = 250 * time.Millisecond
	// pauseMax bounds it; it doubles with each failure.
	pauseMax = 5 * time.Second
)

// New makes a client of the server at base, "http://127.0.0.1:7700".
func New(base string) (*Client, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server %q is not an address such as http://127.0.0.1:7700", withoutUser(base))
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: answerTime, MaxIdleConnsPerHost: 8,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	base = strings.TrimRight(base, "/")
	return &Client{base: base, name: withoutUser(base), http: &http.Client{Transport: t}}, nil
}

// Address is the server's, without credentials.
func (c *Client) Address() string { return c.name }

// withoutUser drops user and password from an address, whether it is a proper one or not.
func withoutUser(base string) string {
	scheme, rest, _ := strings.Cut(base, "://")
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// Close gives idle connections back.
func (c *Client) Close() error { c.http.CloseIdleConnections(); return nil }

// RequestScan asks for a scan.
func (c *Client) RequestScan(ctx context.Context, q api.ScanRequest) (*api.Scan, error) {
	return call[*api.Scan](ctx, c, http.MethodPost, "/v1/scans", q)
}

// Scan tells what came of it, after waiting at most wait.
func (c *Client) Scan(ctx context.Context, id uint64, wait time.Duration) (*api.Scan, error) {
	return call[*api.Scan](ctx, c, http.MethodGet, fmt.Sprintf("/v1/scans/%d?wait=%s", id, wait), nil)
}

// Applications lists every application.
func (c *Client) Applications(ctx context.Context) ([]api.Application, error) {
	return call[[]api.Application](ctx, c, http.MethodGet, "/v1/applications", nil)
}

// Application is one of them.
func (c *Client) Application(ctx context.Context, app string) (*api.Application, error) {
	return call[*api.Application](ctx, c, http.MethodGet, "/v1/applications/"+url.PathEscape(app), nil)
}

// Plan is the plan in force once the planner has handled everything up to after.
func (c *Client) Plan(ctx context.Context, app string, after uint64, wait time.Duration) (*api.Plan, error) {
	return call[*api.Plan](ctx, c, http.MethodGet, fmt.Sprintf("/v1/applications/%s/plan?after=%d&wait=%s", url.PathEscape(app), after, wait), nil)
}

// Changes lists changes by deadline.
func (c *Client) Changes(ctx context.Context, app string, all bool) ([]api.Change, error) {
	return call[[]api.Change](ctx, c, http.MethodGet, fmt.Sprintf("/v1/changes?app=%s&all=%t", url.QueryEscape(app), all), nil)
}

// Change is one change with all that is known of it.
func (c *Client) Change(ctx context.Context, id string) (*api.ChangeDetail, error) {
	return call[*api.ChangeDetail](ctx, c, http.MethodGet, "/v1/changes/"+url.PathEscape(id), nil)
}

// RequestUpdate asks for the updates of a declared application; Scan tells what came of its first step.
func (c *Client) RequestUpdate(ctx context.Context, app string, q api.UpdateRequest) (*api.Scan, error) {
	return call[*api.Scan](ctx, c, http.MethodPost, "/v1/applications/"+url.PathEscape(app)+"/updates", q)
}

// Declared lists the applications that updates can be asked for.
func (c *Client) Declared(ctx context.Context) ([]api.Declared, error) {
	return call[[]api.Declared](ctx, c, http.MethodGet, "/v1/declared", nil)
}

// Status is what the server says of itself.
func (c *Client) Status(ctx context.Context) (*api.Status, error) {
	return call[*api.Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

// ImportDatabase imports advisories from a path on the server's machine.
func (c *Client) ImportDatabase(ctx context.Context, q api.DatabaseImport) ([]api.Imported, error) {
	return call[[]api.Imported](ctx, c, http.MethodPost, "/v1/databases/import", q)
}

// UpdateDatabase lets the server fetch newer advisories.
func (c *Client) UpdateDatabase(ctx context.Context, q api.DatabaseImport) ([]api.Imported, error) {
	return call[[]api.Imported](ctx, c, http.MethodPost, "/v1/databases/update", q)
}

// Letters lists dead letters.
func (c *Client) Letters(ctx context.Context, all bool) ([]bus.Letter, error) {
	return call[[]bus.Letter](ctx, c, http.MethodGet, "/v1/deadletters?all="+strconv.FormatBool(all), nil)
}

// Letter is one of them.
func (c *Client) Letter(ctx context.Context, id uint64) (*bus.Letter, error) {
	return call[*bus.Letter](ctx, c, http.MethodGet, fmt.Sprintf("/v1/deadletters/%d", id), nil)
}

// Requeue hands a dead letter to its worker once more.
func (c *Client) Requeue(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error) {
	return call[*bus.Letter](ctx, c, http.MethodPost, fmt.Sprintf("/v1/deadletters/%d/requeue", id), q)
}

// Drop gives a dead letter up.
func (c *Client) Drop(ctx context.Context, id uint64, q api.Resolve) (*bus.Letter, error) {
	return call[*bus.Letter](ctx, c, http.MethodPost, fmt.Sprintf("/v1/deadletters/%d/drop", id), q)
}

// Evidence reads a stored document and verifies it against its digest.
func (c *Client) Evidence(ctx context.Context, digest string) ([]byte, error) {
	res, err := c.do(ctx, http.MethodGet, "/v1/evidence/"+url.PathEscape(digest), nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if got := evidence.Of(data); string(got) != digest {
		return nil, fmt.Errorf("read evidence %s from %s: %w (got %s)", digest, c.name, evidence.ErrCorrupt, got)
	}
	return data, nil
}

func call[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	var payload []byte
	if in != nil {
		var err error
		if payload, err = json.Marshal(in); err != nil {
			return out, err
		}
	}
	res, err := c.do(ctx, method, path, payload, nil)
	if err != nil {
		return out, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&out); err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		return out, fmt.Errorf("read the answer of %s%s: %w; is it a Drydock?", c.name, path, err)
	}
	return out, nil
}

// do sends a request and turns an error status into the problem the server named.
func (c *Client) do(ctx context.Context, method, path string, payload []byte, header http.Header) (*http.Response, error) {
	var in io.Reader
	if payload != nil {
		in = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, in)
	if err != nil {
		return nil, err
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.unreachable(err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	data, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what can't be read is not there
	return nil, c.problem(res, data)
}

// problem is what an error status says; a server that is no Drydock says so too.
func (c *Client) problem(res *http.Response, data []byte) error {
	var p api.Problem
	if json.Unmarshal(data, &p) == nil && p.Status != 0 && p.Type != "" {
		return &p
	}
	return api.NewProblem(api.Unavailable, "give the address that `drydock up` printed", "%s answered %s, which is not how Drydock answers", c.name, res.Status)
}

func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return api.NewProblem(api.Unavailable, "start it with `drydock up`, which goes on with what was begun; or leave --server out, where it was given", "reach Drydock at %s: %v", c.name, err)
}
