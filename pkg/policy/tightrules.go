package policy

import (
	"fmt"
	"reflect"
	"slices"
)

// conditions are those of a rule with its list looked up: what it takes to apply.
type conditions struct {
	finding  *bool
	kind     Kind
	severity Severity
	kev      bool
	epss     *float64
	packages map[string]bool // nil: any
	steps    []Step          // none: any
}

func (p *Policy) conditions(r Rule) conditions {
	c := conditions{finding: r.Finding, kind: r.Kind, severity: r.Severity, kev: r.KEV != nil, epss: r.EPSSAtLeast, steps: r.Step}
	if no := false; c.finding == nil && len(r.Step) > 0 {
		c.finding = &no // only updates that fix nothing have a step
	}
	if r.List != "" {
		if c.packages = p.member[r.List]; c.packages == nil {
			c.packages = map[string]bool{}
		}
	}
	return c
}

// implies reports whether whatever fulfils c fulfils d.
func (c conditions) implies(d conditions) bool {
	return (d.finding == nil || c.finding != nil && *c.finding == *d.finding) &&
		(d.kind == "" || c.kind == d.kind || c.kind == "malicious" && d.kind == "vulnerability") &&
		(d.severity == "" || severityRank[string(c.severity)] >= severityRank[string(d.severity)]) &&
		(!d.kev || c.kev) &&
		(d.epss == nil || c.epss != nil && *c.epss >= *d.epss) &&
		(d.packages == nil || c.packages != nil && subset(c.packages, d.packages)) &&
		(len(d.steps) == 0 || len(c.steps) > 0 && len(without(c.steps, d.steps)) == 0)
}

// meets reports whether something could fulfil both. Severities, exploitation and kinds always meet: each
// condition on them asks for "at least".
func (c conditions) meets(d conditions) bool {
	return (c.finding == nil || d.finding == nil || *c.finding == *d.finding) &&
		(c.packages == nil || d.packages == nil || common(c.packages, d.packages)) &&
		(len(c.steps) == 0 || len(d.steps) == 0 || len(without(c.steps, d.steps)) < len(c.steps))
}

func subset(a, b map[string]bool) bool {
	for name := range a {
		if !b[name] {
			return false
		}
	}
	return true
}

func common(a, b map[string]bool) bool {
	for name := range a {
		if b[name] {
			return true
		}
	}
	return false
}

// rules compares the rules. Since the most urgent class counts and the earliest deadline, a rule more, or one
// that takes more, can only make things more urgent. But the more urgent class may ask for fewer approvals, or
// other ones, and its releases may be younger: what moves is compared with where it came from.
func (t *tightening) rules() {
	for _, name := range sortedKeys(t.parent.Rules) {
		if is, ok := t.child.Rules[name]; ok {
			t.rule("rules."+name, t.parent.Rules[name], is)
		} else {
			t.add("rules", "%s is missing, which the parent has", name)
		}
	}
	if len(t.found) > 0 {
		return // what moves into a class that is wrong itself would be told again
	}
	for _, name := range sortedKeys(t.child.Rules) {
		is := t.child.Rules[name]
		takes, path, added := t.child.conditions(is), "rules."+name, ""
		if was, known := t.parent.Rules[name]; known && was.Class == is.Class {
			had := t.parent.conditions(was)
			if takes.implies(had) && !(is.Class == "" && was.Cooldown == nil) {
				continue // it takes what it took
			}
			if gained := takes.beyond(had); gained != nil { // only its list grew
				takes.packages, path = gained, "lists."+is.List
				added = sortedKeys(gained)[0]
				if len(gained) > 1 {
					added += fmt.Sprintf(" and %d more", len(gained)-1)
				}
				added += ": "
			}
		}
		t.moves(path, name, added, is, takes)
	}
}

// beyond are the packages c takes and d does not, where that is all the difference.
func (c conditions) beyond(d conditions) map[string]bool {
	if c.packages == nil || d.packages == nil {
		return nil
	}
	gained := map[string]bool{}
	for pkg := range c.packages {
		if !d.packages[pkg] {
			gained[pkg] = true
		}
	}
	if c.packages = d.packages; len(gained) == 0 || !c.implies(d) {
		return nil
	}
	return gained
}

// rule compares a rule that both have.
func (t *tightening) rule(path string, was, is Rule) {
	if !t.parent.conditions(was).implies(t.child.conditions(is)) {
		t.add(path, "it no longer takes all that the parent's rule takes: conditions may only get wider")
	}
	if Rank(is.Class) > Rank(was.Class) {
		t.add(path+".class", "found %s, the parent has %s: a rule may only move things to a more urgent class", is.Class, was.Class)
		return
	}
	if reflect.DeepEqual(was, is) {
		return // what differs is its class, of which that is told
	}
	t.limits(path+".deadline", t.parent.limitsOf(was), t.child.limitsOf(is))
	if was.Class != is.Class || was.Class == "" && was.Cooldown == nil {
		return // the cooldown is judged with what it moves
	}
	if was, is := t.parent.cooldownOf(was, was.Class), t.child.cooldownOf(is, is.Class); is < was {
		t.add(path+".cooldown", "found %s, the parent has %s: it may only get longer", is, was)
	}
}

// moves compares what a rule of the child newly takes with how the parent treats it.
func (t *tightening) moves(path, name, added string, is Rule, takes conditions) {
	if is.Class == "" && is.Cooldown == nil {
		return // it moves nothing, and a deadline more only tightens
	}
	for _, from := range append(sortedKeys(t.parent.Rules), "") {
		was, itself := t.parent.Rules[from], from == name && from != ""
		if from == "" {
			was = Rule{Class: Regular} // where no rule applies
		}
		if was.Class == "" || itself && is.Class == was.Class || !t.decides(from, was, is, takes) {
			continue
		}
		source := "where no rule applies"
		if from != "" {
			source = "by " + from
		}
		if had, gets := t.cooldownThere(was, takes), t.child.cooldownOf(is, is.Class); gets < had {
			t.add(path, "%sa cooldown of %s for what had %s (%s, %s): it may only get longer; give the rule cooldown: %s", added, gets, had, was.Class, source, had)
		}
		if is.Class == "" || Rank(was.Class) <= Rank(is.Class) {
			continue
		}
		had, gets := t.parent.Class(was.Class), t.child.Class(is.Class)
		if gets.Approvals.Count < had.Approvals.Count || len(without(had.Approvals.From, gets.Approvals.From)) > 0 {
			t.add(path, "%smoves what is %s (%s), with %s, to %s, with %s: raise classes.%s.approvals, or leave out what is moved from there",
				added, was.Class, source, had.Approvals, is.Class, gets.Approvals, is.Class)
		}
		if gets.Backup.weaker(had.Backup) {
			t.add(path, "%smoves what is %s (%s), with %s, to %s, with %s: set classes.%s.backup", added, was.Class, source, had.Backup, is.Class, gets.Backup, is.Class)
		}
		if missing := without(had.Checks, gets.Checks); len(missing) > 0 {
			t.add(path, "%smoves what is %s (%s) to %s, which leaves out the checks %s: add them to classes.%s.checks", added, was.Class, source, is.Class, join(missing), is.Class)
		}
	}
}

// decides reports whether the parent's rule `was` can give the class to something that `is`, a rule of the
// child, newly takes and gives its own class to.
func (t *tightening) decides(from string, was, is Rule, takes conditions) bool {
	if from != "" && !takes.meets(t.parent.conditions(was)) {
		return false
	}
	for _, name := range sortedKeys(t.parent.Rules) { // a more urgent rule of the parent takes all of it
		r := t.parent.Rules[name]
		if r.Class != "" && (from == "" || Rank(r.Class) < Rank(was.Class)) && takes.implies(t.parent.conditions(r)) {
			return false
		}
	}
	if is.Class == "" {
		return true
	}
	now := was.Class
	if r, ok := t.child.Rules[from]; ok && r.Class != "" {
		now = r.Class
	}
	return Rank(was.Class) >= Rank(is.Class) && Rank(now) >= Rank(is.Class)
}

// cooldownThere is at least the parent's cooldown for what `was` decides, of what is taken.
func (t *tightening) cooldownThere(was Rule, takes conditions) Duration {
	best := t.parent.cooldownOf(was, was.Class)
	for _, r := range t.parent.Rules {
		if (r.Class == was.Class || r.Class == "" && r.Cooldown != nil) && takes.implies(t.parent.conditions(r)) {
			best = min(best, t.parent.cooldownOf(r, was.Class))
		}
	}
	return best
}

// String is "2 approvals, one of security".
func (a Approvals) String() string {
	text := fmt.Sprintf("%d approvals", a.Count)
	if a.Count == 1 {
		text = "1 approval"
	}
	for _, group := range slices.Sorted(slices.Values(a.From)) {
		text += ", one of " + group
	}
	return text
}
