package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// lineOfLog is a line of what makelog reads: an event, or a document.
type lineOfLog struct {
	App    string          `json:"app"`
	Type   string          `json:"type"` // "change.opened"
	Change string          `json:"change"`
	Time   time.Time       `json:"time"`
	Data   json.RawMessage `json:"data"` // payload; "change" is filled in where the payload has one
	Keep   string          `json:"keep"` // stores data as evidence, whose digest is ${KEEP} from then on, in the script too
}

// makeLog writes a log of events by hand: makelog DIR FILE, a line of JSON for each event or document. A string as
// a document is stored as text.
func makeLog(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	b, err := bus.Embedded(ctx, bus.EmbeddedConfig{Dir: ts.MkAbs(args[0])})
	ts.Check(err)
	defer func() { _ = b.Close() }()
	kept := map[string]string{}
	for i, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n") {
		line = os.Expand(line, func(name string) string { return kept[name] })
		var l lineOfLog
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			ts.Fatalf("%s:%d: %v", args[1], i+1, err)
		}
		if l.Keep != "" {
			data := []byte(l.Data)
			var text string
			if json.Unmarshal(l.Data, &text) == nil {
				data = []byte(text)
			}
			digest, err := b.Evidence().Put(ctx, data)
			ts.Check(err)
			kept[l.Keep] = string(digest)
			ts.Setenv(l.Keep, string(digest))
			continue
		}
		ts.Check(appendLine(ctx, b, l, i))
	}
}

func appendLine(ctx context.Context, b bus.Bus, l lineOfLog, n int) error {
	row, ok := events.LookupName(l.Type)
	if !ok {
		return fmt.Errorf("line %d: no event type %q", n+1, l.Type)
	}
	payload := reflect.New(reflect.TypeOf(row.Payload))
	if err := json.Unmarshal(l.Data, payload.Interface()); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if f := payload.Elem().FieldByName("Change"); f.IsValid() && f.Kind() == reflect.String && f.String() == "" {
		f.SetString(l.Change)
	}
	e, err := events.New(events.Meta{App: l.App, Cause: "by-hand", Key: fmt.Sprint(n), Change: l.Change, Actor: "tester", Time: l.Time}, payload.Elem().Interface())
	if err != nil {
		return err
	}
	last, err := b.LastSequence(ctx, l.App)
	if err != nil {
		return err
	}
	_, err = b.Append(ctx, l.App, []events.Event{e}, last)
	return err
}
