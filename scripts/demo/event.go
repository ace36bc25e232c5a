package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// event is a line of `drydock events list`, as far as the demo shows it.
type event struct {
	sequence int
	name     string // "scan.completed"
	data     map[string]any
}

func readEvent(line []byte) (event, error) {
	var e struct {
		Sequence int
		Event    struct {
			Type string
			Data map[string]any
		}
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return event{}, fmt.Errorf("read an event: %w", err)
	}
	name := strings.TrimPrefix(e.Event.Type, "dev.drydock.")
	if i := strings.LastIndex(name, ".v"); i > 0 {
		name = name[:i]
	}
	return event{e.Sequence, name, e.Event.Data}, nil
}

// about says in a few words what the event tells.
func (e event) about() string {
	switch e.name {
	case "database.updated":
		return fmt.Sprintf("%v advisories of %v", e.first("databases", "records"), e.first("databases", "name"))
	case "scan.requested":
		return e.text("given")
	case "scan.completed":
		summary, _ := e.data["summary"].(map[string]any)
		return fmt.Sprintf("%v packages, %v findings, complete: %v", e.data["packages"], summary["findings"], e.data["complete"])
	case "change.opened":
		return fmt.Sprintf("%s %s: %s, due %s", e.text("change"), e.text("class"), updates(len(e.list("updates"))), day(e.text("deadline")))
	case "plan.generated":
		return fmt.Sprintf("%.19s, %d phases, %s", e.text("plan"), len(e.list("phases")), e.text("resolution"))
	case "artifact.sealed":
		return fmt.Sprintf("%s %.19s, %v files, Python %s, %s", e.text("change"), e.text("artifact"), e.data["files"], e.text("interpreter"), e.text("isolation"))
	case "change.validated":
		return fmt.Sprintf("%s %.19s", e.text("change"), e.text("artifact"))
	case "change.proposed":
		return fmt.Sprintf("%s %s at %.12s", e.text("change"), e.text("branch"), e.text("commit"))
	case "effect.intended", "effect.done", "effect.refused":
		return fmt.Sprintf("%s %s %s", e.text("change"), e.text("kind"), cmp.Or(e.text("result"), e.text("reason"), e.text("branch")))
	case "policy.changed":
		return fmt.Sprintf("%.19s", e.text("policy"))
	}
	var parts []string
	for _, key := range []string{"application", "package", "version", "vulnerability", "severity", "change", "reason"} {
		if s := e.text(key); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

func (e event) text(key string) string {
	s, _ := e.data[key].(string)
	return s
}

func (e event) list(key string) []any {
	l, _ := e.data[key].([]any)
	return l
}

func (e event) first(list, key string) any {
	for _, x := range e.list(list) {
		if m, ok := x.(map[string]any); ok {
			return m[key]
		}
	}
	return ""
}

func day(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.Format("2 Jan 2006 15:04Z")
}

func updates(n int) string {
	if n == 1 {
		return "1 update"
	}
	return fmt.Sprintf("%d updates", n)
}
