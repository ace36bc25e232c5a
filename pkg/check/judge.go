package check

// Verdict is what a check says of a change.
type Verdict struct {
	Status string   `json:"status"`           // passed, warned, failed or unknown
	New    []string `json:"new,omitempty"`    // tests that fail, and did not before
	Before []string `json:"before,omitempty"` // tests that fail, and did before
	Fixed  []string `json:"fixed,omitempty"`  // tests that failed before and pass now
	Detail string   `json:"detail,omitempty"`
}

// The statuses of a verdict.
const (
	VerdictPassed  = "passed"
	VerdictWarned  = "warned"
	VerdictFailed  = "failed"
	VerdictUnknown = "unknown"
)

// Judge compares the check of a changed application with that of the unchanged one; nil: there is none.
func Judge(before *Result, after Result) Verdict {
	return Verdict{Status: VerdictUnknown}
}
