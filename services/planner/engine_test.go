package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/drydock-dev/drydock/pkg/coremeta"
	"github.com/drydock-dev/drydock/pkg/pep440"
	"github.com/drydock-dev/drydock/pkg/pep508"
	"github.com/drydock-dev/drydock/pkg/uv"
	"github.com/drydock-dev/drydock/services/planner/resolution"
)

// engine resolves as uv does, by trying: what is asked for as low as its preference allows, all else as high
// as there is. The real uv runs in resolution's tests and in the end-to-end ones.
type engine struct {
	runs int
	err  error
	name string // under which its verdicts are remembered; empty: they are not
}

func (e *engine) Identity() string { return e.name }

func (e *engine) Compile(ctx context.Context, p uv.Problem) (uv.Answer, error) {
	e.runs++
	if e.err != nil {
		return uv.Answer{}, e.err
	}
	var wanted []pep508.Requirement
	low := map[string]bool{}
	for _, text := range slices.Concat(p.Requirements, p.Constraints) {
		r, err := pep508.Parse(text)
		if err != nil {
			return uv.Answer{}, err
		}
		wanted = append(wanted, r)
	}
	asked := wanted[:len(p.Requirements)]
	for _, r := range asked {
		low[r.Name] = true
	}
	s := &attempt{ctx: ctx, p: p, low: low, bounds: wanted}
	pins, err := s.next(map[string]string{}, asked)
	if s.err != nil {
		return uv.Answer{}, fmt.Errorf("%w: %w", uv.ErrOffer, s.err)
	}
	if err != nil {
		return uv.Answer{}, err
	}
	return uv.Answer{Pins: pins, Args: []string{"pip", "compile"}}, nil
}

type attempt struct {
	ctx    context.Context
	p      uv.Problem
	low    map[string]bool
	bounds []pep508.Requirement
	err    error
}

var errConflict = &uv.Conflict{Text: "these requirements can't be met together"}

// next picks for the first open requirement, and goes on.
func (a *attempt) next(pins map[string]string, open []pep508.Requirement) (map[string]string, error) {
	if len(open) == 0 {
		return pins, nil
	}
	r, rest := open[0], open[1:]
	if at, ok := pins[r.Name]; ok {
		if !allows(r.Specifier, version(at)) {
			return nil, errConflict
		}
		return a.next(pins, rest)
	}
	offered, err := a.p.Offer.Versions(a.ctx, r.Name)
	if errors.Is(err, uv.ErrUnknown) {
		return nil, &uv.Conflict{Text: r.Name + " is not offered", Missing: []string{r.Name}}
	}
	if err != nil {
		a.err = err
		return nil, err
	}
	slices.SortFunc(offered, func(x, y uv.Offered) int {
		prefer := a.p.Preferences[r.Name]
		return cmp.Or(boolToInt(y.Version == prefer)-boolToInt(x.Version == prefer), version(x.Version).Compare(version(y.Version))*sign(a.low[r.Name]))
	})
	for _, o := range offered {
		if !allows(r.Specifier, version(o.Version)) || slices.ContainsFunc(a.bounds, func(b pep508.Requirement) bool {
			return b.Name == r.Name && !allows(b.Specifier, version(o.Version))
		}) {
			continue
		}
		text, err := a.p.Offer.Metadata(a.ctx, r.Name, o.Version)
		if err != nil {
			a.err = err
			return nil, err
		}
		m, err := coremeta.Parse(text)
		if err != nil {
			continue // as uv does with a release that can't be read
		}
		needs, _ := m.Needs(a.p.Env, r.Extras)
		with := maps.Clone(pins)
		with[r.Name] = o.Version
		if out, err := a.next(with, slices.Concat(needs, rest)); err == nil || a.err != nil {
			return out, err
		}
	}
	return nil, errConflict
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sign(up bool) int {
	if up {
		return 1
	}
	return -1
}

func version(s string) pep440.Version {
	v, err := pep440.Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) engine() func(context.Context) (resolution.Engine, error) {
	return func(context.Context) (resolution.Engine, error) {
		if w.uv.err != nil {
			return nil, w.uv.err
		}
		return w.uv, nil
	}
}

// offline is the resolver alone: the world around it is switched off.
func (w *world) offline() resolution.Engine { return &engine{} }
