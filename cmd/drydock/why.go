package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// answer is what `drydock why` prints.
type answer struct {
	Schema   string      `json:"schema"`
	Tool     report.Tool `json:"tool"`
	ExitCode int         `json:"exit_code"`
	Subject  string      `json:"subject"`
	Headline string      `json:"headline"`
	Timeline []told      `json:"timeline"`
	Facts    []fact      `json:"facts"`
	Waits    []api.Wait  `json:"waits,omitempty"` // of a change: what it waits for, the one that holds it first

	now time.Time
}

// fact is one line below the timeline: next, deadline, blocked by.
type fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func (a *answer) say(name, format string, args ...any) {
	a.Facts = append(a.Facts, fact{name, fmt.Sprintf(format, args...)})
}

func whyCommand(c *cli) *cobra.Command {
	return &cobra.Command{Use: "why APP [VULNERABILITY] | CHANGE | DIGEST | SEQUENCE", Short: "Why something is as it is, and what happens next",
		Long: `  drydock why payments CVE-2023-30861   one vulnerability of an application
  drydock why payments                  an application
  drydock why c-7f3a1b2c                a change
  drydock why sha256:…                  a document, and the events that name it
  drydock why 42                        an event of the log, its cause and what came of it`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return errors.New("name an application and a vulnerability, a change, a digest or a sequence")
			}
			return nil
		},
		ValidArgsFunction: c.offers(func(ctx context.Context, s *session) []string {
			return append(c.knownApps(ctx, s), c.changeIDs(ctx, s)...)
		}),
		RunE: func(cmd *cobra.Command, args []string) error { return c.why(cmd.Context(), args) }}
}

func (c *cli) why(ctx context.Context, args []string) error {
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	a := &answer{Schema: "drydock.why/v1", Tool: c.tool(), Subject: strings.Join(args, " "), Timeline: []told{}, Facts: []fact{}, now: time.Now().UTC()}
	if s.remote != "" { // the clock that counts is the workers'
		if st, err := s.api.Status(ctx); err == nil {
			a.now = st.Now
		}
	}
	w := &inquiry{ctx: ctx, s: s, a: a}
	seq, notNumber := strconv.ParseUint(args[0], 10, 64)
	switch {
	case len(args) == 2:
		err = w.vulnerability(args[0], args[1])
	case changeForm.MatchString(args[0]):
		err = w.changeOrApplication(args[0])
	case strings.HasPrefix(args[0], "sha256:"):
		err = w.digest(args[0])
	case notNumber == nil:
		err = w.sequence(seq)
	default:
		err = w.application(args[0])
	}
	if err != nil {
		return err
	}
	if c.opt.format == "json" {
		err = c.resultJSON(a)
	} else {
		p := c.page()
		renderAnswer(p, a)
		err = c.result([]byte(p.b.String()))
	}
	if err != nil {
		return err
	}
	return exitWith(a.ExitCode)
}

func renderAnswer(p *page, a *answer) {
	p.wrapped(bold, "  ", "%s", a.Headline)
	for _, t := range a.Timeline {
		p.wrapped(plain, strings.Repeat(" ", 26), "%-14s %-10s %s", tellTime(t.Time, a.now), t.Verb, t.Text)
	}
	for _, f := range a.Facts {
		p.wrapped(plain, strings.Repeat(" ", 15), "%-14s %s", f.Name, f.Text)
	}
}

// inquiry gathers an answer.
type inquiry struct {
	ctx context.Context
	s   *session
	a   *answer
}

// fold reads the events of an application and what they add up to: the same pure function the workers use.
func (w *inquiry) fold(app string) ([]bus.Record, *events.State, error) {
	var records []bus.Record
	st := events.NewState(app)
	if err := events.CheckApp(app); err != nil {
		return nil, nil, usage("%w", err)
	}
	_, err := w.s.api.Events(w.ctx, api.EventQuery{App: app}, func(r bus.Record) error {
		if r.Err != nil {
			return nil
		}
		records = append(records, r)
		return st.Apply(r.Record)
	})
	if err == nil && len(records) == 0 {
		err = surroundings("no application is called %q; `drydock status --all` lists them", app)
	}
	return records, st, err
}

// timeline keeps the records that pick chooses.
func (w *inquiry) timeline(records []bus.Record, pick func(bus.Record) bool) {
	for _, r := range records {
		if pick(r) {
			w.a.Timeline = append(w.a.Timeline, tell(r))
		}
	}
}

func names(r bus.Record, what string) bool {
	return r.Err == nil && strings.Contains(string(r.Event.Data()), `"`+what+`"`)
}

func (w *inquiry) application(app string) error {
	records, st, err := w.fold(app)
	if err != nil {
		return err
	}
	open := st.OpenFindings()
	switch {
	case len(st.Pending) > 0:
		w.a.Headline = fmt.Sprintf("%s: %s asked for and not answered yet", app, count(len(st.Pending), "scan"))
	case len(st.Failed) > 0:
		w.a.Headline = fmt.Sprintf("%s: its last scan failed", app)
	case len(st.Scans) == 0:
		w.a.Headline = fmt.Sprintf("%s: never scanned", app)
	case open == 0:
		w.a.Headline = fmt.Sprintf("%s: no open finding", app)
	default:
		w.a.Headline = fmt.Sprintf("%s: %s open", app, count(open, "finding"))
	}
	w.timeline(records[max(0, len(records)-12):], func(bus.Record) bool { return true })
	if st.Declared != nil {
		w.a.say("source", "%s", strings.TrimSpace(st.Declared.Target+" "+st.Declared.Remote))
	}
	for _, f := range st.Failed {
		w.a.say("failed", "%s", f.Detail)
	}
	for _, sc := range st.Scans {
		if !sc.Scan.Complete {
			w.a.say("incomplete", "%s not determined in %s", count(sc.Scan.Incomplete, "thing"), sc.Scan.Target)
		}
	}
	for _, ch := range openChanges(st) {
		w.a.say("change", "%s %s, %s, deadline %s", ch.Change, ch.Phase, ch.Stage(), deadlineWords(ch, w.a.now))
	}
	return nil
}

func openChanges(st *events.State) []events.Change {
	var out []events.Change
	for _, ch := range st.Changes {
		if ch.Terminal == "" {
			out = append(out, ch)
		}
	}
	slices.SortFunc(out, func(a, b events.Change) int {
		return cmp.Or(events.CompareDeadlines(a.Deadline, b.Deadline), cmp.Compare(a.Change, b.Change))
	})
	return out
}

func (w *inquiry) vulnerability(app, id string) error {
	records, st, err := w.fold(app)
	if err != nil {
		return err
	}
	var found []events.Finding
	for _, f := range st.Findings {
		if strings.EqualFold(f.Vulnerability, id) || slices.ContainsFunc(f.IDs, func(s string) bool { return strings.EqualFold(s, id) }) {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return w.neverFound(st, id)
	}
	slices.SortFunc(found, func(a, b events.Finding) int {
		return cmp.Or(-compareBool(a.Open, b.Open), cmp.Compare(a.FindingOpened.Finding, b.FindingOpened.Finding))
	})
	f := found[0]
	var inPlan []events.Change
	for _, ch := range openChanges(st) {
		if slices.Contains(ch.Findings, f.FindingOpened.Finding) {
			inPlan = append(inPlan, ch)
		}
	}
	if err := w.headline(st, f, inPlan); err != nil {
		return err
	}
	w.timeline(records, func(r bus.Record) bool {
		for _, x := range found {
			if names(r, x.FindingOpened.Finding) {
				return true
			}
		}
		return slices.ContainsFunc(inPlan, func(ch events.Change) bool { return events.Ext(r.Event, events.ExtChange) == ch.Change })
	})
	if more := len(found) - 1; more > 0 {
		w.a.say("also", "%s of it in other places", count(more, "finding"))
	}
	return nil
}

// headline says how a finding stands, and what comes next.
func (w *inquiry) headline(st *events.State, f events.Finding, inPlan []events.Change) error {
	what := fmt.Sprintf("%s %s", f.Package, f.Version)
	switch {
	case !f.Open:
		w.a.Headline = fmt.Sprintf("closed: %s no longer has it (%s, %s)", f.Package, f.ClosedReason, f.ClosedAt.UTC().Format("2 Jan 2006 15:04Z"))
	case len(inPlan) > 0:
		ch := inPlan[0]
		w.a.Headline = fmt.Sprintf("planned, not fixed: change %s (%s) updates %s", ch.Change, ch.Phase, what)
		if stage := ch.Stage(); stage != events.StageOpened {
			w.a.say("stage", "%s; drydock change why %s", stage, ch.Change)
		}
		w.a.say("next", "apply %s, then %s: the finding closes when a scan no longer sees it", updatesOf(ch, f.Package), scanAgain(st))
		w.a.say("deadline", "%s", deadlineWords(ch, w.a.now))
	case st.Plan == nil:
		w.a.Headline = fmt.Sprintf("found in %s, not planned yet", what)
		w.a.say("next", "%s", planAgain(st))
	default:
		return w.outcome(st, f)
	}
	return nil
}

// outcome is why the plan in force has no update for a finding.
func (w *inquiry) outcome(st *events.State, f events.Finding) error {
	raw, err := w.s.api.Evidence(w.ctx, st.Plan.Document)
	if err != nil {
		return err
	}
	var p report.Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return surroundings("read the plan of %s: %w", st.App, err)
	}
	w.a.Headline = fmt.Sprintf("found in %s %s; the plan in force does not speak of it yet", f.Package, f.Version)
	for _, o := range p.Outcomes {
		if o.Package != f.Package || o.Vulnerability != f.Vulnerability || o.Source != f.Source {
			continue
		}
		w.a.Headline = fmt.Sprintf("%s: %s %s: %s", o.Outcome, f.Package, f.Version, o.Detail)
		for _, link := range o.Chain {
			w.a.say("because", "%s", link)
		}
		break
	}
	return nil
}

func updatesOf(ch events.Change, pkg string) string {
	for _, u := range ch.Updates {
		if u.Package == pkg {
			return pkg + " " + u.To
		}
	}
	return "the updates of " + ch.Change
}

func targetOf(st *events.State) string {
	if st.Declared == nil {
		return "PATH"
	}
	return shellWord(st.Declared.Target)
}

// ofItsRepository reports whether the application was last read from its declared repository, not from a path here.
func ofItsRepository(st *events.State) bool {
	return st.Declared != nil && st.Declared.Remote != "" && st.Declared.Target == st.Declared.Remote
}

func scanAgain(st *events.State) string {
	if ofItsRepository(st) {
		return "drydock update " + st.App
	}
	return "drydock scan " + targetOf(st)
}

func planAgain(st *events.State) string {
	if ofItsRepository(st) {
		return "drydock update " + st.App
	}
	return "drydock plan " + targetOf(st)
}

// neverFound does not say clean: it says what the last scans could tell.
func (w *inquiry) neverFound(st *events.State, id string) error {
	if len(st.Scans) == 0 {
		return surroundings("application %q was never scanned successfully, so nothing is known of %s; run `drydock scan`", st.App, id)
	}
	complete := true
	for _, s := range st.Scans {
		complete = complete && s.Scan.Complete
	}
	if !complete {
		w.a.Headline, w.a.ExitCode = fmt.Sprintf("%s was never found in %s, but its scans could not determine everything", id, st.App), report.ExitIncomplete
		w.a.say("next", "drydock status --incomplete")
		return nil
	}
	w.a.Headline = fmt.Sprintf("%s was never found in %s, by complete scans against the databases of their time", id, st.App)
	return nil
}

func (w *inquiry) digest(d string) error {
	if _, err := evidence.Parse(d); err != nil {
		return usage("%w", err)
	}
	var hits []bus.Record
	_, err := w.s.api.Events(w.ctx, api.EventQuery{}, func(r bus.Record) error {
		if names(r, d) {
			hits = append(hits, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.timeline(hits, func(bus.Record) bool { return true })
	data, err := w.s.api.Evidence(w.ctx, d)
	switch {
	case err == nil:
		w.a.Headline = fmt.Sprintf("%s is a stored document of %d bytes, named by %s", short(d), len(data), count(len(hits), "event"))
	case len(hits) > 0 && api.Is(err, api.NotFound):
		if w.a.Headline = planHeadline(hits, d); w.a.Headline == "" {
			w.a.Headline = fmt.Sprintf("%s names no stored document, and stands in %s", short(d), count(len(hits), "event"))
		}
	case api.Is(err, api.NotFound):
		return surroundings("nothing here is called %s: no event names it and no document has it", d)
	default:
		return err
	}
	return nil
}

// planHeadline says what became of the plan called d; empty when the events speak of no such plan.
func planHeadline(hits []bus.Record, d string) (headline string) {
	for _, r := range hits {
		if p, err := events.Decode[events.PlanGenerated](r.Event); err == nil && p.Plan == d {
			headline = fmt.Sprintf("plan %s of %s: %s, in force", short(d), events.App(r.Event), count(len(p.Phases), "phase"))
		}
		if p, err := events.Decode[events.PlanSuperseded](r.Event); err == nil && p.Plan == d {
			headline = fmt.Sprintf("plan %s of %s: superseded by %s", short(d), events.App(r.Event), short(p.By))
		}
	}
	return headline
}

func (w *inquiry) sequence(seq uint64) error {
	var all []bus.Record
	var it *bus.Record
	_, err := w.s.api.Events(w.ctx, api.EventQuery{}, func(r bus.Record) error {
		all = append(all, r)
		if r.Sequence == seq {
			it = &r
		}
		return nil
	})
	if err != nil {
		return err
	}
	if it == nil {
		return surroundings("the log has no event %d; it ends at %d", seq, len(all))
	}
	t := tell(*it)
	w.a.Headline = fmt.Sprintf("event %d: %s of %s: %s %s", seq, t.Type, t.App, t.Verb, t.Text)
	if it.Err != nil {
		return nil
	}
	cause := events.Ext(it.Event, events.ExtCause)
	w.timeline(all, func(r bus.Record) bool {
		return r.Err == nil && (r.Event.ID() == cause || r.Sequence == seq || events.Ext(r.Event, events.ExtCause) == it.Event.ID())
	})
	if actor := events.Ext(it.Event, events.ExtActor); actor != "" {
		w.a.say("by", "%s", actor)
	}
	if row, ok := events.Lookup(it.Event.Type()); ok {
		w.a.say("means", "%s", row.Sentence)
	}
	w.a.say("more", "drydock events list --since %d shows the event itself", seq)
	return nil
}
