package planner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/worker"
)

// finding is a finding with all that is known of it.
type finding struct {
	report.Finding
	ID         string        `json:"finding"` // events.FindingID
	Detected   time.Time     `json:"detected"`
	Seen       bool          `json:"seen"`             // by the newest scans; false: still open, but they could not tell
	Active     pep508.Truth  `json:"active"`           // whether its pin holds on the target
	Marker     string        `json:"marker,omitempty"` // the marker that excludes it, where Active is Untrue
	Pin        inventory.Pin `json:"pin"`
	Ref        string        `json:"ref,omitempty"` // URL, VCS or path requirement
	SourceKind string        `json:"source_kind"`   // requirements, environment, …
}

// situation is everything a plan is decided on.
type situation struct {
	App           string
	Now           time.Time
	Scan          events.ScanCompleted // the newest
	Inventory     *inventory.Inventory // of all targets together
	Digest        string               // of Inventory
	Inventories   []string             // digests of the inventories answered, sorted
	Incomplete    []inventory.Incomplete
	Complete      bool
	Findings      []finding        // open ones
	Gone          []events.Finding // closed ones
	Wishes        wishes
	Policy        *policy.Policy                // of the application, tightened by its repository's own file
	Served        string                        // digest of what the server says, where the repository tightened it
	InForce       *report.Plan                  // the plan in force; nil: none
	InForceDigest string                        // of its document
	Told          map[outcomeKey]report.Outcome // of the plan in force, when it was made under the same policy
	Provisional   bool
	Exceptions    exceptions
	Refused       []refusal         // rejections that hold
	Holds         [][]hold          // what they keep from being picked, by environment
	Merged        []merged          // changes whose work is in the base already
	Branches      branches          // what the names of new branches depend on
	Envs          []environment     // what is installed together
	Unwritable    map[string]string // manifests that can be read but not written, with the reason
	Warnings      []string          // of freezes and deadlines
}

// gather reads what is known of the application; nil when nothing was scanned yet.
func (s *Service) gather(ctx context.Context, f worker.Facts) (*situation, error) {
	scans := f.App.NewestScans()
	if len(scans) == 0 {
		return nil, nil
	}
	in := &situation{App: f.App.App, Now: f.Now, Scan: scans[len(scans)-1].Scan, Complete: true, Provisional: s.cfg.Provisional}
	if !s.cfg.Now.IsZero() {
		in.Now = s.cfg.Now.UTC()
	}
	whole, err := s.policyInForce(ctx, f)
	if err != nil {
		return nil, err
	}
	in.setPolicy(whole)
	if err := in.tighten(ctx, f); err != nil {
		return nil, err
	}
	if in.Exceptions, err = readExceptions(s.cfg); err != nil {
		return nil, worker.NeedsHuman(fmt.Errorf("read what people decided beside the policy: %w", err))
	}
	var reports []report.Scan
	var inventories []*inventory.Inventory
	for _, sc := range scans {
		var rep report.Scan
		if err := read(ctx, f.Evidence, sc.Scan.Report, &rep); err != nil {
			return nil, fmt.Errorf("read the scan of %s: %w", sc.Scan.Target, err)
		}
		inv := &inventory.Inventory{}
		if err := read(ctx, f.Evidence, sc.Scan.Inventory, inv); err != nil {
			return nil, fmt.Errorf("read the inventory of %s: %w", sc.Scan.Target, err)
		}
		reports, inventories = append(reports, rep), append(inventories, inv)
		in.Inventories = append(in.Inventories, sc.Scan.Inventory)
		in.Complete = in.Complete && sc.Scan.Complete
		for _, i := range rep.Incomplete {
			if i.Reason != inventory.IndexUnreachable { // of --outdated alone; what it means for updates stands in the outcomes
				in.Incomplete = append(in.Incomplete, i)
			}
		}
	}
	slices.Sort(in.Inventories)
	if err := in.merge(ctx, f.Evidence, inventories, in.Scan.Inventory); err != nil {
		return nil, err
	}
	if in.Wishes, err = s.wishes(in); err != nil {
		return nil, err
	}
	in.collect(f.App, reports)
	in.Envs = environments(in.Inventory, in.Wishes.Target)
	if in.Unwritable, err = unwritable(ctx, in.Inventory, f.Evidence); err != nil {
		return nil, err
	}
	in.Branches = branchesOf(f.App, in)
	in.Merged = mergedChanges(f.App)
	if err := in.takeInForce(ctx, f); err != nil {
		return nil, err
	}
	in.Refused = refusals(f.App, in.Now, in.InForce)
	in.Holds = in.holds()
	return in, nil
}

// takeInForce reads the plan in force, if there is one.
func (in *situation) takeInForce(ctx context.Context, f worker.Facts) error {
	if f.App.Plan == nil {
		return nil
	}
	in.InForce = &report.Plan{}
	in.InForceDigest = f.App.Plan.Document
	if err := read(ctx, f.Evidence, f.App.Plan.Document, in.InForce); err != nil {
		return fmt.Errorf("read the plan in force: %w", err)
	}
	if served := cmp.Or(in.InForce.Inputs.ServerPolicy, in.InForce.Inputs.Policy); served == cmp.Or(in.Served, in.Policy.Digest()) {
		in.Told = told(in.InForce)
	}
	return nil
}

// setPolicy takes what the policy says of this application.
func (in *situation) setPolicy(whole *policy.Policy) { in.Policy = whole.For(in.App) }

// policyInForce is the policy the log names; where it names none, that of the configuration.
func (s *Service) policyInForce(ctx context.Context, f worker.Facts) (*policy.Policy, error) {
	configured := s.policy()
	if f.Org == nil || f.Org.Policy == "" || f.Org.Policy == configured.Digest() {
		return configured, nil
	}
	text, err := f.Evidence.Get(ctx, evidence.Digest(f.Org.Policy))
	if err != nil {
		return nil, storeError(fmt.Errorf("read the policy in force: %w", err))
	}
	p, err := policy.Parse(f.Org.Policy, text)
	if err != nil {
		return nil, worker.NeedsHuman(fmt.Errorf("read the policy in force: %w", err))
	}
	return p, nil
}

func read(ctx context.Context, store evidence.Store, digest string, into any) error {
	data, err := store.Get(ctx, evidence.Digest(digest))
	if err != nil {
		return storeError(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return worker.Permanent(fmt.Errorf("decode evidence %s: %w", digest, err))
	}
	return nil
}

// storeError tells what no retry mends from what passes.
func storeError(err error) error {
	if errors.Is(err, evidence.ErrNotFound) || errors.Is(err, evidence.ErrCorrupt) {
		return worker.Permanent(err)
	}
	return err
}

// merge puts the inventories of all targets into one, which is kept as evidence when there are several.
func (in *situation) merge(ctx context.Context, store evidence.Store, all []*inventory.Inventory, digest string) error {
	in.Inventory, in.Digest = all[0], digest
	if len(all) == 1 {
		return nil
	}
	sum := &inventory.Inventory{Incomplete: []inventory.Incomplete{}}
	for _, inv := range all {
		sum.Sources = append(sum.Sources, inv.Sources...)
		sum.Packages = append(sum.Packages, inv.Packages...)
		sum.Incomplete = append(sum.Incomplete, inv.Incomplete...)
		sum.Bounds = append(sum.Bounds, inv.Bounds...)
		sum.Files = append(sum.Files, inv.Files...)
		if sum.Python == "" {
			sum.Python = inv.Python
		}
	}
	data, d, err := sum.Encode()
	if err != nil {
		return worker.Permanent(fmt.Errorf("write the inventories together: %w", err))
	}
	if _, err := store.Put(ctx, data); err != nil {
		return fmt.Errorf("store the inventories together: %w", err)
	}
	in.Inventory, in.Digest = sum, string(d)
	return nil
}

// wishes are those of the newest scan; the target Python is the one asked for, else what the application
// declares, else the configured one.
func (s *Service) wishes(in *situation) (wishes, error) {
	asked := in.Scan.PlanOptions
	w := wishes{Target: pep508.Environment{Platform: s.cfg.Platform, Machine: s.cfg.Machine}, ExcludeNewer: asked.ExcludeNewer, Full: asked.Full, IndexURL: asked.IndexURL}
	if asked.Python != "" {
		if _, err := pep440.Parse(asked.Python); err != nil {
			return w, worker.Permanent(fmt.Errorf("plan for Python %q: not a version such as 3.11 or 3.11.7", printable(asked.Python)))
		}
	}
	for _, v := range []string{asked.Python, in.Inventory.Python, s.cfg.Python} {
		if _, err := pep440.Parse(v); err == nil {
			w.Target.Python = v
			break
		}
	}
	return w, nil
}

type pinKey struct{ pkg, version, source string }

// collect joins the reports with what the log knows: urgency as last told, first detection, and findings
// that are open although the newest scans do not show them.
func (in *situation) collect(s *events.State, reports []report.Scan) {
	pins := map[pinKey][]inventory.Package{}
	for _, p := range in.Inventory.Packages {
		k := pinKey{p.Package, p.Version, p.Source}
		pins[k] = append(pins[k], p)
	}
	kinds := map[string]string{}
	for _, src := range in.Inventory.Sources {
		kinds[src.Path] = src.Kind
	}
	seen := map[string]bool{}
	for _, rep := range reports {
		for _, r := range rep.Findings {
			f := finding{Finding: r, Seen: true, Detected: in.Now}
			var known events.Finding
			var ok bool
			if f.ID, known, ok = identify(s, r); ok {
				f.apply(known)
				if !in.Provisional {
					f.Detected = known.FirstDetected
				}
			}
			f.SourceKind = kinds[r.Source]
			f.pin(pins[pinKey{r.Package, r.Version, r.Source}], in.Wishes.Target)
			seen[f.ID] = true
			in.Findings = append(in.Findings, f)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Findings)) {
		known := s.Findings[id]
		switch {
		case seen[id]:
		case !known.Open:
			in.Gone = append(in.Gone, known)
		default:
			f := finding{ID: id, Detected: known.FirstDetected, Finding: report.Finding{Package: known.Package, Ecosystem: known.Ecosystem,
				Version: known.Version, Source: known.Source, Scope: known.Scope, Kind: known.Kind, Vulnerability: known.Vulnerability, IDs: known.IDs}}
			f.apply(known)
			in.Findings = append(in.Findings, f)
		}
	}
}

// identify finds a finding of a scan in the log. A CVE assigned later is another name of a known finding: the
// same scope, package and one common id make it the same (as the scanner sees it).
func identify(s *events.State, r report.Finding) (id string, known events.Finding, ok bool) {
	id = events.FindingID(s.App, r.Scope, r.Ecosystem, r.Package, r.Vulnerability)
	if known, ok = s.Findings[id]; ok {
		return id, known, true
	}
	best := ""
	for other, k := range s.Findings {
		same := k.Scope == r.Scope && k.Ecosystem == r.Ecosystem && k.Package == r.Package &&
			slices.ContainsFunc(k.IDs, func(x string) bool { return slices.Contains(r.IDs, x) })
		if same && (best == "" || k.Open && !s.Findings[best].Open || k.Open == s.Findings[best].Open && other < best) {
			best = other
		}
	}
	if best == "" {
		return id, known, false
	}
	return best, s.Findings[best], true
}

// apply takes the urgency from the log, which hears of changes without a new scan.
func (f *finding) apply(known events.Finding) {
	if known.Open {
		f.Severity, f.Score, f.KEV, f.EPSS = known.Severity, known.Score, known.KEV, known.EPSS
	}
}

// pin looks at the lines the package stands on. One that holds on the target is enough.
func (f *finding) pin(lines []inventory.Package, t pep508.Environment) {
	f.Active, f.Pin = pep508.Unknown, inventory.Exact
	if f.Version == "" {
		f.Pin = inventory.None
	}
	if len(lines) > 0 {
		f.Active = pep508.Untrue
	}
	for _, p := range lines {
		v := holds(p.Marker, t)
		if v == pep508.Untrue {
			f.Marker = p.Marker
		}
		f.Active = max(f.Active, v)
		f.Pin, f.Ref = p.Pin, p.Reference
	}
}

// holds says whether a line with this marker holds on the target. No extra is asked for by a line of its own,
// and a marker that can't be read counts as unknown.
func holds(marker string, t pep508.Environment) pep508.Truth {
	m, err := pep508.ParseMarker(marker)
	if err != nil {
		return pep508.Unknown
	}
	return m.Holds(t, "")
}

// told are the deadlines a plan told. Under another policy they do not bind: that change was itself told.
func told(doc *report.Plan) map[outcomeKey]report.Outcome {
	out := map[outcomeKey]report.Outcome{}
	for _, o := range doc.Outcomes {
		if o.Deadline != nil {
			out[keyOf(o)] = o
		}
	}
	return out
}
