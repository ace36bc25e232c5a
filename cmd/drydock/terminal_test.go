package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
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

func hostilePlan(attack string) *report.Plan {
	u := report.Update{Package: attack, From: attack, To: attack, Step: attack, Fixes: []string{attack, attack}, Source: attack, Reason: attack, Through: []string{attack}, Page: "https://h/" + attack}
	return &report.Plan{Application: attack, Resolution: attack, Phases: []report.Phase{{Phase: attack, DeadlineRule: attack, Branch: attack, Updates: []report.Update{u}}},
		Outcomes: []report.Outcome{{Package: attack, Outcome: report.Blocked, Detail: attack, Chain: []string{attack}}}}
}

func TestNothingHostileReachesATerminal(t *testing.T) {
	for _, attack := range attacks {
		for _, colour := range []bool{false, true} {
			p := &page{width: 80, colour: colour}
			renderScan(p, hostileScan(attack), attack)
			for _, explain := range []bool{false, true} {
				renderPlan(p, planScreen{plan: hostilePlan(attack), explain: explain, files: []string{attack}, dir: "out", path: attack})
			}
			renderHostileChange(p, attack)
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

// renderHostileChange has an attack in every field of a change that comes from outside.
func renderHostileChange(p *page, attack string) {
	ch := api.Change{Change: attack, Application: attack, Class: attack, Stage: "parked", Branch: attack, Reason: attack, Do: attack, DeadlineRule: attack,
		Updates: []events.Update{{Package: attack, From: attack, To: attack, Source: attack}}}
	waits := []api.Wait{{What: attack, Who: attack, Do: attack}}
	renderChanges(p, []api.Change{ch}, time.Time{})
	renderChange(p, &changeDoc{ChangeDetail: &api.ChangeDetail{Change: ch, Waits: waits, Effects: []api.Effect{{Kind: attack, Branch: attack, Outcome: "refused", Reason: attack}}},
		Validation: &report.Validation{Result: attack, Reason: attack, Branch: attack, Base: attack, Isolation: attack, Notes: []string{attack}, Artifact: attack, Bill: attack, Failing: []report.Update{{Package: attack, To: attack}},
			Steps: []report.Step{{Name: attack, Status: attack, Detail: attack, Command: attack, Log: attack}}}}, time.Time{})
	stuck := ch
	stuck.Stage = "opened"
	renderUpdate(p, &updateDoc{Applications: []updated{{Application: attack, State: updateDone, Changes: []updatedChange{{Change: ch}, {Change: stuck, Waits: waits}},
		Left: []report.Outcome{{Package: attack, Version: attack, Vulnerability: attack, Outcome: attack, Detail: attack}}}, {Application: attack, State: updateFailed, Detail: attack}}}, time.Time{})
	if shown, err := shownText([]byte(attack + "text that is long enough to be text all the same")); err == nil {
		p.b.WriteString(shown)
	}
}

func TestDocumentsOnATerminal(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\tb": "a    b\n", "red\x1b[31m\n": "red\\x1b[31m\n", strings.Repeat("log line\n", 30) + "\xe2\x82": strings.Repeat("log line\n", 30) + "\\xe2\\x82\n"} {
		if got, err := shownText([]byte(in)); err != nil || got != want {
			t.Errorf("%q is shown as %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"PK\x03\x04\x00\x00", "\xff\xfe\xfd\xfc"} {
		if _, err := shownText([]byte(in)); exitCode(err) != report.ExitEnvironment || !strings.Contains(err.Error(), "-o FILE") {
			t.Errorf("%q: %v", in, err)
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
