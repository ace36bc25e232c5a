package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/manifest"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/planner"
)

// planOptions are those of plan beside scan's.
type planOptions struct {
	scanOptions
	policy, excludeNewer, now, python, outDir, uv, recompute string
	waivers, freezes                                         string
	vex                                                      []string
	securityOnly, full, explain                              bool
}

func planCommand(c *cli) *cobra.Command {
	o := &planOptions{}
	cmd := &cobra.Command{Use: "plan PATH", Annotations: map[string]string{takesWords: "a path"}, Short: "Plan the updates that fix what a scan of PATH finds, in phases with deadlines",
		Long: `Scans PATH and answers every finding with exactly one outcome: an update that fixes it, or why
there is none. The updates install together, as proved by uv on what the index offers; they are
grouped in phases by the policy, each with a deadline.

Nothing at PATH is changed. --out-dir writes the requirements files, the changed manifests and
the plan as JSON and Markdown; choose a folder outside PATH, since a scan takes requirements
files wherever it finds them. Exit 1 says that a finding has no planned fix, 2 that something
could not be determined.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.recompute != "" {
				return exactArgs()(cmd, args)
			}
			return exactArgs("PATH")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			if o.recompute != "" {
				return c.recompute(cmd.Context(), o)
			}
			return c.plan(cmd.Context(), o, args[0])
		}}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "", "policy `FILE` laid over the built-in one (drydock policy show)")
	f.StringVar(&o.waivers, "waivers", "", "`FILE` of accepted risks, each with an owner, a second person and an end")
	f.StringVar(&o.freezes, "freezes", "", "`FILE` of the times when nothing moves to production")
	f.StringArrayVar(&o.vex, "vex", nil, "OpenVEX `FILE`: what it calls not_affected is no finding to fix; may be given several times")
	f.BoolVar(&o.securityOnly, "security-only", true, "plan only the updates that fix findings")
	f.BoolVar(&o.full, "full", false, "plan the updates that fix nothing known, too, in the phases of their classes")
	f.StringVar(&o.uv, "uv", "", "the resolver: uv `PROGRAM`; default uv on PATH, else fetched once from the package index")
	f.StringVar(&o.excludeNewer, "exclude-newer", "", "pick no distribution published after `TIME` (RFC 3339 or YYYY-MM-DD)")
	f.StringVar(&o.now, "now", "", "the clock of the plan, `TIME` (RFC 3339 or YYYY-MM-DD)")
	f.StringVar(&o.python, "python", "", "target interpreter: `PATH|VERSION`; default what the application declares, else python3")
	f.StringVar(&o.recompute, "recompute", "", "make the stored plan `DIGEST` again from its recorded inputs, offline, and compare byte for byte (with --data or --server)")
	f.BoolVar(&o.explain, "explain", false, "say of each update who asks for it, when it was released and why it is this one (text; JSON and plan.md always do)")
	f.StringVar(&o.outDir, "out-dir", "", "write the plan's files into `DIR`")
	cmd.AddCommand(planDiffCommand(c))
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault // paths, beside the names of commands
	}
	return cmd
}

func (o *planOptions) prepare(path string) (q api.ScanRequest, err error) {
	if err := o.check(); err != nil {
		return q, err
	}
	if o.full && o.securityOnly && o.changed("security-only") {
		return q, usage("--full and --security-only exclude each other; give one of them")
	}
	if q, err = o.request(path); err != nil {
		return q, err
	}
	if o.excludeNewer != "" {
		t, err := parseTime("--exclude-newer", o.excludeNewer)
		if err != nil {
			return q, err
		}
		q.Exclude = &t
	}
	q.Full = o.full || !o.securityOnly
	q.Python, err = pythonVersion(o.python)
	return q, err
}

// exceptions lays the files of the line over the configuration's.
func (o *planOptions) exceptions() func(*planner.Config) {
	return func(cfg *planner.Config) {
		cfg.Waivers, cfg.Freezes = cmp.Or(o.waivers, cfg.Waivers), cmp.Or(o.freezes, cfg.Freezes)
		if len(o.vex) > 0 {
			cfg.VEX = o.vex
		}
	}
}

// lockFormat writes uv.lock back, where a plan moves something in one.
func (c *cli) lockFormat(s *session, o *planOptions, plan *report.Plan) manifest.Format {
	p := s.parts
	if p == nil { // a server planned; what writes here is this machine's, which has no database
		p = &parts{cfg: c.cfg, cache: c.cacheDir(), getenv: c.getenv}
		p.engine = c.engine(cmp.Or(o.uv, c.cfg.UV.Path), p)
	}
	return p.lockFormat(plan)
}

// parseTime reads RFC 3339 or a date.
func parseTime(option, s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("%s %q is not a time; write 2026-11-22T08:00:00Z or 2026-11-22", option, s)
}

func (c *cli) plan(ctx context.Context, o *planOptions, path string) error {
	q, err := o.prepare(path)
	if err != nil {
		return err
	}
	how := oneShot{scan: &o.scanOptions, policy: o.policy, uv: o.uv, python: q.Python, plans: true, exceptions: o.exceptions()}
	if o.now != "" {
		now, err := parseTime("--now", o.now)
		if err != nil {
			return err
		}
		how.clock = func() time.Time { return now }
	}
	s, err := c.worksHere(ctx, how)
	if err != nil {
		return err
	}
	defer s.close()
	if err := o.refuseForServer(s, append([]string{"policy", "now", "waivers", "freezes", "vex"}, ownOnly...)); err != nil {
		return err
	}
	if o.policy != "" && c.opt.data != "" {
		return usage("--policy can't be given with --data, whose log names the policy in force; set policy: in the configuration file")
	}
	for _, name := range []string{"waivers", "freezes", "vex"} {
		if o.changed(name) && c.opt.data != "" {
			return usage("--%s can't be given with --data, whose plans stand for everybody; set planner.%s: in the configuration file", name, name)
		}
	}
	scan, done, err := c.runScan(ctx, s, q)
	if err != nil {
		return err
	}
	got, err := c.awaitPlan(ctx, s, done)
	if err != nil {
		return err
	}
	doc := &got.Document
	complete, err := gaps(ctx, s, doc, scan)
	if err != nil {
		return err
	}
	doc.Tool, doc.ExitCode = c.tool(), planExit(doc, complete)
	files, err := c.planFiles(ctx, s, o, got)
	if err != nil {
		return err
	}
	if inside(o.outDir, path) {
		c.note("warning: %s lies inside %s: the next scan takes the requirements files written there for sources of the application; choose a folder beside it", o.outDir, path)
	}
	if c.opt.format == "json" {
		err = c.resultJSON(tidyPlan(doc))
	} else {
		p := c.page()
		// The clock that counts is the workers', a moment ago.
		renderPlan(p, planScreen{plan: doc, complete: complete, explain: o.explain, now: scan.Started, files: files, dir: o.outDir, path: path})
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(doc.ExitCode)
}

// gaps puts into a plan what its application's scans could not determine as of now and what manifests ask for that is
// not obeyed, and reports whether they could determine all. A plan that is still the answer is not made anew, but it
// may be older than the gap.
func gaps(ctx context.Context, s *session, doc *report.Plan, scan *report.Scan) (complete bool, err error) {
	for _, n := range scan.Notes {
		if !slices.Contains(doc.Notes, n) {
			doc.Notes = append(doc.Notes, n)
		}
	}
	alone := doc.Inputs.Inventory == scan.Inventory
	if alone {
		doc.Incomplete = nil
	} // else the plan answers several inventories of the application, and the others' gaps stand in it
	for _, i := range scan.Incomplete {
		if i.Reason != inventory.IndexUnreachable && !slices.Contains(doc.Incomplete, i) { // that one is of --outdated alone
			doc.Incomplete = append(doc.Incomplete, i)
		}
	}
	if alone {
		return scan.Complete, nil
	}
	app, err := s.api.Application(ctx, doc.Application)
	if err != nil {
		return false, err
	}
	return scan.Complete && (app.Complete == nil || *app.Complete), nil
}

// inside reports whether dir lies in the folder at path, where a scan would find what is written.
func inside(dir, path string) bool {
	info, err := os.Stat(path)
	if dir == "" || err != nil || !info.IsDir() {
		return false
	}
	rel, err := filepath.Rel(real(path), real(dir))
	return err == nil && filepath.IsLocal(rel)
}

// real is a path without links, as far as it exists.
func real(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if there, err := filepath.EvalSymlinks(abs); err == nil {
		return there
	}
	if parent := filepath.Dir(abs); parent != abs {
		return filepath.Join(real(parent), filepath.Base(abs))
	}
	return abs
}

// awaitPlan waits until the planner has answered the scan.
func (c *cli) awaitPlan(ctx context.Context, s *session, done *api.Scan) (*api.Plan, error) {
	defer c.progress("planning " + done.Application)()
	for {
		got, err := s.api.Plan(ctx, done.Application, done.Answered, 30*time.Second)
		if !api.Is(err, api.Unavailable) {
			return got, err
		}
		if s.alive() != nil || s.remote == "" && ctx.Err() != nil {
			return nil, err
		}
		if _, again := s.api.Status(ctx); again != nil {
			return nil, err
		}
	}
}

// planFiles writes what --out-dir asks for.
func (c *cli) planFiles(ctx context.Context, s *session, o *planOptions, got *api.Plan) ([]string, error) {
	dir := o.outDir
	if dir == "" {
		return nil, nil
	}
	raw, err := s.api.Evidence(ctx, got.Inventory)
	if err != nil {
		return nil, err
	}
	inv := &inventory.Inventory{}
	if err := json.Unmarshal(raw, inv); err != nil {
		return nil, surroundings("read the inventory of the plan: %w", err)
	}
	files, err := planner.WriteFiles(ctx, dir, &got.Document, inv, store{s.api}, c.lockFormat(s, o, &got.Document))
	if err != nil {
		return nil, surroundings("%w", err)
	}
	return files, nil
}

// tidyPlan makes lists empty rather than null.
func tidyPlan(p *report.Plan) *report.Plan {
	if p.Phases == nil {
		p.Phases = []report.Phase{}
	}
	if p.Outcomes == nil {
		p.Outcomes = []report.Outcome{}
	}
	if p.Recommendations.NeverDo == nil {
		p.Recommendations.NeverDo = []string{}
	}
	return p
}
