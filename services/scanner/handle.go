package scanner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// handle answers scan.requested with a scan and database.updated with a new look at what is known.
func (s *Service) handle(ctx context.Context, e events.Event, f worker.Facts) ([]events.Event, error) {
	row, _ := events.Lookup(e.Type())
	if row.Name() == "database.updated" {
		return s.rematch(ctx, f)
	}
	req, err := events.Decode[events.ScanRequested](e)
	if err != nil {
		return nil, worker.Permanent(err)
	}
	if req.Application != f.App.App {
		return nil, worker.Permanent(fmt.Errorf("scan of %q asked for in the log of %q", req.Application, f.App.App))
	}
	result, err := s.scanned(ctx, req, f.Now)
	if failed := (*readError)(nil); errors.As(err, &failed) {
		ev, err := f.New(req.Target, "", events.ScanFailed{Application: req.Application, Target: req.Target, Reason: failed.Reason, Detail: cleanText(failed.Detail)})
		return []events.Event{ev}, err
	}
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", req.Target, err)
	}
	previous, err := previousInventory(ctx, f, req)
	if err != nil {
		return nil, err
	}
	for _, m := range result.files {
		if _, err := f.Evidence.Put(ctx, m); err != nil {
			return nil, fmt.Errorf("keep a manifest of %s: %w", req.Target, err)
		}
	}
	own := ""
	if result.own != nil {
		digest, err := f.Evidence.Put(ctx, result.own)
		if err != nil {
			return nil, fmt.Errorf("keep %s of %s: %w", ownName, req.Target, err)
		}
		own = string(digest)
	}
	v := decide(f.App.Findings, seen{app: f.App.App, inventory: result.inventory, previous: previous, findings: result.report.Findings, incomplete: result.incomplete})
	done := events.ScanCompleted{Application: req.Application, Trigger: events.TriggerRequest, Target: req.Target, Environment: req.Environment,
		Revision: result.report.Revision, Confinement: result.report.Confinement, Engine: engineName(req.Engine), Repository: req.Repository, Own: own, PlanOptions: req.PlanOptions}
	return emit(ctx, f, v, result, done)
}

// scanned scans the target; that of a declared repository is checked out first, and goes away again.
func (s *Service) scanned(ctx context.Context, req events.ScanRequested, now time.Time) (r *result, err error) {
	if !req.Repository {
		return s.scan(ctx, req, now)
	}
	if s.deps.Checkout == nil {
		return nil, &readError{Reason: "repository", Detail: "no applications are declared where this scan is done"}
	}
	dir, revision, leave, err := s.deps.Checkout(ctx, req.Application)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("check %s out: %w", req.Target, context.Cause(ctx))
		}
		return nil, &readError{Reason: "repository", Detail: err.Error()}
	}
	defer func() { err = errors.Join(err, leave()) }()
	local := req
	local.Target, local.Given = dir, req.Target
	if r, err = s.scan(ctx, local, now); err != nil {
		return nil, err
	}
	r.report.Revision = revision
	r.own, err = ownFile(dir)
	return r, err
}

// ownFile is the repository's own file in a checkout, which may tighten how its findings are judged; nil where there
// is none. One that is no plain file, or too large, says nothing: the validator, which stops at it, says why.
func ownFile(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir) // no link leads out of it
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ownName, err)
	}
	defer func() { _ = root.Close() }() // it is only read
	info, err := root.Lstat(ownName)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || info.Size() > maxOwnFile) {
		return nil, nil
	}
	if err == nil {
		var data []byte
		if data, err = root.ReadFile(ownName); err == nil {
			return append([]byte{}, data...), nil
		}
	}
	return nil, fmt.Errorf("read %s: %w", ownName, err)
}

// rematch judges the stored inventories that speak of the present by the databases now in use. Nothing is read
// again. What one inventory opens or closes is known to the next: two may share a scope.
func (s *Service) rematch(ctx context.Context, f worker.Facts) ([]events.Event, error) {
	var out []events.Event
	findings := maps.Clone(f.App.Findings)
	for _, sc := range f.App.NewestScans() {
		last := sc.Scan
		inv, err := inventoryOf(ctx, f, last)
		if err != nil {
			return nil, err
		}
		var before report.Scan
		if err := load(ctx, f.Evidence, last.Report, &before); err != nil {
			return nil, err
		}
		result := s.again(inv, before, f.Now)
		v := decide(findings, seen{app: f.App.App, inventory: inv, previous: inv, findings: result.report.Findings, incomplete: result.incomplete})
		if v.empty() && sameAnswer(before, result.report) {
			continue
		}
		v.apply(findings)
		done := last
		done.Trigger, done.Engine = events.TriggerDatabase, engineName("")
		evs, err := emit(ctx, f, v, result, done)
		if err != nil {
			return nil, err
		}
		out = append(out, evs...)
	}
	return out, nil
}

// sameAnswer reports whether two reports tell a reader the same, whichever database they come from.
func sameAnswer(a, b report.Scan) bool {
	x, e1 := json.Marshal([]any{a.Findings, a.Incomplete, a.Complete})
	y, e2 := json.Marshal([]any{b.Findings, b.Incomplete, b.Complete})
	return e1 == nil && e2 == nil && string(x) == string(y)
}

// emit stores the documents and makes the events, scan.completed last.
func emit(ctx context.Context, f worker.Facts, v verdict, result *result, done events.ScanCompleted) ([]events.Event, error) {
	data, digest, err := result.inventory.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode the inventory: %w", err)
	}
	if _, err := f.Evidence.Put(ctx, data); err != nil {
		return nil, fmt.Errorf("keep the inventory: %w", err)
	}
	text, err := json.Marshal(result.report)
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	kept, err := f.Evidence.Put(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("keep the report: %w", err)
	}
	var out []events.Event
	add := func(key string, payload any) {
		ev, e := f.New(key, "", payload)
		err = errors.Join(err, e)
		out = append(out, ev)
	}
	for _, p := range v.closed {
		add(p.Finding, p)
	}
	for _, p := range v.opened {
		add(p.Finding, p)
	}
	for _, p := range v.reprioritized {
		add(p.Finding, p)
	}
	r := result.report
	done.Inventory, done.Report = string(digest), string(kept)
	done.Databases, done.Complete, done.Incomplete, done.Packages = usedDatabases(result.databases), r.Complete, len(r.Incomplete), r.Summary.Packages
	done.Summary = events.Summary{Findings: r.Summary.Findings, Critical: r.Summary.Critical, High: r.Summary.High, Medium: r.Summary.Medium,
		Low: r.Summary.Low, Unknown: r.Summary.Unknown, Malicious: r.Summary.Malicious, Suppressed: r.Summary.Suppressed}
	add(events.ScanKey(done.Target, done.Environment), done)
	return out, err
}

// previousInventory is what the last scan of this target read; nil when there was none.
func previousInventory(ctx context.Context, f worker.Facts, req events.ScanRequested) (*inventory.Inventory, error) {
	last, ok := f.App.Scans[events.ScanKey(req.Target, req.Environment)]
	if !ok {
		return nil, nil
	}
	return inventoryOf(ctx, f, last.Scan)
}

func inventoryOf(ctx context.Context, f worker.Facts, scan events.ScanCompleted) (*inventory.Inventory, error) {
	inv := &inventory.Inventory{}
	if err := load(ctx, f.Evidence, scan.Inventory, inv); err != nil {
		return nil, err
	}
	return inv, nil
}

func load(ctx context.Context, store evidence.Store, digest string, into any) error {
	d, err := evidence.Parse(digest)
	if err != nil {
		return worker.Permanent(err)
	}
	data, err := store.Get(ctx, d)
	if err != nil {
		return fmt.Errorf("read evidence %s: %w", digest, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return worker.Permanent(fmt.Errorf("decode evidence %s: %w", digest, err))
	}
	return nil
}

// missing tells a target that is not there from one that can't be looked at.
func missing(target string, err error) *readError {
	if errors.Is(err, fs.ErrNotExist) {
		return &readError{Reason: "no_such_path", Detail: fmt.Sprintf("%s does not exist; check the path", target)}
	}
	return &readError{Reason: "unreadable", Detail: fmt.Sprintf("%s can't be opened: %v; check its permissions", target, cause(err))}
}

func engineName(asked string) string {
	if asked == engineOSV {
		return engineOSV
	}
	return engineNative
}

// hours rounds an age for people.
func hours(d time.Duration) float64 { return float64(int64(d.Hours()*10)) / 10 }
