package scanner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// result is one scan, before it is compared with what was known.
type result struct {
	report     report.Scan
	inventory  *inventory.Inventory
	incomplete []inventory.Incomplete // of the matching
	databases  []advisory.Database
	files      [][]byte // manifests as read
	own        []byte   // the repository's own file; nil: none
}

// Once scans without a log: for benchmarks and programs that keep their own books. An error that is a failed
// scan names its reason in its text.
func (s *Service) Once(ctx context.Context, req events.ScanRequested, now time.Time) (report.Scan, *inventory.Inventory, error) {
	r, err := s.scan(ctx, req, now)
	if err != nil {
		return report.Scan{}, nil, err
	}
	return r.report, r.inventory, nil
}

// scan reads the target, matches what was found and writes the report. A *readError is the end of the scan.
func (s *Service) scan(ctx context.Context, req events.ScanRequested, now time.Time) (*result, error) {
	start := time.Now()
	dir, file, err := locate(req.Target)
	if err != nil {
		return nil, missing(req.Target, err)
	}
	read, err := s.readTarget(ctx, request{Root: dir, File: file, Environment: req.Environment, Git: findGit(dir)})
	if err != nil {
		return nil, err
	}
	environment := ""
	if req.Environment {
		environment = scopeName(req.Target)
	}
	inv := assemble(read, environment)
	r := &result{inventory: inv}
	for _, m := range read.manifests {
		if m.Content != nil {
			r.files = append(r.files, m.Content)
		}
		r.report.Notes = append(r.report.Notes, m.Notes...)
	}
	if err := s.judge(ctx, r, req, now); err != nil {
		return nil, err
	}
	given := req.Given
	if given == "" {
		given = req.Target
	}
	r.report.Application, r.report.Source, r.report.Revision, r.report.Confinement = req.Application, given, read.git.Revision, read.confinement
	if req.Outdated {
		outdated, trouble := s.outdated(ctx, req.IndexURL, inv)
		r.report.Outdated = outdated
		r.report.Incomplete = append(r.report.Incomplete, trouble...)
	}
	if err := s.finish(r, now); err != nil {
		return nil, err
	}
	r.report.Seconds = time.Since(start).Round(time.Microsecond).Seconds()
	return r, nil
}

// again judges a stored inventory.
func (s *Service) again(inv *inventory.Inventory, before report.Scan, now time.Time) *result {
	r := &result{inventory: inv}
	m := s.matcher()
	r.take(match(inv, described(m, inv), m.Match, s.cfg.MaxDBAge, now))
	r.report.Application, r.report.Source, r.report.Revision, r.report.Confinement = before.Application, before.Source, before.Revision, before.Confinement
	r.report.Outdated, r.report.Notes = before.Outdated, before.Notes // neither the index nor the target was asked again
	for _, i := range before.Incomplete {
		if i.Reason == inventory.IndexUnreachable {
			r.report.Incomplete = append(r.report.Incomplete, i)
		}
	}
	_ = s.finish(r, now) // only the encoding of an inventory that was decoded a moment ago
	return r
}

// judge matches with the engine that was asked for.
func (s *Service) judge(ctx context.Context, r *result, req events.ScanRequested, now time.Time) error {
	m := s.matcher()
	native := match(r.inventory, described(m, r.inventory), m.Match, s.cfg.MaxDBAge, now)
	if req.Engine != engineOSV && !req.CrossCheck {
		r.take(native)
		return nil
	}
	opinion, err := s.ask(ctx, r.inventory)
	if err != nil {
		return &readError{Reason: "crashed", Detail: fmt.Sprintf("osv-scanner gave no answer: %v", err)}
	}
	if req.Engine == engineOSV {
		r.take(match(r.inventory, described(m, r.inventory), opinion.lookup(m.Match), s.cfg.MaxDBAge, now))
		r.report.Engine = engineOSV
	} else {
		r.take(native)
	}
	if req.CrossCheck {
		r.report.Differences = differences(r.inventory, native.findings, opinion, s.cfg.DBDir)
	}
	return nil
}

// described tells what the databases are once each that the inventory needs was asked: only then is it known
// what is in one, also where the inventory has no exact version to ask for.
func described(m advisory.Matcher, inv *inventory.Inventory) func() []advisory.Database {
	return func() []advisory.Database {
		for _, ecosystem := range ecosystems(inv) {
			_, _ = m.Match(ecosystem, "-", "0") // no package has this name; what is wrong shows in the description
		}
		return m.Databases()
	}
}

func (r *result) take(m matched) {
	r.report.Findings, r.incomplete, r.databases = m.findings, m.incomplete, m.databases
	r.report.Incomplete = append([]inventory.Incomplete{}, r.inventory.Incomplete...)
	r.report.Incomplete = append(r.report.Incomplete, m.incomplete...)
}

// finish fills in what follows from the rest. A scan is complete when nothing is missing; an index that does
// not answer marks only what is outdated.
func (s *Service) finish(r *result, now time.Time) error {
	_, digest, err := r.inventory.Encode()
	if err != nil {
		return fmt.Errorf("encode the inventory: %w", err)
	}
	d := &r.report
	d.Schema, d.Tool, d.Inventory, d.Started, d.Sources, d.Packages = report.SchemaScan, s.deps.Tool, string(digest), now.UTC(), r.inventory.Sources, r.inventory.Packages
	d.Complete = !slices.ContainsFunc(d.Incomplete, func(i inventory.Incomplete) bool { return i.Reason != inventory.IndexUnreachable })
	if !d.Complete {
		d.ExitCode = report.ExitIncomplete
	}
	distinct := map[[3]string]bool{}
	for _, p := range r.inventory.Packages {
		distinct[[3]string{p.Ecosystem, p.Package, p.Version}] = true
	}
	d.Summary = summarize(len(distinct), d.Findings)
	d.Databases = []report.Database{}
	used := ecosystems(r.inventory)
	for _, db := range r.databases {
		if !slices.Contains(used, db.Name) {
			continue
		}
		out := report.Database{Name: db.Name, Digest: db.Digest, Records: db.Records, Newest: db.Newest, Fetched: db.Fetched, Partial: db.Partial}
		if db.Fetched != nil {
			age := hours(now.Sub(*db.Fetched))
			out.AgeHours = &age
		}
		d.Databases = append(d.Databases, out)
	}
	return nil
}

func usedDatabases(list []advisory.Database) []events.Database {
	out := make([]events.Database, 0, len(list))
	for _, d := range list {
		out = append(out, events.Database{Name: d.Name, Digest: d.Digest, Records: d.Records, Newest: d.Newest, Fetched: d.Fetched, Partial: d.Partial})
	}
	return out
}
