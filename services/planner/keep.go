package planner

import (
	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/report"
)

// keep answers what the index left open with the plan in force, where that still holds: an index that is away
// for an hour must not end changes that people work on, nor silence their deadlines. What was picked stays
// picked only for the same target and wishes, and only while no advisory hits it.
func (in *situation) keep(res resolution, m advisory.Matcher) {
	old := in.InForce
	if old == nil || m == nil || !in.sameWishes(old.Inputs) {
		return
	}
	for s, a := range res.Answers {
		if !a.Unreachable {
			continue
		}
		for _, ph := range old.Phases {
			for _, u := range ph.Updates {
				if kept, ok := stillGood(s, u, m); ok {
					res.Answers[s] = kept
				}
			}
		}
	}
}

func (in *situation) sameWishes(was report.Inputs) bool {
	w := in.Wishes
	if (w.ExcludeNewer == nil) != (was.ExcludeNewer == nil) || w.ExcludeNewer != nil && !w.ExcludeNewer.Equal(*was.ExcludeNewer) {
		return false
	}
	return w.Target.Python == was.Python && w.Target.Platform == was.Platform
}

func stillGood(s subject, u report.Update, m advisory.Matcher) (answer, bool) {
	if u.Package != s.Package || u.Ecosystem != s.Ecosystem || u.From != s.Version || s.Hashed && len(u.Hashes) == 0 {
		return answer{}, false
	}
	v, err := pep440.Parse(u.To)
	if err != nil || !allows(s.Within, v) {
		return answer{}, false
	}
	if hits, err := m.Match(s.Ecosystem, s.Package, u.To); err != nil || len(hits) > 0 {
		return answer{}, false
	}
	to := &index.Release{Version: u.To, Released: u.Released}
	for _, h := range u.Hashes {
		to.Files = append(to.Files, index.File{Hashes: map[string]string{"sha256": h[len("sha256:"):]}})
	}
	return answer{choice: choice{To: to, Step: u.Step}, Kept: true}, true
}
