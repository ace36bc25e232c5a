package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// RequestScan appends scan.requested, and application.declared before it when the application is new or
// moved. The scan is then done by the workers; Scan tells what came of it.
func (s *Service) RequestScan(ctx context.Context, q api.ScanRequest) (_ *api.Scan, failed error) {
	if err := checkRequest(q); err != nil {
		return nil, err
	}
	id, err := s.deps.Identify(ctx, q.Path, q.Environment, q.Application)
	if err != nil {
		return nil, problem("identify "+q.Path, err)
	}
	if id, err = s.apart(ctx, q, id); err != nil {
		return nil, problem("identify "+q.Path, err)
	}
	ctx, end := telemetry.Start(ctx, "scan.request")
	defer func() { end(failed) }()
	m := events.Meta{App: id.Application, Lane: events.Lane(q.Lane), Cause: q.RequestID, Key: id.Target,
		Actor: "gateway", Traceparent: telemetry.Traceparent(ctx), Time: s.now()}
	if m.Cause == "" {
		m.Cause = "request-" + rand.Text()
	}
	request := events.ScanRequested{Application: id.Application, Target: id.Target, Given: q.Given, Environment: q.Environment,
		Engine: q.Engine, CrossCheck: q.CrossCheck, Outdated: q.Outdated, IndexURL: q.IndexURL,
		PlanOptions: events.PlanOptions{ExcludeNewer: q.Exclude, Python: q.Python, Full: q.Full, IndexURL: q.IndexURL}}
	return s.ask(ctx, "request a scan of "+q.Path, id, m, request)
}

// apart gives a folder another name where its git remote, which whoever made the folder has written, names an
// application that is declared with a repository. What a scan finds of such a one opens and ends changes, and so
// pushes and deletes branches: that is asked for by its name, or read from its repository, and never by a folder.
func (s *Service) apart(ctx context.Context, q api.ScanRequest, id Identity) (Identity, error) {
	if q.Application != "" || q.Environment || id.Remote == "" {
		return id, nil
	}
	if _, _, err := s.repository(id.Application); err != nil {
		return id, nil // not declared
	}
	sum := sha256.Sum256([]byte(id.Target))
	const suffix = "-copy-" // and six digits
	name := strings.TrimRight(id.Application[:min(len(id.Application), 63-len(suffix)-6)], "-")
	return s.deps.Identify(ctx, q.Path, q.Environment, name+suffix+hex.EncodeToString(sum[:3]))
}

// decideRequest is the pure part: which events a request makes. repeated means that it was made before.
func decideRequest(st *events.State, id Identity, m events.Meta, q events.ScanRequested) (out []events.Event, asked events.Event, repeated bool, err error) {
	if asked, err = events.New(m, q); err != nil {
		return nil, asked, false, err
	}
	if st.Seen(asked.ID()) {
		return nil, asked, true, nil
	}
	declared := events.ApplicationDeclared{Application: id.Application, Target: id.Target, Remote: id.Remote, SubPath: id.SubPath}
	if st.Declared == nil || *st.Declared != declared {
		d, err := events.New(m, declared)
		if err != nil {
			return nil, asked, false, err
		}
		out = append(out, d)
	}
	return append(out, asked), asked, false, nil
}

func checkRequest(q api.ScanRequest) error {
	switch {
	case !filepath.IsAbs(q.Path):
		return api.NewProblem(api.InvalidInput, "give the absolute path on the machine Drydock runs on", "path %q is not absolute", q.Path)
	case q.Lane != "" && q.Lane != string(events.Urgent) && q.Lane != string(events.Routine):
		return api.NewProblem(api.InvalidInput, "use urgent or routine", "lane %q is unknown", q.Lane)
	case q.Application == events.Org:
		return api.NewProblem(api.InvalidInput, "choose another", "application name %q stands for the organisation", q.Application)
	case strings.ContainsAny(q.IndexURL, "@?#"):
		return api.NewProblem(api.InvalidInput, "put them into the netrc file of whoever runs Drydock, or into index.url of its configuration",
			"the index URL holds credentials or a query, which would end up in the log")
	case q.IndexURL != "" && !isAddress(q.IndexURL):
		return api.NewProblem(api.InvalidInput, "give one such as https://HOST/simple/", "index_url %q is not an http or https address", q.IndexURL)
	}
	if q.Application != "" {
		if err := events.CheckApp(q.Application); err != nil {
			return api.NewProblem(api.InvalidInput, "choose a name of that form", "%v", err)
		}
	}
	return nil
}

// isAddress reports whether s is an address an index can be asked at.
func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// sequenceOf finds the event of app with this id.
func (s *Service) sequenceOf(ctx context.Context, app, id string) (uint64, error) {
	var found uint64
	_, err := s.deps.Bus.Replay(ctx, bus.Query{App: app, Name: "scan.requested"}, func(r bus.Record) error {
		if r.Err == nil && r.Event.ID() == id {
			found = r.Sequence
		}
		return nil
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("event %s of %s is not in the log", id, app)
	}
	return found, err
}

// errFound ends a replay or follow that has what it wanted.
var errFound = errors.New("found")

// Scan tells what came of a requested scan; with wait above zero it waits that long for an answer.
func (s *Service) Scan(ctx context.Context, id uint64, wait time.Duration) (*api.Scan, error) {
	attempted := fmt.Sprintf("read scan %d", id)
	asked, err := s.record(ctx, id)
	if err != nil {
		return nil, problem(attempted, err)
	}
	q, err := events.Decode[events.ScanRequested](asked.Event)
	if err != nil {
		return nil, api.NewProblem(api.NotFound, "use the id that the request for the scan returned", "event %d is %s, not a request for a scan", id, asked.Event.Type())
	}
	out := &api.Scan{ID: id, Application: q.Application, Target: q.Target, State: api.ScanPending, Requested: asked.Event.Time()}
	look := func(r bus.Record) error {
		if r.Err != nil || events.Ext(r.Event, events.ExtCause) != asked.Event.ID() {
			return nil
		}
		return answer(out, r)
	}
	query := bus.Query{App: q.Application, From: id + 1}
	for until := time.Now().Add(min(wait, maxWait)); ; {
		err := s.look(ctx, query, min(time.Until(until), glance), look)
		if err != nil && !errors.Is(err, errFound) {
			return nil, problem(attempted, err)
		}
		if out.State != api.ScanPending {
			return out, nil
		}
		if out, err = s.buried(ctx, out); err != nil || out.State != api.ScanPending || !time.Now().Before(until) {
			return out, err
		}
	}
}

// look reads what query selects and, with wait above zero, what comes in that time.
func (s *Service) look(ctx context.Context, query bus.Query, wait time.Duration, fn func(bus.Record) error) error {
	if wait <= 0 {
		_, err := s.deps.Bus.Replay(ctx, query, fn)
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := s.deps.Bus.Follow(waiting, query, fn)
	if ctx.Err() == nil && waiting.Err() != nil && !errors.Is(err, errFound) {
		return nil // the time is over, and that is all
	}
	return err
}

// answer fills in what r says of the scan; errFound when it is the closing event.
func answer(out *api.Scan, r bus.Record) error {
	if p, err := events.Decode[events.ScanCompleted](r.Event); err == nil {
		out.State, out.Answered, out.Report, out.Inventory = api.ScanCompleted, r.Sequence, p.Report, p.Inventory
		return errFound
	}
	if p, err := events.Decode[events.ScanFailed](r.Event); err == nil {
		out.State, out.Answered, out.Reason, out.Detail = api.ScanFailed, r.Sequence, p.Reason, p.Detail
		return errFound
	}
	return nil
}

// buried says so when the request ended among the dead letters, where nobody will answer it.
func (s *Service) buried(ctx context.Context, out *api.Scan) (*api.Scan, error) {
	letters, err := s.deps.Bus.Letters(ctx, false)
	if err != nil {
		return nil, problem("read the dead letters", err)
	}
	for _, l := range letters {
		if l.Sequence == out.ID && strings.HasPrefix(l.Subject, events.SubjectPrefix) {
			out.State, out.Reason = api.ScanFailed, "dead_letter"
			out.Detail = fmt.Sprintf("%s; `drydock deadletter show %d` has the message", l.Reason, l.ID)
		}
	}
	return out, nil
}

// record reads one event of the log.
func (s *Service) record(ctx context.Context, seq uint64) (bus.Record, error) {
	var out bus.Record
	_, err := s.deps.Bus.Replay(ctx, bus.Query{From: seq}, func(r bus.Record) error {
		out = r
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return out, err
	}
	if seq == 0 || out.Sequence != seq {
		return out, api.NewProblem(api.NotFound, "`drydock events list` shows what is there", "the log has no event %d", seq)
	}
	return out, nil
}

// Evidence returns a stored document, verified against its digest.
func (s *Service) Evidence(ctx context.Context, digest string) ([]byte, error) {
	d, err := evidence.Parse(digest)
	if err != nil {
		return nil, api.NewProblem(api.InvalidInput, "give the digest as an event or report names it", "%v", err)
	}
	data, err := s.deps.Bus.Evidence().Get(ctx, d)
	if errors.Is(err, evidence.ErrNotFound) {
		return nil, api.NewProblem(api.NotFound, "`drydock events list` shows which documents there are", "no evidence %s", digest)
	}
	return data, problem("read evidence "+digest, err)
}

// document reads evidence that is JSON.
func (s *Service) document(ctx context.Context, digest string, into any) error {
	data, err := s.Evidence(ctx, digest)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
