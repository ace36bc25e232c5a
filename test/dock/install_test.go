package dock

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/test/yard"
)

// An advisory that comes between the plan and the re-scan of what is installed.
func TestVulnerableItself(t *testing.T) {
	w := newWorld(t, plain())
	w.crossed = func(_, step string) {
		if step != report.StepSeal {
			return
		}
		db, err := advisory.Open(yard.Advisories(t, yard.Advisory{ID: "GHSA-0000-0000-0001", Package: "lib", Fixed: "1.1"}, yard.Advisory{ID: "GHSA-0000-0000-0002", Package: "lib", Fixed: "1.2"}), advisory.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		w.matcher.Store(db)
	}
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedVulnerable, reason: []string{"lib 1.1 has GHSA-0000-0000-0002"}})
	if failing(c) != "lib" || !c.Rejected.Proved {
		t.Errorf("%+v", c.Rejected)
	}
	s := w.until("planned again", func(s *events.State) bool { return count(w.kinds(0), "plan.generated") == 2 })
	t.Log(w.told(s))
	w.settled()
}

// A wheel that writes where it must not is refused, and it alone.
func TestWheelEscapes(t *testing.T) {
	w := newWorld(t, map[string]string{"requirements.txt": "evil==1.0\nlib==1.0\n"})
	w.index.Library("evil", "1.0", "")
	w.index.Wheel("evil", "1.1", map[string]string{"evil/__init__.py": "", "../../../../evil.txt": "written\n"})
	w.advise("evil", "1.1", "", "lib", "1.1", "")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedInstall, reason: []string{"evil 1.1", "evil.txt"}})
	if failing(c) != "evil" || !c.Rejected.Proved {
		t.Errorf("%+v", c.Rejected)
	}
	next := w.stage(events.StageProposed)
	if got := w.repo.Git("show", next.Branch+":requirements.txt"); !strings.Contains(got, "lib==1.1") || !strings.Contains(got, "evil==1.0") {
		t.Errorf("requirements.txt is %q", got)
	}
	w.settled()
}
