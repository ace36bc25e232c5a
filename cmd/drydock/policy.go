package main

import (
	"cmp"
	"context"

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
	cmd.AddCommand(show, validate, c.policyExplain(), c.policyTest())
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
