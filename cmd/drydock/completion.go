package main

import (
	"bytes"

	"github.com/spf13/cobra"
)

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
