package planner

import (
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/report"
)

// A pin that stays is not touched, but a hash of it that the index does not have is said: it can't be installed.
func TestHashesOfPinsThatStayAreCompared(t *testing.T) {
	good := func(name string) string {
		return " --hash=sha256:" + sum("wheel "+name) + " --hash=sha256:" + sum(name)
	}
	zero := " --hash=sha256:" + strings.Repeat("0", 64)
	for name, tc := range map[string]struct{ line, says string }{
		"as the index has it":      {good("other1.0"), ""},
		"one of them":              {" --hash=sha256:" + sum("other1.0"), ""},
		"another algorithm":        {" --hash=sha512:" + strings.Repeat("0", 128), ""},
		"one that nobody has":      {good("other1.0") + zero, "requirements.txt:2 states 1 hash of other 1.0 that the index does not have (sha256:000000000000…)"},
		"only one that nobody has": {zero, "nothing can be installed by them"},
	} {
		w := newWorld(t, Config{Python: "3.11"}, advisories{"lib": {"CVE-1 <1.1 low"}}, map[string][]string{"lib": {"1.1"}, "other": {"1.0"}})
		w.plan(w.scan(map[string]string{"requirements.txt": "lib==1.0" + good("lib1.0") + "\nother==1.0" + tc.line + "\n"}))
		p := w.document()
		if got := moves(p); got != "regular lib 1.0>1.1" {
			t.Errorf("%s: moves %q", name, got)
		}
		said := strings.Join(p.Notes, "; ")
		if !strings.Contains(said, tc.says) || (tc.says == "") != (said == "") || (tc.says != "") != (p.ExitCode == report.ExitIncomplete) {
			t.Errorf("%s: exit %d, notes %q", name, p.ExitCode, said)
		}
	}
}

func TestIndexThatKnowsNothing(t *testing.T) {
	w := newWorld(t, Config{Python: "3.11"}, advisories{"a": {"CVE-1 <2 low"}, "b": {"CVE-2 <2 low"}}, map[string][]string{})
	w.plan(w.scan(map[string]string{"requirements.txt": "a==1\nb==1\n"}))
	p := w.document()
	for _, id := range []string{"CVE-1", "CVE-2"} {
		if o := outcome(t, p, id); o.Outcome != report.OutcomeError || o.Detail != "the index knows none of the 2 packages with findings; check its address" || p.ExitCode != report.ExitIncomplete {
			t.Errorf("exit %d, %+v", p.ExitCode, o)
		}
	}
}
