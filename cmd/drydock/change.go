package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func changeCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "change", Short: "The changes on their way: list, show, watch, why", Args: cobra.NoArgs,
		Long: `A change is one phase of a plan on its way to production: opened, validated in isolation,
proposed as a branch, merged. An id may be cut short where it stays unique.

  drydock change list            what is on its way, the most urgent first
  drydock change why c-7f3a      what it waits for, since when, and who can act`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	for _, build := range []func() *cobra.Command{c.changeList, c.changeShow, c.changeWatch, c.changeWhy} {
		cmd.AddCommand(build())
	}
	return cmd
}

func (c *cli) changeList() *cobra.Command {
	app, all := "", false
	cmd := &cobra.Command{Use: "list", Short: "List the changes on their way, the most urgent first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.changesListed(cmd.Context(), app, all) }}
	cmd.Flags().StringVar(&app, "app", "", "only those of application `APP`")
	cmd.Flags().BoolVar(&all, "all", false, "those that ended, too")
	_ = cmd.RegisterFlagCompletionFunc("app", c.offers(c.knownApps)) // the option is defined two lines above
	return cmd
}

func (c *cli) changeWatch() *cobra.Command {
	until := ""
	cmd := &cobra.Command{Use: "watch CHANGE", Short: "One line an event of a change, from its beginning until it ends", Args: exactArgs("CHANGE"),
		Long: `Ends by itself: with --until proposed when people can look at the change (exit 0 proposed or
merged, 2 parked, 1 ended otherwise), with --until ended when it ends (exit 0 closed, 1 otherwise).`,
		ValidArgsFunction: c.offers(c.changeIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.watch(cmd.Context(), &watchOptions{change: args[0], until: until, prefix: true})
		}}
	cmd.Flags().StringVar(&until, "until", untilEnded, "end `WHEN` it is proposed, or ended")
	_ = cmd.RegisterFlagCompletionFunc("until", cobra.FixedCompletions([]string{untilProposed, untilEnded}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) changeWhy() *cobra.Command {
	return &cobra.Command{Use: "why CHANGE", Short: "What a change waits for, since when, and who can act", Args: exactArgs("CHANGE"),
		ValidArgsFunction: c.offers(c.changeIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changeForm.MatchString(args[0]) {
				return noChangeID(args[0])
			}
			return c.why(cmd.Context(), args)
		}}
}

// changesDoc is `drydock change list --format json`.
type changesDoc struct {
	Schema   string       `json:"schema"`
	Tool     report.Tool  `json:"tool"`
	ExitCode int          `json:"exit_code"`
	Changes  []api.Change `json:"changes"`
}

func (c *cli) changesListed(ctx context.Context, app string, all bool) error {
	if app != "" {
		if err := events.CheckApp(app); err != nil || app == events.Org {
			return usage("--app %q: want 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", app)
		}
	}
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	list, err := s.api.Changes(ctx, app, all)
	if err != nil {
		return err
	}
	if c.opt.format == "json" {
		return c.resultJSON(changesDoc{"drydock.changes/v1", c.tool(), 0, append([]api.Change{}, list...)})
	}
	if len(list) == 0 {
		c.note("no change is on its way%s", map[bool]string{true: ", and none has ended", false: "; drydock change list --all has those that ended"}[all])
		return c.result(nil)
	}
	p := c.page()
	renderChanges(p, list, s.now(ctx))
	return c.result([]byte(p.b.String()))
}

// now is the clock that counts: the workers'.
func (s *session) now(ctx context.Context) time.Time {
	if s.remote != "" {
		if st, err := s.api.Status(ctx); err == nil {
			return st.Now
		}
	}
	return time.Now().UTC()
}

// changeForm is an id of a change, or its beginning.
var changeForm = regexp.MustCompile(`^c-[0-9a-f]{1,8}$`)

func noChangeID(ref string) error {
	return usage("%q is no change: an id is c- and 8 hex digits, or the first of them; `drydock change list` lists them", ref)
}

// findChange finds a change by its id or by the beginning of it, and whose it is.
func findChange(ctx context.Context, s *session, ref string) (id, app string, err error) {
	if !changeForm.MatchString(ref) {
		return "", "", noChangeID(ref)
	}
	q := api.EventQuery{Type: "change.opened"}
	if len(ref) == len("c-")+8 {
		q.Change = ref
	}
	var ids []string
	_, err = s.api.Events(ctx, q, func(r bus.Record) error {
		if p, err := events.Decode[events.ChangeOpened](r.Event); err == nil && strings.HasPrefix(p.Change, ref) && !slices.Contains(ids, p.Change) {
			ids, app = append(ids, p.Change), events.App(r.Event)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", "", err
	case len(ids) == 0:
		return "", "", surroundings("the log knows no change %s; `drydock change list --all` lists them", ref)
	case len(ids) > 1:
		slices.Sort(ids)
		more := ""
		if n := len(ids) - 5; n > 0 {
			ids, more = ids[:5], " and "+count(n, "other")
		}
		return "", "", usage("%s is the beginning of several changes: %s%s; give more of it", ref, strings.Join(ids, ", "), more)
	}
	return ids[0], app, nil
}

// completeTime bounds what a shell waits for while a person types.
const completeTime = 2 * time.Second

// offers has a shell offer what list finds on the log; where nothing can be read, nothing is offered.
func (c *cli) offers(list func(context.Context, *session) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 || c.prepare(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c.opt.quiet = true
		ctx, cancel := context.WithTimeout(context.Background(), completeTime+c.Slow)
		defer cancel()
		s, err := c.reads(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.close()
		return list(ctx, s), cobra.ShellCompDirectiveNoFileComp
	}
}

// changeIDs are the changes on their way, with what they are beside them.
func (c *cli) changeIDs(ctx context.Context, s *session) []string {
	list, _ := s.api.Changes(ctx, "", false) // nothing is offered where it can't be read
	out := make([]string, len(list))
	for i, ch := range list {
		out[i] = ch.Change + "\t" + oneLine(ch.Application+", "+ch.Stage+": "+updateWords(ch))
	}
	return out
}

// knownApps are the applications of the log, and those declared.
func (c *cli) knownApps(ctx context.Context, s *session) []string {
	var out []string
	known, _ := s.api.Applications(ctx) // as above
	for _, a := range known {
		out = append(out, a.Application)
	}
	return append(out, c.declaredApps(ctx, s)...)
}

// declaredApps are those that can be updated.
func (c *cli) declaredApps(ctx context.Context, s *session) []string {
	var out []string
	declared, _ := s.api.Declared(ctx) // as above
	for _, d := range declared {
		out = append(out, d.Application)
	}
	return out
}
