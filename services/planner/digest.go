package planner

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/pkg/report"
)

// digested is what a person approves, and nothing else (design §6): not the clock, the index, the policy,
// branch names or wording. Its form is frozen from the first release on: fields may only be added so that a
// plan without them keeps its digest.
type digested struct {
	Application string            `json:"application"`
	Inventories []string          `json:"inventories"`
	Phases      []digestedPhase   `json:"phases"`
	Outcomes    []digestedOutcome `json:"outcomes"`
}

type digestedPhase struct {
	Phase        string           `json:"phase"`
	Class        string           `json:"class"`
	Deadline     string           `json:"deadline,omitempty"` // absent while provisional
	DeadlineRule string           `json:"deadline_rule,omitempty"`
	Updates      []digestedUpdate `json:"updates"`
}

type digestedUpdate struct {
	Package   string   `json:"package"`
	Ecosystem string   `json:"ecosystem"`
	From      string   `json:"from,omitempty"`
	To        string   `json:"to"`
	Source    string   `json:"source"`
	Fixes     []string `json:"fixes"`
}

type digestedOutcome struct {
	Package       string `json:"package"`
	Version       string `json:"version"`
	Source        string `json:"source"`
	Vulnerability string `json:"vulnerability"`
	Outcome       string `json:"outcome"`
	Phase         string `json:"phase,omitempty"`
}

// approved is an outcome as it is approved: a freeze that begins or ends changes nothing of the plan itself, it holds
// it from production.
func approved(outcome string) string {
	if outcome == report.Frozen {
		return report.Planned
	}
	return outcome
}

// digest names a plan: sha256 of the RFC 8785 form of what is approved.
func digest(p *report.Plan, inventories []string) (string, error) {
	d := digested{Application: p.Application, Inventories: inventories, Phases: []digestedPhase{}, Outcomes: []digestedOutcome{}}
	for _, ph := range p.Phases {
		dp := digestedPhase{Phase: ph.Phase, Class: ph.Class, Updates: []digestedUpdate{}}
		if ph.Deadline != nil && !ph.Provisional {
			dp.Deadline, dp.DeadlineRule = ph.Deadline.UTC().Format(time.RFC3339), ph.DeadlineRule
		}
		for _, u := range ph.Updates {
			dp.Updates = append(dp.Updates, digestedUpdate{u.Package, u.Ecosystem, u.From, u.To, u.Source, u.Fixes})
		}
		d.Phases = append(d.Phases, dp)
	}
	for _, o := range p.Outcomes {
		d.Outcomes = append(d.Outcomes, digestedOutcome{o.Package, o.Version, o.Source, o.Vulnerability, approved(o.Outcome), o.Phase})
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("digest the plan of %s: %w", p.Application, err)
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return "", fmt.Errorf("digest the plan of %s: %w", p.Application, err)
	}
	return string(evidence.Of(canonical)), nil
}
