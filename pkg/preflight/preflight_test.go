package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drydock-dev/drydock/pkg/application"
	"github.com/drydock-dev/drydock/pkg/policy"
)

// script writes a program and gives its path.
func script(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "check.sh")
	if err := os.WriteFile(file, []byte(strings.Join(append([]string{"#!/bin/sh"}, lines...), "\n")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// unreached is a limit that is not met on any machine.
const unreached = time.Hour

func health(words ...string) application.BeforeUpdate {
	return application.BeforeUpdate{Health: &application.HealthCheck{Command: words, Timeout: policy.Duration(unreached)}}
}

func look(t *testing.T, b application.BeforeUpdate) Result {
	t.Helper()
	r, err := Health(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEnds: each way a command can end is a status of its own, with what is wrong in one line.
func TestEnds(t *testing.T) {
	noExec := filepath.Join(t.TempDir(), "plain.txt")
	binary := filepath.Join(t.TempDir(), "garbage")
	for file, mode := range map[string]os.FileMode{noExec: 0o600, binary: 0o700} {
		if err := os.WriteFile(file, []byte("\x00\x01\x02 not a program"), mode); err != nil {
			t.Fatal(err)
		}
	}
	lost := filepath.Join(t.TempDir(), "lost.sh")
	if err := os.WriteFile(lost, []byte("#!/nowhere/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		words  []string
		dir    string
		status Status
		exit   int
		detail string
	}{
		{"passes", []string{script(t, "echo all is well")}, "", Passed, 0, ""},
		{"by its name on PATH", []string{"sh", "-c", "exit 0"}, "", Passed, 0, ""},
		{"relative to its folder", []string{"bin/sh", "-c", "pwd"}, "/", Passed, 0, ""},
		{"fails", []string{script(t, "echo disk 97 % full", "exit 3")}, "", Failed, 3, "ended with 3; last it said: disk 97 % full"},
		{"fails without a word", []string{"sh", "-c", "exit 1"}, "", Failed, 1, "ended with 1; last it said: nothing"},
		{"ends itself", []string{"sh", "-c", "echo out of memory; kill -9 $$"}, "", Killed, -1, "ended by signal 9 (killed); last it said: out of memory"},
		{"not on PATH", []string{"no-such-monitor"}, "", NotFound, -1, "there is no program no-such-monitor on Drydock's PATH; install it, or name it by its absolute path in before_update.health.command; looked in"},
		{"not there", []string{"/opt/nowhere/monitor"}, "", NotFound, -1, "there is no program /opt/nowhere/monitor; correct before_update.health.command"},
		{"a folder", []string{"/"}, "", NotFound, -1, "/ is there and can't be run"},
		{"beneath a file", []string{noExec + "/x"}, "", NotFound, -1, "can't be reached: not a directory"},
		{"no execute bit", []string{noExec}, "", NotFound, -1, "is there and can't be run: is it a program, with its execute bit set?"},
		{"no program", []string{binary}, "", NotFound, -1, "can't be started: it is no program of this system"},
		{"no interpreter", []string{lost}, "", NotFound, -1, "lost.sh can't be started: what it names as its interpreter"},
		{"no folder", []string{"sh"}, "/opt/nowhere", NotFound, -1, "there is no folder /opt/nowhere; correct before_update.health.dir"},
		{"empty", nil, "", NotFound, -1, "the command is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := health(tc.words...)
			b.Health.Dir = tc.dir
			r := look(t, b)
			if r.Status != tc.status || r.ExitCode != tc.exit || !strings.Contains(r.Detail, tc.detail) || (tc.detail == "") != (r.Detail == "") || (r.Signal > 0) != (tc.status == Killed) {
				t.Errorf("%+v, want %s %d %q", r, tc.status, tc.exit, tc.detail)
			}
			if r.Name != "health" || r.Command != application.Command(tc.words).String() || r.Started.IsZero() || r.Started.Location() != time.UTC {
				t.Errorf("%+v", r)
			}
			if strings.Contains(r.Detail, "\n") {
				t.Errorf("%q is not one line", r.Detail)
			}
		})
	}
}

func TestNothingIsConfigured(t *testing.T) {
	for _, run := range []func(context.Context, application.BeforeUpdate) (Result, error){Health, Backup} {
		r, err := run(t.Context(), application.BeforeUpdate{})
		if err != nil || r.Status != None || r.ExitCode != -1 || !strings.Contains(r.Detail, "before_update."+r.Name) {
			t.Errorf("%+v %v", r, err)
		}
	}
}

func TestBackupIsItsOwnCommand(t *testing.T) {
	b := application.BeforeUpdate{Health: &application.HealthCheck{Command: application.Command{"/nowhere"}},
		Backup: &application.BackupCheck{Command: application.Command{script(t, "echo restored 3 tables; exit 4")}, Timeout: policy.Duration(unreached)}}
	r, err := Backup(t.Context(), b)
	if err != nil || r.Name != "backup" || r.Status != Failed || r.ExitCode != 4 || string(r.Log) != "restored 3 tables\n" || r.Seconds <= 0 {
		t.Errorf("%+v %v", r, err)
	}
	data, err := json.Marshal(r)
	var again Result
	if err != nil || json.Unmarshal(data, &again) != nil {
		t.Fatal(err)
	}
	if again.Log = r.Log; !again.Started.Equal(r.Started) || again.Status != r.Status || again.ExitCode != 4 || strings.Contains(string(data), "tables\\n") {
		t.Errorf("%s", data)
	}
}

// TestWhereItRuns: an empty folder that goes away, or the one that is named; no secrets, no input.
func TestWhereItRuns(t *testing.T) {
	t.Setenv("DRYDOCK_TOKEN", "s3cret-one")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret-two")
	t.Setenv("ORDINARY", "s3cret-three")
	t.Setenv("TZ", "Europe/Zurich")
	room, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", room)
	r := look(t, health("sh", "-c", "pwd; ls -A | wc -l; env | sort; cat; mkdir -p sub/deep; echo x >\"$TMPDIR/sub/deep/left\"; chmod 500 sub/deep sub"))
	log := string(r.Log)
	lines := strings.Split(log, "\n")
	if r.Status != Passed || filepath.Dir(lines[0]) != room || strings.TrimSpace(lines[1]) != "0" || strings.Contains(log, "s3cret") || strings.Contains(log, "AWS") || strings.Contains(log, "ORDINARY") {
		t.Errorf("%+v\n%s", r, log)
	}
	for _, want := range []string{"\nTZ=Europe/Zurich\n", "\nPATH=" + os.Getenv("PATH") + "\n", "\nTMPDIR=" + lines[0] + "\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in %s", want, log)
		}
	}
	if left, _ := os.ReadDir(room); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	own := t.TempDir()
	b := health("sh", "-c", "pwd; echo \"$TMPDIR\"")
	b.Health.Dir = own
	if got := strings.Split(strings.TrimSpace(string(look(t, b).Log)), "\n"); len(got) != 2 || !sameFile(got[0], own) || filepath.Dir(got[1]) != room {
		t.Errorf("%q", got)
	}
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func TestEnvironmentIsAList(t *testing.T) {
	given := map[string]string{"PATH": "", "HOME": "/h", "LD_PRELOAD": "/x", "PYTHONPATH": "/y", "DRYDOCK_PREFLIGHT": "other", "LANG": "de_CH.UTF-8"}
	got := strings.Join(environment(func(name string) (string, bool) { v, ok := given[name]; return v, ok }, "/room", "m"), " ")
	if got != "DRYDOCK_PREFLIGHT=m TMPDIR=/room PATH="+defaultPath+" HOME=/h LANG=de_CH.UTF-8" {
		t.Error(got)
	}
}

// A program that only the folder has is not found by its name, whatever PATH says.
func TestFolderBringsNoProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "monitor"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", ".:"+os.Getenv("PATH"))
	t.Chdir(dir)
	b := health("monitor")
	b.Health.Dir = dir
	if r := look(t, b); r.Status != NotFound {
		t.Errorf("%+v", r)
	}
}

func TestOfContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Health(ctx, health("sh")); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "run the health command: ") {
		t.Error(err)
	}
	t.Setenv("TMPDIR", "/nowhere/at/all")
	if _, err := Health(t.Context(), health("sh")); err == nil || !strings.HasPrefix(err.Error(), "make an empty folder for the health command: ") {
		t.Error(err)
	}
}
