package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func policyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "The policy: classes, deadlines, rules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file string
	show := &cobra.Command{Use: "show", Short: "Print the policy in force as YAML, that of the log with --data or --server; the built-in one with its comments", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.policyShow(cmd.Context(), file) }}
	show.Flags().StringVar(&file, "policy", "", "policy `FILE` laid over the built-in one")
	validate := &cobra.Command{Use: "validate FILE", Short: "Say what is wrong with a policy file, by line and YAML path", Args: exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error { return c.policyValidate(args[0]) }}
	cmd.AddCommand(show, validate, c.policyExplain())
	return cmd
}

// policyFor is the policy a command speaks of: a file's, else the one in force in the log it is asked of,
// else that of the configuration.
func (c *cli) policyFor(ctx context.Context, file string) (*policy.Policy, error) {
	if file == "" && (c.opt.server != "" || c.opt.data != "") {
		if p, err := c.policyInForce(ctx); p != nil || err != nil {
			return p, err
		}
	}
	load, err := c.policy(cmp.Or(file, c.cfg.Policy))
	if err != nil {
		return nil, err
	}
	return load(), nil
}

// policyInForce reads the newest policy of the log; nil when it names none.
func (c *cli) policyInForce(ctx context.Context) (*policy.Policy, error) {
	s, err := c.reads(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	digest := ""
	_, err = s.api.Events(ctx, api.EventQuery{App: events.Org, Type: "policy.changed"}, func(r bus.Record) error {
		p, err := events.Decode[events.PolicyChanged](r.Event)
		if err == nil {
			digest = p.Policy
		}
		return err
	})
	if err != nil || digest == "" {
		return nil, err
	}
	text, err := s.api.Evidence(ctx, digest)
	if err != nil {
		return nil, err
	}
	return policy.Parse("policy "+short(digest), text)
}

func (c *cli) policyShow(ctx context.Context, file string) error {
	p, err := c.policyFor(ctx, file)
	if err != nil {
		return err
	}
	text := p.Text()
	if file == "" && p.Digest() == policy.Default().Digest() {
		text = policy.DefaultText()
	}
	if c.opt.format == "json" {
		return c.resultJSON(struct {
			Schema   string      `json:"schema"`
			Tool     report.Tool `json:"tool"`
			ExitCode int         `json:"exit_code"`
			Digest   string      `json:"digest"`
			Text     string      `json:"text"`
		}{"drydock.policy-text/v1", c.tool(), 0, p.Digest(), string(text)})
	}
	return c.result(text)
}

func (c *cli) policyValidate(file string) error {
	p, err := loadPolicy(file)
	if err != nil {
		return err
	}
	if c.opt.format == "json" {
		return c.resultJSON(struct {
			Schema   string      `json:"schema"`
			Tool     report.Tool `json:"tool"`
			ExitCode int         `json:"exit_code"`
			Digest   string      `json:"digest"`
		}{"drydock.policy-check/v1", c.tool(), 0, p.Digest()})
	}
	pg := c.page()
	pg.line(plain, "%s is a valid policy, %s", file, p.Digest())
	return c.result([]byte(pg.b.String()))
}

// explained is `drydock policy explain --format json`.
type explained struct {
	Schema   string          `json:"schema"`
	Tool     report.Tool     `json:"tool"`
	ExitCode int             `json:"exit_code"`
	Policy   string          `json:"policy"`
	Facts    policy.Facts    `json:"facts"`
	Decision policy.Decision `json:"decision"`
	Deadline policy.Deadline `json:"deadline"`
}

func (c *cli) policyExplain() *cobra.Command {
	var file, severity, kind, step, detected, fixed string
	var kev, update bool
	var epss float64
	cmd := &cobra.Command{Use: "explain PACKAGE", Short: "Say into which class a finding in PACKAGE falls, by which rule, and by when it must be gone", Args: exactArgs("PACKAGE")}
	f := cmd.Flags()
	f.StringVar(&file, "policy", "", "policy `FILE` laid over the built-in one")
	f.StringVar(&severity, "severity", "unknown", "`SEVERITY` of the finding: critical, high, medium, low or unknown")
	f.StringVar(&kind, "kind", "vulnerability", "`KIND` of the finding: vulnerability or malicious")
	f.BoolVar(&kev, "kev", false, "it is known to be exploited; left out: not known")
	f.Float64Var(&epss, "epss", 0, "`PROBABILITY` of exploitation, 0 to 1; left out: not known")
	f.StringVar(&step, "step", "", "`STEP` of the update: patch, minor or major")
	f.BoolVar(&update, "update", false, "an update that fixes nothing, rather than a finding")
	f.StringVar(&detected, "detected", "", "`TIME` of first detection; default now")
	f.StringVar(&fixed, "fix-published", "", "`TIME` the fix was published; left out: not known")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := c.policyFor(cmd.Context(), file)
		if err != nil {
			return err
		}
		facts := policy.Facts{Package: args[0], Finding: !update, Kind: kind, Severity: severity, Step: step}
		if cmd.Flags().Changed("kev") {
			facts.KEV = &kev
		}
		if cmd.Flags().Changed("epss") {
			facts.EPSS = &epss
		}
		if err := checkFacts(facts); err != nil {
			return err
		}
		clocks := policy.Clocks{Detected: time.Now().UTC()}
		if detected != "" {
			if clocks.Detected, err = parseTime("--detected", detected); err != nil {
				return err
			}
		}
		if fixed != "" {
			t, err := parseTime("--fix-published", fixed)
			if err != nil {
				return err
			}
			clocks.FixPublished = &t
		}
		return c.explain(p, facts, clocks)
	}
	return cmd
}

func checkFacts(f policy.Facts) error {
	for _, v := range []struct {
		option, value string
		allowed       []string
	}{
		{"--severity", f.Severity, []string{"critical", "high", "medium", "low", "unknown"}},
		{"--kind", f.Kind, []string{"vulnerability", "malicious"}},
		{"--step", f.Step, []string{"", "patch", "minor", "major"}},
	} {
		ok := false
		for _, a := range v.allowed {
			ok = ok || a == v.value
		}
		if !ok {
			return usage("%s %q is unknown; use %s", v.option, v.value, strings.TrimPrefix(strings.Join(v.allowed, ", "), ", "))
		}
	}
	if f.EPSS != nil && (*f.EPSS < 0 || *f.EPSS > 1) {
		return usage("--epss %v is not a probability; give 0 to 1", *f.EPSS)
	}
	return nil
}

func (c *cli) explain(p *policy.Policy, facts policy.Facts, clocks policy.Clocks) error {
	doc := explained{"drydock.policy-explanation/v1", c.tool(), 0, p.Digest(), facts, p.Classify(facts), p.Deadline(facts, clocks)}
	if c.opt.format == "json" {
		return c.resultJSON(doc)
	}
	pg := c.page()
	class := p.Class(doc.Decision.Class)
	pg.line(bold, "%s: %s, by rule %s", facts.Package, doc.Decision.Class, doc.Decision.Rule)
	if !doc.Deadline.At.IsZero() {
		pg.line(plain, "deadline  %s", until(doc.Deadline.At, time.Now()))
		pg.wrapped(plain, "          ", "because   %s", doc.Deadline.Rule)
	}
	approvals := count(class.Approvals.Count, "approval")
	for _, group := range class.Approvals.From {
		approvals += ", one of " + group
	}
	pg.wrapped(plain, "          ", "by        %s, branch %s, window %s, %s", class.Method, class.Branch, class.Window, approvals)
	pg.gap()
	pg.line(dim, "APPLIES  RULE, CLASS AND WHY")
	for _, v := range doc.Decision.Trace { // no table: a reason cut short explains nothing
		mark, style := "no", dim
		if v.Applies {
			mark, style = "yes", plain
		}
		pg.wrapped(style, "           ", "%-7s  %s (%s): %s", mark, v.Rule, cmp.Or(v.Class, "any class"), v.Why)
	}
	return c.result([]byte(pg.b.String()))
}
