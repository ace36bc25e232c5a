package planner

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// merged is a change whose commit arrived in the base and that has not ended: what it does is done in the repository
// and not yet in production.
//
// Nothing the planner knows ends it. That a newer plan has none of its findings is what was to be expected of the merge
// and no reason to call it superseded: its work is in the base, and only a verifying scan of the environment it changes
// closes it (invariant I6). It stays among the open changes, because it is open: its deadline runs on, and who asks what is
// in motion hears of it, as merged. What is left to do of a phase beyond it is a change of its own.
type merged struct {
	Change   string          `json:"change"`
	Phase    string          `json:"phase"`
	Branch   string          `json:"branch"`
	Updates  []events.Update `json:"updates,omitempty"`
	Findings []string        `json:"findings,omitempty"`
	Deadline time.Time       `json:"deadline,omitzero"`
	Unread   bool            `json:"unread,omitempty"` // the repository was not read since
}

// mergedChanges reads them, by id. A scan that only matched the stored inventory with newer advisories read nothing.
func mergedChanges(s *events.State) []merged {
	read := time.Time{}
	for _, sc := range s.NewestScans() {
		if !sc.Scan.Environment && sc.Scan.Trigger != events.TriggerDatabase {
			read = sc.Time
		}
	}
	var out []merged
	for _, id := range slices.Sorted(maps.Keys(s.Changes)) {
		if c := s.Changes[id]; c.Merged != nil && c.Terminal == "" {
			out = append(out, merged{Change: id, Phase: c.Phase, Branch: c.Branch, Updates: c.Updates, Findings: c.Findings, Deadline: c.Deadline, Unread: !read.After(c.MergedAt)})
		}
	}
	return out
}

// carrier is the merged change that does all of a phase already; nil: there is none, and the phase needs a change. It
// has the same updates, fixes the same findings and is due no later. What a scan of the repository shows after the merge
// is not done there, whatever was merged (somebody took it back), and only what a live environment still has is on
// its way.
func (in *situation) carrier(p phase) *merged {
	for i := range in.Merged {
		m := &in.Merged[i]
		if m.Phase != p.Phase.Phase || p.Deadline != nil && (m.Deadline.IsZero() || p.Deadline.Before(m.Deadline)) {
			continue
		}
		open := slices.ContainsFunc(updatesOfPhase(p.Phase), func(u events.Update) bool {
			return !slices.Contains(m.Updates, u) || !m.Unread && !in.live(u.Source)
		})
		if open || slices.ContainsFunc(p.findings, func(f finding) bool { return !slices.Contains(m.Findings, f.ID) }) {
			continue
		}
		return m
	}
	return nil
}

// takenBack reports whether the repository still shows, after a change was merged, what that has moved.
func (in *situation) takenBack(p phase, change string) bool {
	i := slices.IndexFunc(in.Merged, func(m merged) bool { return m.Change == change })
	return i >= 0 && !in.Merged[i].Unread && slices.ContainsFunc(p.Updates, func(u report.Update) bool { return !in.live(u.Source) })
}

// live reports whether a source is a live environment, which no commit changes.
func (in *situation) live(source string) bool {
	return slices.ContainsFunc(in.Inventory.Packages, func(p inventory.Package) bool {
		return p.Source == source && strings.HasPrefix(p.Scope, "environment:")
	})
}
