package planner

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// said is an event before it is made.
type said struct {
	key, change string
	payload     any
}

// announce says what a newly made plan changes: nothing when the plan in force says the same; else the old
// plan and its open changes end, the new changes open, and plan.generated closes the batch. g names the plan. A change
// that was merged ends neither way (see merged), and a phase that one has done already opens none.
func announce(s *events.State, in *situation, ps []phase, g events.PlanGenerated) []said {
	if s.Plan != nil && s.Plan.Plan == g.Plan {
		return reopen(s, in, ps, g)
	}
	var opened []events.ChangeOpened
	byPhase := map[string]string{}
	for _, p := range ps {
		change := p.carrier
		if change == "" {
			o := openChange(s, in, p, g.Plan)
			change, opened = o.Change, append(opened, o)
		}
		byPhase[p.Phase.Phase] = change
		g.Phases = append(g.Phases, reference(p, change))
	}
	var out []said
	if s.Plan != nil {
		out = append(out, said{key: s.Plan.Plan, payload: events.PlanSuperseded{Plan: s.Plan.Plan, By: g.Plan, Reason: "a newer plan answers the findings"}})
	}
	for _, id := range slices.Sorted(maps.Keys(s.Changes)) {
		c := s.Changes[id]
		if c.Terminal != "" || c.Merged != nil {
			continue
		}
		by := byPhase[c.Phase]
		reason := "carried on by the newer plan"
		if by == "" {
			reason = fmt.Sprintf("the newer plan has no %s phase", c.Phase)
		}
		out = append(out, said{key: id, change: id, payload: events.ChangeSuperseded{Change: id, By: by, Reason: reason}})
	}
	for _, o := range opened {
		out = append(out, said{key: o.Change, change: o.Change, payload: o})
	}
	return append(out, said{key: g.Plan, payload: g})
}

// reopen says that the plan in force is still the answer, and opens anew what it lacks a change for: one was rejected,
// and the rejection was forgotten or is over before another plan was made; one was merged, and a scan since still shows
// what it moved. A rejection that holds is waited for, whatever it reaches.
func reopen(s *events.State, in *situation, ps []phase, g events.PlanGenerated) []said {
	var out []said
	for _, p := range ps {
		i := slices.IndexFunc(s.Plan.Phases, func(r events.PhaseRef) bool { return r.Phase == p.Phase.Phase })
		if i < 0 {
			continue // of an older Drydock
		}
		change := s.Plan.Phases[i].Change
		c, holds := s.Changes[change], slices.ContainsFunc(in.Refused, func(r refusal) bool { return r.Change == change })
		switch {
		case c.Terminal == "rejected" && !holds, c.Terminal == "" && in.takenBack(p, change):
			o := openChange(s, in, p, g.Plan)
			change, out = o.Change, append(out, said{key: o.Change, change: o.Change, payload: o})
		}
		g.Phases = append(g.Phases, reference(p, change))
	}
	if len(out) == 0 {
		return nil
	}
	return append(out, said{key: g.Plan, payload: g})
}

func reference(p phase, change string) events.PhaseRef {
	return events.PhaseRef{Phase: p.Phase.Phase, Class: p.Class, Change: change, Updates: len(p.Updates), Deadline: p.Deadline}
}

// openChange makes the change of a phase. A plan that comes back after another one had taken its place has
// the digest it had; its changes, which ended, do not come back with it and get new names.
func openChange(s *events.State, in *situation, p phase, plan string) events.ChangeOpened {
	id := events.ChangeID(in.App, plan, p.Phase.Phase)
	for n := 2; s.Changes[id].Change != ""; n++ {
		id = events.ChangeID(in.App, fmt.Sprintf("%s#%d", plan, n), p.Phase.Phase)
	}
	c := events.ChangeOpened{Change: id, Plan: plan, Phase: p.Phase.Phase, Class: p.Class, Branch: p.Branch, DeadlineRule: p.DeadlineRule}
	if p.Deadline != nil {
		c.Deadline = *p.Deadline
	}
	for _, u := range p.Updates {
		c.Updates = append(c.Updates, events.Update{Package: u.Package, Ecosystem: u.Ecosystem, From: u.From, To: u.To, Source: u.Source})
	}
	for _, f := range p.findings {
		c.Findings = append(c.Findings, f.ID)
		if c.Opened.IsZero() || f.Detected.Before(c.Opened) {
			c.Opened = f.Detected
		}
	}
	if c.Opened.IsZero() {
		c.Opened = in.Now
	}
	slices.Sort(c.Findings)
	c.Findings = slices.Compact(c.Findings)
	return c
}

// tally counts outcomes.
func tally(outcomes []report.Outcome) map[string]int {
	n := map[string]int{}
	for _, o := range outcomes {
		n[o.Outcome]++
	}
	return n
}

// retryAt is when to plan again because something outside did not answer; nil when everything did. The pause
// doubles from plan to plan while that goes on.
func retryAt(s *events.State, d *made, now time.Time) *time.Time {
	away := false
	for _, a := range d.answers {
		away = away || a.away() || a.Away && len(a.Open) > 0
	}
	if !away {
		return nil
	}
	pause := firstRetry
	if s.Plan != nil && s.Plan.Retry != nil {
		pause = min(max(firstRetry, 2*s.Plan.Retry.Sub(s.Plan.Time)), lastRetry)
	}
	at := now.Add(pause).UTC().Truncate(time.Second)
	return &at
}

// revisitAt is when time alone changes the answer: a release is old enough, a waiver or a rejection ends, a freeze
// begins. nil: never.
func revisitAt(d *made, now time.Time) *time.Time {
	var at *time.Time
	for _, o := range d.plan.Outcomes {
		if o.Until != nil && o.Until.After(now) {
			at = earlier(at, o.Until)
		}
	}
	if x := d.in.Exceptions.next(d.in.App, now); x != nil {
		at = earlier(at, x)
	}
	if x := d.in.lifts(); x != nil && x.After(now) {
		at = earlier(at, x)
	}
	if at == nil {
		return nil
	}
	whole := wholeSecond(at.UTC())
	return &whole
}
