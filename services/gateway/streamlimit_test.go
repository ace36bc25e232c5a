package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/services/gateway/api"
)

// timed is an answer whose connection has write deadlines.
type timed struct {
	*httptest.ResponseRecorder
	deadline        time.Time
	writes, bounded int
}

func (w *timed) SetWriteDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *timed) Write(p []byte) (int, error) {
	w.writes++
	if !w.deadline.IsZero() {
		w.bounded++
	}
	return w.ResponseRecorder.Write(p)
}

// A client that reads nothing ends by the deadline of the write it holds up.
func TestStreamWritesAreBounded(t *testing.T) {
	h := build(t)
	h.scanned(t, "/srv/app")
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	h.svc.serveEvents(t.Context(), w, api.EventQuery{})
	if w.writes < 4 || w.bounded != w.writes || !w.deadline.IsZero() || !strings.Contains(w.Body.String(), "event: end") {
		t.Errorf("%d of %d writes bounded, deadline left %v: %s", w.bounded, w.writes, w.deadline, w.Body)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	h := build(t)
	h.svc.streams.Store(maxStreams)
	for range 2 {
		w := httptest.NewRecorder()
		h.svc.serveEvents(t.Context(), w, api.EventQuery{})
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "256 streams are open already") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
	h.svc.streams.Store(maxStreams - 1)
	w := httptest.NewRecorder()
	h.svc.serveEvents(t.Context(), w, api.EventQuery{})
	if w.Code != http.StatusOK || h.svc.streams.Load() != maxStreams-1 {
		t.Errorf("%d, %d streams counted", w.Code, h.svc.streams.Load())
	}
}

// What a request says of the index ends up in the log for good.
func TestNoCredentialsInTheLog(t *testing.T) {
	h := build(t)
	for _, address := range []string{"https://ana:s3cret@x.test/simple", "https://x.test/simple?token=s3cret", "https://x.test/simple#s3cret"} {
		_, err := h.client.RequestScan(t.Context(), api.ScanRequest{Path: "/srv/app", IndexURL: address})
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "would end up in the log") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if n, err := h.bus.LastSequence(t.Context(), ""); err != nil || n != 0 {
		t.Errorf("events: %d %v", n, err)
	}
}
