package main

import (
	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/report"
)

// isolationDoc is what `drydock isolation --format json` prints: levels strongest first, properties in the order
// of docs/isolation.md.
type isolationDoc struct {
	Schema     string          `json:"schema"`
	Tool       report.Tool     `json:"tool"`
	ExitCode   int             `json:"exit_code"`
	Strongest  dock.Level      `json:"strongest"`
	Levels     []dock.Offer    `json:"levels"`
	Properties []dock.Property `json:"properties"`
}

func isolationCommand(c *cli) *cobra.Command {
	var least string
	cmd := &cobra.Command{Use: "isolation", Short: "Try which isolation this host offers to what may be hostile, and say what is missing", Args: cobra.NoArgs,
		Long: `Each level is tried here and now, as the user who asks: bubblewrap, namespaces,
landlock, none. docs/isolation.md says which property each holds. Nothing is
changed and nothing is left behind.

Exit 1 when --least asks for more than the host offers.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := dock.ParseLevel(least)
			if err != nil {
				return usage("--least: %v", err)
			}
			doc := isolationDoc{Schema: "drydock.isolation/v1", Tool: c.tool(), Strongest: dock.None, Levels: dock.Offers(cmd.Context()), Properties: dock.Properties()}
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			for _, o := range doc.Levels {
				if o.Available {
					doc.Strongest = o.Level
					break
				}
			}
			if least != "" && !doc.Strongest.AtLeast(asked) {
				doc.ExitCode = report.ExitFindings
			}
			if c.opt.format == "json" {
				err = c.resultJSON(doc)
			} else {
				p := c.page()
				renderIsolation(p, doc, asked)
				err = c.result([]byte(p.b.String()))
			}
			if err != nil {
				return err
			}
			return exitWith(doc.ExitCode)
		}}
	cmd.Flags().StringVar(&least, "least", "", "exit 1 when nothing as strong as `LEVEL` is offered: landlock, namespaces or bubblewrap")
	return cmd
}

func renderIsolation(p *page, doc isolationDoc, least dock.Level) {
	for _, o := range doc.Levels {
		state := "offered"
		switch {
		case o.Level == dock.None:
			state = "only where it is asked for by name"
		case !o.Available:
			state = "missing: " + o.Why
		}
		p.wrapped(plain, "            ", "%-12s%s", o.Level, state)
		if !o.Available && o.Do != "" {
			p.wrapped(plain, "            ", "%-12s%s", "", o.Do)
		}
	}
	p.gap()
	if doc.ExitCode != report.ExitOK {
		p.line(plain, "%s is asked for and not offered", least)
	}
	p.line(plain, "strongest: %s; docs/isolation.md says what it holds", doc.Strongest)
}
