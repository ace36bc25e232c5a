package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Events calls fn for each event q selects, in order and once. A stream that breaks is taken up again
// after the last event received; with q.Follow until ctx ends or fn fails, otherwise to the end of the log.
// It returns the last sequence the server looked at.
func (c *Client) Events(ctx context.Context, q api.EventQuery, fn func(bus.Record) error) (uint64, error) {
	at := position{next: q.From}
	for wait, reached := pause, false; ; {
		before := at.next
		err := c.stream(ctx, q, &at, fn)
		var stop *stopped
		switch {
		case errors.As(err, &stop):
			return at.last, stop.err
		case ctx.Err() != nil:
			return at.last, ctx.Err()
		case err == nil && !q.Follow:
			return at.last, nil
		case err != nil && !reached && at.next == before && !q.Follow:
			return at.last, err
		case err != nil && !at.open:
			return at.last, err
		}
		reached = true
		if at.next != before {
			wait = pause
		}
		select {
		case <-ctx.Done():
			return at.last, ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, pauseMax)
	}
}

// position is how far a stream was read.
type position struct {
	next, last uint64
	open       bool // a connection was answered at least once
}

// stopped marks what must not be tried again: fn failed, or the server named a problem.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

// stream reads one connection.
func (c *Client) stream(ctx context.Context, q api.EventQuery, at *position, fn func(bus.Record) error) error {
	v := url.Values{"follow": {strconv.FormatBool(q.Follow)}}
	for k, s := range map[string]string{"app": q.App, "type": q.Type, "change": q.Change} {
		if s != "" {
			v.Set(k, s)
		}
	}
	if at.next > 0 {
		v.Set("from", strconv.FormatUint(at.next, 10))
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	res, err := c.do(ctx, http.MethodGet, "/v1/events?"+v.Encode(), nil, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		var p *api.Problem
		if errors.As(err, &p) && p.Status < 500 {
			return &stopped{err}
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	at.open = true
	return readStream(res.Body, at, fn)
}

// readStream parses server-sent events (WHATWG HTML §9.2), as far as the gateway uses them.
func readStream(in io.Reader, at *position, fn func(bus.Record) error) error {
	r := bufio.NewReaderSize(in, 64<<10)
	var name, data string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			end, err := dispatch(name, data, at, fn)
			if err != nil || end {
				return err
			}
			name, data = "", ""
		case field == "event":
			name = value
		case field == "data":
			data += value
		}
	}
}

// dispatch handles one event of the stream; end says that it was the last.
func dispatch(name, data string, at *position, fn func(bus.Record) error) (end bool, err error) {
	switch name {
	case "record":
		r, err := decodeRecord(data)
		if err != nil {
			return false, &stopped{err}
		}
		if r.Sequence < at.next {
			return false, nil // seen before the stream broke
		}
		if err := fn(r); err != nil {
			return false, &stopped{err}
		}
		at.next, at.last = r.Sequence+1, r.Sequence
	case "problem":
		var p api.Problem
		if err := json.Unmarshal([]byte(data), &p); err != nil || p.Detail == "" {
			p = *api.NewProblem(api.Internal, "", "the server ended the stream: %s", data)
		}
		return false, &stopped{&p}
	case "end":
		var e struct {
			Last uint64 `json:"last"`
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return false, err
		}
		at.last = max(at.last, e.Last)
		return true, nil
	}
	return false, nil
}

func decodeRecord(data string) (bus.Record, error) {
	var r bus.Record
	var bad struct {
		Sequence uint64    `json:"sequence"`
		Time     time.Time `json:"time"`
		Subject  string    `json:"subject"`
		Error    string    `json:"error"`
	}
	if err := json.Unmarshal([]byte(data), &bad); err != nil {
		return r, fmt.Errorf("read an event of the stream: %w", err)
	}
	if bad.Error != "" {
		r.Sequence, r.Time, r.Subject, r.Err = bad.Sequence, bad.Time, bad.Subject, errors.New(bad.Error)
		return r, nil
	}
	if err := json.Unmarshal([]byte(data), &r.Record); err != nil {
		return r, fmt.Errorf("read event %d of the stream: %w", bad.Sequence, err)
	}
	return r, nil
}
