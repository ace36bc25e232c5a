package planner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// recordSchema is the `schema` of a planRecord.
const recordSchema = "drydock.plan-record/v1"

// planRecord is everything a plan was made from. What is large is evidence of its own and named by digest.
type planRecord struct {
	Schema     string        `json:"schema"`
	Tool       report.Tool   `json:"tool"`
	Resolver   string        `json:"resolver"`
	Advisories string        `json:"advisories"`
	Limit      time.Duration `json:"resolve_limit"`

	App         string                 `json:"application"`
	Now         time.Time              `json:"now"`
	Scan        events.ScanCompleted   `json:"scan"`
	Inventory   string                 `json:"inventory"`   // sha256:… evidence
	Inventories []string               `json:"inventories"` // digests of those it was put together from
	Incomplete  []inventory.Incomplete `json:"incomplete,omitempty"`
	Complete    bool                   `json:"complete"`
	Findings    []finding              `json:"findings"`
	Gone        []events.Finding       `json:"gone,omitempty"`
	Wishes      wishes                 `json:"wishes"`
	Policy      string                 `json:"policy"`             // sha256:… evidence
	Served      string                 `json:"served,omitempty"`   // digest of what the server says, where the repository tightened it
	InForce     string                 `json:"in_force,omitempty"` // sha256:… evidence: the plan in force
	Told        bool                   `json:"told,omitempty"`     // its deadlines bind
	Provisional bool                   `json:"provisional,omitempty"`
	Exceptions  exceptionTexts         `json:"exceptions,omitzero"`
	Refused     []refusal              `json:"refused,omitempty"` // that held at the time
	Merged      []merged               `json:"merged,omitempty"`
	Branches    branches               `json:"branches,omitzero"`

	Worlds []recorded `json:"worlds"` // one for each environment, in their order
}

// recorded names what the index and the database said for one environment.
type recorded struct {
	Environment string            `json:"environment"`
	Tape        string            `json:"tape,omitempty"`  // sha256:… evidence; absent where nothing was asked
	Pages       map[string]string `json:"pages,omitempty"` // digests of the index pages, by package
	Args        []string          `json:"args,omitempty"`  // of uv
}

// keepRecord stores what the plan was made from and names it; empty where nothing outlives the run.
func (d *made) keepRecord(ctx context.Context, store evidence.Store) (string, error) {
	in := d.in
	if in.Provisional {
		return "", nil
	}
	r := planRecord{Schema: recordSchema, Tool: d.plan.Tool, Resolver: d.plan.Inputs.Resolver, Advisories: d.plan.Inputs.Advisories, Limit: d.limit,
		App: in.App, Now: in.Now, Scan: in.Scan, Inventory: in.Digest, Inventories: in.Inventories, Incomplete: in.Incomplete, Complete: in.Complete,
		Findings: in.Findings, Gone: in.Gone, Wishes: in.Wishes, Policy: in.Policy.Digest(), Served: in.Served, InForce: in.InForceDigest, Told: in.Told != nil,
		Refused: in.Refused, Merged: in.Merged, Branches: in.Branches}
	if _, err := store.Put(ctx, in.Policy.Text()); err != nil {
		return "", err
	}
	var err error
	if r.Exceptions, err = in.Exceptions.keep(ctx, store); err != nil {
		return "", err
	}
	for i, e := range in.Envs {
		w := recorded{Environment: e.Name, Pages: d.answers[i].Pages, Args: d.answers[i].Args}
		if d.tapes[i] != nil {
			digest, err := store.Put(ctx, d.tapes[i])
			if err != nil {
				return "", err
			}
			w.Tape = string(digest)
		}
		r.Worlds = append(r.Worlds, w)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	digest, err := store.Put(ctx, data)
	return string(digest), err
}

// Divergence says that a plan made again from its record is not the plan that was stored.
type Divergence struct {
	Input  string // the first input that differs: inventory, policy, index, advisories, resolver, drydock; none: "the decision itself"
	Detail string
}

func (d *Divergence) Error() string {
	return "recompute the plan: " + d.Input + " differs: " + d.Detail
}

// Recompute makes a stored plan again, from its record alone: nothing is asked of an index or a database, and
// nothing is written. The result is compared byte for byte with what was stored; a *Divergence names the first
// input that differs. engine is the resolver, which runs on loopback only.
func Recompute(ctx context.Context, store evidence.Store, document string, engine resolution.Engine, tool report.Tool) (*report.Plan, error) {
	stored, err := store.Get(ctx, evidence.Digest(document))
	if err != nil {
		return nil, fmt.Errorf("read the plan %s: %w", document, err)
	}
	old := &report.Plan{}
	if err := json.Unmarshal(stored, old); err != nil || old.Schema != report.SchemaPlan {
		return nil, fmt.Errorf("recompute %s: it is no plan document (%s)", document, report.SchemaPlan)
	}
	if old.Inputs.Record == "" {
		return nil, fmt.Errorf("recompute the plan of %s: it was made without a record of its inputs (without a log, or by an older Drydock)", old.Application)
	}
	r := planRecord{}
	if err := readEvidence(ctx, store, old.Inputs.Record, &r); err != nil {
		return nil, &Divergence{"record", err.Error()}
	}
	in, err := r.situation(ctx, store)
	if err != nil {
		return nil, err
	}
	if resolver := resolverName; r.Resolver != resolver {
		return nil, &Divergence{"resolver", fmt.Sprintf("the plan was made with %s, this is %s", r.Resolver, resolver)}
	}
	answers, unasked, err := r.answers(ctx, store, in, engine)
	if err != nil {
		return nil, err
	}
	d, err := in.conclude(answers, r.Tool, r.Advisories)
	if err != nil {
		return nil, err
	}
	d.plan.Inputs.Record = old.Inputs.Record
	again, err := json.Marshal(d.plan)
	if err != nil {
		return nil, fmt.Errorf("write the plan again: %w", err)
	}
	if !bytes.Equal(again, stored) {
		if unasked != nil {
			return d.plan, unasked
		}
		return d.plan, r.diverges(old, d.plan, tool)
	}
	return d.plan, nil
}

// situation is what was gathered when the plan was made.
func (r planRecord) situation(ctx context.Context, store evidence.Store) (*situation, error) {
	in := &situation{App: r.App, Now: r.Now, Scan: r.Scan, Digest: r.Inventory, Inventories: r.Inventories, Incomplete: r.Incomplete, Complete: r.Complete,
		Findings: r.Findings, Gone: r.Gone, Wishes: r.Wishes, Provisional: r.Provisional, Served: r.Served, Inventory: &inventory.Inventory{},
		Refused: r.Refused, Merged: r.Merged, Branches: r.Branches}
	if err := readEvidence(ctx, store, r.Inventory, in.Inventory); err != nil {
		return nil, &Divergence{"inventory", err.Error()}
	}
	text, err := store.Get(ctx, evidence.Digest(r.Policy))
	if err != nil {
		return nil, &Divergence{"policy", err.Error()}
	}
	whole, err := policy.Parse(r.Policy, text)
	if err != nil {
		return nil, &Divergence{"policy", err.Error()}
	}
	if whole.Digest() != r.Policy {
		return nil, &Divergence{"policy", fmt.Sprintf("the text of %s means %s to this Drydock", r.Policy, whole.Digest())}
	}
	in.setPolicy(whole)
	if in.Exceptions, err = r.Exceptions.read(ctx, store); err != nil {
		return nil, err
	}
	in.Envs = environments(in.Inventory, in.Wishes.Target)
	in.Holds = in.holds()
	if in.Unwritable, err = unwritable(ctx, in.Inventory, store); err != nil {
		return nil, &Divergence{"inventory", err.Error()}
	}
	if r.InForce != "" {
		in.InForce = &report.Plan{}
		if err := readEvidence(ctx, store, r.InForce, in.InForce); err != nil {
			return nil, &Divergence{"plan in force", err.Error()}
		}
		if r.Told {
			in.Told = told(in.InForce)
		}
	}
	return in, nil
}

// answers resolves again, with the tapes as the world. What they do not say is named: where the plan comes out the
// same it made no difference.
func (r planRecord) answers(ctx context.Context, store evidence.Store, in *situation, engine resolution.Engine) (out []solved, missing *Divergence, err error) {
	tasks := in.tasks()
	if len(tasks) != len(r.Worlds) {
		return nil, nil, &Divergence{"inventory", fmt.Sprintf("%d environments were planned, the inventory now makes %d", len(r.Worlds), len(tasks))}
	}
	out = make([]solved, len(tasks))
	for i, w := range r.Worlds {
		if w.Tape == "" {
			out[i] = nothing()
			continue
		}
		data, err := store.Get(ctx, evidence.Digest(w.Tape))
		if err != nil {
			return nil, nil, &Divergence{"index", fmt.Sprintf("what the index said for %s: %v", w.Environment, err)}
		}
		t, err := unpackTape(data)
		if err != nil {
			return nil, nil, &Divergence{"index", err.Error()}
		}
		world := replaying(t)
		a := in.Envs[i].solve(ctx, tasks[i], world, func(context.Context) (resolution.Engine, error) { return engine, nil }, nil, r.Limit, in.Now)
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("recompute the plan of %s: %w", in.App, context.Cause(ctx))
		}
		a.Pages = w.Pages
		in.keep(ctx, i, &a, world)
		if missing == nil {
			missing = world.unasked.first()
		}
		out[i] = a
	}
	return out, missing, nil
}

// diverges names what differs although every recorded input was read back whole.
func (r planRecord) diverges(old, again *report.Plan, tool report.Tool) *Divergence {
	what := firstDifference(old, again)
	if r.Tool != tool {
		return &Divergence{"drydock", fmt.Sprintf("the plan was made by %s %s, this is %s; first difference: %s", r.Tool.Name, r.Tool.Version, tool.Version, what)}
	}
	return &Divergence{"the decision itself", "every input is the same; first difference: " + what}
}

// firstDifference names the first key in which two plans differ.
func firstDifference(a, b *report.Plan) string {
	va, vb := asMap(a), asMap(b)
	for _, key := range []string{"application", "inputs", "vulnerability_count", "deployment_phases", "outcomes", "notes", "plan", "exit_code"} {
		if !bytes.Equal(va[key], vb[key]) {
			return fmt.Sprintf("%s was %s, is %s", key, clip(va[key]), clip(vb[key]))
		}
	}
	return "the form of the document"
}

func asMap(p *report.Plan) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	if data, err := json.Marshal(p); err == nil {
		_ = json.Unmarshal(data, &m) // of its own making
	}
	return m
}

func clip(b []byte) string { return printable(string(b)) }

// readEvidence reads a JSON document of the store.
func readEvidence(ctx context.Context, store evidence.Store, digest string, into any) error {
	data, err := store.Get(ctx, evidence.Digest(digest))
	if err != nil {
		return fmt.Errorf("read evidence %s: %w", digest, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("decode evidence %s: %w", digest, err)
	}
	return nil
}
