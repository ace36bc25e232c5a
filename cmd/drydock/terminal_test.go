package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// attacks are what a terminal would obey, or what deceives the reader of one.
var attacks = []string{"\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\u009b31m", "\u202e", "\u2066", "\u200b", "\u2028", "\ufeff", "\x00", "\r", "\b", "\x7f", "\xff", "\U000e0041", "\ue000"}

func TestCleanKeepsTextAndEscapesTheRest(t *testing.T) {
	for _, ok := range []string{"", "flask 2.2.2", "naïve café", "日本語", "a\nb", "→ … ✓"} {
		if got := clean(ok); got != ok {
			t.Errorf("clean(%q) = %q", ok, got)
		}
	}
	for _, bad := range attacks {
		got := clean("a" + bad + "b")
		if strings.ContainsFunc(got, unsafeRune) || !utf8.ValidString(got) || !strings.Contains(got, `\`) {
			t.Errorf("clean(%q) = %q", bad, got)
		}
	}
}

// hostileScan has an attack in every field that comes from outside.
func hostileScan(attack string) *report.Scan {
	now := time.Now()
	return &report.Scan{Application: "a" + attack, Source: attack, Notes: []string{attack}, Summary: report.Summary{Packages: 1, Findings: 1}, Confinement: attack, Engine: attack,
		Sources:     []inventory.Source{{Path: attack}},
		Databases:   []report.Database{{Name: attack, Partial: true}},
		Incomplete:  []inventory.Incomplete{{Reason: attack, Source: attack, Detail: attack, Line: 1}},
		Findings:    []report.Finding{{Package: attack, Version: attack, Source: attack, Vulnerability: attack, Severity: attack, FixedIn: []string{attack}}, {Source: "other"}},
		Outdated:    []report.Outdated{{Package: attack, Current: attack, Latest: attack, LatestCompatible: attack, Released: &now}},
		Packages:    []inventory.Package{{Package: attack, Specifier: attack, Source: attack, Pin: inventory.Pin(attack)}},
		Differences: []report.Difference{{Package: attack, Version: attack, Source: attack, IDs: []string{attack}, OnlyIn: attack, Why: attack}}}
}

func TestNothingHostileReachesATerminal(t *testing.T) {
	for _, attack := range attacks {
		for _, colour := range []bool{false, true} {
			p := &page{width: 80, colour: colour}
			renderScan(p, hostileScan(attack), attack)
			renderPlan(p, &report.Plan{Application: attack, Resolution: attack, Phases: []report.Phase{{Phase: attack, DeadlineRule: attack, Branch: attack, Updates: []report.Update{{Package: attack, From: attack, To: attack, Step: attack, Fixes: []string{attack}, Source: attack}}}},
				Outcomes: []report.Outcome{{Package: attack, Outcome: report.Blocked, Detail: attack, Chain: []string{attack}}}}, false, time.Time{}, []string{attack}, "out", attack)
			renderAnswer(p, &answer{Headline: attack, Timeline: []told{{Verb: attack, Text: attack}}, Facts: []fact{{attack, attack}}})
			text := p.b.String()
			for _, sgr := range []style{bold, dim, red, yellow, green, strong} {
				text = strings.ReplaceAll(text, "\x1b["+string(sgr)+"m", "")
			}
			text = strings.ReplaceAll(text, "\x1b[0m", "")
			if colour && attack == attacks[0] {
				continue // one of ours is the same as this attack
			}
			if i := strings.IndexFunc(text, unsafeRune); i >= 0 {
				t.Fatalf("attack %q, colour %t: %q", attack, colour, text[max(0, i-60):min(len(text), i+20)])
			}
		}
	}
}

func TestNoColourWithoutATerminal(t *testing.T) {
	c := &cli{Main: &Main{Stdout: &bytes.Buffer{}, Environ: []string{"TERM=xterm-256color"}}}
	p := c.page()
	renderScan(p, hostileScan("x"), ".")
	if p.colour || strings.Contains(p.b.String(), "\x1b") {
		t.Error("an escape byte in a pipe")
	}
}

func TestTablesFitTheirWidth(t *testing.T) {
	long := strings.Repeat("abcdefghij", 12)
	s := &report.Scan{Application: "a", Findings: []report.Finding{
		{Package: long, Version: long, FixedIn: []string{long}, Vulnerability: long, Severity: "critical", Source: long + ".txt", Line: 7},
		{Package: "é", Severity: "low", Source: "b"}}}
	p := &page{width: 80}
	renderFindings(p, s)
	for _, line := range strings.Split(p.b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(p.b.String(), ".txt:7") {
		t.Error("the end of a path, with its line, must stay readable:\n" + p.b.String())
	}
}

func TestWrappedBreaksAtSpacesOnly(t *testing.T) {
	p := &page{width: 20}
	p.wrapped(plain, "  ", "  one two three four %s five", strings.Repeat("x", 30))
	want := "  one two three four\n  " + strings.Repeat("x", 30) + "\n  five\n"
	if got := p.b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEscapedJSONIsTheSameValue(t *testing.T) {
	for _, attack := range append(attacks, "plain", "日本") {
		if !utf8.ValidString(attack) {
			continue
		}
		in, _ := json.Marshal(map[string]string{"k": attack})
		out := escapeControls(in)
		var got map[string]string
		if err := json.Unmarshal(out, &got); err != nil || got["k"] != attack || bytes.ContainsFunc(out, unsafeRune) {
			t.Errorf("%q → %s → %q, %v", attack, out, got["k"], err)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		s    string
		path bool
		want string
	}{
		{"requirements.txt", true, "requirements.txt"},
		{"svc-a/requirements.txt", true, "svc-a…irements.txt"},
		{"svc-b/requirements.txt", true, "svc-b…irements.txt"},
		{"charset-normalizer-more", false, "charset-normalize…"},
	} {
		if got := shorten(c.s, 18, c.path); got != c.want {
			t.Errorf("%s: %s, want %s", c.s, got, c.want)
		}
	}
}
