package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// Problem is one thing that is wrong with a policy.
type Problem = strictyaml.Problem

// Errors are all problems of a policy, by line.
type Errors = strictyaml.Errors

// parse lays data over base, which it owns, and checks the result.
func parse(name string, data []byte, base *Policy) (*Policy, error) {
	if err := strictyaml.Decode(name, data, base); err != nil {
		return nil, err
	}
	return base.seal()
}

// seal derives what is derived.
func (p *Policy) seal() (*Policy, error) {
	text, err := yaml.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write policy: %w", err)
	}
	p.text, p.digest = text, evidence.Of(text)
	p.member = map[string]map[string]bool{}
	for list, names := range p.Lists {
		p.member[list] = make(map[string]bool, len(names))
		for _, n := range names {
			p.member[list][normalize(n)] = true
		}
	}
	return p, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
