package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/planner"
)

func planDiffCommand(c *cli) *cobra.Command {
	return &cobra.Command{Use: "diff A B", Short: "Tell what differs between two plans, and which input made the difference",
		Long: `A and B are plan digests or documents of a log (--data or --server), or files that
drydock plan wrote (deployment_plan_….json, or --format json).

Each change names its cause: the inventory, the advisories, the index page of the package, the
policy, the target, the time. Between files alone the cause is told as far as the documents do.
Exit 0 says that they are the same, 1 that they differ.`,
		Args: exactArgs("A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.planDiff(cmd.Context(), args[0], args[1])
		}}
}

// recomputed is `drydock plan --recompute --format json`.
type recomputed struct {
	Schema   string      `json:"schema"`
	Tool     report.Tool `json:"tool"`
	ExitCode int         `json:"exit_code"`
	Plan     string      `json:"plan"`
	Document string      `json:"document"`
	Same     bool        `json:"same"`
	Differs  string      `json:"differs,omitempty"` // the first input that differs
	Detail   string      `json:"detail,omitempty"`
}

// recompute makes a stored plan again. Nothing is asked of an index: only evidence is read, and uv runs on loopback.
func (c *cli) recompute(ctx context.Context, o *planOptions) error {
	for _, name := range []string{"policy", "exclude-newer", "now", "python", "full", "security-only", "out-dir", "index-url", "db"} {
		if o.changed(name) && !c.fromEnv(name) {
			return usage("--%s can't be given with --recompute, which takes every input from the record", name)
		}
	}
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	document, plan, err := findPlan(ctx, s, o.recompute)
	if err != nil {
		return err
	}
	stop := c.progress("making plan " + short(plan.Plan) + " again")
	defer func() { stop() }()
	p := &parts{cfg: c.cfg, cache: c.cacheDir(), getenv: c.getenv}
	engine, err := c.engine(firstOf(o.uv, c.cfg.UV.Path), p).find(ctx)
	if err != nil {
		return surroundings("make plan %s again: %w", short(plan.Plan), err)
	}
	_, err = planner.Recompute(ctx, store{s.api}, document, engine, c.tool())
	out := recomputed{Schema: "drydock.plan-recomputed/v1", Tool: c.tool(), Plan: plan.Plan, Document: document, Same: err == nil}
	var d *planner.Divergence
	switch {
	case errors.As(err, &d):
		out.Differs, out.Detail, out.ExitCode = d.Input, d.Detail, report.ExitFindings
	case err != nil:
		return surroundings("%w", err)
	}
	if c.opt.format == "json" {
		err = c.resultJSON(out)
	} else {
		pg := c.page()
		if out.Same {
			pg.wrapped(bold, "  ", "the same, byte for byte: plan %s of %s", out.Plan, plan.Application)
		} else {
			pg.wrapped(yellow, "  ", "! not the same: plan %s of %s", out.Plan, plan.Application)
			pg.wrapped(plain, "  ", "first input that differs: %s: %s", out.Differs, out.Detail)
		}
		pg.wrapped(dim, "  ", "from    document %s, record %s", short(document), short(plan.Inputs.Record))
		err = c.result([]byte(pg.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(out.ExitCode)
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// fromEnv reports whether an option came from the environment, where it is meant for other commands too.
func (c *cli) fromEnv(name string) bool {
	_, ok := c.env(envName(name))
	return ok
}

// findPlan finds a plan document by its digest, by the digest of its plan, or by the beginning of either.
func findPlan(ctx context.Context, s *session, ref string) (document string, p *report.Plan, err error) {
	hex := strings.ToLower(strings.TrimPrefix(ref, "sha256:"))
	if len(hex) < 8 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", nil, usage("%q is no digest; give sha256:… or at least its first 8 digits", ref)
	}
	_, err = s.api.Events(ctx, api.EventQuery{Type: "plan.generated"}, func(r bus.Record) error {
		g, err := events.Decode[events.PlanGenerated](r.Event)
		if err == nil && (strings.HasPrefix(g.Plan, "sha256:"+hex) || strings.HasPrefix(g.Document, "sha256:"+hex)) {
			document = g.Document // the newest of that name
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	if document == "" {
		return "", nil, surroundings("there is no plan %s in this log; drydock events list --type plan.generated names them", ref)
	}
	p, err = planDocument(ctx, s, document)
	return document, p, err
}

func planDocument(ctx context.Context, s *session, digest string) (*report.Plan, error) {
	data, err := s.api.Evidence(ctx, digest)
	if err != nil {
		return nil, err
	}
	return readPlan(digest, data)
}

func readPlan(name string, data []byte) (*report.Plan, error) {
	p := &report.Plan{}
	if err := json.Unmarshal(data, p); err != nil || p.Schema != report.SchemaPlan {
		return nil, usage("%s is no plan (%s): name a file that drydock plan wrote, or a digest", name, report.SchemaPlan)
	}
	return p, nil
}

func (c *cli) planDiff(ctx context.Context, a, b string) error {
	var sides [2]planner.Side
	var s *session
	for i, ref := range []string{a, b} {
		if data, err := os.ReadFile(ref); err == nil {
			p, err := readPlan(ref, data)
			if err != nil {
				return err
			}
			sides[i] = planner.Side{Plan: p}
			continue
		} else if strings.ContainsAny(ref, "/.") {
			return surroundings("read %s: %w", ref, err)
		}
		if s == nil {
			var err error
			if s, err = c.reads(ctx); err != nil {
				return err
			}
			defer s.close()
		}
		_, p, err := findPlan(ctx, s, ref)
		if err != nil {
			return err
		}
		if sides[i], err = planner.Known(ctx, store{s.api}, p); err != nil {
			return err
		}
	}
	if x, y := sides[0].Plan.Application, sides[1].Plan.Application; x != y {
		return usage("%s is a plan of %s and %s one of %s; compare plans of one application", a, x, b, y)
	}
	d := planner.Compare(sides[0], sides[1])
	d.Tool = c.tool()
	if len(d.Changes) > 0 {
		d.ExitCode = report.ExitFindings
	}
	var err error
	if c.opt.format == "json" {
		err = c.resultJSON(d)
	} else {
		err = c.result([]byte(renderDiff(c.page(), d)))
	}
	if err != nil {
		return err
	}
	return exitWith(d.ExitCode)
}

func renderDiff(p *page, d *report.PlanDiff) string {
	if len(d.Changes) == 0 {
		p.wrapped(bold, "  ", "%s: the two plans say the same", d.Application)
	} else {
		p.wrapped(bold, "  ", "%s: %s between plan %s and plan %s", d.Application, count(len(d.Changes), "change"), short(d.A), short(d.B))
	}
	for _, ch := range d.Changes {
		what := strings.Join(strings.Fields(ch.Package+" "+ch.Version+" "+ch.Vulnerability+ch.Phase), " ")
		if ch.Source != "" {
			what += " (" + ch.Source + ")"
		}
		p.gap()
		p.wrapped(plain, "    ", "%s %s", ch.What, what)
		p.wrapped(plain, "      ", "  - %s", firstOf(ch.Before, "not there"))
		p.wrapped(plain, "      ", "  + %s", firstOf(ch.After, "not there any more"))
		p.wrapped(dim, "      ", "  because of %s", ch.Cause)
	}
	if len(d.Inputs) > 0 {
		p.gap()
		p.line(dim, "inputs that differ:")
		for _, in := range d.Inputs {
			p.wrapped(dim, "    ", "  %s: %s, now %s", in.Input, firstOf(short(in.Before), "none"), firstOf(short(in.After), "none"))
		}
	}
	return p.b.String()
}
