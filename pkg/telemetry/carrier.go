package telemetry

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Headers are message headers (nats.Header, http.Header) as a carrier of W3C Trace Context. Names compare
// case-insensitively: NATS keeps them as written.
type Headers map[string][]string

// traceparent is the header's and the event attribute's name (W3C Trace Context; events.ExtTraceparent).
const traceparent = "traceparent"

// Get returns the first value of the header called key.
func (h Headers) Get(key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	for _, k := range slices.Sorted(maps.Keys(h)) { // sorted: two spellings give one answer
		if strings.EqualFold(k, key) && len(h[k]) > 0 {
			return h[k][0]
		}
	}
	return ""
}

// Set replaces every spelling of key.
func (h Headers) Set(key, value string) {
	maps.DeleteFunc(h, func(k string, _ []string) bool { return strings.EqualFold(k, key) })
	h[key] = []string{value}
}

// Keys lists the names.
func (h Headers) Keys() []string { return slices.Collect(maps.Keys(h)) }

// Traceparent is the W3C traceparent of ctx, empty without a trace: the value of events.Meta.Traceparent.
func Traceparent(ctx context.Context) string {
	h := Headers{}
	Inject(ctx, h)
	return h.Get(traceparent)
}

// WithTraceparent returns ctx continuing the trace that tp names; a tp that is empty or malformed changes
// nothing, since a bad trace is no reason to refuse an event.
func WithTraceparent(ctx context.Context, tp string) context.Context {
	return Extract(ctx, Headers{traceparent: {tp}})
}

// TraceID is the trace's id in hex, empty without a trace.
func TraceID(ctx context.Context) string {
	id, _ := traceIDs(ctx)
	return id
}
