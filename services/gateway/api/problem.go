package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Problem is an error as RFC 9457 asks: what was attempted and found (detail), and what to do (fix).
type Problem struct {
	Type     string `json:"type" doc:"urn:drydock:problem:<kind>"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Fix      string `json:"fix,omitempty" doc:"What to do"`
	ExitCode int    `json:"exit_code,omitempty" doc:"The exit code of a command that meets this problem"`
}

const problemPrefix = "urn:drydock:problem:"

// Kinds of problem.
const (
	NoSuchPath    = "no-such-path"
	InvalidInput  = "invalid-input"
	NotFound      = "not-found"
	Conflict      = "conflict"
	Unavailable   = "unavailable"
	LogFull       = "log-full"
	HostRefused   = "host-refused"
	Refused       = "request-refused"
	NotDetermined = "not-determined"
	Internal      = "internal"
)

// kinds says of each kind its title, HTTP status and exit code.
var kinds = map[string]struct {
	title        string
	status, exit int
}{
	NoSuchPath:    {"No such path", http.StatusUnprocessableEntity, 4},
	InvalidInput:  {"Invalid input", http.StatusUnprocessableEntity, 3},
	NotFound:      {"Not found", http.StatusNotFound, 4},
	Conflict:      {"Changed meanwhile", http.StatusConflict, 4},
	Unavailable:   {"Not available now", http.StatusServiceUnavailable, 4},
	LogFull:       {"No room left", http.StatusInsufficientStorage, 4},
	HostRefused:   {"Host refused", http.StatusForbidden, 4},
	Refused:       {"Request refused", http.StatusBadRequest, 3},
	NotDetermined: {"Could not be determined", http.StatusConflict, 2},
	Internal:      {"Internal error", http.StatusInternalServerError, 4},
}

// NewProblem makes a problem of a kind; fix may be empty.
func NewProblem(kind, fix, format string, args ...any) *Problem {
	k := kinds[kind]
	return &Problem{Type: problemPrefix + kind, Title: k.title, Status: k.status, ExitCode: k.exit, Fix: fix, Detail: fmt.Sprintf(format, args...)}
}

// HTTPProblem is what a server answers before any of its operations is asked: an unknown path, a wrong method,
// a body that is too large or not what the OpenAPI document describes.
func HTTPProblem(status int, detail string) *Problem {
	kind, fix := Refused, "GET /v1/openapi.json describes what is accepted"
	switch {
	case status == http.StatusUnprocessableEntity:
		kind = InvalidInput
	case status == http.StatusNotFound:
		kind, fix = NotFound, "GET /v1/openapi.json lists the paths"
	case status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout, status == http.StatusTooManyRequests:
		kind, fix = Unavailable, "try again; `drydock status` shows what is waiting"
	case status >= http.StatusInternalServerError:
		kind, fix = Internal, "see Drydock's log; `drydock status` shows how it is"
	}
	p := NewProblem(kind, fix, "%s", detail)
	p.Status = status
	return p
}

// Error is the sentence for people: what was found and what to do.
func (p *Problem) Error() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// GetStatus lets huma answer with it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is RFC 9457's.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Is reports whether err is a problem of this kind.
func Is(err error, kind string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Type == problemPrefix+kind
}
