package dock

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
)

const ownFile = ".drydock.yaml"

// Whatever is wrong with the repository's own file parks the change with the place in it, nothing is built, and once
// it is right the same change goes on.
func TestOwnFileIsWrong(t *testing.T) {
	w := newWorld(t, plain())
	w.decl = "    isolation: namespaces\n"
	w.start(bus.NewMemory())
	for i, c := range []struct {
		name, text string
		reason     []string
		do         string
	}{
		{"typo", "cheks:\n  tests: {command: pytest}\n", []string{".drydock.yaml:1: cheks: unknown key", "checks"}, "correct it on main"},
		{"not YAML", "checks: [\n", []string{".drydock.yaml:"}, "correct it on main"},
		{"automatic merge", "merge: automatic\n", []string{".drydock.yaml:1: merge", "person"}, "correct it on main"},
		{"no isolation", "isolation: none\n", []string{".drydock.yaml:1: isolation", "none"}, "correct it on main"},
		{"weaker isolation", "isolation: landlock\n", []string{".drydock.yaml:1: isolation: found landlock, the server has namespaces", "may only get stronger"}, "can only tighten"},
		{"a later deadline", "policy:\n  classes:\n    emergency: {deadline: {detected: 9d}}\n", []string{".drydock.yaml:3", "deadline"}, "can only tighten"},
		{"another name", "name: ledger\n", []string{".drydock.yaml:1", "ledger", "payments"}, ""},
		{"what is the server's", "environments: {production: {driver: keeper}}\n", []string{"environments", "stands in the server's applications.yaml"}, "correct it on main"},
		{"no file matches", "manifests: [deploy/*.txt]\n", []string{"deploy/*.txt"}, "manifests:"},
		{"too large", "# " + strings.Repeat("x", 40<<10) + "\n", []string{"40963 bytes", "32768"}, "smaller"},
	} {
		w.repo.Push("main", c.name, map[string]string{ownFile: c.text})
		got := w.again(fmt.Sprint("update ", i))
		t.Log(c.name)
		step := report.StepRead
		if c.name == "no file matches" {
			step = ""
		}
		w.check(got, want{stage: events.StageParked, kind: events.ParkedSetup, step: step, reason: c.reason, do: c.do})
		w.nothingLeft()
	}
	for target, why := range map[string]string{"pay.py": ".drydock.yaml is no plain file", "/etc/passwd": ".drydock.yaml is left out of the checkout: symbolic link that leads outside"} {
		w.repo.Link(ownFile, target)
		w.repo.Push("main", "a link", nil)
		w.check(w.again("link "+target), want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepRead, reason: []string{why}, do: "make it a plain file"})
	}
	w.repo.Push("main", "no file", map[string]string{ownFile: "\x00"})
	w.update("right")
	if c := w.stage(events.StageProposed); len(w.until("", func(*events.State) bool { return true }).Changes) != 1 {
		t.Errorf("%s is not the only change", c.Change)
	}
	w.settled()
}

// An application in a folder of its repository, with a file and checks of its own.
func TestOwnFile(t *testing.T) {
	w := newWorld(t, map[string]string{
		"requirements.txt":                   "other==1.0\n",
		"shop/payments/requirements.txt":     "lib==1.0\n",
		"shop/payments/old/requirements.txt": "other==1.0\n",
		"shop/payments/dev-requirements.txt": "pytest==8.0.0\n",
		"shop/payments/src/pay.py":           "import lib\nversion = lib.__version__\n",
		"shop/payments/checks/test_pay.py":   "import pay\n\n\ndef test_version():\n    assert pay.version\n",
		"shop/payments/" + ownFile: `name: payments
manifests: [requirements.txt, dev-requirements.txt]
checks:
  tests: {command: pytest -q checks, environment: {PYTHONPATH: src}}
  security: {command: [python, -c, "import sys; print('looked at', sys.argv[1:])", src]}
  smoke: {command: [python, -c, "import pay; print('version', pay.version)"], dir: src, timeout: 10m}
`,
	})
	w.decl = "    path: shop/payments\n"
	c := w.proposed()
	v := w.validation(c.Validated.Validation)
	for step, says := range map[string]string{report.StepTests: "0 failed, 0 errors, 1 in all", report.StepSecurity: "looked at ['src']", report.StepSmoke: "version 1.1"} {
		if st := v.Step(step); st.Status != report.StepPassed || st.Log == "" || !strings.Contains(string(w.evidence(st.Log)), says) {
			t.Errorf("%s: %+v", step, st)
		}
	}
	if got := w.repo.Git("diff", "--stat=200", "--name-only", "main", c.Branch); got != "shop/payments/requirements.txt" {
		t.Errorf("the branch changes %q", got)
	}
	if c.Validated.Tests == "" || !strings.Contains(string(w.evidence(c.Validated.Tests)), "security") {
		t.Error("no statement of the tests")
	}
	w.settled()
}

// A folder that is not there, or is no folder.
func TestPathIsWrong(t *testing.T) {
	w := newWorld(t, plain())
	first := w.proposed()
	w.declare("    path: services/pay\n", false)
	w.repo.Push("main", "moves", map[string]string{"README": "1\n"})
	c := w.looked(reports...)
	w.check(c, want{stage: events.StageParked, kind: events.ParkedSetup, step: report.StepCheckout, reason: []string{"has no folder services/pay"}, do: "correct path:", pushed: true})
	if c.Change != first.Change {
		t.Errorf("another change: %s", c.Change)
	}
	w.settled()
}
