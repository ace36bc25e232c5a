package proposal

import (
	"strings"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// kinds say what the kinds of rejected and parked changes mean.
var kinds = map[string]md{
	events.RejectedTests:      "checks fail that pass without it",
	events.RejectedInstall:    "what it installs does not go together",
	events.RejectedVulnerable: "what it installs has a vulnerability that the plan did not foresee",
	events.RejectedChanged:    "something in the dock changed what had been sealed",
	events.RejectedDeleted:    "somebody took its branch away",

	events.ParkedSetup:   "the application, its repository's file or the host must be mended",
	events.ParkedAccess:  "the repository refuses, or can't be reached",
	events.ParkedTouched: "somebody pushed to its branch, which is left alone",
	events.ParkedHealth:  "the system is not healthy; no update begins",
	events.ParkedStale:   "the base is not what was planned for",
	events.ParkedRoom:    "no room left on the disk, or in the dock",
	events.ParkedFailed:  "tried several times, for a reason that nobody knows",
}

// kind is what a kind means, after a colon.
func kind(s string) md {
	if k, ok := kinds[s]; ok {
		return ": " + k
	}
	return colon(s, maxName)
}

// colon is an outsider's text after a colon, without a full stop; nothing for none.
func colon(s string, most int) md {
	if s = strings.TrimRight(clean(s, most), ". "); s == "" {
		return ""
	}
	return ": " + escape(s)
}

// stage is how far the change has come, in a word of events.Change.Stage.
func (d *draft) stage() string {
	switch {
	case d.State != nil:
		return d.State.Stage()
	case d.Validation == nil:
		return events.StageOpened
	}
	switch r := d.Validation.Result; r {
	case report.Validated, report.Rejected, report.Parked:
		return r
	}
	return events.StageOpened
}

// passed reports whether all that was to be proved of the artifact is proved, and still counts.
func (d *draft) passed() bool {
	return d.Validation != nil && d.Validation.Result == report.Validated && (d.State == nil || d.State.Voided == nil)
}

// unfit says why it is not passed.
func (d *draft) unfit() md {
	if d.voided() {
		return "what was validated no longer counts"
	}
	return "it did not pass"
}

// writeStanding says what stopped the change, or what became of it: nothing, while it goes its way.
func (d *draft) writeStanding(b *strings.Builder) {
	stage := d.stage()
	if (stage == events.StageOpened || stage == events.StageValidated) && !d.voided() {
		return
	}
	b.WriteString("\n## Where it stands\n\n")
	switch stage {
	case report.Parked:
		d.writeParked(b)
	case report.Rejected:
		d.writeRejected(b)
	case events.StageOpened, events.StageValidated, events.StageProposed, events.StageMerged:
		d.writeUnderWay(b)
	default:
		writeItem(b, "**Ended: ", name(stage), "**", because(d.State.Reason))
		if d.State.SupersededBy != "" {
			writeItem(b, "Change ", code(d.State.SupersededBy, maxName), " carries on.")
		}
	}
}

func (d *draft) voided() bool { return d.State != nil && d.State.Voided != nil }

func (d *draft) writeParked(b *strings.Builder) {
	var p events.ChangeParked
	switch {
	case d.State != nil && d.State.Parked != nil:
		p = *d.State.Parked
	case d.Validation != nil:
		p = events.ChangeParked{Kind: d.Validation.Kind, Reason: d.Validation.Reason, Do: d.Validation.Do}
	}
	writeItem(b, "**Parked**", kind(p.Kind), ".")
	if p.Step != "" {
		writeItem(b, "Stopped at: ", stepName(p.Step), ".")
	}
	if p.Reason != "" {
		writeItem(b, "Found: ", sentence(p.Reason))
	}
	if p.Do != "" {
		writeItem(b, "**To do**: ", sentence(p.Do))
	}
	if p.Tip != "" {
		writeItem(b, "The branch shows ", code(p.Tip, maxName), by(p.By), ".")
	}
	switch {
	case !p.Retry.IsZero():
		writeItem(b, "Tried again by itself ", md(minute(p.Retry)), ".")
	case d.State != nil && d.State.Parked != nil:
		writeItem(b, "Not tried again before somebody asks for it.")
	}
}

func (d *draft) writeRejected(b *strings.Builder) {
	var r events.ChangeRejected
	failing := []report.Update{}
	if d.Validation != nil && d.Validation.Result == report.Rejected {
		r = events.ChangeRejected{Kind: d.Validation.Kind, Reason: d.Validation.Reason, Proved: d.Validation.Proved, Log: d.Validation.Log}
		failing = d.Validation.Failing
	}
	if d.State != nil && d.State.Rejected != nil {
		r = *d.State.Rejected
		failing = failing[:0:0]
		for _, u := range r.Failing {
			failing = append(failing, report.Update{Package: u.Package, From: u.From, To: u.To})
		}
	}
	writeItem(b, "**Rejected**", kind(r.Kind), by(r.By), ".")
	if r.Reason != "" {
		writeItem(b, "Found: ", sentence(r.Reason))
	}
	if len(failing) == 0 && (r.Kind == events.RejectedTests || r.Kind == events.RejectedInstall) {
		writeItem(b, "**No update can be named**: what fails could not be pinned on one, so the whole change is held.")
	}
	if len(failing) > 0 {
		how := md("; whether fewer would fail, too, was not found out")
		if r.Proved {
			how = "; without any one of them nothing fails"
		}
		if len(failing) == 1 && r.Proved {
			how = "; without it nothing fails"
		}
		writeItem(b, "**The smallest failing set**: ", list(failing, d.Names, move), how, ".")
	}
	if log := digest(r.Log); log != "" {
		writeItem(b, "What it printed: `drydock evidence get ", log, "`")
	}
	if !r.Until.IsZero() {
		writeItem(b, "No plan offers this again by itself before ", md(minute(r.Until)), ".")
	}
}

func (d *draft) writeUnderWay(b *strings.Builder) {
	s := d.State
	if d.voided() {
		writeItem(b, "**What was validated no longer counts**", because(s.Voided.Reason))
	}
	if p := s.Proposed; p != nil {
		writeItem(b, "Proposed ", md(minute(s.ProposedAt)), " as ", path(p.Branch), ", commit ", code(p.Commit, maxName), ".")
	}
	if m := s.Merged; m != nil {
		writeItem(b, "**Merged** ", md(minute(s.MergedAt)), " into ", path(m.Base.Branch), ", which then showed ", code(m.Base.Commit, maxName), ".")
		if !m.SameTree {
			writeItem(b, "With it came something else that was not validated with it.")
		}
	}
}

func by(who string) md {
	if who == "" {
		return ""
	}
	return " (" + name(who) + ")"
}

func because(reason string) md {
	if reason == "" {
		return "."
	}
	return ": " + sentence(reason)
}

// sentence is an outsider's sentence, with its full stop.
func sentence(s string) md {
	m := text(s, maxSentence)
	if m == "" || strings.ContainsAny(string(m[len(m)-1:]), ".!?:") || strings.HasSuffix(string(m), "…") {
		return m
	}
	return m + "."
}
