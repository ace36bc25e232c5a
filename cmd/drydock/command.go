package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// options are shared by all commands.
type options struct {
	data, server, config, format, output string
	quiet, debug, noColor, plain         bool
}

// commands is the table of the command line.
var commands = []func(*cli) *cobra.Command{
	scanCommand, planCommand, checkCommand, appCommand, updateCommand, changeCommand, upCommand, dbCommand, statusCommand, watchCommand, whyCommand,
	eventsCommand, evidenceCommand, policyCommand, deadletterCommand, isolationCommand, versionCommand, completionCommand,
}

// root builds the command tree.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "drydock",
		Short: "Keep the packages of applications safe: scan, plan, and work on by itself",
		Long: `Drydock scans applications read-only for packages with known vulnerabilities and
plans the updates that fix them. Production is only ever read.

  drydock scan PATH      what is vulnerable there, and what could not be determined
  drydock plan PATH      which updates fix it, in phases with deadlines
  drydock update APP     prove them in isolation and propose them as branches
  drydock up             keep running: an API, a durable log of events, workers

Exit codes: 0 clean, 1 findings at or above --fail-on, 2 incomplete, 3 usage or
configuration error, 4 the surroundings failed, 130 interrupted. 1 beats 2 beats 0.
Every option can be set by an environment variable DRYDOCK_<OPTION>.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand(root))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		cmd.InitDefaultHelpFlag()
		fmt.Fprint(cmd.OutOrStdout(), helpText(cmd))
	})
	f := root.PersistentFlags()
	f.StringVar(&c.opt.data, "data", "", "data directory `DIR` of the embedded log; one in use is served by who holds it")
	f.StringVar(&c.opt.server, "server", "", "`URL` of a running Drydock that does the work")
	f.StringVar(&c.opt.config, "config", "", "configuration `FILE` (YAML); default: none, or drydock/config.yaml in the user's configuration folder")
	f.StringVar(&c.opt.format, "format", "text", "`FORMAT` of the result: text or json")
	f.StringVarP(&c.opt.output, "output", "o", "", "write the result to `FILE`, whole or not at all")
	f.BoolVarP(&c.opt.quiet, "quiet", "q", false, "no progress and no hints on stderr")
	f.BoolVar(&c.opt.debug, "debug", false, "more detail on stderr")
	f.BoolVar(&c.opt.noColor, "no-color", false, "no colour (NO_COLOR does the same)")
	f.BoolVar(&c.opt.plain, "plain", false, "append-only lines, no redrawing (ACCESSIBLE=1 does the same)")
	for _, build := range commands {
		root.AddCommand(build(c))
	}
	root.AddCommand(docsCommand(c))
	root.InitDefaultHelpCmd()
	root.SetIn(c.Stdin)
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%s: %v; `%s --help` lists the options", cmd.CommandPath(), err, cmd.CommandPath())
	})
	return root
}

// helpCommand is `drydock help COMMAND`, the same as `drydock COMMAND --help`.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Help about a command", Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd := root
			for _, word := range args {
				sub := child(cmd, word)
				if sub == nil {
					return usage("%s has no command %q; `%s --help` lists them", cmd.CommandPath(), word, cmd.CommandPath())
				}
				cmd = sub
			}
			return cmd.Help()
		}}
}

// execute parses the line and runs the command.
func (c *cli) execute(ctx context.Context) error {
	root := c.root()
	line, err := arrange(root, c.Args)
	if err != nil {
		return err
	}
	root.SetArgs(line)
	guard(root, func(cmd *cobra.Command) error { return c.prepare(cmd) })
	return root.ExecuteContext(ctx)
}

// guard runs before every command, after its arguments were parsed.
func guard(cmd *cobra.Command, before func(*cobra.Command) error) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := before(cmd); err != nil {
				return err
			}
			return run(cmd, args)
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%s: %v; usage: %s", cmd.CommandPath(), err, cmd.UseLine())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		guard(sub, before)
	}
}

// prepare takes options from the environment, reads the configuration and checks the shared options.
func (c *cli) prepare(cmd *cobra.Command) error {
	c.command = cmd.CommandPath()
	if err := c.fromEnvironment(cmd); err != nil {
		return err
	}
	if formats := formatsOf(cmd); !slices.Contains(formats, c.opt.format) {
		last := len(formats) - 1
		return usage("--format %q is unknown; use %s or %s", c.opt.format, strings.Join(formats[:last], ", "), formats[last])
	}
	if c.opt.data != "" && c.opt.server != "" {
		return usage("--data and --server exclude one another: the one names a directory, the other who holds it")
	}
	var err error
	c.cfg, err = c.loadConfig()
	return err
}

// moreFormats marks a command that has formats beside text and json.
const moreFormats = "formats"

func formatsOf(cmd *cobra.Command) []string {
	return append([]string{"text", "json"}, strings.Fields(cmd.Annotations[moreFormats])...)
}

// fromEnvironment sets each option that is not on the line from DRYDOCK_<OPTION>.
func (c *cli) fromEnvironment(cmd *cobra.Command) error {
	var bad error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		value, ok := c.env(name)
		if !ok || f.Changed || f.Name == "help" || bad != nil {
			return
		}
		if f.Name == "server" && cmd.Flags().Changed("data") || f.Name == "data" && cmd.Flags().Changed("server") {
			return // the line names the other of the two
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			bad = usage("environment variable %s=%q: %v", name, value, err)
		}
	})
	return bad
}

func envName(option string) string {
	return "DRYDOCK_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// arrange puts the words of the command first, so that options may stand anywhere on the line, those of a
// command before its name included.
func arrange(root *cobra.Command, line []string) ([]string, error) {
	if len(line) > 0 && (line[0] == cobra.ShellCompRequestCmd || line[0] == cobra.ShellCompNoDescRequestCmd) {
		return line, complete(root) // a shell asks how an unfinished line could go on (drydock completion)
	}
	takesValue := map[string]bool{}
	collect(root, takesValue)
	var words, rest []string
	cmd := root
	for i := 0; i < len(line); i++ {
		arg := line[i]
		if arg == "--" {
			rest = append(rest, line[i:]...)
			break
		}
		if strings.HasPrefix(arg, "-") && arg != "-" {
			rest = append(rest, arg)
			if takesValue[arg] && i+1 < len(line) {
				i++
				rest = append(rest, line[i])
			}
			continue
		}
		if sub := child(cmd, arg); sub != nil && len(words) == depth(cmd) {
			words, cmd = append(words, arg), sub
			continue
		}
		if cmd.HasSubCommands() && cmd.Annotations[takesWords] == "" {
			return nil, usage("%s has no command %q; `%s --help` lists them", cmd.CommandPath(), arg, cmd.CommandPath())
		}
		rest = append(rest, arg)
	}
	return append(words, rest...), nil
}

// takesWords marks a command that has commands of its own and takes arguments all the same.
const takesWords = "takes-words"

// collect notes, for each way of writing an option, whether a value follows it.
func collect(cmd *cobra.Command, takes map[string]bool) {
	note := func(f *pflag.Flag) {
		takes["--"+f.Name] = f.NoOptDefVal == ""
		if f.Shorthand != "" {
			takes["-"+f.Shorthand] = f.NoOptDefVal == ""
		}
	}
	cmd.PersistentFlags().VisitAll(note)
	cmd.Flags().VisitAll(note)
	for _, sub := range cmd.Commands() {
		collect(sub, takes)
	}
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name {
			return sub
		}
	}
	return nil
}

func depth(cmd *cobra.Command) int { return len(strings.Fields(cmd.CommandPath())) - 1 }

// exactArgs names what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}
