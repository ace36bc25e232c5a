package planner

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func goldenWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, Config{Python: "3.9"}, advisories{
		"flask": {"CVE-2023-30861 <2.2.5 high"}, "pyjwt": {"CVE-2022-29217 <2.4 critical", "CVE-2022-39227 >=2.4,<2.4.1 high"},
		"django": {"CVE-2024-1 <5.0 medium"}, "lib": {"CVE-2024-2 <1.1 unknown"}, "old": {"CVE-2024-3 <2 low"}, "stripe": {"CVE-2024-4 <2 medium"},
		"bad": {"CVE-2024-5 >=0 low"},
	}, map[string][]string{
		"flask": {"2.2.5 py>=3.7"}, "pyjwt": {"2.4.0", "2.4.1", "2.5.0"}, "django": {"4.2.1", "5.0 py>=3.10"}, "lib": {"1.1rc1", "1.1 yanked"},
		"old": {"2"}, "stripe": {"2.0.0 at=2024-03-01"}, "bad": {"1.1"},
	})
	inv := w.inventoryOf(map[string]string{"requirements.txt": "flask==2.2.2\nPyJWT==2.3.0\ndjango==4.2\nlib==1.0\nold==1 ; python_version < '3.8'\nstripe==1.9.0\nbad==1.0\nloose>=2\n"})
	inv.Incomplete = []inventory.Incomplete{{Reason: inventory.RangedPin, Source: "requirements.txt", Line: 8, Detail: "loose>=2 has no exact version"}}
	w.complete = false
	w.plan(w.scanInventory(inv))
	return w
}

func TestGoldenMarkdown(t *testing.T) {
	p := goldenWorld(t).document()
	p.Inputs.Record = "sha256:record" // names what is compressed, and so depends on the compiler
	golden(t, "plan.md", Markdown(p))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it anew); got\n%s", path, got)
	}
}

// What a repository or an index wrote can't break the rendering, add markup or move the cursor.
func TestHostileWords(t *testing.T) {
	evil := "x|y\n## \x1b[31m<script>`a` [l](http://h) *b* \u202e"
	p := &report.Plan{Application: evil, Resolution: "per-package", Phases: []report.Phase{{Phase: evil, Timeline: evil, Branch: evil, Method: evil,
		Updates: []report.Update{{Package: evil, From: evil, To: evil, Source: evil, Fixes: []string{evil}, Reason: evil}}}},
		Outcomes:   []report.Outcome{{Package: evil, Version: evil, Source: evil, Vulnerability: evil, Outcome: report.Blocked, Detail: evil, Chain: []string{evil}}},
		Incomplete: []inventory.Incomplete{{Reason: evil, Source: evil, Line: 1, Detail: evil}}}
	got := strings.ReplaceAll(Markdown(p), "`"+code(evil)+"`", "") // between backticks nothing is markup
	got = strings.ReplaceAll(got, `\<`, "")
	for _, bad := range []string{"\x1b", "\n## \x1b", "<", "`a`", " [l]", "\u202e", "x|y"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q came through in\n%s", bad, got)
		}
	}
	for _, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(line, "| x") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") > 9 {
			t.Errorf("a cell broke out: %s", line)
		}
	}
}
