package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// docsCommand prints docs/cli.md: the reference of the commands, from the commands themselves.
func docsCommand(c *cli) *cobra.Command {
	return &cobra.Command{Use: "__docs", Short: "Print docs/cli.md", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.result([]byte(c.document())) }}
}

func (c *cli) document() string {
	root := c.root()
	var b strings.Builder
	fmt.Fprintf(&b, `# The command line

Generated from the commands themselves (`+"`make generate`"+`); a test compares the two.

%s

stdout carries the result and nothing else; progress, hints and errors go to stderr. `+"`--format json`"+` prints one JSON
document with `+"`schema`, `tool` and `exit_code`"+`, `+"`events list|tail`"+` one line of JSON for each event.

| exit | meaning |
|---|---|
| 0 | done, clean |
| 1 | findings at or above `+"`--fail-on`"+`, a plan that leaves a finding without a fix, a rejected change, or something needs a person |
| 2 | incomplete: something could not be determined, so clean can't be claimed, or a change that is followed is parked or waits |
| 3 | usage or configuration error |
| 4 | the surroundings failed: no such path, no server, disk full |
| 130 | interrupted |

## Options of all commands

%s`, fence(root.Long), optionTable(root.PersistentFlags()))
	for _, cmd := range root.Commands() {
		describe(&b, cmd)
	}
	return b.String()
}

func describe(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden {
		return
	}
	fmt.Fprintf(b, "\n## `%s`\n\n%s.\n", cmd.UseLine(), cmd.Short)
	if cmd.Long != "" {
		fmt.Fprintf(b, "\n%s\n", fence(cmd.Long))
	}
	if cmd.LocalNonPersistentFlags().HasAvailableFlags() {
		fmt.Fprintf(b, "\n%s", optionTable(cmd.LocalNonPersistentFlags()))
	}
	for _, sub := range cmd.Commands() {
		describe(b, sub)
	}
}

func fence(text string) string { return "```\n" + strings.TrimSpace(text) + "\n```" }

// optionTable is a table with the environment variable of each.
func optionTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("| option | environment | meaning |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", strings.ReplaceAll(name, "|", `\|`), envName(f.Name), strings.ReplaceAll(usage, "|", `\|`))
	})
	return b.String()
}
