package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// scanRepository is a scan of the declared repository, whose own file says this.
func (w *world) scanRepository(files map[string]string, own string) events.Event {
	w.t.Helper()
	w.scan(files)
	done := w.state.NewestScans()[0].Scan
	done.Target, done.Repository, done.Own = "https://git.example/payments.git", true, ""
	if own != "" {
		done.Own = w.put([]byte(own))
	}
	return w.say("request-repository-"+w.now.String(), own, done)
}

// What a repository's own file tightens counts for its plans, and is made again with them; what it would loosen is told
// and does not count.
func TestRepositoryTightens(t *testing.T) {
	for name, c := range map[string]struct {
		own       string
		days      int
		tightened bool
		told      string
	}{
		"no file":      {"", 14, false, ""},
		"tightened":    {"policy: {classes: {high: {deadline: {detected: 5d}}}, lists: {framework: [other]}}\n", 5, true, ""},
		"other things": {"name: payments\n", 14, false, ""},
		"loosened":     {"policy: {classes: {high: {deadline: {detected: 90d}}}}\n", 14, false, "the server's does: policy.classes.high.deadline.detected: found 90d, the parent has 14d"},
		"both":         {"policy: {classes: {high: {deadline: {detected: 5d}, cooldown: 0h}}}\n", 14, false, "policy.classes.high.cooldown: found 0m, the parent has 24h"},
		"a typo":       {"polic: {}\n", 14, false, "polic: unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 high"}}, map[string][]string{"lib": {"1.1"}})
			w.plan(w.scanRepository(map[string]string{"requirements.txt": "lib==1.0\n"}, c.own))
			p, served := w.document(), w.policy.Digest()
			if got := p.Phases[0]; got.Phase != "high" || !got.Deadline.Equal(start.AddDate(0, 0, c.days)) {
				t.Errorf("%s due %s", got.Phase, got.Deadline)
			}
			if (p.Inputs.ServerPolicy == served) != c.tightened || (p.Inputs.Policy == served) == c.tightened {
				t.Errorf("policy %s of %s, the server has %s", p.Inputs.Policy, p.Inputs.ServerPolicy, served)
			}
			if (c.told == "") != (len(p.Incomplete) == 0) || c.told != "" && (p.Incomplete[0].Source != ".drydock.yaml" || p.Incomplete[0].Line != 1 || !strings.Contains(p.Incomplete[0].Detail, c.told)) {
				t.Errorf("told %+v", p.Incomplete)
			}
			w.recomputes(p)
		})
	}
}

// A repository may take back what it asked for: deadlines that were told stay, until the server's policy is another.
func TestRepositoryTakesBack(t *testing.T) {
	files := map[string]string{"requirements.txt": "lib==1.0\n"}
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 high"}}, map[string][]string{"lib": {"1.1", "1.2"}})
	due := func(days int) {
		t.Helper()
		if p := w.document(); !p.Phases[0].Deadline.Equal(start.AddDate(0, 0, days)) || outcome(t, p, "CVE-1").Outcome != report.Planned {
			t.Errorf("due %s, want %d days after the start", p.Phases[0].Deadline, days)
		}
		w.recomputes(w.document())
	}
	w.plan(w.scanRepository(files, "policy: {classes: {high: {deadline: {detected: 5d}}}}\n"))
	due(5)
	w.now = w.now.Add(time.Hour)
	w.shelf.releases["lib"] = []string{"1.1 yanked", "1.2"} // another plan
	w.plan(w.scanRepository(files, ""))
	due(5)
	w.now = w.now.Add(time.Hour)
	w.policy = policyOf(t, "classes: {high: {deadline: {detected: 10d}}}")
	w.plan(w.scanRepository(files, ""))
	due(10)
}

// A file that is gone from the store is an error, never a policy that is less strict than it was.
func TestRepositoryFileIsGone(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 high"}}, map[string][]string{"lib": {"1.1"}})
	e := w.scanRepository(map[string]string{"requirements.txt": "lib==1.0\n"}, "merge: person\n")
	clear(w.store.docs)
	if _, err := w.service.handle(t.Context(), e, w.facts(e.ID())); err == nil || !strings.Contains(err.Error(), "read .drydock.yaml of the repository") {
		t.Errorf("%v", err)
	}
}
