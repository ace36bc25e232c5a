package events

import "time"

// PlanGenerated is the closing event of planning. The document is evidence.
type PlanGenerated struct {
	Plan       string         `json:"plan"`     // sha256:… of what a person approves; see report.Plan
	Document   string         `json:"document"` // sha256:… evidence: report.Plan
	Scan       string         `json:"scan"`     // sha256:… evidence: report.Scan it answers
	Inventory  string         `json:"inventory"`
	Policy     string         `json:"policy"`
	Resolution string         `json:"resolution"` // joint | per-package
	Phases     []PhaseRef     `json:"phases,omitempty"`
	Outcomes   map[string]int `json:"outcomes"`           // outcome → findings
	ExitCode   int            `json:"exit_code"`          // as `drydock plan` would end
	Retry      *time.Time     `json:"retry_at,omitempty"` // something outside did not answer; planned again then
}

// PhaseRef sums up one phase of a plan.
type PhaseRef struct {
	Phase    string     `json:"phase"`
	Class    string     `json:"class"`
	Change   string     `json:"change"` // ChangeID
	Updates  int        `json:"updates"`
	Deadline *time.Time `json:"deadline,omitempty"`
}

// PlanSuperseded ends a plan.
type PlanSuperseded struct {
	Plan   string `json:"plan"`
	By     string `json:"by"` // the newer plan
	Reason string `json:"reason"`
}

// Update moves one package.
type Update struct {
	Package   string `json:"package"`
	Ecosystem string `json:"ecosystem"`
	From      string `json:"from,omitempty"` // absent for a pin that is added
	To        string `json:"to"`
	Source    string `json:"source"`
}

// ChangeOpened starts the way of one phase to production.
type ChangeOpened struct {
	Change       string    `json:"change"` // ChangeID
	Plan         string    `json:"plan"`
	Phase        string    `json:"phase"`
	Class        string    `json:"class"`
	Branch       string    `json:"branch"`
	Updates      []Update  `json:"updates"`  // sorted by package
	Findings     []string  `json:"findings"` // ids of the findings it fixes, sorted
	Opened       time.Time `json:"opened"`   // the earliest first detection among its findings
	Deadline     time.Time `json:"deadline"`
	DeadlineRule string    `json:"deadline_rule"`
}

// ChangeSuperseded ends a change; terminal.
type ChangeSuperseded struct {
	Change string `json:"change"`
	By     string `json:"by,omitempty"` // the change that carries on, absent when nothing is left to do
	Reason string `json:"reason"`
}

// DeadlineApproaching warns at 75 % and 90 % of a change's time.
type DeadlineApproaching struct {
	Change   string    `json:"change"`
	Percent  int       `json:"percent"`
	Deadline time.Time `json:"deadline"`
	Rule     string    `json:"rule"`
}

// DeadlineBreached says that the time is over.
type DeadlineBreached struct {
	Change   string    `json:"change"`
	Deadline time.Time `json:"deadline"`
	Rule     string    `json:"rule"`
}

// ChangeID names a change: one phase of one plan of one application.
func ChangeID(app, plan, phase string) string { return "c-" + ID(app, plan, phase)[:8] }
