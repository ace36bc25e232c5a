package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
	"github.com/drydock-dev/drydock/pkg/uv"
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
	// The port of the index is closed: a test reaches no outside host. What the demo installs is what make wheels fetched.
	cmd.Dir, cmd.Env = root(t), append(cleanEnv(t), append(env, "TMPDIR="+tmp, "DRYDOCK_UV="+uvTool(t), "DRYDOCK_INDEX_URL=http://127.0.0.1:9/simple/")...)
	return cmd
}

// uvTool is the uv that plans, as `make test` fetches it.
func uvTool(t testing.TB) string {
	t.Helper()
	l := uv.Locator{Path: os.Getenv("DRYDOCK_UV"), Dir: filepath.Join(root(t), ".cache", "tools")}
	found, err := l.Find(t.Context())
	if errors.Is(err, uv.ErrMissing) {
		t.Skipf("no uv %s: set DRYDOCK_UV, or run make uv", uv.Version)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found.Path
}

// TestDemoWithoutPython: nor does anything start without what planning takes.
func TestDemoWithoutPython(t *testing.T) {
	tmp := t.TempDir()
	cmd := demoCommand(t, tmp, "PATH="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "there is no python3 on PATH") || strings.Contains(string(out), "Advisories") {
		t.Errorf("%v: %s", err, out)
	}
	nothingIn(t, tmp)
}

// TestDemoWithoutUV: it says what it needs and what to do, before anything else starts.
func TestDemoWithoutUV(t *testing.T) {
	tmp := t.TempDir()
	cmd := exec.Command(filepath.Join(programs(t), "demo"), "-drydock", binary(t), "-tools", filepath.Join(t.TempDir(), "none"))
	cmd.Dir, cmd.Env = root(t), append(cleanEnv(t), "TMPDIR="+tmp, "PATH="+onlyPython(t), "DRYDOCK_INDEX_URL=http://127.0.0.1:9/simple/")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "uv "+uv.Version) || !strings.Contains(string(out), "DRYDOCK_UV=FILE") || strings.Contains(string(out), "Advisories") {
		t.Errorf("%v: %s", err, out)
	}
	nothingIn(t, tmp)
}

// TestDemoWithoutGit: it says what the host lacks, scans and plans all the same, and does not fail.
func TestDemoWithoutGit(t *testing.T) {
	tmp := t.TempDir()
	said := playDemo(t, tmp, "PATH="+onlyPython(t))
	for _, want := range []string{"ends with the plan", "install git", "plan.generated", "+ waitress==3.0.1"} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo does not show %q:\n%s", want, said)
		}
	}
	nothingIn(t, tmp)
}

// onlyPython is a PATH with nothing on it but python3.
func onlyPython(t *testing.T) string {
	t.Helper()
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output() // python3 itself may be a shim
	if err != nil {
		t.Skipf("there is no python3: %v", err)
	}
	dir := t.TempDir()
	if err := os.Symlink(strings.TrimSpace(string(python)), filepath.Join(dir, "python3")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDemo plays the demo to its end: the plan, and where the wheels are there (make wheels) the branch of each
// change; it leaves nothing but OUT.
func TestDemo(t *testing.T) {
	tmp, out := t.TempDir(), t.TempDir()
	said := playDemo(t, tmp, "OUT="+out)
	nothingIn(t, tmp)
	for _, want := range []string{"CVE-2024-49768", "emergency", "plan.generated", "requirements_updated", "+ waitress==3.0.1", "+ certifi==2024.7.4", "+ requests==2.32.2"} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo does not show %q:\n%s", want, said)
		}
	}
	checkPlan(t, filepath.Join(out, "plan.json"))
	checkEvents(t, filepath.Join(out, "events.ndjson"), "database.updated.v1", "scan.requested.v1", "finding.opened.v1", "scan.completed.v1", "change.opened.v1", "plan.generated.v1")
	if revision := scannedRevision(t, filepath.Join(out, "scan.json")); len(revision) != 40 {
		t.Errorf("scanned %q, want a commit", revision)
	}
	if strings.Contains(said, "ends with the plan") {
		t.Skip("the wheels are not there (make wheels), or something else that the demo names: it ended with the plan")
	}
	checkDock(t, said, out)
}

// checkDock wants all four changes proposed, and the emergency's shown as it was pushed.
func checkDock(t *testing.T, said, out string) {
	t.Helper()
	checkEvents(t, filepath.Join(out, "events.ndjson"), "change.opened.v1", "artifact.sealed.v1", "change.validated.v1", "effect.intended.v1", "effect.done.v1", "change.proposed.v1")
	for _, want := range []string{
		"proposed: branch emergency/security-fix-20241115-payments", "proposed: branch feature/package-updates-20241115-payments-framework",
		"proposed: branch feature/package-updates-20241115-payments-high", "proposed: branch feature/package-updates-20241115-payments-regular",
		"-waitress==2.1.2\n+waitress==3.0.1", "Drydock-Application: payments", "main is where it was",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo does not show %q:\n%s", want, said)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, "proposal.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"waitress 2.1.2 → 3.0.1", "Tests: 21 passed, 0 failed", "CVE-2024-49768", "git revert", "DO NOT merge without proper testing"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the proposal lacks %q:\n%s", want, text)
		}
	}
	for _, name := range []string{"artifact.json", "bill.json", "tests.json", "validation.json"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestDemoTwice: what is built twice, by two servers with nothing in common but the wheels, is the same to the byte.
func TestDemoTwice(t *testing.T) {
	if os.Getenv("DRYDOCK_E2E") != "1" {
		t.Skip("plays the demo twice: make e2e runs it")
	}
	var artifacts []string
	for range 2 {
		out := t.TempDir()
		if said := playDemo(t, t.TempDir(), "OUT="+out); strings.Contains(said, "ends with the plan") {
			t.Fatalf("the demo ended with the plan:\n%s", said)
		}
		manifest, err := os.ReadFile(filepath.Join(out, "artifact.json"))
		if err != nil {
			t.Fatal(err)
		}
		artifacts = append(artifacts, string(manifest))
	}
	if artifacts[0] != artifacts[1] {
		t.Error("two artifacts of one change")
	}
}

func scannedRevision(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var scan struct{ Revision string }
	if err := json.Unmarshal(data, &scan); err != nil {
		t.Fatal(err)
	}
	return scan.Revision
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

// checkPlan holds the plan to what is known of the demo's packages.
func checkPlan(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Inputs struct{ Now string }
		Phases []struct {
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
	want := map[string]string{}
	for line := range strings.Lines(frozen.Planned) {
		name, to, _ := strings.Cut(strings.TrimSpace(line), "==")
		want[name] = to
	}
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
}

// checkEvents wants the story in its order, each event once, sequences without a gap.
func checkEvents(t *testing.T, file string, story ...string) {
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
	for _, want := range story {
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

// TestDemoUnread: when nobody reads on, as in make demo | head, nothing is left running or lying about.
func TestDemoUnread(t *testing.T) {
	tmp := t.TempDir()
	cmd := demoCommand(t, tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "Advisories") {
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended well")
	}
	nothingIn(t, tmp)
}

// TestPlanIsAFunction: the same application in the same world is one plan.
func TestPlanIsAFunction(t *testing.T) {
	dir := t.TempDir()
	if err := frozen.Pack(filepath.Join(root(t), "deploy/demo/advisories"), filepath.Join(dir, "PyPI", "all.zip")); err != nil {
		t.Fatal(err)
	}
	url, stop, err := frozen.Serve(filepath.Join(root(t), "deploy/demo/index"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var digests []string
	for range 2 {
		cmd := exec.Command(binary(t), "plan", "deploy/demo", "--app", "payments", "--db", dir, "--now", frozen.Now, "--index-url", url, "--python", "3.11", "--format", "json")
		cmd.Dir, cmd.Env = root(t), planEnv(t, url)
		out, _ := cmd.Output() // one finding has no fix: exit 1
		var plan struct{ Plan string }
		if err := json.Unmarshal(out, &plan); err != nil || cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("exit %d, %v: %s", cmd.ProcessState.ExitCode(), err, out)
		}
		digests = append(digests, plan.Plan)
	}
	if digests[0] != digests[1] {
		t.Errorf("two plans: %v", digests)
	}
}
