package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

const reference = "../../docs/cli.md"

// TestReference holds docs/cli.md to the commands themselves.
func TestReference(t *testing.T) {
	got := (&cli{Main: &Main{Stdout: io.Discard, Stderr: io.Discard}}).document()
	want, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the commands say; run `make generate`", reference)
	}
}

// TestPromises holds what the contract of the command line names: every command and option of this issue is
// there, and what comes later is not.
func TestPromises(t *testing.T) {
	c := &cli{Main: &Main{Stdout: io.Discard, Stderr: io.Discard}}
	root := c.root()
	for command, options := range map[string]string{
		"scan":   "app db max-db-age environment engine cross-check packages outdated index-url fail-on",
		"check":  "app db max-db-age environment engine cross-check packages outdated index-url fail-on",
		"plan":   "app db max-db-age environment engine cross-check packages outdated index-url policy security-only exclude-newer now python out-dir",
		"up":     "listen nats role",
		"events": "",
		"status": "incomplete",
		"watch":  "app change until",
		"why":    "",
		"update": "security-only full no-wait timeout",
		"change": "", "evidence": "",
		"deadletter": "", "db": "", "policy": "", "app": "", "version": "", "completion": "",
	} {
		cmd := child(root, command)
		if cmd == nil {
			t.Errorf("%s is missing", command)
			continue
		}
		for _, o := range strings.Fields(options) {
			if f := cmd.Flags().Lookup(o); f == nil || f.Hidden || f.Usage == "" {
				t.Errorf("%s --%s is missing", command, o)
			}
		}
	}
	for _, o := range strings.Fields("data server config format output quiet debug no-color plain") {
		if root.PersistentFlags().Lookup(o) == nil {
			t.Errorf("--%s is missing", o)
		}
	}
	if child(root, "plan").Flags().Lookup("fail-on") != nil {
		t.Error("plan has an option that is not its own")
	}
	for _, sub := range []string{"events list", "events tail", "events types", "db import", "db update", "db info", "policy show", "policy validate",
		"policy explain", "policy test", "app add", "app list", "app show", "app validate", "app schema", "change list", "change show", "change watch", "change why", "evidence get", "deadletter list", "deadletter show", "deadletter requeue", "deadletter drop"} {
		words := strings.Fields(sub)
		if child(child(root, words[0]), words[1]) == nil {
			t.Errorf("%s is missing", sub)
		}
	}
	for _, sub := range []string{"list", "tail"} {
		for _, o := range strings.Fields("type app change since") {
			if child(child(root, "events"), sub).Flags().Lookup(o) == nil {
				t.Errorf("events %s --%s is missing", sub, o)
			}
		}
	}
}
