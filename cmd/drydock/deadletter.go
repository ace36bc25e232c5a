package main

import (
	"context"
	"os/user"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// letters is `drydock deadletter list --format json`.
type letters struct {
	Schema   string       `json:"schema"`
	Tool     report.Tool  `json:"tool"`
	ExitCode int          `json:"exit_code"`
	Letters  []bus.Letter `json:"letters"`
}

// letterDoc is that of one letter.
type letterDoc struct {
	Schema   string      `json:"schema"`
	Tool     report.Tool `json:"tool"`
	ExitCode int         `json:"exit_code"`
	Letter   *bus.Letter `json:"letter"`
}

func deadletterCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "deadletter", Short: "Messages that no worker could handle", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var all bool
	list := &cobra.Command{Use: "list", Short: "List those nobody has decided on; exit 1 when there are any", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.listLetters(cmd.Context(), all) }}
	list.Flags().BoolVar(&all, "all", false, "decided ones too")
	show := &cobra.Command{Use: "show ID", Short: "Show one with its headers and bytes", Args: exactArgs("ID"),
		RunE: c.letter(func(ctx context.Context, s *session, id uint64) (*bus.Letter, error) { return s.api.Letter(ctx, id) })}
	var why string
	requeue := &cobra.Command{Use: "requeue ID", Short: "Hand one to its worker once more", Args: exactArgs("ID"),
		RunE: c.letter(func(ctx context.Context, s *session, id uint64) (*bus.Letter, error) {
			return s.api.Requeue(ctx, id, api.Resolve{Actor: actor(), Reason: why})
		})}
	requeue.Flags().StringVar(&why, "reason", "", "`TEXT`: what was mended")
	drop := &cobra.Command{Use: "drop ID --reason TEXT", Short: "Give one up for good; the reason is kept", Args: exactArgs("ID"),
		RunE: c.letter(func(ctx context.Context, s *session, id uint64) (*bus.Letter, error) {
			return s.api.Drop(ctx, id, api.Resolve{Actor: actor(), Reason: why})
		})}
	drop.Flags().StringVar(&why, "reason", "", "`TEXT`: why it may be lost (required)")
	cmd.AddCommand(list, show, requeue, drop)
	return cmd
}

// actor is the person at the keyboard, as far as the system knows.
func actor() string {
	u, err := user.Current()
	if err != nil {
		return "unknown user"
	}
	return u.Username
}

func (c *cli) listLetters(ctx context.Context, all bool) error {
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	list, err := s.api.Letters(ctx, all)
	if err != nil {
		return err
	}
	code, open := report.ExitOK, 0
	p := c.page()
	var rows [][]cell
	for _, l := range list {
		state := "waits"
		if l.Resolved != nil {
			state = l.Resolved.Verdict
		} else {
			open++
			code = report.ExitFindings
		}
		rows = append(rows, []cell{{strconv.FormatUint(l.ID, 10), bold}, {l.Time.UTC().Format("2 Jan 15:04Z"), plain}, {l.Consumer, plain}, {strconv.Itoa(l.Attempts), plain}, {state, plain}, {l.Reason, plain}})
	}
	if c.opt.format == "json" {
		err = c.resultJSON(letters{"drydock.deadletters/v1", c.tool(), code, list})
	} else {
		if len(rows) == 0 {
			p.line(plain, "no message waits: every one was handled")
		} else {
			p.table([]column{{head: "ID"}, {head: "TIME"}, {head: "CONSUMER", shrink: true}, {head: "TRIES"}, {head: "STATE"}, {head: "REASON", shrink: true}}, rows)
		}
		if open > 0 {
			p.gap()
			p.line(plain, "next    drydock deadletter show ID, then requeue ID or drop ID --reason \"…\"")
		}
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(code)
}

// letter makes a command that does something with one letter and shows it.
func (c *cli) letter(do func(context.Context, *session, uint64) (*bus.Letter, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		id, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return usage("ID %q is not a number; `drydock deadletter list` shows them", args[0])
		}
		s, err := c.reads(cmd.Context())
		if err != nil {
			return err
		}
		defer s.close()
		l, err := do(cmd.Context(), s, id)
		if err != nil {
			return err
		}
		if c.opt.format == "json" {
			return c.resultJSON(letterDoc{"drydock.deadletter/v1", c.tool(), report.ExitOK, l})
		}
		p := c.page()
		renderLetter(p, l)
		return c.result([]byte(p.b.String()))
	}
}

func renderLetter(p *page, l *bus.Letter) {
	p.line(bold, "dead letter %d: %s", l.ID, l.Subject)
	p.wrapped(plain, "          ", "reason    %s", l.Reason)
	p.line(plain, "from      %s %d, consumer %s, after %s", l.Stream, l.Sequence, l.Consumer, count(l.Attempts, "attempt"))
	p.line(plain, "time      %s", l.Time.UTC().Format("2006-01-02T15:04:05Z"))
	for _, k := range sortedKeys(l.Headers) {
		for _, v := range l.Headers[k] {
			p.wrapped(dim, "          ", "header    %s: %s", k, v)
		}
	}
	if len(l.Data) > 0 {
		if utf8.Valid(l.Data) {
			p.wrapped(plain, "          ", "data      %s", l.Data)
		} else {
			p.wrapped(plain, "          ", "data      %d bytes that are not text: %q", len(l.Data), l.Data[:min(len(l.Data), 200)])
		}
	}
	if r := l.Resolved; r != nil {
		p.wrapped(plain, "          ", "%-9s by %s on %s: %s", r.Verdict, r.Actor, r.Time.UTC().Format("2006-01-02T15:04Z"), r.Reason)
	}
}
