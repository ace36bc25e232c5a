package events

import "time"

// PlanGenerated is the closing event of planning. The document is evidence.
type PlanGenerated struct {
	Plan       string         `json:"plan"`                 // sha256:… of what a person approves; see report.Plan
	Document   string         `json:"document"`             // sha256:… evidence: report.Plan
	Scan       string         `json:"scan"`                 // sha256:… evidence: report.Scan it answers
	Inventory  string         `json:"inventory"`            // sha256:… of the inventory it answers
	Policy     string         `json:"policy"`               // sha256:… of the policy it was made under
	Resolution string         `json:"resolution"`           // joint | per-package
	Phases     []PhaseRef     `json:"phases,omitempty"`     // in the order in which they go
	Outcomes   map[string]int `json:"outcomes"`             // outcome → findings
	ExitCode   int            `json:"exit_code"`            // as `drydock plan` would end
	Retry      *time.Time     `json:"retry_at,omitempty"`   // something outside did not answer; planned again then
	Revisit    *time.Time     `json:"revisit_at,omitempty"` // time alone changes the answer: a release is old enough, a waiver ends; planned again then
}

// PhaseRef sums up one phase of a plan.
type PhaseRef struct {
	Phase    string     `json:"phase"`              // name of the phase
	Class    string     `json:"class"`              // policy class: emergency, framework, high, domain, regular, feature
	Change   string     `json:"change"`             // ChangeID
	Updates  int        `json:"updates"`            // number of updates
	Deadline *time.Time `json:"deadline,omitempty"` // until when its change must be closed
}

// PlanSuperseded ends a plan.
type PlanSuperseded struct {
	Plan   string `json:"plan"`   // the plan that ends
	By     string `json:"by"`     // the newer plan
	Reason string `json:"reason"` // what differs, in one sentence
}

// Update moves one package.
type Update struct {
	Package   string `json:"package"`        // normalised name
	Ecosystem string `json:"ecosystem"`      // OSV ecosystem, "PyPI"
	From      string `json:"from,omitempty"` // absent for a pin that is added
	To        string `json:"to"`             // version it moves to
	Source    string `json:"source"`         // file that names it, relative to the target, with '/'
}

// ChangeOpened starts the way of one phase to production.
type ChangeOpened struct {
	Change       string    `json:"change"`                 // ChangeID
	Plan         string    `json:"plan"`                   // sha256:… of the plan it is a phase of
	Phase        string    `json:"phase"`                  // name of the phase
	Class        string    `json:"class"`                  // policy class
	Branch       string    `json:"branch"`                 // git branch it is proposed on
	Updates      []Update  `json:"updates"`                // sorted by package
	Findings     []string  `json:"findings"`               // ids of the findings it fixes, sorted
	Opened       time.Time `json:"opened"`                 // the earliest first detection among its findings
	Deadline     time.Time `json:"deadline,omitzero"`      // until when it must be closed; absent: no deadline, it fixes nothing known
	DeadlineRule string    `json:"deadline_rule,omitzero"` // the rule that set the deadline
}

// ChangeSuperseded ends a change; terminal.
type ChangeSuperseded struct {
	Change string `json:"change"`       // ChangeID of the one that ends
	By     string `json:"by,omitempty"` // the change that carries on, absent when nothing is left to do
	Reason string `json:"reason"`       // why, in one sentence
}

// DeadlineApproaching warns at 75 % and 90 % of a change's time.
type DeadlineApproaching struct {
	Change   string    `json:"change"`   // ChangeID
	Percent  int       `json:"percent"`  // share of the time that went by, 75 or 90
	Deadline time.Time `json:"deadline"` // until when it must be closed
	Rule     string    `json:"rule"`     // the rule that set it
}

// DeadlineBreached says that the time is over.
type DeadlineBreached struct {
	Change   string    `json:"change"`   // ChangeID
	Deadline time.Time `json:"deadline"` // when the time was over
	Rule     string    `json:"rule"`     // the rule that set it
}

// ChangeID names a change: one phase of one plan of one application.
func ChangeID(app, plan, phase string) string { return "c-" + ID(app, plan, phase)[:8] }
