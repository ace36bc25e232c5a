package test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// playDemo runs the demo and returns what it said.
func playDemo(t *testing.T, tmp string, env ...string) string {
	t.Helper()
	cmd := demoCommand(t, tmp, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo: %v\n%s", err, out)
	}
	return string(out)
}

func demoCommand(t *testing.T, tmp string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs(t), "demo"), "-drydock", binary(t))
	cmd.Dir, cmd.Env = root(t), append(cleanEnv(t), append(env, "TMPDIR="+tmp)...)
	return cmd
}

// TestDemo plays the demo twice: it succeeds, says the same plan, and leaves nothing but OUT.
func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	var plans []string
	for range 2 {
		out := t.TempDir()
		said := playDemo(t, tmp, "OUT="+out)
		for _, want := range []string{"CVE-2024-49768", "emergency", "plan.generated", "requirements_updated", "+ waitress==3.0.1", "+ certifi==2024.7.4", "+ requests==2.32.2"} {
			if !strings.Contains(said, want) {
				t.Errorf("the demo does not show %q:\n%s", want, said)
			}
		}
		plans = append(plans, checkPlan(t, filepath.Join(out, "plan.json")))
		checkEvents(t, filepath.Join(out, "events.ndjson"))
		if _, err := os.Stat(filepath.Join(out, "scan.json")); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			return
		}
	}
	if plans[0] != plans[1] {
		t.Errorf("the same application and the same world gave two plans: %v", plans)
	}
	nothingIn(t, tmp)
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("left behind: %s", f.Name())
	}
}

// checkPlan holds the plan to what is known of the demo's packages, and returns its digest.
func checkPlan(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Plan     string
		ExitCode int `json:"exit_code"`
		Inputs   struct{ Now string }
		Phases   []struct {
			Class, Deadline string
			Updates         []struct{ Package, To string }
		} `json:"deployment_phases"`
		Outcomes []struct{ Package, Vulnerability, Outcome string }
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	class := map[string]string{}
	for _, ph := range plan.Phases {
		if ph.Deadline == "" {
			t.Errorf("phase %s has no deadline", ph.Class)
		}
		for _, u := range ph.Updates {
			got[u.Package], class[u.Package] = u.To, ph.Class
		}
	}
	want := map[string]string{"certifi": "2024.7.4", "flask": "2.3.2", "idna": "3.7", "jinja2": "3.1.4", "pyjwt": "2.4.0",
		"requests": "2.32.2", "urllib3": "1.26.19", "waitress": "3.0.1", "werkzeug": "3.0.6"}
	for name, to := range want {
		if got[name] != to {
			t.Errorf("%s is planned to %q, want %s", name, got[name], to)
		}
	}
	if len(got) != len(want) {
		t.Errorf("planned: %v", got)
	}
	if class["waitress"] != "emergency" || class["flask"] != "framework" {
		t.Errorf("classes: %v", class)
	}
	if !strings.HasPrefix(plan.Inputs.Now, "2024-11-15T") {
		t.Errorf("the plan's clock says %s", plan.Inputs.Now)
	}
	for _, o := range plan.Outcomes {
		if fix := o.Outcome == "no-fix-published"; fix != (o.Package == "ecdsa") || !fix && o.Outcome != "planned" {
			t.Errorf("%s %s: %s", o.Package, o.Vulnerability, o.Outcome)
		}
	}
	if len(plan.Outcomes) != 20 {
		t.Errorf("%d outcomes, want one for each of 20 findings", len(plan.Outcomes))
	}
	return plan.Plan
}

// checkEvents wants the story in its order, each event once, sequences without a gap.
func checkEvents(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ids := map[string]bool{}
	for line := range bytes.Lines(data) {
		var e struct {
			Sequence int
			Event    struct{ ID, Type, SpecVersion string }
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Sequence != len(names)+1 || ids[e.Event.ID] || e.Event.SpecVersion != "1.0" {
			t.Errorf("event %d: sequence %d, id %s, seen before: %v", len(names)+1, e.Sequence, e.Event.ID, ids[e.Event.ID])
		}
		ids[e.Event.ID] = true
		names = append(names, strings.TrimPrefix(e.Event.Type, "dev.drydock."))
	}
	at := 0
	for _, want := range []string{"database.updated.v1", "scan.requested.v1", "finding.opened.v1", "scan.completed.v1", "change.opened.v1", "plan.generated.v1"} {
		i := slices.Index(names[at:], want)
		if i < 0 {
			t.Fatalf("no %s after the first %d of %v", want, at, names)
		}
		at += i
	}
}

// TestDemoInterrupted: Ctrl-C while it keeps running ends everything and leaves nothing.
func TestDemoInterrupted(t *testing.T) {
	tmp := t.TempDir()
	cmd := demoCommand(t, tmp, "KEEP=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "Ctrl-C ends it") {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("the demo ended early: %v\n%s%s", cmd.Wait(), said.String(), stderr.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("ended with %v, want exit 130: %s", err, stderr.String())
	}
	nothingIn(t, tmp)
}
