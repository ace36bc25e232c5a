package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// Formats of [Logger].
const (
	FormatAuto = ""     // text to a terminal, JSON to anything else
	FormatText = "text" // key=value
	FormatJSON = "json" // one object a line
)

// Logger writes to w. Each line logged with a context carries the trace it belongs to and what [With] put
// there. Control characters in values never reach w raw. Unknown formats count as FormatAuto.
func Logger(w io.Writer, format string, debug bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if debug {
		o.Level = slog.LevelDebug
	}
	text := format == FormatText || format != FormatJSON && isTerminal(w)
	if text {
		return slog.New(contextHandler{slog.NewTextHandler(w, o)})
	}
	return slog.New(contextHandler{slog.NewJSONHandler(w, o)})
}

// Discard is a logger for tests and for callers that gave none.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

type logAttrs struct{}

// With adds attributes to every line logged with the returned context.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	old, _ := ctx.Value(logAttrs{}).([]slog.Attr)
	return context.WithValue(ctx, logAttrs{}, append(old[:len(old):len(old)], attrs...))
}

// contextHandler adds what the context knows.
type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	if ctx != nil {
		attrs, _ := ctx.Value(logAttrs{}).([]slog.Attr)
		r.AddAttrs(attrs...)
		if trace, span := traceIDs(ctx); trace != "" {
			r.AddAttrs(slog.String(KeyTrace, trace), slog.String(KeySpan, span))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h contextHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(a)}
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}
