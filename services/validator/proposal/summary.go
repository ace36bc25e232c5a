package proposal

import (
	"cmp"
	"strings"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// writeSummary is what somebody reads who reads nothing else.
func (d *draft) writeSummary(b *strings.Builder) {
	why := d.noFlaw()
	if len(d.flaws) > 0 {
		why = d.worst() + "."
	}
	writeItem(b, "**Why**: ", why)
	carried := md("")
	if len(d.carried) > 0 {
		carried = "; with " + md(count(len(d.carried), "update", "updates")) + " of earlier phases"
	}
	writeItem(b, "**What**: ", cmp.Or(list(d.moves, 3, move), "no update"), carried, "; in ", cmp.Or(list(d.files(), 3, path), "no file"), ".")
	writeItem(b, "**Proof**: ", d.proof(), ".")
	writeItem(b, "**Risk**: ", d.risk(), ".")
	writeItem(b, "**Due**: ", d.due(), ".")
	writeItem(b, "**Next**: ", d.next(), ".")
}

func (d *draft) proof() md {
	switch stage := d.stage(); {
	case stage == report.Rejected:
		return "**rejected**"
	case stage == report.Parked:
		return "**parked**, not proved"
	case d.Validation == nil:
		return "**not validated yet**"
	case d.voided():
		return "**no longer counts**; validated again on the new base"
	case !d.passed():
		return "**not validated yet**; an earlier try stopped"
	}
	return "validated in the dock, isolation " + isolation(d.Validation.Isolation) + ". Tests: " + d.tests() + ". Re-scan: " + d.rescan()
}

func (d *draft) risk() md {
	s := d.steps()
	if n := len(d.unproved()); n > 0 {
		return s + "; **not proved: " + md(count(n, "thing", "things")) + "**, see Risk"
	}
	return s + "; nothing was left out of what Drydock checks"
}

func (d *draft) due() md {
	if d.Change.Deadline.IsZero() {
		return "no deadline"
	}
	return "**" + md(minute(d.Change.Deadline)) + "** (" + name(d.Change.Class) + ")"
}

func (d *draft) next() md {
	switch {
	case d.State != nil && d.State.Terminal != "" || d.stage() == report.Rejected:
		return "nothing, it has ended"
	case d.stage() == events.StageParked:
		return "somebody, or time, must mend what stopped it; see Where it stands"
	case d.stage() == events.StageMerged:
		return "it is merged; staging comes next; " + d.production()
	case !d.passed():
		return "it is validated in the dock"
	case d.Merge == string(application.MergeAutomatic):
		return "Drydock merges it by fast-forward; " + d.production()
	case d.Merge == string(application.MergePerson):
		return "a person merges it; " + d.production()
	}
	return "who merges it is not known here; " + d.production()
}
