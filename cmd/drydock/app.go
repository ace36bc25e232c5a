package main

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// appOptions are those of the commands about applications.
type appOptions struct {
	file, policy, repositoryFile, app string
	entry                             application.Entry
}

func appCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "app", Short: "The applications: declare, list, show, check", Args: cobra.NoArgs,
		Long: `The applications this server keeps safe stand in one file, applications.yaml. What
a repository says of itself, in its own .drydock.yaml, can only make it stricter.

  drydock app add payments --repository https://git.bank.example/payments.git`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	for _, build := range []func(*appOptions) *cobra.Command{c.appAdd, c.appList, c.appShow, c.appValidate, c.appSchema} {
		cmd.AddCommand(build(&appOptions{}))
	}
	return cmd
}

func (o *appOptions) fileFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.file, "applications", "", "applications `FILE`; default: the configuration's, else applications.yaml beside the configuration file")
}

func (c *cli) appAdd(o *appOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "add NAME", Short: "Declare an application: add it at the end of the file, which keeps all it has", Args: exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.appAdded(cmd.Context(), args[0], o) }}
	o.fileFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.entry.Repository, "repository", "", "`URL` of the repository (https, ssh, git@host:path), or an absolute path; without credentials")
	f.StringSliceVar(&o.entry.Owners, "owner", nil, "`NAME` of a group or person who answers for it; repeat it, or separate several by commas")
	f.StringVar(&o.entry.Path, "path", "", "`FOLDER` of the application in the repository; default: all of it")
	f.StringVar(&o.entry.Base, "base", "", "`BRANCH` that changes are made for; default: the repository's own")
	return cmd
}

func (c *cli) appList(o *appOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the applications", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return c.appListed(o) }}
	o.fileFlag(cmd)
	return cmd
}

func (c *cli) appShow(o *appOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show what counts for an application, and where each value comes from", Args: exactArgs("NAME"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return c.appNames(cmd, o), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return c.appShown(args[0], o) }}
	o.fileFlag(cmd)
	cmd.Flags().StringVar(&o.policy, "policy", "", "policy `FILE` laid over the built-in one")
	cmd.Flags().StringVar(&o.repositoryFile, "repository-file", "", "the repository's own `FILE` (.drydock.yaml), to show what results of both")
	return cmd
}

func (c *cli) appValidate(o *appOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "validate [FILE]", Short: "Say all that is wrong with an applications file or a repository's .drydock.yaml", Args: atMost("FILE"),
		RunE: func(_ *cobra.Command, args []string) error { return c.appValidated(first(append(args, "")...), o) }}
	o.fileFlag(cmd)
	cmd.Flags().StringVar(&o.policy, "policy", "", "policy `FILE` laid over the built-in one")
	cmd.Flags().StringVar(&o.app, "app", "", "`NAME` of the application whose repository FILE is of: what would loosen it is told too")
	return cmd
}

func (c *cli) appSchema(*appOptions) *cobra.Command {
	kinds := []string{"applications", "repository"}
	return &cobra.Command{Use: "schema [applications|repository]", Short: "Print the JSON Schema of a file, for editors", Args: atMost("KIND"), ValidArgs: kinds,
		RunE: func(_ *cobra.Command, args []string) error {
			switch kind := first(append(args, "applications")...); kind {
			case "applications":
				return c.result(application.JSONSchema(application.Schema))
			case "repository":
				return c.result(application.JSONSchema(application.RepositorySchema))
			default:
				return usage("app schema: %q is no file of an application%s; use %s", kind, strictyaml.Suggest(kind, kinds), strings.Join(kinds, " or "))
			}
		}}
}

// atMost takes one argument or none.
func atMost(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactArgs(name)(cmd, args)
	}
}

// applicationsFile is the file the commands speak of.
func (c *cli) applicationsFile(option string) (string, error) {
	if c.opt.server != "" {
		return "", usage("--server: the applications of another server stand in a file there; run this where the file is")
	}
	if file := cmp.Or(option, c.cfg.Applications); file != "" {
		return file, nil
	}
	dir := c.userDir("XDG_CONFIG_HOME", ".config")
	if c.opt.config != "" {
		dir = filepath.Dir(c.opt.config)
	}
	if dir == "" {
		return "", usage("there is no home directory, so no place for applications; name their file with --applications FILE")
	}
	return filepath.Join(dir, "applications.yaml"), nil
}

// applications reads the file. One that is not there is an error only where somebody named it.
func (c *cli) applications(option string) (*application.Set, string, error) {
	file, err := c.applicationsFile(option)
	if err != nil {
		return nil, "", err
	}
	set, err := application.Load(file)
	switch {
	case err == nil:
		return set, file, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, file, fileError(err)
	case option != "" || c.cfg.Applications != "":
		return nil, file, surroundings("read applications %s: there is no such file; check the path, or make it with `drydock app add`", file)
	}
	set, err = application.ParseSet(file, []byte("applications: {}"))
	return set, file, err
}

// fileError gives what is wrong with a file the code of a configuration error, and what is wrong with the
// disk that of the surroundings.
func fileError(err error) error {
	if e := (*strictyaml.Errors)(nil); errors.As(err, &e) {
		return &exitError{report.ExitUsage, err}
	}
	return &exitError{report.ExitEnvironment, err}
}

// appNames are the names for a shell to complete; a file that can't be read completes nothing.
func (c *cli) appNames(cmd *cobra.Command, o *appOptions) []string {
	if c.prepare(cmd) != nil {
		return nil
	}
	set, _, err := c.applications(o.file)
	if err != nil {
		return nil
	}
	return set.Names()
}

type appRow struct {
	Application  string   `json:"application"`
	Repository   string   `json:"repository"`
	Path         string   `json:"path"`
	Base         string   `json:"base,omitempty"`
	Owners       []string `json:"owners"`
	Environments []string `json:"environments"`
	Merge        string   `json:"merge"`
	Isolation    string   `json:"isolation"`
	Digest       string   `json:"digest"`
}

func (c *cli) appListed(o *appOptions) error {
	set, file, err := c.applications(o.file)
	if err != nil {
		return err
	}
	load, err := c.policy(c.cfg.Policy)
	if err != nil {
		return err
	}
	rows := []appRow{}
	for _, a := range set.All() {
		e, _ := application.Compose(a, application.Repository{}, load()) // what is wrong with it is for validate
		rows = append(rows, appRow{a.Name, a.Repository, a.Path, a.Base, append([]string{}, a.Owners...), append([]string{}, a.EnvironmentNames()...), string(e.Merge), string(e.Isolation), a.Digest()})
	}
	if c.opt.format == "json" {
		return c.resultJSON(struct {
			Schema       string      `json:"schema"`
			Tool         report.Tool `json:"tool"`
			ExitCode     int         `json:"exit_code"`
			File         string      `json:"file"`
			Digest       string      `json:"digest"`
			Applications []appRow    `json:"applications"`
		}{"drydock.application-list/v1", c.tool(), 0, file, set.Digest(), rows})
	}
	if len(rows) == 0 {
		c.note("no applications in %s; add one: drydock app add NAME --repository URL", file)
		return c.result(nil)
	}
	p := c.page()
	table := make([][]cell, len(rows))
	for i, r := range rows {
		table[i] = []cell{{text: r.Application}, {text: r.Repository}, {text: cmp.Or(strings.Join(r.Environments, " "), "none")}, {text: r.Merge}, {text: r.Isolation}}
	}
	p.table([]column{{head: "APPLICATION", shrink: true, path: true}, {head: "REPOSITORY", shrink: true, path: true}, {head: "ENVIRONMENTS", shrink: true}, {head: "MERGE"}, {head: "ISOLATION"}}, table)
	return c.result([]byte(p.b.String()))
}

// composed is an application with what its repository says, and all that is wrong with the two together.
func (c *cli) composed(a application.Application, repositoryFile, policyFile string) (application.Effective, error) {
	load, err := c.policy(cmp.Or(policyFile, c.cfg.Policy))
	if err != nil {
		return application.Effective{}, err
	}
	repo, err := readRepository(repositoryFile)
	if err != nil {
		return application.Effective{}, err
	}
	e, found := application.Compose(a, repo, load())
	if err := strictyaml.NewErrors(found); err != nil {
		return e, fileError(err)
	}
	return e, nil
}

func readRepository(file string) (application.Repository, error) {
	if file == "" {
		return application.Repository{}, nil
	}
	data, err := strictyaml.File("the repository's file", file)
	if err != nil {
		return application.Repository{}, fileError(err)
	}
	repo, err := application.ParseRepository(file, data)
	if err != nil {
		return repo, fileError(err)
	}
	return repo, nil
}

// lookApp finds an application by its name.
func lookApp(set *application.Set, file, name string) (application.Application, error) {
	a, ok := set.Get(name)
	if !ok {
		known := "; `drydock app list` lists them"
		if len(set.Names()) == 0 {
			known = "; it has none"
		}
		return a, usage("there is no application %s in %s%s%s", name, file, strictyaml.Suggest(name, set.Names()), known)
	}
	return a, nil
}
