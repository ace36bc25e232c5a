package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/drydock-dev/drydock/pkg/evidence"
)

// seal derives what is derived.
func (p *Policy) seal() (*Policy, error) {
	text, err := yaml.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write policy: %w", err)
	}
	apps, err := p.writeApplications()
	if err != nil {
		return nil, fmt.Errorf("write policy: %w", err)
	}
	p.text = append(text, apps...)
	p.digest = evidence.Of(p.text)
	for _, app := range p.apps {
		app.text, app.digest = p.text, p.digest
	}
	return p, nil
}

// index makes the lists quick to ask.
func (p *Policy) index() {
	p.member = map[string]map[string]bool{}
	for list, names := range p.Lists {
		p.member[list] = make(map[string]bool, len(names))
		for _, n := range names {
			p.member[list][normalize(n)] = true
		}
	}
}

// writeApplications writes, for each application, what is another than without its block: what the blocks
// mean, not how they are written.
func (p *Policy) writeApplications() ([]byte, error) {
	out := map[string]any{}
	for name, app := range p.apps {
		base := p.around(name)
		diff, _ := difference(reflect.ValueOf(base.block()), reflect.ValueOf(app.block()))
		said, _ := diff.(map[string]any)
		if lists, ok := said["lists"].(map[string]any); ok {
			for list, names := range lists { // a block adds to lists
				lists[list] = without(names.([]string), base.Lists[list])
			}
		}
		if len(said) > 0 {
			out[name] = said
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return yaml.Marshal(map[string]any{"applications": out})
}

func (p *Policy) block() block {
	return block{WarnAt: p.WarnAt, Isolation: p.Isolation, SourceBuilds: p.SourceBuilds, Classes: p.Classes, Rules: p.Rules, Lists: p.Lists, Windows: p.Windows}
}

// difference is what `is` says and `was` does not: mappings entry by entry, everything else whole.
func difference(was, is reflect.Value) (any, bool) {
	if reflect.DeepEqual(was.Interface(), is.Interface()) {
		return nil, false
	}
	out := map[string]any{}
	switch is.Kind() {
	case reflect.Struct:
		for i := range is.NumField() {
			key, _, _ := strings.Cut(is.Type().Field(i).Tag.Get("yaml"), ",")
			if d, ok := difference(was.Field(i), is.Field(i)); ok {
				out[key] = d
			}
		}
	case reflect.Map:
		for _, key := range is.MapKeys() {
			if old := was.MapIndex(key); !old.IsValid() {
				out[key.String()] = is.MapIndex(key).Interface()
			} else if d, ok := difference(old, is.MapIndex(key)); ok {
				out[key.String()] = d
			}
		}
	default:
		return is.Interface(), true
	}
	return out, len(out) > 0
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
