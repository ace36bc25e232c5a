package workertest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/events"
)

// CheckUnique reports an event id that stands in the log twice, or an application that can't be folded.
func CheckUnique(ctx context.Context, b bus.Bus) error {
	seen := map[string]uint64{}
	_, err := b.Replay(ctx, bus.Query{}, func(r bus.Record) error {
		if r.Err != nil {
			return nil // garbage has no id
		}
		if first, ok := seen[r.Event.ID()]; ok {
			return fmt.Errorf("event %s %s stands in the log twice, at %d and %d", r.Event.Type(), r.Event.ID(), first, r.Sequence)
		}
		seen[r.Event.ID()] = r.Sequence
		return nil
	})
	return err
}

// Dump describes the state of all applications, the timers that are set and the dead letters that wait, as
// text that does not depend on when things happened or in what order applications took turns: sequences are
// left out and times are replaced by "time".
func Dump(ctx context.Context, b bus.Bus) (string, error) {
	states, org, err := Fold(ctx, b)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	services := map[events.Service]bool{}
	for _, row := range events.Catalog {
		services[row.Producer] = true
	}
	for _, app := range slices.Sorted(maps.Keys(states)) {
		if err := write(&out, "application "+app, states[app]); err != nil {
			return "", err
		}
	}
	if err := write(&out, "organisation", org); err != nil {
		return "", err
	}
	for _, service := range slices.Sorted(maps.Keys(services)) {
		timers, err := b.Scheduled(ctx, string(service))
		if err != nil {
			return "", err
		}
		for _, t := range timers {
			fmt.Fprintf(&out, "timer %s %s %s\n", t.Service, t.App, t.Key)
		}
	}
	letters, err := b.Letters(ctx, false)
	if err != nil {
		return "", err
	}
	for _, l := range letters {
		fmt.Fprintf(&out, "dead letter %s %s: %s\n", l.Consumer, l.Subject, l.Reason)
	}
	return out.String(), nil
}

// Fold folds the whole log.
func Fold(ctx context.Context, b bus.Bus) (map[string]*events.State, *events.OrgState, error) {
	states, org := map[string]*events.State{}, &events.OrgState{}
	_, err := b.Replay(ctx, bus.Query{}, func(r bus.Record) error {
		if r.Err != nil {
			return nil
		}
		app := events.App(r.Event)
		if app == events.Org {
			return org.Apply(r.Record)
		}
		if states[app] == nil {
			states[app] = events.NewState(app)
		}
		return states[app].Apply(r.Record)
	})
	return states, org, err
}

func write(out *strings.Builder, title string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return err
	}
	data, err = json.MarshalIndent(timeless(tree), "", " ")
	fmt.Fprintf(out, "%s %s\n", title, data)
	return err
}

// timeless drops sequences and replaces times.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "Sequence")
		for k := range v {
			v[k] = timeless(v[k])
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil {
			return "time"
		}
	}
	return v
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := at(w, i), at(g, i)
		if a != b {
			return fmt.Sprintf("line %d\n undisturbed: %s\n interrupted: %s\n after: %s", i+1, a, b, strings.Join(w[max(0, i-4):min(i, len(w))], " "))
		}
	}
	return "none"
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
