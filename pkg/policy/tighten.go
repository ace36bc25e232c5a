package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Tightens returns every way in which child is less strict than parent: nothing when it only tightens it.
// Problems carry a path of child, the value found and the parent's. What it does not refuse is never less
// strict for any facts: not in class, deadline, cooldown, approvals or checks (a property test).
func Tightens(parent, child *Policy) []Problem {
	t := &tightening{parent: parent, child: child}
	if parent.Schema != child.Schema {
		t.add("schema", "found %s, the parent has %s", child.Schema, parent.Schema)
	}
	if !child.Isolation.AtLeast(parent.Isolation) {
		t.add("isolation", "found %s, the parent has %s: it may only get stronger", orNone(string(child.Isolation)), parent.Isolation)
	}
	if child.BuildsSources() && !parent.BuildsSources() {
		t.add("source_builds", "found %s, the parent has %s: it may only refuse what was allowed", child.SourceBuilds, cmp.Or(parent.SourceBuilds, RefuseSources))
	}
	for _, n := range parent.WarnAt {
		if !slices.Contains(child.WarnAt, n) {
			t.add("warn_at", "found %v, the parent has %v: %d is missing, warnings may only be added", child.WarnAt, parent.WarnAt, n)
		}
	}
	for _, n := range Names {
		t.class("classes."+string(n), parent.Class(n), child.Class(n))
	}
	for _, list := range sortedKeys(parent.Lists) {
		for _, name := range parent.Lists[list] {
			if !child.OnList(list, name) {
				t.add("lists."+list, "%s is missing, which is on the parent's list: a list may only gain", name)
			}
		}
	}
	t.rules()
	return t.found
}

type tightening struct {
	parent, child *Policy
	found         []Problem
}

func (t *tightening) add(path, format string, args ...any) {
	t.found = append(t.found, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// class compares how changes of one class are treated.
func (t *tightening) class(path string, was, is Class) {
	t.limits(path+".deadline", was.Deadline, is.Deadline)
	for _, d := range []struct {
		key     string
		was, is Duration
	}{{"cooldown", was.Cooldown, is.Cooldown}, {"soak.staging", was.Soak.Staging, is.Soak.Staging}, {"soak.production", was.Soak.Production, is.Soak.Production}} {
		if d.is < d.was {
			t.add(path+"."+d.key, "found %s, the parent has %s: it may only get longer", d.is, d.was)
		}
	}
	for _, w := range []struct{ key, was, is string }{{"timeline", was.Timeline, is.Timeline}, {"method", was.Method, is.Method}, {"branch", was.Branch, is.Branch}} {
		if w.is != w.was {
			t.add(path+"."+w.key, "found %q, the parent has %q: which pipeline runs a change is not a matter of strictness, so the parent alone says it", w.is, w.was)
		}
	}
	if cycles[is.Cycle] > cycles[was.Cycle] {
		t.add(path+".cycle", "found %s, the parent has %s: it may only get shorter", is.Cycle, orNone(string(was.Cycle)))
	}
	if missing := without(was.Checks, is.Checks); len(missing) > 0 {
		t.add(path+".checks", "%s missing, which the parent asks for: checks may only be added", join(missing))
	}
	if is.Approvals.Count < was.Approvals.Count {
		t.add(path+".approvals.count", "found %d, the parent has %d: it may only grow", is.Approvals.Count, was.Approvals.Count)
	}
	if missing := without(was.Approvals.From, is.Approvals.From); len(missing) > 0 {
		t.add(path+".approvals.from", "%s missing, which the parent asks for: groups may only be added", join(missing))
	}
	if is.Backup.weaker(was.Backup) {
		t.add(path+".backup", "found %s, the parent has %s: it may only be demanded where it was not, and count for a shorter time", is.Backup, was.Backup)
	}
	if why := within(t.child.Windows[is.Window], t.parent.Windows[was.Window]); why != "" {
		at := path + ".window"
		if is.Window == was.Window {
			at = "windows." + is.Window
		}
		t.add(at, "found %s, the parent has %s for %s: %s", t.child.Windows[is.Window], t.parent.Windows[was.Window], strings.TrimPrefix(path, "classes."), why)
	}
}

// cycles orders how often changes are gathered; none: at once.
var cycles = map[Cycle]int{"": 0, "weekly": 1, "monthly": 2, "quarterly": 3}

// limits compares deadlines, clock by clock; zero means none.
func (t *tightening) limits(path string, was, is Limits) {
	for _, l := range []struct {
		key     string
		was, is Duration
	}{{"detected", was.Detected, is.Detected}, {"fix_published", was.FixPublished, is.FixPublished}} {
		if l.was > 0 && (l.is == 0 || l.is > l.was) {
			t.add(path+"."+l.key, "found %s, the parent has %s: it may only get shorter", l.is, l.was)
		}
	}
}

// without lists what is in want and not in have.
func without[T comparable](want, have []T) []T {
	return slices.DeleteFunc(slices.Clone(want), func(x T) bool { return slices.Contains(have, x) })
}

func join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
