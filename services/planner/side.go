package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/inventory"
	"github.com/drydock-dev/drydock/pkg/report"
)

// Known gathers what a store holds of a plan's inputs, for a comparison. What it does not hold is left out.
func Known(ctx context.Context, store evidence.Store, p *report.Plan) (Side, error) {
	s := Side{Plan: p}
	inv := &inventory.Inventory{}
	if err := readEvidence(ctx, store, p.Inputs.Inventory, inv); err == nil {
		s.Inventory = inv
	}
	if p.Inputs.Record != "" {
		r := planRecord{}
		if err := readEvidence(ctx, store, p.Inputs.Record, &r); err == nil {
			s.Pages, s.Hits, s.Urgency = map[string]string{}, map[string]hits{}, urgencies(r.Findings)
			for _, w := range r.Worlds {
				maps.Copy(s.Pages, w.Pages)
				s.hear(ctx, store, w.Tape)
			}
		}
	}
	if ctx.Err() != nil {
		return s, fmt.Errorf("read the inputs of the plan: %w", context.Cause(ctx))
	}
	return s, nil
}

// urgencies are what was known of findings, by package.
func urgencies(all []finding) map[string]urgency {
	out := map[string]urgency{}
	for _, f := range all {
		kev, epss := "", ""
		if f.KEV != nil {
			kev = fmt.Sprint(*f.KEV)
		}
		if f.EPSS != nil {
			epss = fmt.Sprint(*f.EPSS)
		}
		if out[f.Package] == nil {
			out[f.Package] = urgency{}
		}
		out[f.Package][f.Vulnerability] = strings.Join([]string{f.Kind, f.Severity, kev, epss}, " ")
	}
	return out
}

// hear takes in what the database said while an environment was planned. What is lost or spoilt says nothing.
func (s *Side) hear(ctx context.Context, store evidence.Store, digest string) {
	if digest == "" {
		return
	}
	data, err := store.Get(ctx, evidence.Digest(digest))
	if err != nil {
		s.Hits = nil
		return
	}
	t, err := unpackTape(data)
	if err != nil || s.Hits == nil {
		s.Hits = nil
		return
	}
	for key, found := range t.Hits {
		name, version, ok := strings.Cut(strings.TrimPrefix(key, pypi+"/"), "@")
		if !ok {
			continue
		}
		var ids []string
		for _, h := range found {
			ids = append(ids, h.ID)
		}
		slices.Sort(ids)
		if s.Hits[name] == nil {
			s.Hits[name] = hits{}
		}
		s.Hits[name][version] = strings.Join(ids, " ")
	}
}
