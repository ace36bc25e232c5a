package policy

import (
	"fmt"
	"maps"
	"slices"

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
	if len(p.apps) == 0 {
		return nil, nil
	}
	out := map[string]any{}
	for name, app := range p.apps {
		var trees [2]map[string]any
		for i, q := range []*Policy{p.around(name), app} {
			text, err := yaml.Marshal(q)
			if err == nil {
				err = yaml.Unmarshal(text, &trees[i])
			}
			if err != nil {
				return nil, err
			}
		}
		diff := difference(trees[0], trees[1])
		if lists, ok := diff["lists"].(map[string]any); ok {
			lessen(lists, trees[0]["lists"])
		}
		if len(diff) > 0 {
			out[name] = diff
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return yaml.Marshal(map[string]any{"applications": out})
}

// difference is what b holds that a does not: mappings entry by entry, everything else whole.
func difference(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for key, is := range b {
		was, known := a[key]
		before, ok1 := was.(map[string]any)
		after, ok2 := is.(map[string]any)
		switch {
		case !known:
			out[key] = is
		case ok1 && ok2:
			if d := difference(before, after); len(d) > 0 {
				out[key] = d
			}
		case fmt.Sprint(was) != fmt.Sprint(is):
			out[key] = is
		}
	}
	return out
}

// lessen leaves of each list what the list it adds to has not.
func lessen(lists map[string]any, base any) {
	known, _ := base.(map[string]any)
	for name, is := range lists {
		had, _ := known[name].([]any)
		all, _ := is.([]any)
		lists[name] = slices.DeleteFunc(slices.Clone(all), func(n any) bool { return slices.Contains(had, n) })
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
