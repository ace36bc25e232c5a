package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/gateway/client"
)

var errEnough = errors.New("enough")

// sequences reads a stream until n events came.
func sequences(ctx context.Context, c *client.Client, q api.EventQuery, n int) (got []uint64, err error) {
	_, err = c.Events(ctx, q, func(r bus.Record) error {
		got = append(got, r.Sequence)
		if len(got) == n {
			return errEnough
		}
		return nil
	})
	return got, err
}

func TestStreamListsAndSelects(t *testing.T) {
	h := build(t)
	done := h.scanned(t, "/srv/app")
	if _, err := h.client.Plan(t.Context(), "app", done.Answered, 0); err != nil {
		t.Fatal(err)
	}
	all, err := sequences(t.Context(), h.client, api.EventQuery{}, 100)
	if err != nil || len(all) != 6 || all[5] != 6 {
		t.Fatalf("all = %v, %v", all, err)
	}
	for name, c := range map[string]struct {
		q    api.EventQuery
		want int
	}{
		"from":        {api.EventQuery{From: 4}, 3},
		"type":        {api.EventQuery{Type: "scan.completed"}, 1},
		"full type":   {api.EventQuery{Type: "dev.drydock.scan.completed.v1"}, 1},
		"application": {api.EventQuery{App: "app"}, 6},
		"other":       {api.EventQuery{App: "other"}, 0},
		"change":      {api.EventQuery{Change: "c-00000001"}, 1},
		"future":      {api.EventQuery{Since: clock.AddDate(100, 0, 0)}, 0},
	} {
		if got, err := sequences(t.Context(), h.client, c.q, 100); err != nil || len(got) != c.want {
			t.Errorf("%s: %v, %v; want %d", name, got, err, c.want)
		}
	}
}

func TestStreamResumesWhereItBroke(t *testing.T) {
	h := build(t)
	h.scanned(t, "/srv/app")
	var connections atomic.Int32
	// A proxy that cuts each of the first connections after one event.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "127.0.0.1"
		if connections.Add(1) > 3 {
			h.svc.Handler().ServeHTTP(w, r)
			return
		}
		h.svc.Handler().ServeHTTP(&cutting{ResponseWriter: w}, r)
	}))
	defer proxy.Close()
	c, err := client.New(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sequences(t.Context(), c, api.EventQuery{Follow: true}, 4)
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	for i, seq := range got {
		if seq != uint64(i+1) {
			t.Fatalf("sequences = %v: one was lost or came twice", got)
		}
	}
	if connections.Load() < 3 {
		t.Errorf("only %d connections: nothing was cut", connections.Load())
	}
}

// cutting lets one event through and then breaks the connection.
type cutting struct {
	http.ResponseWriter
	events int
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutting) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "id: ") {
		if c.events++; c.events > 1 {
			panic(http.ErrAbortHandler)
		}
	}
	return c.ResponseWriter.Write(p)
}

func TestStreamGoesOnFromLastEventID(t *testing.T) {
	h := build(t)
	h.scanned(t, "/srv/app")
	req, _ := http.NewRequest(http.MethodGet, h.server.URL+"/v1/events?follow=false", nil)
	for id, want := range map[string]string{"2": "id: 3\n", "99": "event: end"} {
		req.Header.Set("Last-Event-ID", id)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(res.Body) // it ends: follow=false
		res.Body.Close()
		if err != nil || !strings.HasPrefix(string(data), want) {
			t.Errorf("after %s: %.100q, %v; want %q first", id, data, err, want)
		}
	}
}

func TestStreamTellsWhatComes(t *testing.T) {
	h := build(t)
	h.scanned(t, "/srv/app")
	next := make(chan uint64, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := h.client.Events(ctx, api.EventQuery{From: 1, Follow: true, Type: "scan.requested"}, func(r bus.Record) error {
			next <- r.Sequence
			return nil
		})
		ended <- err
	}()
	first := <-next
	h.scanned(t, "/srv/app")
	if second := <-next; second <= first {
		t.Errorf("sequences %d, %d", first, second)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestClientNamesAServerThatIsNotThere(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hello", http.StatusTeapot) }))
	c, err := client.New(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !api.Is(err, api.Unavailable) || !strings.Contains(err.Error(), "not how Drydock answers") {
		t.Errorf("another server: %v", err)
	}
	other.Close()
	if _, err := c.Status(t.Context()); !api.Is(err, api.Unavailable) || !strings.Contains(err.Error(), "drydock up") {
		t.Errorf("no server: %v", err)
	}
	if _, err := c.Events(t.Context(), api.EventQuery{Follow: true}, func(bus.Record) error { return nil }); !api.Is(err, api.Unavailable) {
		t.Errorf("stream without a server: %v", err)
	}
	for _, address := range []string{"http://ana:s3cret@127.0.0.1:1", "ana:s3cret@127.0.0.1:1", "http://ana:s3cret%zz@x", "ftp://ana:s3cret@x"} {
		c, err := client.New(address)
		if err == nil {
			if strings.Contains(c.Address(), "s3cret") {
				t.Errorf("address %s", c.Address())
			}
			_, err = c.Status(t.Context())
		}
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := client.New("ftp://x"); err == nil {
		t.Error("ftp://x is no address of a Drydock")
	}
}
