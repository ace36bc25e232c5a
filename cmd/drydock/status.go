package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// need is one thing that waits for a person.
type need struct {
	Application string     `json:"application,omitempty"`
	What        string     `json:"what"`
	Due         *time.Time `json:"due,omitempty"`
	Breached    bool       `json:"breached,omitempty"`
	Next        string     `json:"next"`
}

// statusDoc is `drydock status --format json`.
type statusDoc struct {
	Schema     string      `json:"schema"`
	Tool       report.Tool `json:"tool"`
	ExitCode   int         `json:"exit_code"`
	NeedYou    []need      `json:"need_you"`
	Breached   int         `json:"breached"`
	InMotion   int         `json:"in_motion"`
	Incomplete []string    `json:"incomplete"` // applications not fully determined
	*api.Status
}

func statusCommand(c *cli) *cobra.Command {
	var incomplete, full bool
	cmd := &cobra.Command{Use: "status", Short: "What needs me, what is in motion, and how Drydock is",
		Long: `Exit 0: nothing needs a person. 1: something does. 2: not everything could be determined.`, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.status(cmd.Context(), incomplete, full) }}
	cmd.Flags().BoolVar(&incomplete, "incomplete", false, "list the applications that are not fully determined, and why")
	cmd.Flags().BoolVar(&full, "all", false, "every application, stream and consumer")
	return cmd
}

func (c *cli) status(ctx context.Context, incomplete, all bool) error {
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	st, err := s.api.Status(ctx)
	if err != nil {
		return err
	}
	doc := decideStatus(st)
	doc.Schema, doc.Tool = "drydock.status/v1", c.tool()
	if c.opt.format == "json" {
		err = c.resultJSON(doc)
	} else {
		p := c.page()
		if incomplete {
			renderUndetermined(p, doc)
		} else {
			renderStatus(p, doc, all)
		}
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(doc.ExitCode)
}

// decideStatus is the pure part: what waits for a person, and the exit code.
func decideStatus(st *api.Status) *statusDoc {
	doc := &statusDoc{Status: st, NeedYou: []need{}, Incomplete: []string{}}
	for _, a := range st.Applications {
		doc.InMotion += a.Pending
		if a.Complete != nil && !*a.Complete || a.Outcomes[report.OutcomeError] > 0 {
			doc.Incomplete = append(doc.Incomplete, a.Application)
		}
		for _, f := range a.Failed {
			doc.NeedYou = append(doc.NeedYou, need{Application: a.Application, What: "scan failed: " + f.Reason, Next: "drydock why " + a.Application})
			doc.Incomplete = append(doc.Incomplete, a.Application)
		}
		for _, ch := range a.Changes {
			n, moves := changeNeed(a, ch, st.Now)
			if n.Breached {
				doc.Breached++
			}
			if moves && !n.Breached {
				doc.InMotion++
				continue
			}
			doc.NeedYou = append(doc.NeedYou, n)
		}
		for _, ch := range a.Rejected {
			if ch.Kind != events.RejectedDeleted { // a person said no, and need not be asked again
				doc.NeedYou = append(doc.NeedYou, need{Application: a.Application, What: "rejected: " + ch.Reason, Next: "drydock why " + ch.Change})
			}
		}
		if n := unanswered(a.Outcomes); n > 0 {
			doc.NeedYou = append(doc.NeedYou, need{Application: a.Application, What: count(n, "finding") + " that no update can be planned for", Next: "drydock why " + a.Application})
		}
	}
	if st.DeadLetters > 0 {
		doc.NeedYou = append(doc.NeedYou, need{What: count(st.DeadLetters, "message") + " no worker could handle", Next: "drydock deadletter list"})
	}
	for _, w := range st.Bus.Warnings {
		doc.NeedYou = append(doc.NeedYou, need{What: w, Next: "drydock status --all"})
	}
	for _, d := range st.Databases {
		if d.Stale {
			doc.NeedYou = append(doc.NeedYou, need{What: "advisories for " + d.Name + " are " + hours(*d.AgeHours) + " old", Next: "drydock db update"})
		}
	}
	undetermined := len(doc.Incomplete) > 0
	if len(st.Databases) == 0 {
		doc.NeedYou = append(doc.NeedYou, need{What: "there is no advisory database", Next: "drydock db update"})
	}
	slices.SortStableFunc(doc.NeedYou, func(a, b need) int {
		return cmp.Or(-compareBool(a.Breached, b.Breached), compareDue(a.Due, b.Due))
	})
	doc.Incomplete = slices.Compact(doc.Incomplete)
	switch {
	case len(doc.NeedYou) > 0:
		doc.ExitCode = report.ExitFindings
	case undetermined || !st.Ready:
		doc.ExitCode = report.ExitIncomplete
	}
	return doc
}

// changeNeed is what a change on its way asks of a person; moves: nothing, Drydock is at it.
func changeNeed(a api.Application, ch api.Change, now time.Time) (n need, moves bool) {
	n = need{Application: a.Application, What: "update " + updateWords(ch), Next: "drydock why " + ch.Change}
	if !ch.Deadline.IsZero() {
		n.Due, n.Breached = &ch.Deadline, ch.Breached || now.After(ch.Deadline)
	}
	switch ch.Stage {
	case events.StageParked:
		n.What = "parked: " + ch.Reason
	case events.StageProposed:
		n.What = "merge " + updateWords(ch)
	case events.StageMerged:
		n.What, moves = "deploy "+updateWords(ch), true
	case events.StageValidated:
		moves = true
	case events.StageOpened:
		moves = a.Repository != "" // else it waits for somebody to apply it
	}
	return n, moves
}

// unanswered counts the findings that stay until a person decides: waiting mends none of them.
func unanswered(outcomes map[string]int) int {
	return outcomes[report.Blocked] + outcomes[report.NoFixPublished] + outcomes[report.Unsupported]
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareDue(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}

// updateWords names what a change updates: the first package, and how many more.
func updateWords(ch api.Change) string {
	if len(ch.Updates) == 0 {
		return ch.Phase
	}
	u := ch.Updates[0]
	s := u.Package + " " + u.To
	if n := len(ch.Updates) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

func renderStatus(p *page, doc *statusDoc, all bool) {
	p.line(bold, "%d need you, %s breached, %d in motion", len(doc.NeedYou), count(doc.Breached, "deadline"), doc.InMotion)
	var rows [][]cell
	for i, n := range doc.NeedYou {
		if i == 20 && !all {
			break
		}
		mark, due := cell{"!", yellow}, ""
		if n.Due != nil {
			due = "due in " + span(n.Due.Sub(doc.Now))
		}
		if n.Breached {
			mark, due = cell{"x", strong}, "breached "+span(doc.Now.Sub(*n.Due))+" ago"
		}
		rows = append(rows, []cell{mark, {cmp.Or(n.Application, "drydock"), bold}, {n.What, plain}, {due, plain}, {n.Next, dim}})
	}
	if len(rows) > 0 {
		p.table([]column{{}, {shrink: true}, {shrink: true}, {}, {}}, rows)
	}
	if more := len(doc.NeedYou) - len(rows); more > 0 {
		p.line(plain, "and %d more    drydock status --all", more)
	}
	if n := len(doc.Incomplete); n > 0 {
		p.line(yellow, "? %d of %s not fully determined    drydock status --incomplete", n, count(len(doc.Applications), "application"))
	}
	p.gap()
	renderMachine(p, doc, all)
}

// renderMachine is how Drydock itself is: databases, log, consumers behind, breakers.
func renderMachine(p *page, doc *statusDoc, all bool) {
	for _, d := range doc.Databases {
		p.line(dim, "advisories  %s: %d, %s", d.Name, d.Records, provenance(d.AgeHours, d.Partial))
	}
	for _, s := range doc.Bus.Streams {
		if all || s.Name == "EVENTS" {
			p.line(dim, "stream      %s: %s, %d kB, last %d (%s)", s.Name, count(int(s.Messages), "message"), s.Bytes/1024, s.Last, doc.Bus.Kind)
		}
	}
	for _, k := range doc.Bus.Consumers {
		if all || k.Pending > 0 || k.Redelivered > 0 {
			p.line(dim, "consumer    %s: %d behind, %d in hand, %d tried again", k.Name, k.Pending, k.InFlight, k.Redelivered)
		}
	}
	for _, b := range doc.Breakers {
		if all || b.State != "closed" {
			p.line(dim, "breaker     %s: %s, %s", b.Name, b.State, count(b.Failures, "failure"))
		}
	}
	if all {
		for _, a := range doc.Applications {
			p.line(dim, "application %s: %d open, %s", a.Application, a.Findings.Open, a.Target)
		}
	}
	ready := "ready"
	if !doc.Ready {
		ready = "not ready"
	}
	p.line(dim, "drydock     %s, %s, %s", doc.Version, ready, count(len(doc.Applications), "application"))
}

func renderUndetermined(p *page, doc *statusDoc) {
	if len(doc.Incomplete) == 0 {
		p.line(plain, "every application is fully determined")
		return
	}
	for _, a := range doc.Applications {
		if !slices.Contains(doc.Incomplete, a.Application) {
			continue
		}
		var why []string
		if a.Incomplete > 0 {
			why = append(why, count(a.Incomplete, "thing")+" could not be determined")
		}
		if n := a.Outcomes[report.OutcomeError]; n > 0 {
			why = append(why, count(n, "finding")+" could not be answered")
		}
		for _, f := range a.Failed {
			why = append(why, f.Detail)
		}
		p.wrapped(plain, "    ", "? %s: %s    drydock scan %s", a.Application, strings.Join(why, "; "), shellWord(a.Target))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
