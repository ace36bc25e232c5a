package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// change is one of `drydock change list --format json`, as far as the demo speaks of it.
type change struct {
	Change, Class, Branch, Stage, Commit, Reason, Do string
}

// dock has each change installed, tested, sealed and pushed. Exit 2: the demo's advisories are partial, so that
// nothing is ever complete.
func (d *demo) dock(ctx context.Context) error {
	if err := d.show(ctx, d.codes(2), "update", "payments", "--security-only"); err != nil {
		return err
	}
	out, err := d.call(ctx, []int{0}, nil, "change", "list", "--all", "--format", "json")
	if err != nil {
		return err
	}
	var doc struct{ Changes []change }
	if err := json.Unmarshal(out, &doc); err != nil {
		return fmt.Errorf("read the changes: %w", err)
	}
	for _, c := range doc.Changes {
		if c.Stage != "proposed" && !d.live {
			return fmt.Errorf("change %s (%s) is %s, not proposed: %s; %s", c.Change, c.Class, c.Stage, c.Reason, c.Do)
		}
		if c.Stage == "proposed" && (d.shown.Change == "" || c.Class == "emergency") {
			d.shown = c
		}
	}
	if d.shown.Change == "" {
		return errors.New("no change is proposed")
	}
	d.say("")
	return d.show(ctx, []int{0}, "change", "why", d.shown.Change)
}

// proposal shows what a reviewer reads.
func (d *demo) proposal(ctx context.Context) error {
	args := []string{"change", "show", d.shown.Change, "--format", "markdown"}
	d.say("$ drydock %s\n", strings.Join(args, " "))
	text, err := d.call(ctx, []int{0}, nil, args...)
	if err != nil {
		return err
	}
	d.say("%s", bytes.TrimRight(text, "\n"))
	return os.WriteFile(filepath.Join(d.out, "proposal.md"), text, 0o644)
}

// pushed shows the branch in the bare repository, and holds it to what was said: one commit upon main, which has not moved.
func (d *demo) pushed(ctx context.Context) error {
	branch := d.shown.Branch
	for _, args := range [][]string{
		{"branch", "--list", "--verbose"},
		{"log", "-1", "--stat", "--format=%h %an, %ad%n%n    %s%n%n%(trailers)", branch}, // the text stands above
		{"diff", "main.." + branch},
	} {
		d.say("$ git -C payments.git %s\n", strings.Join(args, " "))
		out, err := d.git(ctx, append([]string{"-C", d.bare()}, args...)...)
		if err != nil {
			return err
		}
		d.say("%s", out)
	}
	for _, is := range []struct{ ref, want string }{{branch, d.shown.Commit}, {branch + "^", d.first}, {"main", d.first}} {
		out, err := d.git(ctx, "-C", d.bare(), "rev-parse", is.ref)
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(string(out)); got != is.want {
			return fmt.Errorf("%s is at %s, want %s", is.ref, got, is.want)
		}
	}
	d.say("main is where it was. A person merges; Drydock sees it.")
	return nil
}
