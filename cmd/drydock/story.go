package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// told is an event as people read it.
type told struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	App      string    `json:"application"`
	Type     string    `json:"type"`
	Verb     string    `json:"verb"`
	Text     string    `json:"text"`
}

// tell turns a record into a line. A type this program does not know is named and no more.
func tell(r bus.Record) told {
	t := told{Sequence: r.Sequence, Time: r.Time.UTC()}
	if r.Err != nil {
		t.Type, t.Verb, t.Text = "unreadable", "unreadable", r.Err.Error()
		return t
	}
	if at := r.Event.Time(); !at.IsZero() {
		t.Time = at.UTC()
	}
	t.App, t.Type = events.App(r.Event), r.Event.Type()
	row, ok := events.Lookup(r.Event.Type())
	if !ok {
		return t
	}
	t.Type, t.Verb = row.Name(), row.Verb
	if say := teller(row.Name()); say != nil {
		t.Verb, t.Text = say(r.Event)
	}
	return t
}

// teller finds who tells of events of a name; nil: nobody.
func teller(name string) func(events.Event) (verb, text string) {
	if say := stories[name]; say != nil {
		return say
	}
	return storiesOfTheDock[name]
}

// stories says what each event means in a few words: a verb and what happened.
var stories = map[string]func(events.Event) (verb, text string){
	"application.declared": story(func(p events.ApplicationDeclared) (string, string) { return "declared", p.Target }),
	"policy.changed":       story(func(p events.PolicyChanged) (string, string) { return "policy", short(p.Policy) + " is in force" }),
	"database.updated": story(func(p events.DatabaseUpdated) (string, string) {
		var names []string
		for _, d := range p.Databases {
			names = append(names, fmt.Sprintf("%s %d", d.Name, d.Records))
		}
		return "advisories", strings.Join(names, ", ")
	}),
	"scan.requested": story(func(p events.ScanRequested) (string, string) { return "requested", "a scan of " + p.Target }),
	"scan.completed": story(func(p events.ScanCompleted) (string, string) {
		text := fmt.Sprintf("%s, %s", count(p.Packages, "package"), count(p.Summary.Findings, "finding"))
		if !p.Complete {
			text += fmt.Sprintf(", %s not determined", count(p.Incomplete, "thing"))
		}
		if p.Trigger == events.TriggerDatabase {
			text += ", matched again with newer advisories"
		}
		return "scanned", text
	}),
	"scan.failed": story(func(p events.ScanFailed) (string, string) { return "failed", p.Detail + " (" + p.Reason + ")" }),
	"finding.opened": story(func(p events.FindingOpened) (string, string) {
		return "found", fmt.Sprintf("%s %s, %s (%s, %s)", p.Package, p.Version, place(p.Source, p.Line), p.Vulnerability, p.Severity)
	}),
	"finding.reprioritized": story(func(p events.FindingReprioritized) (string, string) {
		return "urgency", fmt.Sprintf("%s, was %s", urgencyWords(p.After), urgencyWords(p.Before))
	}),
	"finding.closed": story(func(p events.FindingClosed) (string, string) {
		text := p.Reason
		if p.Version != "" {
			text += ", now " + p.Version
		}
		return "closed", text
	}),
	"plan.generated": story(func(p events.PlanGenerated) (string, string) {
		var words []string
		for _, o := range outcomeOrder {
			if n := p.Outcomes[o]; n > 0 {
				words = append(words, fmt.Sprintf("%d %s", n, o))
			}
		}
		return "planned", fmt.Sprintf("%s: %s (%s)", count(len(p.Phases), "phase"), strings.Join(words, ", "), short(p.Plan))
	}),
	"plan.superseded": story(func(p events.PlanSuperseded) (string, string) {
		return "superseded", fmt.Sprintf("plan %s by %s: %s", short(p.Plan), short(p.By), p.Reason)
	}),
	"change.opened": story(func(p events.ChangeOpened) (string, string) {
		var words []string
		for _, u := range p.Updates {
			words = append(words, u.Package+" "+u.To)
		}
		return "opened", fmt.Sprintf("change %s, %s: %s", p.Change, p.Phase, strings.Join(words, ", "))
	}),
	"change.superseded": story(func(p events.ChangeSuperseded) (string, string) {
		by := ""
		if p.By != "" {
			by = " by " + p.By
		}
		return "superseded", fmt.Sprintf("change %s%s: %s", p.Change, by, p.Reason)
	}),
	"deadline.approaching": story(func(p events.DeadlineApproaching) (string, string) {
		return "deadline", fmt.Sprintf("%d %% of the time of %s is over, due %s", p.Percent, p.Change, p.Deadline.UTC().Format("2 Jan 15:04Z"))
	}),
	"deadline.breached": story(func(p events.DeadlineBreached) (string, string) {
		return "breached", fmt.Sprintf("%s was due %s (%s)", p.Change, p.Deadline.UTC().Format("2 Jan 15:04Z"), p.Rule)
	}),
}

// story decodes the payload for one teller; one that does not decode says so.
func story[T any](say func(T) (string, string)) func(events.Event) (string, string) {
	return func(e events.Event) (string, string) {
		p, err := events.Decode[T](e)
		if err != nil {
			return "unreadable", err.Error()
		}
		return say(p)
	}
}

func urgencyWords(u events.Urgency) string {
	s := u.Severity
	if u.KEV != nil && *u.KEV {
		s += ", exploited"
	}
	return s
}

// tellTime is a moment as people read it: the day of another day, the time of today.
func tellTime(t, now time.Time) string {
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return "today  " + t.Format("15:04Z")
	}
	return t.Format("02 Jan 15:04Z")
}
