package main

import (
	"bytes"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choices are the values of options that take one of a few.
var choices = map[string][]string{"format": {"text", "json"}, "engine": {"native", "osv-scanner"},
	"fail-on": {"none", "low", "medium", "high", "critical"}, "severity": {"critical", "high", "medium", "low", "unknown"},
	"kind": {"vulnerability", "malicious"}, "step": {"patch", "minor", "major"}}

// complete has a shell offer the choices of each option, and files for all others.
func complete(cmd *cobra.Command) error {
	for _, flags := range []*pflag.FlagSet{cmd.LocalNonPersistentFlags(), cmd.PersistentFlags()} {
		for name, values := range choices {
			if flags.Lookup(name) == nil {
				continue
			}
			offer := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
			if name == "format" {
				offer = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
					return formatsOf(cmd), cobra.ShellCompDirectiveNoFileComp
				}
			}
			if err := cmd.RegisterFlagCompletionFunc(name, offer); err != nil {
				return err
			}
		}
	}
	for _, sub := range cmd.Commands() {
		if err := complete(sub); err != nil {
			return err
		}
	}
	return nil
}

func completionCommand(c *cli) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{Use: "completion bash|zsh|fish|powershell", Short: "Write the completion script of a shell", ValidArgs: shells,
		Long: `For bash:  source <(drydock completion bash)`,
		Args: exactArgs("the shell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var b bytes.Buffer
			root := cmd.Root()
			write, ok := map[string]func() error{
				"bash":       func() error { return root.GenBashCompletionV2(&b, true) },
				"zsh":        func() error { return root.GenZshCompletion(&b) },
				"fish":       func() error { return root.GenFishCompletion(&b, true) },
				"powershell": func() error { return root.GenPowerShellCompletionWithDesc(&b) },
			}[args[0]]
			if !ok {
				return usage("completion: shell %q is unknown; use bash, zsh, fish or powershell", args[0])
			}
			if err := write(); err != nil {
				return err
			}
			return c.result(b.Bytes())
		}}
}
