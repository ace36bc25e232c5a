package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

// changeOrApplication answers `why c-7f3a`: a change, or an application that has such a name.
func (w *inquiry) changeOrApplication(ref string) error {
	id, app, err := findChange(w.ctx, w.s, ref)
	if err == nil {
		return w.change(id, app)
	}
	if apps, listed := w.s.api.Applications(w.ctx); listed == nil && slices.ContainsFunc(apps, func(a api.Application) bool { return a.Application == ref }) {
		return w.application(ref)
	}
	return err
}

// change is the page of a change: what it waits for, since when, who can act, and all that led there.
func (w *inquiry) change(id, app string) error {
	records, st, err := w.fold(app)
	if err != nil {
		return err
	}
	d, err := w.s.api.Change(w.ctx, id)
	if err != nil {
		return err
	}
	ch := st.Changes[id]
	w.a.Headline = changeHeadline(d, w.a.now)
	if len(d.Waits) > 0 && d.State == "open" && d.Stage != events.StageParked {
		w.a.Headline += "; waits for " + d.Waits[0].What
	}
	w.a.Waits = d.Waits
	w.timeline(records, func(r bus.Record) bool { return names(r, id) || events.Ext(r.Event, events.ExtChange) == id })
	w.once(d)
	w.waits(d.Waits, d.Reason)
	w.standing(d)
	for _, u := range ch.Updates {
		w.a.say("update", "%s %s → %s in %s", u.Package, cmp.Or(u.From, "(added)"), u.To, u.Source)
	}
	for _, f := range ch.Findings {
		if x, ok := st.Findings[f]; ok {
			w.a.say("fixes", "%s in %s (%s)", x.Vulnerability, x.Package, x.Severity)
		}
	}
	w.a.say("deadline", "%s", deadlineWords(ch, w.a.now))
	return nil
}

// once has the reason of a parked change stand on its page once, at its head.
func (w *inquiry) once(d *api.ChangeDetail) {
	if d.Parked == nil {
		return
	}
	for i, t := range w.a.Timeline {
		if (t.Type == "change.parked" || t.Type == "effect.refused") && strings.Contains(t.Text, d.Parked.Reason) {
			w.a.Timeline[i].Text = cmp.Or(d.Parked.Step, "it") + ", for the reason above"
		}
	}
}

// changeHeadline is how a change stands, in one sentence.
func changeHeadline(d *api.ChangeDetail, now time.Time) string {
	s := fmt.Sprintf("%s of %s: %s", d.Change.Change, d.Application, d.Stage)
	if !d.Since.IsZero() {
		s += " since " + sinceWords(d.Since, now)
	}
	switch d.Stage {
	case events.StageParked, "rejected", "superseded":
		s += ": " + d.Reason
	}
	if d.State == "open" && (d.Breached || !d.Deadline.IsZero() && now.After(d.Deadline)) {
		s += "; its deadline is breached"
	}
	return s
}

// sinceWords is a moment that is over, and how long ago.
func sinceWords(t, now time.Time) string {
	if t = t.UTC(); t.Year() != now.Year() {
		return t.Format("2 Jan 2006 15:04Z") + " (" + span(max(now.Sub(t), 0)) + ")"
	}
	return strings.Join(strings.Fields(tellTime(t, now)), " ") + " (" + span(max(now.Sub(t), 0)) + ")"
}

// waits says what holds a change, and who can act. The reason stands at the head of the page already.
func (w *inquiry) waits(all []api.Wait, reason string) {
	for _, x := range all {
		text := x.What
		if reason != "" {
			text = strings.TrimSuffix(text, ": "+reason)
		}
		if x.Since != nil {
			text += ", since " + sinceWords(*x.Since, w.a.now)
		}
		w.a.say("waits for", "%s", text)
		w.a.say("who can act", "%s", x.Who)
		if x.Do != "" {
			w.a.say("do", "%s", x.Do)
		}
		if x.Until != nil {
			w.a.say("until", "%s", until(*x.Until, w.a.now))
		}
	}
}

// standing are the facts behind it, each with where to read more.
func (w *inquiry) standing(d *api.ChangeDetail) {
	if r := d.Rejected; r != nil {
		proof := "together they fail; that each is needed for it is not proved"
		if r.Proved {
			proof = "without any one of them nothing fails"
		}
		says := "fails with"
		if r.Kind == events.RejectedDeleted {
			says = "turned down"
		}
		for _, u := range r.Failing {
			w.a.say(says, "%s %s", u.Package, u.To)
		}
		if len(r.Failing) > 0 && r.Kind != events.RejectedDeleted {
			w.a.say("proved", "%s", proof)
		}
		if r.Log != "" {
			w.a.say("log", "drydock evidence get %s", short(r.Log))
		}
	}
	if p := d.Parked; p != nil {
		if p.Step != "" {
			w.a.say("stopped at", "%s", p.Step)
		}
		if p.Tip != "" {
			w.a.say("branch shows", "%s %s", commit(p.Tip), p.By)
		}
	}
	if s := d.Sealed; s != nil {
		w.a.say("artifact", "%s, %s, isolation %s", short(s.Artifact), count(s.Files, "file"), s.Isolation)
	}
	if v := d.Validated; v != nil {
		for _, x := range v.Warned {
			w.a.say("fails before", "%s", x)
		}
	}
	if p := d.Proposed; p != nil {
		w.a.say("branch", "%s at %s", p.Branch, commit(p.Commit))
		if p.URL != "" {
			w.a.say("look at it", "%s", p.URL)
		}
	}
	for _, e := range d.Effects {
		if e.Outcome == "refused" && (d.Parked == nil || !strings.Contains(e.Reason, d.Parked.Reason)) {
			w.a.say("refused", "%s %s: %s", effectWords(e.Kind), e.Branch, e.Reason)
		}
	}
	if digest := validationOf(d); digest != "" {
		w.a.say("steps", "drydock change show %s", d.Change.Change)
	}
}
