package dock

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/policy"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/validator"
)

// fromSource is a world with a pin that has no wheel, built by setup.py; the change does not touch it. allowed: the
// policy has it built.
func fromSource(t *testing.T, allowed bool, setup string) *world {
	t.Helper()
	all := files()
	all["requirements.txt"] = "lib==1.0\nother==1.0\nraw==1.0\n"
	w := newWorld(t, all)
	w.index.Backend()
	w.index.Source("raw", "1.0", map[string]string{"raw.py": "made = 'as it was'\n", "setup.py": setup})
	if allowed {
		w.cfg.BuildWith = []string{"yardbuild==1.0"}
		w.policy("source_builds: allow\n")
	}
	return w
}

// policy has the validator work by another policy.
func (w *world) policy(text string) {
	w.t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	w.adjust = func(d *validator.Deps) { d.Policy = func() *policy.Policy { return p } }
}

// Nothing of a package runs while it is installed unless the policy says so.
func TestSourceIsRefused(t *testing.T) {
	w := fromSource(t, false, "")
	w.check(w.reported(), want{stage: "parked", kind: events.ParkedSetup, step: report.StepFetch,
		reason: []string{"requirements.txt:3: raw 1.0 has no wheel for Python", "only a source distribution"}, do: "source_builds: allow"})
	w.settled()
}

// Where it does, and nothing is there to build with, that is said; so is what can't be had.
func TestSourceWithoutBackend(t *testing.T) {
	for _, c := range []struct {
		name   string
		with   []string
		reason string
		do     string
	}{
		{"none", nil, "source_builds is allowed, but validator.build_with names no build backend to build raw-1.0.tar.gz with", "setuptools==75.3.0"},
		{"unknown", []string{"yardbuild==1.0", "nobody==1.0"}, "validator.build_with[1]: the index does not know nobody", "correct validator.build_with"},
		{"no wheel", []string{"raw==1.0"}, "validator.build_with[0]: raw 1.0 has no wheel", "correct validator.build_with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := fromSource(t, true, "")
			w.cfg.BuildWith = c.with
			w.check(w.reported(), want{stage: "parked", kind: events.ParkedSetup, step: report.StepFetch, reason: []string{c.reason}, do: c.do})
			w.settled()
		})
	}
}

// A repository can refuse what the policy allows.
func TestSourceIsRefusedByTheRepository(t *testing.T) {
	w := fromSource(t, true, "")
	w.repo.Push("main", "no builds", map[string]string{".drydock.yaml": "policy: {source_builds: refuse}\n"})
	w.check(w.reported(), want{stage: "parked", kind: events.ParkedSetup, step: report.StepFetch, reason: []string{"raw 1.0 has no wheel"}, do: "source_builds: allow"})
	w.settled()
}

// Allowed: it is built in the dock, proposed, and said; two builds at two places seal the same artifact.
func TestSourceIsBuilt(t *testing.T) {
	artifacts := map[string]bool{}
	for range 2 {
		w := fromSource(t, true, "open('made.py', 'w').write('made = True\\n')\n")
		c := w.proposed()
		artifacts[c.Validated.Artifact] = true
		v := w.validation(c.Validated.Validation)
		notes := strings.Join(v.Notes, "\n")
		if !strings.Contains(notes, "raw was built from source, by its own code in the dock (raw-1.0.tar.gz, sha256:") || !strings.Contains(notes, "what it made is part of the artifact") {
			t.Errorf("the notes: %s", notes)
		}
		if len(v.Sources) != 1 || v.Sources[0].File != "raw-1.0.tar.gz" || len(v.Sources[0].With) != 1 || !strings.HasPrefix(v.Sources[0].With[0], "yardbuild-1.0-py3-none-any.whl sha256:") {
			t.Errorf("the sources: %+v", v.Sources)
		}
		if st := v.Step(report.StepFetch); !strings.Contains(st.Detail, "to be built from source: raw-1.0.tar.gz, with yardbuild-1.0-py3-none-any.whl") {
			t.Errorf("%+v", st)
		}
		if text := string(w.evidence(c.Proposed.Text)); !strings.Contains(text, "built from source, by its own code") {
			t.Errorf("the proposal does not say it:\n%s", text)
		}
		sealed := w.sealed(c.Validated.Artifact)
		if !strings.Contains(sealed, "/site-packages/made.py") || strings.Contains(sealed, "yardbuild") {
			t.Errorf("the artifact holds %s", sealed)
		}
		w.settled()
		w.stop()
	}
	if len(artifacts) != 1 {
		t.Errorf("two builds made %v", artifacts)
	}
}

// sealed is the manifest of an artifact.
func (w *world) sealed(digest string) string {
	w.t.Helper()
	data := w.evidence(digest)
	if !json.Valid(data) {
		w.t.Fatalf("the manifest of %s is no JSON", digest)
	}
	return string(data)
}

// What can't be built without the change either is not its fault: it parks and names the package. So it is with what
// only the tests need.
func TestSourceIsBroken(t *testing.T) {
	for _, c := range []struct {
		name, step string
		files      map[string]string
	}{
		{"ships", report.StepInstall, nil},
		{"tests", report.StepTests, map[string]string{"requirements.txt": "lib==1.0\nother==1.0\n", "requirements-dev.txt": "pytest==8.0.0\nraw==1.0\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := fromSource(t, true, "raise SystemExit('no compiler here')\n")
			w.repo.Push("main", "pins", c.files)
			w.check(w.reported(), want{stage: "parked", kind: events.ParkedSetup, step: c.step,
				reason: []string{"the unchanged application can't be installed either", "raw: its source distribution can't be built here", "no compiler here"}, do: "mend that first"})
			w.settled()
		})
	}
}

// A new release that can't be built is the change's fault, and found among others.
func TestUpdateToBrokenSource(t *testing.T) {
	w := newWorld(t, several(""))
	w.offer("a", "c", "d")
	w.index.Backend()
	w.index.Source("b", "1.0", map[string]string{"b.py": ""}) // the planner moves what has no wheel to what has none
	w.index.Source("b", "1.1", map[string]string{"b.py": "", "setup.py": "import nowhere_backend\n"})
	w.advise("a", "1.1", "", "b", "1.1", "")
	w.cfg.BuildWith = []string{"yardbuild==1.0"}
	w.policy("source_builds: allow\n")
	c := w.reported()
	w.check(c, want{stage: "rejected", kind: events.RejectedInstall, reason: []string{"b 1.1", "No module named 'nowhere_backend'", "validator.build_with"}})
	if failing(c) != "b" {
		t.Errorf("blamed: %s", failing(c))
	}
	next := w.stage(events.StageProposed)
	w.standsOn(next.Branch, w.repo.Git("rev-parse", "main"), "a==1.1\nb==1.0\nc==1.0\nd==1.0")
	w.settled()
}

// Where the unchanged application has a fault of its own, the change is not blamed on the innocent updates in it.
func TestUpdateToBrokenSourceBesideAnother(t *testing.T) {
	all := several("")
	all["requirements.txt"] += "raw==1.0\n"
	w := newWorld(t, all)
	w.offer("a", "c", "d")
	w.index.Backend()
	w.index.Source("b", "1.0", map[string]string{"b.py": ""})
	w.index.Source("b", "1.1", map[string]string{"b.py": "", "setup.py": "raise SystemExit('b is broken')\n"})
	w.index.Source("raw", "1.0", map[string]string{"raw.py": "", "setup.py": "raise SystemExit('raw is broken')\n"})
	w.advise("a", "1.1", "", "b", "1.1", "", "c", "1.1", "")
	w.cfg.BuildWith = []string{"yardbuild==1.0"}
	w.policy("source_builds: allow\n")
	w.begin()
	c := w.change(0, "change.rejected")
	w.check(c, want{stage: "rejected", kind: events.RejectedInstall, reason: []string{"b 1.1", "b is broken"}})
	if failing(c) != "b" {
		t.Errorf("blamed: %s", failing(c))
	}
	next := w.stage("parked")
	w.check(next, want{stage: "parked", kind: events.ParkedSetup, step: report.StepInstall, reason: []string{"the unchanged application can't be installed either", "raw is broken"}})
	w.settled()
}

// What a setup.py tries to reach is not there: neither the network nor the host's files nor its environment.
func TestHostileSource(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	called := make(chan struct{}, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			called <- struct{}{}
			_ = c.Close()
		}
	}()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("swordfish"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DRYDOCK_INDEX_PASSWORD", "swordfish")
	w := fromSource(t, true, `import os, socket
def tries(what):
    try:
        return repr(what())
    except Exception as e:
        return type(e).__name__
with open('got.py', 'w') as f:
    f.write('# secret: %s\n' % tries(lambda: open("`+secret+`").read()))
    f.write('# network: %s\n' % tries(lambda: socket.create_connection(("127.0.0.1", `+port(l)+`), 2).fileno() > 0))
    f.write('# written: %s\n' % tries(lambda: open("`+secret+`.new", "w").write("x")))
    f.write('# environment: %r\n' % [v for v in os.environ.values() if 'sword' in v])
`)
	c := w.proposed()
	found, err := filepath.Glob(filepath.Join(w.cfg.Dir, "artifacts", "*", "files", "venv", "lib", "*", "site-packages", "got.py"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	got, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%s", c.Validated.Isolation, got)
	for _, bad := range []string{"swordfish", "network: True", "written: 1"} {
		if strings.Contains(string(got), bad) {
			t.Errorf("it got %q:\n%s", bad, got)
		}
	}
	if _, err := os.Stat(secret + ".new"); err == nil || len(called) > 0 {
		t.Errorf("it left the dock: %d calls", len(called))
	}
	w.settled()
}

func port(l net.Listener) string {
	_, p, _ := net.SplitHostPort(l.Addr().String()) // a listener's own address
	return p
}
