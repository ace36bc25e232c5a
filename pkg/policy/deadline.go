package policy

import (
	"cmp"
	"fmt"
	"time"
)

// Clocks are the two moments a deadline runs from.
type Clocks struct {
	Detected     time.Time  // when the finding was first detected
	FixPublished *time.Time // when its fix was published; nil where nobody says
}

// Deadline is a moment with the rule that set it.
type Deadline struct {
	At    time.Time `json:"at"`
	Rule  string    `json:"rule"`  // "emergency: 24h from first detection (critical-severity)"
	Trace []Limit   `json:"trace"` // every limit that applies
}

// Limit is one rule on one clock.
type Limit struct {
	Rule  string    `json:"rule"`
	Clock string    `json:"clock"` // first detection | publication of the fix
	From  time.Time `json:"from"`
	Time  string    `json:"time"`
	At    time.Time `json:"at"`
}

// The clocks' names.
const (
	clockDetected = "first detection"
	clockFix      = "publication of the fix"
)

// Deadline is the earliest of all limits of all rules that apply to f. The time to be done in runs from
// first detection, or from the publication of the fix where that came later; a limit on the age of the fix
// runs from its publication alone. It is a whole second.
func (p *Policy) Deadline(f Facts, c Clocks) Deadline {
	var d Deadline
	decision := p.Classify(f)
	add := func(v Verdict, clock string, from time.Time, limit Duration) {
		l := Limit{Rule: v.Rule, Clock: clock, From: from.UTC(), Time: limit.String(), At: from.Add(time.Duration(limit)).UTC().Truncate(time.Second)}
		d.Trace = append(d.Trace, l)
		if d.At.IsZero() || l.At.Before(d.At) {
			d.At, d.Rule = l.At, fmt.Sprintf("%s: %s from %s (%s)", cmp.Or(v.Class, decision.Class), l.Time, clock, v.Rule)
		}
	}
	for _, v := range decision.Trace {
		if !v.Applies {
			continue
		}
		if v.Deadline.Detected > 0 {
			if fix := c.FixPublished; fix != nil && fix.After(c.Detected) {
				add(v, clockFix, *fix, v.Deadline.Detected)
			} else {
				add(v, clockDetected, c.Detected, v.Deadline.Detected)
			}
		}
		if v.Deadline.FixPublished > 0 && c.FixPublished != nil {
			add(v, clockFix, *c.FixPublished, v.Deadline.FixPublished)
		}
	}
	return d
}

// Tighten returns the earlier of a deadline already told and a newly computed one: a deadline is loosened
// only by something that is itself told, never in silence (design §6).
func Tighten(told, computed Deadline) Deadline {
	if !told.At.IsZero() && told.At.Before(computed.At) {
		return told
	}
	return computed
}
