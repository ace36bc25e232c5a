package dock

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

// several is an application of four libraries with a test that says no when one of them is of some version.
func several(test string) map[string]string {
	return map[string]string{
		"requirements.txt":     "a==1.0\nb==1.0\nc==1.0\nd==1.0\n",
		"requirements-dev.txt": "pytest==8.0.0\n",
		"tests/test_pay.py":    "import a, b, c, d\n\n\n" + test,
	}
}

// offer has the index offer 1.0 and 1.1 of packages that are all vulnerable below 1.1.
func (w *world) offer(names ...string) {
	w.t.Helper()
	var list []string
	for _, name := range names {
		w.index.Library(name, "1.0", "")
		w.index.Library(name, "1.1", "")
		list = append(list, name, "1.1", "")
	}
	w.advise(list...)
}

// failing are the packages of a rejection.
func failing(c events.Change) string {
	var out []string
	for _, u := range c.Rejected.Failing {
		out = append(out, u.Package)
	}
	return strings.Join(out, " ")
}

// What fails already without the change is told and not blamed on it.
func TestFailedBefore(t *testing.T) {
	all := files()
	all["tests/test_old.py"] = "def test_old():\n    assert 1 == 2, 'it was so before'\n"
	w := newWorld(t, all)
	c := w.proposed()
	v := w.validation(c.Validated.Validation)
	if st := v.Step(report.StepTests); st.Status != report.StepWarned || len(st.Tests.Before) != 1 || len(st.Tests.New) != 0 || !strings.Contains(string(w.evidence(st.Log)), "1 failed") {
		t.Errorf("tests: %+v", st)
	}
	if len(c.Validated.Warned) == 0 || !strings.Contains(string(w.evidence(c.Proposed.Text)), "test_old") {
		t.Errorf("warned of %v, and the text does not name it", c.Validated.Warned)
	}
	t.Log(c.Validated.Warned)
	w.settled()
}

// One update of four breaks the tests: it is found, the plan that follows holds it, and the rest goes its way.
func TestCulprit(t *testing.T) {
	w := newWorld(t, several("def test_b():\n    assert b.__version__ == '1.0', 'b is ' + b.__version__\n"))
	w.offer("a", "b", "c", "d")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedTests, reason: []string{"b 1.1", "tests"}, log: "1 failed"})
	if failing(c) != "b" || !c.Rejected.Proved {
		t.Errorf("blamed: %s, proved %t", failing(c), c.Rejected.Proved)
	}
	v := w.validation(c.Rejected.Validation)
	if st := v.Step(report.StepBisect); st == nil || !strings.Contains(st.Detail, "b 1.1") {
		t.Errorf("%+v", st)
	} else {
		t.Log(st.Detail)
	}
	next := w.stage(events.StageProposed)
	w.standsOn(next.Branch, w.repo.Git("rev-parse", "main"), "a==1.1\nb==1.0\nc==1.1\nd==1.1")
	s := w.until("planned", func(s *events.State) bool { return s.Plan.Outcomes["blocked"] == 1 })
	if doc := string(w.evidence(s.Plan.Document)); !strings.Contains(doc, "change "+c.Change+", until ") {
		t.Errorf("the plan does not say why b is blocked: %s", doc)
	}
	if n := count(w.kinds(0), "change.rejected"); n != 1 {
		t.Errorf("%d rejections", n)
	}
	w.settled()
}

// Two that fail only together are both named.
func TestTwoCulprits(t *testing.T) {
	rare(t)
	w := newWorld(t, several("def test_c_and_d():\n    assert not c.__version__ == d.__version__ == '1.1', 'c and d quarrel'\n"))
	w.offer("a", "b", "c", "d")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedTests, reason: []string{"c 1.1, d 1.1"}, log: "1 failed"})
	if failing(c) != "c d" || !c.Rejected.Proved {
		t.Errorf("blamed: %s, proved %t", failing(c), c.Rejected.Proved)
	}
	next := w.stage(events.StageProposed)
	w.standsOn(next.Branch, w.repo.Git("rev-parse", "main"), "a==1.1\nb==1.1\nc==1.0\nd==1.0")
	w.settled()
}

// What does not go together without the change is not the change's fault.
func TestPipCheckBefore(t *testing.T) {
	all := plain()
	all["requirements.txt"] = "lib==1.0\nneedy==1.0\n"
	w := newWorld(t, all)
	w.index.Library("needy", "1.0", "", "missing>=2")
	w.index.Library("missing", "2.0", "")
	c := w.proposed()
	if st := w.validation(c.Validated.Validation).Step(report.StepPipCheck); st.Status != report.StepWarned || !strings.Contains(st.Detail, "did not without the change: needy requires missing>=2, but it's not installed") {
		t.Errorf("%+v", st)
	}
	if !strings.Contains(strings.Join(c.Validated.Warned, "\n"), "needy requires missing") || !strings.Contains(string(w.evidence(c.Proposed.Text)), "needy requires missing") {
		t.Errorf("nobody is told: %v\n%s", c.Validated.Warned, w.evidence(c.Proposed.Text))
	}
	w.settled()
}

// What does not go together with the change is: the index said of a release that it needs nothing, and its wheel knows
// better.
func TestPipCheck(t *testing.T) {
	rare(t)
	w := newWorld(t, several(""))
	w.offer("a", "c", "d")
	w.index.Library("b", "1.0", "")
	w.index.Library("b", "1.1", "", "missing>=2,<3; python_version >= '3'", "a>=9")
	w.index.Says("b", "1.1")
	w.advise("a", "1.1", "", "b", "1.1", "")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedInstall, reason: []string{"b 1.1: what it installs does not go together: b requires missing>=2,<3", "; b requires a>=9, but 1.1 is installed"}, log: "missing>=2"})
	if failing(c) != "b" || !c.Rejected.Proved {
		t.Errorf("blamed: %s, proved %t", failing(c), c.Rejected.Proved)
	}
	next := w.stage(events.StageProposed)
	w.standsOn(next.Branch, w.repo.Git("rev-parse", "main"), "a==1.1\nb==1.0\nc==1.0\nd==1.0")
	w.settled()
}
