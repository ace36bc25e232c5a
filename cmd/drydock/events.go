package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// selection are the options that select events.
type selection struct{ typ, app, change, since string }

func (s *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.typ, "type", "", "only events of this `TYPE` (drydock events types)")
	f.StringVar(&s.app, "app", "", "only events of application `APP` (_ for the organisation)")
	f.StringVar(&s.change, "change", "", "only events that speak of change `C`")
	f.StringVar(&s.since, "since", "", "only events since `TIME|SEQ` (a time, or a sequence)")
}

func (s *selection) query(follow bool) (api.EventQuery, error) {
	q := api.EventQuery{App: s.app, Type: s.typ, Change: s.change, Follow: follow}
	if s.typ != "" {
		_, byName := events.LookupName(s.typ)
		if _, byType := events.Lookup(s.typ); !byName && !byType {
			return q, usage("--type %q is unknown; `drydock events types` lists them", s.typ)
		}
	}
	if s.app != "" {
		if err := events.CheckApp(s.app); err != nil {
			return q, usage("--app: %v", err)
		}
	}
	if s.since == "" {
		return q, nil
	}
	if n, err := strconv.ParseUint(s.since, 10, 64); err == nil {
		q.From = n
		return q, nil
	}
	t, err := parseTime("--since", s.since)
	if err != nil {
		return q, usage("--since %q is neither a sequence nor a time; write 42 or 2026-11-22T08:00:00Z", s.since)
	}
	q.Since = t
	return q, nil
}

func eventsCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "Read the log of events", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	for _, v := range []struct {
		name, short string
		follow      bool
	}{{"list", "Print the events of the log, one line of JSON each", false}, {"tail", "Print the events of the log and go on with what comes, until Ctrl-C", true}} {
		sel := &selection{}
		sub := &cobra.Command{Use: v.name, Short: v.short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.printEvents(cmd.Context(), sel, v.follow) }}
		sel.flags(sub)
		cmd.AddCommand(sub)
	}
	cmd.AddCommand(&cobra.Command{Use: "types", Short: "List the types of events, in the order of their story", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.eventTypes() }})
	return cmd
}

func (c *cli) printEvents(ctx context.Context, sel *selection, follow bool) error {
	q, err := sel.query(follow)
	if err != nil {
		return err
	}
	if follow && c.opt.output != "" {
		return usage("events tail has no end, so --output can't write it whole; redirect stdout instead")
	}
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	var whole strings.Builder
	bad := 0
	_, err = s.api.Events(ctx, q, func(r bus.Record) error {
		line, err := gateway.EncodeRecord(r)
		if err != nil {
			return err
		}
		if r.Err != nil {
			bad++
		}
		line = append(escapeControls(line), '\n')
		if c.opt.output != "" {
			whole.Write(line)
			return nil
		}
		if _, err := c.Stdout.Write(line); err != nil {
			return surroundings("write the events to stdout: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.opt.output != "" {
		if err := c.result([]byte(whole.String())); err != nil {
			return err
		}
	}
	if bad > 0 {
		c.note("%s in the log can't be read as an event; drydock deadletter list may have them", count(bad, "message"))
		return exitWith(report.ExitIncomplete)
	}
	return nil
}

// eventType is a row of `drydock events types --format json`.
type eventType struct {
	Name      string           `json:"name"`
	Type      string           `json:"type"`
	Producer  events.Service   `json:"producer"`
	Consumers []events.Service `json:"consumers,omitempty"`
	Sentence  string           `json:"sentence"`
}

func (c *cli) eventTypes() error {
	doc := struct {
		Schema   string      `json:"schema"`
		Tool     report.Tool `json:"tool"`
		ExitCode int         `json:"exit_code"`
		Types    []eventType `json:"types"`
	}{Schema: "drydock.event-types/v1", Tool: c.tool()}
	p := c.page()
	for _, r := range events.Catalog {
		doc.Types = append(doc.Types, eventType{r.Name(), r.Type(), r.Producer, r.Consumers, r.Sentence})
		consumers := "nobody yet"
		if len(r.Consumers) > 0 {
			consumers = strings.Trim(fmt.Sprint(r.Consumers), "[]")
		}
		p.line(bold, "%-22s %s → %s", r.Name(), r.Producer, consumers)
		p.wrapped(plain, "    ", "    %s", r.Sentence)
	}
	if c.opt.format == "json" {
		return c.resultJSON(doc)
	}
	return c.result([]byte(p.b.String()))
}
