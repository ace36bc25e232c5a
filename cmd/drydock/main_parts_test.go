package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func TestArrange(t *testing.T) {
	root := (&cli{Main: &Main{Stdout: io.Discard, Stderr: io.Discard}}).root()
	for line, want := range map[string]string{
		"scan . --db d":                 "scan . --db d",
		"--db d scan .":                 "scan --db d .",
		"--format json events list":     "events list --format json",
		"events --format json list":     "events list --format json",
		"--packages scan . -q":          "scan --packages . -q",
		"-o out scan .":                 "scan -o out .",
		"scan -- --strange":             "scan -- --strange",
		"deadletter --reason x drop 3":  "deadletter drop --reason x 3",
		"scan scan":                     "scan scan",
		"--data=d status":               "status --data=d",
		"plan . --python python3.11 -q": "plan . --python python3.11 -q",
	} {
		got, err := arrange(root, strings.Fields(line))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("arrange(%s) = %v, %v; want %s", line, got, err, want)
		}
	}
	if _, err := arrange(root, []string{"scam", "."}); exitCode(err) != report.ExitUsage {
		t.Errorf("an unknown command: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {exitWith(0), 0}, {exitWith(2), 2}, {usage("x"), 3}, {surroundings("x"), 4}, {errors.New("x"), 4}, {context.Canceled, 130},
		{fmt.Errorf("wrapped: %w", usage("x")), 3},
		{api.NewProblem(api.InvalidInput, "", "x"), 3}, {api.NewProblem(api.NoSuchPath, "", "x"), 4}, {api.NewProblem(api.NotDetermined, "", "x"), 2},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.want)
		}
	}
	for _, err := range []error{syscall.ENOSPC, bus.ErrFull, fs.ErrPermission, bus.ErrUnavailable} {
		if advice(err) == "" {
			t.Errorf("no advice for %v", err)
		}
	}
}

func TestScanExit(t *testing.T) {
	finding := func(severity, kind string) report.Finding { return report.Finding{Severity: severity, Kind: kind} }
	for _, c := range []struct {
		findings []report.Finding
		complete bool
		failOn   string
		want     int
	}{
		{nil, true, "low", 0}, {nil, false, "low", 2},
		{[]report.Finding{finding("low", "")}, true, "none", 0},
		{[]report.Finding{finding("low", "")}, false, "none", 2},
		{[]report.Finding{finding("low", "")}, false, "low", 1},
		{[]report.Finding{finding("medium", "")}, true, "high", 0},
		{[]report.Finding{finding("unknown", "")}, true, "high", 1},
		{[]report.Finding{finding("unknown", "")}, true, "critical", 0},
		{[]report.Finding{finding("unknown", events.KindMalicious)}, true, "critical", 1},
	} {
		if got := scanExit(&report.Scan{Findings: c.findings, Complete: c.complete}, c.failOn); got != c.want {
			t.Errorf("%+v: %d, want %d", c, got, c.want)
		}
	}
}

func TestPlanExit(t *testing.T) {
	for outcomes, want := range map[string]int{
		"": 0, "planned fixed not-affected accepted-until": 0, "planned blocked": 1, "no-fix-published": 1, "cooling-down": 1, "frozen": 1,
		"error": 2, "unsupported planned": 2, "error blocked": 1,
	} {
		p := &report.Plan{}
		for _, o := range strings.Fields(outcomes) {
			p.Outcomes = append(p.Outcomes, report.Outcome{Outcome: o})
		}
		if got := planExit(p, true); got != want {
			t.Errorf("%s: %d, want %d", outcomes, got, want)
		}
	}
	if planExit(&report.Plan{}, false) != 2 {
		t.Error("an incomplete scan makes a plan incomplete")
	}
}

func TestEveryEventIsTold(t *testing.T) {
	for _, row := range events.Catalog {
		app := "payments"
		if row.OrgOnly {
			app = events.Org
		}
		e, err := events.New(events.Meta{App: app, Cause: "c", Key: "k", Time: time.Now()}, reflect.New(reflect.TypeOf(row.Payload)).Elem().Interface())
		if err != nil {
			t.Fatal(err)
		}
		got := tell(bus.Record{Record: events.Record{Sequence: 1, Event: e}})
		if got.Type != row.Name() || got.Verb == "" || teller(row.Name()) == nil {
			t.Errorf("%s is told as %+v", row.Name(), got)
		}
	}
	if got := tell(bus.Record{Err: errors.New("garbage")}); got.Type != "unreadable" || got.Text != "garbage" {
		t.Errorf("garbage is told as %+v", got)
	}
}

func TestDecideStatus(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	db := []api.Database{{Name: "PyPI"}}
	yes, no := true, false
	old := 100.0
	for name, c := range map[string]struct {
		st             api.Status
		code, need, br int
	}{
		"quiet":       {api.Status{Ready: true, Databases: db}, 0, 0, 0},
		"no database": {api.Status{Ready: true}, 1, 1, 0},
		"not ready":   {api.Status{Databases: db}, 2, 0, 0},
		"incomplete":  {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Application: "a", Complete: &no}, {Application: "b", Complete: &yes}}}, 2, 0, 0},
		"letters":     {api.Status{Ready: true, Databases: db, DeadLetters: 2}, 1, 1, 0},
		"stale":       {api.Status{Ready: true, Databases: []api.Database{{Name: "PyPI", Stale: true, AgeHours: &old}}}, 1, 1, 0},
		"failed":      {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Application: "a", Failed: []api.Failure{{Reason: "crashed"}}}}}, 1, 1, 0},
		"no fix":      {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Application: "a", Outcomes: map[string]int{"no-fix-published": 1, "blocked": 1, "fixed": 3}}}}, 1, 1, 0},
		"index away":  {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Application: "a", Complete: &yes, Outcomes: map[string]int{"error": 1}}}}, 2, 0, 0},
		"all fixed":   {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Application: "a", Outcomes: map[string]int{"fixed": 3, "not-affected": 1}}}}, 0, 0, 0},
		"breached": {api.Status{Ready: true, Now: now, Databases: db, Applications: []api.Application{{Application: "a", Changes: []api.Change{
			{Change: "c-1", Deadline: now.Add(time.Hour)}, {Change: "c-2", Deadline: now.Add(-time.Hour)}}}}}, 1, 2, 1},
		"parked":      {api.Status{Ready: true, Databases: db, Applications: declared(api.Change{Stage: "parked", Reason: "no Python"})}, 1, 1, 0},
		"proposed":    {api.Status{Ready: true, Databases: db, Applications: declared(api.Change{Stage: "proposed"})}, 1, 1, 0},
		"in motion":   {api.Status{Ready: true, Databases: db, Applications: declared(api.Change{Stage: "opened"}, api.Change{Stage: "validated"}, api.Change{Stage: "merged"})}, 0, 0, 0},
		"late":        {api.Status{Ready: true, Now: now, Databases: db, Applications: declared(api.Change{Stage: "opened", Deadline: now.Add(-time.Hour)})}, 1, 1, 1},
		"by hand":     {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Changes: []api.Change{{Stage: "opened"}}}}}, 1, 1, 0},
		"rejected":    {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Rejected: []api.Change{{Stage: "rejected", Kind: "tests"}}}}}, 1, 1, 0},
		"turned down": {api.Status{Ready: true, Databases: db, Applications: []api.Application{{Rejected: []api.Change{{Stage: "rejected", Kind: "deleted"}}}}}, 0, 0, 0},
		"no deadline": {api.Status{Ready: true, Now: now, Databases: db, Applications: []api.Application{{Application: "a", Changes: []api.Change{{Change: "c-1", Class: "feature"}}}}}, 1, 1, 0},
	} {
		got := decideStatus(&c.st)
		if got.ExitCode != c.code || len(got.NeedYou) != c.need || got.Breached != c.br {
			t.Errorf("%s: exit %d, %d need you, %d breached; want %d, %d, %d", name, got.ExitCode, len(got.NeedYou), got.Breached, c.code, c.need, c.br)
		}
		if name == "no deadline" && got.NeedYou[0].Due != nil {
			t.Errorf("what has no deadline is due %v", got.NeedYou[0].Due)
		}
		if name == "breached" && !got.NeedYou[0].Breached {
			t.Error("what is breached comes first")
		}
	}
}

// declared is an application with a repository, so that Drydock works on its changes.
func declared(changes ...api.Change) []api.Application {
	return []api.Application{{Application: "a", Repository: "https://git.example/a.git", Changes: changes}}
}

func TestTerminalVerb(t *testing.T) {
	record := func(p any) bus.Record {
		e, err := events.New(events.Meta{App: "a", Cause: "c", Key: "k", Time: time.Now()}, p)
		if err != nil {
			t.Fatal(err)
		}
		return bus.Record{Record: events.Record{Event: e}}
	}
	if got := terminalVerb(record(events.ChangeSuperseded{Change: "c-1", By: "c-2"}), "c-1"); got != "superseded" {
		t.Errorf("its own end: %q", got)
	}
	if got := terminalVerb(record(events.ChangeSuperseded{Change: "c-1", By: "c-2"}), "c-2"); got != "" {
		t.Errorf("the end of another that it carries on: %q", got)
	}
	if got := terminalVerb(record(events.ChangeOpened{Change: "c-1"}), "c-1"); got != "" {
		t.Errorf("its beginning: %q", got)
	}
}

func TestPythonVersion(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.7\n")
	venv := write("venv/bin/python", "#!/bin/sh\ntouch "+dir+"/ran\n")
	named := write("bin/python3.12", "")
	link := filepath.Join(dir, "python3")
	if err := os.Symlink(named, link); err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{"": "", "3.11": "3.11", "3.11.7": "3.11.7", venv: "3.11.7", filepath.Join(dir, "venv"): "3.11.7", named: "3.12", link: "3.12"} {
		if got, err := pythonVersion(option); err != nil || got != want {
			t.Errorf("pythonVersion(%s) = %s, %v; want %s", option, got, err, want)
		}
	}
	for option, code := range map[string]int{"three": 3, "/no/such/python": 4, write("bin/python", ""): 3} {
		if _, err := pythonVersion(option); exitCode(err) != code {
			t.Errorf("pythonVersion(%s) = %v, want exit %d", option, err, code)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("the interpreter was run")
	}
}

func TestInterruptEndsWhatDoesNotEndByItself(t *testing.T) {
	signals := make(chan os.Signal, 2)
	blocked, release := io.Pipe()
	defer release.Close()
	m := &Main{Args: []string{"completion", "bash"}, Stdin: strings.NewReader(""), Stdout: release, Stderr: io.Discard, Signals: signals, Environ: []string{"HOME=" + t.TempDir()}}
	signals <- os.Interrupt // nobody reads stdout, so the command hangs in its write
	if got := m.Run(context.Background()); got != report.ExitInterrupted {
		t.Errorf("exit %d, want 130", got)
	}
	_ = blocked.Close()
	signals <- os.Interrupt
	signals <- syscall.SIGTERM
	again, w := io.Pipe()
	defer w.Close()
	other := *m
	other.Stdout, other.Slow = w, time.Hour
	if got := other.Run(context.Background()); got != 128+int(syscall.SIGTERM) {
		t.Errorf("a second signal: exit %d, want 143", got)
	}
	_ = again.Close()
}

func TestABugIsOneSentence(t *testing.T) {
	var out strings.Builder
	m := &Main{Args: []string{"version"}, Stderr: &out, Stdin: strings.NewReader("")} // no stdout at all
	if got := m.Run(context.Background()); got != report.ExitEnvironment || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "a bug in Drydock") {
		t.Errorf("exit %d: %s", got, out.String())
	}
}

func TestDeadlineWords(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	if got := deadlineWords(events.Change{}, now); got != "none: it fixes nothing known" {
		t.Errorf("a change without deadline: %q", got)
	}
	late := events.Change{ChangeOpened: events.ChangeOpened{Deadline: now.Add(-48 * time.Hour), DeadlineRule: "high: 14d"}}
	if got := deadlineWords(late, now); got != "20 Nov 2026 08:00Z, breached 2 days ago (high: 14d)" {
		t.Errorf("a breached one: %q", got)
	}
}
