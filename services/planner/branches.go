package planner

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
)

// branches are the facts by which the names of branches are chosen. They stand in the record of a plan and, like the
// names themselves, outside its digest.
type branches struct {
	Open  map[string]string `json:"open,omitempty"`  // branch of the first change still open, by phase
	Spent []string          `json:"spent,omitempty"` // names that no change may have from now on, sorted
}

// branchesOf reads the facts of an application. Of the names that are spent only those count that a phase could get.
func branchesOf(s *events.State, in *situation) branches {
	spent := spentNames(s)
	out := branches{Open: map[string]string{}}
	for _, c := range slices.SortedFunc(maps.Values(s.Changes), func(a, b events.Change) int { return cmp.Compare(a.Sequence, b.Sequence) }) {
		if c.Terminal == "" && c.Merged == nil && !spent[c.Branch] && out.Open[c.Phase] == "" {
			out.Open[c.Phase] = c.Branch
		}
	}
	for name := range spent {
		if slices.ContainsFunc(policy.Names, func(class policy.ClassName) bool {
			return strings.HasPrefix(name, branch(in.Policy.Class(class).Branch, in.App, in.Now))
		}) {
			out.Spent = append(out.Spent, name)
		}
	}
	slices.Sort(out.Spent)
	return out
}

// spentNames are the branches that have had their day. A branch that was closed, or whose last change was turned down,
// is one that people said something about: what comes next begins anew, beside it. One whose change was merged may have
// been removed by the forge, and a branch that is gone without our doing counts as turned down. One whose change ended
// with no other to carry on will be closed, if it was ever written; only a branch that nobody wrote is free again.
func spentNames(s *events.State) map[string]bool {
	out := map[string]bool{}
	for name, b := range s.Branches {
		if b.Closed {
			out[name] = true
		}
	}
	for _, c := range s.Changes {
		_, written := s.Branches[c.Branch]
		switch {
		case c.Merged != nil:
			out[c.Branch] = true
		case c.Terminal == "":
		case c.Terminal != "superseded":
			out[c.Branch] = true
		case written && s.Changes[c.SupersededBy].Branch != c.Branch:
			out[c.Branch] = true
		}
	}
	return out
}

// name is the branch of a phase. As long as a change of the phase is open, those that carry it on keep its branch, and
// with it the day on which it was opened: who reviews it stays where they are. Else it is today's, with a number behind
// where that name is spent or another phase has it. taken are the names of the phases before it. A branch that the
// policy would not call so any more is not kept: its name decides by which pipeline, and under which protection, it runs.
func (b branches) name(pattern, app string, phase policy.ClassName, now time.Time, taken []string) string {
	for other, name := range b.Open {
		if other != string(phase) {
			taken = append(taken[:len(taken):len(taken)], name)
		}
	}
	free := func(name string) bool { return !slices.Contains(taken, name) && !slices.Contains(b.Spent, name) }
	if open := b.Open[string(phase)]; open != "" && namedBy(pattern, app, open) && free(open) {
		return open
	}
	today := branch(pattern, app, now)
	name := today
	for n := 2; !free(name); n++ {
		name = fmt.Sprintf("%s-%d", today, n)
	}
	return name
}

// branch fills a pattern of the policy, which has seen to it that git takes what comes of it.
func branch(pattern, app string, day time.Time) string {
	return strings.NewReplacer("{date}", day.UTC().Format("20060102"), "{application}", app).Replace(pattern)
}

// namedBy reports whether a branch is named by a pattern, whatever its day and number.
func namedBy(pattern, app, name string) bool {
	form := strings.NewReplacer(`\{date\}`, `[0-9]{8}`, `\{application\}`, regexp.QuoteMeta(app)).Replace(regexp.QuoteMeta(pattern))
	ok, err := regexp.MatchString("^"+form+"(-[0-9]+)?$", name)
	return err == nil && ok
}
