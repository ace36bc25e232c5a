package report

// SchemaPlanDiff is the `schema` of a PlanDiff.
const SchemaPlanDiff = "drydock.plan-diff/v1"

// PlanDiff is what `drydock plan diff` prints: what differs between two plans, and why.
type PlanDiff struct {
	Schema      string        `json:"schema"`
	Tool        Tool          `json:"tool"`
	ExitCode    int           `json:"exit_code"`
	Application string        `json:"application"`
	A           string        `json:"a"` // sha256:… of the first plan
	B           string        `json:"b"`
	Inputs      []InputChange `json:"inputs"`  // that differ, in the order in which they act
	Changes     []PlanChange  `json:"changes"` // by what, package, source, vulnerability
}

// InputChange is an input of two plans that differs.
type InputChange struct {
	Input  string `json:"input"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// PlanChange is one thing that differs.
type PlanChange struct {
	What          string `json:"what"` // update | outcome | deadline
	Phase         string `json:"phase,omitempty"`
	Package       string `json:"package,omitempty"`
	Version       string `json:"version,omitempty"` // of an outcome: the one that the finding is in
	Source        string `json:"source,omitempty"`
	Vulnerability string `json:"vulnerability,omitempty"`
	Before        string `json:"before,omitempty"` // absent: it was not there
	After         string `json:"after,omitempty"`  // absent: it is not there any more
	Cause         string `json:"cause"`            // the input that made the difference
}
