package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Events calls fn for each event that q selects, in order; with q.Follow it goes on with what comes until
// ctx ends. A record that does not decode is passed with Err set. It returns the last sequence of the log
// that was looked at.
func (s *Service) Events(ctx context.Context, q api.EventQuery, fn func(bus.Record) error) (uint64, error) {
	query := bus.Query{App: q.App, From: q.From}
	if q.App != "" {
		if err := events.CheckApp(q.App); err != nil {
			return 0, api.NewProblem(api.InvalidInput, "`drydock status` names the applications", "%v", err)
		}
	}
	if q.Type != "" {
		name, err := eventName(q.Type)
		if err != nil {
			return 0, err
		}
		query.Name = name
	}
	var last uint64
	pick := func(r bus.Record) error {
		last = r.Sequence
		if !q.Since.IsZero() && r.Time.Before(q.Since) {
			return nil
		}
		if q.Change != "" && (r.Err != nil || !OfChange(r.Event, q.Change)) {
			return nil
		}
		return fn(r)
	}
	if q.Follow {
		return last, s.deps.Bus.Follow(ctx, query, pick)
	}
	n, err := s.deps.Bus.Replay(ctx, query, pick)
	return max(n, last), err
}

// OfChange reports whether e speaks of a change: by its attribute, or because its payload names it.
func OfChange(e events.Event, change string) bool {
	return events.Ext(e, events.ExtChange) == change || strings.Contains(string(e.Data()), `"`+change+`"`)
}

func eventName(typ string) (string, error) {
	if row, ok := events.LookupName(typ); ok {
		return row.Name(), nil
	}
	if row, ok := events.Lookup(typ); ok {
		return row.Name(), nil
	}
	return "", api.NewProblem(api.InvalidInput, "`drydock events types` lists them", "event type %q is unknown", typ)
}

// serveEvents writes server-sent events (WHATWG HTML §9.2). The id of each is its sequence, so that a
// client that was cut off says with Last-Event-ID where to go on.
func (s *Service) serveEvents(ctx context.Context, w http.ResponseWriter, q api.EventQuery) {
	defer s.streams.Add(-1)
	if s.streams.Add(1) > maxStreams {
		say(w, api.NewProblem(api.Unavailable, "end some of the streams that are open, then try again", "stream the events: %d streams are open already", maxStreams))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := &sse{w: w, to: http.NewResponseController(w)}
	var beats sync.WaitGroup
	defer beats.Wait() // w is not to be written to once this has returned
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if q.Follow {
		if out.comment("follows") != nil {
			return
		}
		beats.Go(func() { out.beat(ctx, cancel) })
	}
	last, err := s.Events(ctx, q, func(r bus.Record) error {
		line, err := EncodeRecord(r)
		if err != nil {
			return err
		}
		return out.send(fmt.Sprint(r.Sequence), "record", line, q.Follow)
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		line, _ := json.Marshal(problem("read the events", err))
		_ = out.send("", "problem", line, true) // nobody is left to tell when this fails
	default:
		_ = out.send("", "end", fmt.Appendf(nil, `{"last":%d}`, last), true)
	}
}

// EncodeRecord is the line of JSON that `drydock events` prints for a record.
func EncodeRecord(r bus.Record) ([]byte, error) {
	if r.Err == nil {
		return json.Marshal(r.Record)
	}
	return json.Marshal(struct {
		Sequence uint64    `json:"sequence"`
		Time     time.Time `json:"time"`
		Subject  string    `json:"subject"`
		Error    string    `json:"error"`
	}{r.Sequence, r.Time, r.Subject, r.Err.Error()})
}

// sse writes events of one stream; safe for concurrent use.
type sse struct {
	mu sync.Mutex
	w  http.ResponseWriter
	to *http.ResponseController
}

// begin bounds what is written until end: a client that reads nothing must not hold a stream for ever.
func (o *sse) begin() {
	o.mu.Lock()
	_ = o.to.SetWriteDeadline(time.Now().Add(streamTime)) // where there is none, there is no connection to hold
}

func (o *sse) end() {
	_ = o.to.SetWriteDeadline(time.Time{})
	o.mu.Unlock()
}

func (o *sse) send(id, name string, data []byte, flush bool) error {
	o.begin()
	defer o.end()
	if id != "" {
		id = "id: " + id + "\n"
	}
	if _, err := fmt.Fprintf(o.w, "%sevent: %s\ndata: %s\n\n", id, name, data); err != nil {
		return err
	}
	if flush {
		return o.to.Flush()
	}
	return nil
}

func (o *sse) comment(text string) error {
	o.begin()
	defer o.end()
	if _, err := fmt.Fprintf(o.w, ": %s\n\n", text); err != nil {
		return err
	}
	return o.to.Flush()
}

// beat keeps the connection alive, and ends the stream when the client is gone.
func (o *sse) beat(ctx context.Context, cancel func()) {
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if o.comment("still here") != nil {
				cancel()
				return
			}
		}
	}
}
