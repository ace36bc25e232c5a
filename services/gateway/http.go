package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// Handler serves /livez, /readyz, /metrics and the API under /v1 with its OpenAPI document.
func (s *Service) Handler() http.Handler {
	mux := probes(s.ready, s.deps.Metrics)
	problems()
	s.routes(humago.New(mux, s.openAPI()))
	return s.guard(unrouted(mux))
}

// problems makes huma's own checks answer as operations do. huma has one such function for the whole process.
var problems = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, causes ...error) huma.StatusError {
		for _, err := range causes {
			if d := (huma.ErrorDetailer)(nil); errors.As(err, &d) {
				message += fmt.Sprintf(": %s %s", d.ErrorDetail().Location, d.ErrorDetail().Message)
			} else if err != nil {
				message += ": " + err.Error()
			}
		}
		return api.HTTPProblem(status, message)
	}
})

// unrouted answers what no route takes with a problem, where the mux would answer with plain text.
func unrouted(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		saw := &onlyStatus{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(saw, r)
		detail := fmt.Sprintf("there is no %s", r.URL.Path)
		if allowed := saw.header.Get("Allow"); allowed != "" {
			w.Header().Set("Allow", allowed)
			detail = fmt.Sprintf("%s %s: the method is not one of %s", r.Method, r.URL.Path, allowed)
		}
		say(w, api.HTTPProblem(saw.status, detail))
	})
}

// onlyStatus keeps the status and headers of an answer.
type onlyStatus struct {
	header http.Header
	status int
}

func (o *onlyStatus) Header() http.Header         { return o.header }
func (o *onlyStatus) WriteHeader(status int)      { o.status = status }
func (o *onlyStatus) Write(b []byte) (int, error) { return len(b), nil }

// probes answers the health checks and, where there are some, the metrics.
func probes(ready func(context.Context) error, metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

// Probes is the server of a process that has workers and no API.
func Probes(ready func() error, metrics http.Handler) *http.Server {
	h := probes(func(context.Context) error { return ready() }, metrics)
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTime, MaxHeaderBytes: maxHeader}
}

// Server is an HTTP server for Handler with its limits.
func (s *Service) Server() *http.Server {
	return &http.Server{Handler: s.Handler(), ReadHeaderTimeout: headerTime, MaxHeaderBytes: maxHeader}
}

func (s *Service) openAPI() huma.Config {
	c := huma.DefaultConfig("Drydock", s.deps.Version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "/v1/openapi", "", "" // no documentation page: it would load scripts from elsewhere
	c.CreateHooks = nil                                              // no "$schema" key in answers
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Info.Description = "Requests for scans, and what came of them. Errors are RFC 9457 problems with the members fix and exit_code."
	return c
}

// schemaName keeps apart what two packages call alike: a plan's answer, and the plan document in it.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pkg := t.PkgPath()
	if pkg == "" || strings.HasSuffix(pkg, "/api") || strings.HasSuffix(pkg, "/gateway") || strings.HasSuffix(pkg, "/huma/v2") {
		return name
	}
	base := pkg[strings.LastIndexByte(pkg, '/')+1:]
	return strings.ToUpper(base[:1]) + base[1:] + name
}

type body[T any] struct{ Body T }

// Waited is how long a request may wait.
type Waited struct {
	Wait string `query:"wait" doc:"How long to wait for an answer, such as 30s; at most 60s"`
}

// Resolve checks the duration.
func (w Waited) Resolve(huma.Context) []error {
	if w.Wait == "" {
		return nil
	}
	if _, err := time.ParseDuration(w.Wait); err != nil {
		return []error{&huma.ErrorDetail{Location: "query.wait", Message: "want a duration such as 30s", Value: w.Wait}}
	}
	return nil
}

func (w Waited) duration() time.Duration {
	d, _ := time.ParseDuration(w.Wait) // Resolve has refused what does not parse
	return d
}

// get registers a reading operation.
func get[In, Out any](a huma.API, id, path, summary string, fn func(context.Context, *In) (Out, error)) {
	operate(a, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary}, fn)
}

// post registers an operation that changes something.
func post[In, Out any](a huma.API, id, path, summary string, status int, fn func(context.Context, *In) (Out, error)) {
	operate(a, huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, DefaultStatus: status,
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTime}, fn)
}

func operate[In, Out any](a huma.API, op huma.Operation, fn func(context.Context, *In) (Out, error)) {
	op.Errors = []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	huma.Register(a, op, func(ctx context.Context, in *In) (*body[Out], error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, problem(op.Summary, err)
		}
		return &body[Out]{Body: out}, nil
	})
}

// routes is the table of the API.
func (s *Service) routes(a huma.API) {
	post(a, "request-scan", "/v1/scans", "Ask for a scan, and the plan that follows it", http.StatusAccepted,
		func(ctx context.Context, in *body[api.ScanRequest]) (*api.Scan, error) {
			return s.RequestScan(ctx, in.Body)
		})
	get(a, "get-scan", "/v1/scans/{id}", "What came of a requested scan",
		func(ctx context.Context, in *struct {
			ID uint64 `path:"id"`
			Waited
		}) (*api.Scan, error) {
			return s.Scan(ctx, in.ID, in.duration())
		})
	get(a, "list-applications", "/v1/applications", "Every application's present state",
		func(ctx context.Context, _ *struct{}) ([]api.Application, error) { return s.Applications(ctx) })
	get(a, "get-application", "/v1/applications/{app}", "One application's present state",
		func(ctx context.Context, in *AppPath) (*api.Application, error) { return s.Application(ctx, in.App) })
	get(a, "get-plan", "/v1/applications/{app}/plan", "The plan in force",
		func(ctx context.Context, in *struct {
			AppPath
			Waited
			After uint64 `query:"after" doc:"Wait until the planner has handled the event with this sequence"`
		}) (*api.Plan, error) {
			return s.Plan(ctx, in.App, in.After, in.duration())
		})
	get(a, "get-status", "/v1/status", "Streams, consumers, dead letters, breakers, databases and applications",
		func(ctx context.Context, _ *struct{}) (*api.Status, error) { return s.Status(ctx) })
	s.changeRoutes(a)
	s.databaseRoutes(a)
	s.letterRoutes(a)
	s.evidenceRoute(a)
	s.eventRoute(a)
}

// AppPath and the like are exported because huma reads embedded fields only then.
type AppPath struct {
	App string `path:"app" maxLength:"63" doc:"Name of the application"`
}

// ChangePath names a change.
type ChangePath struct {
	ID string `path:"id" pattern:"^c-[0-9a-f]{8}$" doc:"Its id, such as c-7f3a1b2c"`
}

type updateAnswer struct {
	AppPath
	Body api.UpdateRequest
}

func (s *Service) changeRoutes(a huma.API) {
	get(a, "list-declared", "/v1/declared", "The applications that are declared with a repository, whose updates can be asked for",
		func(ctx context.Context, _ *struct{}) ([]api.Declared, error) { return s.Declared(ctx) })
	post(a, "request-update", "/v1/applications/{app}/updates", "Ask for the updates of a declared application: its repository is read and planned, each change validated and proposed", http.StatusAccepted,
		func(ctx context.Context, in *updateAnswer) (*api.Scan, error) {
			return s.RequestUpdate(ctx, in.App, in.Body)
		})
	get(a, "list-changes", "/v1/changes", "Changes by deadline",
		func(ctx context.Context, in *struct {
			App string `query:"app" doc:"Of one application"`
			All bool   `query:"all" doc:"Ended ones too"`
		}) ([]api.Change, error) {
			return s.Changes(ctx, in.App, in.All)
		})
	get(a, "get-change", "/v1/changes/{id}", "One change: what became of it, what it waits for, and who can act",
		func(ctx context.Context, in *ChangePath) (*api.ChangeDetail, error) { return s.Change(ctx, in.ID) })
}

func (s *Service) databaseRoutes(a huma.API) {
	post(a, "import-database", "/v1/databases/import", "Import advisories from a path on this machine", http.StatusOK,
		func(ctx context.Context, in *body[api.DatabaseImport]) ([]api.Imported, error) {
			return s.ImportDatabase(ctx, in.Body)
		})
	post(a, "update-database", "/v1/databases/update", "Fetch newer advisories", http.StatusOK,
		func(ctx context.Context, in *body[api.DatabaseImport]) ([]api.Imported, error) {
			return s.UpdateDatabase(ctx, in.Body)
		})
}

// LetterPath names a dead letter.
type LetterPath struct {
	ID uint64 `path:"id"`
}

type letterAnswer struct {
	LetterPath
	Body api.Resolve
}

func (s *Service) letterRoutes(a huma.API) {
	get(a, "list-dead-letters", "/v1/deadletters", "Messages no worker could handle",
		func(ctx context.Context, in *struct {
			All bool `query:"all" doc:"Resolved ones too"`
		}) ([]bus.Letter, error) {
			return s.Letters(ctx, in.All)
		})
	get(a, "get-dead-letter", "/v1/deadletters/{id}", "One of them",
		func(ctx context.Context, in *LetterPath) (*bus.Letter, error) { return s.Letter(ctx, in.ID) })
	post(a, "requeue-dead-letter", "/v1/deadletters/{id}/requeue", "Hand a message to its worker once more", http.StatusOK,
		func(ctx context.Context, in *letterAnswer) (*bus.Letter, error) {
			return s.Requeue(ctx, in.ID, in.Body)
		})
	post(a, "drop-dead-letter", "/v1/deadletters/{id}/drop", "Give a message up for good", http.StatusOK,
		func(ctx context.Context, in *letterAnswer) (*bus.Letter, error) { return s.Drop(ctx, in.ID, in.Body) })
}

func (s *Service) evidenceRoute(a huma.API) {
	op := huma.Operation{OperationID: "get-evidence", Method: http.MethodGet, Path: "/v1/evidence/{digest}", Summary: "A stored document",
		Responses: map[string]*huma.Response{"200": {Description: "Its bytes", Content: map[string]*huma.MediaType{"application/octet-stream": {}}}}}
	huma.Register(a, op, func(ctx context.Context, in *struct {
		Digest string `path:"digest" doc:"sha256: and 64 hex digits"`
	}) (*huma.StreamResponse, error) {
		data, err := s.Evidence(ctx, in.Digest)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			// What was scanned is hostile: a browser must not take a manifest for a page.
			c.SetHeader("Content-Type", "application/octet-stream")
			c.SetHeader("Content-Disposition", "attachment")
			_, _ = c.BodyWriter().Write(data) // the client has gone when this fails
		}}, nil
	})
}

type eventsInput struct {
	From        uint64    `query:"from" doc:"First sequence"`
	Since       time.Time `query:"since" doc:"Only events stored at or after this time"`
	App         string    `query:"app" doc:"Of one application, or _ for the organisation"`
	Type        string    `query:"type" doc:"Such as scan.completed"`
	Change      string    `query:"change" doc:"That speak of one change"`
	Follow      bool      `query:"follow" default:"true" doc:"Go on with what comes; otherwise an event named end closes the stream"`
	LastEventID string    `header:"Last-Event-ID" doc:"The sequence after which to go on; stronger than from"`
}

// query is what the request asks for, once it was checked.
func (in *eventsInput) query() (api.EventQuery, error) {
	q := api.EventQuery{From: in.From, Since: in.Since, App: in.App, Type: in.Type, Change: in.Change, Follow: in.Follow}
	if in.LastEventID != "" {
		n, err := strconv.ParseUint(in.LastEventID, 10, 64)
		if err != nil {
			return q, api.NewProblem(api.InvalidInput, "send the id of the last event received", "Last-Event-ID %q is not a sequence", in.LastEventID)
		}
		q.From = n + 1
	}
	if q.Type != "" {
		if _, err := eventName(q.Type); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (s *Service) eventRoute(a huma.API) {
	op := huma.Operation{OperationID: "stream-events", Method: http.MethodGet, Path: "/v1/events", Summary: "The log, as server-sent events whose id is the sequence",
		Responses: map[string]*huma.Response{"200": {Description: "Events named record, problem and end", Content: map[string]*huma.MediaType{"text/event-stream": {}}}}}
	huma.Register(a, op, func(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		q, err := in.query()
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			s.serveEvents(r.Context(), w, q)
		}}, nil
	})
}
