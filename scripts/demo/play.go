package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/drydock-dev/drydock/deploy/demo/frozen"
)

// play goes through the acts of the demo.
func (d *demo) play(ctx context.Context) error {
	type act struct {
		title string
		do    func(context.Context) error
	}
	acts := []act{
		{"Advisories", d.advisories},
		{"Scan: what is vulnerable, read-only", d.scan},
		{"Plan: which updates, by when", d.plan},
		{"Files written", d.files},
	}
	if d.applications != "" {
		acts = append(acts,
			act{"Dry dock: each change installed, tested and sealed in isolation, then pushed as a branch", d.dock},
			act{"Proposal: what a reviewer reads", d.proposal},
			act{"Repository: the branch of the emergency", d.pushed})
	}
	acts = append(acts, act{"What happened, in order: the event log", d.events})
	for i, act := range acts {
		d.say("\n── %d  %s", i+2, act.title)
		if err := act.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.title, err)
		}
	}
	return nil
}

func (d *demo) advisories(ctx context.Context) error {
	if d.live {
		return d.show(ctx, []int{0}, "db", "update")
	}
	archive := filepath.Join(d.dir, "advisories", "PyPI", "all.zip")
	if err := frozen.Pack(filepath.Join(d.app, "advisories"), archive); err != nil {
		return err
	}
	d.say("written for this demo from public facts; what was published until %s", frozen.Now)
	return d.show(ctx, []int{0}, "db", "import", archive)
}

// The exit codes of docs/formats.md: the demo's advisories are partial, so that a scan is
// never complete (2); and one finding has no fix (1), which counts before that.
func (d *demo) scan(ctx context.Context) error {
	return d.show(ctx, d.codes(2), "scan", d.source, "--app", "payments")
}

func (d *demo) plan(ctx context.Context) error {
	dir := filepath.Join(d.out, "plan")
	if err := os.RemoveAll(dir); err != nil { // of the last time, when OUT is the same
		return err
	}
	args := []string{"plan", d.source, "--app", "payments", "--out-dir", dir}
	if d.python != "" {
		args = append(args, "--python", d.python)
	}
	return d.show(ctx, d.codes(1), args...)
}

// codes are the exit codes a command may end with: live, today's facts decide.
func (d *demo) codes(frozen int) []int {
	if d.live {
		return []int{0, 1, 2}
	}
	return []int{frozen}
}

func (d *demo) files(context.Context) error {
	before, err := os.ReadFile(filepath.Join(d.source, "requirements.txt"))
	if err != nil {
		return err
	}
	var after []byte
	err = filepath.WalkDir(d.out, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(d.out, path)
		if filepath.Base(path) == "requirements.txt" {
			if after, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		d.say("  %7d bytes  %s", fi.Size(), rel)
		return nil
	})
	if err != nil {
		return err
	}
	if after == nil {
		return errors.New("no updated requirements.txt was written")
	}
	d.say("\nrequirements.txt, what changes:")
	old := strings.Split(string(before), "\n")
	for i, line := range strings.Split(string(after), "\n") {
		if i >= len(old) || line != old[i] {
			if i < len(old) {
				d.say("  - %s", old[i])
			}
			d.say("  + %s", line)
		}
	}
	return nil
}

func (d *demo) events(ctx context.Context) error {
	out, err := d.call(ctx, []int{0}, nil, "events", "list")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.out, "events.ndjson"), out, 0o644); err != nil {
		return err
	}
	documents := map[string]string{} // the last of each kind, by its digest
	for line := range bytes.Lines(out) {
		e, err := readEvent(line)
		if err != nil {
			return err
		}
		d.say("%4d  %-22s %s", e.sequence, e.name, e.about())
		for _, kept := range []struct{ event, key, file string }{
			{"scan.completed", "report", "scan.json"}, {"plan.generated", "document", "plan.json"},
			{"artifact.sealed", "artifact", "artifact.json"}, {"artifact.sealed", "bill", "bill.json"},
			{"change.validated", "validation", "validation.json"}, {"change.validated", "tests", "tests.json"},
		} {
			if c := e.text("change"); e.name == kept.event && (c == "" || c == d.shown.Change) && e.text(kept.key) != "" {
				documents[kept.file] = e.text(kept.key)
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(documents)) {
		if err := d.document(ctx, documents[file], file); err != nil {
			return err
		}
	}
	return nil
}

// document fetches what an event names by its digest.
func (d *demo) document(ctx context.Context, digest, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server+"/v1/evidence/"+digest, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", name, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", name, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for %s (%s): status %d, %w", name, digest, res.StatusCode, err)
	}
	var doc bytes.Buffer
	if err := json.Indent(&doc, data, "", "  "); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(d.out, name), append(doc.Bytes(), '\n'), 0o644)
}

// show runs drydock with its result on the screen.
func (d *demo) show(ctx context.Context, codes []int, args ...string) error {
	d.say("$ drydock %s\n", strings.Join(args, " "))
	_, err := d.call(ctx, codes, d.stdout, args...)
	return err
}

// call runs drydock against the server of the demo. Its exit code must be one of
// codes. With stdout nil the result is returned.
func (d *demo) call(ctx context.Context, codes []int, stdout io.Writer, args ...string) ([]byte, error) {
	var result bytes.Buffer
	if stdout == nil {
		stdout = &result
	}
	cmd := exec.CommandContext(ctx, d.drydock, append(args, "--server", d.server)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = d.environ(), stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = patience
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("run %s: %w", d.drydock, err)
	}
	if code := cmd.ProcessState.ExitCode(); !slices.Contains(codes, code) {
		return nil, fmt.Errorf("drydock %s ended with exit code %d, expected %v", args[0], code, codes)
	}
	return result.Bytes(), nil
}
