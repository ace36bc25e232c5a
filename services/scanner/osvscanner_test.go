package scanner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drydock-dev/drydock/pkg/advisory"
	"github.com/drydock-dev/drydock/pkg/events"
)

// fakeOSV is a program that answers what a test says, and keeps the question.
func fakeOSV(t *testing.T, answer string) (program, asked string) {
	t.Helper()
	dir := t.TempDir()
	program, asked = filepath.Join(dir, osvProgram), filepath.Join(dir, "asked")
	script := fmt.Sprintf("#!/bin/sh\n/bin/cat > '%s'\n/usr/bin/env > '%s.env'\n%s\n", asked, asked, answer)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, asked
}

const answerTwo = `echo '{"version":"2.5.1","results":[{"name":"flask","version":"2.2.2","ecosystem":"PyPI","ids":["GHSA-m2qf-hxjv-5gpq","PYSEC-2030-1"]},{"name":"jinja2","version":"3.0","ecosystem":"PyPI","ids":[]}]}'`

func osvService(t *testing.T, answer string) (*Service, string) {
	t.Helper()
	program, asked := fakeOSV(t, answer)
	b := newBook()
	return newService(t, Config{OSVScanner: program, DBDir: "/db"}, Deps{Matcher: func() advisory.Matcher { return b }}), asked
}

func TestEngineOSVScanner(t *testing.T) {
	s, asked := osvService(t, answerTwo)
	t.Setenv("DRYDOCK_TOKEN", "s3cret")
	dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\njinja2==3.0\nx\n", "dev-requirements.txt": "flask==2.2.2"})
	r, _, err := s.Once(t.Context(), events.ScanRequested{Application: "a", Target: dir, Engine: "osv-scanner"}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Package+" "+f.Vulnerability+" "+f.Severity+" "+f.Source)
	}
	if want := "flask CVE-2023-30861 high dev-requirements.txt, flask CVE-2023-30861 high requirements.txt, flask PYSEC-2030-1 unknown dev-requirements.txt, flask PYSEC-2030-1 unknown requirements.txt"; strings.Join(got, ", ") != want || r.Engine != "osv-scanner" {
		t.Errorf("%s; engine %q", strings.Join(got, ", "), r.Engine)
	}
	question, _ := os.ReadFile(asked)
	if want := `{"db":"/db","packages":[{"name":"flask","version":"2.2.2","ecosystem":"PyPI"},{"name":"jinja2","version":"3.0","ecosystem":"PyPI"}]}`; string(question) != want {
		t.Errorf("asked %s", question)
	}
	if env, _ := os.ReadFile(asked + ".env"); strings.Contains(string(env), "s3cret") || !strings.Contains(string(env), "TMPDIR=") {
		t.Errorf("its environment: %s", env)
	}
}

func TestCrossCheckReportsEveryDifference(t *testing.T) {
	s, _ := osvService(t, answerTwo)
	dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\njinja2==3.0\n"})
	r, _, err := s.Once(t.Context(), events.ScanRequested{Application: "a", Target: dir, CrossCheck: true}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range r.Differences {
		got = append(got, fmt.Sprintf("%s %s %v only in %s", d.Package, d.Version, d.IDs, d.OnlyIn))
		if d.Why == "" || d.Source != "requirements.txt" {
			t.Errorf("not explained: %+v", d)
		}
	}
	if want := "flask 2.2.2 [PYSEC-2030-1] only in osv-scanner, jinja2 3.0 [CVE-2024-22195] only in native, jinja2 3.0 [MAL-1] only in native"; strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if len(r.Findings) != 3 || r.Engine != "" {
		t.Errorf("the native answer stands: %+v", r)
	}
}

func TestSecondOpinionThatFails(t *testing.T) {
	dir := write(t, map[string]string{"requirements.txt": "flask==2.2.2\njinja2==3.0\n"})
	for answer, want := range map[string]string{
		`echo '{"error":"no database for \u001b[2J"}'; exit 4`: "no database for",
		`echo boom >&2; exit 2`:                                `it crashed: "boom"`,
		`kill -9 $$`:                                           "it crashed: signal: killed",
		`echo '{"version":"x","results":[]}'`:                  "",
	} {
		s, _ := osvService(t, answer)
		r, _, err := s.Once(t.Context(), events.ScanRequested{Application: "a", Target: dir, Engine: "osv-scanner"}, epoch)
		if want == "" { // no answer for a package is not a clean answer
			if err != nil || r.Complete || len(r.Incomplete) != 2 {
				t.Errorf("%s: %v %+v", answer, err, r.Incomplete)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !printable(err.Error()) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	s, asked := osvService(t, answerTwo)
	s.cfg.DBDir = "relative/db"
	if _, _, err := s.Once(t.Context(), events.ScanRequested{Target: dir, CrossCheck: true}, epoch); err != nil {
		t.Error(err)
	}
	wd, _ := os.Getwd()
	if question, _ := os.ReadFile(asked); !strings.Contains(string(question), filepath.Join(wd, "relative", "db")) {
		t.Errorf("asked %s", question)
	}
	s.cfg.DBDir = ""
	if _, _, err := s.Once(t.Context(), events.ScanRequested{Target: dir, CrossCheck: true}, epoch); err == nil || !strings.Contains(err.Error(), "name a folder with --db") {
		t.Errorf("no folder of databases: %v", err)
	}
}

func TestLocatingTheSecondOpinion(t *testing.T) {
	c := &osvChild{path: filepath.Join(t.TempDir(), "gone")}
	if _, err := c.locate(t.Context()); err == nil || !strings.Contains(err.Error(), "scanner.osv_scanner") {
		t.Errorf("configured and missing: %v", err)
	}
	program, _ := fakeOSV(t, "")
	t.Setenv("PATH", filepath.Dir(program))
	if got, err := (&osvChild{}).locate(t.Context()); err != nil || got != program {
		t.Errorf("on PATH: %s %v", got, err)
	}
	tree := write(t, map[string]string{"cmd/" + osvProgram + "/go.mod": "module x\n", "bin/x": ""})
	if got := sourceTree(filepath.Join(tree, "bin")); got != filepath.Join(tree, "cmd", osvProgram) {
		t.Errorf("source tree %q", got)
	}
	if got := sourceTree(filepath.Join(tree, "bin", "deeper")); got != "" {
		t.Errorf("source tree %q of a folder that is not its own", got)
	}
	t.Chdir(tree) // a scanned application that brings a program of this name
	t.Setenv("PATH", "")
	if got, err := (&osvChild{cache: t.TempDir()}).locate(t.Context()); err == nil || !strings.Contains(err.Error(), "its source is not here") {
		t.Errorf("built from the present folder: %s %v", got, err)
	}
	if err := build(t.Context(), "", "x"); err == nil || !strings.Contains(err.Error(), "go install") {
		t.Errorf("no source: %v", err)
	}
	if err := build(t.Context(), tree, "x"); err == nil || !strings.Contains(err.Error(), "needs Go") {
		t.Errorf("no toolchain: %v", err)
	}
}

func TestBuildingTheSecondOpinion(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	tree := write(t, map[string]string{"go.mod": "module x\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() { println(1) }\n"})
	to := filepath.Join(t.TempDir(), "new", "program")
	if err := build(t.Context(), tree, to); err != nil || !isProgram(to) {
		t.Fatal(err)
	}
	if newer(tree, to) {
		t.Error("built just now and out of date")
	}
	rewrite(t, filepath.Join(tree, "main.go"), "package main\n\nnonsense\n")
	if err := build(t.Context(), tree, to); err == nil || !strings.Contains(err.Error(), "nonsense") && !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("a program that does not compile: %v", err)
	}
	if left, _ := filepath.Glob(to + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
