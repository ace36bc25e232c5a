package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// refusal is a rejection that holds at the time of the plan.
type refusal struct {
	Change  string          `json:"change"`
	Kind    string          `json:"kind"`
	Reason  string          `json:"reason"`
	By      string          `json:"by,omitempty"`
	Branch  string          `json:"branch,omitempty"` // of the change
	Failing []events.Update `json:"failing"`
	Until   time.Time       `json:"until"`
}

// refusals are the rejections that hold at a time, in log order. One that names no updates reaches all of its change:
// nobody knows which of them fail. Where the change was too large to list them, the plan in force may.
func refusals(s *events.State, now time.Time, inForce *report.Plan) []refusal {
	var out []refusal
	for _, r := range s.RefusedAt(now) {
		c := s.Changes[r.Change]
		f := refusal{Change: r.Change, Kind: r.Kind, Reason: r.Reason, By: r.By, Branch: c.Branch, Failing: r.Failing, Until: r.Until}
		if len(f.Failing) == 0 {
			f.Failing = c.Updates
		}
		if len(f.Failing) == 0 && inForce != nil && inForce.Plan == c.Plan {
			for _, ph := range inForce.Phases {
				if ph.Phase == c.Phase {
					f.Failing = updatesOfPhase(ph)
				}
			}
		}
		out = append(out, f)
	}
	return out
}

func updatesOfPhase(ph report.Phase) []events.Update {
	var out []events.Update
	for _, u := range ph.Updates {
		out = append(out, events.Update{Package: u.Package, Ecosystem: u.Ecosystem, From: u.From, To: u.To, Source: u.Source})
	}
	return out
}

// hold keeps a rejected release of a package, and those above it, from being picked in one environment.
//
// Those above: they contain what failed and most likely fail the same way, each after another run of all tests. Who
// knows that one of them does not asks for it (`drydock update`), and all rejections are forgotten. Those below, down to
// the pin, may be picked: what came in between was not tried.
//
// Of updates that fail only together each is held by itself. Leaving out any one of them would do, but which one is a
// choice between findings, and the tests say nothing of it; another release of one with the rest of them was not tried
// either. A set of which nobody knows which of it fails is held in the same way.
type hold struct {
	Package string    `json:"package"`
	From    string    `json:"from"`   // the rejected release
	Source  string    `json:"source"` // of the update that was rejected
	Change  string    `json:"change"`
	Until   time.Time `json:"until"`
	Why     string    `json:"why"`   // after "was": "rejected: 2 tests fail with it (change c-01234567, until 2026-12-06)"
	Again   string    `json:"again"` // what tries it again
}

// holds are those of each environment. A rejection reaches the environment its update stands in; where that file is there
// no more, whatever it was renamed to, all. Where the pin itself stands at the rejected release or above it, somebody
// who knew better put it there, and nothing is held.
func (in *situation) holds() [][]hold {
	out := make([][]hold, len(in.Envs))
	if len(in.Refused) == 0 {
		return out
	}
	there := map[string]bool{}
	for _, s := range in.Inventory.Sources {
		there[s.Path] = true
	}
	pins, sources := make([]map[string]string, len(in.Envs)), make([]map[string]bool, len(in.Envs))
	for i, e := range in.Envs {
		pins[i], sources[i] = map[string]string{}, map[string]bool{}
		for _, p := range e.Pins {
			pins[i][p.Package] = p.Version
			for _, l := range p.Lines {
				sources[i][l.Source], there[l.Source] = true, true
			}
		}
	}
	for _, r := range in.Refused {
		for j, u := range r.Failing {
			if u.Ecosystem != "" && u.Ecosystem != pypi {
				continue
			}
			h := hold{Package: u.Package, From: u.To, Source: u.Source, Change: r.Change, Until: r.Until, Why: r.why(j), Again: "drydock update " + in.App + " tries it again"}
			for i := range in.Envs {
				pin, pinned := pins[i][u.Package]
				switch {
				case !sources[i][u.Source] && there[u.Source]:
				case pinned && orders(pin) && !below(pin, u.To):
				case slices.ContainsFunc(out[i], func(o hold) bool { return o.Package == h.Package && o.From == h.From && o.Change == h.Change }):
				default:
					out[i] = append(out[i], h)
				}
			}
		}
	}
	return out
}

// orders reports whether a version can be compared; an arbitrary one (===) can't.
func orders(version string) bool {
	_, err := pep440.Parse(version)
	return err == nil
}

// why is the reason as it stands in sentences, of one of the updates.
func (r refusal) why(i int) string {
	with, reason := "", strings.TrimRight(printable(r.Reason), ".")
	switch {
	case r.Kind == events.RejectedDeleted:
		by := printable(r.By)
		if by == "" {
			by = "somebody"
		}
		reason = by + " took the branch " + printable(r.Branch) + " away"
	case len(r.Failing) > 1:
		with = r.together(i)
	}
	return fmt.Sprintf("rejected%s: %s (change %s, until %s)", with, reason, printable(r.Change), day(&r.Until))
}

// together names the updates that fail with one of them; a few.
func (r refusal) together(i int) string {
	var others []string
	seen := map[string]bool{r.Failing[i].Package: true}
	for _, u := range r.Failing {
		if seen[u.Package] {
			continue
		}
		seen[u.Package] = true
		if len(seen) <= maxTold+1 {
			others = append(others, printable(u.Package)+" "+printable(u.To))
		}
	}
	if more := len(seen) - 1 - len(others); more > 0 {
		others = append(others, fmt.Sprintf("%d more", more))
	}
	if len(others) == 0 {
		return ""
	}
	return " together with " + strings.Join(others, ", ")
}

// over finds the hold over a release; of several that which ends last. nil: there is none.
func over(holds []hold, pkg string, v pep440.Version) *hold {
	var out *hold
	for i := range holds {
		h := &holds[i]
		if h.Package != pkg {
			continue
		}
		if from, err := pep440.Parse(h.From); err == nil && v.Compare(from) >= 0 && (out == nil || h.Until.After(out.Until)) {
			out = h
		}
	}
	return out
}

// tell says what a hold has to do with a release, after the name of it.
func (h hold) tell(version, is string) string {
	if sameVersion(version, h.From) {
		return "was " + h.Why
	}
	return is + " above " + h.From + ", which was " + h.Why
}

// isHeld reports whether a release is held.
func isHeld(holds []hold, pkg, version string) bool {
	v, err := pep440.Parse(version)
	return err == nil && over(holds, pkg, v) != nil
}

// refusedFix finds the fix that only a rejection keeps from being picked, rather one that is not too young besides; the
// lowest of them.
func refusedFix(fixes []rejection) (rejection, bool) {
	if r, ok := only(fixes, whyRejected); ok {
		return r, true
	}
	for _, r := range fixes {
		if r.is(whyRejected) && len(r.Whys) == 2 && r.is(whyYoung) {
			return r, true
		}
	}
	return rejection{}, false
}

// rejections are those that keep a release from being picked in any environment, as the plan's inputs name them.
func (in *situation) rejections() []report.Rejection {
	var out []report.Rejection
	for _, holds := range in.Holds {
		for _, h := range holds {
			r := report.Rejection{Change: h.Change, Package: h.Package, Version: h.From, Source: h.Source, Until: h.Until.UTC()}
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// lifts is when the first rejection ends; nil: none holds.
func (in *situation) lifts() *time.Time {
	var at *time.Time
	for i := range in.Refused {
		at = earlier(at, &in.Refused[i].Until)
	}
	return at
}
